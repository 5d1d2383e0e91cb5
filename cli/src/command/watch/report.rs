//! What `watch` tells: one line for each run, and what has changed since the run before.

use std::collections::BTreeMap;

use restante_format::model::Timestamp;
use serde::Serialize;

use super::keeper::{Done, Kept};
use super::schedule::Tick;
use super::worker::{Event, News, Ran};
use crate::command::prune;
use crate::command::snapshot::present;
use crate::context::Context;
use crate::failure::{Failure, Outcome, Result};
use crate::show::{count, local_time, plural, rfc3339, size};

/// Why a run is passed over.
const BUSY: &str = "its lock is held: by a restore, or by another watch";

/// Tells of runs, and remembers what it told.
pub(super) struct Reporter {
    connectors: Vec<Connector>,
    width: usize,
    outcome: Outcome,
    /// Why forgetting failed, by connector, and pruning.
    keeping: BTreeMap<Option<String>, String>,
}

/// What was told of a connector.
#[derive(Default)]
struct Connector {
    name: String,
    /// What stands on standard error already, and still holds.
    failure: Option<String>,
    missing: Vec<String>,
    gaps: Vec<String>,
    merging: Option<String>,
    /// How many runs failed since the last that did not.
    failed: u64,
}

/// A snapshot, with what `watch` knows of its run.
#[derive(Serialize)]
struct TakenLine {
    #[serde(flatten)]
    snapshot: present::Document,
    skipped: u64,
    late_seconds: f64,
}

/// What was done about older snapshots.
#[derive(Serialize)]
struct KeptLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    connector: Option<&'a str>,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prune: Option<prune::Document>,
    seconds: f64,
}

/// A run without a snapshot.
#[derive(Serialize)]
struct UntakenLine<'a> {
    connector: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hints: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed_over: Option<&'a str>,
    skipped: u64,
    late_seconds: f64,
}

impl Reporter {
    /// For connectors of these names.
    pub(super) fn new(names: Vec<String>) -> Self {
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let connector = |name| Connector {
            name,
            ..Connector::default()
        };
        Self {
            connectors: names.into_iter().map(connector).collect(),
            width,
            outcome: Outcome::Done,
            keeping: BTreeMap::new(),
        }
    }

    /// What the runs have come to.
    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Tells what is new.
    pub(super) fn tell(&mut self, cx: &mut Context, news: News) -> Result<()> {
        match news {
            News::Run(event) => self.tell_run(cx, event),
            News::Kept(kept) => self.tell_kept(cx, kept),
        }
    }

    /// Tells what was done about older snapshots.
    fn tell_kept(&mut self, cx: &mut Context, kept: Kept) -> Result<()> {
        let Kept {
            connector,
            time,
            done,
            elapsed,
        } = kept;
        let connector = connector.and_then(|number| self.connectors.get(number));
        let name = connector.map(|connector| connector.name.as_str());
        match done {
            Ok(done) => {
                self.keeping.remove(&name.map(str::to_owned));
                if cx.out.json {
                    let (forgotten, prune) = match done {
                        Done::Forgotten(forgotten) => (Some(forgotten), None),
                        Done::Pruned(report) => {
                            let document = prune::Document::new(&report, false, None, elapsed);
                            (None, Some(document))
                        }
                    };
                    cx.out.json_line(&KeptLine {
                        connector: name,
                        time: rfc3339(time),
                        forgotten,
                        prune,
                        seconds: elapsed.as_secs_f64(),
                    })?;
                } else {
                    let what = match done {
                        Done::Forgotten(forgotten) => {
                            format!("forgot {}", plural(forgotten, "snapshot", "snapshots"))
                        }
                        Done::Pruned(report) => format!(
                            "deleted {}, condemned {}",
                            size(report.deleted_bytes),
                            size(report.condemned_bytes)
                        ),
                    };
                    let line = format!("{:<width$}   {what}", name.unwrap_or("prune"), width = self.width);
                    cx.out.line(&dated(time, &line, Tick::default()))?;
                }
            }
            Err(mut failure) => {
                let beginning = match name {
                    Some(name) => format!("connector {name}: forgetting: "),
                    None => "pruning: ".to_owned(),
                };
                failure.message.insert_str(0, &beginning);
                let text = failure.report();
                if self.keeping.insert(name.map(str::to_owned), text.clone()) != Some(text) {
                    cx.out.error(failure);
                }
                self.outcome = self.outcome.max(Outcome::Failed);
            }
        }
        cx.out.flush()
    }

    /// Tells of a run.
    fn tell_run(&mut self, cx: &mut Context, event: Event) -> Result<()> {
        let Event {
            connector,
            time,
            tick,
            missing,
            ran,
        } = event;
        let width = self.width;
        let Some(connector) = self.connectors.get_mut(connector) else {
            return Ok(());
        };
        if let Some(resolved) = missing {
            // Every minute the same would keep everyone from reading what is new.
            let warnings = [resolved.warnings, resolved.notices].concat();
            for warning in warnings.iter().filter(|text| !connector.missing.contains(text)) {
                cx.out.warn(&format!("{}: {warning}", connector.name));
            }
            connector.missing = warnings;
        }
        let outcome = match ran {
            Ok(Ran::Taken(taken, elapsed)) => {
                connector.failure = None;
                connector.failed = 0;
                if cx.out.json {
                    cx.out.json_line(&TakenLine {
                        snapshot: present::Document::new(&taken, elapsed),
                        skipped: tick.skipped,
                        late_seconds: tick.late.as_secs_f64(),
                    })?;
                } else {
                    let line = present::line(&connector.name, width, &taken, elapsed);
                    cx.out.line(&dated(taken.snapshot.time, &line, tick))?;
                }
                cx.out.detail(&present::detail(&taken));
                let gaps = present::gaps(&taken);
                if gaps != connector.gaps {
                    present::warn_of_gaps(&cx.out, &taken);
                }
                connector.gaps = gaps;
                let merging = present::merging(&taken);
                if let Some(warning) = merging.as_ref().filter(|_| merging != connector.merging) {
                    cx.out.warn(&format!("{}: {warning}", connector.name));
                }
                connector.merging = merging;
                match present::has_gaps(&taken) {
                    true => Outcome::Incomplete,
                    false => Outcome::Done,
                }
            }
            Ok(Ran::PassedOver) => {
                connector.untaken(cx, width, time, tick, None)?;
                Outcome::Incomplete
            }
            Err(failure) => {
                connector.failed += 1;
                connector.untaken(cx, width, time, tick, Some(&failure))?;
                cx.out.flush()?;
                connector.explain(cx, failure);
                Outcome::Failed
            }
        };
        self.outcome = self.outcome.max(outcome);
        cx.out.flush()
    }
}

impl Connector {
    /// The line of a run that failed, or was passed over.
    fn untaken(
        &self,
        cx: &mut Context,
        width: usize,
        time: Timestamp,
        tick: Tick,
        failure: Option<&Failure>,
    ) -> Result<()> {
        if cx.out.json {
            return cx.out.json_line(&UntakenLine {
                connector: &self.name,
                time: rfc3339(time),
                error: failure.map(|failure| failure.message.as_str()),
                hints: failure.map(|failure| failure.hints.as_slice()),
                passed_over: failure.is_none().then_some(BUSY),
                skipped: tick.skipped,
                late_seconds: tick.late.as_secs_f64(),
            });
        }
        let what = match (failure, self.failed) {
            (None, _) => format!("passed over: {BUSY}"),
            (Some(_), 0 | 1) => "failed".to_owned(),
            (Some(_), times) => format!("failed, {} times in a row", count(times)),
        };
        let line = format!("{:<width$}   {what}", self.name);
        cx.out.line(&dated(time, &line, tick))
    }

    /// Says why a run failed, unless the run before failed for the same reason.
    fn explain(&mut self, cx: &Context, mut failure: Failure) {
        let beginning = format!("connector {}: ", self.name);
        if !failure.message.starts_with(&beginning) {
            failure.message.insert_str(0, &beginning);
        }
        let text = failure.report();
        if self.failure.as_ref() != Some(&text) {
            cx.out.error(failure);
        }
        self.failure = Some(text);
    }
}

/// A line with its time in front, and behind it how many ticks had no run of their own.
fn dated(time: Timestamp, line: &str, tick: Tick) -> String {
    let time = local_time(time, "%Y-%m-%d %H:%M:%S");
    let skipped = match tick.skipped {
        0 => String::new(),
        skipped => format!(
            "   {} before it",
            plural(skipped, "skipped tick", "skipped ticks")
        ),
    };
    format!("{time}  {line}{skipped}")
}
