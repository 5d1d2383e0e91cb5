//! Moments into a segment of the catalogue: pages, and their contents.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::moment::{Moment, State};
use super::run::series_of;
use crate::error::Error;
use crate::id::{Id, Kind};
use crate::model::{Series, Timestamp};
use crate::segment::{PlainBlock, SealedSegment, SegmentWriter, StoredBlock};
use crate::wire::{ArchiveId, Contents, PageEntry, PageNote, encode_page};

/// A page has about so many moments, or states of so many bytes.
const MOMENTS: usize = 4096;
const STATE_BYTES: usize = 256 << 10;
/// A segment is full with so many bytes.
const SEGMENT_BYTES: usize = 16 << 20;
/// Contents are about so long at most: they are read whole whenever an archive is opened. Pages can do without.
const CONTENTS_BYTES: usize = 4 << 20;
/// What a page or a series takes in them beside its names, about.
const ENTRY_BYTES: usize = 64;
/// Pages are small, and kept for years.
const ZSTD_LEVEL: i32 = 12;

/// Puts moments, which come in the order of time, into a segment.
#[derive(Debug)]
pub struct Packer {
    archive: ArchiveId,
    blocks: Vec<StoredBlock>,
    bytes: usize,
    open: OpenPage,
    pages: Vec<PageNote>,
    series: BTreeMap<Series, Timestamp>,
    contents_bytes: usize,
}

/// The segment that makes one snapshot known: a page of its own. Its length depends on that of the snapshot only.
pub fn commit_segment(archive: ArchiveId, snapshot: &[u8], time: Timestamp) -> SealedSegment {
    let entry = PageEntry {
        snapshot: snapshot.to_vec(),
        times: vec![time],
    };
    let plain = encode_page(&[entry]).expect("one time is not far from itself");
    let mut block = PlainBlock::default();
    block.push(Kind::Page, Id::of(Kind::Page, &plain), &plain);
    let mut segment = SegmentWriter::small(archive);
    segment.push(block.store_raw());
    segment.seal()
}

#[derive(Debug, Default)]
struct OpenPage {
    states: Vec<(Arc<State>, Vec<Timestamp>)>,
    places: HashMap<Id, usize>,
    state_bytes: usize,
    moments: Vec<Moment>,
}

impl OpenPage {
    fn add(&mut self, moment: Moment) {
        let states = &mut self.states;
        let at = *self.places.entry(moment.state.id).or_insert_with(|| {
            self.state_bytes += moment.state.plain.len();
            states.push((Arc::clone(&moment.state), Vec::new()));
            states.len() - 1
        });
        self.states[at].1.push(moment.time);
        self.moments.push(moment);
    }

    /// Whether it should be closed before this moment: it is full, or the times are too far apart for one page.
    fn is_full_for(&self, moment: &Moment) -> bool {
        const CENTURY: i128 = 100 * 366 * 86_400 * 1_000_000_000;
        let Some(first) = self.moments.first() else {
            return false;
        };
        let is_new = !self.places.contains_key(&moment.state.id);
        self.moments.len() >= MOMENTS
            || (is_new && self.state_bytes + moment.state.plain.len() > STATE_BYTES)
            || moment.time.as_nanos() - first.time.as_nanos() > CENTURY
    }
}

impl Packer {
    /// An empty segment of an archive.
    pub fn new(archive: ArchiveId) -> Self {
        Self {
            archive,
            blocks: Vec::new(),
            bytes: 0,
            open: OpenPage::default(),
            pages: Vec::new(),
            series: BTreeMap::new(),
            contents_bytes: 0,
        }
    }

    /// Adds a moment that is not older than the one before.
    pub fn add(&mut self, moment: Moment) -> Result<(), Error> {
        if self.open.is_full_for(&moment) {
            self.close_page()?;
        }
        self.open.add(moment);
        Ok(())
    }

    /// Whether it is time for another segment, before this moment.
    pub fn is_full_for(&self, moment: &Moment) -> bool {
        // What a series is called is part of its states.
        let to_come = self.open.state_bytes + moment.state.plain.len();
        let is_empty = self.pages.is_empty() && self.open.moments.is_empty();
        self.bytes >= SEGMENT_BYTES || (!is_empty && self.contents_bytes + to_come > CONTENTS_BYTES)
    }

    fn push(&mut self, block: StoredBlock) {
        self.bytes += block.stored_len();
        self.blocks.push(block);
    }

    fn close_page(&mut self) -> Result<(), Error> {
        let page = std::mem::take(&mut self.open);
        let (Some(first), Some(last)) = (page.moments.first(), page.moments.last()) else {
            return Ok(());
        };
        let entry = |(state, times): (Arc<State>, Vec<Timestamp>)| PageEntry {
            snapshot: state.plain.to_vec(),
            times,
        };
        let entries: Vec<PageEntry> = page.states.into_iter().map(entry).collect();
        let plain = encode_page(&entries).ok_or_else(|| {
            Error::Request("the times of the snapshots lie too far apart for a page".into())
        })?;
        let id = Id::of(Kind::Page, &plain);
        self.pages.push(PageNote {
            id,
            first: first.time,
            last: last.time,
            moments: page.moments.len() as u64,
        });
        self.contents_bytes += ENTRY_BYTES;
        for (series, newest) in series_of(page.moments.iter()) {
            self.note_series(series, newest);
        }
        let mut block = PlainBlock::default();
        block.push(Kind::Page, id, &plain);
        self.push(block.store(ZSTD_LEVEL));
        Ok(())
    }

    fn note_series(&mut self, series: Series, newest: Timestamp) {
        let names = series.paths.iter().map(Vec::len).sum::<usize>() + series.host.len();
        match self.series.entry(series) {
            Entry::Occupied(mut known) => *known.get_mut() = newest.max(*known.get()),
            Entry::Vacant(new) => {
                self.contents_bytes +=
                    ENTRY_BYTES + names + new.key().connector.as_ref().map_or(0, String::len);
                new.insert(newest);
            }
        }
    }

    /// The segment; `None` if there is no moment in it.
    pub fn finish(self) -> Result<Option<SealedSegment>, Error> {
        let mut segment = SegmentWriter::small(self.archive);
        self.into_blocks()?
            .into_iter()
            .for_each(|block| segment.push(block));
        Ok((!segment.is_empty()).then(|| segment.seal()))
    }

    /// The blocks of the segment, for one that holds more than a catalogue; none if there is no moment.
    pub fn into_blocks(mut self) -> Result<Vec<StoredBlock>, Error> {
        self.close_page()?;
        if !self.pages.is_empty() && self.contents_bytes <= CONTENTS_BYTES {
            let contents = Contents {
                pages: std::mem::take(&mut self.pages),
                series: std::mem::take(&mut self.series).into_iter().collect(),
            };
            let plain = contents.encode();
            let mut block = PlainBlock::default();
            block.push(Kind::Contents, Id::of(Kind::Contents, &plain), &plain);
            self.push(block.store(ZSTD_LEVEL));
        }
        Ok(self.blocks)
    }
}
