//! The options of the commands that look into an archive.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::keep::parse_tags;
use super::read::parse_duration;
use crate::retention::TagList;

/// Options that choose snapshots.
#[derive(Debug, Default, Args)]
#[group(id = "range")]
pub(crate) struct Range {
    /// Only those of a connector
    #[arg(long, value_name = "NAME")]
    pub(crate) connector: Option<String>,
    /// Only those of a machine
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Only those that were taken of a path; may be repeated, for those of any of them
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only those with a label; several separated by commas, or repeated, are for those with every one of them
    #[arg(long = "tag", value_name = "TAG[,TAG…]", value_parser = parse_tags)]
    pub(crate) tags: Vec<TagList>,
    /// Only those taken at or after a time
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only those taken at or before a time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

impl Range {
    /// Whether nothing is said, which means all of them.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            connector,
            host,
            paths,
            tags,
            since,
            until,
        } = self;
        let names = [connector, host, since, until];
        names.iter().all(|name| name.is_none()) && paths.is_empty() && tags.is_empty()
    }
}

/// Options of `snapshots`.
#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    #[command(flatten)]
    pub(crate) range: Range,
    /// Only the last rows
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// A row for each snapshot, those without any change too
    #[arg(long)]
    pub(crate) all: bool,
    /// A row for each connector of this server: its newest snapshot, and whether one is late
    #[arg(long, group = "schedule",
          conflicts_with_all = ["paths", "tags", "since", "until", "last", "all"])]
    pub(crate) by_connector: bool,
    /// A row for each time in which a connector of this server was not looked at as often as it should have been
    #[arg(long, group = "schedule", conflicts_with_all = ["tags", "last", "all"])]
    pub(crate) gaps: bool,
    /// How often everything should have been looked at, such as 1m [default: `every` of each connector]
    #[arg(long, value_name = "TIME", requires = "gaps", value_parser = parse_duration)]
    pub(crate) every: Option<Duration>,
    /// How long after its time a snapshot is late, such as 30s or 2m [default: half of `every`, at least 5s]
    #[arg(long, value_name = "TIME", requires = "schedule", value_parser = parse_duration)]
    pub(crate) tolerance: Option<Duration>,
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
    pub(crate) glob: OsString,
    #[command(flatten)]
    pub(crate) range: Range,
    /// Only in one snapshot
    #[arg(long, value_name = "SNAPSHOT[:PATH]", conflicts_with = "range")]
    pub(crate) snapshot: Option<OsString>,
    /// Whatever the case of letters
    #[arg(short, long)]
    pub(crate) ignore_case: bool,
}

/// Options of `stats`.
#[derive(Debug, Args)]
#[command(mut_group("range", |group| group.requires("growth")))]
pub(crate) struct Stats {
    /// What was added in each day, by connector
    #[arg(long)]
    pub(crate) growth: bool,
    /// The length of a row's time
    #[arg(long, value_name = "PERIOD", requires = "growth", default_value = "day")]
    pub(crate) by: GrowthBy,
    #[command(flatten)]
    pub(crate) range: Range,
}

/// The length of time that a row of `stats --growth` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GrowthBy {
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

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Follow every snapshot and see that everything is there, but do not read the contents of files
    #[arg(long)]
    pub(crate) quick: bool,
}
