//! `snapshots`: lists them, runs without any change collapsed.

use restante_format::archive::Scope;
use restante_format::model::{Snapshot, display_bytes};

use super::rows::{Array, Row, Wanted, newest, oldest_first};
use crate::args::Snapshots;
use crate::context::{Access, Context, check_connector};
use crate::failure::Result;
use crate::show::{Align, Table, count, local_time, size};

/// Lists what the options ask for.
pub(crate) fn run(cx: &mut Context, args: &Snapshots) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    if let Some(connector) = &args.connector {
        check_connector(&archive, connector)?;
    }
    let since = args.since.as_ref();
    let until = args.until.as_ref();
    let wanted = Wanted {
        scope: Scope {
            connector: args.connector.clone(),
            host: args.host.clone(),
            since: since.map(|text| cx.instant("--since", text)).transpose()?,
            until: until.map(|text| cx.time("--until", text)).transpose()?,
        },
        tag: args.tag.clone(),
        all: args.all,
    };
    let catalog = archive.catalog();
    if cx.out.json {
        let mut array = Array::new(&mut cx.out);
        match args.last {
            Some(last) => newest(catalog, &wanted, last)
                .into_iter()
                .try_for_each(|row| array.push(row))?,
            None => oldest_first(catalog, &wanted, &mut |row| array.push(row))?,
        }
        return array.finish();
    }
    let rows = match args.last {
        Some(last) => newest(catalog, &wanted, last),
        None => {
            let mut rows = Vec::new();
            oldest_first(catalog, &wanted, &mut |row| {
                rows.push(row);
                Ok(())
            })?;
            rows
        }
    };
    if rows.is_empty() {
        cx.out.notice("no snapshots");
        return Ok(());
    }
    for line in table(&rows, args).lines() {
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
        let s = &row.last.state.snapshot;
        let time = match row.count {
            1 => local_time(row.last.time, pattern),
            _ => format!(
                "{} – {}",
                local_time(row.first_time, pattern),
                local_time(row.last.time, pattern)
            ),
        };
        table.row(vec![
            time,
            if row.count > 1 {
                format!("×{}", count(row.count))
            } else {
                String::new()
            },
            row.last.id().short(),
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
    let times = || rows.iter().flat_map(|row| [row.first_time, row.last.time]);
    let today = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
    let all_today = times().all(|time| local_time(time, "%Y-%m-%d") == today);
    let mut minutes: Vec<i64> = rows.iter().map(|row| row.last.time.secs.div_euclid(60)).collect();
    minutes.dedup();
    let one_a_minute = minutes.len() == rows.len();
    match (all_today, one_a_minute) {
        (true, true) => "%H:%M",
        (true, false) => "%H:%M:%S",
        (false, true) => "%Y-%m-%d %H:%M",
        (false, false) => "%Y-%m-%d %H:%M:%S",
    }
}
