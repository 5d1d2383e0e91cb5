//! All moments in order, out of runs that each are in order; pages are read when their time has come.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::Catalog;
use super::moment::Moment;
use super::run::{Page, Run};
use crate::id::Id;
use crate::model::Timestamp;

/// The way through time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    NewestFirst,
    OldestFirst,
}

/// Moments in the order of their times, or against it; each once, in however many runs it is.
pub struct Walk<'c> {
    catalog: &'c Catalog,
    way: Way,
    /// No moment beyond it: behind it in time on the way to older ones, before it on the other.
    start: Option<Timestamp>,
    heads: BinaryHeap<Head>,
    last: Option<Moment>,
    /// How often it may still begin anew because somebody merged what it was reading.
    restarts: u32,
}

/// Merges are far slower than the reading of a page.
const RESTARTS: u32 = 100;

/// Where a run goes on.
struct Head {
    way: Way,
    run: Arc<Run>,
    /// The page of the run.
    page: usize,
    next: Next,
}

enum Next {
    /// The page was not read yet; nothing in it comes before this time.
    Unread(Timestamp),
    /// The moment, the page, and the place in it.
    Moment(Moment, Arc<Page>, usize),
}

impl<'c> Walk<'c> {
    pub(super) fn new(catalog: &'c Catalog, runs: Vec<Arc<Run>>, way: Way, start: Option<Timestamp>) -> Self {
        let mut walk = Self {
            catalog,
            way,
            start,
            heads: BinaryHeap::new(),
            last: None,
            restarts: RESTARTS,
        };
        walk.add_runs(runs);
        walk
    }

    fn add_runs(&mut self, runs: Vec<Arc<Run>>) {
        for run in runs {
            let page = match (self.way, self.start) {
                (Way::NewestFirst, None) => run.pages.len().checked_sub(1),
                (Way::NewestFirst, Some(start)) => run
                    .pages
                    .partition_point(|note| note.first <= start)
                    .checked_sub(1),
                (Way::OldestFirst, None) => Some(0),
                (Way::OldestFirst, Some(start)) => Some(run.pages.partition_point(|note| note.last < start)),
            };
            if let Some(page) = page {
                self.add_page(run, page);
            }
        }
    }

    /// Goes on with what there is now, from where it was: a page is gone because somebody merged it. False if
    /// nothing has changed.
    fn restart(&mut self, page: Id) -> bool {
        let has_gone = self.restarts > 0
            && self.catalog.refresh().is_ok()
            && !self
                .catalog
                .runs()
                .iter()
                .any(|run| run.pages.iter().any(|note| note.id == page));
        if has_gone {
            self.restarts -= 1;
            self.heads.clear();
            self.start = self.last.as_ref().map_or(self.start, |last| Some(last.time));
            self.add_runs(self.catalog.runs());
        }
        has_gone
    }

    /// Whether a moment comes behind the last one on the way.
    fn is_next(&self, moment: &Moment) -> bool {
        self.last.as_ref().is_none_or(|last| match self.way {
            Way::NewestFirst => moment.order(last).is_lt(),
            Way::OldestFirst => moment.order(last).is_gt(),
        })
    }

    fn add_page(&mut self, run: Arc<Run>, page: usize) {
        let Some(note) = run.pages.get(page) else { return };
        let time = match self.way {
            Way::NewestFirst => self.start.map_or(note.last, |start| start.min(note.last)),
            Way::OldestFirst => self.start.map_or(note.first, |start| start.max(note.first)),
        };
        self.heads.push(Head {
            way: self.way,
            run,
            page,
            next: Next::Unread(time),
        });
    }

    fn add_page_behind(&mut self, run: Arc<Run>, page: usize) {
        match self.way {
            Way::NewestFirst if page > 0 => self.add_page(run, page - 1),
            Way::NewestFirst => {}
            Way::OldestFirst => self.add_page(run, page + 1),
        }
    }

    /// Reads the page of a head and puts its first moment on the way into its place.
    fn read(&mut self, run: Arc<Run>, page: usize) {
        let Some(note) = run.pages.get(page) else { return };
        let loaded = match self.catalog.page(note) {
            Ok(loaded) => loaded,
            Err(error) => {
                if !self.restart(note.id) {
                    self.catalog.note(error);
                    self.add_page_behind(run, page);
                }
                return;
            }
        };
        // Behind it there may be moments of its last time, whose ids come before those in it: the page behind waits beside it.
        self.add_page_behind(Arc::clone(&run), page);
        let moments = &loaded.moments;
        let first = match (self.way, self.start) {
            (Way::NewestFirst, Some(start)) => moments
                .partition_point(|moment| moment.time <= start)
                .checked_sub(1),
            (Way::NewestFirst, None) => moments.len().checked_sub(1),
            (Way::OldestFirst, Some(start)) => Some(moments.partition_point(|moment| moment.time < start)),
            (Way::OldestFirst, None) => Some(0),
        };
        if let Some(at) = first {
            self.add_moment(run, page, loaded, at);
        }
    }

    fn add_moment(&mut self, run: Arc<Run>, page: usize, loaded: Arc<Page>, at: usize) {
        if let Some(moment) = loaded.moments.get(at).cloned() {
            self.heads.push(Head {
                way: self.way,
                run,
                page,
                next: Next::Moment(moment, loaded, at),
            });
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        loop {
            let Head { run, page, next, .. } = self.heads.pop()?;
            let (moment, loaded, at) = match next {
                Next::Unread(_) => {
                    self.read(run, page);
                    continue;
                }
                Next::Moment(moment, loaded, at) => (moment, loaded, at),
            };
            match self.way {
                Way::OldestFirst => self.add_moment(run, page, loaded, at + 1),
                Way::NewestFirst if at > 0 => self.add_moment(run, page, loaded, at - 1),
                Way::NewestFirst => {}
            }
            if !self.is_next(&moment) {
                continue;
            }
            self.last = Some(moment.clone());
            return Some(moment);
        }
    }
}

impl Head {
    fn time(&self) -> Timestamp {
        match &self.next {
            Next::Unread(time) => *time,
            Next::Moment(moment, ..) => moment.time,
        }
    }
}

/// The greatest is the one whose turn it is.
impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let forwards = self
            .time()
            .cmp(&other.time())
            .then_with(|| match (&self.next, &other.next) {
                (Next::Moment(one, ..), Next::Moment(another, ..)) => one.order(another),
                _ => Ordering::Equal,
            });
        let by_turn = match self.way {
            Way::NewestFirst => forwards,
            Way::OldestFirst => forwards.reverse(),
        };
        // What is unread may hold what comes before a moment of the same time.
        let is_unread = |head: &Self| matches!(head.next, Next::Unread(_));
        by_turn.then_with(|| is_unread(self).cmp(&is_unread(other)))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}
