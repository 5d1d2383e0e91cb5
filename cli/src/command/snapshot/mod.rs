//! `snapshot`: of paths, of standard input, or of connectors.

mod excludes;
pub(crate) mod job;
pub(crate) mod present;
mod steps;
pub(crate) mod take;

use std::path::Path;
use std::str::FromStr;
use std::time::Instant;

use restante_format::archive::Archive;

pub(crate) use excludes::Excludes;
use job::Job;
use take::Settings;

use super::init;
use crate::args::Snapshot;
use crate::context::{Access, Context, was_here};
use crate::failure::{Failure, Outcome, Result};
use crate::profile::{Profiles, ResolvedConnector};
use crate::retention::TagList;

/// Takes one snapshot, or one for each connector.
pub(crate) fn run(cx: &mut Context, args: &Snapshot) -> Result<()> {
    // A script that asks for one thing gets one document, and for any number of connectors an array, however many
    // there happen to be.
    let tags = tags(args)?;
    let one = args.stdin.is_some() || !args.paths.is_empty() || args.connectors.len() == 1;
    let mut absent = Vec::new();
    let jobs = jobs(cx, args, &mut absent)?;
    let folder = cx.writable_folder()?;
    let mut archive = open(cx, args, &folder)?;
    for (name, why) in absent {
        if was_here(&archive, &cx.config, &name) {
            cx.out.error(Failure::new(why).hint(format!(
                "there are snapshots of it; where it is gone for good: [connector.{name}] enabled = false"
            )));
            cx.worsen(Outcome::Failed);
        } else {
            cx.out.notice(&format!("{name} is left out: {why}"));
        }
    }
    let width = jobs
        .iter()
        .map(|job| job.title.chars().count())
        .max()
        .unwrap_or(0);
    let progress = cx.progress.clone();
    let mut documents = Vec::new();
    for job in jobs {
        let title = job.title.clone();
        let settings = settings(cx, args, &tags, &folder)?;
        let started = Instant::now();
        let taken = match take::take(&settings, &mut archive, job, &progress) {
            Ok(taken) => taken,
            // One connector that cannot be taken does not keep the others from being taken.
            Err(failure) if !one && failure.code == Outcome::Failed.code() => {
                cx.out.error(failure);
                cx.worsen(Outcome::Failed);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let elapsed = started.elapsed();
        if cx.out.json {
            documents.push(present::Document::new(&taken, elapsed));
        } else {
            cx.out.line(&present::line(&title, width, &taken, elapsed))?;
            cx.out.flush()?;
        }
        cx.out.detail(&present::detail(&taken));
        present::warn_of_gaps(&cx.out, &taken);
        if let Some(warning) = present::merging(&taken) {
            cx.out.warn(&warning);
        }
        if let Some(before) = present::lost_all(&archive, &taken) {
            cx.out.warn(&before);
            cx.worsen(Outcome::Incomplete);
        }
        if present::has_gaps(&taken) {
            cx.worsen(Outcome::Incomplete);
        }
    }
    match (cx.out.json, one, &documents[..]) {
        (false, ..) => Ok(()),
        (true, true, [only]) => cx.out.json_line(only),
        (true, ..) => cx.out.json_line(&documents),
    }
}

/// The labels: several are separated by commas, as where they are asked for.
fn tags(args: &Snapshot) -> Result<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    for text in &args.tags {
        let list = TagList::from_str(text).map_err(|why| {
            Failure::usage(format!("--tag: {text:?} {why}")).hint("separate labels by single commas")
        })?;
        tags.extend(list.into_tags());
    }
    Ok(tags)
}

fn settings<'a>(
    cx: &'a Context,
    args: &Snapshot,
    tags: &[String],
    archive: &'a Path,
) -> Result<Settings<'a>> {
    let time = args.time.as_ref().map(|text| cx.instant("--time", text));
    Ok(Settings {
        time: time.transpose()?,
        host: args.host.clone(),
        tags: tags.to_vec(),
        one_file_system: args.one_file_system,
        exclude_caches: args.exclude_caches,
        shows_progress: !cx.out.quiet,
        takes_lock: true,
        ..Settings::of(&cx.config, archive)
    })
}

fn open(cx: &mut Context, args: &Snapshot, folder: &Path) -> Result<Archive> {
    if args.init && !folder.join("config").exists() {
        match init::make(folder, init::ZSTD_LEVEL) {
            Ok(archive) => cx.out.notice(&format!("made archive at {}", archive.location())),
            // Another process was faster: its archive will do.
            Err(_) if folder.join("config").exists() => {}
            Err(failure) => return Err(failure),
        }
    }
    cx.open_at(folder, Access::Mapped)
}

/// What is to be taken, before the archive is touched.
///
/// Connectors that nobody named and that are not there come to `absent`, each with the reason.
fn jobs(cx: &mut Context, args: &Snapshot, absent: &mut Vec<(String, String)>) -> Result<Vec<Job>> {
    if let Some(name) = &args.stdin {
        return Ok(vec![job::of_stdin(name)]);
    }
    if !args.paths.is_empty() {
        return Ok(vec![job::of_paths(cx, args)?]);
    }
    let profiles = Profiles::load(&cx.config)?;
    let selection = profiles.select(&cx.config, &args.connectors)?;
    absent.clone_from(&selection.absent);
    for (_, error) in selection.failed {
        cx.out.error(error.into());
        cx.worsen(Outcome::Failed);
    }
    let user_excludes = excludes::excludes(args)?;
    let job = |connector: &ResolvedConnector| {
        say_what_is_missing(cx, connector);
        job::of_connector(profiles.get(&connector.name)?, connector, &user_excludes)
    };
    selection.connectors.iter().map(job).collect()
}

fn say_what_is_missing(cx: &Context, connector: &ResolvedConnector) {
    for warning in &connector.warnings {
        cx.out.warn(&format!("{}: {warning}", connector.name));
    }
    for notice in &connector.notices {
        cx.out.notice(&format!("{}: {notice}", connector.name));
    }
    for skipped in &connector.skipped {
        cx.out.detail(&format!("{}: {skipped}", connector.name));
    }
}
