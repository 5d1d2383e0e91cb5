//! What every command needs: configuration, archive, progress, and where to write.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Zoned;
use restante_format::archive::{Archive, Located, Memory, Scope};
use restante_format::catalog::Listed;
use restante_format::error::Error;
use restante_format::model::Timestamp;
use restante_format::progress::Progress;
use restante_format::store::LocalStore;

use crate::args::{Global, Range};
use crate::config::{Config, ConfigError, is_absent};
use crate::failure::{Failure, Outcome, Result, chain};
use crate::find;
use crate::known;
pub(crate) use crate::known::check_connector;
use crate::retention::TagList;
use crate::select;
use crate::show::{Output, quoted};

/// The surroundings of one run.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) out: Output,
    pub(crate) progress: Arc<Progress>,
    /// What the command has come to so far.
    pub(crate) outcome: Outcome,
    archive: Option<String>,
    memory: Memory,
}

/// How segments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Mapped into memory.
    Mapped,
    /// With positioned reads, so that a bad sector is an error and not a signal.
    Positioned,
}

/// What of the configuration a command cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// It is not even read.
    Nothing,
    /// The name of the archive, unless the command line or the environment names it.
    Archive,
    /// All of it.
    Profiles,
}

/// Whether a configuration file that somebody named is not there.
fn is_missing(error: &ConfigError) -> bool {
    matches!(error, ConfigError::Unreadable { cause, .. } if is_absent(cause))
}

impl Context {
    /// Reads the configuration. `given` is the archive that the command line names.
    pub(crate) fn new(
        global: Global,
        given: Option<String>,
        needs: Needs,
        progress: Arc<Progress>,
    ) -> Result<Self> {
        let out = Output::new(global.json, global.quiet, global.verbose, given);
        let config = match needs {
            Needs::Nothing => Config::default(),
            _ => match Config::discover(global.config.as_deref()) {
                Ok(config) => config.unwrap_or_default(),
                // Who needs their files back must not have to mend a configuration first.
                Err(error) if needs == Needs::Archive && global.archive.is_some() && !is_missing(&error) => {
                    let text = error.to_string();
                    out.warn(&format!("the configuration is not used: {text}"));
                    Config::default()
                }
                Err(error) => return Err(error.into()),
            },
        };
        let archive = global.archive.or_else(|| config.archive.clone());
        let memory = Memory { bytes: global.memory };
        Ok(Self {
            config,
            out,
            progress,
            outcome: Outcome::Done,
            archive,
            memory,
        })
    }

    /// The folder of the archive, or the file that is one by itself.
    pub(crate) fn archive_folder(&self) -> Result<PathBuf> {
        let Some(text) = &self.archive else {
            return Err(Failure::usage("no archive is named")
                .hint("name one with -a PATH, RESTANTE_ARCHIVE, or archive = \"PATH\" in restante.toml"));
        };
        match text.split_once("://") {
            Some((scheme, _)) => Err(Failure::usage(format!(
                "cannot reach {text}: {scheme} is not supported"
            ))
            .hint("name a folder, or a file that `export` wrote")),
            None => Ok(PathBuf::from(text)),
        }
    }

    /// The folder of the archive, for who writes into it.
    pub(crate) fn writable_folder(&self) -> Result<PathBuf> {
        let folder = self.archive_folder()?;
        match folder.is_file() {
            false => Ok(folder),
            true => Err(Failure::usage(format!(
                "{} is a single file: it can be read, and never written to",
                folder.display()
            ))
            .hint("name the folder of an archive")
            .hint(format!(
                "or take the file into one: restante -a ARCHIVE import {}",
                quoted(&folder.to_string_lossy())
            ))),
        }
    }

    /// Opens the archive and warns of what is damaged in it.
    pub(crate) fn open(&mut self, access: Access) -> Result<Archive> {
        let folder = self.archive_folder()?;
        self.open_at(&folder, access)
    }

    /// Opens the archive in `folder`, or the file that is one by itself.
    pub(crate) fn open_at(&mut self, folder: &Path, access: Access) -> Result<Archive> {
        let archive = open_archive(folder, access, self.memory)?;
        if !archive.damage().is_empty() {
            self.worsen(Outcome::Damage);
            if access == Access::Mapped {
                for error in archive.damage() {
                    self.out.warn(&chain(&*error));
                }
                let is_own = self.archive_folder().is_ok_and(|own| own == folder);
                let verify = match is_own {
                    true => self.out.command("verify"),
                    false => format!("restante -a {} verify", quoted(&folder.to_string_lossy())),
                };
                self.out.warn(&format!(
                    "snapshots may be missing from this archive; see what is lost: {verify}"
                ));
            }
        }
        Ok(archive)
    }

    /// How much memory the command line grants.
    pub(crate) fn memory(&self) -> Memory {
        self.memory
    }

    /// Lowers the outcome.
    pub(crate) fn worsen(&mut self, outcome: Outcome) {
        self.outcome = self.outcome.max(outcome);
    }

    /// The snapshot, and what in it, that a text names.
    pub(crate) fn find(&self, archive: &Archive, text: &OsStr) -> Result<(Listed, Located)> {
        let named = select::parse_os(text, &Zoned::now())?;
        if let Some(connector) = &named.snapshot.connector {
            check_connector(archive, connector)?;
        }
        let listed = find::snapshot(archive, &named.snapshot)?;
        let located = find::path(archive, &listed, &named.path)?;
        Ok((listed, located))
    }

    /// The snapshots that options choose.
    pub(crate) fn scope(&self, archive: &Archive, range: &Range) -> Result<Scope> {
        known::check(archive, range)?;
        let since = range.since.as_ref();
        let until = range.until.as_ref();
        Ok(Scope {
            connector: range.connector.clone(),
            host: range.host.clone(),
            paths: range
                .paths
                .iter()
                .flat_map(|path| known::spellings(path))
                .collect(),
            tags: range.tags.iter().cloned().flat_map(TagList::into_tags).collect(),
            since: since.map(|text| self.instant("--since", text)).transpose()?,
            until: until.map(|text| self.time("--until", text)).transpose()?,
        })
    }

    /// The time that an option names: the last moment of the day, minute or second.
    pub(crate) fn time(&self, option: &str, text: &str) -> Result<Timestamp> {
        select::parse_time(text, &Zoned::now()).ok_or_else(|| bad_time(option, text))
    }

    /// The very moment that an option names.
    pub(crate) fn instant(&self, option: &str, text: &str) -> Result<Timestamp> {
        select::parse_instant(text, &Zoned::now()).ok_or_else(|| bad_time(option, text))
    }
}

/// Opens the archive in `folder` and says nothing of what is damaged in it.
pub(crate) fn open_archive(folder: &Path, access: Access, memory: Memory) -> Result<Archive> {
    if folder.is_file() {
        return open_file(folder, memory);
    }
    let store = LocalStore::new(folder);
    let store = match access {
        Access::Mapped => store,
        Access::Positioned => store.unmapped(),
    };
    look_for_config(folder)?;
    Ok(Archive::open_with(Arc::new(store), memory)?)
}

/// Opens a file that is an archive by itself.
fn open_file(file: &Path, memory: Memory) -> Result<Archive> {
    let again = "get it anew: from where it came, or by another export";
    Archive::open_file(file, memory).map_err(|error| match &error {
        Error::NotAnArchive { .. } => {
            Failure::new(chain(&error)).hint("name the folder of an archive, or a file that `export` wrote")
        }
        Error::Damaged(_) => Failure::new(chain(&error)).damaged().hint(again),
        _ => error.into(),
    })
}

/// Fails where a folder is there that holds something and no archive.
fn look_for_config(folder: &Path) -> Result<()> {
    let Ok(mut entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    // With segments and without a config it is an archive, and a damaged one.
    if has("config") || has("segments") || entries.next().is_none() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} is not an archive: it has no file `config`",
        folder.display()
    ))
    .hint("name the folder that holds the files config and segments"))
}

fn bad_time(option: &str, text: &str) -> Failure {
    Failure::usage(format!("{option}: {text:?} is not a time"))
        .hint("write it as 2026-11-22T08:00:00Z, \"2026-11-22 08:00\", 2026-11-22, 08:42 or \"3h ago\"")
}

/// Whether this server ever had a snapshot of a connector: then it is missed where it is not there any more.
pub(crate) fn was_here(archive: &Archive, config: &Config, connector: &str) -> bool {
    let server = config.server_name();
    let series = archive.catalog().series();
    let mut all = series.keys();
    all.any(|series| series.host == server && series.connector.as_deref() == Some(connector))
}
