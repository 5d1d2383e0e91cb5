//! What a policy says.

use std::fmt;
use std::str::FromStr;

use super::{ByUnit, Period, Unit};

/// Which snapshots of a group are kept: those that at least one of the rules keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// So many of the newest.
    pub(crate) last: Option<Count>,
    /// The newest of each of so many minutes, hours, …
    pub(crate) counts: ByUnit<Option<Count>>,
    /// All that are not older than this.
    pub(crate) within: Option<Period>,
    /// The newest of each minute, hour, … among those that are not older than this.
    pub(crate) within_by: ByUnit<Option<Period>>,
    /// All that have every tag of one of the lists.
    pub(crate) tags: Vec<TagList>,
    /// All whose tree differs from that of the one before.
    pub(crate) changes: bool,
}

/// How many a rule keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Of(u64),
    Unlimited,
}

/// Tags that a snapshot has to have all of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagList(Vec<String>);

/// What can keep a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Last,
    Newest(Unit),
    Within,
    NewestWithin(Unit),
    Tags,
    Changes,
}

impl Policy {
    /// Whether no rule keeps anything, whatever snapshots there are. One of tags may still find none that it keeps:
    /// what is true of a group is known after the [`Walk`](super::Walk).
    pub(crate) fn would_remove_all(&self) -> bool {
        let counts = Unit::ALL.iter().map(|unit| self.counts[*unit]);
        let keeps_by_count = counts
            .chain([self.last])
            .flatten()
            .any(|count| count != Count::Of(0));
        let keeps_by_time =
            self.within.is_some() || Unit::ALL.iter().any(|unit| self.within_by[*unit].is_some());
        !(keeps_by_count || keeps_by_time || self.changes || !self.tags.is_empty())
    }

    /// The lists of which a snapshot with these tags has all.
    pub(crate) fn lists_in(&self, tags: &[String]) -> impl Iterator<Item = &TagList> {
        self.tags.iter().filter(move |list| list.is_in(tags))
    }
}

impl TagList {
    /// Each by itself.
    pub(crate) fn into_tags(self) -> Vec<String> {
        self.0
    }

    /// Whether all of its tags are among these.
    pub(crate) fn is_in(&self, tags: &[String]) -> bool {
        self.0.iter().all(|tag| tags.contains(tag))
    }
}

/// Tags separated by commas, spaces around them left out.
impl FromStr for TagList {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let tags: Vec<String> = text.split(',').map(|tag| tag.trim().to_owned()).collect();
        if tags.iter().any(String::is_empty) {
            return Err("has an empty tag");
        }
        Ok(Self(tags))
    }
}

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "unlimited" | "-1" => Ok(Self::Unlimited),
            _ => text
                .parse()
                .map(Self::Of)
                .map_err(|_| "is not a number from 0 on"),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(count) => count.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl fmt::Display for TagList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// In words: `last 10, daily 30, within 2d, every change`.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.last.map(|count| format!("last {count}")));
        for unit in Unit::ALL {
            words.extend(self.counts[unit].map(|count| format!("{} {count}", unit.adverb())));
        }
        words.extend(self.within.map(|period| format!("within {period}")));
        for unit in Unit::ALL {
            words.extend(self.within_by[unit].map(|period| format!("{} within {period}", unit.adverb())));
        }
        words.extend(self.tags.iter().map(|list| format!("tag {list}")));
        words.extend(self.changes.then(|| "every change".to_owned()));
        f.write_str(&words.join(", "))
    }
}
