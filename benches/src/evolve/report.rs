//! What a long history costs, as a table and in full.

use serde_json::{Value, json};

use super::{Row, UNCHANGED_ONE_IN};
use crate::folder::Size;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::report;
use crate::retention::POLICY;
use crate::spread::ratios;
use crate::table::{KB, NONE, Table, figure, grouped, spread};
use crate::tool::Tool;

/// What stands above the table.
pub fn head(options: &Options, outcome: &Outcome<Row>) -> String {
    format!(
        "{} snapshots of a small tree ({}), one an hour, one in {UNCHANGED_ONE_IN} without changes; then `{}`. {}",
        options.snapshots,
        report::tree(&outcome.tree),
        POLICY.join(" "),
        report::runs(options.runs)
    )
}

/// The table, each figure with how many times Restante's it is.
pub fn table(outcome: &Outcome<Row>) -> String {
    let mut table = Table::new(&[
        "program",
        "one snapshot, ms (mean)",
        "stored, kB",
        "÷ Restante's",
        "files",
        "÷ Restante's",
        "list as JSON, ms",
        "÷ Restante's",
        "forget and free, s",
        "÷ Restante's",
        "left",
        "stored then, kB",
        "÷ Restante's",
        "files then",
    ]);
    let ours = outcome.rows.iter().find(|row| row.who == Tool::Restante.name());
    for row in &outcome.rows {
        let ratio = |value: &dyn Fn(&Row) -> Vec<f64>| {
            let ours = ours.filter(|ours| ours.who != row.who).map(value);
            spread(ratios(&value(row), &ours.unwrap_or_default()))
        };
        // What was not reached is no zero.
        let has_listed = !row.lists_s.is_empty();
        let is_done = row.left > 0;
        let one = |is: bool, value: f64| if is { vec![value] } else { Vec::new() };
        let whole_bytes = |row: &Row| one(!row.lists_s.is_empty(), row.whole.bytes as f64);
        let whole_files = |row: &Row| one(!row.lists_s.is_empty(), row.whole.files as f64);
        let after_bytes = |row: &Row| one(row.left > 0, row.after.bytes as f64);
        let text = |is: bool, value: f64| if is { grouped(value) } else { NONE.to_owned() };
        let taken = row.snapshots_s.len();
        let mean = match &row.failure {
            Some(failure) => table.failed(row.who, &format!("after {taken} snapshots"), failure),
            None if taken == 0 => NONE.to_owned(),
            None => figure(row.snapshots_s.iter().sum::<f64>() / taken as f64 * 1e3),
        };
        table.row([
            row.who.to_owned(),
            mean,
            text(has_listed, row.whole.bytes as f64 / KB),
            ratio(&whole_bytes),
            text(has_listed, row.whole.files as f64),
            ratio(&whole_files),
            spread(row.lists_s.iter().map(|s| s * 1e3).collect()),
            ratio(&|row| row.lists_s.clone()),
            spread(row.forgets_s.clone()),
            ratio(&|row| row.forgets_s.clone()),
            text(is_done, row.left as f64),
            text(is_done, row.after.bytes as f64 / KB),
            ratio(&after_bytes),
            text(is_done, row.after.files as f64),
        ]);
    }
    table.finish()
}

/// Every figure.
pub fn json(outcome: &Outcome<Row>) -> Value {
    let size = |size: &Size| json!({"files": size.files, "bytes": size.bytes});
    let row = |row: &Row| {
        json!({
            "program": row.who,
            "snapshots_s": row.snapshots_s,
            "whole": size(&row.whole),
            "lists_s": row.lists_s,
            "forgets_s": row.forgets_s,
            "left": row.left,
            "after": size(&row.after),
            "failure": row.failure.as_ref().map(ToString::to_string),
        })
    };
    outcome.rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use restante_tests::workload::Summary;

    use super::*;
    use crate::failure::Failure;

    #[test]
    fn what_was_not_reached_is_no_zero() {
        let mut ours = Row::of(Tool::Restante);
        ours.snapshots_s = vec![0.1, 0.3];
        ours.whole = Size {
            files: 10,
            bytes: 1000,
        };
        (ours.lists_s, ours.forgets_s, ours.left) = (vec![0.001], vec![0.5], 2);
        let mut other = Row::of(Tool::Borg);
        other.whole = Size {
            files: 20,
            bytes: 5000,
        };
        other.lists_s = vec![0.02];
        other.failure = Some(Failure::Missing("it is gone".into()));
        let outcome = Outcome {
            tree: Summary::default(),
            rows: vec![ours, other],
        };
        let text = table(&outcome);
        assert!(
            text.contains("| restante | 200 | 1 | – | 10 | – | 1.00 | – | 0.500 | – | 2 | 0 | – | 0 |"),
            "{text}"
        );
        assert!(
            text.contains("| 5 | 5.00 | 20 | 2.00 | 20.0 | 20.0 | – | – | – | – | – | – |"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "1. borg, after 0 snapshots: it is gone
"
            ),
            "{text}"
        );
    }
}
