//! Which snapshots are looked at, what puts them into groups, and which policy a group has.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use restante_format::catalog::{Moment, State};
use restante_format::model::{Snapshot, display_bytes};

use crate::args::GroupBy;
use crate::retention::{Policy, TagList};

/// How many states are known by their place in memory: as many series may take turns without any cost.
const KNOWN: usize = 32;

/// Which snapshots are looked at, and how they are grouped.
pub(crate) struct Choice {
    /// Those of these connectors; of all, if there is none.
    pub(crate) connectors: Vec<String>,
    /// Those of this machine.
    pub(crate) host: Option<String>,
    /// Those with all of these labels.
    pub(crate) tags: Vec<TagList>,
    /// Those of one of these paths.
    pub(crate) paths: Vec<Vec<u8>>,
    pub(crate) by: GroupBy,
}

/// What the snapshots of a group have in common; none for what does not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) host: Option<String>,
    pub(crate) connector: Option<Option<String>>,
    pub(crate) paths: Option<Vec<Vec<u8>>>,
    pub(crate) tags: Option<Vec<String>>,
}

/// Where the policies come from.
pub(crate) enum Policies {
    /// The command line: one for all.
    One(Box<Policy>),
    /// The profiles: by connector, for the snapshots of one machine.
    OfConnectors {
        host: String,
        policies: BTreeMap<String, Policy>,
    },
}

impl Choice {
    fn takes(&self, snapshot: &Snapshot) -> bool {
        let is_of = |name: &String| self.connectors.contains(name);
        (self.connectors.is_empty() || snapshot.connector.as_ref().is_some_and(is_of))
            && self.host.as_ref().is_none_or(|host| snapshot.host == *host)
            && self.tags.iter().all(|list| list.is_in(&snapshot.tags))
            && (self.paths.is_empty() || self.paths.iter().any(|path| snapshot.paths.contains(path)))
    }

    /// Whether every snapshot is looked at.
    pub(crate) fn is_all(&self) -> bool {
        self.connectors.is_empty() && self.host.is_none() && self.tags.is_empty() && self.paths.is_empty()
    }

    /// The group of a snapshot.
    pub(crate) fn key(&self, snapshot: &Snapshot) -> Key {
        Key {
            host: self.by.host.then(|| snapshot.host.clone()),
            connector: self.by.connector.then(|| snapshot.connector.clone()),
            paths: self.by.paths.then(|| snapshot.paths.clone()),
            tags: self.by.tags.then(|| snapshot.tags.clone()),
        }
    }
}

impl Policies {
    /// The policy of a group.
    pub(crate) fn of(&self, key: &Key) -> Option<&Policy> {
        match self {
            Self::One(policy) => Some(policy),
            Self::OfConnectors { host, policies } => {
                let is_here = key.host.as_ref() == Some(host);
                let connector = key.connector.as_ref().filter(|_| is_here)?;
                policies.get(connector.as_ref()?)
            }
        }
    }
}

impl Key {
    /// What people call the group.
    pub(crate) fn title(&self) -> String {
        let paths = self.paths.iter().flatten();
        let paths: Vec<String> = paths.map(|path| display_bytes(path)).collect();
        let mut words = Vec::new();
        match &self.connector {
            Some(Some(connector)) => words.push(connector.clone()),
            _ => words.extend((!paths.is_empty()).then(|| paths.join(" "))),
        }
        words.extend(self.host.as_ref().map(|host| format!("of {host}")));
        if let Some(Some(_)) = &self.connector {
            words.extend((!paths.is_empty()).then(|| format!("({})", paths.join(" "))));
        }
        let tags = self.tags.as_ref().filter(|tags| !tags.is_empty());
        words.extend(tags.map(|tags| format!("with {}", tags.join(","))));
        match words.is_empty() {
            true => "all snapshots".to_owned(),
            false => words.join(" "),
        }
    }

    /// Whether a moment is of the group. `known` remembers what was found of the latest states.
    pub(crate) fn has(
        &self,
        choice: &Choice,
        moment: &Moment,
        known: &mut VecDeque<(Arc<State>, bool)>,
    ) -> bool {
        remembered(known, moment, |snapshot| {
            choice.takes(snapshot) && self.fits(snapshot)
        })
    }

    /// Whether a snapshot has what those of the group have in common.
    fn fits(&self, snapshot: &Snapshot) -> bool {
        fn is<T: PartialEq>(common: Option<&T>, of: &T) -> bool {
            common.is_none_or(|common| common == of)
        }
        is(self.host.as_ref(), &snapshot.host)
            && is(self.connector.as_ref(), &snapshot.connector)
            && is(self.paths.as_ref(), &snapshot.paths)
            && is(self.tags.as_ref(), &snapshot.tags)
    }
}

/// The groups by number, in the order in which they are met.
#[derive(Default)]
pub(super) struct Places {
    numbers: BTreeMap<Key, usize>,
    known: VecDeque<(Arc<State>, Option<usize>)>,
}

impl Places {
    /// The group of a moment; none if it is not looked at.
    pub(super) fn of(&mut self, choice: &Choice, moment: &Moment) -> Option<usize> {
        let numbers = &mut self.numbers;
        remembered(&mut self.known, moment, |snapshot| {
            choice.takes(snapshot).then(|| {
                let next = numbers.len();
                *numbers.entry(choice.key(snapshot)).or_insert(next)
            })
        })
    }
}

/// What is known of a moment's state, or is found now. Most moments are of a state that came just before.
fn remembered<T: Copy>(
    known: &mut VecDeque<(Arc<State>, T)>,
    moment: &Moment,
    find: impl FnOnce(&Snapshot) -> T,
) -> T {
    let state = &moment.state;
    if let Some((_, found)) = known.iter().find(|(of, _)| Arc::ptr_eq(of, state)) {
        return *found;
    }
    let found = find(&state.snapshot);
    known.push_front((Arc::clone(state), found));
    known.truncate(KNOWN);
    found
}
