//! The configuration file: which archive, which server, where its places lie, and what differs from the
//! profiles.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use crate::profile::ConfigError;
use crate::profile::placeholder::{self, Scope};
use crate::profile::{
    Document, Draft, Hint, Location, Origin, Override, Section, absolute, checked_key, is_plain_name,
    parse_file, parse_section,
};
use crate::state::system_host;

/// The file's name wherever it is looked for.
const FILE_NAME: &str = "restante.toml";

/// The folder of profiles beside it.
const PROFILES_FOLDER: &str = "profiles";

/// What a configuration file says. The default is what no file says: nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// The file, absolute; none where there is no configuration.
    pub(crate) file: Option<PathBuf>,
    /// The file's folder: relative paths start here.
    pub(crate) folder: PathBuf,
    /// The archive: an absolute path, or a URL as written.
    pub(crate) archive: Option<String>,
    /// The server's name, to stand for the host in snapshots.
    pub(crate) server: Option<String>,
    /// Where the places lie that profiles name, absolute.
    pub(crate) roots: BTreeMap<String, NamedPlace>,
    /// `[connector.NAME]`.
    pub(crate) connectors: BTreeMap<String, Override>,
    /// `[groups]`: names that stand for several connectors.
    pub(crate) groups: BTreeMap<String, Group>,
    /// `[services]`: how this system's services are stopped and started.
    pub(crate) services: Option<ServiceCommands>,
    /// How often `watch` prunes.
    pub(crate) pruning: Pruning,
    /// The folder for journals and reports, absolute.
    pub(crate) state: Option<PathBuf>,
    /// The user's own profiles, before they have what they inherit.
    pub(crate) profiles: Vec<Draft>,
}

/// How often `watch` frees the room of what was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Pruning {
    /// Nothing is said: daily, where it forgets snapshots.
    #[default]
    Unsaid,
    /// So often.
    Every(Duration),
    /// Never: another does it.
    Never,
}

impl Pruning {
    fn parse(s: &Section<'_>) -> Result<Self, ConfigError> {
        s.only(&["prune"])?;
        let text = s.entry("prune").map(|entry| entry.string());
        if matches!(text, Some(Ok("never"))) {
            return Ok(Self::Never);
        }
        Ok(s.duration("prune")?.map_or(Self::Unsaid, Self::Every))
    }
}

/// One entry of `[roots]`.
#[derive(Debug, Clone)]
pub(crate) struct NamedPlace {
    /// Where it was written.
    pub(crate) at: Box<Location>,
    /// Its path, absolute.
    pub(crate) path: PathBuf,
}

/// One entry of `[groups]`.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Where it was written.
    pub(crate) at: Box<Location>,
    /// The connectors.
    pub(crate) connectors: Vec<String>,
}

/// `[services]`. In the commands `{service}` stands for a service's name; see `placeholder`.
#[derive(Debug, Clone)]
pub(crate) struct ServiceCommands {
    /// Stops a service.
    pub(crate) stop: Vec<String>,
    /// Starts a service.
    pub(crate) start: Vec<String>,
    /// How many seconds each may take.
    pub(crate) timeout_seconds: u64,
    /// Whether services are stopped for snapshots too, and not only for restores.
    pub(crate) for_snapshots: bool,
}

impl ServiceCommands {
    fn parse(s: &Section<'_>) -> Result<Self, ConfigError> {
        s.only(&["stop", "start", "timeout", "for-snapshots"])?;
        let command = |key: &str, example: &str| {
            let entry = s.required_entry(key, &format!("write {key} = {example}"))?;
            let words: Vec<&str> = (entry.command()?.iter())
                .map(|word| word.template(Scope::Services))
                .collect::<Result<_, _>>()?;
            let is_service = |word: &&str| placeholder::names(word).any(|name| name == "service");
            if !words.iter().any(is_service) {
                let hint = Hint::text(format!("write {key} = {example}"));
                let why = "does not say {service}, which stands for the name".to_owned();
                return Err(entry.bad(&words.join(" "), why, hint));
            }
            Ok(words.into_iter().map(str::to_owned).collect())
        };
        Ok(Self {
            stop: command("stop", "[\"net\", \"stop\", \"{service}\"]")?,
            start: command("start", "[\"net\", \"start\", \"{service}\"]")?,
            timeout_seconds: s.duration("timeout")?.map_or(300, |d| d.as_secs()),
            for_snapshots: s.boolean("for-snapshots")?.unwrap_or(false),
        })
    }
}

impl Config {
    /// The name that this server's snapshots bear: its own, else the system's.
    pub(crate) fn server_name(&self) -> String {
        self.server.clone().unwrap_or_else(system_host)
    }

    /// The connectors that a name stands for: those of a group, or the name itself.
    pub(crate) fn members<'a>(&'a self, name: &'a String) -> &'a [String] {
        match self.groups.get(name) {
            Some(group) => &group.connectors,
            None => std::slice::from_ref(name),
        }
    }

    /// Finds and reads the configuration: the file given (`--config`), that of `RESTANTE_CONFIG`,
    /// `./restante.toml`, the user's, the system's, the first that there is.
    ///
    /// # Errors
    /// Fails if the file cannot be read or says something it cannot mean. A file that was named has to be
    /// there; of the others none has to.
    pub(crate) fn discover(explicit: Option<&Path>) -> Result<Option<Self>, ConfigError> {
        Self::discover_in(explicit, Path::new(""), &|name| {
            env::var_os(name).filter(|v| !v.is_empty())
        })
    }

    /// [`Config::discover`] with the working folder and the environment given.
    fn discover_in(
        explicit: Option<&Path>,
        folder: &Path,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, ConfigError> {
        if let Some(path) = explicit {
            return Self::load_named(path, "--config names it").map(Some);
        }
        if let Some(path) = variable("RESTANTE_CONFIG") {
            return Self::load_named(Path::new(&path), "RESTANTE_CONFIG names it").map(Some);
        }
        for path in standard_files(folder, variable) {
            match fs::read_to_string(&path) {
                Ok(text) => return Self::read(&path, &text).map(Some),
                Err(e) if is_absent(&e) => {}
                Err(cause) => {
                    return Err(ConfigError::Unreadable {
                        path,
                        cause,
                        hint: Hint::NONE,
                    });
                }
            }
        }
        Ok(None)
    }

    /// Reads a file that somebody named.
    fn load_named(path: &Path, who: &str) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|cause| {
            let hint = if path.is_dir() {
                format!(
                    "{who}, and it is a folder: name the file, such as {}",
                    path.join(FILE_NAME).display()
                )
            } else {
                who.to_owned()
            };
            ConfigError::Unreadable {
                path: path.to_path_buf(),
                cause,
                hint: Hint::text(hint),
            }
        })?;
        Self::read(path, &text)
    }

    /// Reads a configuration from its text and the profiles beside it. `path` has to name a file.
    pub(crate) fn read(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let shown = path.display().to_string();
        let doc = Document::new(&shown, text);
        let table = doc.parse()?;
        let top = Section::top(&doc, &table);
        top.only(&[
            "archive",
            "server",
            "state",
            "roots",
            "services",
            "groups",
            "watch",
            "connector",
            "profile",
        ])?;
        let mut config = Self {
            file: Some(file),
            folder,
            ..Self::default()
        };
        config.archive = match top.entry("archive") {
            Some(entry) => Some(config.archive_name(entry.filled_string()?)),
            None => None,
        };
        if let Some(server) = top.section("server", "[server]")? {
            server.only(&["name"])?;
            config.server = server
                .entry("name")
                .map(|e| e.filled_string().map(str::to_owned))
                .transpose()?;
        }
        if let Some(roots) = top.section("roots", "[roots]")? {
            for entry in roots.entries() {
                let path = absolute(&config.folder, entry.filled_string()?);
                config
                    .roots
                    .insert(entry.key.to_owned(), NamedPlace { at: entry.at(), path });
            }
        }
        config.state = match top.entry("state") {
            Some(entry) => Some(absolute(&config.folder, entry.filled_string()?)),
            None => None,
        };
        config.services = match top.section("services", "[services]")? {
            Some(section) => Some(ServiceCommands::parse(&section)?),
            None => None,
        };
        if let Some(section) = top.section("watch", "[watch]")? {
            config.pruning = Pruning::parse(&section)?;
        }
        if let Some(groups) = top.section("groups", "[groups]")? {
            for entry in groups.entries() {
                let connectors = groups.strings(entry.key)?;
                if connectors.is_empty() {
                    let hint = Hint::text(format!(
                        "write {} = [\"lotus-notes\", \"conn-tables\"]",
                        entry.key
                    ));
                    return Err(entry.bad("[]", "names no connector".to_owned(), hint));
                }
                if !is_plain_name(entry.key) {
                    let hint = "use letters, digits, `-`, `_` and `.`: it is written on command lines";
                    return Err(entry.bad_key("cannot be a name", hint));
                }
                let at = entry.at();
                config
                    .groups
                    .insert(entry.key.to_owned(), Group { at, connectors });
            }
        }
        if let Some(connectors) = top.section("connector", "[connector.NAME]")? {
            for entry in connectors.entries() {
                let section = entry.section(&format!("[connector.{}]", entry.key))?;
                let table = Override::parse(&section, &|text| absolute(&config.folder, text))?;
                config.connectors.insert(entry.key.to_owned(), table);
            }
        }
        if let Some(profiles) = top.section("profile", "[profile.NAME]")? {
            for entry in profiles.entries() {
                let name = checked_key(&entry)?;
                let section = entry.section(&format!("[profile.{}]", entry.key))?;
                config
                    .profiles
                    .push(parse_section(&section, &name, Origin::User)?);
            }
        }
        config.read_profiles()?;
        Ok(config)
    }

    /// Reads `profiles/*.toml` beside the file.
    fn read_profiles(&mut self) -> Result<(), ConfigError> {
        let folder = self.folder.join(PROFILES_FOLDER);
        let fail = |path: &Path, cause| ConfigError::Unreadable {
            path: path.to_path_buf(),
            cause,
            hint: Hint::NONE,
        };
        let entries = match fs::read_dir(&folder) {
            Err(e) if is_absent(&e) => return Ok(()),
            other => other.map_err(|e| fail(&folder, e))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| fail(&folder, e))?.path();
            if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml")) {
                files.push(path);
            }
        }
        // The order of a folder is nobody's choice: errors and listings should not depend on it.
        files.sort();
        for path in files {
            let text = fs::read_to_string(&path).map_err(|e| fail(&path, e))?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            self.profiles.push(parse_file(
                &path.display().to_string(),
                &stem,
                &text,
                Origin::User,
            )?);
        }
        Ok(())
    }

    /// The archive as the rest of the program takes it.
    fn archive_name(&self, text: &str) -> String {
        if text.contains("://") {
            text.to_owned()
        } else {
            absolute(&self.folder, text).to_string_lossy().into_owned()
        }
    }
}

/// Where a configuration is looked for when nobody names one.
fn standard_files(folder: &Path, variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let mut files = vec![folder.join(FILE_NAME)];
    let below = |base: PathBuf| base.join("restante").join(FILE_NAME);
    if cfg!(windows) {
        files.extend(
            ["APPDATA", "PROGRAMDATA"]
                .iter()
                .filter_map(|n| variable(n))
                .map(|v| below(v.into())),
        );
    } else {
        // A relative XDG_CONFIG_HOME is to be ignored, says its specification.
        let user = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|p| p.is_absolute());
        let home = || variable("HOME").map(|h| PathBuf::from(h).join(".config"));
        files.extend(user.or_else(home).map(below));
        files.push(below(PathBuf::from("/etc")));
    }
    files
}

/// Whether an error means that there is no such file.
pub(crate) fn is_absent(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks for a configuration in `folder` with these variables.
    fn discover(
        folder: &Path,
        explicit: Option<&Path>,
        variables: &[(&str, PathBuf)],
    ) -> Result<Option<Config>, ConfigError> {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| value.clone().into_os_string())
        };
        Config::discover_in(explicit, folder, &variable)
    }

    #[test]
    fn the_nearest_configuration_wins() {
        let root = tempfile::tempdir().unwrap();
        let (work, user) = (root.path().join("work"), root.path().join("user"));
        let (given, named) = (root.path().join("given.toml"), root.path().join("named.toml"));
        for folder in [work.clone(), user.join("restante")] {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(FILE_NAME), "archive = \"here\"\n").unwrap();
        }
        fs::write(&given, "archive = \"here\"\n").unwrap();
        fs::write(&named, "archive = \"here\"\n").unwrap();
        let folder_variable = if cfg!(windows) {
            "APPDATA"
        } else {
            "XDG_CONFIG_HOME"
        };
        let variables = [
            ("RESTANTE_CONFIG", named.clone()),
            (folder_variable, user.clone()),
        ];
        let file = |found: Result<Option<Config>, ConfigError>| found.unwrap().unwrap().file.unwrap();

        assert_eq!(file(discover(&work, Some(&given), &variables)), given);
        assert_eq!(file(discover(&work, None, &variables)), named);
        assert_eq!(file(discover(&work, None, &variables[1..])), work.join(FILE_NAME));
        let found = discover(root.path(), None, &variables[1..]).unwrap().unwrap();
        assert_eq!(found.file.unwrap(), user.join("restante").join(FILE_NAME));
        // What it names lies beside it, wherever the program was started.
        assert_eq!(
            found.archive.unwrap(),
            user.join("restante").join("here").to_string_lossy()
        );
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("no.toml");
        let said = |e: Result<Option<Config>, ConfigError>| {
            e.unwrap_err()
                .to_string()
                .replace(&root.path().display().to_string(), "DIR")
                .replace('\\', "/")
        };
        let text = said(discover(root.path(), Some(&missing), &[]));
        assert!(
            text.starts_with("cannot read the configuration DIR/no.toml: "),
            "{text}"
        );
        assert!(text.ends_with("\n  --config names it"), "{text}");
        let text = said(discover(root.path(), None, &[("RESTANTE_CONFIG", missing)]));
        assert!(text.ends_with("\n  RESTANTE_CONFIG names it"), "{text}");
        let text = said(discover(root.path(), Some(root.path()), &[]));
        assert!(
            text.contains("it is a folder: name the file, such as DIR/restante.toml"),
            "{text}"
        );
    }

    #[test]
    fn the_example_of_the_manual_is_read() {
        let text = r#"
            archive = "/srv/restante/exch1"
            [server]
            name = "EXCH1"
            [roots]
            exchsrvr = "/mnt/exch1/Exchsrvr"
            notes = "mnt/Notes"
            ccmail = "/mnt/exch1/ccmail"
            groupwise-api = "/mnt/nw1/WPDOMAIN/WPGATE/API"
            backups = "/mnt/exch1/backups"
            [connector.conn-tables]
            every = "1m"
            [profile.guestbook]
            [[profile.guestbook.root]]
            name = "data"
            path = "guests"
        "#;
        let folder = tempfile::tempdir().unwrap();
        let config = Config::read(&folder.path().join(FILE_NAME), text).unwrap();
        assert_eq!(config.server.as_deref(), Some("EXCH1"));
        assert_eq!(config.roots["notes"].path, folder.path().join("mnt/Notes"));
        assert_eq!(config.connectors["conn-tables"].every.unwrap().as_secs(), 60);
        let profiles = crate::profile::Profiles::load(&config).unwrap();
        assert_eq!(profiles.configured(&config).len(), 8);
        for url in ["s3://bucket/prefix", "https://host/x"] {
            let config = Config::read(Path::new(FILE_NAME), &format!("archive = \"{url}\"")).unwrap();
            assert_eq!(config.archive.as_deref(), Some(url));
        }
    }
}
