//! From a profile and a configuration to the directories that a snapshot walks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, is_absent};

use super::error::{Hint, ResolveError};
use super::{Override, Profile, Root, absolute, pattern};

/// A connector whose directories were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedConnector {
    /// The first component of its paths in the snapshot.
    pub(crate) name: String,
    /// What to take.
    pub(crate) roots: Vec<ResolvedRoot>,
    /// Optional roots that are not there, each with the reason in one line.
    pub(crate) skipped: Vec<String>,
    /// What somebody asked for and is not there, each in one line.
    pub(crate) warnings: Vec<String>,
    /// What is not there and is not needed for a snapshot, each in one line.
    pub(crate) notices: Vec<String>,
    /// How often a snapshot is due.
    pub(crate) every: Option<Duration>,
}

/// One directory, or one file, to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedRoot {
    /// The second component of its paths in the snapshot.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Whether that is one file, to be kept under its own name below the root.
    pub(crate) is_file: bool,
    /// Globs of what to keep, relative to the root, `/` as separator; none means everything.
    pub(crate) include: Vec<String>,
    /// Globs of what to leave out, with all that lies below it; they win over `include`.
    pub(crate) exclude: Vec<String>,
    /// Whether the globs match in any case.
    pub(crate) case_insensitive: bool,
    /// Whether its absence would have been an error.
    pub(crate) required: bool,
}

/// Where a root goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceOf {
    /// Its path; nothing need be there.
    pub(crate) path: PathBuf,
    /// Globs of what belongs to it; none means everything.
    pub(crate) include: Vec<String>,
    /// Globs of what does not, with all that lies below it.
    pub(crate) exclude: Vec<String>,
}

/// A place of the built-in profiles: its key, what it is, and how its path may look.
pub(super) const PLACES: [(&str, &str, &str); 7] = [
    (
        "exchsrvr",
        "the Exchsrvr directory of the Exchange server",
        "/mnt/exch1/Exchsrvr",
    ),
    (
        "notes",
        "the directory of the Notes client",
        "/mnt/exch1/Lotus/Notes",
    ),
    ("windows", "the Windows directory", "/mnt/exch1/WINNT"),
    (
        "notes-ids",
        "the directory with the Notes ID files",
        "/mnt/exch1/ids",
    ),
    (
        "ccmail",
        "the directory with the import and export programs",
        "/mnt/exch1/ccmail",
    ),
    (
        "groupwise-api",
        "the API directory of the GroupWise gateway",
        "/mnt/nw1/WPDOMAIN/WPGATE/API",
    ),
    (
        "backups",
        "where Backup leaves its .bkf files",
        "/mnt/exch1/backups",
    ),
];

/// How many names are looked at in search of one that is expected.
const SEARCHED: usize = 10_000;

/// What the look for one root ended with.
enum Found {
    Yes(ResolvedRoot),
    /// Not there; the error says why, for roots that have to be.
    No(ResolveError),
}

impl Profile {
    /// Finds the profile's roots on this system, with the user's overrides.
    ///
    /// # Errors
    /// Fails if a required place or root is missing, if a name is there in two spellings, if a directory
    /// cannot be read, or if nothing at all is there.
    pub(crate) fn resolve(&self, config: &Config) -> Result<ResolvedConnector, ResolveError> {
        let table = config.connectors.get(&self.name);
        let (mut roots, mut skipped, mut notices) = (Vec::new(), Vec::new(), Vec::new());
        for place in &self.needs {
            let path = config
                .roots
                .get(place)
                .ok_or_else(|| self.place_unnamed(config, place))?;
            // Nothing is taken from there: a restore needs it, and a snapshot does not wait for it.
            if self.look_at_place(config, place, &path.path).is_err() {
                notices.push(format!(
                    "the place `{place}` is not there: {}; nothing is taken from it, but a restore needs it",
                    path.path.display()
                ));
            }
        }
        for root in self
            .roots
            .iter()
            .filter(|r| r.option.as_ref().is_none_or(|o| self.is_on(o, table)))
        {
            match self.find(root, config, table)? {
                Found::Yes(found) => roots.push(found),
                Found::No(why) if root.required => return Err(why),
                Found::No(why) => {
                    let line = why.to_string().lines().next().unwrap_or_default().to_owned();
                    let line = line
                        .strip_prefix(&format!("connector {}: ", self.name))
                        .unwrap_or(&line);
                    skipped.push(format!("{}: {line}", root.name));
                }
            }
        }
        if roots.is_empty() {
            let hint = Hint::text(format!("looked for {}", skipped.join("; ")));
            return Err(ResolveError::NothingThere {
                connector: self.name.clone(),
                hint,
            });
        }
        let mut warnings = self.options_without_roots(table, &roots);
        if !self.expect.is_empty() && !self.finds_expected(&roots) {
            warnings.push(self.nothing_expected(config));
        }
        Ok(ResolvedConnector {
            name: self.name.clone(),
            roots,
            skipped,
            warnings,
            notices,
            every: self.every,
        })
    }

    /// Whether one of the names that the profile expects is there. Gives up, content, where a root is too large to be
    /// searched before every snapshot.
    fn finds_expected(&self, roots: &[ResolvedRoot]) -> bool {
        let mut set = globset::GlobSetBuilder::new();
        for pattern in &self.expect {
            let mut glob = globset::GlobBuilder::new(pattern);
            match glob.case_insensitive(self.case_insensitive).build() {
                Ok(glob) => set.add(glob),
                Err(_) => return true,
            };
        }
        let Ok(set) = set.build() else { return true };
        let is_expected = |path: &Path| path.file_name().is_some_and(|name| set.is_match(name));
        let mut folders = std::collections::VecDeque::new();
        for root in roots {
            if root.is_file && is_expected(&root.path) {
                return true;
            }
            folders.push_back(root.path.clone());
        }
        let mut left = SEARCHED;
        while let Some(folder) = folders.pop_front() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if left == 0 {
                    return true;
                }
                left -= 1;
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push_back(entry.path()),
                    _ if is_expected(&entry.path()) => return true,
                    _ => {}
                }
            }
        }
        false
    }

    /// The warning that what the profile expects is not there, and where else it could lie.
    fn nothing_expected(&self, config: &Config) -> String {
        let places = self.roots.iter().filter(|root| !root.required);
        let unnamed: Vec<String> = places
            .filter_map(|root| root.place.as_ref())
            .filter(|place| !config.roots.contains_key(*place))
            .map(|place| format!("`{place}`"))
            .collect();
        let mut text = format!("there is no {} in its roots", self.expect.join(" and no "));
        if !unnamed.is_empty() {
            text.push_str(&format!(
                "; if they lie elsewhere, name where under [roots]: {}",
                unnamed.join(", ")
            ));
        }
        text
    }

    /// Options that somebody switched on for roots of which none is there.
    fn options_without_roots(&self, table: Option<&Override>, found: &[ResolvedRoot]) -> Vec<String> {
        let is_empty = |option: &str| {
            let mut own = self
                .roots
                .iter()
                .filter(|root| root.option.as_deref() == Some(option))
                .peekable();
            own.peek().is_some() && !own.any(|root| found.iter().any(|f| f.name == root.name))
        };
        let names = self.options.iter().map(|option| option.name.as_str());
        names
            .filter(|name| self.is_on(name, table) && is_empty(name))
            .map(|name| {
                let paths = self
                    .roots
                    .iter()
                    .filter(|root| root.option.as_deref() == Some(name))
                    .map(|root| match &root.place {
                        Some(place) => format!("<{place}>/{}", root.path),
                        None => root.path.clone(),
                    });
                let paths: Vec<String> = paths.collect();
                format!(
                    "`{name} = true` takes nothing: there is no {}",
                    paths.join(" and no ")
                )
            })
            .collect()
    }

    /// Whether an option is on.
    fn is_on(&self, option: &str, table: Option<&Override>) -> bool {
        let set = table.and_then(|t| t.options.iter().find(|o| o.name == option));
        match set {
            Some(set) => set.value == Some(true),
            None => self.options.iter().any(|o| o.name == option && o.default),
        }
    }

    fn find(&self, root: &Root, config: &Config, table: Option<&Override>) -> Result<Found, ResolveError> {
        let own = table.and_then(|t| t.roots.get(&root.name));
        // A root that the user placed is taken from there, whatever the profile says.
        let (place, base, below) = match (own.and_then(|o| o.path.as_ref()), &root.place) {
            (Some(path), _) => (None, path.clone(), ""),
            (None, None) => (None, absolute(&config.folder, &root.path), ""),
            (None, Some(place)) => match config.roots.get(place) {
                Some(named) => (Some(place), named.path.clone(), root.path.as_str()),
                None => return Ok(Found::No(self.place_unnamed(config, place))),
            },
        };
        let path = if let Some(place) = place {
            // A share that is not mounted is an error for optional roots too.
            self.look_at_place(config, place, &base)?;
            match self.descend(root, &base, below)? {
                Ok(path) => path,
                Err(missing) => return Ok(Found::No(missing)),
            }
        } else {
            base
        };
        let missing = |path: PathBuf, hint: &str| {
            let (connector, root) = (self.name.clone(), root.name.clone());
            Ok(Found::No(ResolveError::RootMissing {
                connector,
                root,
                path,
                hint: Hint::text(hint),
            }))
        };
        let metadata = match fs::metadata(&path) {
            Err(e) if is_absent(&e) => {
                return missing(
                    path,
                    "restore it, mount it, or correct its path in the configuration",
                );
            }
            other => other.map_err(|cause| self.unreadable(&root.name, &path, cause))?,
        };
        // What the user pointed at may be either; below a place only the profile's kind can be meant.
        if place.is_some() && metadata.is_file() != root.file {
            let hint = if root.file {
                "it is a directory, not a file"
            } else {
                "it is a file, not a directory"
            };
            return missing(path, hint);
        }
        let (include, exclude) = self.patterns(root, table);
        Ok(Found::Yes(ResolvedRoot {
            name: root.name.clone(),
            path,
            is_file: metadata.is_file(),
            include,
            exclude,
            case_insensitive: self.case_insensitive,
            required: root.required,
        }))
    }

    /// Where a root goes back to, whether or not anything is there, and the patterns of what belongs to it.
    ///
    /// # Errors
    /// Fails if its place is not named or not there, or if a name on the way is there in two spellings.
    pub(crate) fn place_of(&self, root: &Root, config: &Config) -> Result<PlaceOf, ResolveError> {
        let table = config.connectors.get(&self.name);
        let own = table.and_then(|t| t.roots.get(&root.name));
        let path = match (own.and_then(|o| o.path.as_ref()), &root.place) {
            (Some(path), _) => path.clone(),
            (None, None) => absolute(&config.folder, &root.path),
            (None, Some(place)) => {
                let named = (config.roots.get(place)).ok_or_else(|| self.place_unnamed(config, place))?;
                self.look_at_place(config, place, &named.path)?;
                let mut path = named.path.clone();
                // What is there keeps its spelling; the rest is made in the profile's.
                for part in root.path.split(['/', '\\']).filter(|part| !part.is_empty()) {
                    let there = match self.case_insensitive && path.is_dir() {
                        true => self.any_case(root, &path, part)?,
                        false => None,
                    };
                    path = there.unwrap_or_else(|| path.join(part));
                }
                path
            }
        };
        let (include, exclude) = self.patterns(root, table);
        Ok(PlaceOf {
            path,
            include,
            exclude,
        })
    }

    /// The patterns of a root: the profile's, its own, what options and the user make of them.
    fn patterns(&self, root: &Root, table: Option<&Override>) -> (Vec<String>, Vec<String>) {
        let own = table.and_then(|t| t.roots.get(&root.name));
        let mut include = [self.include.as_slice(), &root.include].concat();
        let mut exclude = [self.exclude.as_slice(), &root.exclude].concat();
        for option in self.options.iter().filter(|o| self.is_on(&o.name, table)) {
            // Where everything is kept, an addition would keep less.
            if !include.is_empty() {
                include.extend_from_slice(&option.include);
            }
            exclude.retain(|p| !option.allow.contains(p));
            exclude.extend_from_slice(&option.exclude);
        }
        if let Some(instead) = own
            .and_then(|o| o.include.as_ref())
            .or(table.and_then(|t| t.include.as_ref()))
        {
            include.clone_from(instead);
        }
        exclude.extend(
            table
                .iter()
                .flat_map(|t| &t.exclude)
                .chain(own.iter().flat_map(|o| &o.exclude))
                .cloned(),
        );
        let compile = |list: Vec<String>| list.iter().map(|p| pattern::compile(p)).collect();
        (compile(include), compile(exclude))
    }

    /// Follows `below` from a place down, names in any case where the profile says so. The inner error is
    /// that of a missing component.
    fn descend(
        &self,
        root: &Root,
        place: &Path,
        below: &str,
    ) -> Result<Result<PathBuf, ResolveError>, ResolveError> {
        let mut path = place.to_path_buf();
        for part in below.split(['/', '\\']).filter(|p| !p.is_empty()) {
            let next = if self.case_insensitive {
                self.any_case(root, &path, part)?
            } else {
                Some(path.join(part)).filter(|p| p.exists())
            };
            match next {
                Some(next) => path = next,
                None => {
                    let hint = format!("{} has no {part:?}", path.display());
                    let whole = below
                        .split(['/', '\\'])
                        .fold(place.to_path_buf(), |p, part| p.join(part));
                    return Ok(Err(ResolveError::RootMissing {
                        connector: self.name.clone(),
                        root: root.name.clone(),
                        path: whole,
                        hint: Hint::text(hint),
                    }));
                }
            }
        }
        Ok(Ok(path))
    }

    /// The entry of `folder` that is `part` in any case.
    fn any_case(&self, root: &Root, folder: &Path, part: &str) -> Result<Option<PathBuf>, ResolveError> {
        let unreadable = |cause| self.unreadable(&root.name, folder, cause);
        let wanted = part.to_lowercase();
        let mut spellings = Vec::new();
        let entries = match fs::read_dir(folder) {
            // A file where a directory should be has no entries.
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            other => other.map_err(unreadable)?,
        };
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            if name.to_str().is_some_and(|n| n.to_lowercase() == wanted) {
                spellings.push(name);
            }
        }
        spellings.sort();
        match spellings.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(folder.join(only))),
            [first, second, ..] => Err(ResolveError::TwoSpellings {
                connector: self.name.clone(),
                root: root.name.clone(),
                folder: folder.to_path_buf(),
                spellings: Box::new([first, second].map(|s| s.to_string_lossy().into_owned())),
                hint: Hint::text(format!(
                    "its system sees one directory in them: merge them, or name the right one with [connector.{}.roots] {} = \"…\"",
                    self.name, root.name
                )),
            }),
        }
    }

    /// Fails if a place that the configuration names is not there.
    fn look_at_place(&self, config: &Config, place: &str, path: &Path) -> Result<(), ResolveError> {
        match fs::metadata(path) {
            Ok(_) => return Ok(()),
            Err(e) if is_absent(&e) => {}
            Err(cause) => return Err(self.unreadable(place, path, cause)),
        }
        let hint = match config.roots.get(place) {
            Some(named) => format!("is it mounted? [roots] names it: {}", named.at),
            None => "is it mounted?".to_owned(),
        };
        Err(ResolveError::PlaceMissing {
            connector: self.name.clone(),
            place: place.to_owned(),
            path: path.to_path_buf(),
            hint: Hint::text(hint),
        })
    }

    /// The error for something on the way to a root that cannot be looked at.
    fn unreadable(&self, root: &str, path: &Path, cause: io::Error) -> ResolveError {
        let (connector, root, path) = (self.name.clone(), root.to_owned(), path.to_path_buf());
        ResolveError::Unreadable {
            connector,
            root,
            path,
            cause,
        }
    }

    /// The error for a place that the configuration does not name.
    fn place_unnamed(&self, config: &Config, place: &str) -> ResolveError {
        let file = config
            .file
            .as_ref()
            .map_or("restante.toml".to_owned(), |f| f.display().to_string());
        let near = crate::suggest::nearest(place, config.roots.keys());
        let hint = match (near, PLACES.iter().find(|(key, ..)| *key == place)) {
            (Some(near), _) => {
                format!("did you mean it by `{near}` there? rename that to `{place}` in {file}")
            }
            (None, Some((_, what, example))) => {
                format!("under [roots] in {file} write {place} = \"{example}\": {what}")
            }
            (None, None) => format!("under [roots] in {file} write {place} = \"/where/it/lies\""),
        };
        ResolveError::PlaceUnnamed {
            connector: self.name.clone(),
            place: place.to_owned(),
            hint: Hint::text(hint),
        }
    }
}
