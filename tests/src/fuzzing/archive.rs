//! A whole archive out of an input: records that become its config, its segments and the objects in them, whole or as
//! deltas.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use restante_format::archive::{
    Archive, Located, Overwrite, Restore, VerifyLevel, diff, read_file, walk_tree,
};
use restante_format::catalog::{Catalog, Moment, Selector, Which};
use restante_format::error::{Error, Result};
use restante_format::id::{Id, Kind};
use restante_format::model::{Entry, Node, Series, Snapshot, Timestamp};
use restante_format::progress::Progress;
use restante_format::segment::{Delta, PlainBlock, SegmentWriter};
use restante_format::store::{MemoryStore, Name};
use restante_format::wire::{ArchiveId, Chunker, Config, Contents, PageEntry, PageNote, decode_snapshot};

use super::{Input, fix_config, fix_segment};
use crate::pages::page_of;

/// Where these bytes stand in an object, with one more behind them, the id of the object of that number goes.
pub(super) const MARK: &[u8; 31] = b"the id of the object of number ";
/// The id of all archives made here.
pub(super) const ARCHIVE: ArchiveId = ArchiveId([7; 16]);

/// What a record is: the lowest two bits of its first byte.
pub(super) const CONFIG: u8 = 0;
pub(super) const SEGMENT: u8 = 1;
pub(super) const OBJECT: u8 = 2;
#[cfg(test)]
pub(super) const DAMAGE: u8 = 3;
/// Not damage but an object that is a delta, whose kind is in bits 3 and 4: the number of its base, a generation, and
/// its plain bytes or a frame.
pub(super) const DELTA: u8 = 3 | 4;
/// Of deltas, as `NEW_SEGMENT` of objects.
pub(super) const DELTA_NEW_SEGMENT: u8 = 32;
/// Of deltas: what is given is the length that the frame is said to make, and the frame itself.
pub(super) const DELTA_FRAME: u8 = 64;
/// Of deltas: the base is one that is nowhere.
pub(super) const DELTA_ALONE: u8 = 128;
/// Of objects: the kind that is a snapshot, which gets a page of its own.
pub(super) const SNAPSHOT: u8 = 3;
/// Not a delta but pages of what the records of snapshots before it hold, as [`Builder::pages`] reads it; with `RAW`, the plain
/// bytes of a page, and with `CONTENTS`, too, of contents.
pub(super) const PAGES: u8 = DELTA | 3 << 3;
pub(super) const RAW: u8 = 64;
pub(super) const CONTENTS: u8 = 128;
/// Of configs and segments: their checks are made to fit.
pub(super) const FIX: u8 = 4;
/// Of segments: the checks of blocks and the ids of objects, too.
pub(super) const FIX_CONTENTS: u8 = 8;
/// Of objects, whose kind is in bits 2 and 3.
pub(super) const NEW_BLOCK: u8 = 16;
pub(super) const NEW_SEGMENT: u8 = 32;
const COMPRESSED: u8 = 64;
const WRONG_ID: u8 = 128;

const OBJECTS: usize = 256;
const ENTRIES: usize = 2000;
const FILES_READ: usize = 50;
const BYTES_READ: u64 = 1 << 20;
const PIECES_READ: usize = 1000;
/// How many entries, and bytes of files, a snapshot may have that is restored.
const RESTORED_ENTRIES: usize = 100;
const RESTORED_BYTES: u64 = 4 << 20;
/// How many objects an archive may have that is compared: what an enemy shares within a tree is compared as often
/// as it occurs.
const COMPARED_OBJECTS: usize = 16;

/// One record of the input.
pub(super) fn record(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// An archive that is being put together.
struct Builder {
    files: BTreeMap<Name, Bytes>,
    ids: Vec<Id>,
    /// The plain bytes of those objects.
    plains: Vec<Vec<u8>>,
    block: PlainBlock,
    block_compressed: bool,
    segment: SegmentWriter,
    damage: Vec<(u8, u32, u8)>,
    /// The plain bytes of the snapshots.
    snapshots: Vec<Vec<u8>>,
}

impl Builder {
    fn close_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        if !block.is_empty() {
            self.segment.push(match self.block_compressed {
                true => block.store(3),
                false => block.store_raw(),
            });
        }
    }

    fn close_segment(&mut self) {
        self.close_block();
        let segment = std::mem::replace(&mut self.segment, SegmentWriter::new(ARCHIVE));
        if !segment.is_empty() {
            let sealed = segment.seal();
            self.files.insert(sealed.name, sealed.bytes.into());
        }
    }

    fn object(&mut self, tag: u8, bytes: &[u8]) {
        let kind = Kind::ALL[usize::from(tag >> 2 & 3)];
        let mut plain = self.with_ids(bytes);
        if plain.is_empty() || self.ids.len() >= OBJECTS {
            return;
        }
        if kind == Kind::Page {
            let time = decode_snapshot(&plain).map_or(Timestamp::default(), |snapshot| snapshot.time);
            self.snapshots.push(plain.clone());
            plain = page_of(&[PageEntry {
                snapshot: plain,
                times: vec![time],
            }]);
        }
        if tag & NEW_SEGMENT != 0 {
            self.close_segment();
        }
        if tag & NEW_BLOCK != 0 {
            self.close_block();
        }
        let mut id = Id::of(kind, &plain);
        if tag & WRONG_ID != 0 {
            id.0[0] ^= 1;
        }
        // Later objects may name it although it is not stored again.
        if !self.ids.contains(&id) {
            self.block_compressed = tag & COMPRESSED != 0;
            self.block.push(kind, id, &plain);
        }
        self.ids.push(id);
        self.plains.push(plain);
    }

    /// An object once more, as a delta, or a new one.
    fn delta(&mut self, tag: u8, bytes: &[u8]) {
        // Only the directory refuses those of pages.
        let kind = Kind::ALL[usize::from(tag >> 3 & 3) % 3];
        let mut input = Input(bytes);
        let (number, generation) = (usize::from(input.u8()), input.u16().max(1));
        let (base, base_plain) = match self.ids.get(number) {
            Some(id) if tag & DELTA_ALONE == 0 => (*id, self.plains[number].clone()),
            _ => (Id([number as u8; 32]), Vec::new()),
        };
        let (plain, plain_len, frame) = match tag & DELTA_FRAME != 0 {
            true => {
                let plain_len = u32::from(input.u16()).max(1);
                let made = restante_format::delta::decode(input.0, &base_plain, plain_len as usize);
                (made.unwrap_or_default(), plain_len, input.0.to_vec())
            }
            false => {
                let plain = self.with_ids(input.0);
                let frame = crate::laid::frame(&plain, &base_plain);
                (plain.clone(), plain.len() as u32, frame)
            }
        };
        let id = Id::of(kind, &plain);
        if plain_len == 0 || frame.is_empty() || id == base || self.ids.len() >= OBJECTS {
            return;
        }
        // A segment has one copy of an object only.
        if tag & DELTA_NEW_SEGMENT != 0 || self.ids.contains(&id) {
            self.close_segment();
        }
        let delta = Delta {
            base,
            plain_len,
            generation,
        };
        self.block.push_delta(kind, id, &frame, delta);
        self.ids.push(id);
        self.plains.push(plain);
    }

    /// A segment with pages. Each takes four bytes for each of its entries: the number of the snapshot, the first time in seconds
    /// after it was taken, the step, and how many times (the lower half; an entry whose bit 7 is set is the last of its page). With bit 4
    /// of the last byte of the page, that was the last page; what follows says how the contents differ from what they should be.
    fn pages(&mut self, tag: u8, bytes: &[u8]) {
        self.close_segment();
        if tag & RAW != 0 {
            let kind = match tag & CONTENTS {
                0 => Kind::Page,
                _ => Kind::Contents,
            };
            let plain = self.with_ids(bytes);
            if !plain.is_empty() {
                self.block.push(kind, Id::of(kind, &plain), &plain);
            }
            return;
        }
        let mut input = Input(bytes);
        let mut pages: Vec<(Id, Vec<PageEntry>)> = Vec::new();
        let mut entries = Vec::new();
        while !input.0.is_empty() && pages.len() < OBJECTS {
            let (number, first, step, how) = (input.u8(), input.u8(), input.u8(), input.u8());
            let Some(plain) = self.snapshots.get(usize::from(number)).cloned() else {
                break;
            };
            let taken = decode_snapshot(&plain).map_or(0, |snapshot| snapshot.time.secs);
            let time = |n: i64| Timestamp {
                secs: taken
                    .saturating_add(i64::from(first.cast_signed()))
                    .saturating_add(n * (1 + i64::from(step))),
                nanos: n as u32,
            };
            entries.push(PageEntry {
                snapshot: plain,
                times: (0..=i64::from(how & 15)).map(time).collect(),
            });
            if how & 128 != 0 {
                let page = std::mem::take(&mut entries);
                let plain = page_of(&page);
                pages.push((Id::of(Kind::Page, &plain), page));
                if how & 16 != 0 {
                    break;
                }
            }
        }
        let mut known: HashSet<Id> = HashSet::new();
        for (id, page) in &pages {
            if known.insert(*id) {
                self.block.push(Kind::Page, *id, &page_of(page));
            }
        }
        self.close_block();
        self.contents(pages, input);
        self.close_segment();
    }

    /// The contents of pages, with changes: bytes at places. None if the first byte says so.
    fn contents(&mut self, pages: Vec<(Id, Vec<PageEntry>)>, mut input: Input<'_>) {
        let has_none = input.u8() & 1 != 0;
        if has_none || pages.is_empty() {
            return;
        }
        let mut series: BTreeMap<Series, Timestamp> = BTreeMap::new();
        let mut note = |(id, page): (Id, Vec<PageEntry>)| {
            for entry in &page {
                let Ok(snapshot) = decode_snapshot(&entry.snapshot) else {
                    continue;
                };
                for time in &entry.times {
                    let newest = series.entry(snapshot.series()).or_insert(*time);
                    *newest = (*newest).max(*time);
                }
            }
            let times = || page.iter().flat_map(|entry| entry.times.iter().copied());
            PageNote {
                id,
                first: times().min().unwrap_or_default(),
                last: times().max().unwrap_or_default(),
                moments: times().count() as u64,
            }
        };
        let mut pages: Vec<PageNote> = pages.into_iter().map(&mut note).collect();
        pages.sort_by_key(|note| (note.first, note.last));
        let series = series.into_iter().collect();
        let mut plain = Contents { pages, series }.encode();
        while !input.0.is_empty() {
            let (at, change) = (input.u16(), input.u8());
            if let Some(byte) = plain.get_mut(usize::from(at)) {
                *byte ^= change;
            }
        }
        self.block
            .push(Kind::Contents, Id::of(Kind::Contents, &plain), &plain);
    }

    /// Bytes with ids in the place of marks.
    fn with_ids(&self, bytes: &[u8]) -> Vec<u8> {
        let mut plain = bytes.to_vec();
        let mut at = 0;
        while let Some(found) = plain[at..]
            .windows(MARK.len() + 1)
            .position(|w| w.starts_with(MARK))
        {
            at += found;
            if let Some(id) = self.ids.get(usize::from(plain[at + MARK.len()])) {
                plain[at..at + 32].copy_from_slice(&id.0);
            }
            at += 32;
        }
        plain
    }

    fn finish(mut self) -> MemoryStore {
        self.close_segment();
        let config = Config {
            archive: ARCHIVE,
            created: 1_790_000_000,
            chunker: Chunker::default(),
            zstd_level: 3,
        };
        let config = Bytes::from(config.encode());
        self.files.entry(Name::Config).or_insert(config);
        let names: Vec<Name> = self.files.keys().copied().collect();
        for (file, offset, change) in self.damage {
            let name = names[usize::from(file) % names.len()];
            if let Some(bytes) = self.files.get_mut(&name) {
                let mut damaged = bytes.to_vec();
                let len = damaged.len();
                match damaged.get_mut(offset as usize) {
                    Some(byte) => *byte ^= change,
                    None => damaged.truncate(offset as usize % len.max(1)),
                }
                *bytes = damaged.into();
            }
        }
        MemoryStore::from_files(self.files)
    }
}

/// The archive that the records of an input make.
fn build(data: &[u8]) -> MemoryStore {
    let mut builder = Builder {
        files: BTreeMap::new(),
        ids: Vec::new(),
        plains: Vec::new(),
        block: PlainBlock::default(),
        block_compressed: false,
        segment: SegmentWriter::new(ARCHIVE),
        damage: Vec::new(),
        snapshots: Vec::new(),
    };
    let mut input = Input(data);
    while !input.0.is_empty() {
        let (tag, len) = (input.u8(), input.u32());
        let bytes = input.take(len as usize);
        match tag & 3 {
            CONFIG => {
                let mut config = bytes.to_vec();
                if tag & FIX != 0 {
                    fix_config(&mut config);
                }
                builder.files.insert(Name::Config, config.into());
            }
            SEGMENT => {
                let mut segment = bytes.to_vec();
                if tag & FIX != 0 {
                    fix_segment(&mut segment, ARCHIVE, tag & FIX_CONTENTS != 0);
                }
                let seal = segment.last_chunk().copied().unwrap_or_default();
                builder.files.insert(Name::Segment(Id(seal)), segment.into());
            }
            OBJECT => builder.object(tag, bytes),
            _ if tag & PAGES == PAGES => builder.pages(tag, bytes),
            _ if tag & DELTA == DELTA => builder.delta(tag, bytes),
            _ => {
                let mut input = Input(bytes);
                builder.damage.push((input.u8(), input.u32(), input.u8()));
            }
        }
    }
    builder.finish()
}

/// A small archive: opened, verified, listed, walked, read, compared and now and then restored.
pub fn archive(data: &[u8]) {
    let store = build(data);
    let Ok(archive) = Archive::open(Arc::new(store)) else {
        return;
    };
    let progress = Progress::default();
    let verify = |level| {
        let report = archive.verify(level, &progress).expect("damage is no error");
        !report.damaged.is_empty()
    };
    let damaged = verify(VerifyLevel::Full);
    assert!(
        damaged || !verify(VerifyLevel::Quick),
        "the full verification sees what the quick one does"
    );
    if !damaged {
        let index = archive.reader().index();
        for location in index.objects().take(OBJECTS) {
            // Garbage that a prune left when it was interrupted.
            if index.chain(location.clone()).any(|at| at.is_none()) {
                continue;
            }
            let read = archive.reader().get(location.object.kind, location.object.id);
            assert!(read.is_ok(), "a sound archive has all its objects: {read:?}");
        }
    }
    archive.stats();
    look_through(&archive, damaged);
    let mut before: Option<Id> = None;
    let objects = archive.reader().index().object_count();
    for listed in archive.catalog().all() {
        let Snapshot { root, .. } = listed.snapshot;
        let text = listed.id.to_string();
        let selector = Selector {
            connector: None,
            which: Which::Prefix(text.clone()),
            text,
        };
        let resolved = archive.catalog().resolve(&selector).expect("it is listed");
        assert_eq!(resolved.id, listed.id);
        let size = look_at(&archive, &listed, damaged);
        if size.is_some() && blake3::hash(data).as_bytes()[0] < 8 {
            restore(&archive, root, damaged);
        }
        if objects <= COMPARED_OBJECTS
            && let Some(before) = before
        {
            let compared = diff(archive.reader(), before, root, &progress, &mut |_| Ok(()));
            assert!(compared.is_ok() || damaged, "{compared:?}");
        }
        before = Some(root);
    }
}

/// The catalogue: both ways, from anywhere, and by series.
fn look_through(archive: &Archive, damaged: bool) {
    let catalog = archive.catalog();
    let name = |moment: Moment| (moment.time, moment.id());
    let all: Vec<(Timestamp, Id)> = catalog.oldest_first().map(name).collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "F-082");
    assert_eq!(all.len(), catalog.len());
    let backwards: Vec<(Timestamp, Id)> = catalog.newest_first().map(name).collect();
    assert!(all.iter().rev().eq(&backwards), "F-082: the ways do not agree");
    for (time, _) in all.iter().step_by(1 + all.len() / 4) {
        let newer = all.iter().filter(|(of, _)| of >= time).copied();
        assert!(newer.eq(catalog.oldest_first_from(*time).map(name)));
        let older = all.iter().rev().filter(|(of, _)| of <= time).copied();
        assert!(older.eq(catalog.newest_first_from(*time).map(name)));
        let selector = Selector {
            connector: None,
            which: Which::At(*time),
            text: String::new(),
        };
        let at = catalog.resolve(&selector).expect("there is one at this time");
        let newest = all.iter().rev().find(|(of, _)| of <= time).map(|(_, id)| *id);
        assert_eq!(Some(at.id), newest);
    }
    look_for_series(catalog, damaged);
}

/// The newest of each series, from what the contents say and from the pages.
fn look_for_series(catalog: &Catalog, damaged: bool) {
    let mut newest: BTreeMap<Series, Timestamp> = BTreeMap::new();
    for moment in catalog.oldest_first() {
        newest.insert(moment.state.snapshot.series(), moment.time);
    }
    for (series, time) in catalog.series() {
        let found = catalog.newest_of(&series);
        assert!(
            found
                .as_ref()
                .is_none_or(|moment| moment.state.snapshot.is_of(&series))
        );
        let found = found.map(|moment| moment.time);
        // Contents that lie are damage.
        assert!(damaged || found == Some(time), "F-087: {found:?}, {time:?}");
        assert_eq!(found.is_some(), newest.contains_key(&series));
    }
    if !damaged {
        assert_eq!(catalog.series(), newest, "F-087");
    }
}

/// Walks a snapshot; the bytes of its files if it is small enough to be restored.
fn look_at(archive: &Archive, listed: &restante_format::catalog::Listed, damaged: bool) -> Option<u64> {
    let (mut entries, mut bytes, mut read) = (0, 0_u64, 0);
    for walked in walk_tree(archive.reader(), listed.snapshot.root, b"").take(ENTRIES) {
        entries += 1;
        let (path, entry) = match walked {
            Ok(walked) => walked,
            Err(error) => {
                assert!(damaged, "a sound archive can be walked: {error}");
                continue;
            }
        };
        if entries < 20 {
            let located = archive.locate(listed, &path);
            match located {
                Ok(located) => assert_eq!(located, Located::Entry(path, Box::new(entry.clone()))),
                Err(error) => assert!(damaged, "{error}"),
            }
        }
        if let Node::File { size, .. } = entry.node {
            bytes = bytes.saturating_add(size);
            if read < FILES_READ {
                read += 1;
                let result = read_some(archive, &entry);
                assert!(
                    damaged || result.is_ok(),
                    "a sound archive can be read: {result:?}"
                );
            }
        }
    }
    (entries <= RESTORED_ENTRIES && bytes <= RESTORED_BYTES).then_some(bytes)
}

fn read_some(archive: &Archive, entry: &Entry) -> Result<()> {
    let Node::File { size, content } = entry.node else {
        return Ok(());
    };
    let (mut at, mut pieces) = (0, 0);
    let result = read_file(archive.reader(), size, content, &mut |len, bytes| {
        assert!(bytes.is_none_or(|bytes| bytes.len() as u64 == len));
        at += len;
        pieces += 1;
        match at > BYTES_READ || pieces > PIECES_READ {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    });
    match result {
        Err(Error::Interrupted) => Ok(()),
        Ok(()) => {
            assert_eq!(at, size, "F-062");
            Ok(())
        }
        other => other,
    }
}

/// Restores a small snapshot into a folder of a folder: beside it, nothing may appear.
fn restore(archive: &Archive, root: Id, damaged: bool) {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let request = Restore {
        target: outside.path().join("inside"),
        overwrite: Some(Overwrite::Always),
        dry_run: false,
    };
    let restored = archive.restore(&Located::Root(root), &request, &Progress::default());
    assert!(restored.is_ok() || damaged, "{restored:?}");
    let beside = std::fs::read_dir(outside.path()).expect("its own folder").count();
    assert_eq!(beside, 1, "F-110");
}
