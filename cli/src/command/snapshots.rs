//! `snapshots`: lists them, runs without any change collapsed.

use std::collections::HashMap;

use restante_format::catalog::Listed;
use restante_format::id::Id;
use restante_format::model::{Snapshot, Timestamp, display_bytes};
use serde::Serialize;

use crate::args::Snapshots;
use crate::context::{Access, Context, check_connector};
use crate::failure::Result;
use crate::show::{Align, Table, count, json_path, local_time, rfc3339, size};

/// A snapshot, or a run of ticks of one source without anything else of it in between.
struct Row<'a> {
    /// The last of the run.
    last: &'a Listed,
    first_time: Timestamp,
    count: u64,
    tick: bool,
}

/// What snapshots are compared by: host, connector and paths.
type Source<'a> = (&'a str, Option<&'a str>, &'a [Vec<u8>]);

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
    let wanted = |listed: &&Listed| {
        let s = &listed.snapshot;
        args.connector
            .as_ref()
            .is_none_or(|name| s.connector.as_ref() == Some(name))
            && args.host.as_ref().is_none_or(|host| s.host == *host)
            && args.tag.as_ref().is_none_or(|tag| s.tags.contains(tag))
            && since.is_none_or(|since| s.time >= since)
            && until.is_none_or(|until| s.time <= until)
    };
    let roots: HashMap<Id, Id> = archive
        .catalog()
        .all()
        .iter()
        .map(|listed| (listed.id, listed.snapshot.root))
        .collect();
    let mut rows: Vec<Row<'_>> = Vec::new();
    // Where the newest row of each source is.
    let mut newest: HashMap<Source<'_>, usize> = HashMap::new();
    for listed in archive.catalog().all().iter().filter(wanted) {
        let s = &listed.snapshot;
        let tick = s.parent.is_some_and(|parent| roots.get(&parent) == Some(&s.root));
        let source = (s.host.as_str(), s.connector.as_deref(), s.paths.as_slice());
        if let Some(run) = newest.get(&source).and_then(|at| rows.get_mut(*at))
            && (tick && run.tick && !args.all && run.last.snapshot.tags == s.tags)
        {
            (run.last, run.count) = (listed, run.count + 1);
            continue;
        }
        newest.insert(source, rows.len());
        rows.push(Row {
            last: listed,
            first_time: s.time,
            count: 1,
            tick,
        });
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

fn table(rows: &[Row<'_>], args: &Snapshots) -> Table {
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
fn time_pattern(rows: &[Row<'_>]) -> &'static str {
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
    fn new(row: &Row<'_>) -> Self {
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
