//! The rows of `snapshots`: runs without any change are one.

use std::collections::BTreeMap;

use restante_format::archive::{Scope, Ticks, Tracks, Turn};
use restante_format::catalog::{Catalog, Moment};
use restante_format::model::{Series, Timestamp};

use crate::failure::Result;

/// A snapshot, or a run of ticks of one source without anything else of it in between.
pub(super) struct Row {
    /// The last of the run.
    pub(super) last: Moment,
    pub(super) first_time: Timestamp,
    pub(super) count: u64,
    pub(super) tick: bool,
}

impl Row {
    fn new(moment: Moment, tick: bool) -> Self {
        Self {
            first_time: moment.time,
            last: moment,
            count: 1,
            tick,
        }
    }

    /// Whether a tick of the same series belongs to the run.
    fn goes_on_with(&self, moment: &Moment) -> bool {
        self.tick && self.last.state.snapshot.tags == moment.state.snapshot.tags
    }
}

/// Which rows there are.
pub(super) struct Wanted {
    pub(super) scope: Scope,
    pub(super) tag: Option<String>,
    /// Each snapshot has a row of its own.
    pub(super) all: bool,
}

impl Wanted {
    fn takes(&self, moment: &Moment) -> bool {
        let tags = &moment.state.snapshot.tags;
        self.tag.as_ref().is_none_or(|tag| tags.contains(tag))
    }
}

/// Hands all rows to `found`, in the order of their last snapshots. Few of them are held meanwhile.
pub(super) fn oldest_first(
    catalog: &Catalog,
    wanted: &Wanted,
    found: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<()> {
    let mut ticks = Ticks::new(catalog, wanted.scope.since);
    let mut rows = Sorted::new(catalog);
    for moment in wanted.scope.oldest_first(catalog) {
        let (series, tick) = ticks.judge(&moment);
        if series == rows.open.len() {
            rows.add_series(&moment.state.snapshot.series());
        }
        if !wanted.takes(&moment) {
            continue;
        }
        match wanted.all {
            true => found(Row::new(moment, tick))?,
            false => rows.take(series, moment, tick, found)?,
        }
    }
    rows.finish(found)
}

/// Brings the rows of several series, of which each ends some time, into one order.
struct Sorted<'c> {
    catalog: &'c Catalog,
    /// The run of each series that may still go on, with its number.
    open: Vec<Option<(usize, Row)>>,
    /// The newest times of the series: no run goes on behind them.
    ends: Vec<Option<Timestamp>>,
    /// Rows that are complete, by time; those of one time in the order in which they began.
    closed: BTreeMap<(Timestamp, usize), Row>,
    /// How many may be closed before it is worth while to look which can go.
    enough: usize,
    number: usize,
}

/// How many rows are held in any case.
const HELD: usize = 1024;

impl<'c> Sorted<'c> {
    fn new(catalog: &'c Catalog) -> Self {
        Self {
            catalog,
            open: Vec::new(),
            ends: Vec::new(),
            closed: BTreeMap::new(),
            enough: HELD,
            number: 0,
        }
    }

    fn add_series(&mut self, series: &Series) {
        self.open.push(None);
        self.ends.push(self.catalog.series().get(series).copied());
    }

    fn take(
        &mut self,
        series: usize,
        moment: Moment,
        tick: bool,
        found: &mut dyn FnMut(Row) -> Result<()>,
    ) -> Result<()> {
        let time = moment.time;
        match &mut self.open[series] {
            Some((_, run)) if tick && run.goes_on_with(&moment) => {
                (run.last, run.count) = (moment, run.count + 1);
            }
            open => {
                let ended = open.replace((self.number, Row::new(moment, tick)));
                self.number += 1;
                self.close(ended);
            }
        }
        let is_over = !tick || self.ends[series].is_none_or(|end| end <= time);
        if is_over {
            let ended = self.open[series].take();
            self.close(ended);
        }
        if self.closed.len() < self.enough {
            return Ok(());
        }
        // An open run will stand where it stands now, or further behind.
        let open = self.open.iter().flatten().map(|(_, row)| row.last.time).min();
        while let Some(next) = self.closed.first_entry()
            && open.is_none_or(|open| next.key().0 < open)
        {
            found(next.remove())?;
        }
        self.enough = HELD.max(2 * self.closed.len());
        Ok(())
    }

    fn finish(mut self, found: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        for ended in std::mem::take(&mut self.open) {
            self.close(ended);
        }
        self.closed.into_values().try_for_each(found)
    }

    fn close(&mut self, ended: Option<(usize, Row)>) {
        self.closed
            .extend(ended.map(|(number, row)| ((row.last.time, number), row)));
    }
}

/// The last `number` rows, oldest first. No more snapshots are looked at than it takes to know them.
pub(super) fn newest(catalog: &Catalog, wanted: &Wanted, number: usize) -> Vec<Row> {
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
    for moment in wanted.scope.newest_first(catalog) {
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
        let is_waited_for = |line: &Line| line.waiting.as_ref().is_some_and(|(_, place)| place.is_some());
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use restante_format::archive::Archive;
    use restante_format::catalog::{Packer, State};
    use restante_format::id::Id;
    use restante_format::model::{Counts, Snapshot};
    use restante_format::store::{MemoryStore, Store};
    use restante_format::wire::{ArchiveId, Chunker, Config, encode_snapshot};

    use super::*;

    fn state(series: u8, secs: i64, root: u8, tag: bool, parent: Option<Id>) -> Arc<State> {
        let snapshot = Snapshot {
            time: Timestamp { secs, nanos: 0 },
            host: "EXCH1".into(),
            connector: Some(format!("connector-{series}")),
            paths: Vec::new(),
            tags: if tag { vec!["tag".into()] } else { Vec::new() },
            root: Id([root; 32]),
            parent,
            program: "tests".into(),
            counts: Counts::default(),
            torn: Vec::new(),
            unreadable: Vec::new(),
        };
        Arc::new(State::decode(encode_snapshot(&snapshot).into()).expect("a state"))
    }

    /// An archive of so many snapshots of three series, of which the last one is seldom taken.
    fn archive(seed: u64, number: i64) -> Archive {
        let mut random = seed;
        let mut below = |most: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % most
        };
        let config = Config {
            archive: ArchiveId([7; 16]),
            created: 0,
            chunker: Chunker::default(),
            zstd_level: 3,
        };
        let store = Arc::new(MemoryStore::default());
        Archive::create(store.clone(), config.clone()).expect("an archive");
        let mut packer = Packer::new(config.archive);
        let mut newest: [Option<Arc<State>>; 3] = [None, None, None];
        for n in 0..number {
            let series = [0, 0, 0, 1, 1, 1, 1, 2][below(8) as usize];
            let known = &mut newest[series];
            if known.is_none() || below(3) == 0 {
                let parent = known.as_ref().map(|state| state.id);
                *known = Some(state(series as u8, n, below(2) as u8, below(4) == 0, parent));
            }
            let time = Timestamp { secs: n, nanos: 0 };
            let state = known.clone().expect("there is one by now");
            packer.add(Moment { time, state }).expect("add");
        }
        if let Some(segment) = packer.finish().expect("a segment") {
            store.put(segment.name, &segment.bytes).expect("put");
        }
        Archive::open(store).expect("open")
    }

    type Shown = (Id, Timestamp, u64, bool);

    fn shown(row: &Row) -> Shown {
        (row.last.id(), row.first_time, row.count, row.tick)
    }

    #[test]
    fn both_ways_find_the_same_rows() {
        for seed in 0..60 {
            let archive = archive(seed, 5 + seed as i64);
            let catalog = archive.catalog();
            for choice in 0..16_u32 {
                let time = |secs| Some(Timestamp { secs, nanos: 0 });
                let wanted = Wanted {
                    scope: Scope {
                        since: time(seed as i64 / 3).filter(|_| choice & 1 > 0),
                        until: time(seed as i64 / 2).filter(|_| choice & 2 > 0),
                        ..Scope::default()
                    },
                    tag: (choice & 4 > 0).then(|| "tag".to_owned()),
                    all: choice & 8 > 0,
                };
                let mut all: Vec<Shown> = Vec::new();
                oldest_first(catalog, &wanted, &mut |row| {
                    all.push(shown(&row));
                    Ok(())
                })
                .expect("rows");
                for last in 0..all.len() + 2 {
                    let found: Vec<Shown> = newest(catalog, &wanted, last).iter().map(shown).collect();
                    let expected = &all[all.len().saturating_sub(last)..];
                    assert_eq!(found, expected, "seed {seed}, choice {choice}, last {last}");
                }
            }
        }
    }
}
