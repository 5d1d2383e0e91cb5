//! The walk over the source beside the walk over the parent's trees, in the order of names.

use std::cell::RefCell;
use std::io;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::examine::{Before, Examiner, has_stat};
use super::sets::{Known, Watch};
use super::snapshot::{Root, Source};
use super::vanished::Vanished;
use crate::content::TreeReader;
use crate::id::Id;
use crate::limits::DEPTH;
use crate::model::{Entry, Meta, is_valid_name, push_name};
use crate::segment::ObjectReader;
use crate::source::{FileKind, Folder, Listed};

/// How many entries are examined as one task.
const BATCH: usize = 256;

/// A name to examine, and what the parent snapshot has under it.
pub(super) struct Candidate {
    pub(super) name: Vec<u8>,
    pub(super) previous: Option<Entry>,
    /// A file of this name that is gone from elsewhere.
    pub(super) moved: Before,
    /// What an earlier round of this snapshot says of it.
    pub(super) known: Option<Known>,
}

/// What the walk meets, in the order of the snapshot's trees.
pub(super) enum Step {
    /// A directory of the source; what follows is in it.
    Enter(Entered),
    /// A directory that stands for none of the source, and the parent's tree of it.
    EnterSynthetic(Vec<u8>, Option<Id>),
    /// Entries of the current directory that are not directories.
    Entries(Arc<Folder>, Vec<Candidate>),
    /// The end of the current directory.
    Leave,
    /// Something in the current directory that could not be read.
    Unreadable(Vec<u8>, String),
}

/// A directory of the source.
pub(super) struct Entered {
    pub(super) name: Vec<u8>,
    pub(super) meta: Meta,
    /// The parent's tree of it.
    pub(super) previous: Option<Id>,
    /// To be left out if nothing in it is taken.
    pub(super) only_if_not_empty: bool,
}

/// Nobody wants any more steps.
pub(super) struct Stopped;

/// Walks a source and sends what it meets.
pub(super) struct Walker<'a> {
    pub(super) reader: &'a ObjectReader,
    pub(super) source: &'a Source,
    pub(super) examiner: &'a Examiner<'a>,
    pub(super) steps: SyncSender<Step>,
    pub(super) vanished: RefCell<Vanished>,
    /// What earlier rounds of this snapshot found, if some files belong together.
    pub(super) watch: Option<&'a Watch>,
    /// Only names are wanted: what is said about directories is not asked for.
    pub(super) names_only: bool,
}

/// A directory on the way from the root to where the walk is.
struct Level<'a> {
    folder: Arc<Folder>,
    names: Peekable<std::vec::IntoIter<Listed>>,
    previous: Previous<'a>,
    /// Length of its path below the root, with a `/` behind it if it is not empty.
    path_len: usize,
}

/// The parent's entries of a directory, taken in step with the source's names.
struct Previous<'a>(Option<Peekable<TreeReader<'a>>>);

impl<'a> Previous<'a> {
    fn new(reader: &'a ObjectReader, tree: Option<Id>) -> Self {
        Self(tree.map(|tree| TreeReader::new(reader, tree).peekable()))
    }

    /// The entry with this name. Names must be asked for in ascending order.
    fn take(&mut self, name: &[u8]) -> Option<Entry> {
        let entries = self.0.as_mut()?;
        loop {
            match entries.peek()? {
                // What a damaged node held is read afresh.
                Err(_) => drop(entries.next()),
                Ok(entry) => match entry.name.as_slice().cmp(name) {
                    std::cmp::Ordering::Less => drop(entries.next()),
                    std::cmp::Ordering::Equal => return entries.next()?.ok(),
                    std::cmp::Ordering::Greater => return None,
                },
            }
        }
    }
}

fn refused(op: &str, error: &io::Error) -> String {
    format!("cannot {op}: {error}")
}

impl<'a> Walker<'a> {
    /// Walks all roots, which are sorted by place. `previous` is the parent's root tree.
    pub(super) fn walk(&self, previous: Option<Id>) {
        // An error means that the receiver has failed and says why itself.
        let _ = self.walk_level(&self.source.roots, 0, previous);
    }

    fn send(&self, step: Step) -> Result<(), Stopped> {
        self.steps.send(step).map_err(|_| Stopped)
    }

    /// Walks roots that agree in the first `depth` components of their places.
    fn walk_level(&self, roots: &[Root], depth: usize, previous: Option<Id>) -> Result<(), Stopped> {
        let mut previous = Previous::new(self.reader, previous);
        for same in roots.chunk_by(|a, b| a.place.get(depth) == b.place.get(depth)) {
            let Some(name) = same[0].place.get(depth) else {
                continue;
            };
            let before = previous.take(name);
            if same[0].place.len() == depth + 1 {
                self.walk_root(&same[0], name, before)?;
            } else {
                let before = before.as_ref().and_then(Entry::tree);
                self.send(Step::EnterSynthetic(name.clone(), before))?;
                self.walk_level(same, depth + 1, before)?;
                self.send(Step::Leave)?;
            }
        }
        Ok(())
    }

    fn walk_root(&self, root: &Root, name: &[u8], previous: Option<Entry>) -> Result<(), Stopped> {
        let failed = |op: &str, error: &io::Error| {
            let reason = format!("{} {}", refused(op, error), root.path.display());
            self.send(Step::Unreadable(name.to_vec(), reason))
        };
        match Folder::open(&root.path) {
            Ok(folder) => self.walk_folder(root, name, Arc::new(folder), previous),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                let (parent, file) = match (root.path.parent(), root.path.file_name()) {
                    (Some(parent), Some(file)) => (parent, crate::names::from_os(file)),
                    _ => return failed("open", &error),
                };
                let parent = if parent.as_os_str().is_empty() {
                    ".".as_ref()
                } else {
                    parent
                };
                match Folder::open(parent) {
                    Ok(folder) if file == name => {
                        let candidate = Candidate {
                            name: file,
                            previous,
                            moved: None,
                            known: None,
                        };
                        self.send(Step::Entries(Arc::new(folder), vec![candidate]))
                    }
                    Ok(_) => failed("take a file under another name", &error),
                    Err(error) => failed("open the folder of", &error),
                }
            }
            Err(error) => failed("open", &error),
        }
    }

    fn walk_folder(
        &self,
        root: &Root,
        name: &[u8],
        folder: Arc<Folder>,
        previous: Option<Entry>,
    ) -> Result<(), Stopped> {
        let mut path = Vec::new();
        let mut levels = Vec::new();
        let mut device = None;
        levels.extend(self.enter(root, &mut device, &path, name.to_vec(), folder, previous, true)?);
        while let Some(level) = levels.last_mut() {
            path.truncate(level.path_len);
            let Some(directory) = self.send_entries(root, level, &mut path)? else {
                levels.pop();
                self.send(Step::Leave)?;
                continue;
            };
            let Candidate { name, previous, .. } = directory;
            // The names of the root's place are levels too.
            if levels.len() + root.place.len() >= DEPTH {
                self.send(Step::Unreadable(
                    name,
                    format!("is nested deeper than {DEPTH} levels"),
                ))?;
                continue;
            }
            let opened = levels.last().map(|level| level.folder.open_child(&name));
            match opened {
                Some(Ok(folder)) => {
                    let entered =
                        self.enter(root, &mut device, &path, name, Arc::new(folder), previous, false)?;
                    levels.extend(entered);
                }
                // Deleted since its name was read.
                Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Some(Err(error)) => {
                    self.send(Step::Unreadable(name, refused("open the directory", &error)))?
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Announces a directory, whose path below the root is `path`, and lists it. `None` if it could not be listed.
    #[allow(clippy::too_many_arguments, reason = "all of them are the state of one walk")]
    fn enter(
        &self,
        root: &Root,
        device: &mut Option<u64>,
        path: &[u8],
        name: Vec<u8>,
        folder: Arc<Folder>,
        previous: Option<Entry>,
        is_root: bool,
    ) -> Result<Option<Level<'a>>, Stopped> {
        let stat = match folder.stat() {
            Ok(stat) => stat,
            Err(error) => {
                self.send(Step::Unreadable(name, refused("stat", &error)))?;
                return Ok(None);
            }
        };
        if self.source.skip.contains(&(stat.device, stat.inode)) && stat.inode != 0 {
            return Ok(None);
        }
        let device = *device.get_or_insert(stat.device);
        let mut names = if self.source.one_file_system && stat.device != device {
            // The mount point is kept, what is mounted there is not.
            Vec::new()
        } else {
            match folder.names() {
                Ok(names) => names,
                Err(error) => {
                    self.send(Step::Unreadable(name, refused("list", &error)))?;
                    return Ok(None);
                }
            }
        };
        if self.source.exclude_caches && is_cache(&folder, &names) {
            names.retain(|listed| listed.name == CACHE_TAG);
        }
        let settled = self
            .watch
            .map_or(&[][..], |watch| watch.settled_names(&root.place, path));
        names.extend(settled.iter().map(|name| Listed {
            name: name.clone(),
            is_dir: Some(false),
        }));
        names.sort_unstable();
        // What is removed and made again while it is listed may be listed twice.
        names.dedup_by(|later, earlier| later.name == earlier.name);
        let previous_tree = previous.as_ref().and_then(Entry::tree);
        let before = previous.as_ref().filter(|entry| !has_stat(&entry.meta, &stat));
        if let (Some(_), Some(tree)) = (before, previous_tree) {
            self.vanished.borrow_mut().note(self.reader, tree, &names);
        }
        let only_if_not_empty = !is_root && root.filter.is_selective() && !root.filter.includes(path);
        let meta = match self.names_only {
            true => Ok(Meta::default()),
            false => self.examiner.dir_meta(&folder, &stat, previous.as_ref()),
        };
        let meta = match meta {
            Ok(meta) => meta,
            Err(error) => {
                // Its entries are worth more than its attributes.
                self.send(Step::Unreadable(
                    name.clone(),
                    refused("read the extended attributes", &error),
                ))?;
                self.examiner.meta(&stat, Vec::new())
            }
        };
        self.send(Step::Enter(Entered {
            name,
            meta,
            previous: previous_tree,
            only_if_not_empty,
        }))?;
        Ok(Some(Level {
            folder,
            names: names.into_iter().peekable(),
            previous: Previous::new(self.reader, previous_tree),
            path_len: if is_root { 0 } else { path.len() },
        }))
    }

    /// Sends the entries of a level up to the next directory in it, and returns that. `path` is left at its path.
    fn send_entries(
        &self,
        root: &Root,
        level: &mut Level<'_>,
        path: &mut Vec<u8>,
    ) -> Result<Option<Candidate>, Stopped> {
        let mut batch = Vec::new();
        let mut directory = None;
        while directory.is_none()
            && let Some(Listed { name, is_dir }) = level.names.next()
        {
            path.truncate(level.path_len);
            push_name(path, &name);
            if !is_valid_name(&name) {
                self.send(Step::Unreadable(name, "the name cannot be kept".into()))?;
                continue;
            }
            if root.filter.excludes(path) {
                continue;
            }
            let known = self.watch.and_then(|watch| watch.known(&root.place, path));
            let is_settled = matches!(known, Some(Known::Settled(_)));
            let is_dir = !is_settled
                && is_dir.unwrap_or_else(|| {
                    level
                        .folder
                        .stat_child(&name)
                        .is_ok_and(|stat| stat.kind == FileKind::Dir)
                });
            if !is_dir && !root.filter.includes(path) {
                continue;
            }
            let previous = level.previous.take(&name);
            let moved = match (&previous, is_dir) {
                (None, false) => self.vanished.borrow_mut().take(&name),
                _ => None,
            };
            let candidate = Candidate {
                name,
                previous,
                moved,
                known,
            };
            match is_dir {
                true => directory = Some(candidate),
                false => batch.push(candidate),
            }
            if batch.len() == BATCH {
                self.send(Step::Entries(
                    Arc::clone(&level.folder),
                    std::mem::take(&mut batch),
                ))?;
            }
        }
        if !batch.is_empty() {
            self.send(Step::Entries(Arc::clone(&level.folder), batch))?;
        }
        Ok(directory)
    }
}

const CACHE_TAG: &[u8] = b"CACHEDIR.TAG";
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Whether a directory declares itself a cache (<https://bford.info/cachedir/>).
fn is_cache(folder: &Folder, names: &[Listed]) -> bool {
    let signature = || {
        let (file, _) = folder.open_file(CACHE_TAG).ok()?;
        let mut beginning = [0; CACHE_SIGNATURE.len()];
        file.read_at(&mut beginning, 0).ok()?;
        Some(beginning == CACHE_SIGNATURE)
    };
    names.iter().any(|listed| listed.name == CACHE_TAG) && signature().unwrap_or(false)
}
