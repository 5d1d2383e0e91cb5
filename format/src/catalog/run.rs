//! What one segment says about snapshots: its pages, and what each of them is about.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::moment::{Moment, State};
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::index::IndexedSegment;
use crate::model::{Series, Timestamp};
use crate::segment::ObjectReader;
use crate::store::Name;
use crate::wire::{Contents, PageNote, decode_page};

/// The pages of one segment.
#[derive(Debug)]
pub struct Run {
    /// The segment.
    pub segment: Name,
    /// The pages by time, none beginning before the one in front of it ends.
    pub pages: Vec<PageNote>,
    /// The newest time of each series.
    pub series: Vec<(Series, Timestamp)>,
    /// Where that was read, unless it was found in the pages.
    pub contents: Option<Id>,
}

/// A page that was read.
#[derive(Debug)]
pub(super) struct Page {
    /// By time; at equal times by id.
    pub(super) moments: Vec<Moment>,
}

impl Page {
    /// Reads a page.
    pub(super) fn load(reader: &ObjectReader, id: Id) -> Result<Self> {
        let bytes = reader.get(Kind::Page, id)?;
        let kind = Kind::Page;
        Self::decode(&bytes).map_err(|flaw| Error::Invalid { kind, id, flaw })
    }

    fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut moments = Vec::new();
        for entry in decode_page(bytes)? {
            let state = Arc::new(State::decode(entry.snapshot.into())?);
            moments.extend(entry.times.into_iter().map(|time| Moment {
                time,
                state: Arc::clone(&state),
            }));
        }
        moments.sort_by(Moment::order);
        Ok(Self { moments })
    }

    /// What it is about.
    fn note(&self, id: Id) -> Option<PageNote> {
        Some(PageNote {
            id,
            first: self.moments.first()?.time,
            last: self.moments.last()?.time,
            moments: self.moments.len() as u64,
        })
    }

    /// Whether it is what its segment's contents say.
    pub(super) fn fits(&self, note: &PageNote) -> bool {
        self.note(note.id).as_ref() == Some(note)
    }
}

/// The newest time of each series among moments.
pub(super) fn series_of<M: Borrow<Moment>>(moments: impl Iterator<Item = M>) -> Vec<(Series, Timestamp)> {
    // Most moments are of a state that was met before.
    let mut by_state: HashMap<Id, (Series, Timestamp)> = HashMap::new();
    for moment in moments {
        let Moment { time, state } = moment.borrow();
        let known = by_state.entry(state.id);
        let (_, newest) = known.or_insert_with(|| (state.snapshot.series(), *time));
        *newest = (*newest).max(*time);
    }
    let mut by_series: BTreeMap<Series, Timestamp> = BTreeMap::new();
    for (series, time) in by_state.into_values() {
        let newest = by_series.entry(series).or_insert(time);
        *newest = (*newest).max(time);
    }
    by_series.into_iter().collect()
}

/// The contents of a segment with these pages.
fn contents_of(reader: &ObjectReader, id: Id, pages: &BTreeSet<Id>) -> Result<Contents> {
    let bytes = reader.get(Kind::Contents, id)?;
    let contents = Contents::decode(&bytes).map_err(|flaw| unfit(id, flaw))?;
    let told: BTreeSet<Id> = contents.pages.iter().map(|note| note.id).collect();
    match told == *pages {
        true => Ok(contents),
        false => Err(unfit(
            id,
            Flaw::new("contents", "pages", "are not those of the segment"),
        )),
    }
}

fn unfit(id: Id, flaw: Flaw) -> Error {
    let kind = Kind::Contents;
    Error::Invalid { kind, id, flaw }
}

/// What a segment says about snapshots.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Nothing, if it has no pages. Pages without contents are runs of their own.
    pub(super) runs: Vec<Run>,
    /// The pages that were read for it.
    pub(super) pages: Vec<(Id, Arc<Page>)>,
    /// What could not be read.
    pub(super) errors: Vec<Error>,
}

impl Found {
    /// Looks at a segment.
    pub(super) fn in_segment(reader: &ObjectReader, segment: &IndexedSegment) -> Self {
        let of_kind = |kind: Kind| {
            let objects = segment.directory.objects.iter();
            objects
                .filter(move |object| object.kind == kind)
                .map(|object| object.id)
        };
        let pages: BTreeSet<Id> = of_kind(Kind::Page).collect();
        let mut found = Self::default();
        if pages.is_empty() {
            return found;
        }
        let contents: Vec<Id> = of_kind(Kind::Contents).collect();
        if let Some(id) = contents.first() {
            let read = match contents.len() {
                1 => contents_of(reader, *id, &pages),
                _ => Err(unfit(
                    *id,
                    Flaw::new("contents", "object", "is not the only one of its segment"),
                )),
            };
            match read {
                Ok(contents) => {
                    found.runs.push(Run {
                        segment: segment.name,
                        pages: contents.pages,
                        series: contents.series,
                        contents: Some(*id),
                    });
                    return found;
                }
                // The pages say everything themselves.
                Err(error) => found.errors.push(error),
            }
        }
        for id in pages {
            match Page::load(reader, id) {
                Ok(page) => {
                    found.runs.extend(page.note(id).map(|note| Run {
                        segment: segment.name,
                        pages: vec![note],
                        series: series_of(page.moments.iter()),
                        contents: None,
                    }));
                    found.pages.push((id, Arc::new(page)));
                }
                Err(error) => found.errors.push(error),
            }
        }
        found
    }
}
