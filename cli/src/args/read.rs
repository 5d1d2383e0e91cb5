//! How the values of options are read.

use std::time::Duration;

/// Reads a number that is not 0.
pub(super) fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it is a number from 1 on".into()),
        Ok(number) => Ok(number),
    }
}

/// Reads a time such as 30s, 2m or 1h30m.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    crate::profile::duration(text).map_err(|why| format!("it {why}: write it as 30s, 2m or 1h30m"))
}

/// Reads a size: bytes, or a number followed by K, M, G or T (of 1,024), with or without B or iB.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err("a size is a number followed by K, M, G or T".into()),
    };
    let number: u64 = digits
        .trim()
        .parse()
        .map_err(|_| "a size is a number followed by K, M, G or T".to_owned())?;
    number
        .checked_shl(shift)
        .filter(|size| size >> shift == number)
        .ok_or_else(|| "the size is too large".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("65536"), Ok(65536));
        assert_eq!(parse_size("128M"), Ok(128 << 20));
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert!(
            parse_size("lots").is_err() && parse_size("99999999999T").is_err() && parse_size("").is_err()
        );
    }

    #[test]
    fn counts_and_times() {
        assert_eq!(parse_count("12"), Ok(12));
        assert!(parse_count("0").is_err() && parse_count("-1").is_err() && parse_count("many").is_err());
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert!(parse_duration("0").is_err() && parse_duration("soon").is_err());
    }
}
