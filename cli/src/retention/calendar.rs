//! Which minute, hour, day, week, month and year of a time zone a moment belongs to, as numbers.

use std::ops::{Index, IndexMut, RangeInclusive};

use jiff::tz::{Offset, TimeZone};
use restante_format::model::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// A part of the calendar of which the newest snapshot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    /// Every unit, the shortest first.
    pub(crate) const ALL: [Self; 6] = [
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    /// How a rule for it is called.
    pub(crate) const fn adverb(self) -> &'static str {
        match self {
            Self::Minute => "minutely",
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Year => "yearly",
        }
    }
}

/// A value for each unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ByUnit<T>([T; Unit::ALL.len()]);

impl<T> Index<Unit> for ByUnit<T> {
    type Output = T;

    fn index(&self, unit: Unit) -> &T {
        &self.0[unit as usize]
    }
}

impl<T> IndexMut<Unit> for ByUnit<T> {
    fn index_mut(&mut self, unit: Unit) -> &mut T {
        &mut self.0[unit as usize]
    }
}

/// One minute, one hour, … of a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    number: i64,
    /// Tells apart the hours that clocks show twice; 0 for days and what is longer.
    offset: i64,
}

impl Bucket {
    /// Whether it is another one than `newer`, to which a moment that is not before any of this one's belongs.
    pub(super) fn is_before(self, newer: Self, unit: Unit) -> bool {
        match unit {
            Unit::Minute | Unit::Hour => self != newer,
            // Where clocks go back over midnight, a day comes again for an hour: it was counted.
            _ => self.number < newer.number,
        }
    }
}

/// A moment as a clock of the zone shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local {
    /// Seconds since the clock showed the beginning of 1970, had it never been put forward or back.
    seconds: i64,
    pub(super) offset: i64,
}

impl Local {
    pub(super) fn bucket(self, unit: Unit) -> Bucket {
        let by_clock = |length| Bucket {
            number: self.seconds.div_euclid(length),
            offset: self.offset,
        };
        let by_date = |number| Bucket { number, offset: 0 };
        let day = self.seconds.div_euclid(DAY);
        match unit {
            Unit::Minute => by_clock(MINUTE),
            Unit::Hour => by_clock(HOUR),
            Unit::Day => by_date(day),
            // 1970 began on a Thursday, and an ISO week begins on a Monday.
            Unit::Week => by_date((day + 3).div_euclid(7)),
            Unit::Month => {
                let date = self.date();
                by_date(i64::from(date.year()) * 12 + i64::from(date.month()))
            }
            Unit::Year => by_date(self.date().year().into()),
        }
    }

    fn date(self) -> jiff::civil::Date {
        Offset::UTC.to_datetime(moment(self.seconds)).date()
    }
}

/// A time zone that remembers which offset it had last, and from when to when: most moments that are looked up one
/// after the other have the same.
#[derive(Debug)]
pub(super) struct Calendar {
    zone: TimeZone,
    known: RangeInclusive<i64>,
    offset: i64,
}

impl Calendar {
    pub(super) fn new(zone: TimeZone) -> Self {
        // Nothing is known yet: the range is empty.
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is meant")]
        let known = 1..=0;
        Self {
            zone,
            known,
            offset: 0,
        }
    }

    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// What a clock of the zone shows at a time. Times that no calendar has are taken for the first or the last day.
    pub(super) fn local(&mut self, time: Timestamp) -> Local {
        let seconds = on_calendar(time.secs);
        if !self.known.contains(&seconds) {
            self.learn(seconds);
        }
        Local {
            seconds: seconds + self.offset,
            offset: self.offset,
        }
    }

    fn learn(&mut self, seconds: i64) {
        let at = moment(seconds);
        self.offset = self.zone.to_offset(at).seconds().into();
        // The second after, since a change at this very moment has happened.
        let last_change = self.zone.preceding(moment(seconds + 1)).next();
        let next_change = self.zone.following(at).next();
        let from = last_change.map_or(i64::MIN, |change| change.timestamp().as_second());
        let until = next_change.map_or(i64::MAX, |change| change.timestamp().as_second());
        self.known = from..=until.saturating_sub(1);
    }
}

/// A time as jiff has it, the nearest one that it has.
pub(super) fn instant(time: Timestamp) -> jiff::Timestamp {
    let nanos = i32::try_from(time.nanos).unwrap_or(0);
    jiff::Timestamp::new(on_calendar(time.secs), nanos).unwrap_or_else(|_| moment(time.secs))
}

fn moment(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

/// Keeps two days away from the ends of the calendar, so that it has every local time too.
fn on_calendar(seconds: i64) -> i64 {
    let (first, last) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    seconds.clamp(first.as_second() + 2 * DAY, last.as_second() - 2 * DAY)
}
