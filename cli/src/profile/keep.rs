//! Which snapshots of a connector are kept.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::ConfigError;
use super::table::Section;

/// The keys of a policy.
pub(super) const KEYS: [&str; 9] = [
    "last", "minutely", "hourly", "daily", "weekly", "monthly", "yearly", "within", "changes",
];

/// A policy: a snapshot is kept if one of its rules keeps it. The rules are those of restic and borg.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Keep {
    /// So many of the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<u64>,
    /// The newest of each of so many minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) minutely: Option<u64>,
    /// The same of hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hourly: Option<u64>,
    /// The same of days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) daily: Option<u64>,
    /// The same of weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weekly: Option<u64>,
    /// The same of months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) monthly: Option<u64>,
    /// The same of years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) yearly: Option<u64>,
    /// All that are not older than this.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds")]
    pub(crate) within: Option<Duration>,
    /// Every one that differs from the one before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) changes: bool,
}

fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|d| d.as_secs()).serialize(serializer)
}

impl Keep {
    /// Reads the table `keep`, if it is there.
    pub(super) fn parse(s: &Section<'_>, title: &str) -> Result<Option<Self>, ConfigError> {
        let Some(entry) = s.entry("keep") else {
            return Ok(None);
        };
        let s = entry.section(title)?;
        s.only(&KEYS)?;
        let keep = Self {
            last: s.number("last")?,
            minutely: s.number("minutely")?,
            hourly: s.number("hourly")?,
            daily: s.number("daily")?,
            weekly: s.number("weekly")?,
            monthly: s.number("monthly")?,
            yearly: s.number("yearly")?,
            within: s.duration("within")?,
            changes: s.boolean("changes")?.unwrap_or(false),
        };
        if !keep.keeps_something() {
            let hint = "say what to keep, as in daily = 30, or leave the policy out";
            return Err(entry.bad_key("keeps nothing", hint));
        }
        Ok(Some(keep))
    }

    fn keeps_something(&self) -> bool {
        let counts = [
            self.last,
            self.minutely,
            self.hourly,
            self.daily,
            self.weekly,
            self.monthly,
            self.yearly,
        ];
        self.changes || self.within.is_some() || counts.iter().flatten().any(|count| *count > 0)
    }

    /// In words: `last 10, daily 30, every change`.
    pub(crate) fn show(&self) -> String {
        let counts = [
            ("last", self.last),
            ("minutely", self.minutely),
            ("hourly", self.hourly),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ];
        let mut words: Vec<String> = (counts.into_iter())
            .filter_map(|(word, count)| Some(format!("{word} {}", count?)))
            .collect();
        words.extend(
            self.within
                .map(|d| format!("within {}", super::pattern::show_duration(d))),
        );
        words.extend(self.changes.then(|| "every change".to_owned()));
        words.join(", ")
    }
}
