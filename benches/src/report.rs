//! Figures as Markdown and as JSON.

use restante_tests::workload::Summary;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::spread::ratios;
use crate::table::{KB, MB, NONE, Table, figure, grouped, spread};
use crate::tool::Tool;
use crate::{history, peers};

/// How often was measured, and how, in words.
pub fn runs(count: usize) -> String {
    if count == 1 {
        "One run.".into()
    } else {
        format!("Median of {count} runs (least–greatest), the programs in turn.")
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
pub fn peers_table(outcome: &Outcome<peers::Row>) -> String {
    let mut table = Table::new(&[
        "step",
        "program",
        "wall, s",
        "CPU, s",
        "peak memory, MB",
        "stored, kB",
        "files in the store",
        "wall ÷ Restante's",
        "stored ÷ Restante's",
    ]);
    for step in peers::Step::ALL {
        let ours = |row: &&peers::Row| row.step == step && row.who == Tool::Restante.name();
        let ours = outcome.rows.iter().find(ours);
        for row in outcome.rows.iter().filter(|row| row.step == step) {
            let values = |value: &dyn Fn(&peers::Run) -> Option<f64>| -> Vec<f64> {
                row.runs.iter().filter_map(value).collect()
            };
            let ratio = |value: &dyn Fn(&peers::Run) -> Option<f64>| -> String {
                let ours = ours.filter(|ours| ours.who != row.who);
                let ours = ours.map(|ours| ours.runs.iter().filter_map(value).collect());
                spread(ratios(&values(value), &ours.unwrap_or_else(Vec::new)))
            };
            let wall = match &row.failure {
                Some(failure) => table.failed(&row.who, step.name(), failure),
                // The program has no command for it.
                None if row.runs.is_empty() => "none".to_owned(),
                None => spread(values(&|run| Some(run.cost.wall_s))),
            };
            table.row([
                step.name().to_owned(),
                row.who.clone(),
                wall,
                spread(values(&|run| run.cost.cpu_s)),
                spread(values(&|run| run.cost.peak_bytes.map(|bytes| bytes as f64 / MB))),
                spread(values(&|run| run.stored_bytes.map(|bytes| bytes as f64 / KB))),
                values(&|run| run.files.map(|files| files as f64))
                    .last()
                    .map_or_else(|| NONE.to_owned(), |files| grouped(*files)),
                ratio(&|run| Some(run.cost.wall_s)),
                ratio(&|run| run.stored_bytes.map(|bytes| bytes as f64)),
            ]);
        }
    }
    table.finish()
}

/// The table of the second measurement.
pub fn history_table(outcome: &Outcome<history::Row>) -> String {
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
pub fn peers_json(outcome: &Outcome<peers::Row>) -> Value {
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
pub fn history_json(outcome: &Outcome<history::Row>) -> Value {
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
        let outcome = Outcome {
            tree: Summary::default(),
            rows: vec![
                row("a | b", None),
                row("c", Some(Failure::Missing("c is not on PATH".into()))),
            ],
        };
        let table = peers_table(&outcome);
        assert!(
            table.contains("| first snapshot | a \\| b | 1.50 | – | 2.00 | 12,340 | 1,000 | – | – |\n"),
            "{table}"
        );
        assert!(table.contains("| c | not found (note 1) |"), "{table}");
        assert!(
            table.ends_with("\n1. c, first snapshot: c is not on PATH\n"),
            "{table}"
        );
    }
}
