//! The last rows, from the newest snapshot on.

use restante_format::archive::{Tracks, Turn};
use restante_format::catalog::{Catalog, Moment};

use super::{Row, Wanted};

/// The last `number` rows, oldest first. No more snapshots are looked at than it takes to know them.
pub(in crate::command) fn newest(catalog: &Catalog, wanted: &Wanted, number: usize) -> Vec<Row> {
    let mut rows = Backwards {
        wanted,
        number,
        places: Vec::new(),
        judged: 0,
        found: 0,
        end: (number == 0).then_some(0),
        lines: Vec::new(),
    };
    let mut tracks = Tracks::default();
    let all = wanted.all();
    for moment in all.newest_first(catalog) {
        let is_before = wanted.scope.since.is_some_and(|since| moment.time < since);
        if rows.is_done(is_before) {
            break;
        }
        let (series, turn) = tracks.follow(&moment);
        if series == rows.lines.len() {
            rows.lines.push(Line::default());
        }
        rows.take(series, moment, &turn, is_before);
    }
    rows.finish()
}

/// Rows from the newest on. Whether a snapshot is a tick, the one before it says, which comes later.
struct Backwards<'w> {
    wanted: &'w Wanted,
    number: usize,
    /// By the times of their last snapshots, the newest first.
    places: Vec<Place>,
    /// How many of the first places are known.
    judged: usize,
    /// How many of these are rows.
    found: usize,
    /// The place behind the last row that is wanted.
    end: Option<usize>,
    lines: Vec<Line>,
}

enum Place {
    /// For a snapshot of which it is not known whether it begins a row.
    Waiting,
    /// It belongs to another row.
    Empty,
    Row(Row),
}

/// What is known of a series.
#[derive(Default)]
struct Line {
    waiting: Option<(Moment, Option<usize>)>,
    /// The place of the run that older ticks belong to.
    run: Option<usize>,
}

impl Backwards<'_> {
    /// Whether older snapshots make no difference: those before the wanted time only say which of the others are ticks.
    fn is_done(&self, is_before: bool) -> bool {
        // It may begin a row, or be the oldest of one.
        let is_waited_for = |line: &Line| {
            let waiting = line.waiting.as_ref();
            waiting.is_some_and(|(_, place)| place.is_some() || line.run.is_some())
        };
        if is_before {
            return !self.lines.iter().any(is_waited_for);
        }
        self.end.is_some() && !self.lines.iter().any(|line| line.run.is_some())
    }

    fn take(&mut self, series: usize, moment: Moment, turn: &Turn, is_before: bool) {
        let root = moment.state.snapshot.root;
        let is_same = match turn {
            Turn::First => false,
            Turn::Same => true,
            Turn::Other(newer) => newer.snapshot.root == root,
        };
        self.judge(series, is_same);
        if is_before {
            return;
        }
        if self.wanted.takes(&moment) {
            let place = self.end.is_none().then(|| {
                self.places.push(Place::Waiting);
                self.places.len() - 1
            });
            let known = match moment.state.snapshot.parent {
                _ if moment.is_tick() => Some(true),
                None => Some(false),
                Some(_) => None,
            };
            self.lines[series].waiting = Some((moment, place));
            if let Some(tick) = known {
                self.judge(series, tick);
            }
        }
    }

    /// Says of the snapshot that waits in a series whether it is a tick.
    fn judge(&mut self, series: usize, tick: bool) {
        let Some((moment, place)) = self.lines[series].waiting.take() else {
            return;
        };
        let run = self.lines[series].run.and_then(|run| self.places.get_mut(run));
        let joined = match run {
            Some(Place::Row(run)) if tick && run.goes_on_with(&moment) => {
                (run.first_time, run.count) = (moment.time, run.count + 1);
                true
            }
            _ => false,
        };
        if joined {
            if let Some(place) = place {
                self.places[place] = Place::Empty;
            }
        } else {
            self.lines[series].run = place.filter(|_| tick && !self.wanted.all);
            if let Some(place) = place {
                self.places[place] = Place::Row(Row::new(moment, tick));
            }
        }
        self.count();
    }

    /// Looks whether enough is known.
    fn count(&mut self) {
        while self.end.is_none() {
            match self.places.get(self.judged) {
                None | Some(Place::Waiting) => return,
                Some(Place::Empty) => {}
                Some(Place::Row(_)) => self.found += 1,
            }
            self.judged += 1;
            if self.found == self.number {
                self.end = Some(self.judged);
                self.forget(self.judged);
            }
        }
    }

    /// Takes out what comes behind the last row.
    fn forget(&mut self, end: usize) {
        self.places.truncate(end);
        for line in &mut self.lines {
            line.run = line.run.filter(|run| *run < end);
            if let Some((_, place)) = &mut line.waiting {
                *place = place.filter(|place| *place < end);
            }
        }
    }

    fn finish(mut self) -> Vec<Row> {
        for series in 0..self.lines.len() {
            self.judge(series, false);
        }
        let row = |place| match place {
            Place::Row(row) => Some(row),
            Place::Waiting | Place::Empty => None,
        };
        let mut rows: Vec<Row> = self
            .places
            .into_iter()
            .filter_map(row)
            .take(self.number)
            .collect();
        rows.reverse();
        rows
    }
}
