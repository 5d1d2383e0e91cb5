//! Which snapshots go: every group's policy, decided in one walk over the catalogue.

use std::collections::{HashSet, VecDeque};

use jiff::tz::TimeZone;
use restante_format::archive::Archive;
use restante_format::catalog::Moment;
use restante_format::id::Id;
use restante_format::model::Timestamp;
use restante_format::progress::Progress;

use super::choice::{Choice, Key, Places, Policies};
use crate::failure::Result;
use crate::retention::{Candidate, Policy, Verdict, Walk};

/// After how many snapshots it is looked whether somebody asked to stop.
const LOOK: u64 = 4096;

/// What is decided, and by what.
pub(crate) struct Rules<'p> {
    pub(crate) choice: &'p Choice,
    pub(crate) policies: &'p Policies,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
}

/// What is to be forgotten.
pub(crate) struct Plan<'p> {
    pub(crate) groups: Vec<Group<'p>>,
    pub(crate) ids: HashSet<Id>,
}

/// What is decided about a group.
pub(crate) struct Group<'p> {
    pub(crate) key: Key,
    /// None leaves it alone.
    pub(crate) policy: Option<&'p Policy>,
    /// The time of its newest snapshot.
    newest: Timestamp,
    pub(crate) kept: u64,
    pub(crate) removed: u64,
    /// Whether the policy would leave nothing of it.
    pub(crate) loses_all: bool,
    /// The newest whole snapshot, where the policy keeps none but torn and incomplete ones: it stays.
    pub(crate) spared: Option<Moment>,
    /// How many are dated in the future, and the latest of them.
    pub(crate) ahead: Option<(u64, Timestamp)>,
}

/// A snapshot with what is decided about it.
pub(crate) struct Row {
    pub(crate) moment: Moment,
    pub(crate) verdict: Verdict,
    /// Whether it stays though no rule keeps it.
    pub(crate) is_spared: bool,
}

impl Row {
    pub(crate) fn is_kept(&self) -> bool {
        self.verdict.is_kept() || self.is_spared
    }
}

impl Group<'_> {
    /// Whether the same is decided about both, and their labels have the same to do with it.
    pub(crate) fn is_alike(&self, a: &Row, b: &Row) -> bool {
        let lists = |row: &Row| {
            let lists = self.policy?.lists_in(&row.moment.state.snapshot.tags);
            Some(lists.collect::<Vec<_>>())
        };
        !a.is_spared && !b.is_spared && a.verdict.is_like(b.verdict) && lists(a) == lists(b)
    }

    /// Why a snapshot is kept; nothing for one that is not.
    pub(crate) fn reasons(&self, row: &Row, zone: &TimeZone) -> Vec<String> {
        match self.policy {
            _ if row.is_spared => vec!["newest whole".to_owned()],
            Some(policy) => row.verdict.reasons(policy, zone, candidate(&row.moment, false)),
            None => Vec::new(),
        }
    }
}

fn candidate(moment: &Moment, differs: bool) -> Candidate<'_> {
    Candidate {
        time: moment.time,
        differs,
        tags: &moment.state.snapshot.tags,
    }
}

/// A walk over a group that knows of each snapshot the one before it.
struct Deciding<'p> {
    walk: Walk<'p>,
    pending: Option<Moment>,
}

impl<'p> Deciding<'p> {
    fn new(policy: &'p Policy, rules: &Rules<'_>) -> Self {
        Self {
            walk: Walk::new(policy, rules.zone.clone(), rules.now),
            pending: None,
        }
    }

    /// Takes the next older moment, or the news that there is none, and decides about the one that came last.
    fn next(&mut self, older: Option<Moment>) -> Option<(Moment, Verdict)> {
        let moment = std::mem::replace(&mut self.pending, older)?;
        let before = self.pending.as_ref();
        let root = moment.state.snapshot.root;
        let differs = before.is_none_or(|before| before.state.snapshot.root != root);
        let verdict = self.walk.decide(candidate(&moment, differs), before.is_none());
        Some((moment, verdict))
    }
}

/// A group that is being decided about.
struct Open<'p> {
    group: Group<'p>,
    deciding: Option<Deciding<'p>>,
    keeps_whole: bool,
    newest_whole: Option<Moment>,
}

impl Open<'_> {
    fn settle(&mut self, (moment, verdict): (Moment, Verdict), ids: &mut HashSet<Id>) {
        let counts = &moment.state.snapshot.counts;
        let is_whole = counts.torn + counts.unreadable == 0;
        if verdict.is_kept() {
            self.keeps_whole |= is_whole;
            return;
        }
        ids.insert(moment.id());
        if is_whole && self.newest_whole.is_none() {
            self.newest_whole = Some(moment);
        }
    }

    /// A group of which something is kept does not lose its last whole snapshot.
    fn close(mut self, ids: &mut HashSet<Id>) -> Self {
        if let Some(Deciding { walk, .. }) = &self.deciding {
            self.group.kept = walk.kept();
            self.group.removed = walk.forgotten();
            self.group.loses_all = walk.would_remove_all();
        }
        if self.group.kept > 0 && !self.keeps_whole {
            self.group.spared = self.newest_whole.take();
        }
        if let Some(spared) = &self.group.spared {
            ids.remove(&spared.id());
            self.group.kept += 1;
            self.group.removed -= 1;
        }
        self
    }
}

impl<'p> Plan<'p> {
    /// Decides about all that is chosen.
    pub(crate) fn make(rules: &Rules<'p>, archive: &Archive, progress: &Progress) -> Result<Self> {
        let mut places = Places::default();
        let mut all: Vec<Open<'p>> = Vec::new();
        let mut ids = HashSet::new();
        for (number, moment) in (0_u64..).zip(archive.catalog().newest_first()) {
            if number % LOOK == 0 {
                progress.check()?;
            }
            let Some(at) = places.of(rules.choice, &moment) else {
                continue;
            };
            if at == all.len() {
                let key = rules.choice.key(&moment.state.snapshot);
                let policy = rules.policies.of(&key);
                all.push(Open {
                    deciding: policy.map(|policy| Deciding::new(policy, rules)),
                    group: Group {
                        key,
                        policy,
                        newest: moment.time,
                        kept: 0,
                        removed: 0,
                        loses_all: false,
                        spared: None,
                        ahead: None,
                    },
                    keeps_whole: false,
                    newest_whole: None,
                });
            }
            let open = &mut all[at];
            if moment.time > rules.now {
                let (count, latest) = open.group.ahead.unwrap_or((0, moment.time));
                open.group.ahead = Some((count + 1, latest));
            }
            match &mut open.deciding {
                None => open.group.kept += 1,
                Some(deciding) => {
                    if let Some(decided) = deciding.next(Some(moment)) {
                        open.settle(decided, &mut ids);
                    }
                }
            }
        }
        let mut groups = Vec::with_capacity(all.len());
        for mut open in all {
            let last = open.deciding.as_mut().and_then(|deciding| deciding.next(None));
            if let Some(decided) = last {
                open.settle(decided, &mut ids);
            }
            groups.push(open.close(&mut ids).group);
        }
        groups.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self { groups, ids })
    }

    /// Goes through the snapshots of a group, the newest first, until `take` has enough.
    pub(crate) fn each_row(
        rules: &Rules<'_>,
        group: &Group<'_>,
        archive: &Archive,
        take: &mut dyn FnMut(Row) -> Result<bool>,
    ) -> Result<()> {
        let Some(policy) = group.policy else { return Ok(()) };
        let mut deciding = Deciding::new(policy, rules);
        // Snapshots of one series come one after the other, and most of them in the same state.
        let mut known = VecDeque::new();
        // Nothing is read but from its newest to its oldest: there may be many groups, each in a time of its own.
        let moments = archive.catalog().newest_first_from(group.newest);
        let of_group = moments.filter(|moment| group.key.has(rules.choice, moment, &mut known));
        let mut of_group = of_group.take(usize::try_from(group.kept + group.removed).unwrap_or(usize::MAX));
        loop {
            let older = of_group.next();
            let is_last = older.is_none();
            if let Some((moment, verdict)) = deciding.next(older) {
                let is_same = |spared: &Moment| spared.time == moment.time && spared.id() == moment.id();
                let is_spared = group.spared.as_ref().is_some_and(is_same);
                let row = Row {
                    moment,
                    verdict,
                    is_spared,
                };
                if !take(row)? {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}
