//! Makes the plan of a restore: from a profile, the configuration, a snapshot, and what is on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use restante_format::archive::{Archive, Located};
use restante_format::catalog::Listed;
use restante_format::content::TreeReader;
use restante_format::id::Id;
use restante_format::model::{Node, display_bytes};
use restante_format::names::{from_os, to_os};

use super::overlaps::refuse_nested;
use super::plan::{Exchange, Plan, PlannedRoot};
use super::swap::HOLDER;
use super::{RootAt, Surroundings};
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::profile::{Action, At, Phase, PlaceOf, Profile, Root, Step};
use crate::show::rfc3339;

/// Where a restore goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Going<'a> {
    /// Each root to its own place.
    Home,
    /// Below a folder, as `/CONNECTOR/ROOT`.
    Below(&'a Path),
}

/// What the configuration says about where steps are carried out. Roots are added by a plan.
pub(crate) fn surroundings(profile: &Profile, config: &Config, archive: &Archive) -> Surroundings {
    surroundings_of(profile, config, archive.location())
}

/// The same with the archive by its name: it need not be there.
pub(crate) fn surroundings_of(profile: &Profile, config: &Config, archive: String) -> Surroundings {
    let places = config.roots.iter();
    Surroundings {
        connector: profile.name.clone(),
        server: config.server_name(),
        archive,
        snapshot: None,
        roots: BTreeMap::new(),
        places: places
            .map(|(name, place)| (name.clone(), place.path.clone()))
            .collect(),
        services: config.services.clone(),
        ignore_case: profile.case_insensitive,
    }
}

/// Makes the plan. Nothing is written.
///
/// # Errors
/// Fails if the snapshot is of another connector, has a root that the profile does not know, or if a place that is
/// needed is not there.
pub(crate) fn make_plan(
    profile: &Profile,
    config: &Config,
    archive: &Archive,
    listed: &Listed,
    going: Going<'_>,
) -> Result<Plan> {
    let run = random_digits(4)?;
    let mut roots = Vec::new();
    for (name, inside, last) in roots_of(profile, archive, listed)? {
        let Some(own) = profile.roots.iter().find(|root| root.name == name) else {
            return Err(Failure::new(format!(
                "snapshot {} has a root `{name}`, which the profile {} does not know",
                listed.id.short(),
                profile.name
            ))
            .hint(format!(
                "restore it by hand: restante restore {}:{} --to DIR",
                listed.id.short(),
                display_bytes(&inside)
            )));
        };
        let place = match going {
            Going::Home => profile.place_of(own, config)?,
            Going::Below(folder) => {
                let folder = absolute(folder);
                PlaceOf {
                    path: folder.join(&profile.name).join(&name),
                    include: Vec::new(),
                    exclude: Vec::new(),
                }
            }
        };
        // A root that is one file lies in the snapshot under its own name.
        let last = last.filter(|last| {
            let says = own.path.rsplit(['/', '\\']).next().unwrap_or_default();
            let says_file = last == says.as_bytes() && !place.path.is_dir();
            own.file || says_file || is_named(&place.path, last)
        });
        let (inside, target) = match &last {
            None => (inside, place.path),
            Some(last) => {
                let target = match (going, place.path.is_file()) {
                    (Going::Home, true) => place.path,
                    (Going::Home, false) => place.path.with_file_name(to_os(last).map_err(odd_name)?),
                    (Going::Below(_), _) => place.path.join(to_os(last).map_err(odd_name)?),
                };
                ([&inside, &b"/"[..], last].concat(), target)
            }
        };
        let patterns = match last {
            Some(_) => (Vec::new(), Vec::new()),
            None => (place.include, place.exclude),
        };
        refuse_dangling(&target)?;
        let root = planned(&run, name, inside, target, patterns)?;
        refuse_mounts(&root.target)?;
        roots.push(root);
    }
    refuse_nested(&roots, profile.case_insensitive)?;
    if roots.is_empty() {
        return Err(Failure::new(format!(
            "snapshot {} holds nothing of the connector {}",
            listed.id.short(),
            profile.name
        )));
    }
    let plan = Plan {
        run,
        connector: profile.name.clone(),
        archive: absolute(Path::new(&archive.location())).display().to_string(),
        snapshot: listed.id.to_string(),
        taken: rfc3339(listed.snapshot.time),
        to: match going {
            Going::Home => None,
            Going::Below(folder) => Some(absolute(folder)),
        },
        ignore_case: profile.case_insensitive,
        roots,
        steps: Vec::new(),
    };
    Ok(with_steps(plan, profile, config, archive))
}

/// The plan with the profile's steps for its roots.
fn with_steps(mut plan: Plan, profile: &Profile, config: &Config, archive: &Archive) -> Plan {
    let at = plan.surroundings(surroundings(profile, config, archive));
    plan.steps = Plan::steps(profile, &plan.roots, &at);
    plan
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The plan as far as it can be told in advance: nothing has to be there yet, neither places nor a snapshot. Without
/// a snapshot it has the roots that every snapshot of the connector has.
pub(crate) fn outline(
    profile: &Profile,
    config: &Config,
    archive: &Archive,
    listed: Option<&Listed>,
) -> Result<Plan> {
    let names = match listed {
        Some(listed) => roots_of(profile, archive, listed)?,
        None => {
            let always = profile.roots.iter().filter(|r| r.required && r.option.is_none());
            always.map(|root| (root.name.clone(), Vec::new(), None)).collect()
        }
    };
    let mut roots = Vec::new();
    for (name, inside, last) in names {
        let Some(own) = profile.roots.iter().find(|root| root.name == name) else {
            continue;
        };
        let place = profile.place_of(own, config).unwrap_or_else(|_| PlaceOf {
            path: told_place(own, config),
            include: own.include.clone(),
            exclude: own.exclude.clone(),
        });
        let inside = match (&last, own.file) {
            (Some(last), true) => [&inside, &b"/"[..], last].concat(),
            _ => inside,
        };
        let mut root = planned("", name, inside, place.path, (place.include, place.exclude))?;
        // Its name is not known yet; what is told of it only has to read well.
        root.old = "a folder beside it".into();
        roots.push(root);
    }
    let plan = Plan {
        run: String::new(),
        connector: profile.name.clone(),
        archive: archive.location(),
        snapshot: listed.map(|listed| listed.id.to_string()).unwrap_or_default(),
        taken: listed
            .map(|listed| rfc3339(listed.snapshot.time))
            .unwrap_or_default(),
        to: None,
        ignore_case: profile.case_insensitive,
        roots,
        steps: Vec::new(),
    };
    Ok(with_steps(plan, profile, config, archive))
}

/// Where a root will lie, as far as the configuration says.
fn told_place(root: &Root, config: &Config) -> PathBuf {
    let Some(place) = &root.place else {
        return PathBuf::from(&root.path);
    };
    let base = match config.roots.get(place) {
        Some(named) => named.path.clone(),
        None => PathBuf::from(format!("<{place}>")),
    };
    let parts = root.path.split(['/', '\\']).filter(|part| !part.is_empty());
    parts.fold(base, |path, part| path.join(part))
}

/// The profile for a copy somewhere else: nothing that is at work is stopped or tried for it.
pub(crate) fn for_a_copy(profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    let is_live = |step: &Step| {
        let services = matches!(
            step.action,
            Action::StopServices { .. } | Action::StartServices { .. }
        );
        services || matches!(step.action.at(), Some(At::Place(_)))
    };
    for phase in [
        Phase::BeforeRestore,
        Phase::AfterRestore,
        Phase::Check,
        Phase::Finish,
    ] {
        profile.steps.of_mut(phase).retain(|step| !is_live(step));
    }
    profile
}

/// A root with the folders that it needs beside its place.
fn planned(
    run: &str,
    name: String,
    inside: Vec<u8>,
    target: PathBuf,
    (include, exclude): (Vec<String>, Vec<String>),
) -> Result<PlannedRoot> {
    // Behind a link lies the place itself.
    let target = target.canonicalize().unwrap_or(target);
    let parent = target.parent().unwrap_or(&target);
    let is_mounted = is_mount_point(&target, parent);
    let mut made: Vec<PathBuf> = (target.ancestors().skip(1))
        .take_while(|folder| folder.symlink_metadata().is_err())
        .map(Path::to_path_buf)
        .collect();
    made.reverse();
    let is_whole = include.is_empty() && exclude.is_empty() && !is_mounted;
    let base = if is_mounted { &target } else { parent };
    let holder = |which: &str| base.join(format!("{HOLDER}{run}-{name}.{which}"));
    let last = inside.rsplit(|byte| *byte == b'/').next().unwrap_or(&inside);
    if target.to_str().is_none() {
        return Err(Failure::new(format!(
            "cannot restore to {}: a journal cannot name a path that is not in UTF-8",
            target.display()
        ))
        .hint("rename it, or restore to another folder with --to"));
    }
    let new = holder("new").join(to_os(last).map_err(odd_name)?);
    let old = holder("old").join(target.file_name().unwrap_or_default());
    let exchange = if is_whole {
        Exchange::Whole
    } else {
        Exchange::Entries
    };
    Ok(PlannedRoot {
        name,
        snapshot: None,
        inside,
        target,
        new,
        old,
        made,
        exchange,
        include,
        exclude,
    })
}

fn odd_name(error: std::io::Error) -> Failure {
    Failure::new(format!("this system cannot have a file of that name: {error}"))
}

/// Whether a path ends in this name, and no directory is there.
fn is_named(path: &Path, name: &[u8]) -> bool {
    path.file_name().is_some_and(|own| from_os(own) == name) && !path.is_dir()
}

/// Fails where a root is a link to what is not there: its share may not be mounted.
fn refuse_dangling(target: &Path) -> Result<()> {
    if target.is_symlink() && !target.exists() {
        return Err(
            Failure::new(format!("{} is a link to what is not there", target.display()))
                .hint("is it mounted?"),
        );
    }
    Ok(())
}

/// Fails where another file system is mounted in a root: moved aside with it, it would be emptied in the end.
#[cfg(unix)]
fn refuse_mounts(target: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = target.metadata() else {
        return Ok(());
    };
    if !metadata.is_dir() {
        return Ok(());
    }
    // What cannot be looked at is found out by the exchange.
    for entry in super::files::list(target)
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.is_dir)
    {
        if entry
            .path
            .symlink_metadata()
            .is_ok_and(|below| below.dev() != metadata.dev())
        {
            return Err(Failure::new(format!(
                "another file system is mounted in {}, at {}",
                target.display(),
                entry.path.display()
            ))
            .hint("unmount it, and make it a root of its own, or restore to another folder with --to"));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_mounts(_target: &Path) -> Result<()> {
    Ok(())
}

/// Whether a directory is the top of a file system: it cannot be renamed, and nothing beside it is on its own.
#[cfg(unix)]
fn is_mount_point(path: &Path, parent: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (path.metadata(), parent.metadata()) {
        // Nothing is above the topmost directory.
        (Ok(_), Ok(_)) if path == parent => true,
        (Ok(on), Ok(above)) => on.dev() != above.dev() || mount_of(path) != mount_of(parent),
        _ => false,
    }
}

/// Tells mounts of one file system apart, where the system does: a part of it can be mounted elsewhere in it.
#[cfg(target_os = "linux")]
fn mount_of(path: &Path) -> Option<u64> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    (found.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(found.stx_mnt_id)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn mount_of(_path: &Path) -> Option<u64> {
    None
}

#[cfg(not(unix))]
fn is_mount_point(_path: &Path, _parent: &Path) -> bool {
    false
}

/// A root in a snapshot: its name, its path, and the name of the only file in it, where it holds one file and
/// nothing else.
type RootIn = (String, Vec<u8>, Option<Vec<u8>>);

/// The roots that a snapshot of the connector holds.
fn roots_of(profile: &Profile, archive: &Archive, listed: &Listed) -> Result<Vec<RootIn>> {
    let name = profile.name.as_bytes();
    if listed.snapshot.connector.as_deref() != Some(&profile.name) {
        return Err(Failure::usage(format!(
            "snapshot {} is not of the connector {}",
            listed.id.short(),
            profile.name
        ))
        .hint(format!(
            "see which are: restante snapshots --connector {}",
            profile.name
        )));
    }
    let Located::Entry(_, entry) = archive.locate(listed, name)? else {
        return Ok(Vec::new());
    };
    let mut roots = Vec::new();
    for (root, tree) in folders(archive, &entry.node)? {
        let inside = [name, b"/", &root].concat();
        let mut entries = TreeReader::new(archive.reader(), tree);
        let last = match (entries.next().transpose()?, entries.next().is_none()) {
            (Some(only), true) if !matches!(only.node, Node::Dir { .. }) => Some(only.name),
            _ => None,
        };
        roots.push((display_bytes(&root), inside, last));
    }
    Ok(roots)
}

/// The directories in a directory.
fn folders(archive: &Archive, node: &Node) -> Result<Vec<(Vec<u8>, Id)>> {
    let Node::Dir { tree } = node else {
        return Ok(Vec::new());
    };
    let mut folders = Vec::new();
    for entry in TreeReader::new(archive.reader(), *tree) {
        let entry = entry?;
        if let Node::Dir { tree } = entry.node {
            folders.push((entry.name, tree));
        }
    }
    Ok(folders)
}

/// As many random bytes as hexadecimal digits, for names that nobody else has.
pub(crate) fn random_digits(count: usize) -> Result<String> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(format!("cannot get random bytes: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl RootAt {
    /// A root that nothing is set aside from.
    pub(crate) fn live(path: PathBuf) -> Self {
        Self {
            aside: path.clone(),
            deleted: None,
            path,
        }
    }
}
