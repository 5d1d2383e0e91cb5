//! Policies and what they decide.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use restante_format::model::Timestamp;

use super::{Candidate, Policy, Unit, Verdict, Walk};

mod edges;
mod properties;
mod reference;
mod words;
mod years;

/// A snapshot as far as policies see one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shot {
    time: Timestamp,
    tree: u64,
    tags: Vec<String>,
}

/// One without tags.
fn shot(secs: i64, tree: u64) -> Shot {
    Shot {
        time: Timestamp { secs, nanos: 0 },
        tree,
        tags: Vec::new(),
    }
}

/// One at a time such as `2025-10-26T02:30+02[Europe/Berlin]`, with a tree of its own.
fn at(text: &str) -> Shot {
    let time: jiff::Zoned = text.parse().expect(text);
    let secs = time.timestamp().as_second();
    shot(secs, secs.unsigned_abs())
}

/// A zone, whatever the system that runs the tests knows of zones.
fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).expect(name)
}

/// Later than every other time.
const NEVER: Timestamp = Timestamp {
    secs: i64::MAX,
    nanos: 0,
};

/// A policy as in `last=3 daily=unlimited within-daily=1y tags=audit,2026 changes`.
fn policy(text: &str) -> Policy {
    let mut policy = Policy::default();
    for word in text.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let count = || Some(value.parse().expect(word));
        let period = || Some(value.parse().expect(word));
        let unit = |name: &str| {
            let found = Unit::ALL.into_iter().find(|unit| unit.adverb() == name);
            found.expect(word)
        };
        match key {
            "last" => policy.last = count(),
            "within" => policy.within = period(),
            "tags" => policy.tags.push(value.parse().expect(word)),
            "changes" => policy.changes = true,
            key => match key.strip_prefix("within-") {
                Some(name) => policy.within_by[unit(name)] = period(),
                None => policy.counts[unit(key)] = count(),
            },
        }
    }
    policy
}

/// What the rules see of the shot at `i` of those newest first.
fn candidate(newest_first: &[Shot], i: usize) -> Candidate<'_> {
    let Shot { time, tree, tags } = &newest_first[i];
    Candidate {
        time: *time,
        differs: newest_first.get(i + 1).is_none_or(|before| before.tree != *tree),
        tags,
    }
}

fn decide(policy: &Policy, zone: &TimeZone, now: Timestamp, newest_first: &[Shot]) -> Vec<Verdict> {
    let mut walk = Walk::new(policy, zone.clone(), now);
    let verdicts: Vec<Verdict> = walk
        .decide_all(
            (0..newest_first.len()).map(|i| (newest_first, i)),
            |(shots, i)| candidate(shots, *i),
        )
        .map(|(_, verdict)| verdict)
        .collect();
    let kept = verdicts.iter().filter(|verdict| verdict.is_kept()).count();
    assert_eq!(walk.kept(), kept as u64);
    assert_eq!(walk.forgotten(), (newest_first.len() - kept) as u64);
    assert_eq!(walk.would_remove_all(), kept == 0 && !newest_first.is_empty());
    verdicts
}

/// The reasons for each that is kept, none for the others.
fn reasons(policy: &Policy, zone: &TimeZone, newest_first: &[Shot]) -> Vec<Vec<String>> {
    let verdicts = decide(policy, zone, NEVER, newest_first);
    let reasons = |(i, verdict): (usize, &Verdict)| verdict.reasons(policy, zone, candidate(newest_first, i));
    verdicts.iter().enumerate().map(reasons).collect()
}
