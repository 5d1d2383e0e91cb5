//! Which snapshots are meant.

use std::collections::BTreeSet;

use crate::archive::Archive;
use crate::catalog::Moment;
use crate::id::Id;
use crate::model::Timestamp;

/// What chosen snapshots have in common. Nothing at all means all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only these.
    pub ids: Option<BTreeSet<Id>>,
    /// Only those of this connector.
    pub connector: Option<String>,
    /// Only those at or after this time.
    pub since: Option<Timestamp>,
    /// Only those at or before this time.
    pub until: Option<Timestamp>,
    /// Of those only the newest, so many of them.
    pub last: Option<usize>,
}

impl Choice {
    fn includes(&self, moment: &Moment) -> bool {
        let connector = moment.state.snapshot.connector.as_ref();
        self.connector.is_none() || self.connector.as_ref() == connector
    }

    fn names(&self, moment: &Moment) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&moment.id()))
    }
}

impl Archive {
    /// The moments that a choice means, the oldest first.
    pub fn choose(&self, choice: &Choice) -> Vec<Moment> {
        let moments = match choice.until {
            Some(until) => self.catalog.newest_first_from(until),
            None => self.catalog.newest_first(),
        };
        let wanted = moments
            .take_while(|moment| choice.since.is_none_or(|since| moment.time >= since))
            .filter(|moment| choice.includes(moment) && choice.names(moment));
        let mut chosen: Vec<Moment> = wanted.take(choice.last.unwrap_or(usize::MAX)).collect();
        chosen.reverse();
        chosen
    }
}
