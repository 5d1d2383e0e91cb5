//! What is to be taken: the paths of the command line, its standard input, or a connector.

use std::fs;
use std::path::{Path, PathBuf};

use restante_format::archive::{ConsistencySet, Root};
use restante_format::model::display_bytes;
use restante_format::names::from_os;
use restante_format::source::{Filter, Patterns};

use super::excludes::{Excludes, excludes};
use crate::args::Snapshot;
use crate::context::Context;
use crate::failure::{Failure, Outcome, Result};
use crate::procedure::KEPT;
use crate::profile::{Profile, ResolvedConnector, ResolvedRoot};
use crate::show::plural;
use crate::suggest::nearest;

/// Something to take a snapshot of.
pub(crate) struct Job {
    /// What the result's line begins with.
    pub(crate) title: String,
    /// Whose snapshot it is, if it is a connector's.
    pub(super) connector: Option<Profile>,
    /// The paths of the source, as the snapshot shows them.
    pub(super) paths: Vec<Vec<u8>>,
    /// Where the bytes come from.
    pub(super) input: Input,
}

/// Where the bytes of a snapshot come from.
pub(super) enum Input {
    /// From files and directories.
    Roots(Vec<Root>),
    /// From standard input, as a file of this name.
    Stdin(Vec<u8>),
}

/// Standard input as a file of this name.
pub(super) fn of_stdin(name: &str) -> Job {
    let name = name.as_bytes().to_vec();
    Job {
        title: "stdin".into(),
        connector: None,
        paths: vec![name.clone()],
        input: Input::Stdin(name),
    }
}

/// What is to be taken of the paths of the command line.
pub(super) fn of_paths(cx: &mut Context, args: &Snapshot) -> Result<Job> {
    let excludes = excludes(args)?;
    let mut roots = Vec::new();
    let mut paths = Vec::new();
    let mut missing = Vec::new();
    for path in &args.paths {
        let path = match there(path) {
            Ok(path) => path,
            Err(failure) => {
                missing.push(failure);
                // It stays a path of the source, so that the parent is found when it is there again.
                let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                paths.push(from_os(absolute.as_os_str()));
                continue;
            }
        };
        let filter = filter(&Patterns::default(), &excludes.of_root(&path)?)?;
        let name = match path.file_name() {
            Some(name) => from_os(name),
            // The root of the file system has no name of its own.
            None => b"root".to_vec(),
        };
        paths.push(from_os(path.as_os_str()));
        roots.push(Root {
            place: vec![name],
            path,
            filter,
            sets: Vec::new(),
        });
    }
    for failure in missing {
        // What is there is worth keeping; with nothing there, there is nothing to keep.
        if roots.is_empty() {
            return Err(failure);
        }
        let hints: String = failure.hints.iter().map(|hint| format!("\n  {hint}")).collect();
        cx.out
            .warn(&format!("{}: it is left out{hints}", failure.message));
        cx.worsen(Outcome::Incomplete);
    }
    paths.sort();
    let title = match &roots[..] {
        [only] => display_bytes(&only.place.concat()),
        several => plural(several.len() as u64, "path", "paths"),
    };
    Ok(Job {
        title,
        connector: None,
        paths,
        input: Input::Roots(roots),
    })
}

/// What is to be taken of a connector whose roots were found.
pub(crate) fn of_connector(
    profile: &Profile,
    connector: &ResolvedConnector,
    user_excludes: &Excludes,
) -> Result<Job> {
    let mut roots = Vec::new();
    for root in &connector.roots {
        let ResolvedRoot {
            name,
            path,
            is_file,
            include,
            exclude,
            case_insensitive,
            ..
        } = root;
        let mut place = vec![connector.name.clone().into_bytes(), name.clone().into_bytes()];
        if *is_file {
            place.extend(path.file_name().map(from_os));
        }
        let patterns = |globs: &Vec<String>| Patterns {
            globs: globs.clone(),
            ignore_case: *case_insensitive,
        };
        // What a restore that is not confirmed yet keeps there is no part of it.
        let kept = patterns(&KEPT.map(str::to_owned).to_vec());
        let all_excludes = [vec![patterns(exclude), kept], user_excludes.of_root(path)?].concat();
        // A root that is one file was asked for by its name.
        let include = if *is_file {
            Patterns::default()
        } else {
            patterns(include)
        };
        roots.push(Root {
            place,
            path: path.clone(),
            filter: filter(&include, &all_excludes)?,
            sets: sets(profile, name)?,
        });
    }
    let mut paths: Vec<Vec<u8>> = roots.iter().map(|root| from_os(root.path.as_os_str())).collect();
    paths.sort();
    Ok(Job {
        title: connector.name.clone(),
        connector: Some(profile.clone()),
        paths,
        input: Input::Roots(roots),
    })
}

/// The root's files that belong to one generation.
fn sets(profile: &Profile, root: &str) -> Result<Vec<ConsistencySet>> {
    let of_root = profile.sets.iter().filter(|set| set.root == root);
    of_root
        .map(|set| {
            let members = Patterns {
                globs: set.paths.clone(),
                ignore_case: profile.case_insensitive,
            };
            ConsistencySet::new(&set.name, &members, set.by_stem)
                .map_err(|error| Failure::usage(format!("not a pattern: {}", error.source.kind())))
        })
        .collect()
}

/// The path made plain, if it is there; else the error suggests the nearest name in its folder.
fn there(path: &Path) -> Result<PathBuf> {
    let plain = plain(path)?;
    let Err(error) = fs::symlink_metadata(&plain) else {
        return Ok(plain);
    };
    let is_absent = error.kind() == std::io::ErrorKind::NotFound;
    let failure = Failure::from(restante_format::error::Error::io(
        "read",
        plain.display().to_string(),
    )(error));
    let name = plain.file_name().unwrap_or_default().to_string_lossy();
    let names: Vec<String> = match plain.parent().map(fs::read_dir) {
        Some(Ok(entries)) if is_absent => entries
            .flatten()
            .take(10_000)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect(),
        _ => Vec::new(),
    };
    Err(match nearest(&name, &names) {
        Some(near) => {
            let near = plain.with_file_name(near);
            failure.advise(vec![format!("did you mean {}?", near.display())])
        }
        None => failure,
    })
}

/// The path without `.` and `..`, from the root of the file system on.
fn plain(path: &Path) -> Result<PathBuf> {
    let failed = |error| {
        Failure::from(restante_format::error::Error::io(
            "read",
            path.display().to_string(),
        )(error))
    };
    let absolute = std::path::absolute(path).map_err(failed)?;
    let has_parents = absolute
        .components()
        .any(|c| matches!(c, std::path::Component::ParentDir));
    // Only the file system knows what `..` behind a link means.
    if has_parents {
        fs::canonicalize(&absolute).map_err(failed)
    } else {
        Ok(absolute.components().collect())
    }
}

fn filter(include: &Patterns, exclude: &[Patterns]) -> Result<Filter> {
    // Each was checked where it was read.
    Filter::new(include, exclude)
        .map_err(|error| Failure::usage(format!("not a pattern: {}", error.source.kind())))
}
