//! `find`: where a name or a path occurs.

mod pattern;

use std::ffi::OsStr;
use std::sync::Arc;

use pattern::Pattern;
use restante_format::archive::{Archive, Located, Occurrence, Occurrences, walk_tree};
use restante_format::catalog::Moment;
use restante_format::model::{Node, Timestamp, display_bytes};
use serde::Serialize;

use crate::args::Find;
use crate::context::{Access, Context};
use crate::failure::{Failure, Outcome, Result, chain};
use crate::show::{Align, PathDocument, SeenDocument, SeriesDocument, Table, count, local_time, size};

/// Prints what is found.
pub(crate) fn run(cx: &mut Context, args: &Find) -> Result<()> {
    let pattern = Pattern::new(&args.glob, args.ignore_case)?;
    let is_wanted = |path: &[u8]| pattern.matches(path);
    let archive = cx.open(Access::Mapped)?;
    let found = match &args.snapshot {
        Some(snapshot) => in_one(cx, &archive, snapshot, &is_wanted)?,
        None => {
            let scope = cx.scope(&archive, &args.range)?;
            archive.occurrences(&scope, &is_wanted, &cx.progress)?
        }
    };
    for error in &found.errors {
        cx.worsen(Outcome::Damage);
        cx.out.error(Failure::new(chain(error)));
    }
    if cx.out.json {
        for occurrence in &found.found {
            cx.out.json_line(&Document::new(occurrence))?;
        }
        return Ok(());
    }
    if found.found.is_empty() {
        cx.out.notice("nothing found");
        return Ok(());
    }
    cx.out.table(&table(&found.found))
}

/// What is wanted in one snapshot, or in a directory of it.
fn in_one(
    cx: &Context,
    archive: &Archive,
    snapshot: &OsStr,
    is_wanted: &dyn Fn(&[u8]) -> bool,
) -> Result<Occurrences> {
    let (listed, located) = cx.find(archive, snapshot)?;
    let (tree, path) = match located {
        Located::Root(tree) => (tree, Vec::new()),
        Located::Entry(path, entry) => match entry.node {
            Node::Dir { tree } => (tree, path),
            _ => {
                let path = display_bytes(&path);
                return Err(Failure::new(format!(
                    "{path:?} in {snapshot:?} is not a directory"
                )));
            }
        },
    };
    let moment = (archive.catalog().newest_first_from(listed.snapshot.time))
        .find(|moment| moment.id() == listed.id)
        .ok_or_else(|| Failure::new(format!("snapshot {} is not there any more", listed.id.short())))?;
    let series = Arc::new(listed.snapshot.series());
    let mut found = Occurrences::default();
    for walked in walk_tree(archive.reader(), tree, &path) {
        cx.progress.check()?;
        match walked {
            Ok((path, entry)) if is_wanted(&path) => found.found.push(Occurrence {
                series: Arc::clone(&series),
                path,
                entry,
                first: moment.clone(),
                last: moment.clone(),
                versions: 1,
            }),
            Ok(_) => {}
            Err(error) if error.is_damage() => found.errors.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn table(found: &[Occurrence]) -> Table {
    let mut table = Table::new(&[
        ("FIRST SEEN (local)", Align::Left),
        ("ID", Align::Left),
        ("LAST SEEN", Align::Left),
        (" ", Align::Left),
        ("VERSIONS", Align::Right),
        ("SIZE", Align::Right),
        ("HOST", Align::Left),
        ("PATH", Align::Left),
    ]);
    let is_one_host = found
        .windows(2)
        .all(|pair| pair[0].series.host == pair[1].series.host);
    let time = |time: Timestamp| local_time(time, "%Y-%m-%d %H:%M");
    let id = |moment: &Moment| moment.id().short();
    for occurrence in found {
        let Occurrence {
            first, last, entry, ..
        } = occurrence;
        let is_dir = matches!(entry.node, Node::Dir { .. });
        table.row(vec![
            time(first.time),
            id(first),
            time(last.time),
            id(last),
            count(occurrence.versions),
            match entry.node {
                Node::File { size: bytes, .. } => size(bytes),
                _ => String::new(),
            },
            if is_one_host {
                String::new()
            } else {
                occurrence.series.host.clone()
            },
            format!(
                "{}{}",
                display_bytes(&occurrence.path),
                if is_dir { "/" } else { "" }
            ),
        ]);
    }
    table
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    path: PathDocument,
    r#type: &'static str,
    size: u64,
    #[serde(flatten)]
    series: SeriesDocument<'a>,
    #[serde(flatten)]
    seen: SeenDocument,
    versions: u64,
}

impl<'a> Document<'a> {
    fn new(occurrence: &'a Occurrence) -> Self {
        let Occurrence {
            series,
            path,
            entry,
            first,
            last,
            versions,
        } = occurrence;
        Self {
            path: PathDocument::new(path),
            r#type: entry.node.type_name(),
            size: entry.node.size(),
            series: SeriesDocument::from(&**series),
            seen: SeenDocument::new(first, last),
            versions: *versions,
        }
    }
}
