//! `rehearse`: a restore by procedure into a scratch folder, compared with the snapshot, with a dated report.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use restante_format::archive::{Archive, CompareReport, Located};
use restante_format::catalog::Listed;
use restante_format::model::display_bytes;
use serde::Serialize;

use super::procedure::Document as StepsDocument;
use super::restore::refuse_gaps;
use crate::args::Rehearse;
use crate::context::{Access, Context, check_connector};
use crate::failure::{Failure, Outcome, Result};
use crate::find;
use crate::procedure::{
    Answer, Going, Journal, Mode, Person, Plan, PlannedStep, Runner, StepEnding, differences, filter,
    make_plan, random_digits, remove_tree, surroundings,
};
use crate::profile::{Action, At, Phase, Profile, Profiles};
use crate::show::{Align, Table, duration, plural, quoted, rfc3339, size, warn, with_progress};
use crate::state::{State, make_private};

/// Rehearses the restore of each connector.
pub(crate) fn run(cx: &mut Context, args: &Rehearse) -> Result<()> {
    let profiles = Profiles::load(&cx.config)?;
    let names: Vec<String> = args
        .connectors
        .iter()
        .flat_map(|name| cx.config.members(name))
        .cloned()
        .collect();
    let mut chosen: Vec<(&Profile, bool)> = match names.is_empty() {
        true => profiles.configured(&cx.config),
        false => (names.iter())
            .map(|name| profiles.get(name).map(|profile| (profile, true)))
            .collect::<Result<_, _>>()?,
    };
    if chosen.is_empty() {
        return Err(Failure::usage("no connector is configured")
            .hint("name where the connectors' directories lie under [roots] in restante.toml"));
    }
    if args.at.is_some() && chosen.len() != 1 {
        return Err(Failure::usage("--at names one snapshot: name the connector too"));
    }
    let state = State::of(&cx.config)?;
    let reports = match &args.report {
        Some(folder) => folder.clone(),
        None => state.folder("rehearsals")?,
    };
    let archive = cx.open(Access::Mapped)?;
    // A built-in connector that nobody named need not be on this server.
    chosen.retain(|(profile, is_named)| {
        let stays = *is_named || archive.catalog().has_connector(&profile.name);
        if !stays {
            cx.out
                .notice(&format!("{} is left out: it has no snapshot", profile.name));
        }
        stays
    });
    let mut rehearsals = Vec::new();
    for (profile, _) in chosen {
        let started = Instant::now();
        let mut rehearsal = Rehearsal::new(cx, profile);
        if let Err(failure) = rehearsal.go(cx, &archive, profile, args, &state) {
            if failure.is_interrupted() {
                return Err(failure);
            }
            rehearsal.fail(&failure);
        }
        rehearsal.seconds = started.elapsed().as_secs_f64();
        rehearsal.write(&reports, &state.key(&profile.name))?;
        rehearsals.push(rehearsal);
    }
    if rehearsals.iter().any(|rehearsal| !rehearsal.passed) {
        cx.worsen(Outcome::Damage);
    }
    tell(cx, &rehearsals)
}

fn tell(cx: &mut Context, rehearsals: &[Rehearsal]) -> Result<()> {
    if cx.out.json {
        return cx.out.json_line(&rehearsals);
    }
    let mut table = Table::new(&[
        ("CONNECTOR", Align::Left),
        ("SNAPSHOT", Align::Left),
        ("RESULT", Align::Left),
        ("COMPARED", Align::Right),
        ("TIME", Align::Right),
        ("REPORT", Align::Left),
    ]);
    for rehearsal in rehearsals {
        let id = rehearsal
            .snapshot
            .as_deref()
            .and_then(|id| id.get(..8))
            .unwrap_or("-");
        let result = match (rehearsal.passed, rehearsal.warnings.len()) {
            (false, _) => "failed".to_owned(),
            (true, 0) => "passed".to_owned(),
            (true, count) => format!("passed, {}", plural(count as u64, "warning", "warnings")),
        };
        table.row(vec![
            rehearsal.connector.clone(),
            id.to_owned(),
            result,
            format!(
                "{}, {}",
                plural(rehearsal.files, "file", "files"),
                size(rehearsal.bytes)
            ),
            duration(std::time::Duration::from_secs_f64(rehearsal.seconds)),
            rehearsal.report.clone(),
        ]);
    }
    for line in table.lines() {
        cx.out.line(&line)?;
    }
    for rehearsal in rehearsals {
        for failure in &rehearsal.failures {
            cx.out
                .error(Failure::new(format!("{}: {failure}", rehearsal.connector)));
        }
        for warning in &rehearsal.warnings {
            cx.out.warn(&format!("{}: {warning}", rehearsal.connector));
        }
    }
    Ok(())
}

/// What a rehearsal came to.
#[derive(Serialize)]
struct Rehearsal {
    connector: String,
    server: Option<String>,
    time: String,
    snapshot: Option<String>,
    taken: Option<String>,
    passed: bool,
    files: u64,
    dirs: u64,
    bytes: u64,
    /// What the procedure removes, and what therefore was not compared.
    removed: Vec<String>,
    failures: Vec<String>,
    warnings: Vec<String>,
    steps: Option<StepsDocument>,
    seconds: f64,
    report: String,
}

impl Rehearsal {
    fn new(cx: &Context, profile: &Profile) -> Self {
        Self {
            connector: profile.name.clone(),
            server: cx.config.server.clone(),
            time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            snapshot: None,
            taken: None,
            passed: true,
            files: 0,
            dirs: 0,
            bytes: 0,
            removed: Vec::new(),
            failures: Vec::new(),
            warnings: Vec::new(),
            steps: None,
            seconds: 0.0,
            report: String::new(),
        }
    }

    fn fail(&mut self, failure: &Failure) {
        self.passed = false;
        let hints = failure.hints.iter().map(|hint| format!("; {hint}"));
        self.failures
            .push(failure.message.clone() + &hints.collect::<String>());
    }

    fn go(
        &mut self,
        cx: &mut Context,
        archive: &Archive,
        profile: &Profile,
        args: &Rehearse,
        state: &State,
    ) -> Result<()> {
        let listed = match &args.at {
            Some(which) => cx.find(archive, format!("{}@{which}", profile.name).as_ref())?.0,
            None => {
                check_connector(archive, &profile.name)?;
                let server = cx.config.server_name();
                find::newest_of(archive, &profile.name, &server)?
            }
        };
        self.snapshot = Some(listed.id.to_string());
        self.taken = Some(rfc3339(listed.snapshot.time));
        for lost in &listed.snapshot.unreadable {
            let path = display_bytes(&lost.path);
            self.warnings.push(format!(
                "{path} could not be read for the snapshot: {}",
                lost.reason
            ));
        }
        if !args.allow_torn {
            let command = |name: &str| format!("restante rehearse {} --at {}", profile.name, quoted(name));
            refuse_gaps(archive, &listed, &command)?;
        }
        let base = match &args.scratch {
            Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
            None => state.folder("scratch")?,
        };
        let scratch = Scratch::make(
            base.join(format!("restante-rehearsal-{}", random_digits(4)?)),
            args.keep,
        )?;
        let plan = make_plan(
            profile,
            &cx.config,
            archive,
            &listed,
            Going::Below(&scratch.folder),
        )?;
        let mut journal = Journal::create(&scratch.folder.join("journal.jsonl"), plan)?;
        let ran = self.restore(cx, archive, &listed, profile, &mut journal);
        let state = if ran.is_ok() { "done" } else { "failed" };
        self.steps = Some(StepsDocument::new(&journal, state));
        self.warnings.extend(warned(&journal));
        ran?;
        for (number, root) in journal.plan().roots.iter().enumerate() {
            let removed = removed(profile, &root.name);
            let report = compare(cx, archive, &listed, journal.plan(), number, &removed)?;
            self.removed
                .extend(removed.iter().map(|pattern| format!("{}/{pattern}", root.name)));
            self.files += report.files;
            self.dirs += report.dirs;
            self.bytes += report.bytes;
            let others = report.total() - report.metadata;
            if others > 0 {
                self.passed = false;
                let what = plural(others, "path differs", "paths differ");
                self.failures
                    .push(format!("{}: {what} from the snapshot", root.name));
                let named = differences::named(&report).map(|line| format!("{}/{line}", root.name));
                self.failures.extend(named);
            }
        }
        if args.keep {
            cx.out.notice(&format!(
                "the restored files stay in {}",
                scratch.folder.display()
            ));
        }
        Ok(())
    }

    fn restore(
        &self,
        cx: &Context,
        archive: &Archive,
        listed: &Listed,
        profile: &Profile,
        journal: &mut Journal,
    ) -> Result<()> {
        let at = journal
            .plan()
            .surroundings(surroundings(profile, &cx.config, archive));
        let progress = cx.progress.clone();
        with_progress(&progress, cx.out.quiet, &profile.name, || {
            Runner {
                archive,
                listed,
                journal,
                at,
                mode: Mode::Rehearsal,
                person: &mut Nobody,
                progress: &progress,
            }
            .run()
        })
        .map(|_| ())
    }

    /// Writes the report, as Markdown and as JSON.
    fn write(&mut self, folder: &Path, key: &str) -> Result<()> {
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
        let name = format!("{key}-{}", self.time.replace(':', "-"));
        let (text, data) = (
            folder.join(format!("{name}.md")),
            folder.join(format!("{name}.json")),
        );
        self.report = text.display().to_string();
        fs::write(&text, self.markdown()).map_err(|error| cannot_write(&text, &error))?;
        let json = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", data.display())))?;
        fs::write(&data, json).map_err(|error| cannot_write(&data, &error))
    }

    fn markdown(&self) -> String {
        let mut text = format!("# Rehearsal of {}\n\n", self.connector);
        let mut fact = |name: &str, value: &str| text.push_str(&format!("- {name}: {value}\n"));
        fact("result", if self.passed { "passed" } else { "**failed**" });
        fact("time", &self.time);
        if let Some(server) = &self.server {
            fact("server", server);
        }
        if let (Some(id), Some(taken)) = (&self.snapshot, &self.taken) {
            fact("snapshot", &format!("{id}, taken {taken}"));
        }
        let compared = format!(
            "{} and {}, {}: every byte",
            plural(self.files, "file", "files"),
            plural(self.dirs, "directory", "directories"),
            size(self.bytes)
        );
        fact("compared with the snapshot", &compared);
        if !self.removed.is_empty() {
            fact(
                "removed by the procedure, so not compared",
                &self.removed.join(", "),
            );
        }
        fact("took", &format!("{:.1} s", self.seconds));
        for (title, lines) in [("Failures", &self.failures), ("Warnings", &self.warnings)] {
            if !lines.is_empty() {
                text.push_str(&format!("\n## {title}\n\n"));
                lines
                    .iter()
                    .for_each(|line| text.push_str(&format!("- {line}\n")));
            }
        }
        if let Some(steps) = &self.steps {
            text.push_str("\n## Steps\n\n");
            text.push_str(&steps.markdown("not in a rehearsal"));
        }
        text
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write the report {}: {error}", path.display()))
        .hint("name another folder with --report DIR")
}

/// What checks found and let pass, a line each.
fn warned(journal: &Journal) -> Vec<String> {
    let plan = journal.plan();
    let steps = plan.steps.iter().enumerate();
    steps
        .filter_map(|(number, step)| match journal.ending(number)? {
            (StepEnding::Warned, _, findings) => Some((step, findings)),
            _ => None,
        })
        .flat_map(|(step, findings)| {
            let what = step.complaint().unwrap_or(&step.note.text);
            findings.iter().map(move |finding| format!("{what}: {finding}"))
        })
        .collect()
}

/// The patterns of what the procedure removes from a root.
fn removed(profile: &Profile, root: &str) -> Vec<String> {
    let steps = profile
        .steps
        .of(Phase::AfterRestore)
        .iter()
        .chain(profile.steps.of(Phase::Finish));
    steps
        .filter_map(|step| match &step.action {
            Action::Delete(files) | Action::Quarantine(files) if files.at == At::Root(root.to_owned()) => {
                Some(files.paths.clone())
            }
            _ => None,
        })
        .flatten()
        .collect()
}

fn compare(
    cx: &Context,
    archive: &Archive,
    listed: &Listed,
    plan: &Plan,
    root: usize,
    removed: &[String],
) -> Result<CompareReport> {
    let root = &plan.roots[root];
    let located: Located = archive.locate(listed, &root.inside)?;
    let filter = filter(&[], removed, plan.ignore_case)?;
    Ok(archive.compare(&located, &root.target, Some(&filter), &cx.progress)?)
}

/// A folder that goes when it is not needed any more.
struct Scratch {
    folder: PathBuf,
    stays: bool,
}

impl Scratch {
    fn make(folder: PathBuf, stays: bool) -> Result<Self> {
        // What is restored in it may have been protected by nothing but the folder above it.
        make_private(&folder).map_err(|error| {
            Failure::new(format!("cannot make the folder {}: {error}", folder.display()))
                .hint("name another one with --scratch DIR")
        })?;
        Ok(Self { folder, stays })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.stays
            && let Err(failure) = remove_tree(&self.folder)
        {
            warn(&format!("{}: remove it by hand", failure.message));
        }
    }
}

/// In a rehearsal nobody is asked.
struct Nobody;

impl Person for Nobody {
    fn ask(&mut self, _step: usize, _planned: &PlannedStep) -> Result<Answer> {
        Ok(Answer::Later)
    }

    fn skips(&self, _step: usize) -> bool {
        false
    }

    fn begins(&mut self, _step: usize, _planned: &PlannedStep) {}

    fn ended(&mut self, _: usize, _: StepEnding, _: &[String], _: &[String], _: f64) {}

    fn says(&mut self, _text: &str) {}
}
