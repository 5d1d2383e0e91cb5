//! What was found of very many snapshots, as rows and tables.

use serde_json::Value;

use super::super::{Amount, Findings, Required, Row};
use super::fill::PARTS;
use super::series::Series;
use super::{ASKED, Asked, FEW, Forgotten, Found, path_of};
use crate::failure::Failure;
use crate::table::{KB, MB, Table, figure, grouped};

/// How many times the mean commit of the first tenth one of the last tenth may take.
const COMMITS: Required = Required::AtMost(1.2);
/// How many times the time on an archive of ten may be taken.
const VIEWS: Required = Required::AtMost(3.0);
/// What costs no more for each snapshot removed grows with what is removed. Half as much on top is the machine's.
const REMOVALS: Required = Required::AtMost(1.5);
/// Bounds: files, bytes of a tick, bytes of memory, seconds of a list and of a history.
const FILES: f64 = 2000.0;
const TICK_BYTES: f64 = 16.0;
const MEMORY_BYTES: f64 = 256e6;
const LIST_S: f64 = 5.0;
const HISTORY_S: f64 = 1.0;

/// All that is to be shown.
pub(super) fn findings(series: &Series, found: &Found) -> Findings {
    let what = |about: &str| format!("{} snapshots: {about}", grouped(series.snapshots as f64));
    let mut rows = Vec::new();
    let mut more = Vec::new();
    let Some((exact, changes)) = &found.exact else {
        return Findings::default();
    };
    let parts = parts_of(exact);
    let mean = |part: Option<&Value>| Amount::Short(part.and_then(commit_s).into_iter().collect());
    rows.push(Row::new(
        what("a commit of the last tenth, mean"),
        mean(parts.last()),
        "of the first tenth",
        mean(parts.first()),
        COMMITS,
    ));
    let bound = |measured: Amount, bound: f64, about: &str| {
        let bounds = match &measured {
            Amount::Time { .. } => Amount::Time {
                wall_s: vec![bound; measured.values().len()],
                cpu_s: Vec::new(),
            },
            Amount::Memory(_) => Amount::Memory(vec![bound]),
            Amount::Bytes(_) => Amount::Bytes(vec![bound]),
            _ => Amount::Count(vec![bound]),
        };
        Row::new(what(about), measured, "bound", bounds, Required::AtMost(1.0))
    };
    rows.push(bound(
        Amount::Count(vec![found.files as f64]),
        FILES,
        "files in the archive at the end",
    ));
    rows.push(bound(
        Amount::Count(vec![number(exact, "most_files")]),
        FILES,
        "files in the archive, the most at any time",
    ));
    let ticks = (series.snapshots - series.changes).max(1) as f64;
    let tick_bytes = |of: &(Value, Value)| {
        let added = number(&of.0, "catalog_bytes") - number(&of.1, "catalog_bytes");
        Amount::Bytes(vec![added / ticks])
    };
    rows.push(bound(
        tick_bytes(&(exact.clone(), changes.clone())),
        TICK_BYTES,
        "bytes of a tick, at exact minutes",
    ));
    if let Some(late) = &found.jitter {
        rows.push(bound(
            tick_bytes(late),
            TICK_BYTES,
            "bytes of a tick, up to a millisecond late",
        ));
    }
    rows.push(bound(
        Amount::Memory(vec![number(exact, "peak_bytes")]),
        MEMORY_BYTES,
        "peak memory of who takes them",
    ));
    let beside = format!("of an archive of {FEW}");
    let file = path_of(ASKED);
    for (about, asked) in [
        ("opened, newest ten, library".to_owned(), &found.newest_library),
        ("`snapshots --last 10`".to_owned(), &found.newest_program),
        (
            format!("`{file}` at a time found and restored, library"),
            &found.restore_library,
        ),
        (format!("`restore …@TIME:{file}`"), &found.restore_program),
    ] {
        rows.push(asked_row(what(&about), asked, &beside));
    }
    rows.push(bound(
        Amount::time(&found.list),
        LIST_S,
        "`snapshots --all --json`",
    ));
    let peak = Amount::peak(&found.list);
    rows.push(Row::new(
        what("`snapshots --all --json`: peak memory"),
        peak.clone(),
        "bound",
        Amount::Memory(vec![MEMORY_BYTES; peak.values().len()]),
        Required::Nothing,
    ));
    rows.push(bound(
        Amount::time(&found.history),
        HISTORY_S,
        &format!("`history {file}`"),
    ));
    if let (Some(failure), Some(row)) = (&found.history_failure, rows.last_mut()) {
        row.measured = Err(Failure::Missing(failure.to_string()));
    }
    rows.extend(found.forgotten.windows(2).flat_map(removal_rows));
    more.push(head(series, found, exact));
    more.push(parts_table(series, &parts));
    if let Some((late, _)) = &found.jitter {
        more.push(format!(
            "Up to a millisecond late: {} kB of catalogue.\n",
            grouped(number(late, "catalog_bytes") / KB)
        ));
    }
    more.push(forgotten_table(&found.forgotten));
    Findings { rows, more }
}

fn asked_row(what: String, asked: &Asked, beside: &str) -> Row {
    Row::new(
        what,
        Amount::Short(asked.large_s.clone()),
        beside,
        Amount::Short(asked.few_s.clone()),
        VIEWS,
    )
}

/// Time and bytes for each snapshot removed, beside those in the next smaller archive.
fn removal_rows(pair: &[Forgotten]) -> Vec<Row> {
    let [smaller, larger] = pair else {
        return Vec::new();
    };
    let per = |of: &Forgotten, value: &dyn Fn(&Value) -> f64| {
        vec![value(&of.half) / number(&of.half, "forgotten").max(1.0)]
    };
    let what = |about: &str| {
        let snapshots = grouped(larger.snapshots as f64);
        format!("{snapshots} snapshots: the oldest half forgotten and pruned, {about} for each")
    };
    let beside = format!("of {}", grouped(smaller.snapshots as f64));
    let time = |of| Amount::Short(per(of, &|half| of_all(half, "s")));
    let read = |of| Amount::Bytes(per(of, &|half| of_all(half, "read_bytes")));
    vec![
        Row::new(
            what("time"),
            time(larger),
            beside.clone(),
            time(smaller),
            REMOVALS,
        ),
        Row::new(what("bytes read"), read(larger), beside, read(smaller), REMOVALS),
    ]
}

fn head(series: &Series, found: &Found, exact: &Value) -> String {
    format!(
        "{} snapshots of one connector, one a minute, {} of them with changes. The archive has {} kB, {} kB of them catalogue, in {} files.\n",
        grouped(series.snapshots as f64),
        grouped(series.changes as f64),
        grouped(found.bytes as f64 / KB),
        grouped(number(exact, "catalog_bytes") / KB),
        grouped(found.files as f64),
    )
}

/// A part of the series in each row.
fn parts_table(series: &Series, parts: &[Value]) -> String {
    let mut table = Table::new(&[
        "snapshots up to",
        "commit, µs (mean)",
        "tick, µs",
        "with changes, µs",
        "files at most",
        "read, kB",
        "written, kB",
        "memory, MB",
    ]);
    for (n, part) in (1..).zip(parts) {
        let mean = |sum: &str, count: &str| figure(number(part, sum) / number(part, count).max(1.0) * 1e6);
        table.row([
            grouped((series.snapshots * n / PARTS) as f64),
            commit_s(part).map_or_else(String::new, |s| figure(s * 1e6)),
            mean("ticks_s", "ticks"),
            mean("changed_s", "changed"),
            grouped(number(part, "most_files")),
            grouped(number(part, "read_bytes") / KB),
            grouped(number(part, "written_bytes") / KB),
            figure(number(part, "resident_bytes") / MB),
        ]);
    }
    table.finish()
}

/// What forgetting and pruning took, in each archive.
fn forgotten_table(all: &[Forgotten]) -> String {
    let mut table = Table::new(&[
        "snapshots",
        "forgotten",
        "left",
        "open and choose, s",
        "forget, s",
        "prune, s",
        "read, kB",
        "written, kB",
        "freed, kB",
        "archive then, kB",
        "files then",
        "peak memory, MB",
    ]);
    for of in all {
        let mut before = of.snapshots as f64;
        for one in [&of.half, &of.few] {
            table.row([
                grouped(before),
                grouped(number(one, "forgotten")),
                grouped(number(one, "left")),
                figure(number(&one["choose"], "s")),
                figure(number(&one["forget"], "s")),
                figure(number(&one["prune"], "s")),
                grouped(of_all(one, "read_bytes") / KB),
                grouped(of_all(one, "written_bytes") / KB),
                grouped((number(one, "bytes_before") - number(one, "bytes_after")) / KB),
                grouped(number(one, "bytes_after") / KB),
                grouped(number(one, "files_after")),
                figure(number(one, "peak_bytes") / MB),
            ]);
            before = number(one, "left");
        }
    }
    table.finish()
}

/// Of opening the archive, choosing, forgetting and pruning together.
fn of_all(one: &Value, name: &str) -> f64 {
    ["choose", "forget", "prune"]
        .iter()
        .map(|piece| number(&one[piece], name))
        .sum()
}

fn parts_of(of_all: &Value) -> Vec<Value> {
    of_all["parts"].as_array().cloned().unwrap_or_default()
}

/// Mean seconds of a snapshot, whether it found changes or not.
fn commit_s(part: &Value) -> Option<f64> {
    let count = number(part, "ticks") + number(part, "changed");
    (count > 0.0).then(|| (number(part, "ticks_s") + number(part, "changed_s")) / count)
}

fn number(of: &Value, name: &str) -> f64 {
    of[name].as_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::super::super::table;
    use super::*;
    use serde_json::json;

    fn part(seconds: f64) -> Value {
        json!({
            "ticks": 90, "ticks_s": seconds, "changed": 10, "changed_s": seconds, "most_files": 40,
            "read_bytes": 1000, "written_bytes": 2000, "resident_bytes": 3_000_000,
        })
    }

    fn forgotten(snapshots: u64, seconds: f64) -> Forgotten {
        let piece = json!({"s": seconds, "read_bytes": 1e6 * seconds, "written_bytes": 0});
        let one = json!({
            "forgotten": snapshots / 2, "left": snapshots / 2, "choose": piece, "forget": piece, "prune": piece,
            "bytes_before": 9000, "bytes_after": 4000, "files_after": 7, "peak_bytes": 1e6,
        });
        Forgotten {
            snapshots,
            half: one.clone(),
            few: one,
        }
    }

    #[test]
    fn every_target_has_a_row() {
        let series = Series {
            snapshots: 1000,
            changes: 100,
            jitter: false,
        };
        let of = |bytes: u64| {
            json!({
                "parts": [part(0.1), part(0.11)], "most_files": 50, "catalog_bytes": bytes,
                "peak_bytes": 1_000_000,
            })
        };
        let found = Found {
            exact: Some((of(2900), of(200))),
            jitter: Some((of(9200), of(200))),
            files: 30,
            forgotten: vec![forgotten(100, 1.0), forgotten(1000, 10.0)],
            ..Found::default()
        };
        let findings = findings(&series, &found);
        let text = table(&findings.rows);
        for expected in [
            "| 1,000 snapshots: a commit of the last tenth, mean | 2,200 µs | of the first tenth | 2,000 µs | 1.10 | ≤ 1.2 | yes |",
            "bytes of a tick, at exact minutes | 3.00 bytes | bound | 16.0 bytes |",
            "bytes of a tick, up to a millisecond late | 10.0 bytes |",
            "at the end | 30 | bound | 2,000 | 0.015 | ≤ 1 | yes |",
            "time for each | 60,000 µs | of 100 | 60,000 µs | 1.00 | ≤ 1.5 | yes |",
            "bytes read for each | 60,000 bytes | of 100 |",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        let more = findings.more.concat();
        let row = "| 100 | 50 | 50 | 1.00 | 1.00 | 1.00 | 3,000 | 0 | 5 |";
        assert!(more.contains(row), "{more}");
    }
}
