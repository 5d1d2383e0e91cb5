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
    match moment(time) {
        Some(time) => time.to_string(),
        None => format!("@{}.{:09}", time.secs, time.nanos),
    }
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
