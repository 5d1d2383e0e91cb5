//! `snapshots --gaps`: when nobody looked, though the schedule asked for it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Zoned;
use restante_format::archive::{Archive, Gap, Scope, Watched};
use restante_format::model::Timestamp;
use serde::Serialize;

use super::by_connector::most;
use super::source::{Source, are_of_many_hosts};
use crate::args::{Range, Snapshots};
use crate::context::{Access, Context, was_here};
use crate::failure::{Failure, Outcome, Result};
use crate::profile::{Profiles, show_duration};
use crate::select::timestamp;
use crate::show::{Align, SeriesDocument, Table, count, local_time, plural, rfc3339};

/// What has a schedule.
struct Scheduled {
    source: Source,
    every: Duration,
}

/// Lists the gaps. There are none in the time before a source's first snapshot.
pub(crate) fn run(cx: &mut Context, args: &Snapshots) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    let now = timestamp(Zoned::now().timestamp());
    let (scheduled, scope) = match args.every {
        Some(every) => {
            let scope = cx.scope(&archive, &args.range)?;
            (of_archive(&archive, &scope, every), scope)
        }
        None => configured(cx, &archive, args)?,
    };
    // What is still to come is no gap.
    let until = scope.until.map_or(now, |until| until.min(now));
    let since = scope.since;
    let gaps = archive.gaps(since, until, &mut |series| {
        let number = scheduled
            .iter()
            .position(|scheduled| scheduled.source.has(series))?;
        let most = most(scheduled[number].every, args.tolerance);
        Some(Watched { number, most })
    });
    let rows: Vec<Row<'_>> = gaps
        .iter()
        .map(|gap| Row::new(gap, &scheduled[gap.number]))
        .collect();
    if cx.out.json {
        cx.out.json_line(&rows)?;
    } else if rows.is_empty() {
        cx.out.notice(match scheduled.is_empty() {
            true => "nothing has a schedule: name one with --every",
            false => "no gaps",
        });
    } else {
        let many_hosts = are_of_many_hosts(scheduled.iter().map(|scheduled| &scheduled.source));
        cx.out.table(&table(&gaps, &rows, many_hosts))?;
    }
    cx.out.flush()?;
    let newest = archive.catalog().series();
    for scheduled in &scheduled {
        if !newest.keys().any(|series| scheduled.source.has(series)) {
            cx.out
                .warn(&format!("{} has no snapshot", scheduled.source.name()));
            cx.worsen(Outcome::Incomplete);
        }
    }
    if !rows.is_empty() {
        cx.worsen(Outcome::Incomplete);
    }
    Ok(())
}

/// The configured connectors that are due on this server again and again, as `--by-connector` has them.
fn configured(cx: &Context, archive: &Archive, args: &Snapshots) -> Result<(Vec<Scheduled>, Scope)> {
    let range = &args.range;
    if !range.paths.is_empty() {
        return Err(
            Failure::usage("the configuration says how often connectors are due, and not paths")
                .hint("say how often the path should have been looked at: --every 1m"),
        );
    }
    let profiles = Profiles::load(&cx.config)?;
    let asked = range.connector.iter().flat_map(|name| cx.config.members(name));
    let asked: Vec<String> = asked.cloned().collect();
    for name in &asked {
        profiles.get(name)?;
    }
    let selection = profiles.select(&cx.config, &[])?;
    let is_absent = |name: &str| selection.absent.iter().any(|(absent, _)| absent == name);
    let host = range.host.clone().unwrap_or_else(|| cx.config.server_name());
    let scheduled = profiles
        .configured(&cx.config)
        .into_iter()
        .filter_map(|(profile, _)| {
            let name = &profile.name;
            let is_wanted = asked.is_empty() || asked.contains(name);
            let is_here = !is_absent(name) || was_here(archive, &cx.config, name);
            Some(Scheduled {
                source: Source::of_connector(&host, name),
                every: profile.every.filter(|_| is_wanted && is_here)?,
            })
        });
    // A group is no connector, and a machine may be one that never had a snapshot.
    let times = Range {
        since: range.since.clone(),
        until: range.until.clone(),
        ..Range::default()
    };
    Ok((scheduled.collect(), cx.scope(archive, &times)?))
}

/// All that the archive has, as if all of it were due as often.
fn of_archive(archive: &Archive, scope: &Scope, every: Duration) -> Vec<Scheduled> {
    let series = archive.catalog().series();
    let wanted = series.keys().filter(|series| scope.takes_series(series));
    let sources: BTreeSet<Source> = wanted.map(Source::of).collect();
    let scheduled = |source| Scheduled { source, every };
    sources.into_iter().map(scheduled).collect()
}

/// A gap, as scripts get it.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    document: SeriesDocument<'a>,
    #[serde(skip)]
    source: &'a Source,
    from: String,
    to: String,
    /// There is no snapshot behind it.
    open: bool,
    seconds: u64,
    every_seconds: u64,
    /// How many snapshots were due in it.
    missed: u64,
}

impl<'a> Row<'a> {
    fn new(gap: &Gap, scheduled: &'a Scheduled) -> Self {
        let nanos = u128::try_from(gap.to.as_nanos() - gap.from.as_nanos()).unwrap_or(0);
        let every = scheduled.every.as_nanos().max(1);
        // One was due every time, but the last time there was one, if a moment late.
        let due = (nanos + every / 2) / every;
        let missed = due.saturating_sub(u128::from(!gap.is_open));
        let number = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        Self {
            document: scheduled.source.document(),
            source: &scheduled.source,
            from: rfc3339(gap.from),
            to: rfc3339(gap.to),
            open: gap.is_open,
            seconds: number(nanos / 1_000_000_000),
            every_seconds: scheduled.every.as_secs(),
            missed: number(missed).max(1),
        }
    }
}

fn table(gaps: &[Gap], rows: &[Row<'_>], many_hosts: bool) -> Table {
    let mut table = Table::new(&[
        ("SOURCE", Align::Left),
        ("HOST", Align::Left),
        ("FROM (local)", Align::Left),
        ("TO", Align::Left),
        ("MISSING", Align::Right),
        ("EVERY", Align::Right),
        ("SNAPSHOTS DUE", Align::Right),
    ]);
    let time = |time: Timestamp| local_time(time, "%Y-%m-%d %H:%M:%S");
    let span = |seconds: u64| match seconds {
        0 => "0s".to_owned(),
        seconds => show_duration(Duration::from_secs(seconds)),
    };
    for (gap, row) in gaps.iter().zip(rows) {
        table.row(vec![
            row.source.name(),
            match many_hosts {
                true => row.source.host.clone(),
                false => String::new(),
            },
            time(gap.from),
            if gap.is_open { "open".into() } else { time(gap.to) },
            span(row.seconds),
            span(row.every_seconds),
            count(row.missed),
        ]);
    }
    let seconds = rows
        .iter()
        .fold(0_u64, |sum, row| sum.saturating_add(row.seconds));
    let missed = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.missed));
    if rows.len() > 1 {
        let gaps = plural(rows.len() as u64, "gap", "gaps");
        table.row(vec![
            "total".into(),
            String::new(),
            gaps,
            String::new(),
            span(seconds),
            String::new(),
            count(missed),
        ]);
    }
    table
}
