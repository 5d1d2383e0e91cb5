//! What people and scripts are told of a snapshot that was taken.

use std::time::Duration;

use restante_format::archive::{Archive, Taken, TornSet};
use restante_format::model::display_bytes;
use serde::Serialize;

use crate::failure::chain;
use crate::show::{Output, count, duration, json_path, plural, rfc3339, size};

/// The line of a snapshot; its title takes at least `width` columns.
pub(crate) fn line(title: &str, width: usize, taken: &Taken, elapsed: Duration) -> String {
    let counts = &taken.snapshot.counts;
    let files = format!(
        "{:>9} {}",
        count(counts.files),
        if counts.files == 1 { "file " } else { "files" }
    );
    let seconds = duration(elapsed);
    let beginning = format!("{title:<width$} {files} {:>10}", size(counts.bytes));
    if taken.tick && counts.read_bytes == 0 {
        return format!("{beginning}   {:<45} {seconds:>9}   tick", "unchanged");
    }
    let changed = format!("{} changed", count(counts.changed_files));
    let read = format!("read {}", size(counts.read_bytes));
    let stored = format!("stored {}", size(counts.stored_bytes));
    format!(
        "{beginning}   {changed:<14} {read:<14} {stored:<15} {seconds:>9}   {}",
        taken.id.short()
    )
}

/// What only those want to know who asked for details.
pub(crate) fn detail(taken: &Taken) -> String {
    let compared = match &taken.snapshot.parent {
        Some(parent) => format!("compared with {}", parent.short()),
        None => "compared with nothing: the first of its source".into(),
    };
    let opened = plural(taken.opened_files, "file", "files");
    let objects = plural(taken.snapshot.counts.new_objects, "new object", "new objects");
    format!("  {} {compared}; {opened} opened, {objects}", taken.id.short())
}

/// What a snapshot lacks or has torn, one line each: two snapshots with the same gaps have the same lines.
pub(crate) fn gaps(taken: &Taken) -> Vec<String> {
    let torn = taken.snapshot.torn.iter().map(|path| display_bytes(path));
    let unreadable = taken.snapshot.unreadable.iter();
    let unreadable = unreadable.map(|u| format!("{}: {}", display_bytes(&u.path), u.reason));
    torn.chain(unreadable).collect()
}

/// Whether the snapshot lacks something, or has something that is not as it was at one moment.
pub(crate) fn has_gaps(taken: &Taken) -> bool {
    let counts = &taken.snapshot.counts;
    counts.torn + counts.unreadable > 0
}

/// Says what the snapshot could not keep, or not as it was at one moment.
pub(crate) fn warn_of_gaps(out: &Output, taken: &Taken) {
    let snapshot = &taken.snapshot;
    let (torn, unreadable) = (snapshot.counts.torn, snapshot.counts.unreadable);
    if torn > 0 {
        let what = plural(torn, "file", "files");
        out.warn(&format!("{what} changed while being read, and may be of no use:"));
        out.name_some(snapshot.torn.iter().map(|path| display_bytes(path)), torn);
    }
    for set in &taken.torn_sets {
        let name = set_name(set);
        out.warn(&format!(
            "the files of {name} belong together and never held still: they were read {}",
            plural(u64::from(taken.rounds), "time", "times")
        ));
    }
    if unreadable > 0 {
        let what = plural(unreadable, "path", "paths");
        out.warn(&format!("{what} could not be read whole:"));
        out.name_some(
            snapshot
                .unreadable
                .iter()
                .map(|u| format!("{}: {}", display_bytes(&u.path), u.reason)),
            unreadable,
        );
    }
}

/// What is said where the small segments behind a snapshot could not be merged.
pub(crate) fn merging(taken: &Taken) -> Option<String> {
    let error = taken.merging.as_deref()?;
    Some(format!(
        "the snapshot is whole, but small segments could not be merged, which the next one tries again: {}",
        chain(error)
    ))
}

/// What is said where a snapshot has no file and the one before it had some: the source may not be mounted.
pub(crate) fn lost_all(archive: &Archive, taken: &Taken) -> Option<String> {
    // The one before is looked for among all: only where there is a reason.
    if taken.snapshot.counts.files > 0 {
        return None;
    }
    let parent = archive.catalog().get(&taken.snapshot.parent?)?;
    let before = parent.snapshot.counts.files;
    (before > 0).then(|| {
        let id = parent.id.short();
        let files = plural(before, "file", "files");
        format!(
            "there is no file any more, and {id}, the snapshot before, had {files}: is everything mounted?"
        )
    })
}

/// A set and the root that it lies in: `mdbdata/databases`.
fn set_name(set: &TornSet) -> String {
    let root = set
        .place
        .get(1)
        .map(|root| display_bytes(root))
        .unwrap_or_default();
    format!("{root}/{}", set.name)
}

/// A snapshot as scripts get it.
#[derive(Serialize)]
pub(crate) struct Document {
    id: String,
    time: String,
    host: String,
    connector: Option<String>,
    paths: Vec<String>,
    tags: Vec<String>,
    parent: Option<String>,
    tick: bool,
    files: u64,
    dirs: u64,
    bytes: u64,
    changed_files: u64,
    read_bytes: u64,
    new_objects: u64,
    stored_bytes: u64,
    torn: Vec<String>,
    torn_sets: Vec<String>,
    unreadable: Vec<UnreadableDocument>,
    seconds: f64,
}

#[derive(Serialize)]
struct UnreadableDocument {
    path: String,
    reason: String,
}

impl Document {
    /// Of a snapshot that took so long.
    pub(crate) fn new(taken: &Taken, elapsed: Duration) -> Self {
        let snapshot = &taken.snapshot;
        let counts = &snapshot.counts;
        let unreadable = |u: &restante_format::model::Unreadable| UnreadableDocument {
            path: json_path(&u.path),
            reason: u.reason.clone(),
        };
        Self {
            id: taken.id.to_string(),
            time: rfc3339(snapshot.time),
            host: snapshot.host.clone(),
            connector: snapshot.connector.clone(),
            paths: snapshot.paths.iter().map(|path| json_path(path)).collect(),
            tags: snapshot.tags.clone(),
            parent: snapshot.parent.map(|id| id.to_string()),
            tick: taken.tick,
            files: counts.files,
            dirs: counts.dirs,
            bytes: counts.bytes,
            changed_files: counts.changed_files,
            read_bytes: counts.read_bytes,
            new_objects: counts.new_objects,
            stored_bytes: counts.stored_bytes,
            torn: snapshot.torn.iter().map(|path| json_path(path)).collect(),
            torn_sets: taken.torn_sets.iter().map(set_name).collect(),
            unreadable: snapshot.unreadable.iter().map(unreadable).collect(),
            seconds: elapsed.as_secs_f64(),
        }
    }
}
