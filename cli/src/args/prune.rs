//! The options of `forget` and `prune`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::keep::parse_tags;
use super::{GroupBy, KeepArgs};
use crate::command::prune::{MAX_UNUSED, Percent};
use crate::retention::TagList;

/// Options of `forget`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("freeing").args(["prune", "dry_run"]).multiple(true))]
pub(crate) struct Forget {
    /// Snapshots to forget, by their names; without any, a policy says which. A time names a snapshot of that very day,
    /// minute or second, the newest of them
    #[arg(value_name = "SNAPSHOT",
          conflicts_with_all = ["connectors", "host", "tags", "paths", "group_by", "timezone"])]
    pub(crate) snapshots: Vec<OsString>,
    /// Only those of a connector, or of those of a group; may be repeated
    #[arg(long = "connector", value_name = "NAME")]
    pub(crate) connectors: Vec<String>,
    /// Only those of a machine [default: all; for the policies of profiles, this one]
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Only those with a label; several separated by commas, or repeated, are for those with every one of them
    #[arg(long = "tag", value_name = "TAG[,TAG…]", value_parser = parse_tags)]
    pub(crate) tags: Vec<TagList>,
    /// Only those of a path; may be repeated, for those of any of them
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// What a group has in common, by itself of which the policy decides: series, or some of host, connector, paths
    /// and tags, separated by commas; none puts all together
    #[arg(long, value_name = "WHAT", default_value = "series")]
    pub(crate) group_by: GroupBy,
    /// The time zone of days, weeks, months and years, such as Europe/Berlin [default: that of the system, or TZ]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// Only say what would be done, why, and how much room it would free
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// A row for each snapshot
    #[arg(long)]
    pub(crate) all: bool,
    /// Free the room at once
    #[arg(long)]
    pub(crate) prune: bool,
    /// How long what is of no use stays, for those who still write; 0 waits until nobody does [default: nothing stays
    /// where nobody else writes, and 1h elsewhere]
    #[arg(long, value_name = "TIME", value_parser = parse_grace, requires = "prune")]
    pub(crate) grace: Option<Duration>,
    /// How much of the data may be of no use and stay, for it costs more to write anew what is beside it: a part in
    /// percent, or unlimited
    #[arg(long, value_name = "PERCENT", default_value_t = MAX_UNUSED, requires = "freeing")]
    pub(crate) max_unused: Percent,
    /// Forget even if nothing of a group, or of the archive, would be left
    #[arg(long)]
    pub(crate) unsafe_allow_remove_all: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// Options of `prune`.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// How long what is of no use stays, for those who still write; 0 waits until nobody does [default: nothing stays
    /// where nobody else writes, and 1h elsewhere]
    #[arg(long, value_name = "TIME", value_parser = parse_grace)]
    pub(crate) grace: Option<Duration>,
    /// How much of the data may be of no use and stay, for it costs more to write anew what is beside it: a part in
    /// percent, or unlimited
    #[arg(long, value_name = "PERCENT", default_value_t = MAX_UNUSED)]
    pub(crate) max_unused: Percent,
    /// Only say how much room would come free
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// Reads a time such as 1h or 30s, or 0.
fn parse_grace(text: &str) -> Result<Duration, String> {
    match text {
        "0" | "0s" => Ok(Duration::ZERO),
        _ => {
            crate::profile::duration(text).map_err(|why| format!("it {why}: write it as 30s, 2h or 1d, or 0"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_parts() {
        assert_eq!(parse_grace("0"), Ok(Duration::ZERO));
        assert_eq!(parse_grace("90s"), Ok(Duration::from_secs(90)));
        assert!(parse_grace("soon").is_err());
        let percent = |text: &str| text.parse::<Percent>().map(|part| part.0);
        assert_eq!(percent("5%"), Ok(5.0));
        assert_eq!(percent("0"), Ok(0.0));
        assert_eq!(percent("unlimited"), Ok(100.0));
        assert_eq!(MAX_UNUSED.to_string().parse(), Ok(MAX_UNUSED));
        for bad in ["", "-1", "101%", "NaN", "5G"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }
}
