//! Asks and tells a person about the steps of a recovery, and writes down what was answered.

use std::collections::BTreeSet;
use std::env;
use std::io::{self, BufRead, IsTerminal, Write};

use crate::args::Recover;
use crate::failure::{Failure, Result};
use crate::procedure::{Answer, Person, PlannedStep, StepEnding, now};
use crate::profile::paragraph;
use crate::recovery::{Kind, Mark, Record, State, WHO, head, section_title, state_lines, step_lines};
use crate::show::Output;

/// Whoever sits at the terminal, or nobody.
pub(super) struct Desk<'a> {
    /// How far the recovery came.
    pub(super) record: &'a mut Record,
    is_terminal: bool,
    done: BTreeSet<usize>,
    who: String,
    section: String,
    /// The checklist's numbers of the steps of the plan that is gone through.
    numbers: Vec<usize>,
    /// What kept an answer from being written down.
    failed: Option<Failure>,
}

impl<'a> Desk<'a> {
    /// The desk of one run of the command.
    pub(super) fn new(out: &Output, args: &Recover, record: &'a mut Record) -> Self {
        let is_plain = !out.json && !args.markdown;
        Self {
            record,
            is_terminal: is_plain && io::stdin().is_terminal() && io::stderr().is_terminal(),
            done: BTreeSet::new(),
            who: who(args),
            section: String::new(),
            numbers: Vec::new(),
            failed: None,
        }
    }

    /// Whether somebody can be asked.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Takes these steps, by their numbers from 0 on, as done, as the command line says.
    pub(super) fn takes_as_done(&mut self, steps: BTreeSet<usize>) {
        self.done = steps;
    }

    /// Goes through a plan whose steps have these numbers in the checklist.
    pub(super) fn goes_through(&mut self, numbers: Vec<usize>) {
        self.numbers = numbers;
    }

    /// What kept an answer from being written down, if something did.
    pub(super) fn failure(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Asks about a step that is in no plan that runs, and writes the answer down. `false` where there is none yet.
    pub(super) fn settle(&mut self, step: usize) -> Result<bool> {
        let state = match self.answer(step)? {
            Answer::Done => State::ByPerson,
            Answer::Skipped | Answer::NotNeeded => State::NotNeeded,
            Answer::Later => return Ok(false),
        };
        self.mark(step, state, &[], &[])?;
        self.tell_end(step);
        Ok(true)
    }

    /// Writes down that steps are not needed here.
    pub(super) fn not_needed(&mut self, step: usize) -> Result<()> {
        self.mark(step, State::NotNeeded, &[], &[])
    }

    fn mark(&mut self, step: usize, state: State, notes: &[String], findings: &[String]) -> Result<()> {
        let who = match state {
            State::ByPerson | State::NotNeeded => self.who.clone(),
            _ => WHO.to_owned(),
        };
        let mark = Mark {
            state,
            time: now(),
            who,
            notes: notes.to_vec(),
            findings: findings.to_vec(),
        };
        self.record.mark(step, mark)
    }

    /// A line on standard output, at once, for who sits there. Where nobody does the checklist is printed at the end.
    fn tell(&self, line: &str) {
        if self.is_terminal {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }

    /// Says how far the recovery is, and which backups it is from.
    pub(super) fn greet(&self) {
        self.tell(&head(self.record));
        let items = self.record.list().items.iter().enumerate();
        let backups: Vec<usize> = items
            .filter(|(_, item)| item.kind == Kind::Found)
            .map(|(step, _)| step)
            .collect();
        if let Some(first) = backups.first() {
            self.tell(&format!("\n{}", section_title(self.record, *first)));
        }
        for step in backups {
            self.tell(&step_lines(self.record, step));
            self.tell_end(step);
        }
    }

    fn tell_step(&mut self, step: usize) {
        let title = section_title(self.record, step);
        if title != self.section {
            self.tell(&format!("\n{title}"));
            self.section = title;
        }
        self.tell(&step_lines(self.record, step));
    }

    fn tell_end(&self, step: usize) {
        self.tell(&state_lines(self.record, step));
    }

    fn answer(&mut self, step: usize) -> Result<Answer> {
        if self.done.contains(&step) {
            self.tell_step(step);
            return Ok(Answer::Done);
        }
        if !self.is_terminal {
            return Ok(Answer::Later);
        }
        self.tell_step(step);
        loop {
            eprint!("          is that done? [y]es, [n]ot needed here, [q]uit and go on later: ");
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line);
            let read = read.map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
            match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(Answer::Done),
                "n" | "not needed" => return Ok(Answer::NotNeeded),
                "q" | "quit" => return Ok(Answer::Later),
                _ if read == 0 => return Ok(Answer::Later),
                _ => {}
            }
        }
    }
}

/// Who answers: whoever is named, else the user.
fn who(args: &Recover) -> String {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let user = || ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(variable);
    let named = args.by.clone().or_else(user);
    named.unwrap_or_else(|| "a person".to_owned())
}

impl Person for Desk<'_> {
    fn ask(&mut self, step: usize, _planned: &PlannedStep) -> Result<Answer> {
        self.failure()?;
        let step = self.numbers[step];
        match self.record.state(step) {
            State::ByPerson => Ok(Answer::Done),
            State::NotNeeded => Ok(Answer::NotNeeded),
            _ => self.answer(step),
        }
    }

    fn skips(&self, step: usize) -> bool {
        self.record.state(self.numbers[step]) == State::NotNeeded
    }

    fn begins(&mut self, step: usize, _planned: &PlannedStep) {
        self.tell_step(self.numbers[step]);
    }

    fn ended(
        &mut self,
        step: usize,
        ending: StepEnding,
        notes: &[String],
        findings: &[String],
        _seconds: f64,
    ) {
        let step = self.numbers[step];
        let state = State::from(ending);
        // What was answered before keeps its time.
        let is_known =
            matches!(state, State::ByPerson | State::NotNeeded) && self.record.state(step) == state;
        if is_known {
            return;
        }
        match self.mark(step, state, notes, findings) {
            Ok(()) => self.tell_end(step),
            Err(failure) => self.failed = Some(failure),
        }
    }

    fn says(&mut self, text: &str) {
        self.tell(&paragraph("   ", text));
    }
}
