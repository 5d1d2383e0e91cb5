//! Asks and tells a person at a terminal about the steps of a procedure.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::{Failure, Result};
use crate::procedure::{Answer, Person, Plan, PlannedStep, StepEnding};
use crate::profile::paragraph;
use crate::show::Output;

/// Whoever sits at the terminal, or nobody.
pub(super) struct Attendant {
    is_terminal: bool,
    is_silent: bool,
    total: usize,
    done: Vec<usize>,
    skipped: Vec<usize>,
    heading: &'static str,
}

impl Attendant {
    /// `done` and `skipped` are the numbers of steps, from 1 on, that the command line answers for.
    pub(super) fn new(out: &Output, plan: &Plan, done: &[usize], skipped: &[usize]) -> Self {
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal() && !out.json;
        Self {
            is_terminal,
            is_silent: out.json,
            total: plan.steps.len(),
            done: done.to_vec(),
            skipped: skipped.to_vec(),
            heading: "",
        }
    }

    /// Whether somebody can be asked.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// A line on standard output, at once. Where nobody reads it, there is nobody to tell.
    fn tell(&self, line: &str) {
        if !self.is_silent {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }
}

impl Person for Attendant {
    fn ask(&mut self, step: usize, planned: &PlannedStep) -> Result<Answer> {
        let number = step + 1;
        let answer = if self.done.contains(&number) {
            Answer::Done
        } else if self.skipped.contains(&number) {
            Answer::Skipped
        } else if !self.is_terminal {
            return Ok(Answer::Later);
        } else {
            Answer::Later
        };
        self.begins(step, planned);
        if answer != Answer::Later {
            return Ok(answer);
        }
        let may_skip = planned.is_optional();
        loop {
            let skip = if may_skip { ", [s]kip it" } else { "" };
            eprint!("     is that done? [y]es{skip}, [q]uit and go on later: ");
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line);
            let read = read.map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
            match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(Answer::Done),
                "s" | "skip" if may_skip => return Ok(Answer::Skipped),
                "q" | "quit" => return Ok(Answer::Later),
                _ if read == 0 => return Ok(Answer::Later),
                _ => {}
            }
        }
    }

    fn skips(&self, step: usize) -> bool {
        self.skipped.contains(&(step + 1))
    }

    fn begins(&mut self, step: usize, planned: &PlannedStep) {
        if planned.heading() != self.heading {
            self.heading = planned.heading();
            self.tell(&format!("\n{}", self.heading));
        }
        let width = self.total.to_string().len().max(3);
        self.tell(&paragraph(&format!("{:>width$}", step + 1), &planned.line()));
    }

    fn ended(
        &mut self,
        _step: usize,
        ending: StepEnding,
        notes: &[String],
        findings: &[String],
        seconds: f64,
    ) {
        let word = match ending {
            StepEnding::Done if seconds >= 1.0 => &format!("done in {seconds:.1} s"),
            StepEnding::Done => "done",
            StepEnding::ByPerson => "done by a person",
            StepEnding::Skipped => "passed over",
            StepEnding::Warned => "warning",
            StepEnding::Failed => "failed",
        };
        let lines: Vec<&String> = notes.iter().chain(findings).collect();
        match &lines[..] {
            [] => self.tell(&format!("       {word}")),
            [only] => self.tell(&paragraph("   ", &format!("{word}: {only}"))),
            several => {
                self.tell(&format!("       {word}:"));
                for line in several {
                    self.tell(&paragraph("     ", line));
                }
            }
        }
    }

    fn says(&mut self, text: &str) {
        self.tell(&paragraph("   ", text));
    }
}
