//! The options that say which snapshots are kept.

use std::str::FromStr;

use clap::Args;

use crate::retention::{Count, Period, Policy, TagList, Unit};

/// Which snapshots are kept; without any, nothing is said and the profile's policy counts.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What is kept: a snapshot that at least one of these keeps")]
pub(crate) struct KeepArgs {
    /// So many of the newest; here and below, `unlimited` or -1 is as many as there are
    #[arg(short = 'l', long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    keep_last: Option<Count>,
    /// The newest of each of so many minutes
    #[arg(long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    keep_minutely: Option<Count>,
    /// The newest of each of so many hours
    #[arg(short = 'H', long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    keep_hourly: Option<Count>,
    /// The newest of each of so many days
    #[arg(short = 'd', long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    keep_daily: Option<Count>,
    /// The newest of each of so many weeks, which begin on Mondays
    #[arg(short = 'w', long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    keep_weekly: Option<Count>,
    /// The newest of each of so many months
    #[arg(short = 'm', long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    keep_monthly: Option<Count>,
    /// The newest of each of so many years
    #[arg(short = 'y', long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    keep_yearly: Option<Count>,
    /// All that are at most so much older than the newest, such as 2d, 12h or 1y6mo
    #[arg(long, value_name = "TIME", value_parser = parse_period)]
    keep_within: Option<Period>,
    /// The newest of each minute in such a time
    #[arg(long, value_name = "TIME", value_parser = parse_period)]
    keep_within_minutely: Option<Period>,
    /// The newest of each hour in such a time
    #[arg(long, value_name = "TIME", value_parser = parse_period)]
    keep_within_hourly: Option<Period>,
    /// The newest of each day in such a time
    #[arg(long, value_name = "TIME", value_parser = parse_period)]
    keep_within_daily: Option<Period>,
    /// The newest of each week in such a time
    #[arg(long, value_name = "TIME", value_parser = parse_period)]
    keep_within_weekly: Option<Period>,
    /// The newest of each month in such a time
    #[arg(long, value_name = "TIME", value_parser = parse_period)]
    keep_within_monthly: Option<Period>,
    /// The newest of each year in such a time
    #[arg(long, value_name = "TIME", value_parser = parse_period)]
    keep_within_yearly: Option<Period>,
    /// All that have a label, or every one of several separated by commas; may be repeated
    #[arg(long = "keep-tag", value_name = "TAG[,TAG…]", value_parser = parse_tags)]
    keep_tags: Vec<TagList>,
    /// All in which something changed since the one before
    #[arg(long)]
    keep_changes: bool,
}

impl KeepArgs {
    /// The policy that they make; none if none of them is given.
    pub(crate) fn policy(&self) -> Option<Policy> {
        let mut policy = Policy {
            last: self.keep_last,
            within: self.keep_within,
            tags: self.keep_tags.clone(),
            changes: self.keep_changes,
            ..Policy::default()
        };
        for unit in Unit::ALL {
            let (count, within) = match unit {
                Unit::Minute => (self.keep_minutely, self.keep_within_minutely),
                Unit::Hour => (self.keep_hourly, self.keep_within_hourly),
                Unit::Day => (self.keep_daily, self.keep_within_daily),
                Unit::Week => (self.keep_weekly, self.keep_within_weekly),
                Unit::Month => (self.keep_monthly, self.keep_within_monthly),
                Unit::Year => (self.keep_yearly, self.keep_within_yearly),
            };
            policy.counts[unit] = count;
            policy.within_by[unit] = within;
        }
        (policy != Policy::default()).then_some(policy)
    }
}

/// What the snapshots of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupBy {
    pub(crate) host: bool,
    pub(crate) connector: bool,
    pub(crate) paths: bool,
    pub(crate) tags: bool,
}

impl GroupBy {
    /// One machine, connector and set of paths.
    pub(crate) const SERIES: Self = Self {
        host: true,
        connector: true,
        paths: true,
        tags: false,
    };
}

impl FromStr for GroupBy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut by = Self {
            host: false,
            connector: false,
            paths: false,
            tags: false,
        };
        for word in text.split(',').map(str::trim) {
            match word {
                "series" => (by.host, by.connector, by.paths) = (true, true, true),
                "host" | "hosts" => by.host = true,
                "connector" | "connectors" => by.connector = true,
                "path" | "paths" => by.paths = true,
                "tag" | "tags" => by.tags = true,
                "none" | "" => {}
                _ => {
                    return Err(
                        "write series, none, or some of host, connector, paths and tags, separated by commas",
                    );
                }
            }
        }
        Ok(by)
    }
}

fn parse_count(text: &str) -> Result<Count, String> {
    Count::from_str(text).map_err(|why| format!("it {why}; `unlimited` is as many as there are"))
}

fn parse_period(text: &str) -> Result<Period, String> {
    Period::from_str(text)
        .map_err(|why| format!("it {why}: write 2d, 12h or 1y6mo; months are mo, minutes min"))
}

/// Reads labels that are separated by commas.
pub(crate) fn parse_tags(text: &str) -> Result<TagList, String> {
    TagList::from_str(text).map_err(|why| format!("it {why}: separate labels by single commas"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        keep: KeepArgs,
    }

    fn policy(words: &[&str]) -> Result<Option<Policy>, String> {
        let command = Command::try_parse_from([&["forget"], words].concat());
        command
            .map(|command| command.keep.policy())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn options_make_a_policy() {
        let words = [
            "--keep-last=3",
            "--keep-minutely",
            "-1",
            "--keep-hourly=48",
            "--keep-daily=unlimited",
            "--keep-weekly=5",
            "--keep-monthly=12",
            "--keep-yearly=75",
            "--keep-within=2y5m7d3h",
            "--keep-within-minutely=1h30m",
            "--keep-within-hourly=2d",
            "--keep-within-daily=1w",
            "--keep-within-weekly=6mo",
            "--keep-within-monthly=10y",
            "--keep-within-yearly=100y",
            "--keep-tag=audit, 2026",
            "--keep-tag=weekly",
            "--keep-changes",
        ];
        let policy = policy(&words).unwrap().unwrap();
        assert_eq!(
            policy.to_string(),
            "last 3, minutely unlimited, hourly 48, daily unlimited, weekly 5, monthly 12, yearly 75, within 2y5mo7d3h, \
             minutely within 1h30min, hourly within 2d, daily within 7d, weekly within 6mo, monthly within 10y, \
             yearly within 100y, tag audit,2026, tag weekly, every change"
        );
    }

    #[test]
    fn restic_has_the_same_short_options() {
        let short = policy(&["-l3", "-H", "48", "-d", "-1", "-w5", "-m12", "-y75"]);
        let long = policy(&[
            "--keep-last=3",
            "--keep-hourly=48",
            "--keep-daily=-1",
            "--keep-weekly=5",
            "--keep-monthly=12",
            "--keep-yearly=75",
        ]);
        assert_eq!(short, long);
        assert!(short.is_ok_and(|policy| policy.is_some()));
    }

    #[test]
    fn no_option_makes_no_policy_and_a_wrong_one_says_how() {
        assert_eq!(policy(&[]), Ok(None));
        for (word, why) in [
            (
                "--keep-daily=-2",
                "it is not a number from 0 on; `unlimited` is as many as there are",
            ),
            ("--keep-daily=many", "it is not a number from 0 on"),
            (
                "--keep-within=5m",
                "it has an `m` that may be months or minutes: write 2d, 12h or 1y6mo; months are mo, minutes min",
            ),
            (
                "--keep-tag=",
                "it has an empty tag: separate labels by single commas",
            ),
        ] {
            let message = policy(&[word]).unwrap_err();
            assert!(message.contains(why), "{word}: {message}");
        }
    }
}
