//! `init`: makes an archive.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use restante_format::archive::Archive;
use restante_format::store::{LocalStore, LockName, Shelf};
use restante_format::wire::{ArchiveId, Chunker, Config};
use serde::Serialize;

use crate::args::Init;
use crate::context::Context;
use crate::failure::{Failure, Result};

#[derive(Serialize)]
struct Made {
    archive: String,
    id: String,
}

/// Makes the archive and says so.
pub(crate) fn run(cx: &mut Context, args: &Init) -> Result<()> {
    let folder = cx.archive_folder()?;
    let archive = make(&folder, args.zstd_level)?;
    let (location, id) = (archive.location(), archive.config().archive.to_string());
    if cx.out.json {
        return cx.out.json_line(&Made {
            archive: location,
            id,
        });
    }
    cx.out.line(&format!("made archive {} at {location}", &id[..8]))
}

/// Whether an archive has a file or folder of this name.
fn is_own(name: &OsStr) -> bool {
    let folders = Shelf::ALL.map(Shelf::folder);
    let locks = [LockName::Archive, LockName::Maintenance].map(LockName::file);
    let mut own = folders.into_iter().chain(locks).chain(["config", "tmp"]);
    own.any(|own| name == own)
}

/// The zstd level of archives whose maker asks for none.
pub(crate) const ZSTD_LEVEL: i32 = 3;

/// Makes an archive in an empty or missing folder.
pub(crate) fn make(folder: &Path, zstd_level: i32) -> Result<Archive> {
    let location = folder.display();
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(Failure::new(format!(
                "cannot make an archive at {location}: {error}"
            )));
        }
        Ok(entries) => {
            // An `init` that was killed, or runs at the same time, leaves an archive's files and no others.
            if entries.flatten().any(|entry| !is_own(&entry.file_name())) {
                return Err(Failure::new(format!(
                    "cannot make an archive at {location}: the folder is not empty"
                ))
                .hint("choose an empty or new folder"));
            }
        }
    }
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| Failure::new(format!("cannot get random bytes: {error}")))?;
    let now = jiff::Timestamp::now().as_second();
    let config = Config {
        archive: ArchiveId(id),
        created: now,
        chunker: Chunker::default(),
        zstd_level,
    };
    let store = LocalStore::create(folder)
        .map_err(|error| Failure::new(format!("cannot make an archive at {location}: {error}")))?;
    Ok(Archive::create(Arc::new(store), config)?)
}
