//! The walk over the folder beside the walk over the snapshot's trees.

use std::iter::Peekable;
use std::path::Path;
use std::sync::Arc;

use super::file::{Job, OpenJob, compare_small, for_each_piece};
use super::{DifferenceKind, Shared, Spot, text_of, unreadable};
use crate::archive::cut_file::RUN_BYTES;
use crate::archive::locate::Located;
use crate::content::TreeReader;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::limits::DEPTH;
use crate::model::{Entry, Node, Timestamp, push_name};
use crate::ordered::Ordered;
use crate::source::{FileKind, Filter, Folder, Listed, Stat};

/// About how many bytes, and at most how many files, one task compares.
const GROUP_BYTES: u64 = 2 << 20;
const GROUP_FILES: usize = 64;
/// At most how many pieces of a large file one task compares.
const RUN_PIECES: usize = 4096;

/// A directory of both sides that is being compared.
struct Level<'a> {
    entries: Peekable<TreeReader<'a>>,
    names: Peekable<std::vec::IntoIter<Listed>>,
    folder: Arc<Folder>,
    path_len: usize,
    /// Some entries could not be read: then nobody knows what is extra.
    is_damaged: bool,
}

/// A comparison under way.
pub(super) struct Comparison<'s, 'scope> {
    shared: &'scope Shared<'scope>,
    filter: Option<&'s Filter>,
    path: Vec<u8>,
    next_place: u64,
    comparing: Ordered<'s, 'scope, ()>,
    group: Vec<Job>,
    group_bytes: u64,
}

impl<'s, 'scope> Comparison<'s, 'scope> {
    pub(super) fn new(
        shared: &'scope Shared<'scope>,
        filter: Option<&'s Filter>,
        tasks: &'s rayon::Scope<'scope>,
    ) -> Self {
        Self {
            shared,
            filter,
            path: Vec::new(),
            next_place: 0,
            comparing: Ordered::new(tasks, shared.archive.memory.tasks(RUN_BYTES)),
            group: Vec::new(),
            group_bytes: 0,
        }
    }

    pub(super) fn run(&mut self, from: &Located, folder: &Path) -> Result<()> {
        let failed = |op| Error::io(op, folder.display().to_string());
        let (tree, entry) = match from {
            Located::Root(tree) => (Some(*tree), None),
            Located::Entry(_, entry) => (entry.tree(), Some(entry)),
        };
        match (tree, entry) {
            (Some(tree), entry) => match Folder::open(folder) {
                Ok(folder) => {
                    if let Some(entry) = entry {
                        let stat = folder.stat().map_err(failed("read"))?;
                        let spot = self.spot();
                        self.compare_meta(&spot, entry, &stat);
                    }
                    self.walk(tree, folder)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory && entry.is_some() => {
                    let spot = self.spot();
                    self.shared.differs(&spot, DifferenceKind::Type);
                }
                Err(error) => return Err(failed("open")(error)),
            },
            (None, Some(entry)) => {
                let (Some(name), Some(parent)) = (folder.file_name(), folder.parent()) else {
                    return Err(failed("compare a file with")(
                        std::io::ErrorKind::IsADirectory.into(),
                    ));
                };
                let parent = match parent.as_os_str().is_empty() {
                    true => Path::new("."),
                    false => parent,
                };
                let name = crate::names::from_os(name);
                let parent = Folder::open(parent).map_err(failed("open the folder of"))?;
                let stat = parent.stat_child(&name).map_err(failed("read"))?;
                self.compare_entry(&Arc::new(parent), &name, entry, &stat)?;
            }
            (None, None) => {}
        }
        self.start_group();
        while self.comparing.pop().is_some() {}
        Ok(())
    }

    /// The spot of the current path. Spots are numbered in the order in which they are asked for.
    fn spot(&mut self) -> Spot {
        self.next_place += 1;
        Spot {
            place: self.next_place,
            path: self.path.clone(),
        }
    }

    fn differs(&mut self, kind: DifferenceKind) {
        let spot = self.spot();
        self.shared.differs(&spot, kind);
    }

    fn open_level(&mut self, tree: Id, folder: Folder) -> Option<Level<'scope>> {
        let mut names = match folder.names() {
            Ok(names) => names,
            Err(error) => {
                self.differs(unreadable("list", &error));
                return None;
            }
        };
        names.sort_unstable();
        // What is removed and made again while it is listed may be listed twice.
        names.dedup_by(|later, earlier| later.name == earlier.name);
        Some(Level {
            entries: TreeReader::new(&self.shared.archive.reader, tree).peekable(),
            names: names.into_iter().peekable(),
            folder: Arc::new(folder),
            path_len: self.path.len(),
            is_damaged: false,
        })
    }

    fn walk(&mut self, tree: Id, folder: Folder) -> Result<()> {
        let mut levels = Vec::new();
        levels.extend(self.open_level(tree, folder));
        while let Some(level) = levels.last_mut() {
            self.shared.progress.check()?;
            self.path.truncate(level.path_len);
            let (entry, listed) = match level.next_pair() {
                Ok((None, None)) => {
                    levels.pop();
                    continue;
                }
                Ok(pair) => pair,
                Err(error) => {
                    level.is_damaged = true;
                    self.differs(DifferenceKind::Unreadable(text_of(&error)));
                    continue;
                }
            };
            let folder = Arc::clone(&level.folder);
            let is_damaged = level.is_damaged;
            let name = match (&entry, &listed) {
                (Some(entry), _) => entry.name.clone(),
                (None, Some(listed)) => listed.name.clone(),
                (None, None) => continue,
            };
            push_name(&mut self.path, &name);
            let stat = listed.map(|_| folder.stat_child(&name));
            if self.is_ignored(entry.as_ref(), stat.as_ref().and_then(|stat| stat.as_ref().ok())) {
                continue;
            }
            let tree = match (entry, stat) {
                (Some(entry), Some(Ok(stat))) => self.compare_entry(&folder, &name, &entry, &stat)?,
                (Some(_), Some(Err(error))) if error.kind() != std::io::ErrorKind::NotFound => {
                    self.differs(unreadable("stat", &error));
                    None
                }
                (Some(_), _) => {
                    self.differs(DifferenceKind::Missing);
                    None
                }
                (None, Some(Err(error))) if error.kind() == std::io::ErrorKind::NotFound => None,
                (None, _) => {
                    if !is_damaged {
                        self.differs(DifferenceKind::Extra);
                    }
                    None
                }
            };
            let Some(tree) = tree else { continue };
            if levels.len() >= DEPTH {
                let reason = format!("it is nested deeper than {DEPTH} levels");
                self.differs(DifferenceKind::Unreadable(reason));
                continue;
            }
            match folder.open_child(&name) {
                Ok(folder) => levels.extend(self.open_level(tree, folder)),
                Err(error) => self.differs(unreadable("open the directory", &error)),
            }
        }
        Ok(())
    }

    /// Whether the current path is passed over.
    fn is_ignored(&self, entry: Option<&Entry>, stat: Option<&Stat>) -> bool {
        let Some(filter) = self.filter else {
            return false;
        };
        let is_dir = entry.is_some_and(|entry| entry.tree().is_some())
            || stat.is_some_and(|stat| stat.kind == FileKind::Dir);
        filter.excludes(&self.path) || (!is_dir && !filter.includes(&self.path))
    }

    fn compare_meta(&mut self, spot: &Spot, entry: &Entry, stat: &Stat) {
        if !has_same_meta(entry, stat) {
            self.shared.differs(spot, DifferenceKind::Metadata);
        }
    }

    /// Compares what has the same name on both sides. Returns the tree of a directory, whose entries are still to be compared.
    fn compare_entry(
        &mut self,
        folder: &Arc<Folder>,
        name: &[u8],
        entry: &Entry,
        stat: &Stat,
    ) -> Result<Option<Id>> {
        let spot = self.spot();
        let is_special = |major, minor| (major, minor) == stat.special;
        let is_same = match (&entry.node, stat.kind) {
            (Node::Dir { tree }, FileKind::Dir) => {
                self.shared.found(|found| found.report.dirs += 1);
                self.compare_meta(&spot, entry, stat);
                return Ok(Some(*tree));
            }
            (Node::File { size, content }, FileKind::File) => {
                self.compare_meta(&spot, entry, stat);
                let job = Job {
                    folder: Arc::clone(folder),
                    name: name.to_vec(),
                    size: *size,
                    content: *content,
                    spot,
                };
                self.shared.found(|found| found.report.files += 1);
                self.compare_file(job)?;
                return Ok(None);
            }
            (Node::Symlink { target }, FileKind::Symlink) => match folder.read_link(name) {
                Ok(found) => found == *target,
                Err(error) => {
                    self.shared.differs(&spot, unreadable("read", &error));
                    return Ok(None);
                }
            },
            (Node::BlockDevice { major, minor }, FileKind::BlockDevice) => is_special(*major, *minor),
            (Node::CharDevice { major, minor }, FileKind::CharDevice) => is_special(*major, *minor),
            (Node::Fifo, FileKind::Fifo) | (Node::Socket, FileKind::Socket) => true,
            _ => {
                self.shared.differs(&spot, DifferenceKind::Type);
                return Ok(None);
            }
        };
        self.shared.found(|found| found.report.files += 1);
        self.shared.progress.add(1, 0);
        self.compare_meta(&spot, entry, stat);
        if !is_same {
            self.shared.differs(&spot, DifferenceKind::Content);
        }
        Ok(None)
    }

    fn compare_file(&mut self, job: Job) -> Result<()> {
        if job.size > RUN_BYTES {
            return self.compare_large(job);
        }
        self.group_bytes += job.size + job.spot.path.len() as u64;
        self.group.push(job);
        if self.group_bytes >= GROUP_BYTES || self.group.len() >= GROUP_FILES {
            self.start_group();
        }
        Ok(())
    }

    /// Lets a task compare the gathered files.
    fn start_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        self.group_bytes = 0;
        if !group.is_empty() {
            let shared = self.shared;
            self.start(move || {
                let mut buffer = Vec::new();
                group
                    .into_iter()
                    .for_each(|job| compare_small(shared, job, &mut buffer));
            });
        }
    }

    fn start(&mut self, task: impl FnOnce() + Send + 'scope) {
        while self.comparing.is_full() {
            self.comparing.pop();
        }
        self.comparing.push(task);
    }

    /// Compares a file run by run, each as a task.
    fn compare_large(&mut self, job: Job) -> Result<()> {
        let shared = self.shared;
        let (size, content) = (job.size, job.content);
        let Some(open) = OpenJob::open(shared, job) else {
            return Ok(());
        };
        let open = Arc::new(open);
        let (mut run, mut run_bytes) = (Vec::new(), 0);
        let pieces = for_each_piece(shared, &open.file, size, content, &mut |piece| {
            shared.progress.check()?;
            run_bytes += piece.len;
            run.push(piece);
            if run_bytes >= RUN_BYTES || run.len() >= RUN_PIECES {
                let (run, open) = (std::mem::take(&mut run), Arc::clone(&open));
                run_bytes = 0;
                self.start(move || open.compare_run(&run, &mut Vec::new()));
            }
            Ok(())
        });
        let last = Arc::clone(&open);
        self.start(move || last.compare_run(&run, &mut Vec::new()));
        open.conclude(size, pieces);
        shared.progress.check()
    }
}

impl Level<'_> {
    /// The next entry, the next name, or both if they are the same.
    fn next_pair(&mut self) -> Result<(Option<Entry>, Option<Listed>)> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match (self.entries.peek(), self.names.peek()) {
            (Some(Err(_)), _) | (Some(_), None) => Less,
            (Some(Ok(entry)), Some(listed)) => entry.name.cmp(&listed.name),
            (None, _) => Greater,
        };
        let entry = match order {
            Greater => None,
            Less | Equal => self.entries.next().transpose()?,
        };
        let listed = match order {
            Less => None,
            Equal | Greater => self.names.next(),
        };
        Ok((entry, listed))
    }
}

/// Whether mode and time of change are those of the snapshot, as far as the system lets a restore set them.
fn has_same_meta(entry: &Entry, stat: &Stat) -> bool {
    let meta = &entry.meta;
    if meta.synthetic {
        return true;
    }
    if cfg!(windows) {
        // There, only files keep their times, in units of 100 ns, and of a mode only whether it allows writing.
        let time = |time: Timestamp| (time.secs, time.nanos / 100);
        let is_read_only = |mode: u32| mode & 0o222 == 0;
        return stat.kind != FileKind::File
            || (time(meta.mtime) == time(stat.mtime) && is_read_only(meta.mode) == is_read_only(stat.mode));
    }
    // Links have no mode of their own.
    let same_mode = stat.kind == FileKind::Symlink || meta.mode == stat.mode;
    same_mode && meta.mtime == stat.mtime
}
