//! One connector's snapshots, one after the other, on a thread of its own.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use restante_format::archive::{Archive, Memory, Taken};
use restante_format::error::Error;
use restante_format::model::Timestamp;
use restante_format::progress::Progress;

use super::keeper::Kept;
use super::schedule::{Schedule, Tick};
use super::turns::Bell;
use crate::command::snapshot::take::{Settings, take};
use crate::command::snapshot::{Excludes, job};
use crate::config::Config;
use crate::context::{Access, open_archive};
use crate::failure::{Failure, Result};
use crate::profile::{Profile, ResolvedConnector};
use crate::select::timestamp;
use crate::state::State;

/// What all workers share.
pub(super) struct Shared<'a> {
    /// What the configuration says.
    pub(super) config: &'a Config,
    /// The folder of the archive.
    pub(super) archive: &'a Path,
    /// How much memory each worker aims at.
    pub(super) memory: Memory,
    /// How many threads each works with.
    pub(super) threads: usize,
    /// Where the locks lie.
    pub(super) state: &'a State,
    /// Asks the runs under way to stop.
    pub(super) progress: &'a Arc<Progress>,
    /// When the first ticks were due.
    pub(super) start: Instant,
    /// How many runs there are to be.
    pub(super) runs: Option<u64>,
}

/// What came of a run, for whoever tells people.
pub(super) struct Event {
    /// Whose run it was, by its place among the watched.
    pub(super) connector: usize,
    /// When it began.
    pub(super) time: Timestamp,
    /// Its tick.
    pub(super) tick: Tick,
    /// What of the connector is not there, where its roots were found.
    pub(super) missing: Option<ResolvedConnector>,
    /// What came of it.
    pub(super) ran: Result<Ran>,
}

/// What is told to whoever tells people.
pub(super) enum News {
    /// Of a run.
    Run(Event),
    /// Of what was done about older snapshots.
    Kept(Kept),
}

/// What came of a run that did not fail.
pub(super) enum Ran {
    /// A snapshot, and how long it took.
    Taken(Box<Taken>, Duration),
    /// Nothing: somebody else works on the connector.
    PassedOver,
}

/// An archive that stays open from run to run.
struct Opened {
    archive: Archive,
    /// Its file `config`: while it is the same, so is the archive.
    config: Vec<u8>,
}

/// One connector's worker.
pub(super) struct Worker<'a> {
    shared: &'a Shared<'a>,
    number: usize,
    profile: &'a Profile,
    every: Duration,
    pool: rayon::ThreadPool,
    opened: Option<Opened>,
}

impl<'a> Worker<'a> {
    /// The worker of the connector of that number.
    pub(super) fn new(
        shared: &'a Shared<'a>,
        number: usize,
        profile: &'a Profile,
        every: Duration,
    ) -> Result<Self> {
        // Threads that all share would all wait for one source that hangs. One more, since the run occupies one.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(shared.threads + 1);
        let name = profile.name.clone();
        let pool = pool.thread_name(move |n| format!("{name} {n}")).build();
        Ok(Self {
            shared,
            number,
            profile,
            every,
            pool: pool.map_err(|error| {
                Failure::new(format!("cannot start the threads of {}: {error}", profile.name))
                    .hint("use fewer: --threads 1")
            })?,
            opened: None,
        })
    }

    /// Runs whenever it is time, until `stop` is closed, nobody listens any more, or there were runs enough.
    ///
    /// The bell is rung for every snapshot, too.
    pub(super) fn work(mut self, stop: &Receiver<()>, events: &Sender<News>, bell: &Bell) {
        let mut schedule = Schedule::new(self.every);
        let mut left = self.shared.runs;
        while left != Some(0) {
            match stop.recv_timeout(schedule.wait(self.shared.start.elapsed())) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
            let tick = schedule.begin(self.shared.start.elapsed());
            let time = timestamp(jiff::Timestamp::now());
            let mut missing = None;
            // A defect in one run must not leave the connector without any more of them.
            let ran = catch_unwind(AssertUnwindSafe(|| self.run(&mut missing)))
                .unwrap_or_else(|_| Err(Failure::new("the run ended by a defect of this program")));
            schedule.end(self.shared.start.elapsed());
            left = left.map(|left| left - 1);
            // A run that was asked to stop did not fail.
            if ran.as_ref().is_err_and(Failure::is_interrupted) {
                return;
            }
            let event = Event {
                connector: self.number,
                time,
                tick,
                missing,
                ran,
            };
            let is_taken = matches!(event.ran, Ok(Ran::Taken(..)));
            if events.send(News::Run(event)).is_err() {
                return;
            }
            if is_taken {
                bell.ring();
            }
        }
    }

    /// Takes a snapshot now, unless somebody else works on the connector.
    fn run(&mut self, missing: &mut Option<ResolvedConnector>) -> Result<Ran> {
        let shared = self.shared;
        let Some(_lock) = shared.state.lock(&self.profile.name)? else {
            return Ok(Ran::PassedOver);
        };
        // A share may have come or gone since the last run.
        let connector = self.profile.resolve(shared.config)?;
        let job = job::of_connector(self.profile, &connector, &Excludes::default())?;
        *missing = Some(connector);
        // After an error it is not put back: the next run opens it anew.
        let mut opened = self.archive()?;
        let settings = Settings::of(shared.config, shared.archive);
        let started = Instant::now();
        let taken = self
            .pool
            .install(|| take(&settings, &mut opened.archive, job, shared.progress))?;
        // A handle that could not read something merges nothing any more. Whether that has passed, only another one knows.
        if opened.archive.damage().is_empty() {
            self.opened = Some(opened);
        }
        Ok(Ran::Taken(Box::new(taken), started.elapsed()))
    }

    /// The archive that was open, or where there is none or another one in its place, the one that is there.
    fn archive(&mut self) -> Result<Opened> {
        let folder = self.shared.archive;
        let kept = self.opened.take();
        if let Some(kept) = kept {
            let path = folder.join("config");
            let config = fs::read(&path).map_err(Error::io("read", path.display().to_string()))?;
            if config == kept.config {
                return Ok(kept);
            }
        }
        let archive = open_archive(folder, Access::Mapped, self.shared.memory)?;
        let path = folder.join("config");
        let config = fs::read(&path).map_err(Error::io("read", path.display().to_string()))?;
        Ok(Opened { archive, config })
    }
}
