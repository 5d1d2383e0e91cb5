//! The decision: a walk over a group's snapshots, the newest first, that needs no memory for them.

use jiff::tz::TimeZone;
use restante_format::model::Timestamp;

use super::calendar::{Bucket, Calendar};
use super::{Count, Period, Policy, Rule, Unit};

/// What the rules see of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) time: Timestamp,
    /// Whether its tree differs from that of the one before it; there is none before the oldest, which differs.
    pub(crate) differs: bool,
    pub(crate) tags: &'a [String],
}

/// What is decided about a snapshot; [`reasons`](Self::reasons) says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The rules that keep it.
    pub(super) kept_by: RuleSet,
    /// Those among them that keep it only because it is the oldest.
    pub(super) as_oldest: RuleSet,
    /// Which one it is, counted from the newest, which is 1.
    pub(super) place: u64,
}

impl Verdict {
    pub(crate) fn is_kept(self) -> bool {
        !self.kept_by.is_empty()
    }

    /// Whether the same rules keep both, or none keeps either.
    pub(crate) fn is_like(self, other: Self) -> bool {
        (self.kept_by, self.as_oldest) == (other.kept_by, other.as_oldest)
    }

    /// The rules that keep it.
    pub(crate) fn rules(self) -> impl Iterator<Item = Rule> {
        RULES.into_iter().filter(move |rule| self.kept_by.contains(*rule))
    }
}

/// Every rule, in the order in which they are told.
const RULES: [Rule; 16] = [
    Rule::Last,
    Rule::Newest(Unit::Minute),
    Rule::Newest(Unit::Hour),
    Rule::Newest(Unit::Day),
    Rule::Newest(Unit::Week),
    Rule::Newest(Unit::Month),
    Rule::Newest(Unit::Year),
    Rule::Within,
    Rule::NewestWithin(Unit::Minute),
    Rule::NewestWithin(Unit::Hour),
    Rule::NewestWithin(Unit::Day),
    Rule::NewestWithin(Unit::Week),
    Rule::NewestWithin(Unit::Month),
    Rule::NewestWithin(Unit::Year),
    Rule::Tags,
    Rule::Changes,
];

/// Some of the rules: a bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RuleSet(u16);

impl RuleSet {
    fn bit(rule: Rule) -> u16 {
        1 << match rule {
            Rule::Last => 0,
            Rule::Newest(unit) => 1 + unit as u16,
            Rule::Within => 7,
            Rule::NewestWithin(unit) => 8 + unit as u16,
            Rule::Tags => 14,
            Rule::Changes => 15,
        }
    }

    fn insert(&mut self, rule: Rule) {
        self.0 |= Self::bit(rule);
    }

    pub(super) fn contains(self, rule: Rule) -> bool {
        self.0 & Self::bit(rule) != 0
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a rule has left to give.
#[derive(Debug, Clone, Copy)]
enum Allowance {
    Count(Count),
    /// To every snapshot from a moment on, which is `period` before the one that all is measured from. Until that one
    /// has come, there is no such moment, and all are within.
    Within {
        period: Period,
        since: Option<Timestamp>,
    },
}

impl Allowance {
    fn permits(&self, time: Timestamp) -> bool {
        match self {
            Self::Count(count) => *count != Count::Of(0),
            Self::Within { since, .. } => since.is_none_or(|since| time >= since),
        }
    }

    fn use_one(&mut self) {
        if let Self::Count(Count::Of(left)) = self {
            *left = left.saturating_sub(1);
        }
    }

    fn measure_from(&mut self, time: Timestamp, zone: &TimeZone) {
        if let Self::Within { period, since } = self {
            *since = Some(period.before(time, zone));
        }
    }
}

/// A rule that keeps the newest of each unit.
#[derive(Debug)]
struct Newest {
    rule: Rule,
    unit: Unit,
    allowance: Allowance,
    /// The one that it kept a snapshot of last.
    bucket: Option<Bucket>,
}

/// A walk over the snapshots of one group, from the newest to the oldest.
#[derive(Debug)]
pub(crate) struct Walk<'p> {
    policy: &'p Policy,
    calendar: Calendar,
    now: Timestamp,
    /// Whether the snapshot that all is measured from has come.
    is_measured: bool,
    last: Allowance,
    within: Option<Allowance>,
    newest: Vec<Newest>,
    seen: u64,
    kept: u64,
}

impl<'p> Walk<'p> {
    /// A walk by a policy, with the days of a zone. What is later than `now` is from the future.
    pub(crate) fn new(policy: &'p Policy, zone: TimeZone, now: Timestamp) -> Self {
        let within = |period| Allowance::Within { period, since: None };
        let by_count = Unit::ALL.into_iter().filter_map(|unit| {
            let allowance = Allowance::Count(policy.counts[unit]?);
            Some((Rule::Newest(unit), unit, allowance))
        });
        let by_time = Unit::ALL.into_iter().filter_map(|unit| {
            let allowance = within(policy.within_by[unit]?);
            Some((Rule::NewestWithin(unit), unit, allowance))
        });
        let newest = by_count.chain(by_time).map(|(rule, unit, allowance)| Newest {
            rule,
            unit,
            allowance,
            bucket: None,
        });
        Self {
            policy,
            calendar: Calendar::new(zone),
            now,
            is_measured: false,
            last: Allowance::Count(policy.last.unwrap_or(Count::Of(0))),
            within: policy.within.map(within),
            newest: newest.collect(),
            seen: 0,
            kept: 0,
        }
    }

    /// Decides about the next snapshot, which must not be later than the one before in the walk. Of equal times the
    /// first is the newest. `is_oldest` says that none comes after it.
    pub(crate) fn decide(&mut self, candidate: Candidate<'_>, is_oldest: bool) -> Verdict {
        let Candidate { time, differs, tags } = candidate;
        self.measure(time);
        self.seen += 1;
        let mut kept_by = RuleSet::default();
        let mut as_oldest = RuleSet::default();
        if self.last.permits(time) {
            self.last.use_one();
            kept_by.insert(Rule::Last);
        }
        if self.within.is_some_and(|within| within.permits(time)) {
            kept_by.insert(Rule::Within);
        }
        if self.policy.lists_in(tags).next().is_some() {
            kept_by.insert(Rule::Tags);
        }
        if self.policy.changes && differs {
            kept_by.insert(Rule::Changes);
        }
        for newest in self.newest.iter_mut().filter(|n| n.allowance.permits(time)) {
            let bucket = self.calendar.local(time).bucket(newest.unit);
            let is_new = newest
                .bucket
                .is_none_or(|newer| bucket.is_before(newer, newest.unit));
            if !is_new && !is_oldest {
                continue;
            }
            newest.allowance.use_one();
            newest.bucket = Some(bucket);
            kept_by.insert(newest.rule);
            if !is_new {
                as_oldest.insert(newest.rule);
            }
        }
        self.kept += u64::from(!kept_by.is_empty());
        Verdict {
            kept_by,
            as_oldest,
            place: self.seen,
        }
    }

    /// Decides about every one of `newest_first`, lazily; `view` says what the rules see of it.
    #[cfg(test)]
    pub(crate) fn decide_all<T>(
        &mut self,
        newest_first: impl IntoIterator<Item = T>,
        view: impl Fn(&T) -> Candidate<'_>,
    ) -> impl Iterator<Item = (T, Verdict)> {
        let mut items = newest_first.into_iter().peekable();
        std::iter::from_fn(move || {
            let item = items.next()?;
            let verdict = self.decide(view(&item), items.peek().is_none());
            Some((item, verdict))
        })
    }

    /// How many it kept so far.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// How many it did not keep so far.
    pub(crate) fn forgotten(&self) -> u64 {
        self.seen - self.kept
    }

    /// Whether there were snapshots and none of them was kept: nobody means that of a whole group.
    pub(crate) fn would_remove_all(&self) -> bool {
        self.seen > 0 && self.kept == 0
    }

    /// The first snapshot that is not from the future is what `within` is measured from.
    fn measure(&mut self, time: Timestamp) {
        if self.is_measured || time > self.now {
            return;
        }
        self.is_measured = true;
        let zone = self.calendar.zone();
        let by_unit = self.newest.iter_mut().map(|newest| &mut newest.allowance);
        for allowance in by_unit.chain(&mut self.within) {
            allowance.measure_from(time, zone);
        }
    }
}
