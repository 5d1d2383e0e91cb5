//! `copy`, `export` and `import`: snapshots from one archive into another, into a file, and out of one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Zoned;
use restante_format::archive::{Archive, Choice, Copied};
use restante_format::catalog::Moment;
use restante_format::error::Error;
use serde::Serialize;

use crate::args::{Chosen, Copy, Export, Import};
use crate::context::{Access, Context, check_connector};
use crate::failure::{Failure, Kind, Result, chain};
use crate::find;
use crate::select;
use crate::show::{count, duration, plural, quoted, rfc3339, size, with_progress};

#[derive(Serialize)]
struct CopyDocument {
    from: String,
    to: String,
    snapshots: u64,
    present: u64,
    first: Option<String>,
    last: Option<String>,
    objects: u64,
    bases: u64,
    stored_bytes: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct ExportDocument {
    from: String,
    to: String,
    seal: String,
    snapshots: u64,
    first: Option<String>,
    last: Option<String>,
    objects: u64,
    bases: u64,
    bytes: u64,
    seconds: f64,
}

/// Copies snapshots of another archive into this one.
pub(crate) fn copy(cx: &mut Context, args: &Copy) -> Result<()> {
    take_over(cx, &args.from, &args.chosen, "copied", "name another with --from")
}

/// Takes the snapshots of a file in.
pub(crate) fn import(cx: &mut Context, args: &Import) -> Result<()> {
    if args.file.is_dir() {
        let file = args.file.display();
        let folder = quoted(&args.file.to_string_lossy());
        return Err(Failure::usage(format!("{file} is a folder"))
            .hint("name a file that `export` wrote")
            .hint(format!("or copy from an archive: restante copy --from {folder}")));
    }
    let instead = "name a file that `export` wrote";
    take_over(cx, &args.file, &args.chosen, "imported", instead)
}

/// `instead` is what to do where there is nothing to take from.
fn take_over(cx: &mut Context, from: &Path, chosen: &Chosen, done: &str, instead: &str) -> Result<()> {
    let folder = cx.writable_folder()?;
    if real(&folder) == real(from) {
        return Err(Failure::usage(format!(
            "{} is the archive that it would be copied into",
            from.display()
        ))
        .hint(instead));
    }
    let started = Instant::now();
    let source = cx
        .open_at(from, Access::Mapped)
        .map_err(|failure| match failure.kind {
            Kind::NoArchive => failure.advise(vec![instead.to_owned()]),
            _ => failure,
        })?;
    let mut archive = cx.open(Access::Mapped)?;
    let moments = choose(cx, &source, chosen)?;
    let (first, last) = ends(&moments);
    let progress = cx.progress.clone();
    let copied = with_progress(&progress, cx.out.quiet, "copy", || {
        archive.copy_from(&source, moments, &progress)
    });
    let copied = copied.map_err(|error| of_source(error, from))?;
    let seconds = started.elapsed();
    if let Some(error) = &copied.merging {
        cx.out.warn(&format!(
            "small segments could not be merged: {}",
            chain(&**error)
        ));
    }
    if cx.out.json {
        return cx.out.json_line(&CopyDocument {
            from: source.location(),
            to: archive.location(),
            snapshots: copied.snapshots,
            present: copied.present,
            first,
            last,
            objects: copied.objects,
            bases: copied.bases,
            stored_bytes: copied.stored_bytes,
            seconds: seconds.as_secs_f64(),
        });
    }
    let line = told(&copied, done, from);
    cx.out.line(&format!("{line}, {}", duration(seconds)))
}

fn told(copied: &Copied, done: &str, from: &Path) -> String {
    let snapshots = plural(copied.snapshots, "snapshot", "snapshots");
    let present = match copied.present {
        0 => String::new(),
        present => format!(", {} there already", count(present)),
    };
    let (from, stored) = (from.display(), size(copied.stored_bytes));
    match copied.snapshots {
        0 => format!("nothing to copy from {from}{present}"),
        _ => format!(
            "{done} {snapshots} from {from}{present}: {}, stored {stored}",
            plural(copied.objects, "object", "objects")
        ),
    }
}

/// Writes snapshots into one file.
pub(crate) fn export(cx: &mut Context, args: &Export) -> Result<()> {
    if args.chosen.is_empty() && !args.all {
        return Err(Failure::usage("no snapshot is chosen")
            .hint("name snapshots: restante export latest --to FILE.rst")
            .hint("or choose them, as with --connector, --since or --last, or take --all"));
    }
    let (to, shown) = (&args.to, args.to.display());
    if to.is_dir() {
        return Err(Failure::usage(format!("{shown} is a folder")).hint("name a file: --to FILE.rst"));
    }
    if !args.force && to.symlink_metadata().is_ok() {
        return Err(Failure::new(format!("{shown} is there already"))
            .hint("name another file, or replace this one with --force"));
    }
    let started = Instant::now();
    let archive = cx.open(Access::Mapped)?;
    let moments = choose(cx, &archive, &args.chosen)?;
    if moments.is_empty() {
        return Err(Failure::new("no snapshot is like that").hint("see what there is: restante snapshots"));
    }
    let (first, last) = ends(&moments);
    let progress = cx.progress.clone();
    let exported = with_progress(&progress, cx.out.quiet, "export", || {
        archive.export_to(to, args.force, moments, &progress)
    })?;
    let seconds = started.elapsed();
    if cx.out.json {
        return cx.out.json_line(&ExportDocument {
            from: archive.location(),
            to: shown.to_string(),
            seal: exported.seal.to_string(),
            snapshots: exported.snapshots,
            first,
            last,
            objects: exported.objects,
            bases: exported.bases,
            bytes: exported.bytes,
            seconds: seconds.as_secs_f64(),
        });
    }
    cx.out.line(&format!(
        "exported {} to {shown}: {}, {}, {}",
        plural(exported.snapshots, "snapshot", "snapshots"),
        plural(exported.objects, "object", "objects"),
        size(exported.bytes),
        duration(seconds)
    ))
}

/// The snapshots that the command line chooses; all of them, if it says nothing.
fn choose(cx: &Context, archive: &Archive, chosen: &Chosen) -> Result<Vec<Moment>> {
    let choice = Choice {
        ids: None,
        scope: cx.scope(archive, &chosen.range)?,
        last: chosen.last,
    };
    if chosen.snapshots.is_empty() {
        return Ok(archive.choose(&choice));
    }
    let mut ids = BTreeSet::new();
    for text in &chosen.snapshots {
        let named = select::parse_os(text, &Zoned::now())?;
        if !named.path.is_empty() {
            return Err(
                Failure::usage(format!("{} names a path in a snapshot", text.display()))
                    .hint("snapshots are copied whole"),
            );
        }
        if let Some(connector) = &named.snapshot.connector {
            check_connector(archive, connector)?;
        }
        ids.insert(find::snapshot(archive, &named.snapshot)?.id);
    }
    Ok(archive.choose(&Choice {
        ids: Some(ids),
        ..choice
    }))
}

fn ends(moments: &[Moment]) -> (Option<String>, Option<String>) {
    let time = |moment: &Moment| rfc3339(moment.time);
    (moments.first().map(time), moments.last().map(time))
}

/// Damage is that of the archive that is read: the other one is left out where it is damaged.
fn of_source(error: Error, from: &Path) -> Failure {
    match error.is_damage() {
        false => error.into(),
        true => Failure::new(format!("{} cannot be copied: {}", from.display(), chain(&error)))
            .damaged()
            .hint("nothing was added: what was stored is used again next time")
            .hint(format!(
                "see what it costs: restante -a {} verify",
                quoted(&from.to_string_lossy())
            )),
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}
