//! How people name snapshots and paths in them: `CONNECTOR@WHICH:PATH`.

use std::ffi::OsStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan, Zoned};
use restante_format::catalog::{Selector, Which};
use restante_format::model::{Timestamp, display_bytes};
use restante_format::names::from_os;

use crate::failure::{Failure, Result};
use crate::suggest::nearest;

/// A snapshot, and a path in it (empty for all of it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The snapshot.
    pub(crate) snapshot: Selector,
    /// The path inside.
    pub(crate) path: Vec<u8>,
}

/// Reads a name whose path may be any bytes.
pub(crate) fn parse_os(text: &OsStr, now: &Zoned) -> Result<Named> {
    let bytes = from_os(text);
    let text_len = match std::str::from_utf8(&bytes) {
        Ok(text) => return parse(text, now),
        Err(error) => error.valid_up_to(),
    };
    // Only a path can be no text, and it comes last.
    let (text, rest) = bytes.split_at(text_len);
    let mut named = parse(&String::from_utf8_lossy(text), now)?;
    if named.path.is_empty() && !text.ends_with(b":") {
        let shown = display_bytes(&bytes);
        return Err(Failure::usage(format!("{shown} is not the name of a snapshot")));
    }
    named.path.extend_from_slice(rest);
    Ok(named)
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
    let failure = Failure::usage(format!("{text:?} is not the name of a snapshot"));
    let word = rest.split([':', '~']).next().unwrap_or_default();
    let failure = match nearest(word, &["latest"]) {
        Some(near) => {
            let wanted = text.replacen(word, near, 1);
            failure.hint(format!("did you mean {wanted:?}?"))
        }
        None => failure,
    };
    Err(failure.hint(
        "name it by latest, latest~2, 4 or more digits of its id, or a time: 2026-11-22T08:00:00Z, \"2026-11-22 08:00\", 2026-11-22, 08:42, \"3h ago\"",
    ))
}

/// Reads a path inside all snapshots, or those of a connector: `PATH` or `CONNECTOR@:PATH`.
pub(crate) fn parse_path(text: &OsStr) -> (Option<String>, Vec<u8>) {
    let bytes = from_os(text);
    let at = bytes.windows(2).position(|pair| pair == b"@:");
    let connector = at.and_then(|at| std::str::from_utf8(&bytes[..at]).ok());
    match connector.filter(|name| !name.is_empty() && !name.contains(['/', ':', '@'])) {
        Some(name) => (Some(name.to_owned()), bytes[name.len() + 2..].to_vec()),
        None => (None, bytes),
    }
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
    let (start, length) = read_time(text.trim(), now)?;
    let end = start
        .checked_add(length)
        .and_then(|end| end.checked_sub(1.nanosecond()));
    // Where nothing comes after it, and for an instant, it is its own end.
    Some(timestamp(end.unwrap_or(start.clone()).max(start).timestamp()))
}

/// The first moment of what a text names, for `--time` and `--since`.
pub(crate) fn parse_instant(text: &str, now: &Zoned) -> Option<Timestamp> {
    read_time(text.trim(), now).map(|(start, _)| timestamp(start.timestamp()))
}

/// When what a text names begins, and how long it lasts: nothing at all for an instant.
fn read_time(text: &str, now: &Zoned) -> Option<(Zoned, Span)> {
    let unit = if text.contains('.') {
        Span::new()
    } else {
        1.second()
    };
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some((instant.to_zoned(now.time_zone().clone()), unit));
    }
    if text == "now" {
        return Some((now.clone(), Span::new()));
    }
    if text.ends_with("ago") {
        let span: Span = text.parse().ok()?;
        return Some((now.checked_add(span).ok()?, Span::new()));
    }
    let unit = match text.matches(':').count() {
        0 => 1.hour(),
        1 => 1.minute(),
        _ => unit,
    };
    let local = |time: DateTime| time.to_zoned(now.time_zone().clone()).ok();
    // jiff reads a time of the day, and a day, out of a whole date with a time and drops the rest: what has
    // a date is never given to it as a time, and the other way round.
    if is_time_of_day(text) {
        let padded = if text.find(':') == Some(1) {
            format!("0{text}")
        } else {
            text.to_owned()
        };
        let time: Time = padded.parse().ok()?;
        let today = local(now.date().to_datetime(time))?;
        // Nobody names a time that is still to come.
        return Some(if today > *now {
            (local(now.date().yesterday().ok()?.to_datetime(time))?, unit)
        } else {
            (today, unit)
        });
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        let day: Date = text.parse().ok()?;
        return Some((day.to_zoned(now.time_zone().clone()).ok()?, 1.day()));
    }
    let is_dated = text.as_bytes().iter().filter(|b| **b == b'-').count() >= 2;
    if !is_dated {
        return None;
    }
    let time: DateTime = text.parse().ok()?;
    Some((local(time)?, unit))
}

/// Whether a text has the shape `8:42`, `08:42`, `08:42:10` or `08:42:10.5`.
fn is_time_of_day(text: &str) -> bool {
    let mut parts = text.split(':');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let hours = parts.next().unwrap_or_default();
    let Some(minutes) = parts.next() else { return false };
    let seconds = parts.next().is_none_or(|part| match part.split_once('.') {
        Some((whole, fraction)) => whole.len() == 2 && digits(whole) && digits(fraction),
        None => part.len() == 2 && digits(part),
    });
    digits(hours)
        && hours.len() <= 2
        && digits(minutes)
        && minutes.len() == 2
        && seconds
        && parts.next().is_none()
}

/// A moment as the format has it.
pub(crate) fn timestamp(time: jiff::Timestamp) -> Timestamp {
    let nanos = time.as_nanosecond();
    Timestamp {
        secs: nanos.div_euclid(1_000_000_000) as i64,
        nanos: nanos.rem_euclid(1_000_000_000) as u32,
    }
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

    #[cfg(unix)]
    #[test]
    fn paths_may_be_any_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let named = parse_os(OsStr::from_bytes(b"c@latest:a\xff/b"), &now()).expect("a name");
        assert_eq!(named.path, b"a\xff/b");
        let named = parse_os(OsStr::from_bytes(b"latest:\xff"), &now()).expect("a name");
        assert_eq!(named.path, b"\xff");
        assert!(parse_os(OsStr::from_bytes(b"latest\xff"), &now()).is_err());
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
    fn paths_in_all_snapshots() {
        let parse = |text: &str| parse_path(OsStr::new(text));
        assert_eq!(parse("/etc/hosts"), (None, b"/etc/hosts".to_vec()));
        assert_eq!(
            parse("lotus-notes@:a@:b"),
            (Some("lotus-notes".into()), b"a@:b".to_vec())
        );
        assert_eq!(parse("a/b@:c"), (None, b"a/b@:c".to_vec()));
        assert_eq!(parse("@:c"), (None, b"@:c".to_vec()));
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
        assert_eq!(instant("2030-01-01"), Some(utc("2029-12-31T23:00:00Z")));
        assert_eq!(instant("2020-01-01"), Some(utc("2019-12-31T23:00:00Z")));
        assert_eq!(instant("soon"), None);
    }

    #[test]
    fn a_date_is_never_dropped() {
        assert_eq!(at("1999-05-05 10:30"), utc("1999-05-05T08:30:59Z"));
        assert_eq!(at("1999-05-05T10:30"), utc("1999-05-05T08:30:59Z"));
        assert_eq!(at("1999-05-05 10:30:15"), utc("1999-05-05T08:30:15Z"));
        assert_eq!(at("1999-05-05T10"), utc("1999-05-05T08:59:59Z"));
    }

    #[test]
    fn a_time_of_the_day_is_the_last_one_that_was() {
        assert_eq!(at("10:00"), utc("2026-11-22T09:00:59Z"));
        assert_eq!(at("10:01"), utc("2026-11-21T09:01:59Z"));
        assert_eq!(at("8:42"), utc("2026-11-22T07:42:59Z"));
        assert_eq!(at("23:59:30"), utc("2026-11-21T22:59:30Z"));
    }

    #[test]
    fn days_are_as_long_as_the_clocks_make_them() {
        // 25 hours and 23 hours.
        assert_eq!(at("2026-10-25"), utc("2026-10-25T22:59:59Z"));
        assert_eq!(at("2026-03-29"), utc("2026-03-29T21:59:59Z"));
    }
}
