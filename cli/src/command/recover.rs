//! `recover`: the whole recovery of a server as one checklist, which can be gone on with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use restante_format::archive::Archive;
use restante_format::catalog::Listed;

use super::procedure::{begin as start, journal_path, lock, pending, refuse_own, still_alone, under_way};
use super::recover_desk::Desk;
use crate::args::Recover;
use crate::context::{Access, Context};
use crate::failure::{Failure, Outcome, Result};
use crate::procedure::{Journal, Mode, Plan, Reached, Runner, now, surroundings};
use crate::profile::Profiles;
use crate::recovery::{
    Document, Event, Kind, Mark, Record, State as StepState, WHO, Wanted, build, changed, key, markdown,
    text, waiting,
};
use crate::show::{plural, quoted, with_progress};
use crate::state::State;

/// The lock of the recovery itself: no connector is called that.
const LOCK: &str = "*recovery";

/// Plans, begins, goes on with, shows or puts away a recovery.
pub(crate) fn run(cx: &mut Context, args: &Recover) -> Result<()> {
    let profiles = Profiles::load(&cx.config)?;
    if args.dry_run {
        let record = planned(cx, &profiles, args)?;
        return show(cx, args, &record, "planned");
    }
    let state = State::of(&cx.config)?;
    let path = state
        .folder("recoveries")?
        .join(format!("{}.jsonl", state.server_key()));
    if args.status {
        return status(cx, &profiles, args, &state, &path);
    }
    let _lock = state.lock_soon(LOCK)?.ok_or_else(|| {
        Failure::new("another process is at work on the recovery of this server")
            .hint("see how far it is: restante recover --status")
    })?;
    let mut record = Record::open(&path)?;
    if let Some(record) = &mut record {
        look_at_journals(cx, &state, record)?;
    }
    if args.abandon {
        return abandon(cx, record);
    }
    let is_complete = record.as_ref().is_some_and(|record| record.next().is_none());
    let mut record = match record {
        Some(record) if is_complete && args.again => {
            record.file_away()?;
            begin(cx, &profiles, args, &state, &path)?
        }
        Some(record) if is_complete => return complete(cx, args, &state, &record),
        Some(record) => {
            refuse_new_wishes(&record, args)?;
            record
        }
        None => begin(cx, &profiles, args, &state, &path)?,
    };
    go_on(cx, &profiles, args, &state, &mut record)
}

/// What `--at` and `--allow-torn` say.
fn wanted(cx: &Context, args: &Recover) -> Result<Wanted> {
    let at = args.at.as_deref().map(|text| cx.time("--at", text)).transpose()?;
    Ok(Wanted {
        at,
        allow_torn: args.allow_torn,
    })
}

/// A recovery as it would be. Nothing is written.
fn planned(cx: &mut Context, profiles: &Profiles, args: &Recover) -> Result<Record> {
    let archive = cx.open(Access::Mapped)?;
    let (list, marks) = build(profiles, &cx.config, &archive, &wanted(cx, args)?)?;
    // What was found already is so only once a recovery begins.
    let _ = marks;
    let marks = vec![None; list.items.len()];
    Ok(Record::of_plan(list, &marks))
}

fn begin(
    cx: &mut Context,
    profiles: &Profiles,
    args: &Recover,
    state: &State,
    path: &Path,
) -> Result<Record> {
    let archive = cx.open(Access::Mapped)?;
    let (list, marks) = build(profiles, &cx.config, &archive, &wanted(cx, args)?)?;
    for part in list.parts.iter().filter(|part| part.snapshot.is_some()) {
        let _lock = lock(state, &part.connector)?;
        if let Some(journal) = pending(&journal_path(state, &part.connector)?, &part.connector)? {
            return Err(under_way(&journal));
        }
    }
    Record::create(path, list, &marks)
}

/// A recovery that was begun has its snapshots.
fn refuse_new_wishes(record: &Record, args: &Recover) -> Result<()> {
    let begun = record.begun().unwrap_or_default();
    let server = &record.list().server;
    let failure = |what: &str| {
        Failure::usage(format!(
            "a recovery of {server} is under way since {begun}: {what}"
        ))
        .hint("go on with it: restante recover")
        .hint("or put it away and begin anew: restante recover --abandon")
    };
    if args.at.is_some() || args.allow_torn {
        return Err(failure("its snapshots are chosen"));
    }
    if args.again {
        return Err(failure("it is not complete"));
    }
    Ok(())
}

fn status(cx: &mut Context, profiles: &Profiles, args: &Recover, state: &State, path: &Path) -> Result<()> {
    let Some(mut record) = Record::read(path)? else {
        let record = planned(cx, profiles, args)?;
        cx.worsen(Outcome::Incomplete);
        return show(cx, args, &record, "planned");
    };
    // What was taken back meanwhile is open again; that is written down by whoever goes on.
    look_at_journals(cx, state, &mut record)?;
    match record.next() {
        None => show(cx, args, &record, "complete"),
        Some(_) => {
            cx.worsen(Outcome::Incomplete);
            show(cx, args, &record, "waiting")
        }
    }
}

fn abandon(cx: &mut Context, record: Option<Record>) -> Result<()> {
    let Some(record) = record else {
        return Err(Failure::new("no recovery was begun").hint("begin one: restante recover"));
    };
    let server = record.list().server.clone();
    if cx.out.json {
        cx.out.json_line(&Document::new(&record, "abandoned"))?;
        return record.file_away().map(|_| ());
    }
    let kept = record.file_away()?;
    cx.out.line(&format!(
        "the recovery of {server} is put away; how far it came is written in {}",
        kept.display()
    ))?;
    cx.out
        .line("what was restored stays as it is, and each restore can still be confirmed or taken back")
}

/// The journal of a connector's restore in this recovery: the one under way, or that of one that is over.
fn journal_of(state: &State, connector: &str, run: &str) -> Result<Option<Journal>> {
    let path = journal_path(state, connector)?;
    if let Some(journal) = Journal::look(&path)?.filter(|journal| journal.plan().run == run) {
        return Ok(Some(journal));
    }
    let over = path
        .with_file_name("history")
        .join(format!("{connector}-{run}.jsonl"));
    Journal::look(&over)
}

/// Brings the checklist up to what the connectors' journals say: whoever was killed may not have come to it, and each
/// restore can be gone on with, or taken back, on its own.
fn look_at_journals(cx: &Context, state: &State, record: &mut Record) -> Result<()> {
    for part in record.list().parts.clone() {
        let Some(run) = &part.run else { continue };
        let Some(journal) = journal_of(state, &part.connector, run)? else {
            continue;
        };
        if journal.is_reverting() && journal.is_closed() {
            record.record(Event::Reopened {
                time: now(),
                connector: part.connector.clone(),
            })?;
            tell_reopened(cx, record, &part.connector);
            continue;
        }
        for (step, number) in numbers(record, journal.plan())?.into_iter().enumerate() {
            let Some((ending, notes, findings)) = journal.ending(step) else {
                continue;
            };
            let state = StepState::from(ending);
            let is_known = record.of(number).state == state;
            if is_known {
                continue;
            }
            let who = match state {
                StepState::ByPerson | StepState::NotNeeded => "a person",
                _ => WHO,
            };
            let mark = Mark {
                state,
                time: journal.ended_at(step).unwrap_or_default().to_owned(),
                who: who.to_owned(),
                notes: notes.to_vec(),
                findings: findings.to_vec(),
            };
            record.mark(number, mark)?;
        }
    }
    Ok(())
}

/// Says what a restore that was taken back means for the rest.
fn tell_reopened(cx: &Context, record: &Record, connector: &str) {
    cx.out.notice(&format!(
        "the restore of {connector} was taken back: its steps are open again"
    ));
    for part in &record.list().parts {
        let shares = part.elsewhere.iter().any(|root| root.with == connector);
        if shares && part.run.is_some() && !part.stopped.is_empty() {
            cx.out.warn(&format!(
                "it stops {} too, and {} started them already: start them again when it is done",
                part.stopped.join(", "),
                part.connector
            ));
        }
    }
}

/// The checklist's numbers of the steps of a connector's plan.
fn numbers(record: &Record, plan: &Plan) -> Result<Vec<usize>> {
    let numbers = record.list().planned(&plan.connector);
    let keys = numbers.iter().map(|number| &record.list().items[*number].key);
    let own: Vec<String> = plan.steps.iter().map(|step| key(plan, step)).collect();
    match keys.eq(&own) {
        true => Ok(numbers),
        false => Err(changed(&plan.connector)),
    }
}

/// The steps that the command line names, from 0 on.
fn named(record: &Record, ranges: &[(usize, usize)]) -> Result<BTreeSet<usize>> {
    let last = record.list().items.len();
    let mut steps = BTreeSet::new();
    for (from, to) in ranges {
        if *to > last {
            return Err(Failure::usage(format!("there is no step {to}"))
                .hint(format!("the steps are 1 to {last}: restante recover --status")));
        }
        steps.extend(from - 1..*to);
    }
    Ok(steps)
}

/// The steps of which the command line says that they are done.
fn done(record: &Record, args: &Recover) -> Result<BTreeSet<usize>> {
    let steps = named(record, &args.done)?;
    let is_range = args.done.iter().any(|(from, to)| from != to);
    for step in &steps {
        // Among several there may be some of the tool's.
        if !record.list().items[*step].by_person && !is_range {
            return Err(
                Failure::usage(format!("step {} is not for a person: the tool does it", step + 1))
                    .hint("to leave it out: --not-needed; go on: restante recover"),
            );
        }
    }
    Ok(steps
        .into_iter()
        .filter(|step| record.list().items[*step].by_person)
        .collect())
}

fn not_needed(record: &Record, args: &Recover) -> Result<BTreeSet<usize>> {
    let steps = named(record, &args.not_needed)?;
    for step in &steps {
        if record.list().items[*step].restores {
            return Err(Failure::usage(format!(
                "step {} cannot be left out: it is part of the restoring itself",
                step + 1
            )));
        }
    }
    Ok(steps)
}

/// Does what can be done, up to a step that a person has to do first, and shows the checklist.
fn go_on(
    cx: &mut Context,
    profiles: &Profiles,
    args: &Recover,
    state: &State,
    record: &mut Record,
) -> Result<()> {
    let folder = cx.archive_folder()?;
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if real(&folder) != real(Path::new(&record.list().archive)) {
        let (server, archive) = (&record.list().server, &record.list().archive);
        return Err(Failure::usage(format!(
            "the recovery of {server} that is under way is from {archive}"
        ))
        .hint(format!("restante -a {} recover", quoted(archive))));
    }
    let (done, needless) = (done(record, args)?, not_needed(record, args)?);
    let archive = cx.open(Access::Mapped)?;
    let mut desk = Desk::new(&cx.out, args, record);
    for step in needless {
        if !desk.record.state(step).is_over() {
            desk.not_needed(step)?;
        }
    }
    // Nobody can have done what comes after a step that the tool is still to do.
    let possible: BTreeSet<usize> = waiting(desk.record).into_iter().collect();
    let is_early = |step: &usize| !possible.contains(step) && !desk.record.state(*step).is_over();
    let early = done.iter().copied().find(is_early).map(|early| {
        let is_before = |step: &usize| !possible.contains(step) && !desk.record.state(*step).is_over();
        (early, (0..early).find(is_before).unwrap_or_default())
    });
    desk.takes_as_done(done.intersection(&possible).copied().collect());
    let is_terminal = desk.is_terminal();
    if is_terminal {
        desk.greet();
    }
    let reached = steps(cx, profiles, state, &archive, &mut desk);
    let document_state = match &reached {
        Ok(Reached::End) => "complete",
        Ok(Reached::Person) => "waiting",
        Err(_) => "failed",
    };
    if is_terminal {
        cx.out.line("")?;
    } else {
        show(cx, args, record, document_state)?;
        cx.out.flush()?;
    }
    if let Some((early, before)) = early {
        cx.out.warn(&format!(
            "step {} is not taken as done: step {} comes before it, and is the tool's; say it again when it is done",
            early + 1,
            before + 1
        ));
    }
    match reached? {
        Reached::Person => cx.worsen(Outcome::Incomplete),
        Reached::End => {}
    }
    if cx.out.json || args.markdown {
        return Ok(());
    }
    tell_next(cx, state, record)
}

/// Says what is waiting, or what is left to be decided when everything is done.
fn tell_next(cx: &mut Context, state: &State, record: &Record) -> Result<()> {
    let steps = waiting(record);
    if let (Some(first), Some(last)) = (steps.first(), steps.last()) {
        let all = plural(steps.len() as u64, "step", "steps");
        cx.out.line(&format!("waiting for a person: {all}"))?;
        let (which, are) = match first == last {
            true => (format!("step {}", first + 1), "is"),
            false => (format!("steps {} to {}", first + 1, last + 1), "are"),
        };
        let number = match first == last {
            true => format!("{}", first + 1),
            false => format!("{}-{}", first + 1, last + 1),
        };
        let command = cx.out.command(&format!("recover --done {number}"));
        cx.out.line(&format!("when {which} {are} done: {command}"))?;
        let command = cx.out.command("recover --not-needed STEP");
        return cx
            .out
            .line(&format!("where one of them is not needed here: {command}"));
    }
    cx.out
        .line(&format!("the recovery of {} is complete", record.list().server))?;
    let open = unconfirmed(state, record)?;
    if open.is_empty() {
        return Ok(());
    }
    cx.out
        .line("what was replaced is kept until each restore is confirmed, or taken back with --revert:")?;
    for connector in open {
        let command = format!("restore --connector {} --confirm", quoted(&connector));
        cx.out.line(&format!("  {}", cx.out.command(&command)))?;
    }
    Ok(())
}

/// The connectors whose restores are neither confirmed nor taken back.
fn unconfirmed(state: &State, record: &Record) -> Result<Vec<String>> {
    let mut open = Vec::new();
    for part in &record.list().parts {
        let path: PathBuf = journal_path(state, &part.connector)?;
        let journal = Journal::look(&path)?;
        let is_own = |journal: &Journal| part.run.as_ref() == Some(&journal.plan().run);
        if journal.is_some_and(|journal| is_own(&journal) && !journal.is_closed()) {
            open.push(part.connector.clone());
        }
    }
    Ok(open)
}

fn complete(cx: &mut Context, args: &Recover, state: &State, record: &Record) -> Result<()> {
    if cx.out.json || args.markdown {
        return show(cx, args, record, "complete");
    }
    tell_next(cx, state, record)?;
    let command = cx.out.command("recover --again");
    cx.out.line(&format!("to begin another one: {command}"))
}

/// Goes through the checklist.
fn steps(
    cx: &Context,
    profiles: &Profiles,
    state: &State,
    archive: &Archive,
    desk: &mut Desk<'_>,
) -> Result<Reached> {
    while let Some(step) = desk.record.next() {
        let item = &desk.record.list().items[step];
        let (kind, by_person) = (item.kind, item.by_person);
        let connector = item.connector.clone().unwrap_or_default();
        let is_begun = desk
            .record
            .list()
            .part(&connector)
            .is_some_and(|part| part.run.is_some());
        match kind {
            Kind::Planned if !by_person || is_begun => {
                if connector_restore(cx, profiles, state, archive, desk, &connector)? == Reached::Person {
                    return Ok(Reached::Person);
                }
                if desk.record.next() == Some(step) {
                    return Err(changed(&connector));
                }
            }
            // The places of a restore need not be there before its first steps for a person are done.
            Kind::Asked | Kind::Planned => {
                if !desk.settle(step)? {
                    return Ok(Reached::Person);
                }
            }
            Kind::Found => return Err(changed(&connector)),
        }
        if cx.progress.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(restante_format::error::Error::Interrupted.into());
        }
    }
    Ok(Reached::End)
}

/// Begins, or goes on with, the restore of one connector.
fn connector_restore(
    cx: &Context,
    profiles: &Profiles,
    state: &State,
    archive: &Archive,
    desk: &mut Desk<'_>,
    connector: &str,
) -> Result<Reached> {
    let profile = profiles.get(connector)?;
    let _lock = lock(state, connector)?;
    let Some(part) = desk.record.list().part(connector).cloned() else {
        return Err(changed(connector));
    };
    let listed = snapshot(archive, part.snapshot.as_deref().unwrap_or_default())?;
    let path = journal_path(state, connector)?;
    let mut journal = match pending(&path, connector)? {
        Some(journal) if part.run.as_ref() != Some(&journal.plan().run) => return Err(under_way(&journal)),
        Some(journal) if journal.is_reverting() => {
            return Err(
                Failure::new(format!("the restore of {connector} is being taken back")).hint(format!(
                    "go on with that: restante restore --connector {} --revert",
                    quoted(connector)
                )),
            );
        }
        Some(journal) => {
            still_alone(state, &journal)?;
            journal
        }
        None => {
            let plan = part.plan(desk.record.list(), profile, &cx.config, archive, &listed)?;
            refuse_own(&plan, archive, state)?;
            let numbers = numbers(desk.record, &plan)?;
            let steps = numbers.into_iter().zip(&plan.steps);
            desk.record.record(Event::Planned {
                time: now(),
                connector: connector.to_owned(),
                run: plan.run.clone(),
                steps: steps
                    .map(|(number, step)| (number, step.text.clone(), step.by_person))
                    .collect(),
            })?;
            start(state, &path, plan)?
        }
    };
    let plan = journal.plan().clone();
    desk.goes_through(numbers(desk.record, &plan)?);
    let at = plan.surroundings(surroundings(profile, &cx.config, archive));
    let is_quiet = cx.out.quiet || cx.out.json || desk.is_terminal();
    let progress = cx.progress.clone();
    let reached = with_progress(&progress, is_quiet, connector, || {
        Runner {
            archive,
            listed: &listed,
            journal: &mut journal,
            at,
            mode: Mode::Restore,
            person: desk,
            progress: &progress,
        }
        .run()
    });
    desk.failure()?;
    reached.map_err(|failure| in_recovery(failure, connector))
}

/// The snapshot that was chosen when the recovery began.
fn snapshot(archive: &Archive, id: &str) -> Result<Listed> {
    let found = id.parse().ok().and_then(|id| archive.catalog().get(&id));
    found.ok_or_else(|| {
        Failure::new(format!("the archive has no snapshot {id} any more"))
            .hint("choose others: restante recover --abandon, then restante recover")
    })
}

/// The failure of a connector's restore, with what to do about it here.
fn in_recovery(failure: Failure, connector: &str) -> Failure {
    let message = format!("{connector}, {}", failure.message);
    let mut hints = failure.hints.clone();
    for hint in &mut hints {
        if hint.ends_with("--resume") {
            *hint = "mend it and go on: restante recover".to_owned();
        } else if hint.ends_with("--revert") {
            *hint = format!(
                "or take this connector back: restante restore --connector {} --revert",
                quoted(connector)
            );
        }
    }
    Failure { message, ..failure }.advise(hints)
}

/// Prints the whole checklist.
fn show(cx: &mut Context, args: &Recover, record: &Record, state: &'static str) -> Result<()> {
    if cx.out.json {
        return cx.out.json_line(&Document::new(record, state));
    }
    match args.markdown {
        true => cx.out.bytes(markdown(record).as_bytes()),
        false => cx.out.line(&text(record)),
    }
}
