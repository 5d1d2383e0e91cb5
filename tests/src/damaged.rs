//! Archives to be damaged, and a judge of what that costs: what is really lost beside what a verification tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use restante_format::archive::{Archive, VerifyReport};
use restante_format::id::{Id, Kind};
use restante_format::index::Location;
use restante_format::store::{MemoryStore, Name};
use restante_format::wire::{Config, decode_page, decode_snapshot};

use crate::archives::{
    Contents, Found, Place, assert_clean, fine_config, in_memory, objects_of, open, read_everything, take,
};
use crate::laid::{Laid, lay};
use crate::prng::Rng;
use crate::vectors::{Item, Maker, Piece};

/// The files of an archive.
pub type Files = BTreeMap<Name, Bytes>;
/// Everything that an archive holds.
pub type Everything = BTreeMap<Id, Contents>;

/// The snapshots that each page of an archive holds.
pub type Pages = BTreeMap<Id, BTreeSet<Id>>;

/// An intact archive: three snapshots, small files with chunk lists, several directories.
#[derive(Debug)]
pub struct Sample {
    /// The folder in its last state, if there was one.
    pub source: Place,
    /// The files of the archive.
    pub files: Files,
    /// Everything that it holds.
    pub everything: Everything,
    /// Its pages.
    pub pages: Pages,
}

impl Sample {
    /// What is in an archive.
    pub fn of(source: Place, files: Files) -> Self {
        let archive = open(&store_of(&files));
        Self {
            everything: read_everything(&archive),
            pages: pages_of(&archive),
            source,
            files,
        }
    }
}

/// The snapshots in the pages of an archive: decoded anew, apart from its catalogue.
pub fn pages_of(archive: &Archive) -> Pages {
    let pages = objects_of(archive, &[Kind::Page]);
    let snapshots = |at: Location| {
        let id = at.object.id;
        let bytes = archive.reader().get(Kind::Page, id).expect("an intact page");
        let entries = decode_page(&bytes).expect("a sound page");
        let ids = entries.iter().flat_map(|entry| {
            let state = Id::of_snapshot(&entry.snapshot);
            let taken = decode_snapshot(&entry.snapshot).expect("a sound snapshot").time;
            entry.times.iter().map(move |time| match *time == taken {
                true => state,
                false => state.of_tick(time.secs, time.nanos),
            })
        });
        (id, ids.collect())
    };
    pages.map(snapshots).collect()
}

/// The sample in an archive with another config.
pub fn sample_with(config: Config) -> Sample {
    let source = Place::new();
    let mut rng = Rng::new(31);
    let mut random = |len: usize| {
        let mut bytes = vec![0; len];
        rng.fill(&mut bytes);
        bytes
    };
    source.write("list", random(1000));
    source.write("dir/text", "compressible ".repeat(20));
    source.write("dir/sub/small", b"s");
    let (store, mut archive) = in_memory(config);
    take(&mut archive, source.path(), 1);
    source.write("dir/new", random(300));
    take(&mut archive, source.path(), 2);
    fs::remove_file(source.join("list")).expect("remove");
    take(&mut archive, source.path(), 3);
    Sample::of(source, store.files())
}

/// The sample.
pub fn sample() -> Sample {
    sample_with(fine_config())
}

/// Three versions of a table and of a directory. All that is new in the later ones is made from what was there before:
/// chunks, lists and trees.
pub fn sample_of_deltas() -> Sample {
    let mut rng = Rng::new(32);
    let mut table = vec![0; 300];
    rng.fill(&mut table);
    let mut maker = Maker::new("damaged");
    maker.archive = fine_config().archive;
    let mut starts = Vec::new();
    for version in 1..4_u8 {
        table[usize::from(version) * 70] = version;
        let pieces = table.chunks(150).map(|piece| Piece::Data(piece.to_vec()));
        let text = format!("{}{version}", "row after row, ".repeat(4));
        let items = [
            Item::dir("dir", vec![Item::file("text", text.as_bytes())]),
            Item::pieces("table", pieces.collect()),
        ];
        maker.snapshot(&items, |snapshot| {
            snapshot.time.secs = version.into();
        });
        starts.push(maker.objects.len());
    }
    starts.pop();
    let mut files: Files = [(Name::Config, fine_config().encode().into())].into();
    for objects in maker.as_deltas(&starts) {
        let (chunks, others): (Vec<Laid>, _) = objects.into_iter().partition(|o| o.kind == Kind::Chunk);
        let segment = lay(maker.archive, &[chunks, others], Some(3));
        let seal = Id(*segment.last_chunk().expect("a seal"));
        files.insert(Name::Segment(seal), segment.into());
    }
    let archive = open(&store_of(&files));
    assert_clean(&archive);
    let count = |kind: Kind| {
        let is_delta = |at: &Location| at.object.kind == kind && at.delta.is_some();
        archive.reader().index().objects().filter(is_delta).count()
    };
    let counts = [Kind::Chunk, Kind::ChunkList, Kind::Tree].map(count);
    assert!(counts.iter().all(|count| *count >= 2), "{counts:?}");
    Sample::of(Place::new(), files)
}

/// A store with these files.
pub fn store_of(files: &Files) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::from_files(files.clone()))
}

/// These files, but for one.
pub fn with(files: &Files, name: Name, bytes: Vec<u8>) -> Files {
    let mut changed = files.clone();
    changed.insert(name, bytes.into());
    changed
}

/// Snapshots that are not listed any more, and paths that cannot be read in those that are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Snapshots that are not listed any more.
    pub snapshots: BTreeSet<Id>,
    /// Paths that cannot be read, by snapshot.
    pub paths: BTreeSet<(Id, Vec<u8>)>,
}

/// What an archive has really lost. Panics where it gives anything but what was stored.
pub fn true_loss(archive: &Archive, intact: &Everything) -> Loss {
    let now = read_everything(archive);
    let mut loss = Loss::default();
    for (id, contents) in intact {
        match now.get(id) {
            None => drop(loss.snapshots.insert(*id)),
            Some(read) => {
                for (path, found) in read {
                    match found {
                        Found::Lost(_) => drop(loss.paths.insert((*id, path.clone()))),
                        whole => assert_eq!(contents.get(path), Some(whole), "wrong bytes were read"),
                    }
                }
                // What is missing altogether lies below something that is lost.
                for path in contents.keys().filter(|path| !read.contains_key(*path)) {
                    let above =
                        |lost: &Vec<u8>| lost.is_empty() || path.starts_with(&[lost, &b"/"[..]].concat());
                    assert!(
                        loss.paths
                            .iter()
                            .any(|(snapshot, lost)| snapshot == id && above(lost))
                    );
                }
            }
        }
    }
    assert!(
        now.keys().all(|id| intact.contains_key(id)),
        "a snapshot appeared"
    );
    loss
}

/// What a report says is lost. Snapshots are lost with the pages that they are in.
pub fn told_loss(report: &VerifyReport, sample: &Sample) -> Loss {
    let mut loss = Loss::default();
    for damaged in &report.damaged {
        if let Some((Kind::Page, id)) = damaged.object {
            loss.snapshots.extend(&sample.pages[&id]);
        }
        for snapshot in &damaged.snapshots {
            loss.paths
                .extend(damaged.paths.iter().map(|path| (*snapshot, path.clone())));
        }
    }
    loss
}

/// Files with the block of one object overwritten by zeros.
pub fn without_block_of(files: &Files, object: Id) -> Files {
    let archive = open(&store_of(files));
    let at = archive.reader().index().find(&object).expect("it is there");
    let mut changed = files[&at.segment.name].to_vec();
    changed[at.block.offset as usize..][..at.block.stored_len as usize].fill(0);
    with(files, at.segment.name, changed)
}
