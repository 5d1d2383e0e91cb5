//! Restoring: directories are made in the order of the tree, files are written by tasks on all cores under temporary
//! names and renamed when every byte has been checked, and each directory gets its metadata when the last
//! entry in it is done.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Archive;
use super::locate::{Located, too_deep};
use super::read_file::read_file;
use crate::content::TreeReader;
use crate::error::{Error, Result};
use crate::limits::{DEPTH, LISTED_PATHS};
use crate::model::{Entry, Meta, Node};
use crate::ordered::Ordered;
use crate::progress::Progress;
use crate::target::{Existing, TargetFolder, is_privileged};

/// About how many bytes, and at most how many files, one task writes.
const GROUP_BYTES: u64 = 2 << 20;
const GROUP_FILES: usize = 64;

/// What happens to what stands already where an entry should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays.
    Never,
    /// It is replaced if type, size or time of change differ.
    Changed,
    /// It is replaced.
    Always,
}

/// How to restore.
#[derive(Clone, Debug)]
pub struct Restore {
    /// The folder below which the entries are made. It is made if it is missing.
    pub target: PathBuf,
    /// What may be overwritten; `None` requires an empty folder.
    pub overwrite: Option<Overwrite>,
    /// Nothing is written; the report says what would be.
    pub dry_run: bool,
}

/// What a restore did, or would do.
#[derive(Debug, Default)]
pub struct RestoreReport {
    /// Entries written that are not directories.
    pub files: u64,
    /// Directories made or taken over.
    pub dirs: u64,
    /// Bytes of the files written, holes included.
    pub bytes: u64,
    /// Entries left as they were.
    pub kept: u64,
    /// Restored files that were torn when the snapshot was taken.
    pub torn: Vec<Vec<u8>>,
    /// How many entries failed; `failures` lists the first of them.
    pub failed: u64,
    /// Paths that could not be restored, and why.
    pub failures: Vec<(Vec<u8>, Error)>,
    /// How many times metadata could not be set; `refusals` lists the first of them.
    pub refused: u64,
    /// Paths of which some metadata could not be set, what, and why.
    pub refusals: Vec<(Vec<u8>, &'static str, io::Error)>,
    /// Entries whose owner could not be set because only a privileged process may.
    pub unowned: u64,
}

impl RestoreReport {
    fn fail(&mut self, path: &[u8], error: Error) {
        self.failed += 1;
        if self.failures.len() < LISTED_PATHS {
            self.failures.push((path.to_vec(), error));
        }
    }

    fn refuse(&mut self, path: &[u8], what: &'static str, error: io::Error) {
        if what == "owner" && !is_privileged() {
            self.unowned += 1;
            return;
        }
        self.refused += 1;
        if self.refusals.len() < LISTED_PATHS {
            self.refusals.push((path.to_vec(), what, error));
        }
    }

    /// Whether everything that was asked for is there, with all its metadata.
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.refused == 0 && self.torn.is_empty()
    }
}

/// What all tasks of a restore share.
struct Shared<'a> {
    archive: &'a Archive,
    progress: &'a Progress,
    report: Mutex<RestoreReport>,
}

impl Shared<'_> {
    fn report(&self, change: impl FnOnce(&mut RestoreReport)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A directory in which entries are being made. When the last of them is done, it gets its metadata.
struct OpenTarget<'a> {
    folder: TargetFolder,
    path: Vec<u8>,
    /// Whether it was made by this restore, so that nothing can stand in it that the restore did not make.
    fresh: bool,
    /// `None` where the directory's own metadata is not the snapshot's business.
    meta: Option<Meta>,
    shared: &'a Shared<'a>,
}

impl Drop for OpenTarget<'_> {
    fn drop(&mut self) {
        if let Some(meta) = &self.meta {
            let mut refused = |what, error| self.shared.report(|r| r.refuse(&self.path, what, error));
            self.folder.set_meta(meta, &mut refused);
        }
    }
}

impl OpenTarget<'_> {
    fn path_of(&self, name: &[u8]) -> Vec<u8> {
        match self.path.is_empty() {
            true => name.to_vec(),
            false => [&self.path, &b"/"[..], name].concat(),
        }
    }

    fn path_text(&self, name: &[u8]) -> String {
        crate::model::display_bytes(&self.path_of(name))
    }
}

/// A link to be made when the file that it links to is there.
struct LaterLink {
    original: Vec<u8>,
    path: Vec<u8>,
}

/// A file to be written by a task.
struct Job<'a> {
    target: Arc<OpenTarget<'a>>,
    entry: Entry,
}

impl Archive {
    /// Restores what `from` means below `restore.target`: for a whole snapshot its entries, for
    /// a path its last component with everything below it.
    pub fn restore(&self, from: &Located, restore: &Restore, progress: &Progress) -> Result<RestoreReport> {
        if restore.dry_run {
            return self.plan(from, restore, progress);
        }
        let target = &restore.target;
        let folder =
            TargetFolder::create(target).map_err(Error::io("make folder", target.display().to_string()))?;
        check_target(target, &folder, restore)?;
        let shared = Shared {
            archive: self,
            progress,
            report: Mutex::default(),
        };
        rayon::in_place_scope(|tasks| {
            let root = Arc::new(OpenTarget {
                folder,
                path: Vec::new(),
                fresh: restore.overwrite.is_none(),
                meta: None,
                shared: &shared,
            });
            let mut run = Run {
                shared: &shared,
                policy: restore.overwrite.unwrap_or(Overwrite::Never),
                writing: Ordered::new(tasks, self.memory.tasks(GROUP_BYTES)),
                group: Vec::new(),
                group_bytes: 0,
                first_links: HashMap::new(),
                later_links: Vec::new(),
            };
            run.restore_all(from, &root)?;
            run.finish(&root)
        })?;
        Ok(shared.report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a restore would do.
    fn plan(&self, from: &Located, restore: &Restore, progress: &Progress) -> Result<RestoreReport> {
        if restore.target.exists() {
            let path = &restore.target;
            let folder = TargetFolder::create(path).map_err(Error::io("open", path.display().to_string()))?;
            check_target(path, &folder, restore)?;
        }
        let mut report = RestoreReport::default();
        let (top, tree) = match from {
            Located::Root(tree) => (None, Some(*tree)),
            Located::Entry(path, entry) => match entry.node {
                Node::Dir { tree } => (Some((path, entry)), Some(tree)),
                _ => (Some((path, entry)), None),
            },
        };
        let top = top.map(|(path, entry)| Ok((path.clone(), Entry::clone(entry))));
        let below = tree.map(|tree| super::walk_tree(&self.reader, tree, b""));
        for walked in top.into_iter().chain(below.into_iter().flatten()) {
            progress.check()?;
            match walked {
                Ok((path, entry)) => {
                    match entry.node {
                        Node::Dir { .. } => report.dirs += 1,
                        ref node => {
                            report.files += 1;
                            report.bytes += if let Node::File { size, .. } = node {
                                *size
                            } else {
                                0
                            };
                        }
                    }
                    if entry.meta.torn {
                        report.torn.push(path);
                    }
                }
                Err(error) => report.fail(b"", error),
            }
        }
        Ok(report)
    }
}

fn check_target(path: &Path, folder: &TargetFolder, restore: &Restore) -> Result<()> {
    let text = path.display().to_string();
    if restore.overwrite.is_none() && !folder.is_empty().map_err(Error::io("list", text.clone()))? {
        return Err(Error::TargetNotEmpty { path: text });
    }
    Ok(())
}

/// A restore under way.
struct Run<'s, 'scope> {
    shared: &'scope Shared<'scope>,
    policy: Overwrite,
    writing: Ordered<'s, 'scope, ()>,
    group: Vec<Job<'scope>>,
    group_bytes: u64,
    /// The first entry restored of each file with several links, and its path.
    first_links: HashMap<(u64, u64), (Entry, Vec<u8>)>,
    later_links: Vec<LaterLink>,
}

type Level<'scope> = (TreeReader<'scope>, Arc<OpenTarget<'scope>>);

impl<'scope> Run<'_, 'scope> {
    fn restore_all(&mut self, from: &Located, root: &Arc<OpenTarget<'scope>>) -> Result<()> {
        let reader = &self.shared.archive.reader;
        let mut levels: Vec<Level<'scope>> = Vec::new();
        match from {
            Located::Root(tree) => levels.push((TreeReader::new(reader, *tree), Arc::clone(root))),
            Located::Entry(_, entry) => levels.extend(self.take(Entry::clone(entry), root)?),
        }
        while let Some((entries, target)) = levels.last_mut() {
            self.shared.progress.check()?;
            match entries.next() {
                None => {
                    levels.pop();
                }
                Some(Err(error)) => self.shared.report(|report| report.fail(&target.path, error)),
                Some(Ok(entry)) => {
                    let target = Arc::clone(target);
                    if levels.len() >= DEPTH && matches!(entry.node, Node::Dir { .. }) {
                        let path = target.path_of(&entry.name);
                        self.shared.report(|report| report.fail(&path, too_deep(&path)));
                        continue;
                    }
                    levels.extend(self.take(entry, &target)?);
                }
            }
        }
        Ok(())
    }

    /// Restores one entry; a directory is returned to be walked.
    fn take(&mut self, entry: Entry, target: &Arc<OpenTarget<'scope>>) -> Result<Option<Level<'scope>>> {
        let path = target.path_of(&entry.name);
        match self.make_way(&entry, target) {
            Ok(Way::Free) => {}
            Ok(Way::Kept) => {
                self.shared.report(|report| report.kept += 1);
                return Ok(None);
            }
            Err(error) => {
                self.shared.report(|report| report.fail(&path, error));
                return Ok(None);
            }
        }
        if entry.meta.torn {
            self.shared.report(|report| report.torn.push(path.clone()));
        }
        if let Node::Dir { tree } = entry.node {
            return match open_dir(self.shared, &entry, target, &path) {
                Ok(opened) => Ok(Some((
                    TreeReader::new(&self.shared.archive.reader, tree),
                    Arc::new(opened),
                ))),
                Err(error) => {
                    self.shared.report(|report| report.fail(&path, error));
                    Ok(None)
                }
            };
        }
        if entry.meta.links > 1 && self.is_later_link(&entry, &path) {
            return Ok(None);
        }
        self.group_bytes += entry.node.size();
        self.group.push(Job {
            target: Arc::clone(target),
            entry,
        });
        if self.group_bytes >= GROUP_BYTES || self.group.len() >= GROUP_FILES {
            self.start_group();
        }
        Ok(None)
    }

    /// Looks at what stands where the entry should go, and clears it away if it may be replaced
    /// and a rename would not do it.
    fn make_way(&self, entry: &Entry, target: &OpenTarget<'_>) -> Result<Way> {
        let path = || target.path_text(&entry.name);
        if target.fresh {
            return Ok(Way::Free);
        }
        let existing = target
            .folder
            .existing(&entry.name)
            .map_err(|error| Error::io("stat", path())(error))?;
        let Some(existing) = existing else {
            return Ok(Way::Free);
        };
        let is_dir = matches!(entry.node, Node::Dir { .. });
        if is_dir && existing.is_dir {
            return Ok(Way::Free);
        }
        if self.policy == Overwrite::Never || (self.policy == Overwrite::Changed && is_same(entry, &existing))
        {
            return Ok(Way::Kept);
        }
        if is_dir {
            let removed = target.folder.remove_file(&entry.name);
            removed.map_err(|error| Error::io("make way for the directory", path())(error))?;
        } else if existing.is_dir {
            let removed = target.folder.remove_empty_dir(&entry.name);
            removed.map_err(|error| {
                Error::io("make way for the file, where a directory stands,", path())(error)
            })?;
        }
        Ok(Way::Free)
    }

    /// Whether the entry is another link to a file that is being restored, and can wait for it.
    fn is_later_link(&mut self, entry: &Entry, path: &[u8]) -> bool {
        let key = (entry.meta.device, entry.meta.inode);
        match self.first_links.get(&key) {
            Some((first, original)) if first.is_same_file(entry) => {
                self.later_links.push(LaterLink {
                    original: original.clone(),
                    path: path.to_vec(),
                });
                true
            }
            Some(_) => false,
            None => {
                self.first_links.insert(key, (entry.clone(), path.to_vec()));
                false
            }
        }
    }

    fn start_group(&mut self) {
        let (jobs, shared) = (std::mem::take(&mut self.group), self.shared);
        self.group_bytes = 0;
        if jobs.is_empty() {
            return;
        }
        if self.writing.is_full() {
            self.writing.pop();
        }
        self.writing.push(move || {
            for Job { target, entry } in jobs {
                if let Err(error) = write_entry(shared, &target, &entry) {
                    shared.report(|report| report.fail(&target.path_of(&entry.name), error));
                }
            }
        });
    }

    /// Waits for all tasks and makes the links.
    fn finish(&mut self, root: &Arc<OpenTarget<'scope>>) -> Result<()> {
        self.start_group();
        while self.writing.pop().is_some() {}
        self.shared.progress.check()?;
        for link in std::mem::take(&mut self.later_links) {
            match make_link(&root.folder, &link) {
                Ok(()) => self.shared.report(|report| report.files += 1),
                Err(error) => {
                    let error = Error::io("make link", crate::model::display_bytes(&link.path))(error);
                    self.shared.report(|report| report.fail(&link.path, error));
                }
            }
        }
        Ok(())
    }
}

/// Whether an entry can be made.
enum Way {
    Free,
    Kept,
}

fn is_same(entry: &Entry, existing: &Existing) -> bool {
    match entry.node {
        Node::File { size, .. } => {
            existing.is_file && existing.size == size && existing.mtime == entry.meta.mtime
        }
        _ => false,
    }
}

fn open_dir<'scope>(
    shared: &'scope Shared<'scope>,
    entry: &Entry,
    target: &OpenTarget<'_>,
    path: &[u8],
) -> Result<OpenTarget<'scope>> {
    let text = || target.path_text(&entry.name);
    let fresh = match target.folder.make_dir(&entry.name, !entry.meta.synthetic) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(Error::io("make directory", text())(error)),
    };
    let folder = target
        .folder
        .open_child(&entry.name)
        .map_err(|error| Error::io("open directory", text())(error))?;
    shared.report(|report| report.dirs += 1);
    let meta = (!entry.meta.synthetic).then(|| entry.meta.clone());
    Ok(OpenTarget {
        folder,
        path: path.to_vec(),
        fresh,
        meta,
        shared,
    })
}

/// Writes one file or special entry.
fn write_entry(shared: &Shared<'_>, target: &OpenTarget<'_>, entry: &Entry) -> Result<()> {
    shared.progress.check()?;
    let path = || target.path_text(&entry.name);
    let mut refused = |what, error| {
        shared.report(|report| report.refuse(&target.path_of(&entry.name), what, error));
    };
    match entry.node {
        Node::File { size, content } => {
            let file = target
                .folder
                .new_file()
                .map_err(|error| Error::io("make file", path())(error))?;
            let mut at = 0;
            read_file(&shared.archive.reader, size, content, &mut |len, bytes| {
                shared.progress.check()?;
                if let Some(bytes) = bytes {
                    file.write_at(&bytes, at)
                        .map_err(|error| Error::io("write", path())(error))?;
                }
                at += len;
                shared.progress.add(0, len);
                Ok(())
            })?;
            file.set_size(size)
                .map_err(|error| Error::io("write", path())(error))?;
            file.finish(&entry.name, &entry.meta, &mut refused)
                .map_err(|error| Error::io("put in place", path())(error))?;
        }
        ref node => target
            .folder
            .make_special(&entry.name, node, &entry.meta, &mut refused)
            .map_err(|error| Error::io(make_verb(node), path())(error))?,
    }
    shared.progress.add(1, 0);
    let bytes = if let Node::File { size, .. } = entry.node {
        size
    } else {
        0
    };
    shared.report(|report| {
        report.files += 1;
        report.bytes += bytes;
    });
    Ok(())
}

fn make_verb(node: &Node) -> &'static str {
    match node {
        Node::Symlink { .. } => "make symbolic link",
        Node::BlockDevice { .. } | Node::CharDevice { .. } => "make device",
        Node::Fifo => "make fifo",
        _ => "make",
    }
}

/// Makes a hard link between two paths below `root`. The folder of the new one has its metadata
/// already and must not look changed by it.
fn make_link(root: &TargetFolder, link: &LaterLink) -> io::Result<()> {
    let (original_folder, original) = open_parent(root, &link.original)?;
    let (folder, name) = open_parent(root, &link.path)?;
    let (from, to) = (
        original_folder.as_ref().unwrap_or(root),
        folder.as_ref().unwrap_or(root),
    );
    let mtime = to.mtime()?;
    to.link(name, from, original)?;
    match folder {
        Some(folder) => folder.set_mtime(mtime),
        None => Ok(()),
    }
}

/// Opens the folder in which a path lies (`None`: the root itself) and gives the last component.
fn open_parent<'p>(root: &TargetFolder, path: &'p [u8]) -> io::Result<(Option<TargetFolder>, &'p [u8])> {
    let mut names = path.split(|byte| *byte == b'/');
    let last = names.next_back().unwrap_or(path);
    let mut folder: Option<TargetFolder> = None;
    for name in names {
        folder = Some(folder.as_ref().unwrap_or(root).open_child(name)?);
    }
    Ok((folder, last))
}
