//! `restore --connector`: a restore by the connector's procedure, which can be gone on with and taken back.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use restante_format::archive::Archive;
use restante_format::catalog::Listed;
use restante_format::model::display_bytes;

use super::attendant::Attendant;
pub(super) use super::document::Document;
use super::document::replaced;
use super::restore::refuse_gaps;
use crate::args::Restore;
use crate::context::{Access, Context, check_connector};
use crate::failure::{Failure, Outcome, Result};
use crate::find;
use crate::procedure::{
    Going, Journal, Mode, Plan, Reached, Reverter, Runner, StepEnding, clear, command, for_a_copy, make_plan,
    refuse_inside, refuse_others, refuse_revert, stops_services, surroundings, surroundings_of, unknown,
    with_neighbours,
};
use crate::profile::{Profile, Profiles, paragraph};
use crate::show::{plural, quoted, with_progress};
use crate::state::State;

/// Plans, does, goes on with, takes back or confirms a restore.
pub(crate) fn run(cx: &mut Context, args: &Restore, connector: &str) -> Result<()> {
    let profiles = Profiles::load(&cx.config)?;
    let profile = match args.to {
        // Nobody works on a copy somewhere else.
        Some(_) => for_a_copy(profiles.get(connector)?),
        None => with_neighbours(profiles.get(connector)?, &profiles, &cx.config),
    };
    let profile = &profile;
    let state = State::of(&cx.config)?;
    // Nothing is written, the folder for journals included.
    if args.dry_run {
        let archive = cx.open(Access::Mapped)?;
        let (plan, _) = plan(cx, profile, &archive, args, &state)?;
        return show_plan(cx, &plan);
    }
    let _lock = lock(&state, connector)?;
    let folder = state.folder("restores")?;
    let path = journal_path(&state, connector)?;
    let own = &args.procedure;
    let pending = pending(&path, connector)?;
    let goes_on = own.resume || !own.done.is_empty() || !own.skip.is_empty();
    match pending {
        Some(journal) if own.confirm => confirm(cx, journal),
        Some(journal) if own.revert => {
            refuse_revert(&journal, &folder)?;
            check_numbers(journal.plan(), args)?;
            back(cx, profile, journal, args)
        }
        Some(journal) if journal.is_reverting() => Err(Failure::new(format!(
            "the restore of {connector} is being taken back"
        ))
        .hint(format!(
            "go on with that: {}",
            command(journal.plan(), "--revert")
        ))),
        Some(journal) if goes_on => go(cx, profile, journal, args, &state),
        Some(journal) => Err(under_way(&journal)),
        None if own.confirm || own.revert || own.resume => Err(Failure::new(format!(
            "no restore of {connector} is under way"
        ))
        .hint(format!(
            "begin one: restante restore --connector {}",
            quoted(connector)
        ))),
        None => {
            let archive = cx.open(Access::Mapped)?;
            let (plan, listed) = plan(cx, profile, &archive, args, &state)?;
            if !own.done.is_empty() || !own.skip.is_empty() {
                check_numbers(&plan, args)?;
            }
            let left = unknown(&plan, &folder)?;
            let journal = begin(&state, &path, plan)?;
            for left in left {
                let left = left.display();
                cx.out.warn(&format!(
                    "{left} keeps something of a restore that is not known here: remove it when nobody misses anything"
                ));
            }
            forward(cx, profile, &archive, &listed, journal, args)
        }
    }
}

/// The lock for the moment in which a restore begins; no connector has this name.
const ALL: &str = "*";

/// Begins the journal of a restore.
///
/// # Errors
/// Fails where another restore is in the way.
pub(super) fn begin(state: &State, path: &Path, plan: Plan) -> Result<Journal> {
    // So that no two restores find that the other has not begun.
    let _all = (state.lock_soon(ALL)?).ok_or_else(|| busy("restores"))?;
    refuse_others(&plan, &state.folder("restores")?, path)?;
    Journal::create(path, plan)
}

/// Fails where another restore came in the way of one that touched nothing yet.
pub(super) fn still_alone(state: &State, journal: &Journal) -> Result<()> {
    if journal.exchange().is_some() {
        return Ok(());
    }
    let _all = (state.lock_soon(ALL)?).ok_or_else(|| busy("restores"))?;
    refuse_others(journal.plan(), &state.folder("restores")?, journal.path())
}

/// What is going to be done, and from which snapshot. Nothing is written.
fn plan(
    cx: &Context,
    profile: &Profile,
    archive: &Archive,
    args: &Restore,
    state: &State,
) -> Result<(Plan, Listed)> {
    let connector = &profile.name;
    let listed = named(cx, archive, args, connector)?;
    if !args.allow_torn {
        let command = |name: &str| format!("restante restore {} --connector {connector}", quoted(name));
        refuse_gaps(archive, &listed, &command)?;
    }
    let going = args.to.as_deref().map_or(Going::Home, Going::Below);
    let plan = make_plan(profile, &cx.config, archive, &listed, going)?;
    refuse_own(&plan, archive, state)?;
    Ok((plan, listed))
}

/// Fails where the archive or the journals lie in what the restore is going to replace.
pub(super) fn refuse_own(plan: &Plan, archive: &Archive, state: &State) -> Result<()> {
    let location = PathBuf::from(archive.location());
    refuse_inside(
        plan,
        &[("archive", &location), ("folder of journals", state.path())],
    )
}

/// The lock of a connector.
///
/// # Errors
/// Fails where somebody else holds it.
pub(super) fn lock(state: &State, connector: &str) -> Result<File> {
    state.lock_soon(connector)?.ok_or_else(|| busy(connector))
}

fn busy(what: &str) -> Failure {
    Failure::new(format!("another process is at work on {what}"))
        .hint("wait for it, or stop it: a snapshot on schedule, or another restore")
}

/// Where the journal of a connector's restore lies.
pub(super) fn journal_path(state: &State, connector: &str) -> Result<PathBuf> {
    let name = format!("{}.jsonl", state.key(connector));
    Ok(state.folder("restores")?.join(name))
}

/// The restore that is under way, if one is. One that is over is cleared away.
pub(super) fn pending(path: &Path, connector: &str) -> Result<Option<Journal>> {
    match Journal::open(path)? {
        Some(journal) if journal.plan().connector != connector => Err(Failure::new(format!(
            "the journal {} is that of {}, not of {connector}",
            path.display(),
            journal.plan().connector
        ))
        .hint("give this server another folder: state = \"…\" in restante.toml")),
        Some(journal) if journal.is_closed() => {
            clear(&journal)?;
            journal.file_away()?;
            Ok(None)
        }
        other => Ok(other),
    }
}

/// The error for a restore that was begun and is not over.
pub(super) fn under_way(journal: &Journal) -> Failure {
    let plan = journal.plan();
    let (begun, last) = (journal.begun_at(), plan.steps.len());
    match journal.next() {
        Some(step) => Failure::new(format!(
            "a restore of {} is under way since {begun}: step {} of {last} is next",
            plan.connector,
            step + 1
        ))
        .hint(format!("go on: {}", command(plan, "--resume"))),
        None => Failure::new(format!(
            "the restore of {} from {begun} is not confirmed yet",
            plan.connector
        ))
        .hint(format!("keep it for good: {}", command(plan, "--confirm"))),
    }
    .hint(format!("take it back: {}", command(plan, "--revert")))
}

/// The snapshot that is meant: the newest of the connector where none is named.
fn named(cx: &Context, archive: &Archive, args: &Restore, connector: &str) -> Result<Listed> {
    if args.snapshot.is_none() {
        check_connector(archive, connector)?;
        let server = cx.config.server_name();
        return find::newest_of(archive, connector, &server);
    }
    let text = match args.snapshot.as_ref().and_then(|text| text.to_str()) {
        Some(text) if !text.split(':').next().unwrap_or_default().contains('@') => {
            format!("{connector}@{text}")
        }
        _ => String::new(),
    };
    let text = match (text.is_empty(), &args.snapshot) {
        (true, Some(snapshot)) => snapshot.clone(),
        _ => OsString::from(text),
    };
    let is_digits = |text: &str| text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let by_id = args
        .snapshot
        .as_ref()
        .filter(|text| text.to_str().is_some_and(is_digits));
    let (listed, located) = match (cx.find(archive, &text), by_id) {
        // It may be the id of another connector's: then that is what is said.
        (Err(failure), Some(id)) => cx.find(archive, id).map_err(|_| failure)?,
        (found, _) => found?,
    };
    match located {
        restante_format::archive::Located::Root(_) => Ok(listed),
        restante_format::archive::Located::Entry(..) => Err(Failure::usage(
            "a connector is restored whole: its procedure is for all of it",
        )
        .hint("leave out the path, or leave out --connector and name a folder with --to")),
    }
}

/// Fails where a number is not that of a step.
fn check_numbers(plan: &Plan, args: &Restore) -> Result<()> {
    let last = plan.steps.len();
    let numbers = args.procedure.done.iter().chain(&args.procedure.skip);
    for number in numbers {
        if !(1..=last).contains(number) {
            return Err(Failure::usage(format!("there is no step {number}")).hint(format!(
                "the steps are 1 to {last}: {}",
                command(plan, "--dry-run")
            )));
        }
    }
    for number in &args.procedure.done {
        if !plan.steps[number - 1].by_person {
            return Err(
                Failure::usage(format!("step {number} is not for a person: the tool does it"))
                    .hint("to pass over a step of the profile that fails: --skip"),
            );
        }
    }
    for number in &args.procedure.skip {
        if plan.steps[number - 1].phase.is_none() {
            return Err(Failure::usage(format!(
                "step {number} cannot be passed over: it is part of the restoring itself"
            ))
            .hint(format!(
                "take the restore back instead: {}",
                command(plan, "--revert")
            )));
        }
    }
    Ok(())
}

/// Goes on with a restore.
fn go(cx: &mut Context, profile: &Profile, journal: Journal, args: &Restore, state: &State) -> Result<()> {
    let plan = journal.plan();
    check_numbers(plan, args)?;
    let folder = cx.archive_folder()?;
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if real(&folder) != real(Path::new(&plan.archive)) {
        return Err(Failure::usage(format!(
            "the restore of {} that is under way is from {}",
            plan.connector, plan.archive
        ))
        .hint(format!(
            "restante -a {} restore --connector {} --resume",
            quoted(&plan.archive),
            plan.connector
        )));
    }
    let archive = cx.open(Access::Mapped)?;
    let (listed, _) = cx.find(&archive, &OsString::from(plan.snapshot.clone()))?;
    still_alone(state, &journal)?;
    forward(cx, profile, &archive, &listed, journal, args)
}

fn forward(
    cx: &mut Context,
    profile: &Profile,
    archive: &Archive,
    listed: &Listed,
    mut journal: Journal,
    args: &Restore,
) -> Result<()> {
    let plan = journal.plan().clone();
    let at = plan.surroundings(surroundings(profile, &cx.config, archive));
    if !cx.out.json {
        cx.out.line(&title(&plan))?;
        cx.out.flush()?;
    }
    let mut attendant = Attendant::new(&cx.out, &plan, &args.procedure.done, &args.procedure.skip);
    let progress = cx.progress.clone();
    let reached = with_progress(
        &progress,
        cx.out.quiet || cx.out.json || attendant.is_terminal(),
        "restore",
        || {
            Runner {
                archive,
                listed,
                journal: &mut journal,
                at,
                mode: Mode::Restore,
                person: &mut attendant,
                progress: &progress,
            }
            .run()
        },
    );
    let state = match &reached {
        Ok(Reached::End) => "done",
        Ok(Reached::Person) => "waiting",
        Err(_) => "failed",
    };
    if cx.out.json {
        cx.out.json_line(&Document::new(&journal, state))?;
    }
    let reached = reached?;
    tell_unreadable(cx, listed);
    match reached {
        Reached::Person => {
            cx.worsen(Outcome::Incomplete);
            if !cx.out.json {
                waiting(cx, &journal)?;
            }
        }
        Reached::End if !cx.out.json => finished(cx, &journal)?,
        Reached::End => {}
    }
    Ok(())
}

/// Says what the snapshot lacks: it is not in its place any more.
fn tell_unreadable(cx: &mut Context, listed: &Listed) {
    let unreadable = &listed.snapshot.unreadable;
    if unreadable.is_empty() {
        return;
    }
    cx.worsen(Outcome::Incomplete);
    let total = unreadable.len() as u64;
    cx.out.warn(&format!(
        "{} could not be read for the snapshot, and {} not restored:",
        plural(total, "path", "paths"),
        if total == 1 { "is" } else { "are" }
    ));
    let lines = unreadable
        .iter()
        .map(|one| format!("{}: {}", display_bytes(&one.path), one.reason));
    cx.out.name_some(lines, total);
}

/// Says what only a person can do now.
fn waiting(cx: &mut Context, journal: &Journal) -> Result<()> {
    let plan = journal.plan();
    let Some(next) = journal.next() else { return Ok(()) };
    let for_person: Vec<usize> = (next..plan.steps.len())
        .filter(|step| plan.steps[*step].by_person && !journal.is_over(*step))
        .collect();
    let all = plural(for_person.len() as u64, "step", "steps");
    cx.out.line(&format!("\nwaiting for a person: {all}"))?;
    for step in &for_person {
        let line = plan.steps[*step].line();
        cx.out.line(&paragraph(&format!("{:>3}", step + 1), &line))?;
    }
    // What the tool does not interrupt can be answered for at once.
    let together: Vec<usize> = (next..plan.steps.len())
        .take_while(|step| plan.steps[*step].by_person)
        .collect();
    let numbers: Vec<String> = together
        .iter()
        .map(|step| format!("--done {}", step + 1))
        .collect();
    let (steps, are) = match &together[..] {
        [_] => (format!("step {}", next + 1), "is"),
        several => (format!("steps {} to {}", next + 1, next + several.len()), "are"),
    };
    cx.out.line(&format!(
        "when {steps} {are} done: {}",
        cx.out.command(&sub(plan, &numbers.join(" ")))
    ))?;
    if plan.steps[next].is_optional() {
        let number = format!("--skip {}", next + 1);
        cx.out.line(&format!(
            "to leave it out: {}",
            cx.out.command(&sub(plan, &number))
        ))?;
    }
    Ok(())
}

/// A command about the restore, without the name of the program.
fn sub(plan: &Plan, option: &str) -> String {
    let all = command(plan, option);
    all.strip_prefix("restante ").unwrap_or(&all).to_owned()
}

/// Says how it went, and what can be done now.
fn finished(cx: &mut Context, journal: &Journal) -> Result<()> {
    let plan = journal.plan();
    let of = |wanted: StepEnding| {
        let steps = 0..plan.steps.len();
        steps
            .filter(|step| journal.ending(*step).is_some_and(|(ending, ..)| ending == wanted))
            .count() as u64
    };
    let mut facts = vec![plural(plan.steps.len() as u64, "step", "steps")];
    for (count, words) in [
        (of(StepEnding::ByPerson), "by a person"),
        (of(StepEnding::Skipped), "passed over"),
    ] {
        if count > 0 {
            facts.push(format!("{count} {words}"));
        }
    }
    if of(StepEnding::Warned) > 0 {
        facts.push(plural(of(StepEnding::Warned), "warning", "warnings"));
    }
    cx.out.line(&format!(
        "\n{} is restored from {}: {}",
        plan.connector,
        plan.source(),
        facts.join(", ")
    ))?;
    let kept = replaced(plan);
    if !kept.is_empty() {
        cx.out.line("what it replaced is kept in")?;
        for path in kept {
            cx.out.line(&format!("  {}", path.display()))?;
        }
    }
    let (confirm, revert) = (sub(plan, "--confirm"), sub(plan, "--revert"));
    cx.out.line(&format!(
        "to keep the restore for good: {}",
        cx.out.command(&confirm)
    ))?;
    cx.out.line(&format!(
        "to take it back:              {}",
        cx.out.command(&revert)
    ))
}

fn back(cx: &mut Context, profile: &Profile, mut journal: Journal, args: &Restore) -> Result<()> {
    let plan = journal.plan().clone();
    let at = plan.surroundings(surroundings_of(profile, &cx.config, plan.archive.clone()));
    let mut attendant = Attendant::new(&cx.out, &plan, &args.procedure.done, &args.procedure.skip);
    let progress = cx.progress.clone();
    let reached = Reverter {
        journal: &mut journal,
        at,
        person: &mut attendant,
        progress: &progress,
    }
    .run()?;
    if reached == Reached::End {
        return close(cx, journal, "reverted", "is as it was before the restore");
    }
    cx.worsen(Outcome::Incomplete);
    if cx.out.json {
        return cx.out.json_line(&Document::new(&journal, "waiting"));
    }
    let first = (plan.steps.iter().enumerate()).filter(|(_, step)| stops_services(step) && step.by_person);
    let numbers: Vec<String> = first
        .map(|(number, _)| format!(" --done {}", number + 1))
        .collect();
    cx.out.line(&format!(
        "first stop the services: then {}",
        cx.out
            .command(&sub(&plan, &format!("--revert{}", numbers.concat())))
    ))
}

fn confirm(cx: &mut Context, mut journal: Journal) -> Result<()> {
    if journal.is_reverting() || journal.next().is_some() {
        return Err(under_way(&journal));
    }
    journal.record(crate::procedure::confirmed())?;
    close(cx, journal, "confirmed", "keeps the restore for good")
}

/// Clears away what a restore that is over left.
fn close(cx: &mut Context, journal: Journal, state: &'static str, words: &str) -> Result<()> {
    clear(&journal)?;
    let document = Document::new(&journal, state);
    let connector = journal.plan().connector.clone();
    let kept = journal.file_away()?;
    if cx.out.json {
        return cx.out.json_line(&document);
    }
    cx.out.line(&format!(
        "{connector} {words}; what was done is written in {}",
        kept.display()
    ))
}

fn title(plan: &Plan) -> String {
    let to = match &plan.to {
        Some(to) => format!(" to {}", to.display()),
        None => String::new(),
    };
    format!(
        "restore {}{to} from {}: {}",
        plan.connector,
        plan.source(),
        plural(plan.steps.len() as u64, "step", "steps")
    )
}

/// Prints the plan; what then runs prints the same lines.
fn show_plan(cx: &mut Context, plan: &Plan) -> Result<()> {
    if cx.out.json {
        return cx.out.json_line(&Document::planned(plan));
    }
    cx.out.line(&title(plan))?;
    let mut heading = "";
    for (number, step) in plan.steps.iter().enumerate() {
        if step.heading() != heading {
            heading = step.heading();
            cx.out.line(&format!("\n{heading}"))?;
        }
        cx.out
            .line(&paragraph(&format!("{:>3}", number + 1), &step.line()))?;
    }
    Ok(())
}
