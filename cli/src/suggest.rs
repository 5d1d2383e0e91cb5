//! The nearest of a few known words to one that was mistyped.

/// The candidate that `word` was most likely meant to be, or none where nothing comes close.
///
/// Close is a Damerau-Levenshtein distance of at most a third of the longer word, case and `_` against `-`
/// not counted; failing that, the one candidate that holds `word` as a part (`notes` for `lotus-notes`).
pub(crate) fn nearest<'a, S>(word: &str, candidates: impl IntoIterator<Item = &'a S>) -> Option<&'a str>
where
    S: AsRef<str> + ?Sized + 'a,
{
    let word = fold(word);
    let length = word.chars().count();
    let mut best: Option<(usize, &'a str)> = None;
    let mut holders = Vec::new();
    for candidate in candidates {
        let candidate = candidate.as_ref();
        let folded = fold(candidate);
        let distance = strsim::damerau_levenshtein(&word, &folded);
        let longer = length.max(folded.chars().count());
        // A word of one letter is at distance 1 from every other: that is no likeness.
        if distance <= (longer / 3).max(1) && distance < length && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
        if length >= 3 && folded.contains(&word) {
            holders.push(candidate);
        }
    }
    match (best, holders.as_slice()) {
        (Some((_, candidate)), _) => Some(candidate),
        (None, [only]) => Some(only),
        _ => None,
    }
}

/// What is compared: lower case, with one spelling of the word separator.
fn fold(word: &str) -> String {
    word.to_lowercase().replace(['_', ' '], "-")
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const CONNECTORS: [&str; 7] = [
        "ms-mail",
        "cc-mail",
        "lotus-notes",
        "groupwise",
        "conn-tables",
        "system-state",
        "storage-groups",
    ];

    #[test]
    fn mistyped_words_find_their_neighbour() {
        let cases = [
            ("lotus-note", Some("lotus-notes")),
            ("lotusnotes", Some("lotus-notes")),
            ("Lotus_Notes", Some("lotus-notes")),
            ("ltous-notes", Some("lotus-notes")),
            ("notes", Some("lotus-notes")),
            ("tables", Some("conn-tables")),
            ("grupwise", Some("groupwise")),
            ("msmail", Some("ms-mail")),
            ("ccmail", Some("cc-mail")),
            ("system-sate", Some("system-state")),
            ("postfix", None),
            ("mail", None), // two connectors hold it: neither is the likelier
            ("x", None),
            ("", None),
        ];
        for (word, wanted) in cases {
            assert_eq!(nearest(word, &CONNECTORS), wanted, "{word:?}");
        }
    }

    #[test]
    fn strings_and_slices_are_both_candidates() {
        let owned = vec![String::from("exclude"), String::from("include")];
        assert_eq!(nearest("exclud", &owned), Some("exclude"));
        assert_eq!(
            nearest("includ", owned.iter().map(String::as_str)),
            Some("include")
        );
    }
}
