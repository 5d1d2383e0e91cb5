//! Numbers, sizes and times as text.

use std::time::Duration;

use jiff::tz::TimeZone;
use restante_format::model::{Timestamp, display_bytes};

/// A size in bytes for people, in decimal units.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // 999,950 bytes are 1.0 MB, not 1000.0 KB.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with thousands separated.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A duration in seconds, with more digits where it is short.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        0..=9 => format!("{seconds:.2} s"),
        10..=119 => format!("{seconds:.1} s"),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// A time as jiff has it; none beyond the year 9999, where RFC 3339 ends too.
fn moment(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(time.secs, time.nanos as i32).ok()
}

/// A time in UTC for scripts.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    match (since_year_0(time.secs), moment(time)) {
        (Some(seconds), _) => rfc3339_of(seconds, time.nanos),
        (None, Some(time)) => time.to_string(),
        (None, None) => format!("@{}.{:09}", time.secs, time.nanos),
    }
}

/// Seconds since the beginning of the year 0, up to the end of the year 9999.
fn since_year_0(secs: i64) -> Option<u64> {
    const DAYS_TO_1970: i64 = 719_528;
    const DAYS_TO_10000: u64 = 3_652_425;
    let seconds = secs.checked_add(DAYS_TO_1970 * 86_400)?;
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds < DAYS_TO_10000 * 86_400)
}

/// Lists have a million times: this is what jiff writes, at a fraction of the cost.
fn rfc3339_of(seconds: u64, nanos: u32) -> String {
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = String::with_capacity(32);
    let mut put = |value: u64, digits: u32, behind: char| {
        for place in (0..digits).rev() {
            let digit = value / 10_u64.pow(place) % 10;
            text.push(char::from(b'0' + digit as u8));
        }
        text.push(behind);
    };
    put(year, 4, '-');
    put(month, 2, '-');
    put(day, 2, 'T');
    put(hour, 2, ':');
    put(minute, 2, ':');
    put(second, 2, '.');
    put(u64::from(nanos), 9, 'Z');
    // No digits that say nothing.
    text.pop();
    text.truncate(text.trim_end_matches('0').len());
    if text.ends_with('.') {
        text.pop();
    }
    text.push('Z');
    text
}

/// Year, month and day so many days behind the first day of the year 0.
fn date(days: u64) -> (u64, u64, u64) {
    // Counted from March, so that the leap day is the last of its year; 400 years earlier, so that nothing is negative.
    let days = days + 146_097 - 60;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month <= 2) - 400;
    (year, month, day)
}

/// A time in the local time zone for people, by a `strftime` pattern.
pub(crate) fn local_time(time: Timestamp, pattern: &str) -> String {
    in_zone(time, &TimeZone::system(), pattern)
}

/// A time in a time zone for people, by a `strftime` pattern.
pub(crate) fn in_zone(time: Timestamp, zone: &TimeZone, pattern: &str) -> String {
    match moment(time) {
        Some(time) => time.to_zoned(zone.clone()).strftime(pattern).to_string(),
        None => format!("@{}", time.secs),
    }
}

/// A path for JSON, which has no bytes: as it is where it is UTF-8, escaped elsewhere.
pub(crate) fn json_path(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) => text.to_owned(),
        Err(_) => display_bytes(path),
    }
}

/// The bytes of a path in hexadecimal digits, where it is not UTF-8 and JSON cannot hold it.
pub(crate) fn path_bytes(path: &[u8]) -> Option<String> {
    let is_text = std::str::from_utf8(path).is_ok();
    (!is_text).then(|| path.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A word of a command line as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@~+,=\\%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else if cfg!(windows) {
        format!("\"{word}\"")
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KB"),
            (48_213, "48.2 KB"),
            (999_949, "999.9 KB"),
            (999_950, "1.0 MB"),
            (536_862_720, "536.9 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn counts_and_durations() {
        assert_eq!(count(7), "7");
        assert_eq!(count(34_212), "34,212");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plural(1, "file", "files"), "1 file");
        assert_eq!(duration(Duration::from_millis(80)), "0.08 s");
        assert_eq!(duration(Duration::from_secs(75)), "75.0 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 05 s");
    }

    #[test]
    fn words_for_shells_and_bytes_for_scripts() {
        assert_eq!(quoted("/srv/archive"), "/srv/archive");
        if !cfg!(windows) {
            assert_eq!(quoted("/srv/my archive"), "'/srv/my archive'");
            assert_eq!(quoted("it's"), "'it'\\''s'");
        }
        assert_eq!(path_bytes("größe".as_bytes()), None);
        assert_eq!(path_bytes(b"a\xff").as_deref(), Some("61ff"));
    }

    #[test]
    fn times_for_scripts_are_those_of_jiff() {
        let first = -62_167_219_200_i64;
        let mut secs = first - 100_000;
        while secs < 253_402_300_800 + 100_000 {
            for nanos in [0, 1, 120_000_000, 999_999_999] {
                let time = Timestamp { secs, nanos };
                if let Some(of_jiff) = moment(time) {
                    assert_eq!(rfc3339(time), of_jiff.to_string());
                }
            }
            // Every day of several hundred years comes up, and every second of the day.
            secs += if secs % 7 == 0 { 86_399 } else { 40 * 86_401 };
        }
    }

    #[test]
    fn times_for_scripts() {
        assert_eq!(rfc3339(Timestamp { secs: 0, nanos: 0 }), "1970-01-01T00:00:00Z");
        assert_eq!(
            rfc3339(Timestamp {
                secs: -1,
                nanos: 500_000_000
            }),
            "1969-12-31T23:59:59.5Z"
        );
        assert_eq!(
            rfc3339(Timestamp {
                secs: i64::MAX,
                nanos: 1
            }),
            "@9223372036854775807.000000001"
        );
    }
}
