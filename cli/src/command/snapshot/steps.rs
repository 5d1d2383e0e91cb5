//! The steps of a connector's profile around its snapshot.

use restante_format::archive::Taken;
use restante_format::model::display_bytes;
use restante_format::progress::Progress;

use super::job::{Input, Job};
use super::take::Settings;
use crate::failure::{Failure, Result};
use crate::procedure::{RootAt, Surroundings, surroundings_of};
use crate::profile::{Ending, OnFailure, Phase, Profile, Step};
use crate::show::warn;

/// Where the steps of a job are carried out.
pub(super) fn surroundings(settings: &Settings<'_>, profile: &Profile, job: &Job) -> Surroundings {
    let config = settings.config;
    let roots = match &job.input {
        Input::Roots(roots) => roots.as_slice(),
        Input::Stdin(_) => &[],
    };
    let root = |root: &restante_format::archive::Root| {
        let name = root
            .place
            .get(1)
            .map(|name| display_bytes(name))
            .unwrap_or_default();
        (name, RootAt::live(root.path.clone()))
    };
    let known = surroundings_of(profile, config, settings.archive.display().to_string());
    Surroundings {
        roots: roots.iter().map(root).collect(),
        // Whoever said how services are stopped for a restore did not say that they may be every few minutes.
        services: known.services.clone().filter(|services| services.for_snapshots),
        ..known
    }
}

/// Carries out the steps before a snapshot, takes it, and carries out those after it, whatever came of the others:
/// what was stopped has to run again.
///
/// # Errors
/// Fails if a step fails whose failure means that. Where one before the snapshot does, no snapshot is taken.
pub(super) fn around(
    at: &Surroundings,
    profile: &Profile,
    progress: &Progress,
    snapshot: impl FnOnce() -> Result<Taken>,
) -> Result<Taken> {
    let before = all(at, profile, Phase::BeforeSnapshot, |_| true, progress);
    let taken = before.and_then(|()| snapshot());
    let ending = if taken.is_ok() {
        Ending::Taken
    } else {
        Ending::Failed
    };
    let applies = |step: &Step| step.when.is_none_or(|when| when == ending);
    // Not stopped with the snapshot: a service that nobody starts again is worse than a moment more.
    let after = all(at, profile, Phase::AfterSnapshot, applies, &Progress::default());
    match (taken, after) {
        (Ok(taken), Err(failure)) => {
            let message = format!(
                "snapshot {} was taken, but then: {}",
                taken.id.short(),
                failure.message
            );
            Err(Failure { message, ..failure })
        }
        (Err(failure), Err(second)) => {
            warn(&second.message);
            Err(failure)
        }
        (taken, Ok(())) => taken,
    }
}

/// Carries out the steps of a phase. After a snapshot each has its turn, whatever became of the others.
fn all(
    at: &Surroundings,
    profile: &Profile,
    phase: Phase,
    applies: impl Fn(&Step) -> bool,
    progress: &Progress,
) -> Result<()> {
    let mut first = None;
    for step in profile.steps.of(phase).iter().filter(|step| applies(step)) {
        // What nobody said how to do, and what is for a person, no schedule can wait for.
        if at.is_for_person(step) || at.is_elsewhere(step) {
            continue;
        }
        let Err(failure) = one(at, step, progress) else {
            continue;
        };
        let failure = Failure {
            message: format!("{}, {}: {}", profile.name, phase.word(), failure.message),
            ..failure
        };
        match step.on_failure {
            OnFailure::Ignore => {}
            OnFailure::Warn => warn(&failure.message),
            OnFailure::Stop if phase == Phase::BeforeSnapshot => return Err(failure),
            OnFailure::Stop => first = first.or(Some(failure)),
        }
    }
    first.map_or(Ok(()), Err)
}

fn one(at: &Surroundings, step: &Step, progress: &Progress) -> Result<()> {
    let acted = at.act(step, progress).map_err(|failure| match &step.complaint {
        Some(complaint) => Failure {
            message: format!("{complaint}: {}", failure.message),
            ..failure
        },
        None => failure,
    })?;
    match acted.findings.split_first() {
        None => Ok(()),
        Some((first, rest)) => {
            let what = step.complaint.as_ref().unwrap_or(&step.note.text);
            let failure = Failure::new(format!("{what}: {first}"));
            Err(rest.iter().fold(failure, |failure, line| failure.hint(line)))
        }
    }
}
