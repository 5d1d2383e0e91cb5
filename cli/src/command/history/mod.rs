//! `history`: every version of one path.

mod spelling;

use restante_format::archive::{Aspect, Version};
use restante_format::id::Id;
use restante_format::model::{Content, Entry, Node, Series, Timestamp, display_bytes};
use serde::Serialize;

use crate::args::History;
use crate::context::{Access, Context, check_connector};
use crate::failure::{Failure, Outcome, Result, chain};
use crate::select::parse_path;
use crate::show::{
    Align, PathDocument, SeenDocument, SeriesDocument, Table, count, json_path, local_time, plural, rfc3339,
    size, source_name,
};

/// Prints the versions.
pub(crate) fn run(cx: &mut Context, args: &History) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    let (connector, path) = parse_path(&args.path);
    let mut scope = cx.scope(&archive, &args.range)?;
    if let Some(connector) = connector {
        check_connector(&archive, &connector)?;
        if scope.connector.as_ref().is_some_and(|given| *given != connector) {
            return Err(Failure::usage("two connectors are named").hint("leave out --connector"));
        }
        scope.connector = Some(connector);
    }
    let aspect = match args.metadata {
        true => Aspect::Metadata,
        false => Aspect::Content,
    };
    let (path, found) = spelling::look(cx, &archive, &scope, path, aspect)?;
    for error in &found.errors {
        cx.worsen(Outcome::Damage);
        cx.out.error(Failure::new(chain(error)));
    }
    cx.out
        .detail(&format!("{} read", plural(found.trees, "tree", "trees")));
    if cx.out.json {
        for version in &found.versions {
            cx.out.json_line(&Document::new(&path, version))?;
        }
        return Ok(());
    }
    cx.out.table(&table(&found.versions))
}

/// The id of what an entry holds: of its bytes or its entries.
fn content_id(entry: &Entry) -> Option<Id> {
    match entry.node {
        Node::File {
            content: Content::Chunk(id) | Content::List(id),
            ..
        } => Some(id),
        Node::Dir { tree } => Some(tree),
        _ => None,
    }
}

fn source(series: &Series) -> String {
    let name = source_name(series.connector.as_deref(), &series.paths);
    format!("{name} of {}", series.host)
}

fn table(versions: &[Version]) -> Table {
    let mut table = Table::new(&[
        ("FIRST SEEN (local)", Align::Left),
        ("LAST SEEN", Align::Left),
        ("SNAPSHOT", Align::Left),
        ("SNAPSHOTS", Align::Right),
        ("TYPE", Align::Left),
        ("SIZE", Align::Right),
        ("ID", Align::Left),
        ("SOURCE", Align::Left),
        (" ", Align::Left),
    ]);
    let is_one_source = versions.windows(2).all(|pair| pair[0].series == pair[1].series);
    let time = |time: Timestamp| local_time(time, "%Y-%m-%d %H:%M:%S");
    for version in versions {
        let entry = version.entry.as_deref();
        let is_file = entry.is_some_and(|entry| matches!(entry.node, Node::File { .. }));
        let note = match entry.map(|entry| (&entry.node, entry.meta.torn)) {
            Some((Node::Symlink { target }, _)) => format!("-> {}", display_bytes(target)),
            Some((_, true)) => "torn".into(),
            _ => String::new(),
        };
        table.row(vec![
            time(version.first.time),
            time(version.last.time),
            version.first.id().short(),
            count(version.snapshots),
            entry.map_or("gone", |entry| entry.node.type_name()).to_owned(),
            match entry {
                Some(entry) if is_file => size(entry.node.size()),
                _ => String::new(),
            },
            entry
                .and_then(content_id)
                .map_or_else(String::new, |id| id.short()),
            if is_one_source {
                String::new()
            } else {
                source(&version.series)
            },
            note,
        ]);
    }
    table
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    path: PathDocument,
    #[serde(flatten)]
    series: SeriesDocument<'a>,
    /// `gone` where it was there before and is not.
    r#type: &'static str,
    size: Option<u64>,
    id: Option<String>,
    mode: Option<String>,
    mtime: Option<String>,
    torn: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(flatten)]
    seen: SeenDocument,
    snapshots: u64,
}

impl<'a> Document<'a> {
    fn new(path: &[u8], version: &'a Version) -> Self {
        let entry = version.entry.as_deref();
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let path = path.strip_suffix(b"/").unwrap_or(path);
        Self {
            path: PathDocument::new(path),
            series: SeriesDocument::from(&*version.series),
            r#type: entry.map_or("gone", |entry| entry.node.type_name()),
            size: entry.map(|entry| entry.node.size()),
            id: entry.and_then(content_id).map(|id| id.to_string()),
            mode: entry.map(|entry| format!("{:04o}", entry.meta.mode)),
            mtime: entry.map(|entry| rfc3339(entry.meta.mtime)),
            torn: entry.is_some_and(|entry| entry.meta.torn),
            target: entry.and_then(|entry| match &entry.node {
                Node::Symlink { target } => Some(json_path(target)),
                _ => None,
            }),
            seen: SeenDocument::new(&version.first, &version.last),
            snapshots: version.snapshots,
        }
    }
}
