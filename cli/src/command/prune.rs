//! `prune`: frees the room of what no snapshot needs any more.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use restante_format::archive::{Archive, Grace, PruneReport, PruneRequest};
use restante_format::store::{LocalStore, LockMode, LockName, Store};
use serde::Serialize;

use super::forget::refuse_damage;
use crate::args::Prune;
use crate::context::{Access, Context};
use crate::failure::Result;
use crate::profile::show_duration;
use crate::select::timestamp;
use crate::show::{Align, Output, Table, count, duration, size, with_progress};

/// How long what is of no use stays where somebody else writes, unless another time is asked for.
pub(crate) const GRACE: Duration = Duration::from_secs(3600);

/// How much of the data may be of no use and stay, unless somebody says it.
pub(crate) const MAX_UNUSED: Percent = Percent(5.0);

/// A part of something, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Percent(pub(crate) f64);

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "unlimited" {
            return Ok(Self(100.0));
        }
        let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>();
        let number = number.ok().filter(|number| (0.0..=100.0).contains(number));
        number
            .map(Self)
            .ok_or("write a part of the data in percent, such as 5%, or unlimited")
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// What a prune did, or would do, as scripts get it.
#[derive(Serialize)]
pub(crate) struct Document {
    dry_run: bool,
    deleted: u64,
    deleted_bytes: u64,
    condemned: u64,
    condemned_bytes: u64,
    /// After how many seconds a prune deletes what was condemned.
    #[serde(skip_serializing_if = "Option::is_none")]
    grace_seconds: Option<u64>,
    rewritten: u64,
    rewritten_bytes: u64,
    written_bytes: u64,
    waiting: u64,
    waiting_bytes: u64,
    unused_bytes: u64,
    stored_bytes: u64,
    freed_bytes: i64,
    seconds: f64,
}

impl Document {
    pub(crate) fn new(
        report: &PruneReport,
        dry_run: bool,
        grace: Option<Duration>,
        elapsed: Duration,
    ) -> Self {
        Self {
            dry_run,
            deleted: report.deleted,
            deleted_bytes: report.deleted_bytes,
            condemned: report.condemned,
            condemned_bytes: report.condemned_bytes,
            grace_seconds: (report.condemned > 0).then(|| grace.unwrap_or(GRACE).as_secs()),
            rewritten: report.rewritten,
            rewritten_bytes: report.rewritten_bytes,
            written_bytes: report.written_bytes,
            waiting: report.waiting,
            waiting_bytes: report.waiting_bytes,
            unused_bytes: report.unused_bytes,
            stored_bytes: report.stored_bytes,
            freed_bytes: report.freed_bytes(),
            seconds: elapsed.as_secs_f64(),
        }
    }
}

/// Prunes, or finds out what that would do.
pub(crate) fn run(cx: &mut Context, args: &Prune) -> Result<()> {
    let started = Instant::now();
    let folder = cx.writable_folder()?;
    let mut archive = cx.open_at(&folder, Access::Mapped)?;
    refuse_damage(&archive)?;
    let report = match args.dry_run {
        true => {
            let progress = cx.progress.clone();
            with_progress(&progress, cx.out.quiet, "prune", || {
                archive.would_free(&HashSet::new(), args.max_unused.0, &progress)
            })?
        }
        false => prune(cx, &mut archive, args.grace, args.max_unused)?,
    };
    let elapsed = started.elapsed();
    if cx.out.json {
        let document = Document::new(&report, args.dry_run, args.grace, elapsed);
        return cx.out.json_line(&document);
    }
    if args.dry_run {
        let text = would_change(report.freed_bytes());
        return cx.out.line(&format!("a prune {text}"));
    }
    tell(&mut cx.out, &report, args.grace)?;
    cx.out.line(&format!(
        "{} in all segments, {}",
        size(report.stored_bytes),
        duration(elapsed)
    ))
}

/// Prunes; says so where it has to wait.
pub(crate) fn prune(
    cx: &Context,
    archive: &mut Archive,
    grace: Option<Duration>,
    max_unused: Percent,
) -> Result<PruneReport> {
    let grace = match grace {
        None => Grace::Unless(GRACE),
        Some(Duration::ZERO) => Grace::None,
        Some(grace) => Grace::For(grace),
    };
    if grace == Grace::None {
        let store = LocalStore::new(cx.writable_folder()?);
        // Where it cannot be tried, the prune itself says why.
        if let Ok(None) = store.try_lock(LockName::Archive, LockMode::Exclusive) {
            cx.out
                .notice("waiting until nobody else works on the archive; Ctrl-C gives up");
        }
    }
    let request = PruneRequest {
        now: timestamp(jiff::Timestamp::now()),
        grace,
        max_unused_percent: max_unused.0,
    };
    let progress = cx.progress.clone();
    Ok(with_progress(&progress, cx.out.quiet, "prune", || {
        archive.prune(&request, &progress)
    })?)
}

/// What a change of so many bytes would be, as the end of a sentence.
pub(crate) fn would_change(freed: i64) -> String {
    let bytes = freed.unsigned_abs();
    match freed {
        0 => "would free nothing".into(),
        1.. => format!("would free {} ({} bytes)", size(bytes), count(bytes)),
        _ => format!("would need {} more ({} bytes)", size(bytes), count(bytes)),
    }
}

/// The report for people.
pub(crate) fn tell(out: &mut Output, report: &PruneReport, grace: Option<Duration>) -> Result<()> {
    let goes = format!(
        "deleted by a prune in {} or later",
        show_duration(grace.unwrap_or(GRACE))
    );
    let rows = [
        ("deleted", report.deleted, report.deleted_bytes, String::new()),
        ("condemned", report.condemned, report.condemned_bytes, goes),
        (
            "waiting",
            report.waiting,
            report.waiting_bytes,
            "condemned before, and deleted by a prune after the grace period".into(),
        ),
        (
            "rewritten",
            report.rewritten,
            report.rewritten_bytes,
            format!(
                "{} of them were needed and written anew",
                size(report.written_bytes)
            ),
        ),
    ];
    let mut table = Table::new(&[
        ("", Align::Left),
        ("SEGMENTS", Align::Right),
        ("SIZE", Align::Right),
        (" ", Align::Left),
    ]);
    let mut is_empty = true;
    for (what, segments, bytes, note) in rows {
        if segments > 0 {
            is_empty = false;
            table.row(vec![what.into(), count(segments), size(bytes), note]);
        }
    }
    match is_empty {
        true => out.line("nothing to free")?,
        false => table.lines().iter().try_for_each(|line| out.line(line))?,
    }
    if report.unused_bytes > 0 {
        out.line(&format!(
            "{} of no use stay, beside what is needed: --max-unused 0 frees them",
            size(report.unused_bytes)
        ))?;
    }
    Ok(())
}
