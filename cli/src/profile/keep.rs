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
        // As on the command line.
        _ if entry.is_minus_one() => Ok(Count::Unlimited),
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

#[cfg(test)]
mod tests {
    use crate::profile::{Document, Section};

    fn read(text: &str) -> crate::retention::Policy {
        let document = Document::new("restante.toml", text);
        let table = document.parse().expect("TOML");
        let policy = super::parse(&Section::top(&document, &table), "[keep]");
        policy.expect("a policy").expect("there is one")
    }

    #[test]
    fn every_key_is_read_and_shown_as_it_is_written() {
        let json = serde_json::json!({
            "last": 3, "minutely": 60, "hourly": 48, "daily": 30, "weekly": 8, "monthly": 24, "yearly": "unlimited",
            "within": "2d", "within-minutely": "1h30min", "within-hourly": "7d", "within-daily": "6mo",
            "within-weekly": "1y6mo", "within-monthly": "10y", "within-yearly": "100y",
            "tags": ["audit,2026", "yearly"], "changes": true,
        });
        let keys: Vec<&String> = json.as_object().expect("a table").keys().collect();
        let mut known = super::KEYS;
        known.sort_unstable();
        assert_eq!(keys, known);
        let assignments = json.as_object().expect("a table").iter();
        let text: String = assignments
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect();
        let policy = read(&format!("[keep]\n{text}"));
        assert_eq!(serde_json::to_value(&policy).expect("JSON"), json);
        assert_eq!(
            policy.to_string(),
            "last 3, minutely 60, hourly 48, daily 30, weekly 8, monthly 24, yearly unlimited, within 2d, \
             minutely within 1h30min, hourly within 7d, daily within 6mo, weekly within 1y6mo, monthly within 10y, \
             yearly within 100y, tag audit,2026, tag yearly, every change"
        );
    }

    #[test]
    fn minus_one_is_as_many_as_there_are() {
        assert_eq!(
            read("keep = { last = -1 }\n"),
            read("keep = { last = \"unlimited\" }\n")
        );
        let document = Document::new("restante.toml", "keep = { last = -2 }\n");
        let table = document.parse().expect("TOML");
        let error = super::parse(&Section::top(&document, &table), "[keep]").expect_err("a mistake");
        assert!(error.to_string().contains("is not a number from 0 on"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_not_shown() {
        let policy = read("keep = { within = \"2d\", daily = 30 }\n");
        let json = serde_json::json!({ "within": "2d", "daily": 30 });
        assert_eq!(serde_json::to_value(&policy).expect("JSON"), json);
        assert_eq!(policy.to_string(), "daily 30, within 2d");
    }
}
