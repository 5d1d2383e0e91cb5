//! The Restante archive format: content-addressed, deduplicating snapshots that prove their own integrity.
//!
//! Every byte of the format is described in `spec/FORMAT.md`. This library writes and reads it; it knows no
//! connector and no terminal.
//!
//! # A tour
//!
//! An [`Archive`](archive::Archive) lives in a [`Store`](store::Store): a folder, or memory. A snapshot is taken
//! of a [`Source`](archive::Source), found again in the [`Catalog`](catalog::Catalog), and restored below a folder.
//! Every object is compared with its [id](id::Id) when it is read.
//!
//! ```
//! use std::sync::Arc;
//!
//! use restante_format::archive::{Archive, Located, Restore, Root, SnapshotRequest, Source, VerifyLevel};
//! use restante_format::model::Timestamp;
//! use restante_format::progress::Progress;
//! use restante_format::source::Filter;
//! use restante_format::store::MemoryStore;
//! use restante_format::wire::{ArchiveId, Chunker, Config};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let source = folder.path().join("mail");
//! std::fs::create_dir(&source)?;
//! std::fs::write(source.join("KEY.MBG"), "four bytes changed")?;
//!
//! let config = Config { archive: ArchiveId([1; 16]), created: 0, chunker: Chunker::default(), zstd_level: 3 };
//! let mut archive = Archive::create(Arc::new(MemoryStore::default()), config)?;
//!
//! let request = SnapshotRequest {
//!     time: Timestamp { secs: 1_795_334_400, nanos: 0 },
//!     host: "EXCH1".into(),
//!     connector: None,
//!     paths: vec![b"/mail".to_vec()],
//!     tags: vec![],
//!     program: "tour".into(),
//! };
//! let root = Root { place: vec![b"mail".to_vec()], path: source, filter: Filter::default(), sets: vec![] };
//! let progress = Progress::default();
//! let taken = archive.snapshot(request, Source { roots: vec![root], ..Source::default() }, &progress)?;
//! assert_eq!(taken.snapshot.counts.files, 1);
//!
//! let target = folder.path().join("restored");
//! let restore = Restore { target: target.clone(), overwrite: None, dry_run: false };
//! let report = archive.restore(&Located::Root(taken.snapshot.root), &restore, &progress)?;
//! assert!(report.is_complete());
//! assert_eq!(std::fs::read(target.join("mail/KEY.MBG"))?, b"four bytes changed");
//! assert!(archive.verify(VerifyLevel::Full, &progress)?.damaged.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! Modules import downwards only:
//!
//! | layer | modules |
//! | --- | --- |
//! | what is done to archives | [`archive`] |
//! | snapshots by time and name | [`catalog`] |
//! | files and directories as objects | [`content`] |
//! | objects into segments and out of them | [`segment`], and below it [`index`] |
//! | chunks with ids, by all cores | [`cutting`] |
//! | one concern each | [`chunk`], [`compress`], [`delta`], [`store`], [`source`], [`target`] |
//! | structs into bytes and back | [`wire`] |
//! | ground | [`id`], [`limits`], [`model`], [`names`], [`ordered`], [`progress`], [`error`] |

pub mod archive;
pub mod catalog;
pub mod chunk;
pub mod compress;
pub mod content;
pub mod cutting;
pub mod delta;
pub mod error;
pub mod id;
pub mod index;
pub mod limits;
pub mod model;
pub mod names;
pub mod ordered;
pub mod progress;
pub mod segment;
pub mod source;
pub mod store;
pub mod target;
pub mod wire;
