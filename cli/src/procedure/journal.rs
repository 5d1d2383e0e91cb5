//! How far a restore came, on disk: the plan in the first line, then a line for everything that begins and ends. Each
//! line is on disk before the work goes on, so that a run that was killed at any moment can be gone on with, or
//! taken back.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::crash;
use super::files::cannot;
use super::plan::{Doing, Plan, PlannedStep, command};
use super::swap::sync_folder;
use crate::failure::{Failure, Result};
use crate::profile::{Action, Step};

/// A line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The first line.
    Planned {
        /// When.
        time: String,
        /// What is going to be done.
        plan: Box<Plan>,
    },
    /// A step begins.
    Begun {
        /// When.
        time: String,
        /// Its number, from 0 on.
        step: usize,
    },
    /// A step ended.
    Ended {
        /// When.
        time: String,
        /// Its number, from 0 on.
        step: usize,
        /// How.
        ending: StepEnding,
        /// What was done, a line each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
        /// What was found wrong, a line each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<String>,
    },
    /// The restore is taken back.
    Reverting {
        /// When.
        time: String,
    },
    /// A root is taken back: what was restored is out of its place.
    TakenOut {
        /// When.
        time: String,
        /// The root's number in the plan.
        root: usize,
    },
    /// A root is taken back: what was there before is there again.
    PutBack {
        /// When.
        time: String,
        /// The root's number in the plan.
        root: usize,
    },
    /// All of it is taken back.
    Reverted {
        /// When.
        time: String,
    },
    /// It stays, and what it replaced goes.
    Confirmed {
        /// When.
        time: String,
    },
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StepEnding {
    /// Done by the tool.
    Done,
    /// Done by a person, who said so.
    ByPerson,
    /// Passed over by a person, or not for this kind of run.
    Skipped,
    /// It failed, or found something wrong, and the work goes on.
    Warned,
    /// It failed.
    Failed,
}

/// A journal that is open for more lines.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// How many bytes of it are whole lines.
    whole: u64,
    plan: Plan,
    events: Vec<Event>,
}

/// How far a root was taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reversal {
    /// What was restored is out of its place.
    pub(crate) taken_out: bool,
    /// What was there before is there again.
    pub(crate) put_back: bool,
}

/// The time of a line.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// The line that ends a restore for good.
pub(crate) fn confirmed() -> Event {
    Event::Confirmed { time: now() }
}

impl Journal {
    /// Begins a journal. It must not be there yet.
    pub(crate) fn create(path: &Path, plan: Plan) -> Result<Self> {
        let first = Event::Planned {
            time: now(),
            plan: Box::new(plan.clone()),
        };
        // Under another name until the plan is whole, so that a journal always has one.
        let draft = path.with_extension("draft");
        let line = line(&first).map_err(|error| cannot("write", &draft, error))?;
        let written = crash::point().and_then(|()| {
            let mut file = File::create(&draft)?;
            file.write_all(&line)?;
            file.sync_all()
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&draft);
            return Err(cannot("write", &draft, error));
        }
        let renamed = crash::point().and_then(|()| fs::rename(&draft, path));
        renamed.map_err(|error| cannot("write", path, error))?;
        sync_folder(path.parent())?;
        let file = append_to(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            whole: line.len() as u64,
            plan,
            events: vec![first],
        })
    }

    /// Opens the journal that is there, if there is one.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let Some((plan, events, whole)) = Self::read(path)? else {
            return Ok(None);
        };
        let file = append_to(path)?;
        file.set_len(whole)
            .map_err(|error| cannot("write", path, error))?;
        Ok(Some(Self {
            path: path.to_path_buf(),
            file,
            whole,
            plan,
            events,
        }))
    }

    /// A journal that somebody else may be writing, to be read only.
    pub(crate) fn look(path: &Path) -> Result<Option<Self>> {
        let Some((plan, events, whole)) = Self::read(path)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            path: path.to_path_buf(),
            file: File::open(path).map_err(|error| cannot("read", path, error))?,
            whole,
            plan,
            events,
        }))
    }

    /// What a journal says that somebody else may be writing: its plan, its lines, and how many bytes are whole.
    fn read(path: &Path) -> Result<Option<(Plan, Vec<Event>, u64)>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| cannot("read", path, error))?,
        };
        let mut events = Vec::new();
        let (mut whole, mut number) = (0, 0);
        let mut reader = BufReader::new(file);
        loop {
            let mut bytes = Vec::new();
            let len = reader
                .read_until(b'\n', &mut bytes)
                .map_err(|error| cannot("read", path, error))?;
            // A line without an end was being written when the process was killed: it never happened.
            if bytes.pop() != Some(b'\n') {
                break;
            }
            number += 1;
            let event =
                serde_json::from_slice(&bytes).map_err(|error| damaged(path, number, &error.to_string()))?;
            events.push(event);
            whole += len as u64;
        }
        let plan = match events.first() {
            Some(Event::Planned { plan, .. }) => Plan::clone(plan),
            _ => return Err(damaged(path, 1, "it does not begin with a plan")),
        };
        let last = plan.steps.len();
        let knows = |event: &Event| match event {
            Event::Begun { step, .. } | Event::Ended { step, .. } => *step < last,
            Event::TakenOut { root, .. } | Event::PutBack { root, .. } => *root < plan.roots.len(),
            _ => true,
        };
        if !events.iter().all(knows) {
            return Err(damaged(
                path,
                number,
                "it names a step that the plan does not have",
            ));
        }
        Ok(Some((plan, events, whole)))
    }

    /// Writes a line, and waits until it is on disk.
    pub(crate) fn record(&mut self, event: Event) -> Result<()> {
        let line = line(&event).map_err(|error| cannot("write", &self.path, error))?;
        let written = crash::point().and_then(|()| {
            self.file.write_all(&line)?;
            self.file.sync_data()
        });
        if let Err(error) = written {
            // Half a line must not become the beginning of the next.
            let _ = self.file.set_len(self.whole);
            return Err(cannot("write", &self.path, error));
        }
        self.whole += line.len() as u64;
        self.events.push(event);
        crash::point().map_err(|error| cannot("write", &self.path, error))
    }

    /// Puts the journal to those of earlier restores; nothing is under way any more.
    pub(crate) fn file_away(self) -> Result<PathBuf> {
        let folder = self.path.with_file_name("history");
        fs::create_dir_all(&folder).map_err(|error| cannot("make folder", &folder, error))?;
        let name = format!("{}-{}.jsonl", self.plan.connector, self.plan.run);
        let target = folder.join(name);
        let renamed = crash::point().and_then(|()| fs::rename(&self.path, &target));
        renamed.map_err(|error| cannot("write", &target, error))?;
        sync_folder(Some(&folder))?;
        sync_folder(self.path.parent())?;
        Ok(target)
    }

    /// The restore of another journal in the same folder, which may be at work.
    pub(super) fn of_other(path: &Path) -> Result<Option<Other>> {
        let Some((plan, events, _)) = Self::read(path)? else {
            return Ok(None);
        };
        let closes = |event: &Event| matches!(event, Event::Reverted { .. } | Event::Confirmed { .. });
        if events.iter().any(closes) {
            return Ok(None);
        }
        let exchange = first_exchange(&plan, &events);
        // What only a person looks at in the end keeps nobody from working again; a service that still stands does.
        let is_work = |planned: &PlannedStep| {
            let manual = |step: &Step| step.action == Action::Manual;
            !matches!(&planned.doing, Doing::Profile { step } if manual(step))
        };
        let last = plan.steps.iter().rposition(is_work).map_or(0, |last| last + 1);
        let is_open = |step: usize| {
            let ended = ending_of(&events, step);
            ended.is_none_or(|(ending, ..)| ending == StepEnding::Failed)
        };
        let is_touched = events
            .iter()
            .any(|event| matches!(event, Event::Begun { .. } | Event::Ended { .. }));
        let is_reverting = events
            .iter()
            .any(|event| matches!(event, Event::Reverting { .. }));
        Ok(Some(Other {
            is_reverting,
            is_at_work: is_reverting || is_touched && (0..last).any(is_open),
            exchange,
            plan,
        }))
    }

    /// When the first root was touched.
    pub(crate) fn exchange(&self) -> Option<jiff::Timestamp> {
        first_exchange(&self.plan, &self.events)
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is done.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// When it was begun.
    pub(crate) fn begun_at(&self) -> &str {
        match self.events.first() {
            Some(Event::Planned { time, .. }) => time,
            _ => "",
        }
    }

    /// How a step ended the last time, if it did.
    pub(crate) fn ending(&self, step: usize) -> Option<(StepEnding, &[String], &[String])> {
        ending_of(&self.events, step)
    }

    /// When a step ended the last time, if it did.
    pub(crate) fn ended_at(&self, step: usize) -> Option<&str> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Ended { step: at, time, .. } if *at == step => Some(time.as_str()),
            _ => None,
        })
    }

    /// Whether a step need not be done again.
    pub(crate) fn is_over(&self, step: usize) -> bool {
        self.ending(step)
            .is_some_and(|(ending, ..)| ending != StepEnding::Failed)
    }

    /// Whether a step was ever begun.
    pub(crate) fn was_begun(&self, step: usize) -> bool {
        let is = |event: &Event| matches!(event, Event::Begun { step: at, .. } if *at == step);
        self.events.iter().any(is)
    }

    /// The first step that is still to be done.
    pub(crate) fn next(&self) -> Option<usize> {
        (0..self.plan.steps.len()).find(|step| !self.is_over(*step))
    }

    /// Whether it is being taken back.
    pub(crate) fn is_reverting(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, Event::Reverting { .. }))
    }

    /// Whether it is over, one way or the other, and only has to be cleared away.
    pub(crate) fn is_closed(&self) -> bool {
        let closes = |event: &Event| matches!(event, Event::Reverted { .. } | Event::Confirmed { .. });
        self.events.iter().any(closes)
    }

    /// How far a root was taken back.
    pub(crate) fn reversal(&self, root: usize) -> Reversal {
        let mut reversal = Reversal::default();
        for event in &self.events {
            match event {
                Event::TakenOut { root: at, .. } if *at == root => reversal.taken_out = true,
                Event::PutBack { root: at, .. } if *at == root => reversal.put_back = true,
                _ => {}
            }
        }
        reversal
    }
}

/// A restore of another connector.
#[derive(Debug)]
pub(super) struct Other {
    /// What is done.
    pub(super) plan: Plan,
    /// Whether its roots are neither as they were nor as they will be, or services stand still for it.
    pub(super) is_at_work: bool,
    /// Whether it is being taken back.
    pub(super) is_reverting: bool,
    /// When its first root was touched.
    pub(super) exchange: Option<jiff::Timestamp>,
}

impl Other {
    /// How it comes to an end.
    pub(super) fn ways(&self) -> Vec<String> {
        let back = command(&self.plan, "--revert");
        match self.is_reverting {
            true => vec![format!("go on taking it back first: {back}")],
            false => vec![
                format!("go on with that first: {}", command(&self.plan, "--resume")),
                format!("or take it back: {back}"),
            ],
        }
    }
}

fn first_exchange(plan: &Plan, events: &[Event]) -> Option<jiff::Timestamp> {
    events.iter().find_map(|event| match event {
        Event::Begun { time, step } => {
            let doing = &plan.steps.get(*step)?.doing;
            matches!(doing, Doing::SetAside { .. }).then(|| time.parse().ok())?
        }
        _ => None,
    })
}

/// How a step ended the last time, if it did.
fn ending_of(events: &[Event], step: usize) -> Option<(StepEnding, &[String], &[String])> {
    events.iter().rev().find_map(|event| match event {
        Event::Ended {
            step: at,
            ending,
            notes,
            findings,
            ..
        } if *at == step => Some((*ending, &notes[..], &findings[..])),
        _ => None,
    })
}

fn append_to(path: &Path) -> Result<File> {
    File::options()
        .append(true)
        .open(path)
        .map_err(|error| cannot("write", path, error))
}

fn line(event: &Event) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(event).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

fn damaged(path: &Path, line: usize, why: &str) -> Failure {
    Failure::new(format!(
        "the journal {} is damaged in line {line}: {why}",
        path.display()
    ))
    .hint("it says how far a restore came: mend it from a copy, or move it away if that restore is over")
}
