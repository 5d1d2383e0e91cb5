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
use crate::show::{count, json_path, path_bytes};

/// How many paths differ in each way.
#[derive(Default)]
struct Totals {
    added: u64,
    removed: u64,
    modified: u64,
    metadata: u64,
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
        print(cx, &changed, &mut totals).map_err(|error| {
            failure = Some(error);
            Error::Interrupted
        })
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    result?;
    if !cx.out.json {
        let Totals {
            added,
            removed,
            modified,
            metadata,
        } = totals;
        let text = [
            (added, "added"),
            (removed, "removed"),
            (modified, "modified"),
            (metadata, "metadata only"),
        ]
        .map(|(number, what)| format!("{} {what}", count(number)))
        .join(", ");
        cx.out.notice(&text);
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

fn print(cx: &mut Context, changed: &Changed, totals: &mut Totals) -> Result<()> {
    let size = |entry: &Entry| matches!(entry.node, Node::File { .. }).then(|| entry.node.size());
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
    let Some(entry) = after.or(before) else {
        return Ok(());
    };
    if cx.out.json {
        return cx.out.json_line(&Document {
            path: json_path(&changed.path),
            path_bytes: path_bytes(&changed.path),
            change: word,
            r#type: entry.node.type_name(),
            size_before: before.and_then(size),
            size_after: after.and_then(size),
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
