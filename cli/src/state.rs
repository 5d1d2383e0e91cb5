//! The folder in which the program keeps what it has to remember between its runs: journals, reports, locks.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::failure::{Failure, Result};

/// How long a lock is tried for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Names the folder, where the configuration does not.
const VARIABLE: &str = "RESTANTE_STATE";

/// The folder's place, and whose journals and locks lie there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// The folder. It is made once something is kept in it.
    folder: PathBuf,
    /// The server whose connectors these are.
    server: String,
}

impl State {
    /// The state of the configured server: below `state` of the configuration, else below `RESTANTE_STATE`, else
    /// where the system keeps such things.
    ///
    /// # Errors
    /// Fails where nothing says where that is.
    pub(crate) fn of(config: &Config) -> Result<Self> {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        Self::find(config, &variable, is_root())
    }

    /// [`State::of`] with the environment given.
    fn find(config: &Config, variable: &dyn Fn(&str) -> Option<OsString>, is_root: bool) -> Result<Self> {
        let named = config
            .state
            .clone()
            .or_else(|| variable(VARIABLE).map(PathBuf::from));
        let Some(folder) = named.or_else(|| standard_folder(variable, is_root)) else {
            return Err(Failure::new(
                "cannot tell where to keep journals and locks: there is no home directory",
            )
            .hint(format!(
                "name a folder: state = \"/var/lib/restante\" in restante.toml, or {VARIABLE}"
            )));
        };
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let server = config.server_name();
        Ok(Self { folder, server })
    }

    /// Where it lies; it need not be there.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// A folder of this name below it, made where it is missing. On Unix nobody but its owner can read it.
    ///
    /// # Errors
    /// Fails where it cannot be made.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        make_private(&folder).map_err(|error| {
            Failure::new(format!("cannot make the folder {}: {error}", folder.display())).hint(format!(
                "journals and locks are kept there; name another with state = \"…\" in restante.toml, or {VARIABLE}"
            ))
        })?;
        Ok(folder)
    }

    /// What files about a connector of the server are called, without an ending.
    pub(crate) fn key(&self, connector: &str) -> String {
        format!("{}-{}", file_name(&self.server), file_name(connector))
    }

    /// What files about the whole server are called, without an ending.
    pub(crate) fn server_key(&self) -> String {
        file_name(&self.server)
    }

    /// The same, tried for a moment: a program that a killed process was just starting holds the lock until it runs.
    ///
    /// # Errors
    /// Fails like [`State::lock`].
    pub(crate) fn lock_soon(&self, connector: &str) -> Result<Option<File>> {
        let started = Instant::now();
        loop {
            match self.lock(connector)? {
                None if started.elapsed() < PATIENCE => thread::sleep(PATIENCE / 50),
                other => return Ok(other),
            }
        }
    }

    /// Takes the lock of a connector: who holds it may take a snapshot on schedule, or put the connector's files
    /// back. `None` where somebody else holds it. It is given up when the file is closed, however the process ends.
    ///
    /// # Errors
    /// Fails where the file cannot be made or the system cannot lock it.
    pub(crate) fn lock(&self, connector: &str) -> Result<Option<File>> {
        let path = self
            .folder("locks")?
            .join(format!("{}.lock", self.key(connector)));
        let failed = |error: io::Error| {
            Failure::new(format!("cannot lock {}: {error}", path.display())).hint(format!(
                "name a folder on a local file system: state = \"…\" in restante.toml, or {VARIABLE}"
            ))
        };
        // Never removed: who removed one could take it from under somebody who has it open.
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Where the system keeps such things for this user.
fn standard_folder(variable: &dyn Fn(&str) -> Option<OsString>, is_root: bool) -> Option<PathBuf> {
    if cfg!(windows) {
        return variable("LOCALAPPDATA").map(|folder| PathBuf::from(folder).join("restante"));
    }
    // A relative XDG_STATE_HOME is to be ignored, says its specification.
    let named = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let of_user = named.or_else(home).map(|folder| folder.join("restante"));
    of_user.or_else(|| is_root.then(|| PathBuf::from("/var/lib/restante")))
}

/// A name that is one component of a path on every system, and another one for every name.
fn file_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => safe.push(char::from(byte)),
            _ => safe.push_str(&format!("%{byte:02x}")),
        }
    }
    safe
}

/// Makes a folder, and those above it that are missing, that nobody but its owner can read.
#[cfg(unix)]
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes a folder, and those above it that are missing.
#[cfg(not(unix))]
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// The system's own name for itself.
#[cfg(unix)]
pub(crate) fn system_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The system's own name for itself.
#[cfg(not(unix))]
pub(crate) fn system_host() -> String {
    env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &Config, variables: &[(&str, &Path)], is_root: bool) -> Option<PathBuf> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| value.as_os_str().to_owned())
        };
        State::find(config, &variable, is_root)
            .ok()
            .map(|state| state.folder)
    }

    #[test]
    fn the_nearest_folder_wins() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let (named, variable, user, home) = (at("named"), at("variable"), at("user"), at("home"));
        let config = Config {
            state: Some(named),
            ..Config::default()
        };
        let (of_user, of_home) = if cfg!(windows) {
            (("LOCALAPPDATA", user.as_path()), ("LOCALAPPDATA", home.as_path()))
        } else {
            (("XDG_STATE_HOME", user.as_path()), ("HOME", home.as_path()))
        };
        let all = [(VARIABLE, variable.as_path()), of_user, of_home];
        let none = Config::default();
        assert_eq!(found(&config, &all, false), Some(at("named")));
        assert_eq!(found(&none, &all, false), Some(at("variable")));
        assert_eq!(found(&none, &all[1..], false), Some(user.join("restante")));
        assert_eq!(found(&none, &[], false), None);
        if cfg!(unix) {
            let of_home = home.join(".local/state/restante");
            assert_eq!(found(&none, &all[2..], true), Some(of_home.clone()));
            let relative = [("XDG_STATE_HOME", Path::new("relative")), all[2]];
            assert_eq!(found(&none, &relative, false), Some(of_home));
            assert_eq!(found(&none, &[], true), Some(PathBuf::from("/var/lib/restante")));
        }
    }

    #[test]
    fn one_holds_the_lock_of_a_connector() {
        let root = tempfile::tempdir().unwrap();
        let state = |server: &str| State {
            folder: root.path().join("state"),
            server: server.to_owned(),
        };
        let (one, other) = (state("EXCH1"), state("EXCH/2"));
        let held = one.lock("ms-mail").unwrap();
        assert!(held.is_some());
        assert!(one.lock("ms-mail").unwrap().is_none());
        assert!(one.lock("groupwise").unwrap().is_some());
        assert!(other.lock("ms-mail").unwrap().is_some());
        drop(held);
        assert!(one.lock("ms-mail").unwrap().is_some());
        let names = fs::read_dir(root.path().join("state/locks")).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(
            names,
            [
                "EXCH%2f2-ms-mail.lock",
                "EXCH1-groupwise.lock",
                "EXCH1-ms-mail.lock"
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_it_and_errors_say_what_to_do() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let mut state = State {
            folder: root.path().join("state"),
            server: "EXCH1".into(),
        };
        let folder = state.folder("journals").unwrap();
        for folder in [&folder, &state.folder] {
            let mode = fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        fs::write(root.path().join("file"), "x").unwrap();
        state.folder = root.path().join("file");
        let failure = state.lock("ms-mail").unwrap_err();
        assert!(
            failure.message.starts_with("cannot make the folder "),
            "{failure:?}"
        );
        assert!(failure.hints[0].contains("state ="), "{failure:?}");
    }
}
