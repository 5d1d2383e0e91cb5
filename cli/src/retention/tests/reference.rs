//! The same decisions made slowly, with dates as jiff has them: nothing here counts seconds.

use std::collections::{HashMap, HashSet};

use jiff::Span;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use restante_format::model::Timestamp;

use super::Shot;
use crate::retention::{Count, Period, Policy, Rule, TagList, Unit};

/// The name of a minute, an hour, …
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Minute(Date, i8, i8, Offset),
    Hour(Date, i8, Offset),
    Day(Date),
    Week(i16, i8),
    Month(i16, i8),
    Year(i16),
}

/// The snapshots of a group, newest first, with a number for every minute, hour, … that one is of.
pub(super) struct Reference<'a> {
    zone: &'a TimeZone,
    shots: &'a [Shot],
    buckets: Vec<[usize; 6]>,
}

impl<'a> Reference<'a> {
    pub(super) fn new(zone: &'a TimeZone, newest_first: &'a [Shot]) -> Self {
        let mut numbers: HashMap<Name, usize> = HashMap::new();
        let mut buckets = Vec::with_capacity(newest_first.len());
        for shot in newest_first {
            let names = names(shot.time, zone);
            buckets.push(names.map(|name| {
                let next = numbers.len();
                *numbers.entry(name).or_insert(next)
            }));
        }
        Self {
            zone,
            shots: newest_first,
            buckets,
        }
    }

    /// The rules that keep each.
    pub(super) fn decide(&self, policy: &Policy, now: Timestamp) -> Vec<Vec<Rule>> {
        let mut kept_by: Vec<Vec<Rule>> = vec![Vec::new(); self.shots.len()];
        let mut keep = |rule: Rule, which: Vec<usize>| which.iter().for_each(|i| kept_by[*i].push(rule));
        let all = 0..self.shots.len();
        if let Some(count) = policy.last {
            keep(Rule::Last, all.clone().take(most(count)).collect());
        }
        for unit in Unit::ALL {
            if let Some(count) = policy.counts[unit] {
                keep(Rule::Newest(unit), self.newest(unit, most(count), all.len()));
            }
        }
        let within = |period: Period| {
            let measured_from = self.shots.iter().find(|shot| shot.time <= now);
            let Some(from) = measured_from else {
                return self.shots.len();
            };
            // Independent of how a period is made of numbers.
            let span: Span = period.to_string().parse().expect("jiff reads it");
            let limit = instant(from.time).to_zoned(self.zone.clone()).checked_sub(span);
            let limit = limit.expect("on the calendar").timestamp();
            self.shots
                .iter()
                .take_while(|shot| instant(shot.time) >= limit)
                .count()
        };
        if let Some(period) = policy.within {
            keep(Rule::Within, (0..within(period)).collect());
        }
        for unit in Unit::ALL {
            if let Some(period) = policy.within_by[unit] {
                keep(
                    Rule::NewestWithin(unit),
                    self.newest(unit, usize::MAX, within(period)),
                );
            }
        }
        let has = |i: &usize, list: &TagList| {
            let list = list.to_string();
            list.split(',')
                .all(|tag| self.shots[*i].tags.iter().any(|t| t == tag))
        };
        let tagged = all
            .clone()
            .filter(|i| policy.tags.iter().any(|list| has(i, list)));
        keep(Rule::Tags, tagged.collect());
        if policy.changes {
            let is_first = |i: &usize| *i + 1 == self.shots.len();
            let differs = |i: &usize| is_first(i) || self.shots[*i].tree != self.shots[*i + 1].tree;
            keep(Rule::Changes, all.filter(differs).collect());
        }
        kept_by
    }

    /// The newest of each of the `most` last units that are among the first `end`; and the oldest of all, if it is
    /// among them and fewer were found.
    fn newest(&self, unit: Unit, most: usize, end: usize) -> Vec<usize> {
        let mut seen = HashSet::new();
        let is_new = |i: &usize| seen.insert(self.buckets[*i][unit as usize]);
        let mut found: Vec<usize> = (0..end).filter(is_new).take(most).collect();
        let oldest = self.shots.len().checked_sub(1);
        if let Some(oldest) =
            oldest.filter(|oldest| *oldest < end && !found.contains(oldest) && found.len() < most)
        {
            found.push(oldest);
        }
        found
    }
}

fn most(count: Count) -> usize {
    match count {
        Count::Of(count) => usize::try_from(count).unwrap_or(usize::MAX),
        Count::Unlimited => usize::MAX,
    }
}

fn instant(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::new(time.secs, time.nanos.cast_signed()).expect("on the calendar")
}

fn names(time: Timestamp, zone: &TimeZone) -> [Name; 6] {
    let time = instant(time).to_zoned(zone.clone());
    let (date, offset) = (time.date(), time.offset());
    let week = date.iso_week_date();
    [
        Name::Minute(date, time.hour(), time.minute(), offset),
        Name::Hour(date, time.hour(), offset),
        Name::Day(date),
        Name::Week(week.year(), week.week()),
        Name::Month(date.year(), date.month()),
        Name::Year(date.year()),
    ]
}
