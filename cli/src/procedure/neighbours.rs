//! Connectors that work in the same directories: their services have to stand still, too, while one of them is restored.

use std::path::{Path, PathBuf};

use super::overlaps::real;
use crate::config::Config;
use crate::profile::{Action, Note, OnFailure, Phase, Profile, Profiles, Step};

/// The services that a profile stops before a restore.
pub(crate) fn stops(profile: &Profile) -> Vec<String> {
    let steps = profile.steps.of(Phase::BeforeRestore).iter();
    let services = steps.filter_map(|step| match &step.action {
        Action::StopServices { services } => Some(services.clone()),
        _ => None,
    });
    services.flatten().collect()
}

/// The profile with the services of others around its own: stopped before them, and started after them, for they may
/// need what its own need.
pub(crate) fn with_services(profile: &Profile, stopped: &[String], started: &[String]) -> Profile {
    let mut profile = profile.clone();
    if !stopped.is_empty() {
        let before = profile.steps.of_mut(Phase::BeforeRestore);
        let is_stop = |step: &Step| matches!(step.action, Action::StopServices { .. });
        // Without services of its own as late as possible: a person may have to decide first.
        let at = before.iter().position(is_stop).unwrap_or(before.len());
        let services = stopped.to_vec();
        before.insert(at, step(Action::StopServices { services }));
    }
    if !started.is_empty() {
        let finish = profile.steps.of_mut(Phase::Finish);
        let is_start = |step: &Step| matches!(step.action, Action::StartServices { .. });
        let at = finish.iter().rposition(is_start).map_or(0, |own| own + 1);
        let services = started.iter().rev().cloned().collect();
        finish.insert(at, step(Action::StartServices { services }));
    }
    profile
}

fn step(action: Action) -> Step {
    Step {
        action,
        note: Note {
            text: "they work in the same directory".to_owned(),
            ..Note::default()
        },
        complaint: None,
        on_failure: OnFailure::Stop,
        optional: false,
        when: None,
    }
}

/// The profile with the services of the configured connectors that have a root in one of its own, or around it.
pub(crate) fn with_neighbours(profile: &Profile, profiles: &Profiles, config: &Config) -> Profile {
    let own = places(profile, config);
    let mut services = Vec::new();
    let known = stops(profile);
    for (other, _) in profiles.configured(config) {
        let meets = |at: &PathBuf| own.iter().any(|own| own.starts_with(at) || at.starts_with(own));
        if other.name == profile.name || !places(other, config).iter().any(meets) {
            continue;
        }
        for service in stops(other) {
            if !known.contains(&service) && !services.contains(&service) {
                services.push(service);
            }
        }
    }
    with_services(profile, &services, &services)
}

/// Where the roots of a profile lie, as far as that can be told, and comparable.
fn places(profile: &Profile, config: &Config) -> Vec<PathBuf> {
    let roots = profile.roots.iter().filter(|root| root.option.is_none());
    let paths = roots.filter_map(|root| profile.place_of(root, config).ok());
    paths
        .map(|place| comparable(&place.path, profile.case_insensitive))
        .collect()
}

fn comparable(path: &Path, ignore_case: bool) -> PathBuf {
    let path = real(path);
    match ignore_case {
        true => path.to_string_lossy().to_lowercase().into(),
        false => path,
    }
}
