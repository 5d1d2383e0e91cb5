//! `init`: makes an archive.

use std::io;
use std::path::Path;
use std::sync::Arc;

use restante_format::archive::Archive;
use restante_format::store::LocalStore;
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
    let folder = cx.writable_folder()?;
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

/// The files and folders of an archive.
const OWN_FILES: [&str; 4] = ["config", "lock", "segments", "tmp"];

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
            let is_foreign = |name: std::ffi::OsString| !OWN_FILES.iter().any(|own| name == **own);
            if entries.flatten().any(|entry| is_foreign(entry.file_name())) {
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
