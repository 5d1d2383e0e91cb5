//! The first measurement: one evolving tree, step by step, the programs in turn.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::clock::{Call, Clock, Cost};
use crate::failure::Failure;
use crate::folder::{self, Size};
use crate::machine;
use crate::options::Options;
use crate::outcome::{Measured, Outcome};
use crate::tool::{Station, TREE, Tool, words};
use crate::tree::{create, judge, step};

/// What `--only` calls the programs that show what is possible.
pub const LIMITS: &str = "limits";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first snapshot in an empty repository.
    First,
    /// A snapshot of the same tree again.
    Unchanged,
    /// A snapshot after one step of the workload.
    Changed,
    /// Restoring the newest snapshot.
    Restore,
    /// Reading and checking everything.
    Verify,
}

impl Step {
    /// All, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::First,
        Self::Unchanged,
        Self::Changed,
        Self::Restore,
        Self::Verify,
    ];

    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first snapshot",
            Self::Unchanged => "nothing changed",
            Self::Changed => "one step changed",
            Self::Restore => "restore of the newest",
            Self::Verify => "read and check all",
        }
    }

    /// The steps that must not have failed before for this one to make sense.
    fn needs(self) -> &'static [Self] {
        match self {
            Self::First => &[],
            Self::Unchanged => &[Self::First, Self::Changed],
            Self::Changed => &[Self::First, Self::Unchanged],
            Self::Restore => &[Self::First, Self::Unchanged, Self::Changed],
            Self::Verify => &[Self::First],
        }
    }

    /// What could hardly be faster, as a name and the words of a command line. What it makes is to be at `made`.
    fn limit(self, made: &Path) -> Option<(&'static str, Vec<OsString>)> {
        let made = OsString::from(made);
        match self {
            Self::First => {
                let mut line = words(["tar", "--use-compress-program=zstd -3 -T2", "-c", TREE, "-f"]);
                line.push(made);
                Some(("limit: tar | zstd -3 -T2", line))
            }
            Self::Unchanged => Some(("limit: find -size +1G", words(["find", TREE, "-size", "+1G"]))),
            Self::Restore => {
                let mut line = words(["cp", "-a", TREE]);
                line.push(made);
                Some(("limit: cp -a", line))
            }
            Self::Changed | Self::Verify => None,
        }
    }
}

/// One run of a step.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// What it cost.
    pub cost: Cost,
    /// By how many bytes the repository grew, for a snapshot.
    pub stored_bytes: Option<i64>,
    /// How many files the repository has afterwards, for a snapshot.
    pub files: Option<u64>,
}

/// All runs of one step by one program.
pub struct Row {
    /// What was measured.
    pub step: Step,
    /// Which program.
    pub who: String,
    /// What it cost, run by run; empty where the program cannot do it.
    pub runs: Vec<Run>,
    /// Why there are no more runs.
    pub failure: Option<Failure>,
}

impl Measured for Row {
    fn who(&self) -> &str {
        &self.who
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }
}

struct Bench<'a> {
    options: &'a Options,
    clock: &'a Clock,
    /// Where everything lies.
    place: PathBuf,
    stations: Vec<Station>,
    rows: Vec<Row>,
}

/// Measures every step with every program that `options` want, in the folder `place`.
///
/// # Errors
///
/// Where the tree cannot be made. What a program fails at is in its rows.
pub fn measure(options: &Options, clock: &Clock, place: &Path) -> Result<Outcome<Row>, Failure> {
    let source = place.join("source");
    let wanted = Tool::ALL.into_iter().filter(|tool| options.wants(tool.name()));
    let mut bench = Bench {
        options,
        clock,
        place: place.to_owned(),
        stations: wanted
            .map(|tool| Station::new(tool, &options.restante, place, &source))
            .collect(),
        rows: Vec::new(),
    };
    let tree = create(&options.workload, &source.join(TREE))?;
    for run in 1..=options.runs {
        bench.round(Step::First, run);
    }
    for run in 1..=options.runs {
        bench.round(Step::Unchanged, run);
        step(&options.workload, &source.join(TREE), run as u64)?;
        bench.round(Step::Changed, run);
    }
    for last in [Step::Restore, Step::Verify] {
        for run in 1..=options.runs {
            bench.round(last, run);
        }
    }
    let rows = bench.rows;
    Ok(Outcome { tree, rows })
}

impl Bench<'_> {
    fn source(&self) -> PathBuf {
        self.place.join("source")
    }

    /// Every program takes the step once; then the limit does.
    fn round(&mut self, step: Step, run: usize) {
        for index in 0..self.stations.len() {
            let who = self.stations[index].tool.name();
            if self.has_failed(step, who) {
                continue;
            }
            let obstacle = step.needs().iter().find(|needed| self.has_failed(**needed, who));
            let result = match obstacle {
                Some(failed) => Err(Failure::After(failed.name())),
                None => self.take(step, index),
            };
            self.note(step, run, who, result);
        }
        let made = self.place.join("limit");
        if let Some((who, line)) = step.limit(&made).filter(|_| self.options.wants(LIMITS)) {
            let result = self.take_limit(step, &made, line);
            self.note(step, run, who, result.map(Some));
        }
    }

    fn has_failed(&self, step: Step, who: &str) -> bool {
        let failed = |row: &Row| row.step == step && row.who == who && row.failure.is_some();
        self.rows.iter().any(failed)
    }

    fn note(&mut self, step: Step, run: usize, who: &str, result: Result<Option<Run>, Failure>) {
        let place = self
            .rows
            .iter()
            .position(|row| row.step == step && row.who == who);
        let place = place.unwrap_or_else(|| {
            self.rows.push(Row {
                step,
                who: who.to_owned(),
                runs: Vec::new(),
                failure: None,
            });
            self.rows.len() - 1
        });
        let row = &mut self.rows[place];
        let of = self.options.runs;
        match result {
            Ok(None) => {}
            Ok(Some(done)) => {
                let wall_s = done.cost.wall_s;
                eprintln!("{}, run {run} of {of}: {who} {wall_s:.3} s", step.name());
                row.runs.push(done);
            }
            Err(failure) => {
                eprintln!("{}, run {run} of {of}: {who}: {failure}", step.name());
                row.failure = Some(failure);
            }
        }
    }

    /// The program takes the step once; `None` where it has no command for it.
    fn take(&mut self, step: Step, index: usize) -> Result<Option<Run>, Failure> {
        let (clock, tree) = (self.clock, self.source().join(TREE));
        let station = &mut self.stations[index];
        match step {
            Step::First | Step::Unchanged | Step::Changed => {
                if step == Step::First {
                    station.start_afresh(clock)?;
                }
                let call = station.snapshot()?;
                let before = station.stored()?;
                let cost = measured(clock, &call)?;
                station.has_taken();
                let after = station.stored()?;
                Ok(Some(Run {
                    cost,
                    stored_bytes: Some(after.bytes as i64 - before.bytes as i64),
                    files: Some(after.files),
                }))
            }
            Step::Restore => {
                let call = station.restore()?;
                folder::empty(&station.target())?;
                let cost = measured(clock, &call)?;
                let (restored, with_root) = station.restored();
                judge(&tree, &restored, with_root)?;
                folder::remove(&station.target())?;
                Ok(Some(Run::of(cost)))
            }
            Step::Verify => {
                let call = station.verify()?;
                let cost = call.map(|call| measured(clock, &call)).transpose()?;
                Ok(cost.map(Run::of))
            }
        }
    }

    /// The program that shows what is possible takes the step once, and leaves what it makes at `made`.
    fn take_limit(&self, step: Step, made: &Path, mut line: Vec<OsString>) -> Result<Run, Failure> {
        folder::remove(made)?;
        let name = line.remove(0).to_string_lossy().into_owned();
        let missing = || Failure::Missing(format!("{name} is not on PATH"));
        let call = Call {
            program: machine::find(&name).ok_or_else(missing)?,
            arguments: line,
            environment: Vec::new(),
            folder: self.source(),
        };
        let mut run = Run::of(measured(self.clock, &call)?);
        if step == Step::First {
            run.stored_bytes = Some(Size::of(made)?.bytes as i64);
        }
        if step == Step::Restore {
            judge(&self.source().join(TREE), made, true)?;
        }
        folder::remove(made)?;
        Ok(run)
    }
}

impl Run {
    fn of(cost: Cost) -> Self {
        Self {
            cost,
            stored_bytes: None,
            files: None,
        }
    }
}

/// Runs a program after everything that others wrote has reached the disk, so that none waits for another's bytes.
fn measured(clock: &Clock, call: &Call) -> Result<Cost, Failure> {
    rustix::fs::sync();
    clock.run(call)
}
