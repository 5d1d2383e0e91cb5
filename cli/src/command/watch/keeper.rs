//! What is done about older snapshots beside the new ones: forgetting by the policies, and freeing what that leaves.
//!
//! A thread of its own, so that no snapshot waits for it, woken by snapshots, so that it does nothing where none come.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant, SystemTime};

use jiff::tz::TimeZone;
use restante_format::archive::{Grace, PruneReport, PruneRequest};
use restante_format::model::Timestamp;
use restante_format::wire::ArchiveId;

use super::turns::Turn;
use super::worker::{News, Shared};
use crate::args::GroupBy;
use crate::command::forget::choice::{Choice, Policies};
use crate::command::forget::plan::{Plan, Rules};
use crate::command::forget::refuse_damage;
use crate::command::prune::{GRACE, MAX_UNUSED};
use crate::config::{self, Config};
use crate::context::{Access, open_archive};
use crate::failure::{Failure, Result};
use crate::profile::Profile;
use crate::select::timestamp;
use crate::state::State;

/// How often a connector's policy is looked at. All its snapshots are gone through for it.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How often what was forgotten is freed.
const PRUNE_EVERY: Duration = Duration::from_secs(86_400);

/// How long after one that failed the next prune is tried: each reads what all snapshots need.
const RETRY_AFTER: Duration = Duration::from_secs(3600);

/// When the archive is pruned.
pub(super) struct Pruning {
    every: Duration,
    /// A file that was written when it was done last.
    stamp: PathBuf,
    /// When it was tried last, if that failed.
    failed: Option<Instant>,
}

/// What was done, and of which connector.
pub(super) struct Kept {
    /// The connector by its place among the watched; none where it is about the archive.
    pub(super) connector: Option<usize>,
    pub(super) time: Timestamp,
    pub(super) done: Result<Done>,
    pub(super) elapsed: Duration,
}

/// What was done.
pub(super) enum Done {
    /// So many snapshots were forgotten.
    Forgotten(u64),
    /// Room was freed, or will be.
    Pruned(Box<PruneReport>),
}

/// Keeps of older snapshots what the policies say.
pub(super) struct Keeper<'a> {
    shared: &'a Shared<'a>,
    /// When each connector's policy was looked at last.
    profiles: Vec<(&'a Profile, Option<Instant>)>,
    pruning: Option<Pruning>,
}

impl Pruning {
    /// What the configuration says about the archive; `forgets` says whether any snapshot will ever be forgotten here.
    pub(super) fn of(
        config: &Config,
        state: &State,
        archive: ArchiveId,
        forgets: bool,
    ) -> Result<Option<Self>> {
        let every = match config.pruning {
            config::Pruning::Never => return Ok(None),
            config::Pruning::Unsaid if !forgets => return Ok(None),
            config::Pruning::Unsaid => PRUNE_EVERY,
            config::Pruning::Every(every) => every,
        };
        let digits: String = archive.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let stamp = state.folder("pruned")?.join(digits);
        Ok(Some(Self::new(every, stamp)))
    }

    fn new(every: Duration, stamp: PathBuf) -> Self {
        Self {
            every,
            stamp,
            failed: None,
        }
    }

    /// Whether it is time. Where nobody knows when it was done last, it is counted from now on.
    fn is_due(&self, now: Instant) -> Result<bool> {
        let is_recent = |failed: Instant| now.saturating_duration_since(failed) < RETRY_AFTER;
        if self.failed.is_some_and(is_recent) {
            return Ok(false);
        }
        let done = fs::metadata(&self.stamp).and_then(|metadata| metadata.modified());
        let Ok(done) = done else {
            self.note()?;
            return Ok(false);
        };
        // A stamp from the future says nothing.
        let age = SystemTime::now().duration_since(done);
        Ok(age.map_or(true, |age| age >= self.every))
    }

    /// It was tried at that time.
    fn tried(&mut self, now: Instant, is_done: bool) {
        self.failed = (!is_done).then_some(now);
    }

    fn note(&self) -> Result<()> {
        let written = File::create(&self.stamp).and_then(|file| file.set_modified(SystemTime::now()));
        written.map_err(|error| Failure::new(format!("cannot write {}: {error}", self.stamp.display())))
    }
}

impl<'a> Keeper<'a> {
    /// For connectors of these profiles.
    pub(super) fn new(shared: &'a Shared<'a>, profiles: Vec<&'a Profile>, pruning: Option<Pruning>) -> Self {
        Self {
            shared,
            profiles: profiles.into_iter().map(|profile| (profile, None)).collect(),
            pruning,
        }
    }

    /// Does what is due whenever a snapshot was taken, until none are any more.
    pub(super) fn work(mut self, turns: &Receiver<Turn>, news: &Sender<News>) {
        while let Ok(turn) = turns.recv() {
            let connector = turn.begin();
            let forgets = self.is_forgetting_due(connector).then_some(connector);
            let is_due = |pruning: &Pruning| pruning.is_due(Instant::now());
            let prunes = match self.pruning.as_ref().map(is_due) {
                Some(Ok(is_due)) => is_due,
                // It is told, and tried again when the next snapshot was taken.
                Some(Err(failure)) => {
                    let _ = news.send(News::Kept(Kept::now(None, Err(failure), Duration::ZERO)));
                    false
                }
                None => false,
            };
            for about in forgets.map(Some).into_iter().chain(prunes.then_some(None)) {
                if self.is_stopped() {
                    return;
                }
                let started = Instant::now();
                // A defect here must not end the snapshots.
                let done = catch_unwind(AssertUnwindSafe(|| match about {
                    Some(connector) => self.forget(connector),
                    None => self.prune().map(|report| Some(Done::Pruned(Box::new(report)))),
                }));
                let done = done.unwrap_or_else(|_| Err(Failure::new("it ended by a defect of this program")));
                if let (None, Some(pruning)) = (about, &mut self.pruning) {
                    pruning.tried(Instant::now(), done.is_ok());
                }
                let told = match done {
                    Err(failure) if failure.is_interrupted() => return,
                    Ok(None) => continue,
                    Ok(Some(done)) => Ok(done),
                    Err(failure) => Err(failure),
                };
                if news
                    .send(News::Kept(Kept::now(about, told, started.elapsed())))
                    .is_err()
                {
                    return;
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.shared.progress.stop.load(Ordering::Relaxed)
    }

    fn is_forgetting_due(&mut self, connector: usize) -> bool {
        let Some((profile, done)) = self.profiles.get_mut(connector) else {
            return false;
        };
        let is_due = profile.keep.is_some() && done.is_none_or(|done| done.elapsed() >= FORGET_EVERY);
        if is_due {
            *done = Some(Instant::now());
        }
        is_due
    }

    /// Forgets what the policy of a connector does not keep; nothing is said where it keeps all.
    fn forget(&self, connector: usize) -> Result<Option<Done>> {
        let shared = self.shared;
        let Some((name, keep)) = self.profiles.get(connector).and_then(|(profile, _)| {
            let keep = profile.keep.clone()?;
            Some((profile.name.clone(), keep))
        }) else {
            return Ok(None);
        };
        let host = shared.config.server_name();
        let choice = Choice {
            connectors: vec![name.clone()],
            host: Some(host.clone()),
            tags: Vec::new(),
            paths: Vec::new(),
            by: GroupBy::SERIES,
        };
        let policies = Policies::OfConnectors {
            host,
            policies: BTreeMap::from([(name, keep)]),
        };
        let rules = Rules {
            choice: &choice,
            policies: &policies,
            // That it is unknown was said at the beginning.
            zone: TimeZone::try_system().unwrap_or(TimeZone::UTC),
            now: timestamp(jiff::Timestamp::now()),
        };
        let mut archive = open_archive(shared.archive, Access::Mapped, shared.memory)?;
        refuse_damage(&archive)?;
        let plan = Plan::make(&rules, &archive, shared.progress)?;
        if let Some(lost) = plan.groups.iter().find(|group| group.loses_all) {
            return Err(Failure::new(format!(
                "nothing would be left of {}; nothing was removed",
                lost.key.title()
            ))
            .hint("let its `keep` keep something of it, such as last = 1"));
        }
        if plan.ids.is_empty() {
            return Ok(None);
        }
        let forgotten = archive.forget(&plan.ids, shared.progress)?;
        Ok(Some(Done::Forgotten(forgotten.snapshots)))
    }

    /// Frees what was forgotten, beside the snapshots that are taken meanwhile.
    fn prune(&self) -> Result<PruneReport> {
        let shared = self.shared;
        let mut archive = open_archive(shared.archive, Access::Mapped, shared.memory)?;
        refuse_damage(&archive)?;
        let request = PruneRequest {
            now: timestamp(jiff::Timestamp::now()),
            // Never alone: the snapshots of all connectors would wait for it.
            grace: Grace::For(GRACE),
            max_unused_percent: MAX_UNUSED.0,
        };
        let report = archive.prune(&request, shared.progress)?;
        self.pruning.as_ref().map_or(Ok(()), Pruning::note)?;
        Ok(report)
    }
}

impl Kept {
    fn now(connector: Option<usize>, done: Result<Done>, elapsed: Duration) -> Self {
        Self {
            connector,
            time: timestamp(jiff::Timestamp::now()),
            done,
            elapsed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prune_that_fails_is_not_tried_again_with_every_snapshot() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pruning = Pruning::new(Duration::ZERO, folder.path().join("stamp"));
        let start = Instant::now();
        assert_eq!(pruning.is_due(start), Ok(false), "counted from now on");
        assert_eq!(pruning.is_due(start), Ok(true));
        pruning.tried(start, false);
        let soon = start + RETRY_AFTER - Duration::from_secs(1);
        assert_eq!(pruning.is_due(soon), Ok(false));
        let later = start + RETRY_AFTER;
        assert_eq!(pruning.is_due(later), Ok(true));
        pruning.tried(later, true);
        assert_eq!(
            pruning.is_due(later),
            Ok(true),
            "after success its own schedule counts"
        );
    }
}
