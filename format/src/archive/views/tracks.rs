//! Telling the series apart in a row of moments, at next to no cost for a moment whose state is the one before.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalog::{Moment, State};
use crate::model::Series;

/// The series that were met so far, each with its newest state.
#[derive(Debug, Default)]
pub struct Tracks {
    numbers: HashMap<Series, usize>,
    last: Vec<Arc<State>>,
    /// The numbers of the series by the addresses of their newest states, which are held in `last`.
    by_address: HashMap<usize, usize>,
}

/// How a moment stands to the one that was met before it in its series.
#[derive(Debug)]
pub enum Turn {
    /// There was none.
    First,
    /// It is of the same state.
    Same,
    /// It is of another one.
    Other(Arc<State>),
}

impl Tracks {
    /// The number of the series that the next moment is of, counted from 0 as they are met.
    pub fn follow(&mut self, moment: &Moment) -> (usize, Turn) {
        let state = &moment.state;
        let address = Arc::as_ptr(state) as usize;
        if let Some(number) = self.by_address.get(&address) {
            return (*number, Turn::Same);
        }
        let series = state.snapshot.series();
        let number = match self.numbers.get(&series) {
            Some(number) => *number,
            None => {
                let number = self.last.len();
                self.numbers.insert(series, number);
                self.last.push(Arc::clone(state));
                self.by_address.insert(address, number);
                return (number, Turn::First);
            }
        };
        let before = std::mem::replace(&mut self.last[number], Arc::clone(state));
        self.by_address.remove(&(Arc::as_ptr(&before) as usize));
        self.by_address.insert(address, number);
        // A state that is in two pages is read twice.
        match before.id == state.id {
            true => (number, Turn::Same),
            false => (number, Turn::Other(before)),
        }
    }
}
