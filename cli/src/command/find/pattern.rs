//! The pattern of `find`.

use std::borrow::Cow;
use std::ffi::OsStr;

use globset::{Candidate, GlobBuilder, GlobMatcher};
use restante_format::names::from_os;

use crate::failure::{Failure, Result};

/// Globs are text: this character and so many behind it stand for the bytes that are none, in patterns and in paths.
const NO_TEXT: u32 = 0xF700;

/// A glob for names, or for whole paths.
pub(super) struct Pattern(GlobMatcher);

impl Pattern {
    /// Without a `/` a pattern is for names. One that does not begin with a `/` may begin anywhere.
    pub(super) fn new(pattern: &OsStr, ignore_case: bool) -> Result<Self> {
        let bytes = from_os(pattern);
        if bytes.iter().all(|byte| *byte == b'/') {
            return Err(Failure::usage("the pattern is empty")
                .hint("say what to look for: hosts, '*.pst', or '*' for everything"));
        }
        let glob = glob_of(&bytes);
        let text = text_of(&glob);
        let anchored = match text.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None => format!("**/{text}"),
        };
        let glob = GlobBuilder::new(anchored.trim_end_matches('/'))
            .literal_separator(true)
            .backslash_escape(true)
            .case_insensitive(ignore_case)
            .build();
        match glob {
            Ok(glob) => Ok(Self(glob.compile_matcher())),
            Err(error) => Err(Failure::usage(format!(
                "{:?} is not a pattern: {}",
                pattern.to_string_lossy(),
                error.kind()
            ))),
        }
    }

    /// Whether it matches a path.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        let is_match = |path: &[u8]| self.0.is_match_candidate(&Candidate::from_bytes(path));
        is_match(path)
            || match text_of(path) {
                Cow::Borrowed(_) => false,
                Cow::Owned(text) => is_match(text.as_bytes()),
            }
    }
}

/// The pattern as a glob of the library, for which braces are alternatives: names of Exchange hold them. `\xff` is a byte, as
/// paths are shown.
fn glob_of(pattern: &[u8]) -> Vec<u8> {
    let mut glob = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((first, behind)) = rest.split_first() {
        let (taken, meant) = match first {
            b'[' => (class(rest), rest[..class(rest)].to_vec()),
            b'{' | b'}' => (1, vec![b'\\', *first]),
            b'\\' => match escaped(behind) {
                Some(byte) if byte.is_ascii() => (4, vec![b'\\', byte]),
                Some(byte) => (4, vec![byte]),
                None => (rest.len().min(2), rest[..rest.len().min(2)].to_vec()),
            },
            _ => (1, vec![*first]),
        };
        glob.extend(meant);
        rest = behind.get(taken - 1..).unwrap_or_default();
    }
    glob
}

/// How long the class is that a pattern begins with; where it has no end, all of it.
fn class(pattern: &[u8]) -> usize {
    let negation = usize::from(matches!(pattern.get(1), Some(b'!' | b'^')));
    // A bracket right at its beginning is one of the class.
    let first = 2 + negation;
    let behind = pattern.get(first..).unwrap_or_default();
    match behind.iter().position(|byte| *byte == b']') {
        Some(at) => first + at + 1,
        None => pattern.len(),
    }
}

/// The byte of `xff` at the beginning of a text.
fn escaped(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"x")?.get(..2)?;
    let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Bytes as text, with characters of no meaning for those that are none.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 2);
    for part in bytes.utf8_chunks() {
        text.push_str(part.valid());
        let invalid = part.invalid().iter();
        text.extend(invalid.filter_map(|byte| char::from_u32(NO_TEXT + u32::from(*byte))));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(OsStr::new(text), false).expect("a pattern")
    }

    fn finds(text: &str, path: &str) -> bool {
        pattern(text).matches(path.as_bytes())
    }

    #[test]
    fn names_and_paths() {
        assert!(finds("*.tbl", "a/b/c.tbl") && finds("c.tbl", "c.tbl") && finds("b", "a/b"));
        assert!(!finds("b", "a/b/c.tbl") && !finds("*.TBL", "a/c.tbl") && !finds("a*", "ab/c"));
        assert!(finds("b/*.tbl", "a/b/c.tbl") && finds("/a/**/c.tbl", "a/x/y/c.tbl"));
        assert!(!finds("/b/*.tbl", "a/b/c.tbl") && !finds("/a/*", "a/b/c.tbl"));
        let any_case = Pattern::new(OsStr::new("*.TBL"), true).expect("a pattern");
        assert!(any_case.matches(b"a/c.tbl"));
    }

    #[test]
    fn braces_are_characters() {
        assert!(finds("{1-A}", "a/{1-A}") && finds("{a,b}*", "{a,b}.edb") && finds("}{", "}{"));
        assert!(!finds("{a,b}", "a") && !finds("{a,b}", "b"));
        assert!(finds("[{]a", "{a") && !finds("[{]a", "\\a") && finds("[]{]a", "{a") && finds("[!{]a", "ba"));
        assert!(finds("\\{a\\}", "{a}") && finds("\\[a]{", "[a]{"));
    }

    #[test]
    fn bytes_that_are_no_text() {
        assert!(pattern("a\\xff*").matches(b"b/a\xff.txt") && !pattern("a\\xff").matches(b"a\xfe"));
        assert!(pattern("*.txt").matches(b"a\xff.txt") && pattern("a?b").matches(b"a\xffb"));
        // Bytes that are text together, and one that is a character of globs.
        assert!(finds("gr\\xc3\\xb6\\xc3\\x9fe", "größe") && finds("\\x2a", "*") && !finds("\\x2a", "a"));
        assert!(finds("\\x", "x") && finds("\\xfg", "xfg"));
        if cfg!(unix) {
            let raw = restante_format::names::to_os(b"\xffa*").expect("a name");
            let raw = Pattern::new(&raw, false).expect("a pattern");
            assert!(raw.matches(b"c/\xffab") && !raw.matches(b"c/ab"));
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for bad in ["", "/", "//", "[", "a[", "[]", "[!]", "a\\", "[b-a]"] {
            let failure = Pattern::new(OsStr::new(bad), false).err().expect(bad);
            assert_eq!(failure.code, 2, "{bad}");
        }
    }
}
