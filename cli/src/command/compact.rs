//! `compact`: merges all small segments.

use std::time::Instant;

use serde::Serialize;

use super::forget::refuse_damage;
use crate::context::{Access, Context};
use crate::failure::Result;
use crate::show::{duration, plural, size, with_progress};

#[derive(Serialize)]
struct Document {
    merged: u64,
    merged_bytes: u64,
    segments: u64,
    bytes: u64,
    seconds: f64,
}

/// Merges, and says what became of it.
pub(crate) fn run(cx: &mut Context) -> Result<()> {
    let started = Instant::now();
    let folder = cx.writable_folder()?;
    let mut archive = cx.open_at(&folder, Access::Mapped)?;
    refuse_damage(&archive)?;
    let progress = cx.progress.clone();
    let merged = with_progress(&progress, cx.out.quiet, "compact", || archive.compact(&progress))?;
    let elapsed = started.elapsed();
    if cx.out.json {
        return cx.out.json_line(&Document {
            merged: merged.sources,
            merged_bytes: merged.source_bytes,
            segments: merged.segments,
            bytes: merged.bytes,
            seconds: elapsed.as_secs_f64(),
        });
    }
    if merged.sources == 0 {
        return cx.out.line("nothing to merge");
    }
    cx.out.line(&format!(
        "merged {} of {} into {} of {}, {}",
        plural(merged.sources, "segment", "segments"),
        size(merged.source_bytes),
        merged.segments,
        size(merged.bytes),
        duration(elapsed)
    ))
}
