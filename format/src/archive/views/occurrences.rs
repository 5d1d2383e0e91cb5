//! Where paths that somebody looks for occur.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::faults::note;
use super::scope::Scope;
use super::stretches::{Stretch, in_batches};
use crate::archive::Archive;
use crate::archive::diff::{Change, Changed, diff};
use crate::archive::locate::walk_tree;
use crate::catalog::Moment;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::{Entry, Series};
use crate::progress::Progress;
use crate::segment::ObjectReader;

/// How many states are compared with the ones before them at once.
const BATCH: usize = 512;

/// A path that was looked for.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// Where.
    pub series: Arc<Series>,
    /// The path.
    pub path: Vec<u8>,
    /// What it was when it was last seen.
    pub entry: Entry,
    /// The first snapshot that has it.
    pub first: Moment,
    /// The last one.
    pub last: Moment,
    /// How often it appeared or changed what it is or holds; a directory never changes.
    pub versions: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Occurrences {
    /// Series by series, and in each by path.
    pub found: Vec<Occurrence>,
    /// What could not be read, the first of it. Snapshots that depend on it are passed over; of the first of a series, what can be
    /// read is found.
    pub errors: Vec<Error>,
}

impl Archive {
    /// Where in the snapshots of a scope those paths occur that are wanted. The first tree of each series is walked; of
    /// every later one only what differs from the one before it.
    pub fn occurrences(
        &self,
        scope: &Scope,
        is_wanted: &(dyn Fn(&[u8]) -> bool + Sync),
        progress: &Progress,
    ) -> Result<Occurrences> {
        let search = Search {
            reader: &self.reader,
            is_wanted,
            progress,
        };
        let mut lines: Vec<Line> = Vec::new();
        let mut errors = Vec::new();
        in_batches(&self.catalog, scope, BATCH, progress, &mut |stretches| {
            let mut roots: Vec<Option<Id>> = lines.iter().map(|line| line.root).collect();
            let pair = |stretch: Stretch| {
                let needed = roots.len().max(stretch.series + 1);
                roots.resize(needed, None);
                let root = stretch.state.snapshot.root;
                let before = roots[stretch.series].replace(root);
                (before, stretch)
            };
            let pairs: Vec<(Option<Id>, Stretch)> = stretches.into_iter().map(pair).collect();
            lines.resize_with(roots.len(), Line::default);
            let compare = |(before, stretch): &(Option<Id>, Stretch)| {
                search.compare(before.as_ref().copied(), stretch.state.snapshot.root)
            };
            let compared: Vec<Compared> = pairs.par_iter().map(compare).collect();
            for ((before, stretch), compared) in pairs.into_iter().zip(compared) {
                let line = &mut lines[stretch.series];
                // The one before could not be read: what is known is of an earlier one.
                let compared = match line.root == before {
                    true => compared,
                    false => search.compare(line.root, stretch.state.snapshot.root),
                };
                let is_partial = !compared.errors.is_empty();
                compared
                    .errors
                    .into_iter()
                    .for_each(|error| note(&mut errors, error));
                match compared.changes {
                    Ok(changes) => {
                        line.is_partial |= is_partial;
                        line.take(&stretch, changes);
                    }
                    Err(error) if error.is_damage() => {
                        note(&mut errors, error);
                        // What is damaged may be in the one before alone.
                        if line.is_partial
                            && let Some(paths) = search.everything(stretch.state.snapshot.root)?
                        {
                            line.is_partial = false;
                            line.take_all(&stretch, paths);
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })?;
        Ok(Occurrences {
            found: lines.into_iter().flat_map(Line::finish).collect(),
            errors,
        })
    }
}

/// How a tree differs from another in what is wanted.
struct Compared {
    changes: Result<Vec<Changed>>,
    /// What of it could not be read.
    errors: Vec<Error>,
}

struct Search<'a> {
    reader: &'a ObjectReader,
    is_wanted: &'a (dyn Fn(&[u8]) -> bool + Sync),
    progress: &'a Progress,
}

impl Search<'_> {
    fn compare(&self, before: Option<Id>, after: Id) -> Compared {
        let mut errors = Vec::new();
        let changes = match before {
            Some(before) => self.differences(before, after),
            None => self.all(after, &mut errors),
        };
        Compared { changes, errors }
    }

    fn differences(&self, before: Id, after: Id) -> Result<Vec<Changed>> {
        let mut changes = Vec::new();
        diff(self.reader, before, after, self.progress, &mut |changed| {
            if (self.is_wanted)(&changed.path) {
                changes.push(changed);
            }
            Ok(())
        })?;
        Ok(changes)
    }

    fn all(&self, tree: Id, errors: &mut Vec<Error>) -> Result<Vec<Changed>> {
        let mut changes = Vec::new();
        for walked in walk_tree(self.reader, tree, &[]) {
            self.progress.check()?;
            match walked {
                Ok((path, entry)) if (self.is_wanted)(&path) => changes.push(Changed {
                    path,
                    change: Change::Added(entry),
                }),
                Ok(_) => {}
                Err(error) if error.is_damage() => note(errors, error),
                Err(error) => return Err(error),
            }
        }
        Ok(changes)
    }

    /// Everything wanted in a tree; `None` where not all of the tree can be read.
    fn everything(&self, tree: Id) -> Result<Option<HashMap<Vec<u8>, Entry>>> {
        let mut found = HashMap::new();
        for walked in walk_tree(self.reader, tree, &[]) {
            self.progress.check()?;
            match walked {
                Ok((path, entry)) if (self.is_wanted)(&path) => drop(found.insert(path, entry)),
                Ok(_) => {}
                Err(error) if error.is_damage() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(found))
    }
}

/// What is known of one series.
#[derive(Default)]
struct Line {
    series: Option<Arc<Series>>,
    root: Option<Id>,
    /// Of the first tree, and since then of those parts in which no other differed from it, not everything could be read.
    is_partial: bool,
    last: Option<Moment>,
    found: HashMap<Vec<u8>, Found>,
}

struct Found {
    entry: Entry,
    first: Moment,
    /// The last snapshot that has it; nothing while that is the newest.
    last: Option<Moment>,
    versions: u64,
}

impl Line {
    /// Takes over a tree by everything wanted in it.
    fn take_all(&mut self, stretch: &Stretch, mut paths: HashMap<Vec<u8>, Entry>) {
        let mut changes = Vec::new();
        for (path, found) in self.found.iter().filter(|(_, found)| found.last.is_none()) {
            let before = found.entry.clone();
            let change = match paths.remove(path) {
                Some(after) => Change::Modified { before, after },
                None => Change::Removed(before),
            };
            let path = path.clone();
            changes.push(Changed { path, change });
        }
        let added = paths.into_iter().map(|(path, entry)| Changed {
            path,
            change: Change::Added(entry),
        });
        changes.extend(added);
        self.take(stretch, changes);
    }

    fn take(&mut self, stretch: &Stretch, changes: Vec<Changed>) {
        let snapshot = &stretch.state.snapshot;
        self.series.get_or_insert_with(|| Arc::new(snapshot.series()));
        self.root = Some(snapshot.root);
        let before = self.last.replace(stretch.last());
        for Changed { path, change } in changes {
            let is_of_content = change.is_of_content();
            match change {
                Change::Added(entry) => match self.found.get_mut(&path) {
                    Some(found) => {
                        (found.entry, found.last) = (entry, None);
                        found.versions += 1;
                    }
                    None => {
                        let first = stretch.first();
                        let (last, versions) = (None, 1);
                        self.found.insert(
                            path,
                            Found {
                                entry,
                                first,
                                last,
                                versions,
                            },
                        );
                    }
                },
                Change::Modified { after, .. } => {
                    if let Some(found) = self.found.get_mut(&path) {
                        found.entry = after;
                        found.versions += u64::from(is_of_content);
                    }
                }
                Change::Removed(_) => {
                    if let Some(found) = self.found.get_mut(&path) {
                        found.last.clone_from(&before);
                    }
                }
            }
        }
    }

    fn finish(self) -> Vec<Occurrence> {
        let (Some(series), Some(newest)) = (self.series, self.last) else {
            return Vec::new();
        };
        let occurrence = |(path, found): (Vec<u8>, Found)| Occurrence {
            series: Arc::clone(&series),
            path,
            entry: found.entry,
            first: found.first,
            last: found.last.unwrap_or_else(|| newest.clone()),
            versions: found.versions,
        };
        let mut all: Vec<Occurrence> = self.found.into_iter().map(occurrence).collect();
        all.sort_by(|one, another| one.path.cmp(&another.path));
        all
    }
}
