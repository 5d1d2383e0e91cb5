//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod keep;
mod look;
mod prune;
mod read;
mod restore;
mod take;
mod transfer;

pub(crate) use keep::{GroupBy, KeepArgs};
pub(crate) use look::{Cat, Diff, Find, GrowthBy, History, Ls, Range, Snapshots, Stats, Verify};
pub(crate) use prune::{Forget, Prune};
use read::parse_size;
pub(crate) use restore::{Overwrite, Recover, Rehearse, Restore};
pub(crate) use take::{Init, Snapshot, Watch};
pub(crate) use transfer::{Chosen, Copy, Export, Import};

/// Very frequent snapshots of directories, kept for a very long time, provably intact.
#[derive(Debug, Parser)]
#[command(name = "restante", version, max_term_width = 100)]
#[command(after_help = "Examples:
  restante -a /srv/archive snapshot --init ~/mail  make an archive, keep ~/mail
  restante -a /srv/archive snapshots               list what there is
  restante -a /srv/archive restore latest --to /tmp/out
  restante snapshot                                take what restante.toml names

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished but incomplete, 4 damage found,
130 interrupted.")]
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

Each connector has its first snapshot at once and then one every `every`. A run that takes longer
than that makes the next one wait for its time; how many were skipped is said. A source that is
away makes its runs fail until it is back.

SIGTERM or Ctrl-C stops it: the run under way is given up, nothing is broken, and the exit code is
0. After --runs it is 1 where a run failed, and 3 where one was passed over or is incomplete.")]
    Watch(Watch),
    /// List snapshots
    #[command(after_help = "Examples:
  restante snapshots --last 10
  restante snapshots --connector conn-tables --since \"1 day ago\"
  restante snapshots --path /etc            those that /etc is a path of
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
  restante find '{3F2504E0*}.edb'           braces stand for themselves

Without a / the pattern is compared with names; with one, with whole paths, and where it does not
begin with / it may begin below any directory. \\xff is a byte that is no text.")]
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

Without a terminal it does all up to the first step for a person, prints the checklist, and ends
with 3.")]
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

A policy looks at each series by itself: one machine, connector and set of paths. A snapshot that
at least one rule keeps is kept. What only forgotten snapshots needed takes up room until
`restante prune`, or --prune, frees it.")]
    Forget(Box<Forget>),
    /// Free the room of what no snapshot needs any more
    #[command(after_help = "Examples:
  restante prune --dry-run                  how much would come free
  restante prune
  restante prune --grace 0 --max-unused 0   wait until nobody else writes, and leave nothing

Where nobody else writes, it deletes at once. Beside a snapshot that is being taken it condemns
what is of no use: a prune after the grace period deletes it, if nothing has begun to need it
meanwhile. It can be interrupted at any time.")]
    Prune(Prune),
    /// Merge all small segments of the archive into few large ones
    #[command(after_help = "Example:
  restante compact

Snapshots merge what they leave behind by themselves; this merges the rest, too.")]
    Compact,
    /// Copy snapshots of another archive into this one
    #[command(after_help = "Examples:
  restante -a /mnt/usb/archive copy --from /srv/archive            all that is not there yet
  restante -a /mnt/usb/archive copy --from /srv/archive latest lotus-notes@08:42
  restante -a /mnt/usb/archive copy --from /srv/archive --host EXCH1 --since \"1 day ago\"

Snapshots keep their ids and times. What the archive has already is neither read nor stored again,
so that this can be repeated at any time, also after it was interrupted. The archive must be
there: make one with init.")]
    Copy(Copy),
    /// Write snapshots into one file that is an archive by itself
    #[command(after_help = "Examples:
  restante export latest --to monday.rst
  restante export --connector lotus-notes --since 2026-11-01 --to november.rst
  restante -a november.rst snapshots                         every reading command takes the file
  restante -a november.rst verify

The file holds what the snapshots need and nothing of others, but for earlier versions that
changes are stored against.")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_line_of_the_help_is_broken_in_two() {
        fn look(command: &clap::Command) {
            let text = command.get_after_help().map(ToString::to_string);
            for line in text.iter().flat_map(|text| text.lines()) {
                assert!(line.chars().count() <= 98, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }
}
