//! Whole archives: making and opening them, and one file for each thing that is done to them.

mod assemble;
mod compare;
mod cut_file;
mod diff;
mod examine;
mod follow;
mod forget;
mod lineage;
mod locate;
mod pieces;
mod prune;
mod read_file;
mod restore;
mod sets;
mod single;
mod snapshot;
mod stats;
mod transfer;
mod upkeep;
mod vanished;
mod verify;
mod verify_tables;
mod views;
mod walk;
mod writer;

use std::io;
use std::sync::Arc;

pub use compare::{CompareReport, Difference, DifferenceKind};
pub use diff::{Change, Changed, diff};
pub use forget::Forgotten;
pub use locate::{Located, TreeWalk, walk_tree};
pub use prune::{Grace, PruneReport, PruneRequest};
pub use read_file::read_file;
pub use restore::{Overwrite, Restore, RestoreReport};
pub use sets::{ConsistencySet, TornSet};
pub use snapshot::{Root, SnapshotRequest, Source, Taken};
pub use stats::Stats;
pub use transfer::{Choice, Copied, Exported};
pub use upkeep::{IndexLimits, Merged};
pub use verify::{Damaged, VerifyLevel, VerifyReport};
pub use views::{
    Aspect, Gap, Grown, History, Occurrence, Occurrences, Scope, Ticks, Tracks, Turn, Version, Watched,
};

use crate::catalog::Catalog;
use crate::error::{Error, Flaw, Malformed, Result};
use crate::segment::ObjectReader;
use crate::store::{LockMode, LockName, Name, Shelf, Store};
use crate::wire::Config;

/// How much memory an operation aims at. Segments that are being filled and what the index needs come on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The budget in bytes.
    pub bytes: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { bytes: 256 << 20 }
    }
}

impl Memory {
    /// For decoded blocks that are kept for the next object in them.
    fn cache_bytes(self) -> usize {
        usize::try_from(self.bytes / 16)
            .unwrap_or(usize::MAX)
            .max(4 << 20)
    }

    /// How many tasks that hold up to `task_bytes` each may be under way.
    fn tasks(self, task_bytes: u64) -> usize {
        let affordable = usize::try_from(self.bytes / 8 / task_bytes.max(1)).unwrap_or(usize::MAX);
        affordable.clamp(1, 2 * rayon::current_num_threads())
    }
}

/// An open archive.
#[derive(Debug)]
pub struct Archive {
    store: Arc<dyn Store>,
    config: Config,
    reader: Arc<ObjectReader>,
    catalog: Catalog,
    damage: Vec<Arc<Error>>,
    memory: Memory,
    index_limits: IndexLimits,
    makes_deltas: bool,
    /// Whether it is a segment file by itself.
    is_single: bool,
}

impl Archive {
    /// Makes an archive in an empty store.
    pub fn create(store: Arc<dyn Store>, config: Config) -> Result<Self> {
        let location = store.location();
        // Two who make the same archive at once must not end with two ids.
        let lock = store
            .lock(LockName::Archive, LockMode::Exclusive)
            .map_err(Error::io("lock", location.clone()))?;
        match store.read(Name::Config) {
            Ok(_) => return Err(Error::ArchiveExists { location }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Segments would become those of another archive (F-021).
                if !store
                    .list(Shelf::Segments)
                    .map_err(Error::io("list segments of", location.clone()))?
                    .is_empty()
                {
                    let flaw = Flaw::new("config", "file", "is missing");
                    return Err(Error::damaged(Name::Config.to_string(), None, flaw));
                }
            }
            Err(error) => return Err(Error::io("look for an archive at", location)(error)),
        }
        store
            .put(Name::Config, &config.encode())
            .map_err(Error::io("write config of", location))?;
        drop(lock);
        Self::open(store)
    }

    /// Opens an archive with the default budget of memory.
    pub fn open(store: Arc<dyn Store>) -> Result<Self> {
        Self::open_with(store, Memory::default())
    }

    /// Opens an archive. Damaged segments do not keep the rest from being used: see [`damage`](Self::damage).
    pub fn open_with(store: Arc<dyn Store>, memory: Memory) -> Result<Self> {
        let config = read_config(&*store)?;
        let reader = ObjectReader::new(Arc::clone(&store), config.archive, memory.cache_bytes());
        let damage = reader.refresh()?;
        let reader = Arc::new(reader);
        let catalog = Catalog::new(Arc::clone(&reader));
        if !catalog.damage().is_empty() {
            reader.suspect();
        }
        Ok(Self {
            store,
            config,
            reader,
            catalog,
            damage: damage.into_iter().map(Arc::new).collect(),
            memory,
            index_limits: IndexLimits::default(),
            makes_deltas: true,
            is_single: false,
        })
    }

    /// Looks again at what there is: others may have added, merged or removed something.
    pub fn refresh(&mut self) -> Result<()> {
        let damage = self.catalog.refresh()?;
        self.damage = damage.into_iter().map(Arc::new).collect();
        Ok(())
    }

    /// Looks again at what there is, opens every segment, and does without tables that hide some of the catalogue.
    fn open_all(&mut self) -> Result<()> {
        self.refresh()?;
        self.reader.open_all();
        if !self.reader.wrong_tables().is_empty() {
            self.refresh()?;
            self.reader.open_all();
        }
        Ok(())
    }

    /// Stores whatever is new whole from now on: for measuring what deltas save.
    pub fn make_no_deltas(&mut self) {
        self.makes_deltas = false;
    }

    /// What could not be read so far: segments, and pages of the catalogue in intact ones.
    pub fn damage(&self) -> Vec<Arc<Error>> {
        let mut damage = self.damage.clone();
        damage.extend(self.reader.covered_damage());
        damage.extend(self.catalog.damage());
        damage
    }

    /// Where the archive is, for people.
    pub fn location(&self) -> String {
        self.store.location()
    }

    /// Whether it is a single segment file, which is read and never written to.
    pub fn is_single(&self) -> bool {
        self.is_single
    }

    /// What was decided when it was made.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its objects.
    pub fn reader(&self) -> &ObjectReader {
        &self.reader
    }

    /// Its snapshots.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

fn read_config(store: &dyn Store) -> Result<Config> {
    let location = store.location();
    let damaged = |flaw| Error::damaged(Name::Config.to_string(), None, flaw);
    let bytes = match store.read(Name::Config) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(match store.list(Shelf::Segments) {
                Ok(segments) if !segments.is_empty() => damaged(Flaw::new("config", "file", "is missing")),
                _ => Error::NoArchive { location },
            });
        }
        // A file stands where the folder should be.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::NotAnArchive {
                location,
                reason: "it is not a folder".into(),
            });
        }
        Err(error) => return Err(Error::io("read", format!("{location}/config"))(error)),
    };
    Config::decode(&bytes).map_err(|malformed| match malformed {
        Malformed::Magic(_) => Error::NotAnArchive {
            location,
            reason: malformed.to_string(),
        },
        Malformed::Flaw(flaw) => damaged(flaw),
        newer => Error::Newer {
            file: format!("{location}/config"),
            reason: newer.to_string(),
        },
    })
}
