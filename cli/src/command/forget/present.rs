//! What people and scripts are told of what is kept and what is removed.

use std::time::Duration;

use jiff::tz::TimeZone;
use restante_format::archive::{Archive, PruneReport};
use restante_format::catalog::Moment;
use restante_format::model::Timestamp;
use serde::Serialize;

use super::plan::{Group, Plan, Row, Rules};
use crate::command::prune;
use crate::failure::Result;
use crate::retention::Policy;
use crate::show::{Align, Output, TABLE_ROWS, Table, count, in_zone, json_path, plural, rfc3339};

/// How many rows a group has where not all are asked for.
const ROWS: usize = 40;

/// Snapshots one after the other of which the same is decided for the same reasons.
struct Run {
    newest: Row,
    oldest: Moment,
    reasons: Vec<String>,
    last_reasons: Vec<String>,
    count: u64,
}

/// The rows of a group, the newest first.
pub(super) fn table(
    out: &mut Output,
    rules: &Rules<'_>,
    group: &Group<'_>,
    archive: &Archive,
    all: bool,
) -> Result<()> {
    let policy = group.policy.map(Policy::to_string).unwrap_or_default();
    out.line(&format!("{}: keep {policy}", group.key.title()))?;
    let mut runs: Vec<Run> = Vec::new();
    let mut told = 0_u64;
    Plan::each_row(rules, group, archive, &mut |row| {
        let reasons = group.reasons(&row, &rules.zone);
        let like = runs
            .last_mut()
            .filter(|run| !all && group.is_alike(&run.newest, &row));
        if let Some(run) = like {
            run.count += 1;
            (run.oldest, run.last_reasons) = (row.moment, reasons);
            return Ok(true);
        }
        if !all && runs.len() == ROWS {
            return Ok(false);
        }
        if runs.len() == TABLE_ROWS {
            told += write(out, &runs, &rules.zone)?;
            runs.clear();
        }
        runs.push(Run {
            oldest: row.moment.clone(),
            newest: row,
            last_reasons: reasons.clone(),
            reasons,
            count: 1,
        });
        Ok(true)
    })?;
    told += write(out, &runs, &rules.zone)?;
    let more = (group.kept + group.removed).saturating_sub(told);
    if more > 0 {
        out.line(&format!(
            "  and {} more: --all shows all",
            plural(more, "snapshot", "snapshots")
        ))?;
    }
    out.line(&format!(
        "  {} kept, {} to be removed",
        count(group.kept),
        count(group.removed)
    ))
}

/// Writes rows. Returns of how many snapshots they are.
fn write(out: &mut Output, runs: &[Run], zone: &TimeZone) -> Result<u64> {
    let mut table = Table::new(&[
        ("  TIME", Align::Left),
        ("", Align::Left),
        ("ID", Align::Left),
        ("", Align::Left),
        ("WHY", Align::Left),
    ]);
    let time = |time: Timestamp| in_zone(time, zone, "%Y-%m-%d %H:%M:%S");
    for run in runs {
        let newest = time(run.newest.moment.time);
        let is_one = run.count == 1;
        table.row(vec![
            match is_one {
                true => format!("  {newest}"),
                false => format!("  {} – {newest}", time(run.oldest.time)),
            },
            match is_one {
                true => String::new(),
                false => format!("×{}", count(run.count)),
            },
            run.newest.moment.id().short(),
            match run.newest.is_kept() {
                true => "keep".into(),
                false => "remove".into(),
            },
            match is_one {
                true => run.reasons.join(", "),
                false => spans(&run.reasons, &run.last_reasons).join(", "),
            },
        ]);
    }
    if !runs.is_empty() {
        for line in table.lines() {
            out.line(&line)?;
        }
    }
    Ok(runs.iter().map(|run| run.count).sum())
}

/// The reasons for the first and the last of a run, together.
fn spans(first: &[String], last: &[String]) -> Vec<String> {
    let span = |(first, last): (&String, &String)| match first == last {
        true => first.clone(),
        false => format!("{first} … {last}"),
    };
    first.iter().zip(last).map(span).collect()
}

/// A snapshot as scripts get it.
#[derive(Serialize)]
pub(super) struct Named {
    id: String,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
}

impl Named {
    pub(super) fn new(moment: &Moment, reasons: Option<Vec<String>>) -> Self {
        Self {
            id: moment.id().to_string(),
            time: rfc3339(moment.time),
            reasons,
        }
    }
}

/// What is said of a group in front of its snapshots.
#[derive(Serialize)]
struct Head<'a> {
    host: Option<&'a str>,
    connector: Option<&'a str>,
    paths: Option<Vec<String>>,
    tags: Option<&'a [String]>,
    policy: Option<&'a Policy>,
    kept: u64,
    removed: u64,
}

/// A group with all its snapshots, one after the other: there may be a million of them.
pub(super) fn json(out: &mut Output, rules: &Rules<'_>, group: &Group<'_>, archive: &Archive) -> Result<()> {
    let paths = group.key.paths.as_ref();
    let head = text(&Head {
        host: group.key.host.as_deref(),
        connector: group.key.connector.as_ref().and_then(Option::as_deref),
        paths: paths.map(|paths| paths.iter().map(|path| json_path(path)).collect()),
        tags: group.key.tags.as_deref(),
        policy: group.policy,
        kept: group.kept,
        removed: group.removed,
    });
    out.bytes(head.strip_suffix('}').unwrap_or(&head).as_bytes())?;
    for (key, is_kept) in [("keep", true), ("remove", false)] {
        out.bytes(format!(",\"{key}\":[").as_bytes())?;
        let mut is_first = true;
        Plan::each_row(rules, group, archive, &mut |row| {
            if row.is_kept() != is_kept {
                return Ok(true);
            }
            if !std::mem::take(&mut is_first) {
                out.bytes(b",")?;
            }
            let reasons = is_kept.then(|| group.reasons(&row, &rules.zone));
            out.bytes(text(&Named::new(&row.moment, reasons)).as_bytes())?;
            Ok(true)
        })?;
        out.bytes(b"]")?;
    }
    out.bytes(b"}")
}

fn text(value: &impl Serialize) -> String {
    // Nothing here has keys that are no text.
    serde_json::to_string(value).unwrap_or_default()
}

/// What it comes to.
#[derive(Serialize)]
pub(super) struct Totals {
    pub(super) kept: u64,
    pub(super) removed: u64,
    /// By how many bytes the archive is smaller, or would be; none where that was not looked at.
    pub(super) freed_bytes: Option<i64>,
    pub(super) dry_run: bool,
    pub(super) prune: Option<prune::Document>,
    pub(super) seconds: f64,
}

impl Totals {
    /// The rest of a document that begins with lists.
    pub(super) fn json(&self, out: &mut Output) -> Result<()> {
        out.bytes(b",")?;
        let text = text(self);
        out.line(text.strip_prefix('{').unwrap_or(&text))
    }

    /// The last line for people.
    pub(super) fn line(&self, out: &mut Output) -> Result<()> {
        let removed = plural(self.removed, "snapshot", "snapshots");
        let kept = count(self.kept);
        if self.dry_run {
            let freed = self.freed_bytes.unwrap_or(0);
            return out.line(&format!(
                "would remove {removed} and keep {kept}; with a prune {}",
                prune::would_change(freed)
            ));
        }
        out.line(&format!("removed {removed}, kept {kept}"))?;
        if self.prune.is_none() && self.removed > 0 {
            let prune = out.command("prune");
            out.notice(&format!(
                "what only they needed is still stored; free it: {prune}"
            ));
        }
        Ok(())
    }
}

impl Totals {
    pub(super) fn new(kept: u64, removed: u64, dry_run: bool) -> Self {
        Self {
            kept,
            removed,
            freed_bytes: None,
            dry_run,
            prune: None,
            seconds: 0.0,
        }
    }

    /// With what a prune did, or would do, and how long all took.
    pub(super) fn with(
        mut self,
        report: Option<&PruneReport>,
        grace: Option<Duration>,
        elapsed: Duration,
    ) -> Self {
        self.freed_bytes = report.map(PruneReport::freed_bytes);
        self.prune = report.map(|report| prune::Document::new(report, self.dry_run, grace, elapsed));
        self.seconds = elapsed.as_secs_f64();
        self
    }
}
