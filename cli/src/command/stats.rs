//! `stats`: how large the archive is.

use serde::Serialize;

use crate::context::{Access, Context};
use crate::failure::Result;
use crate::show::{count, size};

#[derive(Serialize)]
struct Document {
    snapshots: u64,
    segments: u64,
    objects: u64,
    plain_bytes: u64,
    unique_bytes: u64,
    stored_bytes: u64,
}

/// Prints numbers and sizes.
pub(crate) fn run(cx: &mut Context) -> Result<()> {
    let stats = cx.open(Access::Mapped)?.stats();
    if cx.out.json {
        return cx.out.json_line(&Document {
            snapshots: stats.snapshots,
            segments: stats.segments,
            objects: stats.objects,
            plain_bytes: stats.plain_bytes,
            unique_bytes: stats.unique_bytes,
            stored_bytes: stats.stored_bytes,
        });
    }
    let ratio = |bytes: u64| match stats.stored_bytes {
        0 => String::new(),
        stored => format!("  {:.1} × what is stored", bytes as f64 / stored as f64),
    };
    let rows = [
        ("snapshots", count(stats.snapshots), String::new()),
        ("segments", count(stats.segments), String::new()),
        ("objects", count(stats.objects), String::new()),
        ("plain", size(stats.plain_bytes), ratio(stats.plain_bytes)),
        (
            "deduplicated",
            size(stats.unique_bytes),
            ratio(stats.unique_bytes),
        ),
        ("stored", size(stats.stored_bytes), String::new()),
    ];
    for (name, value, note) in rows {
        cx.out.line(&format!("{name:<14}{value:>12}{note}"))?;
    }
    Ok(())
}
