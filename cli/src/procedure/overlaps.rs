//! Keeps a restore from moving what it needs itself, and restores out of each other's way.

use std::fs;
use std::path::{Path, PathBuf};

use restante_format::names::from_os;

use super::files::{cannot, filter, is_there, list};
use super::journal::{Journal, Other};
use super::plan::{Exchange, Plan, PlannedRoot, command};
use super::swap;
use crate::failure::{Failure, Result};

/// Where a path really lies, as far down as anything is there.
pub(super) fn real(path: &Path) -> PathBuf {
    for known in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (known.canonicalize(), path.strip_prefix(known)) {
            return match rest.as_os_str().is_empty() {
                true => real,
                false => real.join(rest),
            };
        }
    }
    path.to_path_buf()
}

/// Whether exchanging a root leaves what lies at a path in it where it is.
fn leaves(root: &PlannedRoot, ignore_case: bool, path: &Path) -> Result<bool> {
    let (target, path) = (real(&root.target), real(path));
    let Ok(below) = path.strip_prefix(&target) else {
        return Ok(true);
    };
    if root.exchange == Exchange::Whole {
        return Ok(false);
    }
    let filter = filter(&root.include, &root.exclude, ignore_case)?;
    let mut at = Vec::new();
    for name in below {
        restante_format::model::push_name(&mut at, &from_os(name));
        if filter.excludes(&at) {
            return Ok(true);
        }
    }
    if !filter.is_selective() {
        return Ok(false);
    }
    // Directories stay where only some files are asked for.
    if !path.is_dir() {
        return Ok(!filter.includes(&at));
    }
    let takes = list(&path)?.into_iter().any(|found| {
        let mut whole = at.clone();
        whole.push(b'/');
        whole.extend_from_slice(&found.below);
        !found.is_dir && filter.includes(&whole)
    });
    Ok(!takes)
}

/// Fails where one root lies in another, and would be moved with it.
pub(super) fn refuse_nested(roots: &[PlannedRoot], ignore_case: bool) -> Result<()> {
    for (number, inner) in roots.iter().enumerate() {
        for (other, outer) in roots.iter().enumerate() {
            let is_same = real(&inner.target) == real(&outer.target);
            if number == other || (!is_same && leaves(outer, ignore_case, &inner.target)?) {
                continue;
            }
            return Err(Failure::new(format!(
                "the roots `{}` and `{}` lie in one place: {} and {}",
                outer.name,
                inner.name,
                outer.target.display(),
                inner.target.display()
            ))
            .hint("they cannot both be exchanged for what is restored: restore them to a folder with --to"));
        }
    }
    Ok(())
}

/// Fails where something that the restore needs lies in what it is going to move, and would be removed in the end.
pub(crate) fn refuse_inside(plan: &Plan, needed: &[(&str, &Path)]) -> Result<()> {
    for root in &plan.roots {
        for (what, path) in needed {
            if !leaves(root, plan.ignore_case, path)? {
                return Err(Failure::new(format!(
                    "the {what} {} lies in {}, which is going to be replaced",
                    path.display(),
                    root.target.display()
                ))
                .hint(format!(
                    "move it elsewhere, or leave it out of the connector: [connector.{}] exclude = [\"…\"]",
                    plan.connector
                ))
                .hint("or restore to another folder with --to"));
            }
        }
    }
    Ok(())
}

/// The restores in a folder of journals that are not over, but for the one at `own`.
fn others(folder: &Path, own: &Path) -> Result<Vec<Other>> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| cannot("read", folder, error))? {
        let path = entry.map_err(|error| cannot("read", folder, error))?.path();
        if path == own || path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        // What a damaged one says nobody knows: it might be at work.
        others.extend(Journal::of_other(&path)?);
    }
    Ok(others)
}

/// Fails where a restore is at work on what a snapshot would take: it would lack files that are on their way, and the
/// steps around it would start services that have to stand still.
pub(crate) fn refuse_at_work<'a>(folder: &Path, places: impl Iterator<Item = &'a Path>) -> Result<()> {
    // No restore was ever begun.
    if !is_there(folder)? {
        return Ok(());
    }
    let mut others = others(folder, Path::new(""))?;
    others.retain(|other| other.is_at_work);
    for place in places {
        let is_here = |theirs: &PlannedRoot| overlap(&theirs.target, place);
        if let Some(other) = others.iter().find(|other| other.plan.roots.iter().any(is_here)) {
            let why = format!(
                "the restore of {} is at work on {}",
                other.plan.connector,
                place.display()
            );
            return Err(Failure::new(why).hints(other.ways()));
        }
    }
    Ok(())
}

/// Folders beside the roots, or in them, that keep something of restores of which no journal in the folder tells.
pub(crate) fn unknown(plan: &Plan, folder: &Path) -> Result<Vec<PathBuf>> {
    let known = others(folder, Path::new(""))?;
    let is_known = |path: &PathBuf| {
        let mut roots = known.iter().flat_map(|other| &other.plan.roots);
        roots.any(|root| {
            [&root.new, &root.old]
                .iter()
                .any(|held| swap::holder(held) == path)
        })
    };
    let mut found = Vec::new();
    for root in &plan.roots {
        let Some(beside) = swap::holder(&root.new).parent() else {
            continue;
        };
        for entry in fs::read_dir(beside).into_iter().flatten().flatten() {
            let is_holder = entry.file_name().to_string_lossy().starts_with(swap::HOLDER);
            if is_holder && !is_known(&entry.path()) && !found.contains(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether one of two paths lies in the other.
fn overlap(a: &Path, b: &Path) -> bool {
    let (a, b) = (real(a), real(b));
    a.starts_with(&b) || b.starts_with(&a)
}

fn end_first(other: &Other, why: String) -> Failure {
    let failure = Failure::new(why).hints(other.ways());
    match other.is_reverting {
        true => failure,
        false => failure.hint(format!(
            "or keep it for good: {}",
            command(&other.plan, "--confirm")
        )),
    }
}

/// Fails where another restore is exchanging the same files, or keeps in them what it replaced.
pub(crate) fn refuse_others(plan: &Plan, folder: &Path, own: &Path) -> Result<()> {
    for other in others(folder, own)? {
        for theirs in &other.plan.roots {
            for ours in &plan.roots {
                let (name, place) = (&other.plan.connector, ours.target.display());
                if other.is_at_work && overlap(&theirs.target, &ours.target) {
                    let why = format!("the restore of {name} is at work on {place}");
                    return Err(end_first(&other, why));
                }
                let holders = [&theirs.new, &theirs.old].map(|held| swap::holder(held));
                let is_kept = |holder: &&Path| {
                    holder.symlink_metadata().is_ok() && real(holder).starts_with(real(&ours.target))
                };
                if let Some(kept) = holders.into_iter().find(is_kept) {
                    let why = format!(
                        "the restore of {name} is not over, and its folder {} lies in {place}",
                        kept.display()
                    );
                    return Err(end_first(&other, why));
                }
            }
        }
    }
    Ok(())
}

/// Fails where another restore touched the same files later: what comes back now would be in its place.
pub(crate) fn refuse_revert(journal: &Journal, folder: &Path) -> Result<()> {
    let Some(since) = journal.exchange() else {
        return Ok(());
    };
    for other in others(folder, journal.path())? {
        if other.exchange.is_none_or(|time| time <= since) {
            continue;
        }
        let mut pairs = (other.plan.roots.iter())
            .flat_map(|theirs| journal.plan().roots.iter().map(move |ours| (theirs, ours)));
        if let Some((_, ours)) = pairs.find(|(theirs, ours)| overlap(&theirs.target, &ours.target)) {
            let why = format!(
                "{} was restored over {} later",
                other.plan.connector,
                ours.target.display()
            );
            return Err(end_first(&other, why));
        }
    }
    Ok(())
}
