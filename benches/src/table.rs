//! Tables of Markdown, and how figures stand in them.

use std::fmt::Write;

use crate::failure::Failure;
use crate::spread::Spread;

/// What a cell shows where there is no figure.
pub(crate) const NONE: &str = "–";

/// Bytes in a megabyte, and in a kilobyte.
pub(crate) const MB: f64 = 1e6;
pub(crate) const KB: f64 = 1e3;

/// A figure with at least three digits that count, or to the thousandth.
pub(crate) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        1000.0.. => return grouped(value),
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The median, and the ends where they look different.
pub(crate) fn spread(values: Vec<f64>) -> String {
    let Some(Spread { median, min, max }) = Spread::of(values) else {
        return NONE.to_owned();
    };
    let [median, min, max] = [median, min, max].map(figure);
    if min == max {
        median
    } else {
        format!("{median} ({min}–{max})")
    }
}

/// `18923` as `18,923`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", &*digits), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table of Markdown, and the notes below it.
pub(crate) struct Table {
    text: String,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        let mut table = Self {
            text: String::new(),
            notes: Vec::new(),
        };
        table.row(heads.iter().map(|head| (*head).to_owned()));
        let rules = heads.iter().map(|_| "---".to_owned());
        table.row(rules);
        table
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for cell in cells {
            let cell = cell.replace('|', "\\|");
            let _ = write!(self.text, "| {cell} ");
        }
        self.text.push_str("|\n");
    }

    /// What the cell of a failed measurement shows; the whole story goes into the notes.
    pub(crate) fn failed(&mut self, who: &str, what: &str, failure: &Failure) -> String {
        if matches!(failure, Failure::After(_)) {
            return failure.short().to_owned();
        }
        self.notes.push(format!("{who}, {what}: {failure}"));
        format!("{} (note {})", failure.short(), self.notes.len())
    }

    pub(crate) fn finish(mut self) -> String {
        for (number, note) in (1..).zip(&self.notes) {
            let blank = if number == 1 { "\n" } else { "" };
            let _ = writeln!(self.text, "{blank}{number}. {note}");
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let texts = [0.0123, 1.234, 12.34, 1234.5].map(figure);
        assert_eq!(texts, ["0.012", "1.23", "12.3", "1,234"]);
        assert_eq!(
            [7.0, 1234.0, -1_234_567.0].map(grouped),
            ["7", "1,234", "-1,234,567"]
        );
        assert_eq!(spread(vec![2.0, 1.0, 4.0]), "2.00 (1.00–4.00)");
        assert_eq!(spread(vec![]), NONE);
    }
}
