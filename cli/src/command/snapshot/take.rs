//! Taking a snapshot of one job.

#[cfg(unix)]
use std::fs;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use restante_format::archive::{Archive, SnapshotRequest, Source, Taken};
use restante_format::model::Timestamp;
use restante_format::progress::Progress;

use super::job::{Input, Job};
use super::steps;
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::procedure::refuse_at_work;
use crate::select::timestamp;
use crate::show::with_progress;
use crate::state::State;

/// How a snapshot is taken, whatever it is taken of.
pub(crate) struct Settings<'a> {
    /// What the configuration says.
    pub(crate) config: &'a Config,
    /// The folder of the archive, which must not become part of itself.
    pub(crate) archive: &'a Path,
    /// The time that the snapshot bears; none for now.
    pub(crate) time: Option<Timestamp>,
    /// The machine's name; none for the one of the configuration or the system.
    pub(crate) host: Option<String>,
    /// Labels.
    pub(crate) tags: Vec<String>,
    /// Stay on the file system of each root.
    pub(crate) one_file_system: bool,
    /// Leave out the contents of directories that are marked as caches.
    pub(crate) exclude_caches: bool,
    /// Whether how far it is may be shown.
    pub(crate) shows_progress: bool,
    /// Whether the connector's lock is still to be taken.
    pub(crate) takes_lock: bool,
}

impl<'a> Settings<'a> {
    /// For a connector's snapshot on schedule: nothing is asked for but what the configuration says.
    pub(crate) fn of(config: &'a Config, archive: &'a Path) -> Self {
        Self {
            config,
            archive,
            time: None,
            host: None,
            tags: Vec::new(),
            one_file_system: false,
            exclude_caches: false,
            shows_progress: false,
            takes_lock: false,
        }
    }

    /// The machine that the snapshot is of.
    fn host(&self) -> String {
        self.host.clone().unwrap_or_else(|| self.config.server_name())
    }
}

/// Takes a snapshot now; of a connector with the steps around it.
pub(crate) fn take(
    settings: &Settings<'_>,
    archive: &mut Archive,
    job: Job,
    progress: &Arc<Progress>,
) -> Result<Taken> {
    match job.connector.clone() {
        Some(profile) => {
            let _lock = match settings.takes_lock {
                true => lock(settings.config, &profile.name)?,
                false => None,
            };
            if let (Input::Roots(roots), Ok(state)) = (&job.input, State::of(settings.config)) {
                let places = roots.iter().map(|root| root.path.as_path());
                refuse_at_work(&state.path().join("restores"), places)?;
            }
            let at = steps::surroundings(settings, &profile, &job);
            steps::around(&at, &profile, progress, || {
                plain(settings, archive, job, progress)
            })
        }
        None => plain(settings, archive, job, progress),
    }
}

/// The connector's lock: never two at work on one connector. Where there is no folder for locks, nobody holds one.
fn lock(config: &Config, connector: &str) -> Result<Option<File>> {
    match State::of(config).and_then(|state| state.lock_soon(connector)) {
        Ok(None) => Err(Failure::new(format!("another process is at work on {connector}"))
            .hint("wait for it: a snapshot, or a restore")),
        Ok(held) => Ok(held),
        Err(_) => Ok(None),
    }
}

/// Takes a snapshot and does nothing else.
fn plain(
    settings: &Settings<'_>,
    archive: &mut Archive,
    job: Job,
    progress: &Arc<Progress>,
) -> Result<Taken> {
    let request = SnapshotRequest {
        time: settings.time.unwrap_or_else(|| timestamp(jiff::Timestamp::now())),
        host: settings.host(),
        connector: job.connector.map(|profile| profile.name),
        paths: job.paths,
        tags: settings.tags.clone(),
        program: concat!("restante ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let work = || match job.input {
        Input::Stdin(name) => archive.snapshot_stream(request, &name, &mut std::io::stdin(), progress),
        Input::Roots(roots) => {
            let source = Source {
                roots,
                one_file_system: settings.one_file_system,
                exclude_caches: settings.exclude_caches,
                skip: folder_numbers(settings.archive),
            };
            archive.snapshot(request, source, progress)
        }
    };
    Ok(with_progress(
        progress,
        !settings.shows_progress,
        &job.title,
        work,
    )?)
}

/// Device and inode of a folder, by which it is known wherever it is met.
#[cfg(unix)]
fn folder_numbers(folder: &Path) -> Vec<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(folder).ok();
    metadata
        .map(|metadata| (metadata.dev(), metadata.ino()))
        .into_iter()
        .collect()
}

#[cfg(not(unix))]
fn folder_numbers(_folder: &Path) -> Vec<(u64, u64)> {
    Vec::new()
}
