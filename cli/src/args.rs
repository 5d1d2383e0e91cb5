//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod keep;
mod prune;

pub(crate) use keep::{GroupBy, KeepArgs};
pub(crate) use prune::{Forget, Prune};

/// Very frequent snapshots of directories, kept for a very long time, provably intact.
#[derive(Debug, Parser)]
#[command(name = "restante", version, max_term_width = 100)]
#[command(after_help = "Examples:
  restante -a /srv/archive snapshot --init ~/mail  make an archive, keep ~/mail
  restante -a /srv/archive snapshots               list what there is
  restante -a /srv/archive restore latest --to /tmp/out
  restante snapshot                                take what restante.toml names

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished but incomplete, 4 damage found, 130 interrupted.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The archive: a folder, or to read from it a file that `export` wrote
    #[arg(short, long, global = true, value_name = "PATH", env = "RESTANTE_ARCHIVE")]
    pub(crate) archive: Option<String>,
    /// The configuration file [default: RESTANTE_CONFIG, ./restante.toml, then the user's, then the system's]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but results, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// How many threads to use [default: one for each core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How much memory to aim at, such as 128M or 1G
    #[arg(long, global = true, value_name = "SIZE", default_value = "256M", value_parser = parse_size)]
    pub(crate) memory: u64,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an archive
    #[command(after_help = "Example:\n  restante -a /srv/restante/exch1 init")]
    Init(Init),
    /// Take a snapshot of paths, or of the configured connectors
    #[command(
        alias = "backup",
        after_help = "Examples:
  restante -a /srv/archive snapshot --init /etc
  restante snapshot --connector conn-tables
  restante snapshot                         every configured connector
  pg_dump db | restante snapshot --stdin db.sql"
    )]
    Snapshot(Snapshot),
    /// Take snapshots of the connectors on their schedules, until it is stopped
    #[command(after_help = "Examples:
  restante watch                            every configured connector that has an `every`
  restante watch --connector conn-tables
  restante --json watch --runs 60 >> runs.jsonl

Each connector has its first snapshot at once and then one every `every`. A run that takes longer than that makes the
next one wait for its time; how many were skipped is said. A source that is away makes its runs fail until it is back.

SIGTERM or Ctrl-C stops it: the run under way is given up, nothing is broken, and the exit code is 0. After --runs
it is 1 where a run failed, and 3 where one was passed over or is incomplete.")]
    Watch(Watch),
    /// List snapshots
    #[command(after_help = "Examples:
  restante snapshots --last 10
  restante snapshots --connector conn-tables --since \"1 day ago\"
  restante snapshots --by-connector         when each was last taken; exit code 3 if one is late
  restante snapshots --gaps --since \"7 days ago\"
  restante snapshots --gaps --every 1m --connector conn-tables

With --gaps the exit code is 3 if there is a gap.")]
    Snapshots(Snapshots),
    /// Show every version of a path: when it was first and last seen, and when it was gone
    #[command(after_help = "Examples:
  restante history /etc/hosts
  restante history lotus-notes@:conndata/Tables/notescor.tbl
  restante history conndata/Tables/notescor.tbl --connector lotus-notes --since \"30 days ago\"

In a connector's snapshots the path may begin below the connector, in any case of letters.")]
    History(History),
    /// Find where a name or a path occurs in all snapshots
    #[command(after_help = "Examples:
  restante find notescor.tbl
  restante find -i '*.pst' --connector ms-mail
  restante find '/lotus-notes/**/Tables/*.tbl' --since 2026-11-01
  restante find hosts --snapshot latest

Without a / the pattern is compared with names; with one, with whole paths, and where it does not begin with / it
may begin below any directory.")]
    Find(Find),
    /// List the paths in a snapshot
    #[command(after_help = "Examples:
  restante ls latest
  restante ls -l lotus-notes@08:42:lotus-notes/conndata --depth 1")]
    Ls(Ls),
    /// Print a file of a snapshot to standard output
    #[command(alias = "dump", after_help = "Example:\n  restante cat latest:etc/hosts")]
    Cat(Cat),
    /// Show what differs between two snapshots
    #[command(after_help = "Examples:
  restante diff latest~1 latest
  restante diff lotus-notes@\"1 day ago\" lotus-notes@latest --content-only
  restante diff latest~10:etc latest:etc --summary

The first column says how a path differs: + added, - removed, M content changed, T type changed,
U only owner, mode, time or attributes changed.")]
    Diff(Diff),
    /// Restore a snapshot, or a path in it
    #[command(after_help = "Examples:
  restante restore latest --to /tmp/out
  restante restore 77a1b9c4:mail/inbox --to /tmp/out --dry-run
  restante restore latest --to / --overwrite changed
  restante restore --connector lotus-notes --dry-run   the plan, step by step
  restante restore lotus-notes@08:42 --connector lotus-notes")]
    Restore(Restore),
    /// Rehearse the restore of connectors: into a scratch folder, compared with the snapshot, with a report
    #[command(after_help = "Examples:
  restante rehearse                       every configured connector
  restante rehearse lotus-notes --at 08:42 --scratch /var/tmp

Exit code 4 says that a rehearsal failed.")]
    Rehearse(Rehearse),
    /// Recover a whole server: one checklist of all that the tool and people do, in order
    #[command(after_help = "Examples:
  restante recover --dry-run --markdown > runbook.md   the plan, to be printed in advance
  restante recover                                     begin, or go on
  restante recover --done 1-3 --done 5                 a person did these steps
  restante recover --status

Without a terminal it does all up to the first step for a person, prints the checklist, and ends with 3.")]
    Recover(Recover),
    /// Check that everything is intact
    #[command(
        alias = "check",
        after_help = "Example:\n  restante verify --quick\n\nExit code 4 says that damage was found."
    )]
    Verify(Verify),
    /// Forget snapshots: those that are named, or those that a policy does not keep
    #[command(after_help = "Examples:
  restante forget --keep-within 2d --keep-daily 30 --keep-monthly 24 --dry-run
  restante forget --connector conn-tables --keep-last 100 --keep-changes --prune
  restante forget                           by the `keep` of each connector's profile
  restante forget 77a1b9c4 lotus-notes@08:42

A policy looks at each series by itself: one machine, connector and set of paths. A snapshot that at least one rule keeps is
kept. What only forgotten snapshots needed takes up room until `restante prune`, or --prune, frees it.")]
    Forget(Box<Forget>),
    /// Free the room of what no snapshot needs any more
    #[command(after_help = "Examples:
  restante prune --dry-run                  how much would come free
  restante prune
  restante prune --grace 0 --max-unused 0   wait until nobody else writes, and leave nothing

Where nobody else writes, it deletes at once. Beside a snapshot that is being taken it condemns what is of no use: a prune
after the grace period deletes it, if nothing has begun to need it meanwhile. It can be interrupted at any time.")]
    Prune(Prune),
    /// Merge all small segments of the archive into few large ones
    #[command(
        after_help = "Example:\n  restante compact\n\nSnapshots merge what they leave behind by themselves; this merges the rest, too."
    )]
    Compact,
    /// Copy snapshots of another archive into this one
    #[command(after_help = "Examples:
  restante -a /mnt/usb/archive copy --from /srv/archive            all that is not there yet
  restante -a /mnt/usb/archive copy --from /srv/archive latest lotus-notes@08:42
  restante -a /mnt/usb/archive copy --from /srv/archive --connector lotus-notes --since \"1 day ago\"

Snapshots keep their ids and times. What the archive has already is neither read nor stored again, so that this can be
repeated at any time, also after it was interrupted. The archive must be there: make one with init.")]
    Copy(Copy),
    /// Write snapshots into one file that is an archive by itself
    #[command(after_help = "Examples:
  restante export latest --to monday.rst
  restante export --connector lotus-notes --since 2026-11-01 --to november.rst
  restante -a november.rst snapshots                               every reading command takes the file
  restante -a november.rst verify

The file holds what the snapshots need and nothing of others, but for earlier versions that changes are stored against.")]
    Export(Export),
    /// Take the snapshots of a file that `export` wrote into this archive
    #[command(after_help = "Examples:
  restante -a /srv/archive import november.rst
  restante -a /srv/archive import november.rst --last 1

The same as copy --from FILE.")]
    Import(Import),
    /// Show how large the archive is
    #[command(after_help = "Examples:
  restante -a /srv/archive stats
  restante stats --growth --by week --connector ms-mail")]
    Stats(Stats),
    /// List the connector profiles, or show one
    #[command(after_help = "Examples:
  restante connectors
  restante connectors show lotus-notes
  restante connectors statements")]
    Connectors(Connectors),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  restante completions bash > /etc/bash_completion.d/restante")]
    Completions(Completions),
    /// Write the manual pages into a folder
    #[command(after_help = "Example:\n  restante man --to /usr/local/share/man/man1")]
    Man(Man),
}

/// Options of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// How hard to compress: a zstd level from -7 to 22
    #[arg(long, value_name = "LEVEL", default_value_t = crate::command::init::ZSTD_LEVEL, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i32).range(-7..=22))]
    pub(crate) zstd_level: i32,
}

/// Options of `snapshot`.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// Files and directories; each is kept under its last component
    #[arg(value_name = "PATH", conflicts_with = "connectors")]
    pub(crate) paths: Vec<PathBuf>,
    /// Take a connector; may be repeated
    #[arg(long = "connector", value_name = "NAME")]
    pub(crate) connectors: Vec<String>,
    /// Make the archive if there is none
    #[arg(long)]
    pub(crate) init: bool,
    /// Label the snapshot; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// The name of the machine [default: server.name of the configuration, else the system's]
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// The time that the snapshot bears [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// Take one file of this name from standard input
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "connectors"])]
    pub(crate) stdin: Option<String>,
    /// Leave out what matches: a name at any depth, or with a / a path below each PATH; may be repeated
    #[arg(short, long = "exclude", value_name = "GLOB")]
    pub(crate) excludes: Vec<String>,
    /// The same, whatever the case of letters
    #[arg(long = "iexclude", value_name = "GLOB")]
    pub(crate) iexcludes: Vec<String>,
    /// Leave out what the lines of a file match; empty lines and those that begin with # do not count
    #[arg(long = "exclude-file", value_name = "FILE")]
    pub(crate) exclude_files: Vec<PathBuf>,
    /// Leave out the contents of directories that a CACHEDIR.TAG marks as caches
    #[arg(long)]
    pub(crate) exclude_caches: bool,
    /// Stay on the file system of each PATH
    #[arg(short = 'x', long)]
    pub(crate) one_file_system: bool,
}

/// Options of `watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Only a connector, or those of a group; may be repeated
    #[arg(long = "connector", value_name = "NAME")]
    pub(crate) connectors: Vec<String>,
    /// Stop after so many runs of each connector
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) runs: Option<u64>,
}

/// Options of `snapshots`.
#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    /// Only those of a connector
    #[arg(long, value_name = "NAME")]
    pub(crate) connector: Option<String>,
    /// Only those of a machine
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Only those with a label
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<String>,
    /// Only those taken at or after a time
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only those taken at or before a time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only the last rows
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// A row for each snapshot, those without any change too
    #[arg(long)]
    pub(crate) all: bool,
    /// A row for each connector of this server: its newest snapshot, and whether one is late
    #[arg(long, group = "schedule", conflicts_with_all = ["tag", "since", "until", "last", "all"])]
    pub(crate) by_connector: bool,
    /// A row for each time in which a connector of this server was not looked at as often as it should have been
    #[arg(long, group = "schedule", conflicts_with_all = ["tag", "last", "all"])]
    pub(crate) gaps: bool,
    /// How often everything should have been looked at, such as 1m [default: `every` of each connector]
    #[arg(long, value_name = "TIME", requires = "gaps", value_parser = parse_duration)]
    pub(crate) every: Option<Duration>,
    /// How long after its time a snapshot is late, such as 30s or 2m [default: half of `every`, at least 5s]
    #[arg(long, value_name = "TIME", requires = "schedule", value_parser = parse_duration)]
    pub(crate) tolerance: Option<Duration>,
}

/// Options that choose snapshots.
#[derive(Debug, Args)]
pub(crate) struct Range {
    /// Only those of a connector
    #[arg(long, value_name = "NAME")]
    pub(crate) connector: Option<String>,
    /// Only those of a machine
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Only those taken at or after a time
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only those taken at or before a time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

/// Options of `history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The path inside the snapshots
    #[arg(value_name = "[CONNECTOR@:]PATH")]
    pub(crate) path: OsString,
    #[command(flatten)]
    pub(crate) range: Range,
    /// Show a version too where only owner, mode, time or attributes changed
    #[arg(long)]
    pub(crate) metadata: bool,
}

/// Options of `find`.
#[derive(Debug, Args)]
pub(crate) struct Find {
    /// A name, or a path where it has a /, with *, ?, ** and [a-z]
    #[arg(value_name = "GLOB")]
    pub(crate) glob: String,
    #[command(flatten)]
    pub(crate) range: Range,
    /// Only in one snapshot
    #[arg(long, value_name = "SNAPSHOT[:PATH]", conflicts_with_all = ["connector", "host", "since", "until"])]
    pub(crate) snapshot: Option<OsString>,
    /// Whatever the case of letters
    #[arg(short, long)]
    pub(crate) ignore_case: bool,
}

/// Options of `stats`.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// What was added in each day, by connector
    #[arg(long)]
    pub(crate) growth: bool,
    /// The length of a row's time
    #[arg(long, value_name = "PERIOD", requires = "growth", default_value = "day")]
    pub(crate) by: Period,
    #[command(flatten)]
    pub(crate) range: Range,
}

/// The length of time that a row of `stats --growth` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Period {
    /// From midnight to midnight
    Day,
    /// From Monday
    Week,
    /// From the first
    Month,
}

/// Options of `ls`.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// The snapshot, and a path in it
    #[arg(value_name = "SNAPSHOT[:PATH]")]
    pub(crate) snapshot: OsString,
    /// Show mode, owner, size and time
    #[arg(short, long)]
    pub(crate) long: bool,
    /// How many levels to descend [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<usize>,
}

/// Options of `cat`.
#[derive(Debug, Args)]
pub(crate) struct Cat {
    /// The snapshot and the file in it
    #[arg(value_name = "SNAPSHOT:PATH")]
    pub(crate) snapshot: OsString,
}

/// Options of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The earlier snapshot, or a path in it
    #[arg(value_name = "A")]
    pub(crate) before: OsString,
    /// The later one
    #[arg(value_name = "B")]
    pub(crate) after: OsString,
    /// Leave out where only owner, mode, time or attributes changed
    #[arg(long)]
    pub(crate) content_only: bool,
    /// Print the totals only
    #[arg(long)]
    pub(crate) summary: bool,
}

/// What to do with files that are in the way.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Overwrite {
    /// Leave them
    Never,
    /// Replace those whose type, size or time differ
    Changed,
    /// Replace them
    Always,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The snapshot, and a path in it; with --connector the newest one if none is named
    #[arg(value_name = "SNAPSHOT[:PATH]", required_unless_present = "connector")]
    pub(crate) snapshot: Option<OsString>,
    /// The folder below which everything is laid; made if it is missing
    #[arg(
        long,
        alias = "target",
        value_name = "DIR",
        required_unless_present = "connector"
    )]
    pub(crate) to: Option<PathBuf>,
    /// What happens to files that are in the way; without it the folder must be empty
    #[arg(long, value_name = "WHICH")]
    pub(crate) overwrite: Option<Overwrite>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Restore files too that changed while they were read
    #[arg(long)]
    pub(crate) allow_torn: bool,
    #[command(flatten)]
    pub(crate) procedure: Procedure,
}

/// Options of `restore --connector`.
#[derive(Debug, Args)]
#[command(next_help_heading = "By a connector's procedure")]
pub(crate) struct Procedure {
    /// Restore a connector with all the steps of its profile; without --to each root goes to its own place
    #[arg(long, value_name = "NAME", conflicts_with = "overwrite")]
    pub(crate) connector: Option<String>,
    /// Go on with a restore that was interrupted, or that waits for a person
    #[arg(long, requires = "connector", conflicts_with_all = ["snapshot", "to", "dry_run"])]
    pub(crate) resume: bool,
    /// A step for a person is done; may be repeated. Goes on with the restore
    #[arg(long, value_name = "STEP", requires = "connector", conflicts_with_all = ["to", "dry_run"])]
    pub(crate) done: Vec<usize>,
    /// Pass over a step of the profile that fails; may be repeated. Goes on with the restore
    #[arg(long, value_name = "STEP", requires = "connector", conflicts_with_all = ["to", "dry_run"])]
    pub(crate) skip: Vec<usize>,
    /// Take everything back: what was there before the restore is there again
    #[arg(long, requires = "connector", conflicts_with_all = ["snapshot", "to", "dry_run", "resume"])]
    pub(crate) revert: bool,
    /// Keep the restore for good: what it replaced is removed
    #[arg(long, requires = "connector",
          conflicts_with_all = ["snapshot", "to", "dry_run", "resume", "done", "skip", "revert"])]
    pub(crate) confirm: bool,
}

/// Options of `rehearse`.
#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    /// The connectors, or groups of them [default: every configured one]
    #[arg(value_name = "CONNECTOR")]
    pub(crate) connectors: Vec<String>,
    /// The snapshot of the connector, or a time [default: latest]
    #[arg(long, value_name = "SNAPSHOT")]
    pub(crate) at: Option<String>,
    /// The folder to restore into; it needs room for the connector [default: a folder of the state]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Leave the restored files there
    #[arg(long)]
    pub(crate) keep: bool,
    /// The folder for the reports [default: a folder of the state]
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Rehearse a snapshot too whose files changed while they were read
    #[arg(long)]
    pub(crate) allow_torn: bool,
}

/// Options of `recover`.
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Only print what a recovery would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only print how far the recovery is; ends with 0 where it is complete, with 3 where it is not
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) status: bool,
    /// Print the checklist as Markdown
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// A person did these steps: 7 or 7-9; may be repeated
    #[arg(long, value_name = "STEP", value_parser = parse_steps, conflicts_with_all = ["dry_run", "status"])]
    pub(crate) done: Vec<(usize, usize)>,
    /// These steps are not needed here: 7 or 7-9; may be repeated
    #[arg(long, value_name = "STEP", value_parser = parse_steps, conflicts_with_all = ["dry_run", "status"])]
    pub(crate) not_needed: Vec<(usize, usize)>,
    /// Who says so [default: the user]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Recover from the newest snapshots at or before a time
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Recover from snapshots too that hold files that changed while they were read
    #[arg(long)]
    pub(crate) allow_torn: bool,
    /// Put the checklist of a recovery that is not complete to those of earlier ones; nothing is taken back
    #[arg(long, conflicts_with_all = ["dry_run", "status", "done", "not_needed", "at", "allow_torn", "again"])]
    pub(crate) abandon: bool,
    /// Begin another recovery where one is complete
    #[arg(long, conflicts_with_all = ["dry_run", "status", "done", "not_needed"])]
    pub(crate) again: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Follow every snapshot and see that everything is there, but do not read the contents of files
    #[arg(long)]
    pub(crate) quick: bool,
}

/// Which snapshots are copied.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Snapshots: latest, an id, a time, each with CONNECTOR@ before it where that is needed
    #[arg(value_name = "SNAPSHOT", conflicts_with_all = ["connector", "since", "until", "last"])]
    pub(crate) snapshots: Vec<OsString>,
    /// Only those of a connector
    #[arg(long, value_name = "NAME")]
    pub(crate) connector: Option<String>,
    /// Only those taken at or after a time
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only those taken at or before a time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Of those only the newest, those without any change counted too
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) last: Option<usize>,
}

impl Chosen {
    /// Whether nothing is said, which means all of them.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            snapshots,
            connector,
            since,
            until,
            last,
        } = self;
        snapshots.is_empty() && connector.is_none() && since.is_none() && until.is_none() && last.is_none()
    }
}

/// Options of `copy`.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The archive to copy from: a folder, or a file that `export` wrote
    #[arg(long, alias = "from-repo", value_name = "ARCHIVE")]
    pub(crate) from: PathBuf,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file to write
    #[arg(long, value_name = "FILE.rst")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// All snapshots
    #[arg(long, conflicts_with_all = ["snapshots", "connector", "since", "until", "last"])]
    pub(crate) all: bool,
    /// Replace a file that is there already
    #[arg(long)]
    pub(crate) force: bool,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file
    #[arg(value_name = "FILE.rst")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Options of `connectors`.
#[derive(Debug, Args)]
pub(crate) struct Connectors {
    #[command(subcommand)]
    pub(crate) command: Option<ConnectorsCommand>,
}

/// The commands below `connectors`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorsCommand {
    /// Show a profile: its roots, its steps, and the statements that it implements
    #[command(after_help = "Example:\n  restante connectors show lotus-notes")]
    Show {
        /// The connector
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Check that the roots are there, can be read, and look like what they should be
    #[command(after_help = "Example:
  restante connectors check ms-mail

Exit code 1 says that a connector cannot be taken, 3 that something looks odd.")]
    Check {
        /// The connectors, or groups of them [default: every configured one]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Say where the built-in profiles answer to each statement of the article, as a Markdown table
    #[command(after_help = "Examples:
  restante connectors statements > STATEMENTS.md
  restante --json connectors statements")]
    Statements,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder, made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

/// Reads a number that is not 0.
fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it is a number from 1 on".into()),
        Ok(number) => Ok(number),
    }
}

/// Reads a time such as 30s, 2m or 1h30m.
fn parse_duration(text: &str) -> Result<Duration, String> {
    crate::profile::duration(text).map_err(|why| format!("it {why}: write it as 30s, 2m or 1h30m"))
}

/// Reads the number of a step, or the first and the last of several.
fn parse_steps(text: &str) -> Result<(usize, usize), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| *number > 0);
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err("a step is a number, such as 7; several are 7-9".into()),
    }
}

/// Reads a size: bytes, or a number followed by K, M, G or T (of 1,024), with or without B or iB.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err("a size is a number followed by K, M, G or T".into()),
    };
    let number: u64 = digits
        .trim()
        .parse()
        .map_err(|_| "a size is a number followed by K, M, G or T".to_owned())?;
    number
        .checked_shl(shift)
        .filter(|size| size >> shift == number)
        .ok_or_else(|| "the size is too large".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("65536"), Ok(65536));
        assert_eq!(parse_size("128M"), Ok(128 << 20));
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert!(
            parse_size("lots").is_err() && parse_size("99999999999T").is_err() && parse_size("").is_err()
        );
    }
}
