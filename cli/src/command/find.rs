//! `find`: where a name or a path occurs.

use std::ffi::OsStr;
use std::sync::Arc;

use globset::{Candidate, GlobBuilder, GlobMatcher};
use restante_format::archive::{Archive, Located, Occurrence, Occurrences, walk_tree};
use restante_format::catalog::Moment;
use restante_format::model::{Node, Timestamp, display_bytes};
use serde::Serialize;

use crate::args::Find;
use crate::context::{Access, Context};
use crate::failure::{Failure, Outcome, Result, chain};
use crate::show::{Align, Table, count, json_path, local_time, path_bytes, rfc3339, size};

/// Prints what is found.
pub(crate) fn run(cx: &mut Context, args: &Find) -> Result<()> {
    let glob = matcher(&args.glob, args.ignore_case)?;
    let is_wanted = |path: &[u8]| glob.is_match_candidate(&Candidate::from_bytes(path));
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
    for line in table(&found.found).lines() {
        cx.out.line(&line)?;
    }
    Ok(())
}

/// Without a `/` a pattern is for names. One that does not begin with a `/` may begin anywhere.
fn matcher(pattern: &str, ignore_case: bool) -> Result<GlobMatcher> {
    let anchored = match pattern.strip_prefix('/') {
        Some(anchored) => anchored.to_owned(),
        None => format!("**/{pattern}"),
    };
    let glob = GlobBuilder::new(anchored.trim_end_matches('/'))
        .literal_separator(true)
        .backslash_escape(true)
        .case_insensitive(ignore_case)
        .build();
    match glob {
        Ok(glob) => Ok(glob.compile_matcher()),
        Err(error) => Err(Failure::usage(format!(
            "{pattern:?} is not a pattern: {}",
            error.kind()
        ))),
    }
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
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    r#type: &'static str,
    size: u64,
    host: &'a str,
    connector: Option<&'a str>,
    first: String,
    first_snapshot: String,
    last: String,
    last_snapshot: String,
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
            path: json_path(path),
            path_bytes: path_bytes(path),
            r#type: entry.node.type_name(),
            size: entry.node.size(),
            host: &series.host,
            connector: series.connector.as_deref(),
            first: rfc3339(first.time),
            first_snapshot: first.id().to_string(),
            last: rfc3339(last.time),
            last_snapshot: last.id().to_string(),
            versions: *versions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        let finds = |pattern: &str, path: &str| {
            let glob = matcher(pattern, false).expect("a pattern");
            glob.is_match_candidate(&Candidate::from_bytes(path.as_bytes()))
        };
        assert!(finds("*.tbl", "a/b/c.tbl") && finds("c.tbl", "c.tbl") && finds("b", "a/b"));
        assert!(!finds("b", "a/b/c.tbl") && !finds("*.TBL", "a/c.tbl") && !finds("a*", "ab/c"));
        assert!(finds("b/*.tbl", "a/b/c.tbl") && finds("/a/**/c.tbl", "a/x/y/c.tbl"));
        assert!(!finds("/b/*.tbl", "a/b/c.tbl") && !finds("/a/*", "a/b/c.tbl"));
        assert!(matcher("[", false).is_err());
        let any_case = matcher("*.TBL", true).expect("a pattern");
        assert!(any_case.is_match_candidate(&Candidate::from_bytes(b"a/c.tbl")));
    }
}
