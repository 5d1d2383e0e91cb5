//! Whole archives: making and opening them, and one file for each thing that is done to them.

mod assemble;
mod content;
mod diff;
mod examine;
mod locate;
mod restore;
mod snapshot;
mod stats;
mod verify;
mod walk;
mod writer;

use std::io;
use std::sync::Arc;

pub use content::read_file;
pub use diff::{Change, Changed, diff};
pub use locate::{Located, TreeWalk, walk_tree};
pub use restore::{Overwrite, Restore, RestoreReport};
pub use snapshot::{Root, SnapshotRequest, Source, Taken};
pub use stats::Stats;
pub use verify::{Damaged, VerifyLevel, VerifyReport};

use crate::catalog::Catalog;
use crate::error::{Error, Flaw, Malformed, Result};
use crate::index::Index;
use crate::segment::{ObjectReader, open_segment};
use crate::store::{Name, Store};
use crate::wire::Config;

/// How much of an archive's decoded blocks is kept in memory while it is read.
const CACHE_BYTES: usize = 32 << 20;

/// An open archive.
#[derive(Debug)]
pub struct Archive {
    store: Arc<dyn Store>,
    config: Config,
    reader: ObjectReader,
    catalog: Catalog,
    damage: Vec<Error>,
}

impl Archive {
    /// Makes an archive in an empty store.
    pub fn create(store: Arc<dyn Store>, config: Config) -> Result<Self> {
        let location = store.location();
        match store.read(Name::Config) {
            Ok(_) => return Err(Error::ArchiveExists { location }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("look for an archive at", location)(error)),
        }
        store
            .put(Name::Config, &config.encode())
            .map_err(Error::io("write config of", location))?;
        Self::open(store)
    }

    /// Opens an archive. Damaged segments do not keep the rest from being used: see [`damage`](Self::damage).
    pub fn open(store: Arc<dyn Store>) -> Result<Self> {
        let config = read_config(&*store)?;
        let location = store.location();
        let mut index = Index::default();
        let mut damage = Vec::new();
        for (name, len) in store.list().map_err(Error::io("list segments of", location))? {
            match open_segment(&*store, name, len, config.archive) {
                Ok(segment) => index.add(segment),
                // Deleted since it was listed.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => damage.push(error),
            }
        }
        let reader = ObjectReader::new(Arc::clone(&store), index, CACHE_BYTES);
        let (catalog, errors) = Catalog::load(&reader);
        damage.extend(errors);
        Ok(Self {
            store,
            config,
            reader,
            catalog,
            damage,
        })
    }

    /// What could not be read when the archive was opened: segments, and snapshots in intact ones.
    pub fn damage(&self) -> &[Error] {
        &self.damage
    }

    /// Where the archive is, for people.
    pub fn location(&self) -> String {
        self.store.location()
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
            return Err(match store.list() {
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
