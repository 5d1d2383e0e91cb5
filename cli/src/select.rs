//! How people name snapshots and paths in them: `CONNECTOR@WHICH:PATH`.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan, Zoned};
use restante_format::catalog::{Selector, Which};
use restante_format::model::Timestamp;

use crate::failure::{Failure, Result};

/// A snapshot, and a path in it (empty for all of it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The snapshot.
    pub(crate) snapshot: Selector,
    /// The path inside.
    pub(crate) path: Vec<u8>,
}

/// Reads a name. `now` is what times of the day and `3h ago` refer to.
pub(crate) fn parse(text: &str, now: &Zoned) -> Result<Named> {
    let first_colon = text.find(':').unwrap_or(text.len());
    // An `@` behind the first colon belongs to a path.
    let (connector, rest) = match text[..first_colon].split_once('@') {
        Some((name, _)) => (Some(name.to_owned()), &text[name.len() + 1..]),
        None => (None, text),
    };
    if connector.as_deref() == Some("") {
        return Err(Failure::usage(format!(
            "{text:?} names no connector before the @"
        )));
    }
    // Times hold colons too: the longest beginning that names a snapshot is the snapshot.
    let ends = std::iter::once(rest.len()).chain(rest.rmatch_indices(':').map(|(at, _)| at));
    for end in ends {
        let (name, path) = (&rest[..end], rest[end..].trim_start_matches(':'));
        if let Some(which) = parse_which(name, now) {
            let text = text[..text.len() - rest.len() + end].to_owned();
            let snapshot = Selector {
                connector,
                which,
                text,
            };
            return Ok(Named {
                snapshot,
                path: path.as_bytes().to_vec(),
            });
        }
    }
    Err(Failure::usage(format!("{text:?} is not the name of a snapshot")).hint(
        "name it by latest, latest~2, 4 or more digits of its id, or a time: 2026-11-22T08:00:00Z, \"2026-11-22 08:00\", 08:42, \"3h ago\"",
    ))
}

fn parse_which(text: &str, now: &Zoned) -> Option<Which> {
    if text == "latest" {
        return Some(Which::Latest { back: 0 });
    }
    if let Some(back) = text.strip_prefix("latest~") {
        return back.parse().ok().map(|back| Which::Latest { back });
    }
    let is_id = (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id {
        return Some(Which::Prefix(text.to_owned()));
    }
    parse_time(text, now).map(Which::At)
}

/// The last moment of the day, minute, second or instant that a text names.
pub(crate) fn parse_time(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(last_of(instant, has_fraction(text), 1.second()));
    }
    if text == "now" {
        return Some(timestamp(now.timestamp()));
    }
    if text.ends_with("ago") {
        let span: Span = text.parse().ok()?;
        return Some(timestamp(now.checked_add(span).ok()?.timestamp()));
    }
    let colons = text.matches(':').count();
    let unit = if colons == 1 { 1.minute() } else { 1.second() };
    let local = |time: DateTime| Some(time.to_zoned(now.time_zone().clone()).ok()?.timestamp());
    if colons == 0 {
        let day: Date = text.parse().ok()?;
        return Some(last_of(local(day.at(0, 0, 0, 0))?, false, 24.hours()));
    }
    if let Ok(time) = text.parse::<Time>() {
        return Some(last_of(
            local(now.date().to_datetime(time))?,
            has_fraction(text),
            unit,
        ));
    }
    let time: DateTime = text.parse().ok()?;
    Some(last_of(local(time)?, has_fraction(text), unit))
}

fn has_fraction(text: &str) -> bool {
    text.contains('.')
}

fn last_of(start: jiff::Timestamp, exact: bool, unit: Span) -> Timestamp {
    let end = if exact {
        None
    } else {
        start
            .checked_add(unit)
            .and_then(|end| end.checked_sub(1.nanosecond()))
            .ok()
    };
    timestamp(end.unwrap_or(start))
}

fn timestamp(time: jiff::Timestamp) -> Timestamp {
    let nanos = time.as_nanosecond();
    Timestamp {
        secs: nanos.div_euclid(1_000_000_000) as i64,
        nanos: nanos.rem_euclid(1_000_000_000) as u32,
    }
}

/// The instant that a text names exactly, for `--time`.
pub(crate) fn parse_instant(text: &str, now: &Zoned) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(timestamp(instant));
    }
    let end = parse_time(text, now)?;
    let is_instant = text == "now" || text.ends_with("ago") || has_fraction(text);
    // `parse_time` gives the end of the minute or second: its beginning is meant here.
    let unit = match text.matches(':').count() {
        0 => return is_instant.then_some(end),
        1 => 60,
        _ => 1,
    };
    Some(if is_instant {
        end
    } else {
        Timestamp {
            secs: end.secs + 1 - unit,
            nanos: 0,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-22T10:00:00+01:00[Europe/Berlin]"
            .parse()
            .expect("a time")
    }

    fn at(text: &str) -> i64 {
        match parse(text, &now()).expect(text).snapshot.which {
            Which::At(time) => time.secs,
            other => panic!("{text} is {other:?}"),
        }
    }

    fn utc(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().expect(text).as_second()
    }

    #[test]
    fn snapshots_by_position_and_id() {
        let named = parse("latest", &now()).expect("a name");
        assert_eq!(named.snapshot.which, Which::Latest { back: 0 });
        assert_eq!((named.snapshot.connector, named.path), (None, vec![]));
        assert_eq!(
            parse("latest~12", &now()).expect("a name").snapshot.which,
            Which::Latest { back: 12 }
        );
        let named = parse("lotus-notes@77A1:Conndata/Tables", &now()).expect("a name");
        assert_eq!(named.snapshot.which, Which::Prefix("77A1".into()));
        assert_eq!(named.snapshot.connector.as_deref(), Some("lotus-notes"));
        assert_eq!(named.snapshot.text, "lotus-notes@77A1");
        assert_eq!(named.path, b"Conndata/Tables");
    }

    #[test]
    fn a_time_stands_for_all_of_the_minute_or_second_that_it_names() {
        assert_eq!(at("2026-11-22T08:00:00Z"), utc("2026-11-22T08:00:00Z"));
        assert_eq!(at("2026-11-22 08:00"), utc("2026-11-22T07:00:59Z"));
        assert_eq!(at("08:42"), utc("2026-11-22T07:42:59Z"));
        assert_eq!(at("2026-11-21"), utc("2026-11-21T22:59:59Z"));
        assert_eq!(at("3h ago"), utc("2026-11-22T06:00:00Z"));
        assert_eq!(at("1 day 2 hours ago"), utc("2026-11-21T07:00:00Z"));
    }

    #[test]
    fn paths_may_follow_times_and_hold_anything() {
        let named = parse("c@2026-11-22 08:00:a:b@c/d", &now()).expect("a name");
        assert_eq!(named.path, b"a:b@c/d");
        assert!(matches!(named.snapshot.which, Which::At(_)));
        let named = parse("latest:x@y", &now()).expect("a name");
        assert_eq!(
            (named.snapshot.connector, named.path.as_slice()),
            (None, &b"x@y"[..])
        );
        assert_eq!(parse("latest:10", &now()).expect("a name").path, b"10");
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for bad in [
            "",
            "newest",
            "abc",
            "latest~",
            "latest~x",
            "@latest",
            "25:99",
            "xyz:path",
            "2026-13-01",
        ] {
            assert!(parse(bad, &now()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_time_of_a_snapshot_is_an_instant() {
        let instant = |text: &str| parse_instant(text, &now()).map(|time| time.secs);
        assert_eq!(instant("2026-11-22T08:00:00Z"), Some(utc("2026-11-22T08:00:00Z")));
        assert_eq!(instant("2026-11-22 08:00"), Some(utc("2026-11-22T07:00:00Z")));
        assert_eq!(instant("2026-11-22 08:00:05"), Some(utc("2026-11-22T07:00:05Z")));
        assert_eq!(instant("1h ago"), Some(utc("2026-11-22T08:00:00Z")));
        assert_eq!(instant("soon"), None);
    }
}
