//! `watch`: takes snapshots of the connectors on their schedules, until it is stopped.

mod keeper;
mod report;
mod schedule;
mod turns;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use restante_format::archive::{Archive, Memory};

use crate::args::Watch;
use crate::command::forget::request::system_zone;
use crate::context::{Access, Context, was_here};
use crate::failure::{Failure, Outcome, Result};
use crate::profile::{Profile, Profiles, show_duration};
use crate::state::State;
use keeper::Keeper;
use report::Reporter;
use turns::Bell;
use worker::{Shared, Worker};

/// How often it is looked whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// More threads than these do not make one connector faster.
const MOST_THREADS: usize = 16;

/// What a worker's archive needs, however many share what is granted.
const LEAST_MEMORY: u64 = 32 << 20;

/// A connector with its schedule.
struct Watched<'a> {
    profile: &'a Profile,
    every: Duration,
}

/// Takes snapshots until it is stopped.
pub(crate) fn run(cx: &mut Context, args: &Watch) -> Result<()> {
    let profiles = Profiles::load(&cx.config)?;
    let folder = cx.writable_folder()?;
    // An archive that is not there now was never there: whoever starts this should hear of it.
    let archive = cx.open_at(&folder, Access::Mapped)?;
    let watched = if args.connectors.is_empty() {
        scheduled(cx, &profiles, &archive)?
    } else {
        named(cx, &profiles, &args.connectors)?
    };
    let id = archive.config().archive;
    drop(archive);
    // Damage was warned of. It is for `verify` to tell scripts.
    cx.outcome = Outcome::Done;
    let state = State::of(&cx.config)?;
    state.folder("locks")?;
    announce(cx, &watched);
    let forgets = watched.iter().any(|watched| watched.profile.keep.is_some());
    if forgets {
        system_zone(&cx.out, "TZ");
    }
    let pruning = keeper::Pruning::of(&cx.config, &state, id, forgets)?;

    let (config, progress) = (cx.config.clone(), Arc::clone(&cx.progress));
    let share = cx.memory().bytes / watched.len().max(1) as u64;
    let shared = Shared {
        config: &config,
        archive: &folder,
        memory: Memory {
            bytes: share.max(LEAST_MEMORY),
        },
        threads: rayon::current_num_threads().min(MOST_THREADS),
        state: &state,
        progress: &progress,
        start: Instant::now(),
        runs: args.runs,
    };
    let workers = watched.iter().enumerate();
    let workers: Result<Vec<Worker<'_>>> = workers
        .map(|(number, watched)| Worker::new(&shared, number, watched.profile, watched.every))
        .collect();
    let keeper = Keeper::new(
        &shared,
        watched.iter().map(|watched| watched.profile).collect(),
        pruning,
    );
    let names = watched.iter().map(|watched| watched.profile.name.clone());
    let mut reporter = Reporter::new(names.collect());
    work(cx, workers?, keeper, &mut reporter)?;
    // Its work is to run until it is stopped.
    if !progress.stop.load(Ordering::Relaxed) {
        cx.worsen(reporter.outcome());
    }
    Ok(())
}

/// Lets the workers work, and tells of each run.
fn work(
    cx: &mut Context,
    workers: Vec<Worker<'_>>,
    keeper: Keeper<'_>,
    reporter: &mut Reporter,
) -> Result<()> {
    let progress = Arc::clone(&cx.progress);
    let stopped = || progress.stop.load(Ordering::Relaxed);
    let (sender, events) = channel();
    std::thread::scope(|threads| {
        let (mut stops, mut handles) = (Vec::new(), Vec::new());
        let (keeps, turns) = channel();
        for (number, worker) in workers.into_iter().enumerate() {
            let (stop, asked) = channel();
            let (sender, bell) = (sender.clone(), Bell::new(number, keeps.clone()));
            stops.push(stop);
            handles.push(threads.spawn(move || worker.work(&asked, &sender, &bell)));
        }
        // It ends when the last worker has.
        drop(keeps);
        handles.push(threads.spawn(move || keeper.work(&turns, &sender)));
        let mut told = Ok(());
        loop {
            if stopped() {
                // Closing them wakes those that wait for their time.
                stops.clear();
            }
            match events.recv_timeout(LOOK) {
                Ok(event) if told.is_ok() => {
                    told = reporter.tell(cx, event);
                    if told.is_err() {
                        progress.stop.store(true, Ordering::Relaxed);
                    }
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for handle in handles {
            if handle.join().is_err() {
                told = told.and(Err(Failure::new("a worker of watch ended before its time")));
            }
        }
        told
    })
}

/// Every configured connector that has a schedule.
fn scheduled<'a>(cx: &Context, profiles: &'a Profiles, archive: &Archive) -> Result<Vec<Watched<'a>>> {
    let selection = profiles.select(&cx.config, &[])?;
    for (name, why) in &selection.absent {
        if !was_here(archive, &cx.config, name) {
            cx.out.notice(&format!("{name} is left out: {why}"));
        }
    }
    let is_absent = |name: &String| {
        selection.absent.iter().any(|(absent, _)| absent == name) && !was_here(archive, &cx.config, name)
    };
    let mut watched = Vec::new();
    for (profile, _) in profiles.configured(&cx.config) {
        match profile.every {
            _ if is_absent(&profile.name) => {}
            Some(every) => watched.push(Watched { profile, every }),
            None => cx.out.notice(&format!(
                "{} is left out: it has no schedule; give it one with every = \"1h\"",
                profile.name
            )),
        }
    }
    if watched.is_empty() {
        return Err(Failure::usage("no configured connector has a schedule")
            .hint("give one a schedule in restante.toml: every = \"1m\" in [connector.NAME]"));
    }
    Ok(watched)
}

/// The connectors of these names.
fn named<'a>(cx: &Context, profiles: &'a Profiles, names: &[String]) -> Result<Vec<Watched<'a>>> {
    let mut watched: Vec<Watched<'a>> = Vec::new();
    for name in names.iter().flat_map(|name| cx.config.members(name)) {
        let profile = profiles.get(name)?;
        let Some(every) = profile.every else {
            return Err(
                Failure::usage(format!("connector {name} has no schedule")).hint(format!(
                    "give it one in restante.toml: every = \"1m\" in [connector.{name}]"
                )),
            );
        };
        if watched.iter().all(|known| known.profile.name != *name) {
            watched.push(Watched { profile, every });
        }
    }
    Ok(watched)
}

/// Says what is going to be done, and what is not.
fn announce(cx: &Context, watched: &[Watched<'_>]) {
    let each = |watched: &Watched<'_>| {
        let every = show_duration(watched.every);
        format!("{} every {every}", watched.profile.name)
    };
    let all: Vec<String> = watched.iter().map(each).collect();
    cx.out.notice(&format!("watching {}", all.join(", ")));
}
