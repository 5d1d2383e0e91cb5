//! `snapshots --by-connector`: when each connector was last taken, beside when it should have been.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Zoned;
use restante_format::catalog::Listed;
use serde::Serialize;

use crate::args::Snapshots;
use crate::context::{Access, Context, was_here};
use crate::failure::{Outcome, Result};
use crate::profile::{Profiles, show_duration};
use crate::select::timestamp;
use crate::show::{Align, Table, count, local_time, rfc3339};

/// A snapshot is not late before it is so late, however often one is due.
const LEAST_TOLERANCE: Duration = Duration::from_secs(5);

/// How a connector stands to its schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Late,
    /// The newest snapshot has files that changed while they were read, or lacks some: a restore refuses it.
    Torn,
    Never,
    Unscheduled,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Late => "late",
            Self::Torn => "torn",
            Self::Never => "never",
            Self::Unscheduled => "unscheduled",
        }
    }
}

/// A connector, as scripts get it.
#[derive(Serialize)]
struct Row {
    connector: String,
    last: Option<String>,
    id: Option<String>,
    age_seconds: Option<u64>,
    every_seconds: Option<u64>,
    state: State,
    snapshots: u64,
}

/// The newest snapshot of a connector, and how many there are.
struct Newest {
    listed: Listed,
    snapshots: u64,
}

/// Lists the connectors of this server.
pub(crate) fn run(cx: &mut Context, args: &Snapshots) -> Result<()> {
    let profiles = Profiles::load(&cx.config)?;
    let asked = args
        .range
        .connector
        .iter()
        .flat_map(|name| cx.config.members(name));
    let asked: Vec<String> = asked.cloned().collect();
    for name in &asked {
        profiles.get(name)?;
    }
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|member| member == name);
    // Those that are not on this server have no schedule to keep. Where nothing is configured at all, that is an
    // error: a monitor must not take it for a good sign.
    let selection = profiles.select(&cx.config, &[])?;
    let archive = cx.open(Access::Mapped)?;
    let is_absent = |name: &str| selection.absent.iter().any(|(absent, _)| absent == name);
    let configured: Vec<(String, Option<Duration>)> = profiles
        .configured(&cx.config)
        .into_iter()
        .filter(|(profile, _)| {
            let name = &profile.name;
            wanted(name) && (!is_absent(name) || was_here(&archive, &cx.config, name))
        })
        .map(|(profile, _)| (profile.name.clone(), profile.every))
        .collect();
    let host = args.range.host.clone().unwrap_or_else(|| cx.config.server_name());

    let now = timestamp(Zoned::now().timestamp());
    let mut newest: BTreeMap<String, Newest> = BTreeMap::new();
    for moment in archive.catalog().newest_first() {
        let s = &moment.state.snapshot;
        let Some(name) = s.connector.as_deref().filter(|_| s.host == host) else {
            continue;
        };
        if let Some(known) = newest.get_mut(name) {
            known.snapshots += 1;
            continue;
        }
        let listed = moment.listed();
        newest.insert(name.to_owned(), Newest { listed, snapshots: 1 });
    }
    let age = |newest: &Newest| {
        let seconds = now.secs.saturating_sub(newest.listed.snapshot.time.secs);
        u64::try_from(seconds).unwrap_or(0)
    };
    let mut rows = Vec::new();
    let mut times = Vec::new();
    let mut add = |name: &str, every: Option<Duration>, is_configured: bool| {
        let found = newest.get(name);
        let age = found.map(age);
        let state = match (age, every) {
            (None, _) => State::Never,
            (Some(_), None) => State::Unscheduled,
            _ if !is_configured => State::Unscheduled,
            (Some(age), Some(every)) if age > most(every, args.tolerance).as_secs() => State::Late,
            _ if found.is_some_and(|found| {
                found.listed.snapshot.counts.torn + found.listed.snapshot.counts.unreadable > 0
            }) =>
            {
                State::Torn
            }
            _ => State::Ok,
        };
        times.push(found.map(|found| found.listed.snapshot.time));
        rows.push(Row {
            connector: name.to_owned(),
            last: found.map(|found| rfc3339(found.listed.snapshot.time)),
            id: found.map(|found| found.listed.id.to_string()),
            age_seconds: age,
            every_seconds: every.map(|every| every.as_secs()),
            state,
            snapshots: found.map_or(0, |found| found.snapshots),
        });
    };
    for (name, every) in &configured {
        add(name, *every, true);
    }
    for name in newest.keys() {
        if configured.iter().all(|(known, _)| known != name) && wanted(name) {
            add(name, None, false);
        }
    }
    if cx.out.json {
        cx.out.json_line(&rows)?;
    } else {
        let times = times.iter().map(|time| match time {
            Some(time) => local_time(*time, "%Y-%m-%d %H:%M:%S"),
            None => "-".into(),
        });
        cx.out.table(&table(&rows, times))?;
        cx.out.flush()?;
    }
    warn(cx, &rows);
    Ok(())
}

/// How old the newest snapshot of a connector may be.
pub(super) fn most(every: Duration, tolerance: Option<Duration>) -> Duration {
    every.saturating_add(tolerance.unwrap_or((every / 2).max(LEAST_TOLERANCE)))
}

fn table(rows: &[Row], times: impl Iterator<Item = String>) -> Table {
    let mut table = Table::new(&[
        ("CONNECTOR", Align::Left),
        ("LAST (local)", Align::Left),
        ("ID", Align::Left),
        ("AGE", Align::Right),
        ("EVERY", Align::Right),
        ("STATE", Align::Left),
        ("SNAPSHOTS", Align::Right),
    ]);
    for (row, time) in rows.iter().zip(times) {
        let span = |seconds: Option<u64>| match seconds {
            None => "-".to_owned(),
            Some(0) => "0s".to_owned(),
            Some(seconds) => show_duration(Duration::from_secs(seconds)),
        };
        let id = row.id.as_deref().and_then(|id| id.get(..8));
        table.row(vec![
            row.connector.clone(),
            time,
            id.unwrap_or("-").to_owned(),
            span(row.age_seconds),
            span(row.every_seconds),
            row.state.word().to_owned(),
            count(row.snapshots),
        ]);
    }
    table
}

/// Names those that are late, and lets the exit code say so.
fn warn(cx: &mut Context, rows: &[Row]) {
    let span = |seconds: Option<u64>| show_duration(Duration::from_secs(seconds.unwrap_or(0)));
    let mut late = false;
    for row in rows {
        let what = match row.state {
            State::Late => format!(
                "{} is late: its newest snapshot is {} old, and one is due every {}",
                row.connector,
                span(row.age_seconds),
                span(row.every_seconds)
            ),
            State::Torn => format!(
                "the newest snapshot of {} has files that changed while they were read, or lacks some that could not be: a \
                 restore refuses it",
                row.connector
            ),
            State::Never => format!("{} has no snapshot", row.connector),
            State::Ok | State::Unscheduled => continue,
        };
        cx.out.warn(&what);
        late = true;
    }
    if late {
        cx.worsen(Outcome::Incomplete);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_schedule_and_at_least_some_seconds_are_tolerated() {
        let secs = Duration::from_secs;
        assert_eq!(most(secs(60), None), secs(90));
        assert_eq!(most(secs(1), None), secs(6));
        assert_eq!(most(secs(60), Some(secs(120))), secs(180));
        assert_eq!(most(secs(60), Some(secs(1))), secs(61));
    }
}
