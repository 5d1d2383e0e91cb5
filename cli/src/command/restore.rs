//! `restore`: a snapshot, or a part of it, below a folder.

use std::time::Instant;

use restante_format::archive::{self, Archive, Located, RestoreReport};
use restante_format::catalog::Listed;
use restante_format::model::{Snapshot, display_bytes};
use serde::Serialize;

use crate::args::{Overwrite, Restore};
use crate::context::{Access, Context};
use crate::failure::{Failure, Outcome, Result, chain};
use crate::show::{count, duration, json_path, local_time, plural, quoted, size, with_progress};

#[derive(Serialize)]
struct Document {
    snapshot: String,
    to: String,
    dry_run: bool,
    files: u64,
    dirs: u64,
    bytes: u64,
    kept: u64,
    torn: Vec<String>,
    failed: Vec<FailedDocument>,
    seconds: f64,
}

#[derive(Serialize)]
struct FailedDocument {
    path: String,
    reason: String,
}

/// Restores what is named, and says what could not be.
pub(crate) fn run(cx: &mut Context, args: &Restore) -> Result<()> {
    if let Some(connector) = &args.procedure.connector {
        return super::procedure::run(cx, args, connector);
    }
    // One of them is there: the definition of the command line says so.
    let (Some(snapshot), Some(to)) = (&args.snapshot, &args.to) else {
        return Err(Failure::usage("name a snapshot, and a folder with --to"));
    };
    let archive = cx.open(Access::Mapped)?;
    let (listed, located) = cx.find(&archive, snapshot)?;
    let inside = match &located {
        Located::Root(_) => &[],
        Located::Entry(path, _) => path.as_slice(),
    };
    if !args.allow_torn {
        let command = |name: &str| {
            format!(
                "restante restore {} --to {}",
                quoted(name),
                quoted(&to.to_string_lossy())
            )
        };
        refuse_torn(&archive, &listed, inside, &command)?;
    }
    let overwrite = args.overwrite.map(|which| match which {
        Overwrite::Never => archive::Overwrite::Never,
        Overwrite::Changed => archive::Overwrite::Changed,
        Overwrite::Always => archive::Overwrite::Always,
    });
    let taken = local_time(listed.snapshot.time, "%Y-%m-%d %H:%M:%S");
    cx.out.detail(&format!(
        "snapshot {} of {}, taken {taken}",
        listed.id.short(),
        listed.snapshot.host
    ));
    let started = Instant::now();
    let request = archive::Restore {
        target: to.clone(),
        overwrite,
        dry_run: args.dry_run,
    };
    let progress = cx.progress.clone();
    let report = with_progress(&progress, cx.out.quiet, "restore", || {
        let total = if inside.is_empty() {
            listed.snapshot.counts.bytes
        } else {
            0
        };
        progress
            .total_bytes
            .store(total, std::sync::atomic::Ordering::Relaxed);
        archive.restore(&located, &request, &progress)
    })?;
    let seconds = started.elapsed();
    if cx.out.json {
        cx.out.json_line(&Document {
            snapshot: listed.id.to_string(),
            to: to.display().to_string(),
            dry_run: args.dry_run,
            files: report.files,
            dirs: report.dirs,
            bytes: report.bytes,
            kept: report.kept,
            torn: report.torn.iter().map(|path| json_path(path)).collect(),
            failed: report.failures.iter().map(failed).collect(),
            seconds: seconds.as_secs_f64(),
        })?;
    } else {
        let done = if args.dry_run { "would restore" } else { "restored" };
        let kept = if report.kept > 0 {
            format!(", {} left as they were", count(report.kept))
        } else {
            String::new()
        };
        let (files, dirs) = (
            plural(report.files, "file", "files"),
            plural(report.dirs, "directory", "directories"),
        );
        let (size, to, id) = (size(report.bytes), to.display(), listed.id.short());
        cx.out.line(&format!(
            "{done} {files} and {dirs}, {size}, from {id} ({taken}) to {to} in {}{kept}",
            duration(seconds)
        ))?;
        cx.out.flush()?;
    }
    tell_gaps(cx, &listed, inside, &report);
    Ok(())
}

fn failed((path, error): &(Vec<u8>, restante_format::error::Error)) -> FailedDocument {
    FailedDocument {
        path: json_path(path),
        reason: chain(error),
    }
}

fn is_inside(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// A torn file is no state that it ever had: nobody should restore one without knowing.
///
/// `command` is the one that restores the snapshot of this name.
pub(super) fn refuse_torn(
    archive: &Archive,
    listed: &Listed,
    inside: &[u8],
    command: &dyn Fn(&str) -> String,
) -> Result<()> {
    let snapshot = &listed.snapshot;
    let mut torn = snapshot.torn.iter().filter(|path| is_inside(path, inside));
    let Some(first) = torn.next() else { return Ok(()) };
    let others = torn.count();
    let more = if others > 0 {
        format!(" (and {} more)", count(others as u64))
    } else {
        String::new()
    };
    let (id, path) = (listed.id.short(), display_bytes(first));
    let mut failure = Failure::new(format!(
        "snapshot {id} has a torn file: {path} changed while it was read{more}"
    ));
    let is_whole = |other: &Snapshot| other.paths == snapshot.paths && other.counts.torn == 0;
    if let Some(hint) = last_whole(archive, listed, inside, is_whole, command) {
        failure = failure.hint(hint);
    }
    Err(failure.hint("to restore the torn file all the same, add --allow-torn"))
}

/// The newest snapshot before this one, of the same source, that is whole, and the command that restores it.
fn last_whole(
    archive: &Archive,
    listed: &Listed,
    inside: &[u8],
    is_whole: impl Fn(&Snapshot) -> bool,
    command: &dyn Fn(&str) -> String,
) -> Option<String> {
    let snapshot = &listed.snapshot;
    let mut all = archive.catalog().newest_first_from(snapshot.time);
    let whole = all.find(|other| {
        let o = &other.state.snapshot;
        other.time < snapshot.time
            && (&o.host, &o.connector) == (&snapshot.host, &snapshot.connector)
            && is_whole(o)
    })?;
    let id = whole.id().short();
    let time = local_time(whole.time, "%Y-%m-%d %H:%M");
    let connector = snapshot.connector.as_ref();
    let connector = connector.map(|name| format!("{name}@")).unwrap_or_default();
    let path = match inside {
        [] => String::new(),
        inside => format!(":{}", display_bytes(inside)),
    };
    let restore = command(&format!("{connector}{id}{path}"));
    Some(format!("the last whole one is {id} ({time}): {restore}"))
}

/// By a connector's procedure a path that the snapshot lacks would go: what is there is replaced.
pub(super) fn refuse_gaps(
    archive: &Archive,
    listed: &Listed,
    command: &dyn Fn(&str) -> String,
) -> Result<()> {
    refuse_torn(archive, listed, &[], command)?;
    let snapshot = &listed.snapshot;
    let Some(first) = snapshot.unreadable.first() else {
        return Ok(());
    };
    let id = listed.id.short();
    let what = plural(snapshot.counts.unreadable, "path", "paths");
    let mut failure = Failure::new(format!(
        "snapshot {id} lacks {what} that could not be read: {}",
        display_bytes(&first.path)
    ));
    let is_whole = |other: &Snapshot| other.counts.torn + other.counts.unreadable == 0;
    if let Some(hint) = last_whole(archive, listed, &[], is_whole, command) {
        failure = failure.hint(hint);
    }
    Err(failure
        .hint("to restore it all the same, add --allow-torn: what it lacks is then set aside with the rest"))
}

/// Says what is missing from the restored tree, or not as it was.
fn tell_gaps(cx: &mut Context, listed: &Listed, inside: &[u8], report: &RestoreReport) {
    if report.failed > 0 {
        cx.worsen(Outcome::Incomplete);
        let what = plural(report.failed, "path", "paths");
        cx.out
            .error(Failure::new(format!("{what} could not be restored:")));
        cx.out.name_some(
            report
                .failures
                .iter()
                .map(|(path, error)| format!("{}: {}", display_bytes(path), chain(error))),
            report.failed,
        );
    }
    if report.failures.iter().any(|(_, error)| error.is_damage()) {
        cx.worsen(Outcome::Damage);
        let verify = cx.out.command("verify");
        cx.out
            .warn(&format!("the archive is damaged: see what it costs: {verify}"));
    }
    if report.refused > 0 {
        cx.worsen(Outcome::Incomplete);
        cx.out.warn(&format!(
            "{} could not be set:",
            plural(report.refused, "attribute", "attributes")
        ));
        let line = |(path, what, error): &(Vec<u8>, &str, std::io::Error)| {
            format!("{}: {what}: {error}", display_bytes(path))
        };
        cx.out.name_some(report.refusals.iter().map(line), report.refused);
    }
    if report.unowned > 0 {
        let what = plural(report.unowned, "path", "paths");
        cx.out.notice(&format!(
            "{what} could not be given their owner, which only root may do"
        ));
    }
    if !report.torn.is_empty() {
        cx.worsen(Outcome::Incomplete);
        let torn = report.torn.len() as u64;
        cx.out.warn(&format!(
            "{} changed while being read for the snapshot:",
            plural(torn, "file", "files")
        ));
        cx.out
            .name_some(report.torn.iter().map(|path| display_bytes(path)), torn);
    }
    let missing: Vec<String> = listed
        .snapshot
        .unreadable
        .iter()
        .filter(|unreadable| is_inside(&unreadable.path, inside))
        .map(|unreadable| format!("{}: {}", display_bytes(&unreadable.path), unreadable.reason))
        .collect();
    if !missing.is_empty() {
        cx.worsen(Outcome::Incomplete);
        let total = missing.len() as u64;
        cx.out.warn(&format!(
            "{} could not be read for the snapshot:",
            plural(total, "path", "paths")
        ));
        cx.out.name_some(missing.into_iter(), total);
    }
}
