//! All rows, in one walk through time.

use std::collections::BTreeMap;

use restante_format::archive::Ticks;
use restante_format::catalog::{Catalog, Moment};
use restante_format::model::{Series, Timestamp};

use super::{Row, Wanted};
use crate::failure::Result;

/// Hands all rows to `found`, in the order of their last snapshots. Few of them are held meanwhile.
pub(in crate::command) fn oldest_first(
    catalog: &Catalog,
    wanted: &Wanted,
    found: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<()> {
    let mut ticks = Ticks::new(catalog, wanted.scope.since);
    let mut rows = Sorted::new(catalog);
    let all = wanted.all();
    for moment in all.oldest_first(catalog) {
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
