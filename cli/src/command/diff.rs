//! `diff`: what differs between two snapshots.

use std::ffi::OsStr;

use restante_format::archive::{Change, Changed, Located, diff};
use restante_format::error::Error;
use restante_format::id::Id;
use restante_format::model::{Entry, Node, display_bytes};
use serde::Serialize;

use crate::args::Diff;
use crate::context::{Access, Context};
use crate::failure::{Failure, Result};
use crate::show::{count, json_path, path_bytes, size};

/// How many paths differ in each way, and the bytes of the files among them.
#[derive(Default, Serialize)]
struct Totals {
    added: u64,
    removed: u64,
    modified: u64,
    metadata: u64,
    added_bytes: u64,
    removed_bytes: u64,
    modified_bytes_before: u64,
    modified_bytes_after: u64,
}

/// The size of a file.
fn file_bytes(entry: &Entry) -> Option<u64> {
    matches!(entry.node, Node::File { .. }).then(|| entry.node.size())
}

impl Totals {
    fn add_bytes(&mut self, change: &Change) {
        let bytes = |entry| file_bytes(entry).unwrap_or(0);
        match change {
            Change::Added(entry) => self.added_bytes += bytes(entry),
            Change::Removed(entry) => self.removed_bytes += bytes(entry),
            Change::Modified { before, after } if change.is_of_content() => {
                self.modified_bytes_before += bytes(before);
                self.modified_bytes_after += bytes(after);
            }
            Change::Modified { .. } => {}
        }
    }

    fn text(&self) -> String {
        format!(
            "{} added ({}), {} removed ({}), {} modified ({} → {}), {} metadata only",
            count(self.added),
            size(self.added_bytes),
            count(self.removed),
            size(self.removed_bytes),
            count(self.modified),
            size(self.modified_bytes_before),
            size(self.modified_bytes_after),
            count(self.metadata),
        )
    }
}

#[derive(Serialize)]
struct Document<'a> {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    change: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_after: Option<u64>,
}

/// Prints each path that differs, and the totals.
pub(crate) fn run(cx: &mut Context, args: &Diff) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    let before = tree(cx.find(&archive, &args.before)?.1, &args.before)?;
    let after = tree(cx.find(&archive, &args.after)?.1, &args.after)?;
    let progress = cx.progress.clone();
    let mut totals = Totals::default();
    let mut failure = None;
    let result = diff(archive.reader(), before, after, &progress, &mut |changed| {
        if args.content_only && !changed.change.is_of_content() {
            return Ok(());
        }
        print(cx, &changed, &mut totals, args.summary).map_err(|error| {
            failure = Some(error);
            Error::Interrupted
        })
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    result?;
    match (args.summary, cx.out.json) {
        (true, true) => cx.out.json_line(&totals)?,
        (true, false) => cx.out.line(&totals.text())?,
        (false, true) => {}
        (false, false) => cx.out.notice(&totals.text()),
    }
    Ok(())
}

fn tree(located: Located, text: &OsStr) -> Result<Id> {
    match located {
        Located::Root(tree) => Ok(tree),
        Located::Entry(path, entry) => match entry.node {
            Node::Dir { tree } => Ok(tree),
            _ => Err(
                Failure::new(format!("{} in {text:?} is not a directory", display_bytes(&path)))
                    .hint("name the directory that it is in"),
            ),
        },
    }
}

fn print(cx: &mut Context, changed: &Changed, totals: &mut Totals, only_totals: bool) -> Result<()> {
    totals.add_bytes(&changed.change);
    let (mark, word, total, before, after) = match &changed.change {
        Change::Added(entry) => ('+', "added", &mut totals.added, None, Some(entry)),
        Change::Removed(entry) => ('-', "removed", &mut totals.removed, Some(entry), None),
        Change::Modified { before, after } => {
            let same_type = before.node.type_name() == after.node.type_name();
            let (mark, word, total) = match (same_type, changed.change.is_of_content()) {
                (false, _) => ('T', "type", &mut totals.modified),
                (true, true) => ('M', "modified", &mut totals.modified),
                (true, false) => ('U', "metadata", &mut totals.metadata),
            };
            (mark, word, total, Some(before), Some(after))
        }
    };
    *total += 1;
    let Some(entry) = after.or(before).filter(|_| !only_totals) else {
        return Ok(());
    };
    if cx.out.json {
        return cx.out.json_line(&Document {
            path: json_path(&changed.path),
            path_bytes: path_bytes(&changed.path),
            change: word,
            r#type: entry.node.type_name(),
            size_before: before.and_then(file_bytes),
            size_after: after.and_then(file_bytes),
        });
    }
    let slash = if matches!(entry.node, Node::Dir { .. }) {
        "/"
    } else {
        ""
    };
    cx.out
        .line(&format!("{mark} {}{slash}", display_bytes(&changed.path)))
}
