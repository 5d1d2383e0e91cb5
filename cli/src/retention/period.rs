//! How far back a rule reaches: years, months and days of the calendar, and hours.

use std::fmt;
use std::str::FromStr;

use jiff::Span;
use jiff::tz::TimeZone;
use restante_format::model::Timestamp;

use super::calendar::instant;

/// The units with their letters, the longest first. A letter `m` alone has no place here: see [`parse`](Period::from_str).
const UNITS: [&str; 7] = ["y", "mo", "w", "d", "h", "min", "s"];

/// Nobody means more years than this, and arithmetic with dates ends at 9999.
const YEARS: u64 = 1000;

/// A time back from a snapshot, as in `1y6mo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    months: u32,
    days: u32,
    seconds: u64,
}

impl Period {
    /// How one is written, for messages.
    pub(crate) const HOW: &str =
        "write a number with a unit: \"2d\", \"12h\" or \"1y6mo\"; months are mo, minutes min";

    /// The moment that lies so long before `time` in a zone.
    pub(super) fn before(self, time: Timestamp, zone: &TimeZone) -> Timestamp {
        let earliest = Timestamp {
            secs: i64::MIN,
            nanos: 0,
        };
        let span = Span::new()
            .try_months(self.months)
            .and_then(|span| span.try_days(self.days))
            .and_then(|span| span.try_seconds(i64::try_from(self.seconds).unwrap_or(i64::MAX)));
        let start = instant(time).to_zoned(zone.clone());
        let Ok(reached) = span.and_then(|span| start.checked_sub(span)) else {
            return earliest;
        };
        Timestamp {
            secs: reached.timestamp().as_second(),
            nanos: time.nanos,
        }
    }
}

/// The first number is years or the like; an error is the rest of a sentence about the value.
///
/// The letter `m` means months to restic and minutes to profiles, and a wrong guess forgets snapshots. So it is read
/// only where its neighbours say which: months in `1y6m`, `6m7d` and `5m3h`, minutes in `1h30m` and `5m30s`.
impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = crate::times::parts(text)?;
        let mut sums = [0_u64; UNITS.len()];
        let mut next = 0;
        for (i, (count, written)) in parts.iter().enumerate() {
            let before = i.checked_sub(1).map(|i| parts[i].1);
            let after = parts.get(i + 1).map(|part| part.1);
            let unit = match (*written, before, after) {
                ("m", Some("y"), _) | ("m", _, Some("w" | "d" | "h")) => "mo",
                ("m", Some("h"), _) | ("m", _, Some("s")) => "min",
                ("m", ..) => return Err("has an `m` that may be months or minutes"),
                (written, ..) => written,
            };
            let at = UNITS
                .iter()
                .position(|known| *known == unit)
                .ok_or("has an unknown unit")?;
            if at < next {
                return Err("has a shorter unit before a longer one");
            }
            next = at + 1;
            sums[at] = *count;
        }
        let [years, months, weeks, days, hours, minutes, seconds] = sums;
        let sum = |parts: &[(u64, u64)], limit: u64| {
            let add = |sum: u64, (count, size): &(u64, u64)| sum.checked_add(count.checked_mul(*size)?);
            let sum = parts.iter().try_fold(0_u64, add).filter(|sum| *sum <= limit);
            sum.ok_or("is too long a time")
        };
        let months = sum(&[(years, 12), (months, 1)], YEARS * 12)?;
        let days = sum(&[(weeks, 7), (days, 1)], YEARS * 366)?;
        let seconds = sum(
            &[(hours, 3600), (minutes, 60), (seconds, 1)],
            YEARS * 366 * 86_400,
        )?;
        if months == 0 && days == 0 && seconds == 0 {
            return Err("is no time at all");
        }
        Ok(Self {
            months: u32::try_from(months).map_err(|_| "is too long a time")?,
            days: u32::try_from(days).map_err(|_| "is too long a time")?,
            seconds,
        })
    }
}

/// As it is read: `1y6mo`, `2d`, `1h30min`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (u64::from(self.months / 12), "y"),
            (u64::from(self.months % 12), "mo"),
            (u64::from(self.days), "d"),
            (self.seconds / 3600, "h"),
            (self.seconds / 60 % 60, "min"),
            (self.seconds % 60, "s"),
        ];
        for (count, unit) in parts.iter().filter(|(count, _)| *count > 0) {
            write!(f, "{count}{unit}")?;
        }
        Ok(())
    }
}
