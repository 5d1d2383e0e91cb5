//! What comes in between: death, and what others do.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use restante_format::archive::{Archive, Grace};
use restante_format::error::{Error, Result};
use restante_format::id::Id;
use restante_format::model::Timestamp;
use restante_format::store::{LockMode, LockName, Store};

use super::act::{Act, Done};
use super::script::Script;
use super::stage::Event;
use super::world::{GRACE, World, text};

/// What several did in between, in this order.
type AllDone = Arc<Mutex<Vec<(Act, Result<Done>)>>>;

impl World {
    /// Does something that dies in the middle, and looks what has become of it.
    pub(super) fn die(&mut self, handle: usize, script: &mut Script<'_>) {
        self.tally.deaths += 1;
        let act = self.act(script);
        let (at, after) = (script.below(256), script.below(2) == 1);
        let stage = Arc::new(self.stage.beside());
        let mut archive = self.open_on(&stage);
        let at = at as u64 * self.usual_calls(&act) / 256;
        self.note(|| format!("dying at {at}: {}", text(&act)));
        stage.plan(at, Event::Death { after });
        let done = act.perform(&mut archive);
        drop(archive);
        match done {
            // What cannot be read any more cannot be told from what is damaged.
            Ok(Done::Read(_)) | Err(_) => {}
            Ok(done) => self.learn(&act, done, true),
        }
        self.handles[handle] = self.open();
        self.reconcile(&act);
    }

    /// About how many calls something takes: so that most deaths happen in the middle.
    fn usual_calls(&self, act: &Act) -> u64 {
        let segments = self.stage.files().files().len() as u64;
        match act {
            Act::Snapshot(..) => 16,
            Act::Read => 4 * segments,
            Act::Compact | Act::Forget(_) => 6 + 2 * segments,
            _ => 6 + 4 * segments,
        }
    }

    /// What was under way is done or not.
    fn reconcile(&mut self, act: &Act) {
        let archive = self.open();
        let listed: BTreeMap<Id, Timestamp> = archive
            .catalog()
            .all()
            .map(|listed| (listed.id, listed.snapshot.time))
            .collect();
        let new: Vec<Id> = listed
            .keys()
            .filter(|id| !self.live.contains_key(id))
            .copied()
            .collect();
        match act {
            Act::Forget(ids) => {
                for id in ids.iter().filter(|id| !listed.contains_key(id)) {
                    self.take_away(*id);
                }
            }
            Act::Snapshot(request, _) => {
                assert!(new.len() <= 1, "one snapshot became {}", new.len());
                for id in new {
                    assert_eq!(listed[&id], request.time);
                    self.learn(act, Done::Taken(id), true);
                }
            }
            Act::CopyIn(_) => new.into_iter().for_each(|id| self.bring_back(id)),
            Act::CopyOut(..) => self.look_into_mirror(),
            _ => {}
        }
        self.compare_list(&archive);
    }

    /// What others do in between: one thing, or all that it takes to delete what somebody counts on.
    fn others(&mut self, act: &Act, script: &mut Script<'_>) -> Vec<Act> {
        let mut others = match script.below(3) {
            0 => vec![
                Act::Forget(self.chosen(script)),
                self.prune(script),
                self.prune(script),
            ],
            _ => vec![self.act(script)],
        };
        let needs_mirror = |act: &Act| matches!(act, Act::CopyOut(..) | Act::CopyIn(_));
        for other in &mut others {
            // One at a time has the other archive.
            if needs_mirror(act) && needs_mirror(other) {
                *other = Act::Read;
            }
            // Who wants to be alone waits, and here for ever.
            if let Act::Prune(request) = other
                && request.grace == Grace::None
            {
                request.grace = Grace::Unless(Duration::from_secs(GRACE as u64));
            }
            // Both may be of the same folder.
            self.look_again(other);
        }
        others
    }

    /// Does something, and somebody else does something else in the middle.
    pub(super) fn meanwhile(&mut self, handle: usize, script: &mut Script<'_>) {
        self.tally.meanwhiles += 1;
        let mut act = self.act(script);
        let others = self.others(&act, script);
        self.look_again(&mut act);
        let calls = self.usual_calls(&act);
        let is_stale = script.below(2) == 1;
        let stage = Arc::new(self.stage.beside());
        let mut archive = self.open_on(&stage);
        let mut another = self.open();
        if is_stale {
            std::mem::swap(&mut another, &mut self.handles[handle]);
        }
        let another = Arc::new(Mutex::new(another));
        let done = AllDone::default();
        // Whoever reads keeps others from deleting at once, where it can.
        let reading = matches!(
            act,
            Act::Read | Act::WouldFree(_) | Act::CopyOut(..) | Act::Export(_)
        );
        let lock = reading.then(|| {
            stage
                .lock(LockName::Archive, LockMode::Shared)
                .expect("nobody else is there")
        });
        let mut at = 0;
        for other in others {
            at += script.below(256) as u64 * calls.saturating_sub(at) / 256;
            self.note(|| format!("{} and at {at} {}", text(&act), text(&other)));
            let (done, another) = (Arc::clone(&done), Arc::clone(&another));
            let work = move || {
                let result = other.perform(&mut another.lock().expect("no panic"));
                done.lock().expect("no panic").push((other, result));
            };
            stage.plan(at, Event::Meanwhile(Box::new(work)));
        }
        let first = act.perform(&mut archive);
        stage.unplan();
        drop(lock);
        drop(archive);
        let done = std::mem::take(&mut *done.lock().expect("no panic"));
        let acts: Vec<Act> = done.iter().map(|(other, _)| other.clone()).collect();
        for (other, result) in done {
            match result {
                Ok(done) => self.learn(&other, done, false),
                Err(error) => assert!(would_block(&error), "{} in between failed: {error}", text(&other)),
            }
        }
        match first {
            Ok(done) => self.learn(&act, done, false),
            Err(error) if was_pruned(&error, &act, &acts) => {}
            Err(error) => {
                let others: Vec<String> = acts.iter().map(text).collect();
                panic!(
                    "{} failed, for somebody did {}: {error}",
                    text(&act),
                    others.join(", ")
                )
            }
        }
        let archive = self.open();
        self.settle_forgetting(&archive, std::iter::once(&act).chain(&acts));
        self.compare_list(&archive);
    }

    /// Who forgets may have seen what the other one took or copied, or not.
    fn settle_forgetting<'a>(&mut self, archive: &Archive, acts: impl Iterator<Item = &'a Act>) {
        let forgotten = acts.filter_map(|act| match act {
            Act::Forget(ids) => Some(ids),
            _ => None,
        });
        let forgotten: HashSet<Id> = forgotten.flatten().copied().collect();
        let listed: BTreeSet<Id> = archive.catalog().all().map(|listed| listed.id).collect();
        for id in forgotten {
            match (listed.contains(&id), self.live.contains_key(&id)) {
                (false, true) => self.take_away(id),
                (true, false) if self.mirrored.contains(&id) => self.bring_back(id),
                _ => {}
            }
        }
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::WouldBlock)
}

/// Whether something was told that what it counts on is gone, and it may be: behind one prune another one, when it was time. Who copies
/// what is forgotten meanwhile may lack it, too.
fn was_pruned(error: &Error, act: &Act, others: &[Act]) -> bool {
    let prunes = others.iter().filter(|other| matches!(other, Act::Prune(_)));
    let is_forgotten = |ids: &HashSet<Id>| {
        let forgets = |other: &Act| matches!(other, Act::Forget(forgotten) if !forgotten.is_disjoint(ids));
        error.is_damage() && others.iter().any(forgets)
    };
    prunes.count() > 1
        && match act {
            Act::Snapshot(..) | Act::CopyIn(_) => matches!(error, Error::Pruned { .. }),
            Act::CopyOut(_, ids) | Act::Export(ids) => is_forgotten(ids),
            _ => false,
        }
}
