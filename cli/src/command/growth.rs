//! `stats --growth`: what was added, by time and connector.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned, civil};
use restante_format::archive::Grown;
use restante_format::model::Timestamp;
use serde::Serialize;

use super::source::{Source, are_of_many_hosts};
use crate::args::{GrowthBy, Stats};
use crate::context::{Access, Context};
use crate::failure::Result;
use crate::select::timestamp;
use crate::show::{Align, SeriesDocument, Table, count, rfc3339, size};

/// Prints a row for each period and source.
pub(crate) fn run(cx: &mut Context, args: &Stats) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    let scope = cx.scope(&archive, &args.range)?;
    let mut periods = Periods::new(args.by, TimeZone::system());
    // Series of one connector whose roots differ are one row.
    let mut rows: BTreeMap<(Option<Span>, Source), Grown> = BTreeMap::new();
    archive.growth(
        &scope,
        &cx.progress,
        &mut |time| periods.of(time),
        &mut |period, series, grown| {
            rows.entry((period, Source::of(series))).or_default().add(&grown);
            Ok(())
        },
    )?;
    let mut total = Grown::default();
    rows.values().for_each(|grown| total.add(grown));
    if cx.out.json {
        for ((period, source), grown) in &rows {
            cx.out.json_line(&Document::new(*period, source, grown))?;
        }
        return Ok(());
    }
    if rows.is_empty() {
        cx.out.notice("no snapshots");
        return Ok(());
    }
    let heading = match args.by {
        GrowthBy::Day => "DAY",
        GrowthBy::Week => "WEEK FROM",
        GrowthBy::Month => "MONTH",
    };
    let mut table = Table::new(&[
        (heading, Align::Left),
        ("SOURCE", Align::Left),
        ("HOST", Align::Left),
        ("SNAPSHOTS", Align::Right),
        ("CHANGED", Align::Right),
        ("READ", Align::Right),
        ("STORED", Align::Right),
    ]);
    let many_hosts = are_of_many_hosts(rows.keys().map(|(_, source)| source));
    let mut add = |when: String, source: String, host: String, grown: &Grown| {
        table.row(vec![
            when,
            source,
            host,
            count(grown.snapshots),
            count(grown.changed),
            size(grown.read_bytes),
            size(grown.stored_bytes),
        ]);
    };
    for ((period, source), grown) in &rows {
        let when = period.map_or_else(|| "?".into(), |period| period.name(args.by));
        let host = match many_hosts {
            true => source.host.clone(),
            false => String::new(),
        };
        add(when, source.name(), host, grown);
    }
    if rows.len() > 1 {
        add("total".into(), String::new(), String::new(), &total);
    }
    cx.out.table(&table)
}

/// A day, week or month: from its first moment to the first one behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    start: Timestamp,
    end: Timestamp,
    first_day: civil::Date,
}

impl Span {
    fn name(&self, by: GrowthBy) -> String {
        let pattern = match by {
            GrowthBy::Month => "%Y-%m",
            _ => "%Y-%m-%d",
        };
        self.first_day.strftime(pattern).to_string()
    }
}

/// Finds the periods of times; most are in that of the one before.
struct Periods {
    by: GrowthBy,
    zone: TimeZone,
    last: Option<Span>,
}

impl Periods {
    fn new(by: GrowthBy, zone: TimeZone) -> Self {
        Self { by, zone, last: None }
    }

    /// None for what is beyond the calendar.
    fn of(&mut self, time: Timestamp) -> Option<Span> {
        let is_in = |span: &Span| span.start <= time && time < span.end;
        if !self.last.as_ref().is_some_and(is_in) {
            self.last = self.find(time);
        }
        self.last
    }

    fn find(&self, time: Timestamp) -> Option<Span> {
        let instant = jiff::Timestamp::new(time.secs, time.nanos as i32).ok()?;
        let day = instant.to_zoned(self.zone.clone()).date();
        let (first_day, length) = match self.by {
            GrowthBy::Day => (day, 1.day()),
            GrowthBy::Week => {
                let since_monday = i64::from(day.weekday().to_monday_zero_offset());
                (day.checked_sub(since_monday.days()).ok()?, 1.week())
            }
            GrowthBy::Month => (day.first_of_month(), 1.month()),
        };
        let midnight = |day: civil::Date| -> Option<Zoned> { day.to_zoned(self.zone.clone()).ok() };
        Some(Span {
            start: timestamp(midnight(first_day)?.timestamp()),
            end: timestamp(midnight(first_day.checked_add(length).ok()?)?.timestamp()),
            first_day,
        })
    }
}

#[derive(Serialize)]
struct Document<'a> {
    from: Option<String>,
    to: Option<String>,
    #[serde(flatten)]
    source: SeriesDocument<'a>,
    snapshots: u64,
    changed: u64,
    read_bytes: u64,
    stored_bytes: u64,
}

impl<'a> Document<'a> {
    fn new(period: Option<Span>, source: &'a Source, grown: &Grown) -> Self {
        Self {
            from: period.map(|span| rfc3339(span.start)),
            to: period.map(|span| rfc3339(span.end)),
            source: source.document(),
            snapshots: grown.snapshots,
            changed: grown.changed,
            read_bytes: grown.read_bytes,
            stored_bytes: grown.stored_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(by: GrowthBy, zone: &str, time: &str) -> String {
        let zone = TimeZone::get(zone).expect("a zone");
        let time = timestamp(time.parse().expect("a time"));
        let span = Periods::new(by, zone).of(time).expect("a period");
        format!("{} {}", span.name(by), (span.end.secs - span.start.secs) / 3600)
    }

    #[test]
    fn days_weeks_and_months_are_local() {
        let berlin = "Europe/Berlin";
        assert_eq!(
            named(GrowthBy::Day, berlin, "2026-10-24T22:30:00Z"),
            "2026-10-25 25"
        );
        assert_eq!(
            named(GrowthBy::Day, berlin, "2026-03-29T21:59:59Z"),
            "2026-03-29 23"
        );
        assert_eq!(
            named(GrowthBy::Week, berlin, "2026-11-22T22:59:59Z"),
            "2026-11-16 168"
        );
        assert_eq!(
            named(GrowthBy::Month, berlin, "2026-10-31T22:59:59Z"),
            "2026-10 745"
        );
    }
}
