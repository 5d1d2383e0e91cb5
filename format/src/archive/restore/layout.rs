//! The walk over what is restored: what is made, what is kept, and in which order.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, PoisonError};

use super::Overwrite;
use super::open_target::{OpenTarget, Shared};
use super::write::{LaterLink, holds, make_link, write_entry};
use crate::archive::locate::{Located, too_deep};
use crate::content::TreeReader;
use crate::error::{Error, Result};
use crate::limits::DEPTH;
use crate::model::{Entry, Node, display_bytes};
use crate::ordered::Ordered;
use crate::target::{Existing, TargetFolder};

/// About how many bytes, and at most how many files, one task writes.
const GROUP_BYTES: u64 = 2 << 20;
const GROUP_FILES: usize = 64;

/// A file to be written by a task.
struct Job<'a> {
    target: Arc<OpenTarget<'a>>,
    entry: Entry,
}

/// A directory that is being walked, and where its entries go.
type Level<'scope> = (TreeReader<'scope>, Arc<OpenTarget<'scope>>);

/// Whether an entry can be made.
enum Way {
    Free,
    /// What stands there stays; it may be the same file.
    Kept(Existing),
}

/// A restore under way.
pub(super) struct Layout<'s, 'scope> {
    shared: &'scope Shared<'scope>,
    policy: Overwrite,
    writing: Ordered<'s, 'scope, ()>,
    group: Vec<Job<'scope>>,
    group_bytes: u64,
    /// The first entry restored of each file with several links, and its path.
    first_links: HashMap<(u64, u64), (Entry, Vec<u8>)>,
    later_links: Vec<LaterLink>,
}

impl<'s, 'scope> Layout<'s, 'scope> {
    pub(super) fn new(
        shared: &'scope Shared<'scope>,
        policy: Overwrite,
        tasks: &'s rayon::Scope<'scope>,
    ) -> Self {
        Self {
            shared,
            policy,
            writing: Ordered::new(tasks, shared.archive.memory.tasks(GROUP_BYTES)),
            group: Vec::new(),
            group_bytes: 0,
            first_links: HashMap::new(),
            later_links: Vec::new(),
        }
    }

    /// Lays what `from` means below `root`.
    pub(super) fn lay(mut self, from: &Located, root: OpenTarget<'scope>) -> Result<()> {
        let reader = &self.shared.archive.reader;
        let root = Arc::new(root);
        let mut levels: Vec<Level<'scope>> = Vec::new();
        match from {
            Located::Root(tree) => levels.push((TreeReader::new(reader, *tree), Arc::clone(&root))),
            Located::Entry(_, entry) => levels.extend(self.take(Entry::clone(entry), &root)),
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
                    levels.extend(self.take(entry, &target));
                }
            }
        }
        self.start_group();
        while self.writing.pop().is_some() {}
        self.shared.progress.check()?;
        self.make_links(root.folder.as_ref());
        Ok(())
    }

    /// Restores one entry; a directory is returned to be walked. What fails goes into the report.
    fn take(&mut self, entry: Entry, target: &Arc<OpenTarget<'scope>>) -> Option<Level<'scope>> {
        self.try_take(&entry, target).unwrap_or_else(|error| {
            let path = target.path_of(&entry.name);
            self.shared.report(|report| report.fail(&path, error));
            None
        })
    }

    fn try_take(&mut self, entry: &Entry, target: &Arc<OpenTarget<'scope>>) -> Result<Option<Level<'scope>>> {
        if let Way::Kept(existing) = self.make_way(entry, target)? {
            self.shared.report(|report| report.kept += 1);
            self.note_kept(entry, &existing, target);
            return Ok(None);
        }
        if entry.meta.torn {
            let path = target.path_of(&entry.name);
            self.shared.report(|report| report.torn.push(path));
        }
        if let Node::Dir { tree } = entry.node {
            let opened = target.open(entry, self.policy == Overwrite::Never)?;
            let entries = TreeReader::new(&self.shared.archive.reader, tree);
            return Ok(Some((entries, Arc::new(opened))));
        }
        if entry.meta.links > 1 && self.is_later_link(entry, target.path_of(&entry.name)) {
            return Ok(None);
        }
        self.group_bytes += entry.node.size();
        self.group.push(Job {
            target: Arc::clone(target),
            entry: entry.clone(),
        });
        if self.group_bytes >= GROUP_BYTES || self.group.len() >= GROUP_FILES {
            self.start_group();
        }
        Ok(None)
    }

    /// Looks at what stands where the entry should go, and clears it away if it may be replaced
    /// and a rename would not do it.
    fn make_way(&self, entry: &Entry, target: &OpenTarget<'_>) -> Result<Way> {
        let failed = |op| move |error| Error::io(op, target.path_text(&entry.name))(error);
        let Some(folder) = target.folder.as_ref().filter(|_| !target.fresh) else {
            return Ok(Way::Free);
        };
        let Some(existing) = folder.existing(&entry.name).map_err(failed("stat"))? else {
            return Ok(Way::Free);
        };
        let is_dir = matches!(entry.node, Node::Dir { .. });
        if is_dir && existing.is_dir {
            return Ok(Way::Free);
        }
        let is_kept = match self.policy {
            Overwrite::Never => true,
            Overwrite::Changed => looks_the_same(entry, &existing),
            Overwrite::Always => false,
        };
        if is_kept {
            return Ok(Way::Kept(existing));
        }
        if self.shared.dry_run {
            return Ok(Way::Free);
        }
        if is_dir {
            folder
                .remove_file(&entry.name)
                .map_err(failed("make way for the directory"))?;
        } else if existing.is_dir {
            let removed = folder.remove_empty_dir(&entry.name);
            removed.map_err(failed("make way for the file, where a directory stands,"))?;
        }
        Ok(Way::Free)
    }

    /// Lets the other links of a kept file be links to it, if it has the right bytes.
    fn note_kept(&mut self, entry: &Entry, existing: &Existing, target: &OpenTarget<'_>) {
        let key = (entry.meta.device, entry.meta.inode);
        let is_first = entry.meta.links > 1 && !self.first_links.contains_key(&key);
        let holds = |folder| holds(self.shared, folder, entry);
        if is_first && looks_the_same(entry, existing) && target.folder.as_ref().is_some_and(holds) {
            let path = target.path_of(&entry.name);
            self.first_links.insert(key, (entry.clone(), path));
        }
    }

    /// Whether the entry is another link to a file that is there or being restored, and can wait for it.
    fn is_later_link(&mut self, entry: &Entry, path: Vec<u8>) -> bool {
        let key = (entry.meta.device, entry.meta.inode);
        match self.first_links.get(&key) {
            Some((first, original)) if first.is_same_file(entry) => {
                let original = original.clone();
                self.later_links.push(LaterLink { original, path });
                true
            }
            Some(_) => false,
            None => {
                self.first_links.insert(key, (entry.clone(), path));
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
                    let path = target.path_of(&entry.name);
                    if entry.meta.links > 1 {
                        shared
                            .unwritten
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .insert(path.clone());
                    }
                    shared.report(|report| report.fail(&path, error));
                }
            }
        });
    }

    fn make_links(&mut self, root: Option<&TargetFolder>) {
        let unwritten = std::mem::take(
            &mut *self
                .shared
                .unwritten
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for link in std::mem::take(&mut self.later_links) {
            let made = match root.filter(|_| !self.shared.dry_run) {
                _ if unwritten.contains(&link.original) => Err(io::Error::other(
                    "the file that it links to could not be restored",
                )),
                Some(root) => make_link(root, &link),
                None => Ok(()),
            };
            self.shared.report(|report| match made {
                Ok(()) => report.files += 1,
                Err(error) => {
                    let error = Error::io("make link", display_bytes(&link.path))(error);
                    report.fail(&link.path, error);
                }
            });
        }
    }
}

/// Whether a file has the entry's size and time of change.
fn looks_the_same(entry: &Entry, existing: &Existing) -> bool {
    match entry.node {
        Node::File { size, .. } => {
            existing.is_file && existing.size == size && existing.mtime == entry.meta.mtime
        }
        _ => false,
    }
}
