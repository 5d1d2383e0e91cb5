//! `[connector.NAME]`: what the user changes about a profile.
//!
//! ```toml
//! [connector.cc-mail]
//! enabled = true               # false: `snapshot` without an argument passes it over
//! every = "1h"                 # instead of the profile's
//! include = ["Import.*"]       # instead of the profile's, for every root
//! exclude = ["*.bak"]          # besides the profile's: those are there for a reason
//! submit = true                # an option of the profile
//! services = ["MSExchangeCCMC"] # instead of the profile's
//! keep = { daily = 30 }        # instead of the profile's policy
//!
//! [connector.cc-mail.commands] # commands that the profile leaves to its user, by name
//! backup = ["ntbackup", "backup", "systemstate"]
//!
//! [connector.cc-mail.roots]    # where a root lies, instead of below its place
//! programs = "/mnt/exch1/ccmail/bin"
//! submit = { path = "/mnt/exch1/submit", include = ["*.ccm"], exclude = [] }
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::retention::Policy;

use super::keep;
use super::placeholder::{self, Scope};
use super::table::{Entry, Section, unknown_key};
use super::{Action, ConfigError, Hint, Location, Phase, Profile};

/// The keys of `[connector.NAME]` that are no options of a profile.
pub(crate) const CONNECTOR_KEYS: [&str; 8] = [
    "enabled", "every", "include", "exclude", "roots", "services", "keep", "commands",
];

/// One `[connector.NAME]`.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    /// Where it was written.
    pub(crate) at: Box<Location>,
    /// Whether `snapshot` without an argument takes the connector.
    pub(crate) enabled: bool,
    /// How often, instead of the profile's.
    pub(crate) every: Option<Duration>,
    /// Instead of the profile's includes.
    pub(crate) include: Option<Vec<String>>,
    /// Besides the profile's excludes.
    pub(crate) exclude: Vec<String>,
    /// What changes for single roots.
    pub(crate) roots: BTreeMap<String, RootOverride>,
    /// Instead of the profile's services.
    pub(crate) services: Option<Vec<String>>,
    /// Instead of the profile's policy.
    pub(crate) keep: Option<Policy>,
    /// Commands that the profile leaves to its user.
    pub(crate) commands: Vec<NamedCommand>,
    /// The profile's options; which there are is known only with the profile.
    pub(crate) options: Vec<OptionValue>,
}

/// What `[connector.NAME.roots]` says about one root.
#[derive(Debug, Clone)]
pub(crate) struct RootOverride {
    /// Where it was written.
    pub(crate) at: Box<Location>,
    /// Where the root lies, absolute.
    pub(crate) path: Option<PathBuf>,
    /// Instead of the profile's includes for this root.
    pub(crate) include: Option<Vec<String>>,
    /// Besides the excludes of the profile.
    pub(crate) exclude: Vec<String>,
}

/// A command for a step that has a name and none of its own.
#[derive(Debug, Clone)]
pub(crate) struct NamedCommand {
    /// The step's name.
    pub(crate) name: String,
    /// Where it was written.
    pub(crate) at: Box<Location>,
    /// The program and its arguments, and where each was written.
    command: Vec<(String, Box<Location>)>,
}

/// A key that can only be an option of the profile.
#[derive(Debug, Clone)]
pub(crate) struct OptionValue {
    /// Its key.
    pub(crate) name: String,
    /// Where the key was written.
    pub(crate) at: Box<Location>,
    /// Its value, if that is true or false.
    pub(crate) value: Option<bool>,
    /// Where the value was written.
    pub(crate) value_at: Box<Location>,
    /// What the value is, with its article.
    pub(crate) value_type: &'static str,
}

impl Override {
    /// Reads one `[connector.NAME]`; `absolute` makes paths absolute.
    pub(crate) fn parse(s: &Section<'_>, absolute: &dyn Fn(&str) -> PathBuf) -> Result<Self, ConfigError> {
        let options = s.entries().filter(|e| !CONNECTOR_KEYS.contains(&e.key));
        let inner = s.title.trim_end_matches(']');
        let mut roots = BTreeMap::new();
        if let Some(table) = s.section("roots", &format!("{inner}.roots]"))? {
            for entry in table.entries() {
                let root = RootOverride::parse(&entry, &format!("{inner}.roots.{}]", entry.key), absolute)?;
                roots.insert(entry.key.to_owned(), root);
            }
        }
        let mut commands = Vec::new();
        if let Some(table) = s.section("commands", &format!("{inner}.commands]"))? {
            for entry in table.entries() {
                commands.push(NamedCommand {
                    name: entry.key.to_owned(),
                    at: entry.at(),
                    command: (entry.command()?.iter())
                        .map(|e| Ok((e.string()?.to_owned(), e.value_at())))
                        .collect::<Result<_, ConfigError>>()?,
                });
            }
        }
        Ok(Self {
            at: s.at(),
            services: s.entry("services").map(|_| s.strings("services")).transpose()?,
            keep: keep::parse(s, &format!("{inner}.keep]"))?,
            commands,
            enabled: s.boolean("enabled")?.unwrap_or(true),
            every: s.duration("every")?,
            include: s.patterns("include")?,
            exclude: s.patterns("exclude")?.unwrap_or_default(),
            roots,
            options: options
                .map(|e| OptionValue {
                    name: e.key.to_owned(),
                    at: e.at(),
                    value: e.as_boolean(),
                    value_at: e.value_at(),
                    value_type: e.value_type(),
                })
                .collect(),
        })
    }

    /// Puts into the profile what it says, but for patterns and paths, which are looked at where roots are found.
    pub(crate) fn apply(&self, profile: &mut Profile) {
        profile.every = self.every.or(profile.every);
        if let Some(services) = &self.services {
            profile.services.clone_from(services);
        }
        if self.keep.is_some() {
            profile.keep.clone_from(&self.keep);
        }
        for step in profile.steps.all_mut() {
            if let Action::Run(run) = &mut step.action
                && let Some(own) = self.commands.iter().find(|c| Some(&c.name) == run.name.as_ref())
            {
                run.command = own.command.iter().map(|(word, _)| word.clone()).collect();
            }
        }
    }

    /// Fails if it sets an option, a root or a command that the profile has not.
    pub(crate) fn check(&self, profile: &Profile, config: &Config) -> Result<(), ConfigError> {
        let table = format!("[connector.{}]", profile.name);
        for option in &self.options {
            if !profile.options.iter().any(|o| o.name == option.name) {
                let mut known: Vec<&str> = profile.options.iter().map(|o| o.name.as_str()).collect();
                known.extend(CONNECTOR_KEYS);
                return Err(unknown_key(option.at.clone(), &option.name, &table, &known));
            }
            if option.value.is_none() {
                return Err(ConfigError::WrongType {
                    at: option.value_at.clone(),
                    key: option.name.clone(),
                    table,
                    wanted: "true or false",
                    found: option.value_type,
                    hint: Hint::text("without quotes"),
                });
            }
        }
        for command in &self.commands {
            command.check(profile, config)?;
        }
        for (name, root) in &self.roots {
            if !profile.roots.iter().any(|r| r.name == *name) {
                let known: Vec<&str> = profile.roots.iter().map(|r| r.name.as_str()).collect();
                let hint = Hint::nearest(name, &known, "its roots:");
                let table = format!("[connector.{}.roots]", profile.name);
                let (at, name) = (root.at.clone(), name.clone());
                return Err(ConfigError::UnknownName {
                    at,
                    what: "root",
                    name,
                    table,
                    hint,
                });
            }
        }
        Ok(())
    }
}

impl NamedCommand {
    /// Fails if no step of the profile has its name, or if something in it means nothing there.
    fn check(&self, profile: &Profile, config: &Config) -> Result<(), ConfigError> {
        let table = format!("[connector.{}.commands]", profile.name);
        let named: Vec<(&str, Phase)> = (profile.steps.all())
            .filter_map(|(phase, step)| match &step.action {
                Action::Run(run) => Some((run.name.as_deref()?, phase)),
                _ => None,
            })
            .collect();
        let unknown = |at: &Location, what, name: &str, table: String, hint| ConfigError::UnknownName {
            at: Box::new(at.clone()),
            what,
            name: name.to_owned(),
            table,
            hint,
        };
        let mut phases = named.iter().filter(|(name, _)| *name == self.name).peekable();
        if phases.peek().is_none() {
            let hint = match named.as_slice() {
                [] => Hint::text(format!(
                    "no step of {} leaves its command to its user",
                    profile.name
                )),
                _ => Hint::nearest(&self.name, named.iter().map(|(name, _)| *name), "its commands:"),
            };
            return Err(unknown(&self.at, "command", &self.name, table, hint));
        }
        let scopes: Vec<Scope> = phases.map(|(_, phase)| Scope::of(*phase)).collect();
        let key = || format!("`{}` of {table}", self.name);
        for (word, at) in &self.command {
            let fault = scopes
                .iter()
                .find_map(|scope| placeholder::check(word, *scope).err());
            if let Some(fault) = fault {
                return Err(ConfigError::BadValue {
                    at: at.clone(),
                    key: self.name.clone(),
                    table,
                    value: word.clone(),
                    why: fault.why,
                    hint: Hint::text(fault.hint),
                });
            }
            for name in placeholder::names(word) {
                if let Some(root) = placeholder::named(name, "root")
                    && !profile.roots.iter().any(|r| r.name == root)
                {
                    let known = profile.roots.iter().map(|r| r.name.as_str());
                    let hint = Hint::nearest(root, known, "its roots:");
                    return Err(unknown(at, "root", root, key(), hint));
                }
                if let Some(place) = placeholder::named(name, "place")
                    && !config.roots.contains_key(place)
                {
                    let hint = match crate::suggest::nearest(place, config.roots.keys()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("under [roots] write {place} = \"/where/it/lies\""),
                    };
                    let hint = Hint::text(hint);
                    return Err(unknown(at, "place", place, key(), hint));
                }
            }
        }
        Ok(())
    }
}

impl RootOverride {
    fn parse(
        entry: &Entry<'_>,
        title: &str,
        absolute: &dyn Fn(&str) -> PathBuf,
    ) -> Result<Self, ConfigError> {
        if entry.is_string() {
            let path = Some(absolute(entry.filled_string()?));
            return Ok(Self {
                at: entry.at(),
                path,
                include: None,
                exclude: Vec::new(),
            });
        }
        let s = entry
            .section(title)
            .map_err(|_| entry.wrong("a path", Hint::text(format!("write {} = \"/path\"", entry.key))))?;
        s.only(&["path", "include", "exclude"])?;
        let path = s
            .entry("path")
            .map(|e| e.filled_string().map(absolute))
            .transpose()?;
        let (include, exclude) = (s.patterns("include")?, s.patterns("exclude")?.unwrap_or_default());
        Ok(Self {
            at: entry.at(),
            path,
            include,
            exclude,
        })
    }
}

/// Makes a path of the configuration absolute: `~/` is the home folder, the rest is relative to the file.
pub(crate) fn absolute(folder: &Path, text: &str) -> PathBuf {
    if let Some(rest) = text
        .strip_prefix("~/")
        .or_else(|| text.strip_prefix("~\\").filter(|_| cfg!(windows)))
        && let Some(home) = std::env::home_dir()
    {
        return home.join(rest);
    }
    folder.join(text)
}
