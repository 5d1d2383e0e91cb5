//! Goes through a plan: carries out what is for the tool, asks a person for the rest, and keeps in the journal how
//! far it came.

use std::time::Instant;

use restante_format::archive::{Archive, Located, Overwrite, Restore};
use restante_format::catalog::Listed;
use restante_format::progress::Progress;

use super::act::Acted;
use super::journal::{Event, Journal, StepEnding, now};
use super::plan::{Doing, Plan, PlannedRoot, PlannedStep, command};
use super::{Surroundings, swap};
use crate::failure::{Failure, Result, chain};
use crate::profile::{Action, OnFailure, Phase};
use crate::show::plural;

/// How many differences an error names.
const NAMED: usize = 10;

/// What a person says about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// It is passed over.
    Skipped,
    /// It is not needed here, whatever the profile says: somebody decided that.
    NotNeeded,
    /// Not now: there is nobody to ask, or they want to stop here.
    Later,
}

/// Who is asked, and told.
pub(crate) trait Person {
    /// Whether a step for a person is done.
    fn ask(&mut self, step: usize, planned: &PlannedStep) -> Result<Answer>;

    /// Whether somebody said that a step of the tool is to be passed over.
    fn skips(&self, step: usize) -> bool;

    /// A step begins.
    fn begins(&mut self, step: usize, planned: &PlannedStep);

    /// A step ended.
    fn ended(&mut self, step: usize, ending: StepEnding, notes: &[String], findings: &[String], seconds: f64);

    /// Something happens that is no step.
    fn says(&mut self, text: &str);
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// The end.
    End,
    /// A step that a person has to do first.
    Person,
}

/// Whether it is the real thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is.
    Restore,
    /// Into a scratch folder: without services, other programs, and people.
    Rehearsal,
}

/// Somebody who goes through a plan.
pub(crate) struct Runner<'a> {
    pub(crate) archive: &'a Archive,
    pub(crate) listed: &'a Listed,
    pub(crate) journal: &'a mut Journal,
    pub(crate) at: Surroundings,
    pub(crate) mode: Mode,
    pub(crate) person: &'a mut dyn Person,
    pub(crate) progress: &'a Progress,
}

impl Runner<'_> {
    /// Does every step that is still to be done, up to one that a person has to do first.
    ///
    /// # Errors
    /// Fails at the first step whose failure means that. It is done again the next time.
    pub(crate) fn run(&mut self) -> Result<Reached> {
        while let Some(step) = self.journal.next() {
            self.stop_if_asked()?;
            let planned = self.journal.plan().steps[step].clone();
            if self.mode == Mode::Rehearsal && !is_rehearsed(&planned) {
                self.person.begins(step, &planned);
                self.end(step, StepEnding::Skipped, Acted::default(), 0.0)?;
                continue;
            }
            if planned.by_person {
                let ending = match self.person.ask(step, &planned)? {
                    Answer::Done => StepEnding::ByPerson,
                    Answer::Skipped if planned.is_optional() => StepEnding::Skipped,
                    Answer::NotNeeded => StepEnding::Skipped,
                    _ => return Ok(Reached::Person),
                };
                self.end(step, ending, Acted::default(), 0.0)?;
                continue;
            }
            self.person.begins(step, &planned);
            if self.person.skips(step) && planned.phase.is_some() {
                self.end(step, StepEnding::Skipped, Acted::default(), 0.0)?;
                continue;
            }
            self.one(step, &planned)?;
        }
        Ok(Reached::End)
    }

    fn stop_if_asked(&self) -> Result<()> {
        match self.progress.stop.load(std::sync::atomic::Ordering::Relaxed) {
            true => {
                let failure = Failure::from(restante_format::error::Error::Interrupted);
                Err(match self.mode {
                    Mode::Rehearsal => failure,
                    Mode::Restore => failure.advise(ways(self.journal.plan()).to_vec()),
                })
            }
            false => Ok(()),
        }
    }

    /// Does one step of the tool.
    fn one(&mut self, step: usize, planned: &PlannedStep) -> Result<()> {
        self.journal.record(Event::Begun { time: now(), step })?;
        let started = Instant::now();
        let done = self.carry_out(planned);
        // Who stopped it did not fail it.
        self.stop_if_asked()?;
        let seconds = started.elapsed().as_secs_f64();
        let (on_failure, complaint) = match &planned.doing {
            Doing::Profile { step } => (step.on_failure, step.complaint.clone()),
            _ => (OnFailure::Stop, None),
        };
        let number = step + 1;
        let (acted, failure) = match done {
            Ok(acted) if acted.findings.is_empty() => {
                return self.end(step, StepEnding::Done, acted, seconds);
            }
            Ok(acted) => {
                let what = complaint.unwrap_or_else(|| planned.text.clone());
                let failure = Failure::new(format!("step {number}: {what}: {}", acted.findings[0]));
                let rest = acted.findings[1..].iter().take(NAMED);
                (
                    acted.clone(),
                    rest.fold(failure, |failure, line| failure.hint(line)),
                )
            }
            Err(failure) => {
                let findings = std::iter::once(&failure.message).chain(&failure.hints).cloned();
                let acted = Acted {
                    findings: findings.collect(),
                    ..Acted::default()
                };
                let what = complaint.as_ref().unwrap_or(&planned.text);
                let message = format!("step {number}, {what}: {}", failure.message);
                (acted, Failure { message, ..failure })
            }
        };
        match on_failure {
            OnFailure::Ignore => self.end(step, StepEnding::Done, acted, seconds),
            OnFailure::Warn => self.end(step, StepEnding::Warned, acted, seconds),
            OnFailure::Stop => {
                self.end(step, StepEnding::Failed, acted, seconds)?;
                Err(match self.mode {
                    Mode::Rehearsal => failure,
                    Mode::Restore => {
                        let plan = self.journal.plan();
                        let failure = failure.hints(ways(plan).to_vec());
                        match planned.phase {
                            Some(_) => {
                                let skip = command(plan, &format!("--skip {number}"));
                                failure.hint(format!("or pass over the step: {skip}"))
                            }
                            None => failure,
                        }
                    }
                })
            }
        }
    }

    fn end(&mut self, step: usize, ending: StepEnding, acted: Acted, seconds: f64) -> Result<()> {
        let Acted { notes, findings } = acted;
        self.person.ended(step, ending, &notes, &findings, seconds);
        self.journal.record(Event::Ended {
            time: now(),
            step,
            ending,
            notes,
            findings,
        })
    }

    fn carry_out(&self, planned: &PlannedStep) -> Result<Acted> {
        let plan = self.journal.plan();
        match &planned.doing {
            Doing::Profile { step } => self.at.act(step, self.progress),
            Doing::Stage { root } => self.stage(&plan.roots[*root]),
            Doing::Verify { root } => self.verify(&plan.roots[*root]),
            Doing::SetAside { root } => swap::set_aside(plan, &plan.roots[*root]).map(|()| Acted::default()),
            Doing::PutIn { root } => {
                let root = &plan.roots[*root];
                swap::put_in(root)?;
                swap::remove_holder(root, &root.new)?;
                Ok(Acted::default())
            }
        }
    }

    fn located(&self, root: &PlannedRoot) -> Result<Located> {
        let listed = match &root.snapshot {
            None => self.listed,
            Some(id) => {
                let found = id.parse().ok().and_then(|id| self.archive.catalog().get(&id));
                let gone = || Failure::new(format!("the archive has no snapshot {id} any more"));
                &found.ok_or_else(gone)?
            }
        };
        Ok(self.archive.locate(listed, &root.inside)?)
    }

    /// Restores a root beside its place. What an interrupted run left there goes first.
    fn stage(&self, root: &PlannedRoot) -> Result<Acted> {
        swap::remove_holder(root, &root.new)?;
        let folder = swap::holder(&root.new).to_path_buf();
        swap::make_holder(root, &root.new)?;
        let restore = Restore {
            target: folder.clone(),
            overwrite: None::<Overwrite>,
            dry_run: false,
        };
        let report = self
            .archive
            .restore(&self.located(root)?, &restore, self.progress)?;
        if report.failed > 0 {
            let what = plural(report.failed, "path", "paths");
            let failure = Failure::new(format!("{what} could not be restored"));
            let is_damage = report.failures.iter().any(|(_, error)| error.is_damage());
            let named = report.failures.iter().take(NAMED);
            let failure = named.fold(failure, |failure, (path, error)| {
                let path = restante_format::model::display_bytes(path);
                failure.hint(format!("{path}: {}", chain(error)))
            });
            return Err(match is_damage {
                true => failure.damaged(),
                false => failure,
            });
        }
        swap::sync_all(&folder)?;
        let mut notes = vec![format!(
            "{}, {}",
            plural(report.files, "file", "files"),
            crate::show::size(report.bytes)
        )];
        if report.refused > 0 {
            notes.push(format!(
                "{} could not be set",
                plural(report.refused, "attribute", "attributes")
            ));
        }
        if report.unowned > 0 {
            notes.push(format!(
                "{} could not be given their owner, which only root may do",
                plural(report.unowned, "path", "paths")
            ));
        }
        Ok(Acted {
            notes,
            findings: Vec::new(),
        })
    }

    /// Reads a staged root back.
    fn verify(&self, root: &PlannedRoot) -> Result<Acted> {
        let report = self
            .archive
            .compare(&self.located(root)?, &root.new, None, self.progress)?;
        super::differences::judge(&report)
    }
}

/// Somebody who takes a restore back. Nothing is read from the archive.
pub(crate) struct Reverter<'a> {
    pub(crate) journal: &'a mut Journal,
    pub(crate) at: Surroundings,
    pub(crate) person: &'a mut dyn Person,
    pub(crate) progress: &'a Progress,
}

impl Reverter<'_> {
    /// Takes everything back: what was restored goes out of its place, and what was there before comes back.
    ///
    /// # Errors
    /// Fails where something is in the way; what was taken back stays so, and the rest is done the next time.
    pub(crate) fn run(&mut self) -> Result<Reached> {
        self.look_at_kept()?;
        let done = self.undo();
        done.map_err(|failure| {
            let again = command(self.journal.plan(), "--revert");
            failure.hint(format!("mend it and go on: {again}"))
        })
    }

    fn undo(&mut self) -> Result<Reached> {
        if !self.journal.is_reverting() {
            self.journal.record(Event::Reverting { time: now() })?;
        }
        let plan = self.journal.plan().clone();
        let services = |phase: Phase| {
            let steps = plan.steps.iter().enumerate();
            steps.filter(move |(_, planned)| {
                let is_service = |step: &crate::profile::Step| {
                    matches!(
                        step.action,
                        Action::StopServices { .. } | Action::StartServices { .. }
                    )
                };
                planned.phase == Some(phase)
                    && matches!(&planned.doing, Doing::Profile { step } if is_service(step))
            })
        };
        let untouched = (plan.steps.iter().enumerate())
            .filter(|(_, planned)| matches!(planned.doing, Doing::SetAside { .. }))
            .all(|(step, _)| !self.journal.was_begun(step));
        let stopped = plan.steps.iter().enumerate().any(|(step, planned)| {
            stops_services(planned) && (self.journal.was_begun(step) || self.journal.is_over(step))
        });
        // What was never set aside needs no service to stand still.
        if !untouched && self.services(services(Phase::BeforeRestore))? == Reached::Person {
            return Ok(Reached::Person);
        }
        for (number, root) in plan.roots.iter().enumerate().rev() {
            let begun = |wanted: &Doing| {
                let mut steps = plan.steps.iter().enumerate();
                steps.any(|(step, planned)| planned.doing == *wanted && self.journal.was_begun(step))
            };
            let (aside, put) = (
                begun(&Doing::SetAside { root: number }),
                begun(&Doing::PutIn { root: number }),
            );
            let reversal = self.journal.reversal(number);
            if put && !reversal.taken_out {
                self.person
                    .says(&format!("taking {} out of {}", root.name, root.target.display()));
                swap::take_out(&plan, root)?;
                self.journal.record(Event::TakenOut {
                    time: now(),
                    root: number,
                })?;
            }
            if aside && !reversal.put_back {
                self.person
                    .says(&format!("putting back what was in {}", root.target.display()));
                swap::put_back(&plan, root)?;
                self.journal.record(Event::PutBack {
                    time: now(),
                    root: number,
                })?;
            }
        }
        if (stopped || !untouched) && self.services(services(Phase::Finish))? == Reached::Person {
            self.person
                .says("start the services again: nothing here knows how");
        }
        self.journal.record(Event::Reverted { time: now() })?;
        Ok(Reached::End)
    }

    /// Fails where what was replaced is not there any more: then nothing may be taken out of its place.
    fn look_at_kept(&self) -> Result<()> {
        let plan = self.journal.plan();
        for (step, planned) in plan.steps.iter().enumerate() {
            let Doing::SetAside { root: number } = planned.doing else {
                continue;
            };
            let root = &plan.roots[number];
            if self.journal.is_over(step) && !self.journal.reversal(number).put_back && !swap::is_kept(root)?
            {
                let kept = swap::holder(&root.old).display().to_string();
                return Err(Failure::new(format!(
                    "cannot take back {}: {kept}, which kept what was replaced, is not there any more",
                    root.target.display()
                ))
                .hint("was it moved, or removed? put it there again, or keep what is restored:")
                .hint(command(plan, "--confirm")));
            }
        }
        Ok(())
    }

    fn services<'s>(&mut self, steps: impl Iterator<Item = (usize, &'s PlannedStep)>) -> Result<Reached> {
        for (number, planned) in steps {
            let Doing::Profile { step } = &planned.doing else {
                continue;
            };
            if planned.by_person {
                if self.person.ask(number, planned)? == Answer::Later {
                    return Ok(Reached::Person);
                }
                continue;
            }
            // What a person passed over going forward is passed over going back.
            let ending = self.journal.ending(number).map(|(ending, ..)| ending);
            if ending == Some(StepEnding::Skipped) || self.person.skips(number) {
                continue;
            }
            self.person.says(&planned.text);
            if let Err(failure) = self.at.act(step, self.progress) {
                if step.on_failure == OnFailure::Stop {
                    let skip = command(self.journal.plan(), &format!("--revert --skip {}", number + 1));
                    return Err(failure.hint(format!("pass over it: {skip}")));
                }
                self.person.says(&failure.message);
            }
        }
        Ok(Reached::End)
    }
}

/// Removes the folders of a restore that is over.
pub(crate) fn clear(journal: &Journal) -> Result<()> {
    for root in &journal.plan().roots {
        swap::remove_holder(root, &root.new)?;
        swap::remove_holder(root, &root.old)?;
        if journal.is_reverting() {
            swap::remove_tree(&root.aside(&journal.plan().run))?;
            swap::remove_made(root);
        }
    }
    Ok(())
}

/// How a restore that stopped goes on.
fn ways(plan: &Plan) -> [String; 2] {
    [
        format!("mend it and go on: {}", command(plan, "--resume")),
        format!("or take everything back: {}", command(plan, "--revert")),
    ]
}

/// Whether a step stops services before a restore.
pub(crate) fn stops_services(planned: &PlannedStep) -> bool {
    let Doing::Profile { step } = &planned.doing else {
        return false;
    };
    planned.phase == Some(Phase::BeforeRestore) && matches!(step.action, Action::StopServices { .. })
}

/// Whether a rehearsal does a step: what reaches beyond the scratch folder it leaves alone.
fn is_rehearsed(planned: &PlannedStep) -> bool {
    let Doing::Profile { step } = &planned.doing else {
        return true;
    };
    let beyond = matches!(
        step.action,
        Action::Manual
            | Action::Run(_)
            | Action::StopServices { .. }
            | Action::StartServices { .. }
            | Action::Probe { .. }
    );
    let elsewhere = matches!(step.action.at(), Some(crate::profile::At::Place(_)));
    !beyond && !elsewhere
}
