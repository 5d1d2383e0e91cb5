//! The options of `forget` and `prune`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::{GroupBy, KeepArgs};

/// Options of `forget`.
#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Snapshots to forget, by their names; without any, a policy says which
    #[arg(value_name = "SNAPSHOT", conflicts_with_all = ["connectors", "host", "tags", "group_by"])]
    pub(crate) snapshots: Vec<OsString>,
    /// Only those of a connector, or of those of a group; may be repeated
    #[arg(long = "connector", value_name = "NAME")]
    pub(crate) connectors: Vec<String>,
    /// Only those of a machine [default: all; for the policies of profiles, this one]
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Only those with a label; may be repeated, for those with every one of them
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
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
    /// As of `prune`
    #[arg(long, value_name = "TIME", value_parser = parse_grace, requires = "prune")]
    pub(crate) grace: Option<Duration>,
    /// As of `prune`
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "5%")]
    pub(crate) max_unused: f64,
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
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "5%")]
    pub(crate) max_unused: f64,
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

/// Reads a part in percent, such as 5%.
fn parse_percent(text: &str) -> Result<f64, String> {
    if text == "unlimited" {
        return Ok(100.0);
    }
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>();
    let number = number.ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| "write a part of the data in percent, such as 5%, or unlimited".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_parts() {
        assert_eq!(parse_grace("0"), Ok(Duration::ZERO));
        assert_eq!(parse_grace("90s"), Ok(Duration::from_secs(90)));
        assert!(parse_grace("soon").is_err());
        assert_eq!(parse_percent("5%"), Ok(5.0));
        assert_eq!(parse_percent("0"), Ok(0.0));
        assert_eq!(parse_percent("unlimited"), Ok(100.0));
        for bad in ["", "-1", "101%", "NaN", "5G"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
    }
}
