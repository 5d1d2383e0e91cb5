//! The snapshots of an archive, ordered by time.

mod moment;
mod pack;
mod run;
mod walk;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub use moment::{Listed, Moment, State};
pub use pack::{Packer, commit_segment};
pub use run::Run;
pub use walk::Walk;

use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::model::{Series, Timestamp};
use crate::segment::ObjectReader;
use crate::store::Name;
use crate::wire::PageNote;
use run::{Found, Page, series_of};
use walk::Way;

/// How many pages are kept in memory for whoever needs them next.
const KEPT_PAGES: usize = 32;

/// How a snapshot is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest, or the one so many before it.
    Latest {
        /// 0 for the newest.
        back: usize,
    },
    /// The one whose id begins with these hexadecimal digits.
    Prefix(String),
    /// The newest at or before a time.
    At(Timestamp),
}

/// A name for a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Only snapshots of this connector count.
    pub connector: Option<String>,
    /// Which of them.
    pub which: Which,
    /// The name as it was given, for messages.
    pub text: String,
}

/// All snapshots, found by search: pages are read when they are needed.
#[derive(Debug)]
pub struct Catalog {
    reader: Arc<ObjectReader>,
    /// By segment; of those without snapshots it is known that they have none.
    runs: RwLock<BTreeMap<Name, Vec<Arc<Run>>>>,
    /// The pages that were read last, the newest last.
    pages: Mutex<VecDeque<(Id, Arc<Page>)>>,
    damage: Mutex<Vec<Arc<Error>>>,
}

impl Catalog {
    /// What the reader's segments say about snapshots.
    pub fn new(reader: Arc<ObjectReader>) -> Self {
        let catalog = Self {
            reader,
            runs: RwLock::default(),
            pages: Mutex::default(),
            damage: Mutex::default(),
        };
        catalog.follow();
        catalog
    }

    /// Looks again at what there is: others write, merge and forget. What could not be opened is the answer.
    pub fn refresh(&self) -> Result<Vec<Error>> {
        let damage = self.reader.refresh()?;
        self.follow();
        Ok(damage)
    }

    /// Takes over what the reader's index has learnt.
    pub fn follow(&self) {
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        loop {
            let index = self.reader.index();
            // Segments with pages have no table.
            runs.retain(|segment, found| {
                index.is_uncovered(*segment) || (!found.is_empty() && index.knows(*segment))
            });
            for segment in index.uncovered() {
                if runs.contains_key(&segment.name) {
                    continue;
                }
                let found = Found::in_segment(&self.reader, segment);
                // Reading shows what was merged meanwhile.
                if !found.errors.is_empty() && !self.reader.index().knows(segment.name) {
                    continue;
                }
                runs.insert(segment.name, found.runs.into_iter().map(Arc::new).collect());
                found.pages.into_iter().for_each(|(id, page)| self.keep(id, page));
                found.errors.into_iter().for_each(|error| self.note(error));
            }
            if Arc::ptr_eq(&index, &self.reader.index()) {
                return;
            }
        }
    }

    /// What the segments say, each for itself.
    pub fn runs(&self) -> Vec<Arc<Run>> {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        runs.values().flatten().cloned().collect()
    }

    /// How many moments a segment says that it has.
    pub fn moments_in(&self, segment: Name) -> u64 {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        let runs = runs.get(&segment).into_iter().flatten();
        let notes = runs.flat_map(|run| &run.pages);
        notes.fold(0, |sum, note| sum.saturating_add(note.moments))
    }

    /// Pages that could not be read so far: their snapshots are missing everywhere.
    pub fn damage(&self) -> Vec<Arc<Error>> {
        guard(&self.damage).clone()
    }

    /// The newest first.
    pub fn newest_first(&self) -> Walk<'_> {
        self.walk(Way::NewestFirst, None)
    }

    /// The newest at or before a time, and all older ones.
    pub fn newest_first_from(&self, time: Timestamp) -> Walk<'_> {
        self.walk(Way::NewestFirst, Some(time))
    }

    /// The oldest first.
    pub fn oldest_first(&self) -> Walk<'_> {
        self.walk(Way::OldestFirst, None)
    }

    /// The oldest at or behind a time, and all newer ones.
    pub fn oldest_first_from(&self, time: Timestamp) -> Walk<'_> {
        self.walk(Way::OldestFirst, Some(time))
    }

    /// The moments of some runs, the oldest first.
    pub fn moments_of(&self, runs: &[Arc<Run>]) -> Walk<'_> {
        Walk::new(self, runs.to_vec(), Way::OldestFirst, None)
    }

    fn walk(&self, way: Way, start: Option<Timestamp>) -> Walk<'_> {
        Walk::new(self, self.runs(), way, start)
    }

    /// All snapshots, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = Listed> {
        self.oldest_first().map(|moment| moment.listed())
    }

    /// Whether there is no snapshot.
    pub fn is_empty(&self) -> bool {
        self.newest_first().next().is_none()
    }

    /// The number of snapshots.
    pub fn len(&self) -> usize {
        self.oldest_first().count()
    }

    /// The snapshot with an id. All are looked at.
    pub fn get(&self, id: &Id) -> Option<Listed> {
        let found = self.newest_first().find(|moment| moment.id() == *id);
        found.map(|moment| moment.listed())
    }

    /// All series and the newest time of each, as the segments say: no page is read for it.
    pub fn series(&self) -> BTreeMap<Series, Timestamp> {
        let mut newest = BTreeMap::new();
        for run in self.runs() {
            for (series, time) in &run.series {
                let known = newest.entry(series.clone()).or_insert(*time);
                *known = (*known).max(*time);
            }
        }
        newest
    }

    /// What the segments say about their series although it is not so: every page is read for it. Where pages cannot be
    /// read, nobody can tell.
    pub fn unfit_contents(&self) -> Vec<Error> {
        let sorted = |mut series: Vec<(Series, Timestamp)>| {
            series.sort();
            series
        };
        let mut unfit = Vec::new();
        for run in self.runs() {
            let Some(id) = run.contents else { continue };
            let is_readable = run.pages.iter().all(|note| self.page(note).is_ok());
            let moments = self.moments_of(std::slice::from_ref(&run));
            if is_readable && sorted(series_of(moments)) != sorted(run.series.clone()) {
                unfit.push(Error::Invalid {
                    kind: Kind::Contents,
                    id,
                    flaw: Flaw::new("contents", "series", "are not those of the pages"),
                });
            }
        }
        unfit
    }

    /// Whether there is a snapshot of this connector.
    pub fn has_connector(&self, name: &str) -> bool {
        let series = self.series();
        series
            .keys()
            .any(|series| series.connector.as_deref() == Some(name))
    }

    /// The newest moment of a series.
    pub fn newest_of(&self, series: &Series) -> Option<Moment> {
        let newest = |run: &Arc<Run>| {
            let known = run.series.iter().find(|(of, _)| of == series);
            Some((Arc::clone(run), known?.1))
        };
        let known: Vec<(Arc<Run>, Timestamp)> = self.runs().iter().filter_map(newest).collect();
        let time = known.iter().map(|(_, time)| *time).max()?;
        let runs = known.into_iter().filter(|(_, of)| *of == time);
        let runs = runs.map(|(run, _)| run).collect();
        let mut moments = Walk::new(self, runs, Way::NewestFirst, Some(time));
        let found = moments.find(|moment| moment.state.snapshot.is_of(series));
        // Contents that say more than the pages hold make nobody believe that there is nothing.
        found.or_else(|| {
            let mut all = self.newest_first();
            all.find(|moment| moment.state.snapshot.is_of(series))
        })
    }

    /// The newest moment of a series before a time. Only what names the series is read.
    pub fn newest_of_before(&self, series: &Series, time: Timestamp) -> Option<Moment> {
        let start = Timestamp::from_nanos(time.as_nanos() - 1)?;
        let mut runs = self.runs();
        runs.retain(|run| run.series.iter().any(|(of, _)| of == series));
        let mut moments = Walk::new(self, runs, Way::NewestFirst, Some(start));
        moments.find(|moment| moment.state.snapshot.is_of(series))
    }

    /// The snapshot that a name means.
    pub fn resolve(&self, selector: &Selector) -> Result<Listed> {
        let is_wanted = |moment: &Moment| match &selector.connector {
            Some(name) => moment.state.snapshot.connector.as_deref() == Some(name),
            None => true,
        };
        let unknown = || Error::UnknownSnapshot {
            name: selector.text.clone(),
            count: self.len(),
        };
        let found = match &selector.which {
            Which::Latest { back } => self.newest_first().filter(is_wanted).nth(*back),
            Which::At(time) => self.newest_first_from(*time).find(is_wanted),
            Which::Prefix(digits) => {
                let digits = digits.to_lowercase();
                let is_meant = |moment: &Moment| moment.id().to_string().starts_with(&digits);
                let mut found = self.newest_first().filter(is_wanted).filter(is_meant);
                let first = found.next();
                let others = found.count();
                if others > 0 {
                    return Err(Error::AmbiguousSnapshot {
                        name: selector.text.clone(),
                        count: others + 1,
                    });
                }
                first
            }
        };
        found.map(|moment| moment.listed()).ok_or_else(unknown)
    }

    /// A page, from memory or from the archive.
    fn page(&self, note: &PageNote) -> Result<Arc<Page>> {
        let kept = guard(&self.pages).iter().find(|(id, _)| *id == note.id).cloned();
        if let Some((_, page)) = kept {
            return Ok(page);
        }
        let page = Page::load(&self.reader, note.id)?;
        if !page.fits(note) {
            return Err(Error::Invalid {
                kind: Kind::Page,
                id: note.id,
                flaw: Flaw::new("page", "times", "are not those that the contents say"),
            });
        }
        let page = Arc::new(page);
        self.keep(note.id, Arc::clone(&page));
        Ok(page)
    }

    fn keep(&self, id: Id, page: Arc<Page>) {
        let mut pages = guard(&self.pages);
        pages.push_back((id, page));
        while pages.len() > KEPT_PAGES {
            pages.pop_front();
        }
    }

    fn note(&self, error: Error) {
        let mut damage = guard(&self.damage);
        let is_known = |known: &Arc<Error>| known.to_string() == error.to_string();
        if !damage.iter().any(is_known) {
            damage.push(Arc::new(error));
        }
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
