//! Times as people write them: numbers with units. Which units there are is for others to say.

/// The numbers of a time with the units behind them, as in `1h30m`; an error is the rest of a sentence about it.
pub(crate) fn parts(text: &str) -> Result<Vec<(u64, &str)>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("is no time");
    }
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit()).ok_or("has no unit")?;
        if unit == 0 {
            return Err("is no time");
        }
        let count: u64 = rest[..unit].parse().map_err(|_| "is too long a time")?;
        let behind = &rest[unit..];
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        parts.push((count, &behind[..end]));
        rest = &behind[end..];
    }
    Ok(parts)
}
