//! What can be done to an archive, with everything that it needs: so that it can be done by somebody else, too, in between.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use restante_format::archive::{Archive, PruneRequest, SnapshotRequest, read_file};
use restante_format::content::TreeReader;
use restante_format::error::{Error, Result};
use restante_format::id::Id;
use restante_format::model::Node;
use restante_format::progress::Progress;
use restante_format::segment::ObjectReader;

use super::source::{NAME, Thing, Tree, source_of};

/// Something to be done.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Snapshot(Box<SnapshotRequest>, Seen),
    Forget(HashSet<Id>),
    Prune(PruneRequest),
    WouldFree(HashSet<Id>),
    Compact,
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
            Self::Prune(request) => drop(archive.prune(request, &progress)?),
            Self::WouldFree(ids) => drop(archive.would_free(ids, 5.0, &progress)?),
            Self::Compact => drop(archive.compact(&progress)?),
            Self::Read => return Ok(Done::Read(read_all(archive))),
        }
        Ok(Done::Nothing)
    }
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
