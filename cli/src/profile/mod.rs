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

use serde::{Serialize, Serializer};

mod builtin;
mod error;
mod overrides;
mod parse;
mod pattern;
mod resolve;
mod set;
mod show;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use error::{ConfigError, Hint, Location, ResolveError};
pub(crate) use overrides::{CONNECTOR_KEYS, Override, absolute};
pub(crate) use parse::{Draft, checked_key, parse_file, parse_section};
pub(crate) use pattern::check as check_pattern;
pub(crate) use resolve::{ResolvedConnector, ResolvedRoot};
pub(crate) use set::Profiles;
pub(crate) use show::{ConnectorInfo, describe};
pub(crate) use table::{Document, Section};

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
    /// What is done before a snapshot.
    pub(crate) before: Vec<Step>,
    /// What is done after a snapshot.
    pub(crate) after_snapshot: Vec<Step>,
    /// What is done before a restore.
    pub(crate) before_restore: Vec<Step>,
    /// What is done after a restore.
    pub(crate) after_restore: Vec<Step>,
    /// What only a person can do.
    pub(crate) manual: Vec<Manual>,
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
}

/// A text, the statements it stands for, and how far it can be trusted.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Note {
    /// The text.
    pub(crate) text: String,
    /// The article's statements behind it.
    pub(crate) statements: Vec<Statement>,
    /// Where it comes from, if not from the article.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// Whether no source confirmed it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unconfirmed: bool,
}

/// The kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StepKind {
    /// Stop services.
    StopServices,
    /// Start services.
    StartServices,
    /// Take a snapshot of the volume.
    SnapshotVolume,
    /// Run another program.
    Run,
    /// Put files back.
    Restore,
    /// Delete files.
    Delete,
    /// Look at data and judge it.
    Check,
    /// Try whether a directory can be read and written.
    Probe,
}

impl StepKind {
    /// Every kind with the word for it.
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("stop-services", Self::StopServices),
        ("start-services", Self::StartServices),
        ("snapshot-volume", Self::SnapshotVolume),
        ("run", Self::Run),
        ("restore", Self::Restore),
        ("delete", Self::Delete),
        ("check", Self::Check),
        ("probe", Self::Probe),
    ];
}

/// Something to be done around a snapshot or a restore. Declared and shown; nothing runs it yet.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    /// What kind of thing.
    pub(crate) kind: StepKind,
    /// What, in words, and why.
    #[serde(flatten)]
    pub(crate) note: Note,
    /// The services to stop or start, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) services: Vec<String>,
    /// The root that the step is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root: Option<String>,
    /// The place, where it is not a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// Patterns of the files below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) paths: Vec<String>,
    /// Whether the connector can do without.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) optional: bool,
}

/// When a person has to do something. The order is that of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    /// Once, before the first snapshot.
    Setup,
    /// Before every snapshot.
    BeforeSnapshot,
    /// After every snapshot.
    AfterSnapshot,
    /// Before a restore.
    BeforeRestore,
    /// After a restore.
    AfterRestore,
    /// When every connector is back.
    Finish,
    /// When data turns out to be lost all the same.
    OnLoss,
}

impl When {
    /// Every moment with the word for it.
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("setup", Self::Setup),
        ("before-snapshot", Self::BeforeSnapshot),
        ("after-snapshot", Self::AfterSnapshot),
        ("before-restore", Self::BeforeRestore),
        ("after-restore", Self::AfterRestore),
        ("finish", Self::Finish),
        ("on-loss", Self::OnLoss),
    ];
}

/// Something that only a person can do.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Manual {
    /// When.
    pub(crate) when: When,
    /// What, in words, and why.
    #[serde(flatten)]
    pub(crate) note: Note,
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
    /// Every statement that the profile answers to, in order, each once.
    pub(crate) fn all_statements(&self) -> Vec<Statement> {
        let steps = [
            &self.before,
            &self.after_snapshot,
            &self.before_restore,
            &self.after_restore,
        ];
        let notes = (steps.into_iter().flatten().map(|s| &s.note))
            .chain(self.roots.iter().map(|r| &r.note))
            .chain(self.options.iter().map(|o| &o.note))
            .chain(self.manual.iter().map(|m| &m.note))
            .chain(&self.notes);
        let mut all = self.statements.clone();
        all.extend(notes.flat_map(|n| n.statements.iter().copied()));
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
        let steps = [
            &self.before,
            &self.after_snapshot,
            &self.before_restore,
            &self.after_restore,
        ];
        (self.roots.iter().filter_map(|r| r.place.as_deref()))
            .chain(self.needs.iter().map(String::as_str))
            .chain(steps.into_iter().flatten().filter_map(|s| s.place.as_deref()))
    }
}
