//! Times as the programs want them to be written. All in UTC.

/// `2023-11-14T22:13:20Z`.
pub fn rfc3339(secs: i64) -> String {
    format!("{}Z", local(secs))
}

/// `2023-11-14T22:13:20`: borg's way.
pub fn local(secs: i64) -> String {
    spaced(secs).replace(' ', "T")
}

/// `2023-11-14 22:13:20`: restic's way.
pub fn spaced(secs: i64) -> String {
    let time = jiff::Timestamp::from_second(secs).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(rfc3339(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(local(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(spaced(0), "1970-01-01 00:00:00");
    }
}
