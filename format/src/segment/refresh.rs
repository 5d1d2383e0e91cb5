//! Knowing what is there: segments, tables of the index, and what will be deleted.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::ObjectReader;
use super::open::open_segment;
use crate::error::{Error, Flaw, Result};
use crate::id::Id;
use crate::index::table::Table;
use crate::index::{Directories, Location, cover};
use crate::store::{Name, Shelf};

/// How often segments are listed until two lists agree.
const LISTINGS: usize = 10;

/// What came of a look at what there is.
struct Looked {
    damage: Vec<Error>,
    /// False if something was gone that was still listed.
    is_whole: bool,
}

impl ObjectReader {
    /// Lists the segments again: opens those that are new and that no table covers, and takes out those that are gone. Those that
    /// are damaged are the answer.
    pub fn refresh(&self) -> Result<Vec<Error>> {
        // Of two that look at once, one would take back what the other has learnt.
        let _one = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh_alone()
    }

    /// As [`refresh`](Self::refresh), for whoever holds the lock.
    pub(super) fn refresh_alone(&self) -> Result<Vec<Error>> {
        let mut looked = self.look()?;
        for _ in 0..LISTINGS {
            if looked.is_whole {
                break;
            }
            looked = self.look()?;
        }
        Ok(looked.damage)
    }

    /// Lists and opens once.
    fn look(&self) -> Result<Looked> {
        let mut is_whole = true;
        // Before the segments: what is deleted between the two lists must not look as if it had never been condemned.
        let condemned = self.store.list(Shelf::Condemned);
        let condemned = condemned.map_err(Error::io("list condemned segments of", self.store.location()))?;
        let condemned: HashSet<Name> = condemned
            .into_iter()
            .filter_map(|(name, _)| match name {
                Name::Condemned(seal) => Some(Name::Segment(seal)),
                _ => None,
            })
            .collect();
        let listed = self.listed()?;
        let is_listed = |name: Name| listed.binary_search_by_key(&name, |(name, _)| *name).is_ok();
        self.directories.look_again(is_listed);
        let index = self.index();
        let (coverings, is_covered) = cover(self.tables(), &listed);
        let (mut new, mut damage) = (Vec::new(), Vec::new());
        for ((name, len), is_covered) in listed.iter().zip(is_covered) {
            if is_covered || index.is_uncovered(*name) {
                continue;
            }
            match open_segment(&*self.store, *name, *len, self.archive) {
                Ok(segment) => new.push(segment),
                // Deleted since it was listed: what stands for it was put behind the list.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => is_whole = false,
                // What may work the next time is no damage.
                Err(Error::Io { op, path, source }) if !is_bad_medium(&source) => {
                    return Err(Error::Io { op, path, source });
                }
                Err(error) => damage.push(error),
            }
        }
        let known = index.uncovered().map(|segment| segment.name);
        let gone: Vec<Name> = known.filter(|name| !is_listed(*name)).collect();
        let is_changed = !new.is_empty() || !gone.is_empty() || coverings != index.coverings();
        if is_changed || condemned != *index.condemned() {
            drop(index);
            let directories = Arc::clone(&self.directories);
            self.change_index(|index| {
                index.set_coverings(coverings, directories);
                new.into_iter().for_each(|segment| index.add(segment));
                gone.into_iter().for_each(|name| index.remove(name));
                index.set_condemned(condemned);
            });
        }
        if !damage.is_empty() {
            self.suspect();
        }
        Ok(Looked { damage, is_whole })
    }

    /// The segments as they are listed. A list is no picture of one moment: where something is gone, what stands for it may not be in it yet.
    /// Who knows nothing yet cannot tell, and lists until two lists agree.
    fn listed(&self) -> Result<Vec<(Name, u64)>> {
        let list = || {
            let listed = self.store.list(Shelf::Segments);
            listed.map_err(Error::io("list segments of", self.store.location()))
        };
        let mut listed = list()?;
        let index = self.index();
        for _ in 0..LISTINGS {
            let is_listed = |name: Name| listed.binary_search_by_key(&name, |(name, _)| *name).is_ok();
            if index.segment_count() > 0 && index.files().all(|(name, _)| is_listed(name)) {
                break;
            }
            let again = list()?;
            if again == listed {
                break;
            }
            listed = again;
        }
        Ok(listed)
    }

    /// The tables that are there and can be used. None is needed: whatever is wrong with one is remembered and no failure.
    fn tables(&self) -> Vec<Arc<Table>> {
        let Ok(listed) = self.store.list(Shelf::Tables) else {
            return Vec::new();
        };
        let known = self.index();
        let wrong = self.directories.wrong_tables();
        let mut tables = Vec::new();
        for (name, len) in listed {
            if wrong.contains_key(&name) {
                continue;
            }
            let mut coverings = known.coverings().iter();
            if let Some(covering) = coverings.find(|covering| covering.table().name() == name) {
                tables.push(Arc::clone(covering.table()));
                continue;
            }
            match Table::open(&self.store, name, len, self.archive) {
                Ok(table) => tables.push(Arc::new(table)),
                // Deleted since it was listed: what it covered is opened, or found by a later look.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.directories.distrust(name, error),
            }
        }
        tables
    }

    /// Where an object is. If there seems to be none, it is looked for once more: without segments that are gone, and without
    /// tables that turn out to be damaged.
    pub fn find(&self, id: &Id) -> Option<Location> {
        let found = self.index().find(id);
        found.or_else(|| {
            if self.directories.take_news() && self.refresh().is_ok() {
                let found = self.index().find(id);
                if found.is_some() {
                    return found;
                }
            }
            match self.check_tables() {
                true => self.index().find(id),
                false => None,
            }
        })
    }

    /// Compares each table with its check, once. Returns whether one is left out from now on.
    pub fn check_tables(&self) -> bool {
        let mut checked = self
            .checked
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let index = self.index();
        let mut is_wrong = false;
        for table in index.coverings().iter().map(|covering| covering.table()) {
            if !checked.contains(&table.name()) {
                checked.insert(table.name());
                if let Err(error) = table.check() {
                    self.directories.distrust(table.name(), error);
                    is_wrong = true;
                }
            }
        }
        drop(checked);
        is_wrong && self.refresh().is_ok()
    }

    /// Does without a table from now on, for it is wrong.
    pub fn distrust_table(&self, table: Name, error: Error) {
        self.directories.distrust(table, error);
    }

    /// The tables that are left out, and why.
    pub fn wrong_tables(&self) -> Vec<(Name, Arc<Error>)> {
        self.directories.wrong_tables().into_iter().collect()
    }

    /// A table was deleted: one of this name is another one from now on.
    pub fn forget_table(&self, name: Name) {
        self.directories.forget_table(name);
        let mut checked = self
            .checked
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        checked.remove(&name);
    }

    /// Segments that tables cover and that could not be opened when something in them was needed.
    pub fn covered_damage(&self) -> Vec<Arc<Error>> {
        self.directories.damage()
    }

    /// Why a segment that a table covers could not be opened, where it was tried.
    pub fn failure(&self, name: Name) -> Option<Arc<Error>> {
        self.directories.failure(name)
    }

    /// Opens every segment once, so that [`covered_damage`](Self::covered_damage) is complete. A table that covers what says which snapshots
    /// there are is left out from then on (F-124): they would be missing.
    pub fn open_all(&self) {
        let index = self.index();
        for covering in index.coverings() {
            let segments = covering.files().filter_map(|(name, _)| index.segment(name));
            // All are opened, whatever is found.
            if segments.fold(false, |has_pages, segment| has_pages | segment.has_pages()) {
                let name = covering.table().name();
                let flaw = Flaw::new("index table", "segments", "include some of the catalogue");
                self.distrust_table(name, Error::damaged(name.to_string(), None, flaw));
            }
        }
    }

    /// Whether anything was found damaged.
    pub fn is_suspicious(&self) -> bool {
        self.is_suspicious.load(Ordering::Relaxed) || self.directories.is_damaged()
    }
}

/// Whether a file is there, but its medium or its length does not give what should be in it.
fn is_bad_medium(error: &io::Error) -> bool {
    const UNIX_EIO: i32 = 5;
    const WINDOWS_CRC: i32 = 23;
    let code = if cfg!(windows) { WINDOWS_CRC } else { UNIX_EIO };
    error.kind() == io::ErrorKind::UnexpectedEof || error.raw_os_error() == Some(code)
}
