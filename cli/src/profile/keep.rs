//! The policy of a profile: which snapshots of a connector are kept.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::table::{Entry, Section};
use super::{ConfigError, Hint};
use crate::retention::{Count, Period, Policy, TagList, Unit};

/// The keys of a policy.
pub(super) const KEYS: [&str; 16] = [
    "last",
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "within",
    "within-minutely",
    "within-hourly",
    "within-daily",
    "within-weekly",
    "within-monthly",
    "within-yearly",
    "tags",
    "changes",
];

/// Reads the table `keep`, if it is there.
pub(super) fn parse(s: &Section<'_>, title: &str) -> Result<Option<Policy>, ConfigError> {
    let Some(entry) = s.entry("keep") else {
        return Ok(None);
    };
    let s = entry.section(title)?;
    s.only(&KEYS)?;
    let mut policy = Policy {
        last: count(&s, "last")?,
        within: period(&s, "within")?,
        tags: tags(&s)?,
        changes: s.boolean("changes")?.unwrap_or(false),
        ..Policy::default()
    };
    for unit in Unit::ALL {
        policy.counts[unit] = count(&s, unit.adverb())?;
        policy.within_by[unit] = period(&s, &within_key(unit))?;
    }
    if policy.would_remove_all() {
        let hint = "say what to keep, as in daily = 30, or leave the policy out";
        return Err(entry.bad_key("keeps nothing", hint));
    }
    Ok(Some(policy))
}

fn within_key(unit: Unit) -> String {
    format!("within-{}", unit.adverb())
}

fn count(s: &Section<'_>, key: &str) -> Result<Option<Count>, ConfigError> {
    let read = |entry: Entry<'_>| match entry.string() {
        Ok("unlimited") => Ok(Count::Unlimited),
        _ => entry.number().map(Count::Of),
    };
    s.entry(key).map(read).transpose()
}

fn period(s: &Section<'_>, key: &str) -> Result<Option<Period>, ConfigError> {
    let how = || Hint::text(Period::HOW);
    let read = |entry: Entry<'_>| {
        if !entry.is_string() {
            return Err(entry.wrong("a string", how()));
        }
        let text = entry.string()?;
        text.parse()
            .map_err(|why: &str| entry.bad(text, why.to_owned(), how()))
    };
    s.entry(key).map(read).transpose()
}

fn tags(s: &Section<'_>) -> Result<Vec<TagList>, ConfigError> {
    let read = |entry: &Entry<'_>| {
        let text = entry.string()?;
        let how = Hint::text("separate the tags of a list by commas: \"weekly\", \"audit,2026\"");
        text.parse()
            .map_err(|why: &str| entry.bad(text, why.to_owned(), how))
    };
    s.items("tags")?.iter().map(read).collect()
}

/// The keys as they are written, those that are there.
impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let counts = Unit::ALL.map(|unit| (unit.adverb(), self.counts[unit]));
        for (key, count) in [("last", self.last)].into_iter().chain(counts) {
            match count {
                Some(Count::Of(count)) => map.serialize_entry(key, &count)?,
                Some(Count::Unlimited) => map.serialize_entry(key, "unlimited")?,
                None => {}
            }
        }
        let periods = Unit::ALL.map(|unit| (within_key(unit), self.within_by[unit]));
        for (key, period) in [("within".to_owned(), self.within)].into_iter().chain(periods) {
            if let Some(period) = period {
                map.serialize_entry(&key, &period.to_string())?;
            }
        }
        if !self.tags.is_empty() {
            let lists: Vec<String> = self.tags.iter().map(TagList::to_string).collect();
            map.serialize_entry("tags", &lists)?;
        }
        if self.changes {
            map.serialize_entry("changes", &true)?;
        }
        map.end()
    }
}
