//! `snapshots --gaps`: when nobody looked, though the schedule asked for it.

use std::time::Duration;

use jiff::Zoned;
use restante_format::archive::{Archive, Gap, Watched};
use restante_format::model::{Series, Timestamp, display_bytes};
use serde::Serialize;

use super::by_connector::most;
use crate::args::Snapshots;
use crate::context::{Access, Context, check_connector, was_here};
use crate::failure::{Outcome, Result};
use crate::profile::{Profiles, show_duration};
use crate::select::timestamp;
use crate::show::{Align, Table, count, local_time, plural, rfc3339};

/// What has a schedule.
struct Scheduled {
    host: String,
    connector: Option<String>,
    /// The paths of a source that is no connector.
    paths: Vec<Vec<u8>>,
    every: Duration,
}

impl Scheduled {
    fn is_for(&self, series: &Series) -> bool {
        self.host == series.host
            && self.connector == series.connector
            && (self.connector.is_some() || self.paths == series.paths)
    }

    fn name(&self) -> String {
        let paths: Vec<String> = self.paths.iter().map(|path| display_bytes(path)).collect();
        self.connector.clone().unwrap_or_else(|| paths.join(" "))
    }
}

/// Lists the gaps. There are none in the time before a source's first snapshot.
pub(crate) fn run(cx: &mut Context, args: &Snapshots) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    let now = timestamp(Zoned::now().timestamp());
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
    // What is still to come is no gap.
    let until = until.map_or(now, |until| until.min(now));
    let scheduled = match args.every {
        Some(every) => of_archive(&archive, args, every)?,
        None => configured(cx, &archive, args)?,
    };
    let gaps = archive.gaps(since, until, &mut |series| {
        let number = scheduled.iter().position(|scheduled| scheduled.is_for(series))?;
        let most = most(scheduled[number].every, args.tolerance);
        Some(Watched { number, most })
    });
    let rows: Vec<Row> = gaps
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
        for line in table(&gaps, &rows).lines() {
            cx.out.line(&line)?;
        }
    }
    cx.out.flush()?;
    let newest = archive.catalog().series();
    for scheduled in &scheduled {
        if !newest.keys().any(|series| scheduled.is_for(series)) {
            cx.out.warn(&format!("{} has no snapshot", scheduled.name()));
            cx.worsen(Outcome::Incomplete);
        }
    }
    if !rows.is_empty() {
        cx.worsen(Outcome::Incomplete);
    }
    Ok(())
}

/// The configured connectors that are due on this server again and again, as `--by-connector` has them.
fn configured(cx: &Context, archive: &Archive, args: &Snapshots) -> Result<Vec<Scheduled>> {
    let profiles = Profiles::load(&cx.config)?;
    let asked = args.connector.iter().flat_map(|name| cx.config.members(name));
    let asked: Vec<String> = asked.cloned().collect();
    for name in &asked {
        profiles.get(name)?;
    }
    let selection = profiles.select(&cx.config, &[])?;
    let is_absent = |name: &str| selection.absent.iter().any(|(absent, _)| absent == name);
    let host = args.host.clone().unwrap_or_else(|| cx.config.server_name());
    let scheduled = profiles
        .configured(&cx.config)
        .into_iter()
        .filter_map(|(profile, _)| {
            let name = &profile.name;
            let is_wanted = asked.is_empty() || asked.contains(name);
            let is_here = !is_absent(name) || was_here(archive, &cx.config, name);
            Some(Scheduled {
                host: host.clone(),
                connector: Some(name.clone()),
                paths: Vec::new(),
                every: profile.every.filter(|_| is_wanted && is_here)?,
            })
        });
    Ok(scheduled.collect())
}

/// All that the archive has, as if all of it were due as often.
fn of_archive(archive: &Archive, args: &Snapshots, every: Duration) -> Result<Vec<Scheduled>> {
    if let Some(connector) = &args.connector {
        check_connector(archive, connector)?;
    }
    let mut scheduled: Vec<Scheduled> = Vec::new();
    for series in archive.catalog().series().into_keys() {
        let is_wanted = args.host.as_ref().is_none_or(|host| *host == series.host)
            && (args.connector.is_none() || args.connector == series.connector);
        if !is_wanted || scheduled.iter().any(|known| known.is_for(&series)) {
            continue;
        }
        scheduled.push(Scheduled {
            paths: match series.connector {
                Some(_) => Vec::new(),
                None => series.paths,
            },
            host: series.host,
            connector: series.connector,
            every,
        });
    }
    Ok(scheduled)
}

/// A gap, as scripts get it.
#[derive(Serialize)]
struct Row {
    host: String,
    connector: Option<String>,
    #[serde(skip)]
    name: String,
    paths: Vec<String>,
    from: String,
    to: String,
    /// There is no snapshot behind it.
    open: bool,
    seconds: u64,
    every_seconds: u64,
    /// How many snapshots were due in it.
    missed: u64,
}

impl Row {
    fn new(gap: &Gap, scheduled: &Scheduled) -> Self {
        let nanos = u128::try_from(gap.to.as_nanos() - gap.from.as_nanos()).unwrap_or(0);
        let every = scheduled.every.as_nanos().max(1);
        // One was due every time, but the last time there was one, if a moment late.
        let due = (nanos + every / 2) / every;
        let missed = due.saturating_sub(u128::from(!gap.is_open));
        let number = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        Self {
            host: scheduled.host.clone(),
            connector: scheduled.connector.clone(),
            name: scheduled.name(),
            paths: scheduled.paths.iter().map(|path| display_bytes(path)).collect(),
            from: rfc3339(gap.from),
            to: rfc3339(gap.to),
            open: gap.is_open,
            seconds: number(nanos / 1_000_000_000),
            every_seconds: scheduled.every.as_secs(),
            missed: number(missed).max(1),
        }
    }
}

fn table(gaps: &[Gap], rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("SOURCE", Align::Left),
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
            row.name.clone(),
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
            gaps,
            String::new(),
            span(seconds),
            String::new(),
            count(missed),
        ]);
    }
    table
}
