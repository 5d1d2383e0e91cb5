//! Figures as Markdown and as JSON.

use std::fmt::Write;

use restante_tests::workload::Summary;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::spread::Spread;
use crate::{history, peers};

/// What a cell shows where there is no figure.
const NONE: &str = "–";

/// Bytes in a megabyte, and in a kilobyte.
const MB: f64 = 1e6;
const KB: f64 = 1e3;

/// A figure with at least three digits that count, or to the thousandth.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        1000.0.. => return grouped(value),
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The median, and the ends where there are several runs.
fn spread(values: Vec<f64>) -> String {
    let runs = values.len();
    match Spread::of(values) {
        None => NONE.to_owned(),
        Some(found) if runs == 1 => figure(found.median),
        Some(Spread { median, min, max }) => {
            format!("{} ({}–{})", figure(median), figure(min), figure(max))
        }
    }
}

/// The median alone.
fn middle(values: Vec<f64>) -> String {
    Spread::of(values).map_or_else(|| NONE.to_owned(), |found| figure(found.median))
}

/// `18923` as `18,923`.
fn grouped(number: f64) -> String {
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
struct Table {
    text: String,
    notes: Vec<String>,
}

impl Table {
    fn new(heads: &[&str]) -> Self {
        let mut table = Self {
            text: String::new(),
            notes: Vec::new(),
        };
        table.row(heads.iter().map(|head| (*head).to_owned()));
        let rules = heads.iter().map(|_| "---".to_owned());
        table.row(rules);
        table
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for cell in cells {
            let cell = cell.replace('|', "\\|");
            let _ = write!(self.text, "| {cell} ");
        }
        self.text.push_str("|\n");
    }

    /// What the cell of a failed measurement shows; the whole story goes into the notes.
    fn failed(&mut self, who: &str, what: &str, failure: &Failure) -> String {
        if matches!(failure, Failure::After(_)) {
            return failure.short().to_owned();
        }
        self.notes.push(format!("{who}, {what}: {failure}"));
        format!("{} (note {})", failure.short(), self.notes.len())
    }

    fn finish(mut self) -> String {
        for (number, note) in (1..).zip(&self.notes) {
            let blank = if number == 1 { "\n" } else { "" };
            let _ = writeln!(self.text, "{blank}{number}. {note}");
        }
        self.text
    }
}

/// What a tree is, in words.
pub fn tree(summary: &Summary) -> String {
    let Summary {
        files,
        directories,
        bytes,
    } = summary;
    let files = grouped(*files as f64);
    format!(
        "{files} files in {directories} folders, {} MB",
        figure(*bytes as f64 / MB)
    )
}

/// The table of the first measurement.
pub fn peers_table(outcome: &peers::Outcome) -> String {
    let mut table = Table::new(&[
        "step",
        "program",
        "wall, s",
        "CPU, s",
        "peak memory, MB",
        "stored, kB",
        "files in the store",
    ]);
    for step in peers::Step::ALL {
        for row in outcome.rows.iter().filter(|row| row.step == step) {
            let values = |value: &dyn Fn(&peers::Run) -> Option<f64>| -> Vec<f64> {
                row.runs.iter().filter_map(value).collect()
            };
            let wall = match &row.failure {
                Some(failure) => table.failed(&row.who, step.name(), failure),
                None => spread(values(&|run| Some(run.cost.wall_s))),
            };
            table.row([
                step.name().to_owned(),
                row.who.clone(),
                wall,
                spread(values(&|run| run.cost.cpu_s)),
                middle(values(&|run| run.cost.peak_bytes.map(|bytes| bytes as f64 / MB))),
                middle(values(&|run| run.stored_bytes.map(|bytes| bytes as f64 / KB))),
                values(&|run| run.files.map(|files| files as f64))
                    .last()
                    .map_or_else(|| NONE.to_owned(), |files| grouped(*files)),
            ]);
        }
    }
    table.finish()
}

/// The table of the second measurement.
pub fn history_table(outcome: &history::Outcome) -> String {
    let mut table = Table::new(&[
        "program",
        "one snapshot, ms (mean)",
        "nothing changed, ms",
        "one step changed, ms",
        "bytes per snapshot",
        "files in the store",
        "list them, ms",
    ]);
    let ms = |seconds: Vec<f64>| spread(seconds.into_iter().map(|s| s * 1e3).collect());
    for row in &outcome.rows {
        let count = row.snapshots_s.len();
        let mean = match &row.failure {
            Some(failure) => table.failed(row.who, &format!("snapshot {}", count + 1), failure),
            None if count == 0 => NONE.to_owned(),
            None => figure(row.snapshots_s.iter().sum::<f64>() / count as f64 * 1e3),
        };
        let files = Some(row.after_last.files).filter(|_| !row.lists_s.is_empty());
        let bytes = row.bytes_per_snapshot().filter(|_| files.is_some());
        table.row([
            row.who.to_owned(),
            mean,
            ms(row.seconds(false)),
            ms(row.seconds(true)),
            bytes.map_or_else(|| NONE.to_owned(), grouped),
            files.map_or_else(|| NONE.to_owned(), |files| grouped(files as f64)),
            ms(row.lists_s.clone()),
        ]);
    }
    table.finish()
}

fn failure_json(failure: Option<&Failure>) -> Value {
    failure.map_or(Value::Null, |failure| Value::String(failure.to_string()))
}

fn tree_json(summary: &Summary) -> Value {
    json!({"files": summary.files, "directories": summary.directories, "bytes": summary.bytes})
}

/// Every figure of the first measurement.
pub fn peers_json(outcome: &peers::Outcome) -> Value {
    let run = |run: &peers::Run| {
        json!({
            "wall_s": run.cost.wall_s,
            "cpu_s": run.cost.cpu_s,
            "peak_bytes": run.cost.peak_bytes,
            "stored_bytes": run.stored_bytes,
            "files": run.files,
        })
    };
    let row = |row: &peers::Row| {
        json!({
            "step": row.step.name(),
            "program": row.who,
            "runs": row.runs.iter().map(run).collect::<Vec<_>>(),
            "failure": failure_json(row.failure.as_ref()),
        })
    };
    let rows: Vec<Value> = outcome.rows.iter().map(row).collect();
    json!({"tree": tree_json(&outcome.tree), "rows": rows})
}

/// Every figure of the second measurement.
pub fn history_json(outcome: &history::Outcome) -> Value {
    let size = |size: &crate::folder::Size| json!({"files": size.files, "bytes": size.bytes});
    let row = |row: &history::Row| {
        json!({
            "program": row.who,
            "snapshots_s": row.snapshots_s,
            "lists_s": row.lists_s,
            "after_first": size(&row.after_first),
            "after_last": size(&row.after_last),
            "failure": failure_json(row.failure.as_ref()),
        })
    };
    let rows: Vec<Value> = outcome.rows.iter().map(row).collect();
    json!({"tree": tree_json(&outcome.tree), "rows": rows})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Cost;

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

    #[test]
    fn failures_are_shown_and_explained() {
        let row = |who: &str, failure| peers::Row {
            step: peers::Step::First,
            who: who.into(),
            runs: vec![peers::Run {
                cost: Cost {
                    wall_s: 1.5,
                    cpu_s: None,
                    peak_bytes: Some(2_000_000),
                },
                stored_bytes: Some(12_340_000),
                files: Some(1000),
            }],
            failure,
        };
        let outcome = peers::Outcome {
            tree: Summary::default(),
            rows: vec![
                row("a | b", None),
                row("c", Some(Failure::Missing("c is not on PATH".into()))),
            ],
        };
        let table = peers_table(&outcome);
        assert!(
            table.contains("| first snapshot | a \\| b | 1.50 | – | 2.00 | 12,340 | 1,000 |\n"),
            "{table}"
        );
        assert!(table.contains("| c | not found (note 1) |"), "{table}");
        assert!(
            table.ends_with("\n1. c, first snapshot: c is not on PATH\n"),
            "{table}"
        );
    }
}
