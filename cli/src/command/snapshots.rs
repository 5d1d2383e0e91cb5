//! `snapshots`: lists them, runs without any change collapsed.

use std::collections::HashMap;

use restante_format::catalog::{Listed, Moment};
use restante_format::id::Id;
use restante_format::model::{Series, Snapshot, Timestamp, display_bytes};
use serde::Serialize;

use crate::args::Snapshots;
use crate::context::{Access, Context, check_connector};
use crate::failure::Result;
use crate::show::{Align, Table, count, json_path, local_time, rfc3339, size};

/// A snapshot, or a run of ticks of one source without anything else of it in between.
struct Row {
    /// The last of the run.
    last: Listed,
    first_time: Timestamp,
    count: u64,
    tick: bool,
}

/// Lists what the options ask for.
pub(crate) fn run(cx: &mut Context, args: &Snapshots) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    if let Some(connector) = &args.connector {
        check_connector(&archive, connector)?;
    }
    let since = args
        .since
        .as_ref()
        .map(|text| cx.instant("--since", text))
        .transpose()?;
    let until = args
        .until
        .as_ref()
        .map(|text| cx.time("--until", text))
        .transpose()?;
    let wanted = |moment: &Moment| {
        let s = &moment.state.snapshot;
        args.connector
            .as_ref()
            .is_none_or(|name| s.connector.as_ref() == Some(name))
            && args.host.as_ref().is_none_or(|host| s.host == *host)
            && args.tag.as_ref().is_none_or(|tag| s.tags.contains(tag))
            && since.is_none_or(|since| moment.time >= since)
            && until.is_none_or(|until| moment.time <= until)
    };
    let mut rows: Vec<Row> = Vec::new();
    // Of each series its newest row, if there is one, and its newest tree.
    let mut series: HashMap<Series, (Option<usize>, Id)> = HashMap::new();
    for moment in archive.catalog().oldest_first() {
        let s = &moment.state.snapshot;
        let before = series.get(&s.series()).copied();
        let tick = before.is_some_and(|(_, root)| root == s.root);
        let mut row = before.and_then(|(row, _)| row);
        if wanted(&moment) {
            match row.and_then(|row| rows.get_mut(row)) {
                Some(run) if tick && run.tick && !args.all && run.last.snapshot.tags == s.tags => {
                    (run.last, run.count) = (moment.listed(), run.count + 1);
                }
                _ => {
                    row = Some(rows.len());
                    rows.push(Row {
                        first_time: moment.time,
                        last: moment.listed(),
                        count: 1,
                        tick,
                    });
                }
            }
        }
        series.insert(s.series(), (row, s.root));
    }
    // A run stands where its last snapshot does.
    rows.sort_by_key(|row| row.last.snapshot.time);
    let skipped = args.last.map_or(0, |last| rows.len().saturating_sub(last));
    let rows = &rows[skipped..];
    if cx.out.json {
        let documents: Vec<Document> = rows.iter().map(Document::new).collect();
        return cx.out.json_line(&documents);
    }
    if rows.is_empty() {
        cx.out.notice("no snapshots");
        return Ok(());
    }
    for line in table(rows, args).lines() {
        cx.out.line(&line)?;
    }
    Ok(())
}

fn table(rows: &[Row], args: &Snapshots) -> Table {
    let pattern = time_pattern(rows);
    let mut table = Table::new(&[
        ("TIME (local)", Align::Left),
        ("", Align::Left),
        ("ID", Align::Left),
        ("SOURCE", Align::Left),
        ("TAGS", Align::Left),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("STORED", Align::Right),
        (" ", Align::Left),
    ]);
    for row in rows {
        let s = &row.last.snapshot;
        let time = match row.count {
            1 => local_time(s.time, pattern),
            _ => format!(
                "{} – {}",
                local_time(row.first_time, pattern),
                local_time(s.time, pattern)
            ),
        };
        table.row(vec![
            time,
            if row.count > 1 {
                format!("×{}", count(row.count))
            } else {
                String::new()
            },
            row.last.id.short(),
            if args.connector.is_some() {
                String::new()
            } else {
                source(s)
            },
            s.tags.join(","),
            count(s.counts.files),
            size(s.counts.bytes),
            if row.tick {
                "unchanged".into()
            } else {
                size(s.counts.stored_bytes)
            },
            gaps(s),
        ]);
    }
    table
}

fn source(s: &Snapshot) -> String {
    match &s.connector {
        Some(connector) => connector.clone(),
        None => s
            .paths
            .iter()
            .map(|path| display_bytes(path))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn gaps(s: &Snapshot) -> String {
    match (s.counts.torn, s.counts.unreadable) {
        (0, 0) => String::new(),
        (torn, 0) => format!("{} torn", count(torn)),
        (0, unreadable) => format!("{} unreadable", count(unreadable)),
        (torn, unreadable) => format!("{} torn, {} unreadable", count(torn), count(unreadable)),
    }
}

/// The shortest way to write the times that keeps the rows apart.
fn time_pattern(rows: &[Row]) -> &'static str {
    let times = || {
        rows.iter()
            .flat_map(|row| [row.first_time, row.last.snapshot.time])
    };
    let today = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
    let all_today = times().all(|time| local_time(time, "%Y-%m-%d") == today);
    let mut minutes: Vec<i64> = rows
        .iter()
        .map(|row| row.last.snapshot.time.secs.div_euclid(60))
        .collect();
    minutes.dedup();
    let one_a_minute = minutes.len() == rows.len();
    match (all_today, one_a_minute) {
        (true, true) => "%H:%M",
        (true, false) => "%H:%M:%S",
        (false, true) => "%Y-%m-%d %H:%M",
        (false, false) => "%Y-%m-%d %H:%M:%S",
    }
}

#[derive(Serialize)]
struct Document {
    id: String,
    time: String,
    host: String,
    connector: Option<String>,
    paths: Vec<String>,
    tags: Vec<String>,
    tick: bool,
    files: u64,
    bytes: u64,
    stored_bytes: u64,
    torn: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl Document {
    fn new(row: &Row) -> Self {
        let s = &row.last.snapshot;
        let of_run = |time| (row.count > 1).then(|| rfc3339(time));
        Self {
            id: row.last.id.to_string(),
            time: rfc3339(s.time),
            host: s.host.clone(),
            connector: s.connector.clone(),
            paths: s.paths.iter().map(|path| json_path(path)).collect(),
            tags: s.tags.clone(),
            tick: row.tick,
            files: s.counts.files,
            bytes: s.counts.bytes,
            stored_bytes: s.counts.stored_bytes,
            torn: s.torn.iter().map(|path| json_path(path)).collect(),
            first: of_run(row.first_time),
            last: of_run(s.time),
            count: (row.count > 1).then_some(row.count),
        }
    }
}
