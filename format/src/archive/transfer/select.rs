//! Which snapshots are meant.

use std::collections::BTreeSet;

use crate::archive::{Archive, Scope};
use crate::catalog::Moment;
use crate::id::Id;

/// What chosen snapshots have in common. Nothing at all means all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only these.
    pub ids: Option<BTreeSet<Id>>,
    /// Only those of this connector, machine, time and so on.
    pub scope: Scope,
    /// Of those only the newest, so many of them.
    pub last: Option<usize>,
}

impl Choice {
    fn names(&self, moment: &Moment) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&moment.id()))
    }
}

impl Archive {
    /// The moments that a choice means, the oldest first.
    pub fn choose(&self, choice: &Choice) -> Vec<Moment> {
        let scope = &choice.scope;
        let wanted = scope
            .newest_first(&self.catalog)
            .take_while(|moment| scope.since.is_none_or(|since| moment.time >= since))
            .filter(|moment| choice.names(moment));
        let mut chosen: Vec<Moment> = wanted.take(choice.last.unwrap_or(usize::MAX)).collect();
        chosen.reverse();
        chosen
    }
}
