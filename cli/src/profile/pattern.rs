//! The patterns of includes and excludes, and durations: how users write them, and what is made of them.
//!
//! A pattern is a glob relative to its root with `/` as separator on every system. Without a `/` it matches a
//! name at any depth; a leading `/` ties it to the top of the root; a trailing `/` changes nothing.

use std::time::Duration;

/// Says what is wrong with a pattern, as the rest of a sentence that starts with it, and what to write.
pub(crate) fn check(pattern: &str) -> Result<(), (String, Option<String>)> {
    let fault = |why: &str, hint: Option<String>| Err((why.to_owned(), hint));
    if pattern.trim_matches('/').is_empty() {
        return fault(
            "matches nothing",
            Some("name a file, or write `**` for everything".into()),
        );
    }
    if pattern.contains('\\') {
        let fixed = pattern.replace('\\', "/");
        return fault(
            "has a backslash",
            Some(format!("separate directories with `/`: {fixed:?}")),
        );
    }
    if let Some(rest) = pattern.strip_prefix('!') {
        let hint =
            format!("leave it out of the other list instead; a name that starts with `!` is `[!]{rest}`");
        return fault("starts with `!`, and patterns have no negation", Some(hint));
    }
    if pattern.split('/').any(|part| part == ".." || part == ".") {
        return fault(
            "has a `.` or `..` in it",
            Some("patterns are relative to the root".into()),
        );
    }
    match globset::GlobBuilder::new(&compile(pattern))
        .literal_separator(true)
        .build()
    {
        Ok(_) => Ok(()),
        Err(e) => Err((format!("is not a pattern: {}", e.kind()), None)),
    }
}

/// The glob for a pattern as written: what the walker gets knows no leading or trailing `/`.
pub(crate) fn compile(pattern: &str) -> String {
    let plain = pattern.trim_end_matches('/');
    match plain.strip_prefix('/') {
        // With a `/` inside, a pattern counts from the root anyway.
        Some(rest) if rest.contains('/') => rest.to_owned(),
        // A name alone would match at any depth: an alternative with a `/` ties it to the top.
        Some(rest) => format!("{{{rest},{rest}/**}}"),
        None => plain.to_owned(),
    }
}

/// Reads `90s`, `15m`, `1h`, `1h30m`, `2d` or `1w`; an error is the rest of a sentence about the value.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    const UNITS: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
    let mut seconds = 0_u64;
    for (count, written) in crate::times::parts(text)? {
        let unit = UNITS
            .iter()
            .find(|(name, _)| *name == written)
            .ok_or("has an unknown unit")?;
        seconds = count
            .checked_mul(unit.1)
            .and_then(|s| s.checked_add(seconds))
            .ok_or("is too long a time")?;
    }
    // A century: beyond it, arithmetic with dates fails, and nobody means it.
    match seconds {
        0 => Err("is no time at all"),
        s if s > 100 * 366 * 86_400 => Err("is too long a time"),
        s => Ok(Duration::from_secs(s)),
    }
}

/// Writes a duration as it is read.
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut text = String::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if rest >= seconds {
            text.push_str(&format!("{}{unit}", rest / seconds));
            rest %= seconds;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        let cases = [
            ("90s", 90),
            ("1m", 60),
            ("15m", 900),
            ("1h", 3600),
            ("1h30m", 5400),
            ("2d", 172_800),
        ];
        for (text, seconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("1w"), Ok(Duration::from_secs(604_800)));
        for bad in [
            "",
            "m",
            "15",
            "15 m",
            "-1m",
            "1.5h",
            "1y",
            "0s",
            "99999999999999999999s",
            "9999999w",
        ] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
        for text in ["1m", "1m30s", "15m", "1h30m", "2d"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn a_leading_slash_ties_a_pattern_to_the_top() {
        let matches = |pattern: &str, path: &str| {
            let glob = globset::GlobBuilder::new(&compile(pattern))
                .literal_separator(true)
                .build()
                .unwrap();
            glob.compile_matcher().is_match(path)
        };
        assert!(matches("/tmp", "tmp"));
        assert!(matches("/tmp", "tmp/a/b"));
        assert!(!matches("/tmp", "a/tmp"));
        assert!(matches("/*.{seq,ck}", "mail.ck"));
        assert!(!matches("/*.{seq,ck}", "a/mail.ck"));
        assert_eq!(compile("/a/b"), "a/b");
        assert_eq!(compile("cache/"), "cache");
        assert_eq!(compile("*.ck"), "*.ck");
    }
}
