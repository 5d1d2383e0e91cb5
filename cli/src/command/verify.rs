//! `verify`: what is intact, and what damage costs.

use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

use restante_format::archive::{Archive, Damaged, VerifyLevel, VerifyReport};
use restante_format::error::Error;
use restante_format::model::display_bytes;
use serde::Serialize;

use crate::args::Verify;
use crate::context::{Access, Context};
use crate::failure::{Outcome, Result};
use crate::show::{count, duration, json_path, plural, size, with_progress};

/// How many paths are named for each damage.
const NAMED: usize = 20;

#[derive(Serialize)]
struct Document {
    objects: u64,
    bytes: u64,
    segments: u64,
    snapshots: u64,
    seconds: f64,
    damaged: Vec<DamagedDocument>,
    coverage: Coverage,
}

#[derive(Serialize)]
struct DamagedDocument {
    segment: Option<String>,
    offset: Option<u64>,
    object: Option<String>,
    kind: Option<String>,
    reason: String,
    snapshots: Vec<String>,
    paths: Vec<String>,
    repairable: bool,
}

/// How much of the archive this run has read.
#[derive(Serialize)]
struct Coverage {
    level: &'static str,
    total_bytes: u64,
    fraction: f64,
}

/// Verifies and reports; damage is exit code 4.
pub(crate) fn run(cx: &mut Context, args: &Verify) -> Result<()> {
    let archive = cx.open(Access::Positioned)?;
    let started = Instant::now();
    let level = if args.quick {
        VerifyLevel::Quick
    } else {
        VerifyLevel::Full
    };
    let progress = cx.progress.clone();
    let report = with_progress(&progress, cx.out.quiet, "verify", || {
        archive.verify(level, &progress)
    })?;
    let elapsed = started.elapsed();
    if !report.damaged.is_empty() {
        cx.worsen(Outcome::Damage);
    }
    if cx.out.json {
        let total_bytes = archive.stats().stored_bytes;
        // The config was read before the rest, and is a part of the total. A single file has none.
        let config = cx.archive_folder()?.join("config");
        let config_bytes = std::fs::metadata(config).map_or(0, |metadata| metadata.len());
        let fraction = if total_bytes == 0 {
            1.0
        } else {
            (report.bytes + config_bytes).min(total_bytes) as f64 / total_bytes as f64
        };
        let level = if args.quick { "quick" } else { "full" };
        return cx.out.json_line(&Document {
            objects: report.objects,
            bytes: report.bytes,
            segments: report.segments,
            snapshots: report.snapshots,
            seconds: elapsed.as_secs_f64(),
            damaged: report.damaged.iter().map(document).collect(),
            coverage: Coverage {
                level,
                total_bytes,
                fraction,
            },
        });
    }
    let verified = format!(
        "verified {} in {}, {}, {}",
        size(report.bytes),
        plural(report.segments, "segment", "segments"),
        plural(report.objects, "object", "objects"),
        plural(report.snapshots, "snapshot", "snapshots"),
    );
    if report.damaged.is_empty() {
        let all = if args.quick {
            "all there; the contents of files were not read"
        } else {
            "all intact"
        };
        return cx.out.line(&format!("{verified}: {all}, {}", duration(elapsed)));
    }
    let unread = if args.quick {
        "; the contents of files were not read"
    } else {
        ""
    };
    cx.out.line(&format!(
        "{verified}: {}{unread}, {}",
        number_of(&report.damaged),
        duration(elapsed)
    ))?;
    for damaged in &report.damaged {
        tell(cx, damaged, is_lost_segment(&archive, damaged))?;
    }
    let has_lost_segment = report.damaged.iter().any(|d| is_lost_segment(&archive, d));
    if has_lost_segment {
        tell_missing_parents(cx, &archive)?;
    }
    tell_cost(cx, &report)
}

/// How much is damaged, in words.
fn number_of(damaged: &[Damaged]) -> String {
    let objects = damaged.iter().filter(|d| d.object.is_some()).count() as u64;
    let others = damaged.len() as u64 - objects;
    let mut parts = Vec::new();
    if objects > 0 {
        parts.push(plural(objects, "damaged object", "damaged objects"));
    }
    if others > 0 {
        parts.push(plural(others, "other damaged place", "other damaged places"));
    }
    match objects {
        0 => plural(others, "damaged place", "damaged places"),
        _ => parts.join(" and "),
    }
}

/// Whether a segment could not even be opened: then nobody knows what it held.
fn is_lost_segment(archive: &Archive, damaged: &Damaged) -> bool {
    let file = |error: &Error| match error {
        Error::Damaged(damage) if damage.object.is_none() => Some(damage.file.clone()),
        Error::Io { path, .. } => Some(path.clone()),
        _ => None,
    };
    damaged.object.is_none()
        && damaged.file.is_some()
        && archive.damage().iter().any(|error| file(error) == damaged.file)
}

/// Names the snapshots that are known only because others followed them.
fn tell_missing_parents(cx: &mut Context, archive: &Archive) -> Result<()> {
    let catalog = archive.catalog();
    let (mut known, mut parents) = (HashSet::new(), BTreeSet::new());
    for moment in catalog.oldest_first() {
        known.insert(moment.id());
        parents.extend(moment.state.snapshot.parent);
    }
    let missing = parents.into_iter().filter(|parent| !known.contains(parent));
    for id in missing {
        let line = format!(
            "snapshot {} is missing: it is known only as another's parent",
            id.short()
        );
        cx.out.line(&line)?;
    }
    Ok(())
}

fn document(damaged: &Damaged) -> DamagedDocument {
    DamagedDocument {
        segment: damaged.file.clone(),
        offset: damaged.offset,
        object: damaged.object.map(|(_, id)| id.to_string()),
        kind: damaged.object.map(|(kind, _)| kind.to_string()),
        reason: damaged.reason.clone(),
        snapshots: damaged.snapshots.iter().map(ToString::to_string).collect(),
        paths: damaged.paths.iter().map(|path| json_path(path)).collect(),
        repairable: false,
    }
}

fn tell(cx: &mut Context, damaged: &Damaged, is_lost_segment: bool) -> Result<()> {
    let place = match (&damaged.file, damaged.offset) {
        (Some(file), Some(offset)) => format!("{file} at byte {}: ", count(offset)),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    };
    let object = damaged
        .object
        .map(|(kind, id)| format!("{kind} {}: ", id.short()))
        .unwrap_or_default();
    cx.out
        .line(&format!("damaged: {place}{object}{}", damaged.reason))?;
    if is_lost_segment {
        cx.out.line("  this segment may have held snapshots")?;
    }
    if damaged.snapshots.is_empty() {
        return Ok(());
    }
    let snapshots: Vec<String> = damaged
        .snapshots
        .iter()
        .map(restante_format::id::Id::short)
        .collect();
    cx.out.line(&format!(
        "  in {}: {}",
        plural(snapshots.len() as u64, "snapshot", "snapshots"),
        snapshots.join(" ")
    ))?;
    for path in damaged.paths.iter().take(NAMED) {
        let path = if path.is_empty() {
            "everything".into()
        } else {
            display_bytes(path)
        };
        cx.out.line(&format!("  lost: {path}"))?;
    }
    if damaged.paths.len() > NAMED {
        let more = count((damaged.paths.len() - NAMED) as u64);
        cx.out
            .line(&format!("  and {more} more paths: --json names all"))?;
    }
    Ok(())
}

fn tell_cost(cx: &mut Context, report: &VerifyReport) -> Result<()> {
    let mut snapshots: Vec<_> = report
        .damaged
        .iter()
        .flat_map(|damaged| &damaged.snapshots)
        .collect();
    snapshots.sort_unstable();
    snapshots.dedup();
    let (hurt, all) = (snapshots.len() as u64, report.snapshots);
    cx.out.line(&format!(
        "{} of {} are not whole",
        count(hurt),
        plural(all, "snapshot", "snapshots")
    ))
}
