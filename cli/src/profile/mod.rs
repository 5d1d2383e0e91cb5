//! Connector profiles: which roots a connector has, what of them is kept, and what has to be done around it.
//!
//! The seven built-in profiles (`cli/profiles/*.toml`) are written in the format that users write theirs in,
//! as `[profile.NAME]` in `restante.toml` or as `profiles/NAME.toml` beside it. See `parse` for the keys.
//!
//! # Which connectors are configured
//!
//! `snapshot` without an argument takes every configured connector, and a connector is configured when
//!
//! - `restante.toml` has a table `[connector.NAME]` for it; or
//! - it is a profile of the user's own, or a built-in one, all of whose places are named in `[roots]`;
//!
//! unless `[connector.NAME]` says `enabled = false`. Naming `exchsrvr` alone thus configures MS Mail and the
//! tables, though the server may have only one of the two connectors. So a built-in connector that nobody
//! named and that asks for no other place is passed over, with a notice, when the place is there and its
//! directory is not. Whenever the place itself is missing (a share that is not mounted), or the connector was
//! named, a missing directory is an error: a snapshot that silently took nothing would be worse than none.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::retention::Policy;

mod builtin;
mod error;
mod keep;
mod overrides;
mod parse;
mod parse_step;
mod pattern;
pub(crate) mod placeholder;
mod reference;
mod resolve;
mod set;
mod show;
mod statements;
mod step;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use error::{ConfigError, Hint, Location, ResolveError};
pub(crate) use overrides::{CONNECTOR_KEYS, Override, absolute};
pub(crate) use parse::{Draft, checked_key, parse_file, parse_section};
pub(crate) use pattern::{check as check_pattern, duration, show_duration};
pub(crate) use placeholder::expand;
pub(crate) use resolve::{PlaceOf, ResolvedConnector, ResolvedRoot};
pub(crate) use set::Profiles;
pub(crate) use show::{ConnectorInfo, describe, paragraph, what};
pub(crate) use statements::Statements;
pub(crate) use step::{
    Action, At, Ending, Files, Format, OnFailure, Phase, Run, SizeRule, Step, Steps, Value, ValueSource,
};
pub(crate) use table::{Document, Section, is_plain_name};

/// A numbered statement of the article that the built-in profiles follow (Microsoft's Q328835).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Statement(u8);

impl Statement {
    /// The number of the last one.
    pub(crate) const LAST: u8 = 35;

    /// Reads `S8`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number: u8 = text
            .strip_prefix('S')
            .filter(|n| !n.starts_with(['0', '+']))?
            .parse()
            .ok()?;
        (1..=Self::LAST).contains(&number).then_some(Self(number))
    }

    /// Every one, in order.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (1..=Self::LAST).map(Self)
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}", self.0)
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no statement")))
    }
}

impl Note {
    /// What stands behind it, in a few words: statements, another source, doubts.
    pub(crate) fn behind(&self) -> String {
        let mut behind: Vec<String> = self.statements.iter().map(Statement::to_string).collect();
        behind.extend(self.source.clone());
        behind.extend(self.unconfirmed.then(|| "unconfirmed".to_owned()));
        behind.join(", ")
    }
}

/// Where a profile comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Part of this program.
    BuiltIn,
    /// Written by the user.
    User,
}

/// A connector profile, complete with what it inherits.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// Its name: the first component of its paths in a snapshot.
    pub(crate) name: String,
    /// What it is, in a few words.
    pub(crate) title: String,
    /// Who wrote it.
    pub(crate) origin: Origin,
    /// How often a snapshot is due.
    pub(crate) every: Option<Duration>,
    /// Whether names and patterns match in any case.
    pub(crate) case_insensitive: bool,
    /// Statements about the connector as a whole.
    pub(crate) statements: Vec<Statement>,
    /// Places that have to be named though no root lies there.
    pub(crate) needs: Vec<String>,
    /// Patterns of names of which at least one should be found below the roots.
    pub(crate) expect: Vec<String>,
    /// The services that write to the roots, in the order in which they are stopped.
    pub(crate) services: Vec<String>,
    /// Patterns of what is kept of every root; none means everything.
    pub(crate) include: Vec<String>,
    /// Patterns of what is left out of every root.
    pub(crate) exclude: Vec<String>,
    /// What is taken.
    pub(crate) roots: Vec<Root>,
    /// What `[connector.NAME]` can switch on or off.
    pub(crate) options: Vec<Choice>,
    /// Files that belong to one generation.
    pub(crate) sets: Vec<Set>,
    /// Which snapshots are kept; none keeps all.
    pub(crate) keep: Option<Policy>,
    /// Where in the recovery of a whole server the connector has its place.
    pub(crate) stage: Option<Stage>,
    /// Connectors that bring this one's data back too: where one of them is recovered, this one need not be.
    pub(crate) recovered_with: Vec<String>,
    /// What is done around snapshots and restores.
    pub(crate) steps: Steps,
    /// What a person should know.
    pub(crate) notes: Vec<Note>,
}

/// One directory (or one file) that a connector keeps its data in.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// Its name: the second component of its paths in a snapshot.
    pub(crate) name: String,
    /// The key of `[roots]` below which it lies; none if `path` says everything.
    pub(crate) place: Option<String>,
    /// The path below the place; empty for the place itself.
    pub(crate) path: String,
    /// Whether it is one file; where `place` is none, it may be either.
    pub(crate) file: bool,
    /// Whether its absence is an error.
    pub(crate) required: bool,
    /// The option that has to be on for it to be taken.
    pub(crate) option: Option<String>,
    /// Patterns of what is kept of it, besides the profile's.
    pub(crate) include: Vec<String>,
    /// Patterns of what is left out of it, besides the profile's.
    pub(crate) exclude: Vec<String>,
    /// What it holds; the text may be empty.
    pub(crate) note: Note,
    /// How it is put back; the text may be empty.
    pub(crate) restore: Note,
}

/// Files of a root that belong to one generation: mixed from two, they are worth nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Set {
    /// Its name.
    pub(crate) name: String,
    /// The root.
    pub(crate) root: String,
    /// Patterns of its files.
    pub(crate) paths: Vec<String>,
    /// Whether only files of one name in one directory, but for the extension, belong together.
    pub(crate) by_stem: bool,
    /// Why; the text may be empty.
    #[serde(flatten)]
    pub(crate) note: Note,
}

/// Where in the recovery of a whole server a connector has its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// The operating system, before anything else can be installed.
    System,
    /// The data of the program that the connectors belong to.
    Stores,
    /// The connectors.
    #[default]
    Connectors,
}

impl Stage {
    /// Each with its word.
    pub(crate) const ALL: [(&'static str, Self); 3] = [
        ("system", Self::System),
        ("stores", Self::Stores),
        ("connectors", Self::Connectors),
    ];

    /// Its word in a profile.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// A text, the statements it stands for, and how far it can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The text.
    pub(crate) text: String,
    /// The article's statements behind it.
    pub(crate) statements: Vec<Statement>,
    /// Where it comes from, if not from the article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// Whether no source confirmed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unconfirmed: bool,
}

/// An option that `[connector.NAME]` can set to true or false.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Its key in `[connector.NAME]`.
    pub(crate) name: String,
    /// Whether it is on where nobody says anything.
    pub(crate) default: bool,
    /// What it does.
    pub(crate) note: Note,
    /// Patterns that it adds to the includes, where there are any.
    pub(crate) include: Vec<String>,
    /// Patterns that it adds to the excludes.
    pub(crate) exclude: Vec<String>,
    /// Patterns that it takes out of the excludes.
    pub(crate) allow: Vec<String>,
}

impl Profile {
    /// Every text of the profile that says something about the connector.
    pub(crate) fn all_notes(&self) -> impl Iterator<Item = &Note> {
        (self.roots.iter().flat_map(|r| [&r.note, &r.restore]))
            .chain(self.options.iter().map(|o| &o.note))
            .chain(self.sets.iter().map(|s| &s.note))
            .chain(self.steps.all().map(|(_, s)| &s.note))
            .chain(&self.notes)
    }

    /// Every statement that the profile answers to, in order, each once.
    pub(crate) fn all_statements(&self) -> Vec<Statement> {
        let mut all = self.statements.clone();
        all.extend(self.all_notes().flat_map(|n| n.statements.iter().copied()));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The places that have to be named in `[roots]` before the connector can be taken.
    pub(crate) fn required_places(&self) -> Vec<&str> {
        let of_roots = self.roots.iter().filter(|r| r.required && r.option.is_none());
        let mut places: Vec<&str> = of_roots.filter_map(|r| r.place.as_deref()).collect();
        places.extend(self.needs.iter().map(String::as_str));
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Every place that the profile knows what to do with.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        let of_steps = self.steps.all().filter_map(|(_, step)| match step.action.at() {
            Some(At::Place(place)) => Some(place.as_str()),
            _ => None,
        });
        let of_commands = self.steps.all().filter_map(|(_, step)| match &step.action {
            Action::Run(run) => Some(run),
            _ => None,
        });
        let of_commands = of_commands
            .flat_map(Run::texts)
            .flat_map(placeholder::names)
            .filter_map(|name| placeholder::named(name, "place"));
        (self.roots.iter().filter_map(|r| r.place.as_deref()))
            .chain(self.needs.iter().map(String::as_str))
            .chain(of_steps)
            .chain(of_commands)
    }
}
