//! Placeholders in commands: `{root:NAME}` and the like.

/// A text with its placeholders filled in; `value` knows what stands for each.
///
/// # Errors
/// Fails with the rest of a sentence if a placeholder is unknown or its brace is not closed.
pub(crate) fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        result.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let behind = &rest[at + 1..];
        if behind.starts_with(brace) {
            result.push_str(brace);
            rest = &behind[1..];
            continue;
        }
        let end = behind.find('}').filter(|_| brace == "{");
        let name = end.map(|end| &behind[..end]).ok_or("a brace is not closed")?;
        result.push_str(&value(name).ok_or_else(|| format!("nothing stands for {{{name}}}"))?);
        rest = &behind[name.len() + 1..];
    }
    result.push_str(rest);
    Ok(result)
}
