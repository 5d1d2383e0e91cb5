//! `snapshot`: of paths, of standard input, or of connectors.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use restante_format::archive::{Archive, Root, SnapshotRequest, Source, Taken};
use restante_format::model::display_bytes;
use restante_format::names::from_os;
use restante_format::source::{Filter, Patterns};
use serde::Serialize;

use super::init;
use crate::args::Snapshot;
use crate::context::{Access, Context};
use crate::failure::{Failure, Outcome, Result};
use crate::profile::{Profiles, ResolvedConnector, ResolvedRoot, check_pattern};
use crate::select::timestamp;
use crate::show::{count, duration, json_path, plural, rfc3339, size, with_progress};
use crate::state::system_host;
use crate::suggest::nearest;

/// Something to take a snapshot of.
struct Job {
    /// What the result's line begins with.
    title: String,
    connector: Option<String>,
    paths: Vec<Vec<u8>>,
    input: Input,
}

enum Input {
    Roots(Vec<Root>),
    Stdin(Vec<u8>),
}

/// Takes one snapshot, or one for each connector.
pub(crate) fn run(cx: &mut Context, args: &Snapshot) -> Result<()> {
    // A script that asks for one thing gets one document, and for any number of connectors an array, however many
    // there happen to be.
    let one = args.stdin.is_some() || !args.paths.is_empty() || args.connectors.len() == 1;
    let jobs = jobs(cx, args)?;
    let mut archive = open(cx, args)?;
    let width = jobs
        .iter()
        .map(|job| job.title.chars().count())
        .max()
        .unwrap_or(0);
    let mut documents = Vec::new();
    for job in jobs {
        let title = job.title.clone();
        let started = Instant::now();
        let taken = match take(cx, args, &mut archive, job) {
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
            documents.push(Document::new(&taken, elapsed));
        } else {
            cx.out.line(&line(&title, width, &taken, elapsed))?;
            cx.out.flush()?;
        }
        cx.out.detail(&detail(&taken));
        warn_of_gaps(cx, &taken);
    }
    match (cx.out.json, one, &documents[..]) {
        (false, ..) => Ok(()),
        (true, true, [only]) => cx.out.json_line(only),
        (true, ..) => cx.out.json_line(&documents),
    }
}

fn open(cx: &mut Context, args: &Snapshot) -> Result<Archive> {
    let folder = cx.archive_folder()?;
    if args.init && !folder.join("config").exists() {
        match init::make(&folder, init::ZSTD_LEVEL) {
            Ok(archive) => cx.out.notice(&format!("made archive at {}", archive.location())),
            // Another process was faster: its archive will do.
            Err(_) if folder.join("config").exists() => {}
            Err(failure) => return Err(failure),
        }
    }
    cx.open_at(&folder, Access::Mapped)
}

/// What is to be taken, before the archive is touched.
fn jobs(cx: &mut Context, args: &Snapshot) -> Result<Vec<Job>> {
    if let Some(name) = &args.stdin {
        let name = name.clone().into_bytes();
        let input = Input::Stdin(name.clone());
        return Ok(vec![Job {
            title: "stdin".into(),
            connector: None,
            paths: vec![name],
            input,
        }]);
    }
    if !args.paths.is_empty() {
        return Ok(vec![paths_job(cx, args)?]);
    }
    let profiles = Profiles::load(&cx.config)?;
    let selection = profiles.select(&cx.config, &args.connectors)?;
    for (name, why) in &selection.absent {
        cx.out.notice(&format!("{name} is left out: {why}"));
    }
    for (_, error) in selection.failed {
        cx.out.error(error.into());
        cx.worsen(Outcome::Failed);
    }
    let user_excludes = excludes(args)?;
    selection
        .connectors
        .into_iter()
        .map(|connector| connector_job(cx, connector, &user_excludes))
        .collect()
}

fn paths_job(cx: &mut Context, args: &Snapshot) -> Result<Job> {
    let excludes = excludes(args)?;
    let mut roots = Vec::new();
    let mut paths = Vec::new();
    let mut missing = Vec::new();
    for path in &args.paths {
        let path = match there(path) {
            Ok(path) => path,
            Err(failure) => {
                missing.push(failure);
                // It stays a path of the source, so that the parent is found when it is there again.
                let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                paths.push(from_os(absolute.as_os_str()));
                continue;
            }
        };
        let filter = filter(&Patterns::default(), &excludes.of_root(&path)?)?;
        let name = match path.file_name() {
            Some(name) => from_os(name),
            // The root of the file system has no name of its own.
            None => b"root".to_vec(),
        };
        paths.push(from_os(path.as_os_str()));
        roots.push(Root {
            place: vec![name],
            path,
            filter,
            sets: Vec::new(),
        });
    }
    for failure in missing {
        // What is there is worth keeping; with nothing there, there is nothing to keep.
        if roots.is_empty() {
            return Err(failure);
        }
        let hints: String = failure.hints.iter().map(|hint| format!("\n  {hint}")).collect();
        cx.out
            .warn(&format!("{}: it is left out{hints}", failure.message));
        cx.worsen(Outcome::Incomplete);
    }
    paths.sort();
    let title = match &roots[..] {
        [only] => display_bytes(&only.place.concat()),
        several => plural(several.len() as u64, "path", "paths"),
    };
    Ok(Job {
        title,
        connector: None,
        paths,
        input: Input::Roots(roots),
    })
}

/// The path made plain, if it is there; else the error suggests the nearest name in its folder.
fn there(path: &Path) -> Result<PathBuf> {
    let plain = plain(path)?;
    let Err(error) = fs::symlink_metadata(&plain) else {
        return Ok(plain);
    };
    let is_absent = error.kind() == std::io::ErrorKind::NotFound;
    let failure = Failure::from(restante_format::error::Error::io(
        "read",
        plain.display().to_string(),
    )(error));
    let name = plain.file_name().unwrap_or_default().to_string_lossy();
    let names: Vec<String> = match plain.parent().map(fs::read_dir) {
        Some(Ok(entries)) if is_absent => entries
            .flatten()
            .take(10_000)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect(),
        _ => Vec::new(),
    };
    Err(match nearest(&name, &names) {
        Some(near) => {
            let near = plain.with_file_name(near);
            failure.advise(vec![format!("did you mean {}?", near.display())])
        }
        None => failure,
    })
}

fn connector_job(cx: &Context, connector: ResolvedConnector, user_excludes: &Excludes) -> Result<Job> {
    for warning in &connector.warnings {
        cx.out.warn(&format!("{}: {warning}", connector.name));
    }
    for notice in &connector.notices {
        cx.out.notice(&format!("{}: {notice}", connector.name));
    }
    for skipped in &connector.skipped {
        cx.out.detail(&format!("{}: {skipped}", connector.name));
    }
    let mut roots = Vec::new();
    for root in &connector.roots {
        let ResolvedRoot {
            name,
            path,
            is_file,
            include,
            exclude,
            case_insensitive,
            ..
        } = root;
        let mut place = vec![connector.name.clone().into_bytes(), name.clone().into_bytes()];
        if *is_file {
            place.extend(path.file_name().map(from_os));
        }
        let patterns = |globs: &Vec<String>| Patterns {
            globs: globs.clone(),
            ignore_case: *case_insensitive,
        };
        let all_excludes = [vec![patterns(exclude)], user_excludes.of_root(path)?].concat();
        // A root that is one file was asked for by its name.
        let include = if *is_file {
            Patterns::default()
        } else {
            patterns(include)
        };
        roots.push(Root {
            place,
            path: path.clone(),
            filter: filter(&include, &all_excludes)?,
            sets: Vec::new(),
        });
    }
    let mut paths: Vec<Vec<u8>> = roots.iter().map(|root| from_os(root.path.as_os_str())).collect();
    paths.sort();
    let name = connector.name;
    Ok(Job {
        title: name.clone(),
        connector: Some(name),
        paths,
        input: Input::Roots(roots),
    })
}

fn filter(include: &Patterns, exclude: &[Patterns]) -> Result<Filter> {
    // Each was checked where it was read.
    Filter::new(include, exclude)
        .map_err(|error| Failure::usage(format!("not a pattern: {}", error.source.kind())))
}

/// A pattern of the command line.
struct Exclude {
    pattern: String,
    /// The option, or the line of a file, that it stands in.
    origin: String,
    ignore_case: bool,
}

/// All patterns of the command line.
struct Excludes(Vec<Exclude>);

impl Excludes {
    /// The patterns that apply to a root. One that begins with the root's own path stands for what is below it.
    fn of_root(&self, root: &Path) -> Result<Vec<Patterns>> {
        let root = root.to_string_lossy();
        let root = root.trim_end_matches('/');
        let (mut exact, mut any_case) = (Vec::new(), Vec::new());
        for exclude in &self.0 {
            let below = exclude
                .pattern
                .strip_prefix(root)
                .filter(|rest| !root.is_empty() && (rest.is_empty() || rest.starts_with('/')));
            let glob = below.unwrap_or(&exclude.pattern);
            if glob.trim_matches('/').is_empty() {
                return Err(Failure::usage(format!(
                    "{}: {:?} leaves out all of {root}",
                    exclude.origin, exclude.pattern
                ))
                .hint("leave that path away, or write a pattern for what lies below it"));
            }
            let list = if exclude.ignore_case {
                &mut any_case
            } else {
                &mut exact
            };
            list.push(glob.to_owned());
        }
        Ok(vec![
            Patterns {
                globs: exact,
                ignore_case: false,
            },
            Patterns {
                globs: any_case,
                ignore_case: true,
            },
        ])
    }
}

fn excludes(args: &Snapshot) -> Result<Excludes> {
    let mut all = Vec::new();
    for (option, patterns, ignore_case) in [
        ("--exclude", &args.excludes, false),
        ("--iexclude", &args.iexcludes, true),
    ] {
        for pattern in patterns {
            all.push(checked(pattern, option.to_owned(), ignore_case)?);
        }
    }
    for file in &args.exclude_files {
        let name = file.display();
        let text =
            fs::read_to_string(file).map_err(|error| Failure::new(format!("cannot read {name}: {error}")))?;
        let text = text.trim_start_matches('\u{feff}');
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                all.push(checked(line, format!("{name}: line {}", number + 1), false)?);
            }
        }
    }
    Ok(Excludes(all))
}

/// The pattern, if it is one that can match anything.
fn checked(pattern: &str, origin: String, ignore_case: bool) -> Result<Exclude> {
    let plain = pattern.strip_prefix("./").unwrap_or(pattern);
    if let Err((why, hint)) = check_pattern(plain) {
        let failure = Failure::usage(format!("{origin}: {pattern:?} {why}"));
        return Err(match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        });
    }
    Ok(Exclude {
        pattern: plain.to_owned(),
        origin,
        ignore_case,
    })
}

/// The path without `.` and `..`, from the root of the file system on.
fn plain(path: &Path) -> Result<PathBuf> {
    let failed = |error| {
        Failure::from(restante_format::error::Error::io(
            "read",
            path.display().to_string(),
        )(error))
    };
    let absolute = std::path::absolute(path).map_err(failed)?;
    let has_parents = absolute
        .components()
        .any(|c| matches!(c, std::path::Component::ParentDir));
    // Only the file system knows what `..` behind a link means.
    if has_parents {
        fs::canonicalize(&absolute).map_err(failed)
    } else {
        Ok(absolute.components().collect())
    }
}

fn take(cx: &mut Context, args: &Snapshot, archive: &mut Archive, job: Job) -> Result<Taken> {
    let time = match &args.time {
        Some(text) => cx.instant("--time", text)?,
        None => timestamp(jiff::Timestamp::now()),
    };
    let request = SnapshotRequest {
        time,
        host: host(cx, args),
        connector: job.connector,
        paths: job.paths,
        tags: args.tags.clone(),
        program: concat!("restante ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let progress = cx.progress.clone();
    let taken = with_progress(&progress, cx.out.quiet, &job.title, || match job.input {
        Input::Stdin(name) => archive.snapshot_stream(request, &name, &mut std::io::stdin(), &progress),
        Input::Roots(roots) => {
            let skip = archive_folder_numbers(cx);
            let (one_file_system, exclude_caches) = (args.one_file_system, args.exclude_caches);
            archive.snapshot(
                request,
                Source {
                    roots,
                    one_file_system,
                    exclude_caches,
                    skip,
                },
                &progress,
            )
        }
    })?;
    Ok(taken)
}

fn host(cx: &Context, args: &Snapshot) -> String {
    args.host
        .clone()
        .or_else(|| cx.config.server.clone())
        .unwrap_or_else(system_host)
}

/// The archive must not become part of itself.
#[cfg(unix)]
fn archive_folder_numbers(cx: &Context) -> Vec<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = cx
        .archive_folder()
        .ok()
        .and_then(|folder| fs::metadata(folder).ok());
    metadata
        .map(|metadata| (metadata.dev(), metadata.ino()))
        .into_iter()
        .collect()
}

#[cfg(not(unix))]
fn archive_folder_numbers(_cx: &Context) -> Vec<(u64, u64)> {
    Vec::new()
}

fn line(title: &str, width: usize, taken: &Taken, elapsed: Duration) -> String {
    let counts = &taken.snapshot.counts;
    let files = format!(
        "{:>9} {}",
        count(counts.files),
        if counts.files == 1 { "file " } else { "files" }
    );
    let seconds = duration(elapsed);
    let beginning = format!("{title:<width$} {files} {:>10}", size(counts.bytes));
    if taken.tick && counts.read_bytes == 0 {
        return format!("{beginning}   {:<45} {seconds:>9}   tick", "unchanged");
    }
    let changed = format!("{} changed", count(counts.changed_files));
    let read = format!("read {}", size(counts.read_bytes));
    let stored = format!("stored {}", size(counts.stored_bytes));
    format!(
        "{beginning}   {changed:<14} {read:<14} {stored:<15} {seconds:>9}   {}",
        taken.id.short()
    )
}

fn detail(taken: &Taken) -> String {
    let compared = match &taken.snapshot.parent {
        Some(parent) => format!("compared with {}", parent.short()),
        None => "compared with nothing: the first of its source".into(),
    };
    let opened = plural(taken.opened_files, "file", "files");
    let objects = plural(taken.snapshot.counts.new_objects, "new object", "new objects");
    format!("  {} {compared}; {opened} opened, {objects}", taken.id.short())
}

/// Says what the snapshot could not keep, or not as it was at one moment.
fn warn_of_gaps(cx: &mut Context, taken: &Taken) {
    let snapshot = &taken.snapshot;
    let (torn, unreadable) = (snapshot.counts.torn, snapshot.counts.unreadable);
    if torn > 0 {
        let what = plural(torn, "file", "files");
        cx.out
            .warn(&format!("{what} changed while being read, and may be of no use:"));
        cx.out
            .name_some(snapshot.torn.iter().map(|path| display_bytes(path)), torn);
    }
    if unreadable > 0 {
        let what = plural(unreadable, "path", "paths");
        cx.out.warn(&format!("{what} could not be read whole:"));
        cx.out.name_some(
            snapshot
                .unreadable
                .iter()
                .map(|u| format!("{}: {}", display_bytes(&u.path), u.reason)),
            unreadable,
        );
    }
    if torn + unreadable > 0 {
        cx.worsen(Outcome::Incomplete);
    }
}

#[derive(Serialize)]
struct Document {
    id: String,
    time: String,
    host: String,
    connector: Option<String>,
    paths: Vec<String>,
    tags: Vec<String>,
    parent: Option<String>,
    tick: bool,
    files: u64,
    dirs: u64,
    bytes: u64,
    changed_files: u64,
    read_bytes: u64,
    new_objects: u64,
    stored_bytes: u64,
    torn: Vec<String>,
    unreadable: Vec<UnreadableDocument>,
    seconds: f64,
}

#[derive(Serialize)]
struct UnreadableDocument {
    path: String,
    reason: String,
}

impl Document {
    fn new(taken: &Taken, elapsed: Duration) -> Self {
        let snapshot = &taken.snapshot;
        let counts = &snapshot.counts;
        let unreadable = |u: &restante_format::model::Unreadable| UnreadableDocument {
            path: json_path(&u.path),
            reason: u.reason.clone(),
        };
        Self {
            id: taken.id.to_string(),
            time: rfc3339(snapshot.time),
            host: snapshot.host.clone(),
            connector: snapshot.connector.clone(),
            paths: snapshot.paths.iter().map(|path| json_path(path)).collect(),
            tags: snapshot.tags.clone(),
            parent: snapshot.parent.map(|id| id.to_string()),
            tick: taken.tick,
            files: counts.files,
            dirs: counts.dirs,
            bytes: counts.bytes,
            changed_files: counts.changed_files,
            read_bytes: counts.read_bytes,
            new_objects: counts.new_objects,
            stored_bytes: counts.stored_bytes,
            torn: snapshot.torn.iter().map(|path| json_path(path)).collect(),
            unreadable: snapshot.unreadable.iter().map(unreadable).collect(),
            seconds: elapsed.as_secs_f64(),
        }
    }
}
