//! What a measurement found, and the one table that shows it.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::clock::Cost;
use crate::failure::Failure;
use crate::spread::{Spread, ratios};
use crate::table::{KB, MB, NONE, Table, figure, grouped, spread};

/// What was measured, run by run.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// Seconds on the wall and, as far as they were measured, of all cores together.
    Time {
        /// On the wall.
        wall_s: Vec<f64>,
        /// Of all cores.
        cpu_s: Vec<f64>,
    },
    /// Seconds on the wall of what takes far less than one.
    Short(Vec<f64>),
    /// Bytes of a repository.
    Stored(Vec<f64>),
    /// Bytes, where each counts.
    Bytes(Vec<f64>),
    /// Bytes of memory.
    Memory(Vec<f64>),
    /// How many there are.
    Count(Vec<f64>),
}

impl Amount {
    /// The time that several runs took. Ratios are those of the time on the wall.
    pub fn time<'a>(costs: impl IntoIterator<Item = &'a Cost> + Clone) -> Self {
        Self::Time {
            wall_s: costs.clone().into_iter().map(|cost| cost.wall_s).collect(),
            cpu_s: costs.into_iter().filter_map(|cost| cost.cpu_s).collect(),
        }
    }

    /// No figure at all.
    pub fn none() -> Self {
        Self::Stored(Vec::new())
    }

    /// The peak of memory of several runs, as far as it was measured.
    pub fn peak(costs: &[Cost]) -> Self {
        let peaks = costs.iter().filter_map(|cost| cost.peak_bytes);
        Self::Memory(peaks.map(|bytes| bytes as f64).collect())
    }

    /// The single figures.
    pub fn values(&self) -> &[f64] {
        match self {
            Self::Time { wall_s, .. } => wall_s,
            Self::Short(values)
            | Self::Stored(values)
            | Self::Bytes(values)
            | Self::Memory(values)
            | Self::Count(values) => values,
        }
    }

    /// Median and ends, with the unit; of the time of all cores the median alone.
    fn text(&self) -> String {
        let (divisor, unit) = match self {
            Self::Time { .. } => (1.0, "s"),
            Self::Short(_) => (1e-6, "µs"),
            Self::Bytes(_) => (1.0, "bytes"),
            Self::Stored(_) => (KB, "kB"),
            Self::Memory(_) => (MB, "MB"),
            Self::Count(values) => {
                return values
                    .iter()
                    .map(|value| grouped(*value))
                    .collect::<Vec<_>>()
                    .join(", ");
            }
        };
        let values = self.values();
        if values.is_empty() {
            return NONE.to_owned();
        }
        let mut text = spread(values.iter().map(|value| value / divisor).collect());
        let _ = write!(text, " {unit}");
        if let Self::Time { cpu_s, .. } = self
            && let Some(cpu_s) = Spread::of(cpu_s.clone())
        {
            let _ = write!(text, ", CPU {} s", figure(cpu_s.median));
        }
        text
    }

    fn json(&self) -> Value {
        match self {
            Self::Time { wall_s, cpu_s } => json!({"wall_s": wall_s, "cpu_s": cpu_s}),
            Self::Short(values) => json!({"wall_s": values}),
            Self::Stored(values) => json!({"stored_bytes": values}),
            Self::Bytes(values) => json!({"bytes": values}),
            Self::Memory(values) => json!({"peak_bytes": values}),
            Self::Count(values) => json!({"count": values}),
        }
    }
}

/// What the ratio of the measured to what it stands beside must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Required {
    /// That much or less.
    AtMost(f64),
    /// That much or more.
    AtLeast(f64),
    /// Anything: the row is there to be read.
    Nothing,
}

impl Required {
    /// Whether `ratio` is as required; `None` where nothing is.
    pub fn holds(self, ratio: f64) -> Option<bool> {
        match self {
            Self::AtMost(bound) => Some(ratio <= bound),
            Self::AtLeast(bound) => Some(ratio >= bound),
            Self::Nothing => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::Nothing => NONE.to_owned(),
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// What is measured.
    pub what: String,
    /// The figure.
    pub measured: Result<Amount, Failure>,
    /// What it stands beside, in words.
    pub beside: String,
    /// The figure of that.
    pub other: Result<Amount, Failure>,
    /// What is required of the ratio.
    pub required: Required,
}

impl Row {
    /// A row of two figures.
    pub fn new(
        what: impl Into<String>,
        measured: Amount,
        beside: impl Into<String>,
        other: Amount,
        required: Required,
    ) -> Self {
        Self {
            what: what.into(),
            measured: Ok(measured),
            beside: beside.into(),
            other: Ok(other),
            required,
        }
    }

    /// A row about something that could not be measured.
    pub fn failed(what: impl Into<String>, failure: Failure, required: Required) -> Self {
        Self {
            what: what.into(),
            measured: Err(failure),
            beside: NONE.into(),
            other: Ok(Amount::none()),
            required,
        }
    }

    /// The ratios of the measured to what it stands beside.
    fn ratios(&self) -> Vec<f64> {
        match (&self.measured, &self.other) {
            (Ok(measured), Ok(other)) => ratios(measured.values(), other.values()),
            _ => Vec::new(),
        }
    }

    /// Their median and ends.
    pub fn ratio(&self) -> Option<Spread> {
        Spread::of(self.ratios())
    }

    /// Whether it was measured and, if something is required, is as required.
    pub fn is_good(&self) -> bool {
        let holds = self.ratio().and_then(|ratio| self.required.holds(ratio.median));
        self.measured.is_ok() && (self.required == Required::Nothing || holds == Some(true))
    }
}

/// What one measurement found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Its rows of the table.
    pub rows: Vec<Row>,
    /// What else there is to show: paragraphs and tables of Markdown, to stand below the table.
    pub more: Vec<String>,
}

/// The table of all rows.
pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&[
        "what", "measured", "beside", "that", "ratio", "required", "reached",
    ]);
    for row in rows {
        let mut cell = |amount: &Result<Amount, Failure>, who: &str| match amount {
            Ok(amount) => amount.text(),
            Err(failure) => table.failed(&row.what, who, failure),
        };
        let measured = cell(&row.measured, "restante");
        let other = cell(&row.other, &row.beside);
        let ratio = row.ratio();
        let reached = match ratio.and_then(|ratio| row.required.holds(ratio.median)) {
            Some(true) => "yes",
            Some(false) => "no",
            None => NONE,
        };
        table.row([
            row.what.clone(),
            measured,
            row.beside.clone(),
            other,
            spread(row.ratios()),
            row.required.text(),
            reached.to_owned(),
        ]);
    }
    table.finish()
}

/// Every single figure of all rows.
pub fn json(rows: &[Row]) -> Value {
    let amount = |amount: &Result<Amount, Failure>| match amount {
        Ok(amount) => amount.json(),
        Err(failure) => json!({"failure": failure.to_string()}),
    };
    let row = |row: &Row| {
        json!({
            "what": row.what,
            "measured": amount(&row.measured),
            "beside": row.beside,
            "that": amount(&row.other),
            "ratio": row.ratio().map(|ratio| ratio.median),
            "required": row.required.text(),
        })
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measured: &[f64], other: &[f64], required: Required) -> Row {
        let seconds = |values: &[f64]| Amount::Time {
            wall_s: values.to_vec(),
            cpu_s: values.to_vec(),
        };
        Row::new("a", seconds(measured), "b", seconds(other), required)
    }

    #[test]
    fn what_was_not_measured_is_not_good() {
        assert!(row(&[3.0], &[2.0], Required::AtMost(1.5)).is_good());
        assert!(!row(&[4.0, 4.0], &[2.0], Required::AtLeast(2.5)).is_good());
        assert!(row(&[], &[], Required::Nothing).is_good());
        assert!(!row(&[], &[], Required::AtMost(1.0)).is_good());
    }

    #[test]
    fn the_table_says_what_is_reached() {
        let rows = [
            row(&[1.0], &[2.0], Required::AtMost(0.4)),
            row(&[3.0], &[1.0], Required::AtLeast(3.0)),
            Row::failed("c", Failure::Missing("c is gone".into()), Required::Nothing),
        ];
        let text = table(&rows);
        assert!(
            text.contains("| a | 1.00 s, CPU 1.00 s | b | 2.00 s, CPU 2.00 s | 0.500 | ≤ 0.4 | no |\n"),
            "{text}"
        );
        assert!(text.contains("| 3.00 | ≥ 3 | yes |\n"), "{text}");
        assert!(
            text.contains("| c | not found (note 1) | – | – | – | – | – |\n"),
            "{text}"
        );
        assert!(text.ends_with("\n1. c, restante: c is gone\n"), "{text}");
        assert_eq!(json(&rows)[1]["measured"]["wall_s"][0], 3.0);
    }
}
