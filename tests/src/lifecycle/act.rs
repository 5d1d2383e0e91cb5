//! What can be done to an archive, with everything that it needs: so that it can be done by somebody else, too, in between.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use restante_format::archive::{Archive, Memory, PruneReport, PruneRequest, SnapshotRequest, read_file};
use restante_format::catalog::Moment;
use restante_format::content::TreeReader;
use restante_format::error::{Error, Result};
use restante_format::id::Id;
use restante_format::model::Node;
use restante_format::progress::Progress;
use restante_format::segment::ObjectReader;

use super::source::{NAME, Thing, Tree, source_of};

/// Another archive, to and from which snapshots are copied.
pub(super) type Mirror = Arc<Mutex<Archive>>;

/// Something to be done.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Snapshot(Box<SnapshotRequest>, Seen),
    Forget(HashSet<Id>),
    Prune(PruneRequest),
    WouldFree(HashSet<Id>),
    Compact,
    /// These snapshots, as far as they are there, are copied into the other archive.
    CopyOut(Mirror, HashSet<Id>),
    /// Whatever is in the other archive is copied into this one.
    CopyIn(Mirror),
    /// These snapshots, as far as they are there, are written into a file and read from it.
    Export(HashSet<Id>),
    /// All that the handle knows, without looking again.
    Read,
}

/// What a snapshot is taken of.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) folder: Option<PathBuf>,
    pub(super) tree: Arc<Tree>,
}

/// What was done.
#[derive(Debug)]
pub(super) enum Done {
    Taken(Id),
    Pruned(PruneReport),
    Read(BTreeMap<Id, std::result::Result<Tree, String>>),
    Nothing,
}

impl Act {
    pub(super) fn perform(&self, archive: &mut Archive) -> Result<Done> {
        let progress = Progress::default();
        match self {
            Self::Snapshot(request, seen) => {
                let request = (**request).clone();
                let taken = match (&seen.folder, seen.tree.get(NAME)) {
                    (Some(folder), _) => archive.snapshot(request, source_of(folder), &progress)?,
                    (None, Some(Thing::File(bytes))) => {
                        archive.snapshot_stream(request, NAME.as_bytes(), &mut &bytes[..], &progress)?
                    }
                    _ => return Ok(Done::Nothing),
                };
                // A handle that once could not read something takes it for damaged until it is opened again, and merges nothing.
                let is_of_store = |error: &Error| {
                    matches!(error, Error::Io { .. })
                        || error.to_string().contains("cannot be read: no storage space")
                };
                if let Some(error) = &taken.merging
                    && !is_of_store(error)
                {
                    panic!("merging behind a snapshot failed: {error}");
                }
                return Ok(Done::Taken(taken.id));
            }
            Self::Forget(ids) => drop(archive.forget(ids, &progress)?),
            Self::Prune(request) => return Ok(Done::Pruned(archive.prune(request, &progress)?)),
            Self::WouldFree(ids) => drop(archive.would_free(ids, 5.0, &progress)?),
            Self::Compact => drop(archive.compact(&progress)?),
            Self::CopyOut(mirror, ids) => {
                let chosen = chosen(archive, ids)?;
                let mut mirror = mirror.lock().expect("no panic");
                drop(mirror.copy_from(archive, chosen, &progress)?);
            }
            Self::CopyIn(mirror) => {
                let mirror = mirror.lock().expect("no panic");
                let all = mirror.catalog().oldest_first().collect();
                drop(archive.copy_from(&mirror, all, &progress)?);
            }
            Self::Export(ids) => {
                let chosen = chosen(archive, ids)?;
                return export(archive, chosen).map(Done::Read);
            }
            Self::Read => return Ok(Done::Read(read_all(archive))),
        }
        Ok(Done::Nothing)
    }
}

/// The moments of these snapshots that are there now.
fn chosen(archive: &mut Archive, ids: &HashSet<Id>) -> Result<Vec<Moment>> {
    archive.refresh()?;
    let moments = archive.catalog().oldest_first();
    Ok(moments.filter(|moment| ids.contains(&moment.id())).collect())
}

/// What a file gives into which these moments are written.
fn export(
    archive: &Archive,
    moments: Vec<Moment>,
) -> Result<BTreeMap<Id, std::result::Result<Tree, String>>> {
    if moments.is_empty() {
        return Ok(BTreeMap::new());
    }
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.expect("a temporary folder");
    let file = folder.path().join("exported.rst");
    let count = moments.len();
    archive.export_to(&file, false, moments, &Progress::default())?;
    let exported = Archive::open_file(&file, Memory::default()).expect("a file just written");
    let read = read_all(&exported);
    assert_eq!(read.len(), count, "snapshots in a file");
    Ok(read)
}

/// Every snapshot that an archive lists, and what it gives.
pub(super) fn read_all(archive: &Archive) -> BTreeMap<Id, std::result::Result<Tree, String>> {
    let mut by_root = BTreeMap::new();
    let mut all = BTreeMap::new();
    for listed in archive.catalog().all() {
        let root = listed.snapshot.root;
        let tree = by_root
            .entry(root)
            .or_insert_with(|| read_tree(archive.reader(), root).map_err(|error| error.to_string()));
        all.insert(listed.id, tree.clone());
    }
    all
}

fn read_tree(reader: &ObjectReader, root: Id) -> Result<Tree> {
    let mut tree = Tree::new();
    read_below(reader, root, "", &mut tree)?;
    // A folder is placed below a name, and a stream is a file of that name.
    let below = format!("{NAME}/");
    if !matches!(tree.get(NAME), Some(Thing::Dir)) {
        return Ok(tree);
    }
    let inner = tree.into_iter().filter_map(|(path, thing)| {
        let path = path.strip_prefix(&below)?.to_owned();
        Some((path, thing))
    });
    Ok(inner.collect())
}

fn read_below(reader: &ObjectReader, id: Id, above: &str, found: &mut Tree) -> Result<()> {
    for entry in TreeReader::new(reader, id) {
        let entry = entry?;
        let path = format!("{above}{}", String::from_utf8_lossy(&entry.name));
        let thing = match &entry.node {
            Node::File { size, content } => {
                let mut bytes = Vec::new();
                read_file(reader, *size, *content, &mut |len, piece| {
                    match piece {
                        Some(piece) => bytes.extend_from_slice(&piece),
                        None => bytes.resize(bytes.len() + len as usize, 0),
                    }
                    Ok::<(), Error>(())
                })?;
                Thing::File(bytes)
            }
            Node::Dir { tree } => {
                read_below(reader, *tree, &format!("{path}/"), found)?;
                Thing::Dir
            }
            Node::Symlink { target } => Thing::Link(String::from_utf8_lossy(target).into_owned()),
            other => panic!("nobody made {other:?}"),
        };
        found.insert(path, thing);
    }
    Ok(())
}
