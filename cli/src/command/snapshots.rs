//! `snapshots`: lists them, runs without any change collapsed.

use restante_format::archive::Archive;
use restante_format::model::Snapshot;

use super::rows::{Array, Row, Wanted, newest, oldest_first};
use super::source::{Source, are_of_many_hosts};
use crate::args::Snapshots;
use crate::context::{Access, Context};
use crate::failure::Result;
use crate::show::{Align, Output, TABLE_ROWS, Table, count, local_time, size, source_name};

/// Lists what the options ask for.
pub(crate) fn run(cx: &mut Context, args: &Snapshots) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    let wanted = Wanted {
        scope: cx.scope(&archive, &args.range)?,
        all: args.all,
    };
    if cx.out.json {
        let mut array = Array::new(&mut cx.out);
        each(&archive, &wanted, args.last, &mut |row| array.push(row))?;
        return array.finish();
    }
    let mut tables = Tables {
        many_hosts: many_hosts(&archive, &wanted),
        one_connector: wanted.scope.connector.is_some(),
        held: Vec::new(),
        is_one_of_many: false,
    };
    each(&archive, &wanted, args.last, &mut |row| {
        tables.push(&mut cx.out, row)
    })?;
    if tables.held.is_empty() {
        cx.out.notice("no snapshots");
        return Ok(());
    }
    tables.write(&mut cx.out)
}

/// Hands the rows to `found`, the oldest first.
fn each(
    archive: &Archive,
    wanted: &Wanted,
    last: Option<usize>,
    found: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<()> {
    match last {
        Some(last) => newest(archive.catalog(), wanted, last)
            .into_iter()
            .try_for_each(found),
        None => oldest_first(archive.catalog(), wanted, found),
    }
}

fn many_hosts(archive: &Archive, wanted: &Wanted) -> bool {
    let series = archive.catalog().series();
    let of_scope = series.keys().filter(|series| wanted.scope.takes_series(series));
    let sources: Vec<Source> = of_scope.map(Source::of).collect();
    are_of_many_hosts(sources.iter())
}

/// Rows on their way into tables of which none is too large to be held.
struct Tables {
    /// The archive has snapshots of several machines that are meant.
    many_hosts: bool,
    /// Only those of one connector are meant.
    one_connector: bool,
    held: Vec<Row>,
    is_one_of_many: bool,
}

impl Tables {
    fn push(&mut self, out: &mut Output, row: Row) -> Result<()> {
        if self.held.len() == TABLE_ROWS {
            self.is_one_of_many = true;
            self.write(out)?;
            self.held.clear();
        }
        self.held.push(row);
        Ok(())
    }

    fn write(&self, out: &mut Output) -> Result<()> {
        let pattern = match self.is_one_of_many {
            true => WHOLE_TIME,
            false => time_pattern(&self.held),
        };
        let mut table = Table::new(&[
            ("TIME (local)", Align::Left),
            ("", Align::Left),
            ("ID", Align::Left),
            ("HOST", Align::Left),
            ("SOURCE", Align::Left),
            ("TAGS", Align::Left),
            ("FILES", Align::Right),
            ("SIZE", Align::Right),
            ("STORED", Align::Right),
            (" ", Align::Left),
        ]);
        for row in &self.held {
            table.row(self.cells(row, pattern));
        }
        out.table(&table)
    }

    fn cells(&self, row: &Row, pattern: &str) -> Vec<String> {
        let s = &row.last.state.snapshot;
        let last = local_time(row.last.time, pattern);
        let (time, number) = match row.count {
            1 => (last, String::new()),
            many => {
                let first = local_time(row.first_time, pattern);
                (format!("{first} – {last}"), format!("×{}", count(many)))
            }
        };
        let host = self.many_hosts.then(|| s.host.clone());
        let source = (!self.one_connector).then(|| source_name(s.connector.as_deref(), &s.paths));
        vec![
            time,
            number,
            row.last.id().short(),
            host.unwrap_or_default(),
            source.unwrap_or_default(),
            s.tags.join(","),
            count(s.counts.files),
            size(s.counts.bytes),
            match row.tick {
                true => "unchanged".into(),
                false => size(s.counts.stored_bytes),
            },
            gaps(s),
        ]
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

/// A time that can be told from every other.
const WHOLE_TIME: &str = "%Y-%m-%d %H:%M:%S";

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
        (false, false) => WHOLE_TIME,
    }
}
