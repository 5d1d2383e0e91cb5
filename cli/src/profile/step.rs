//! What is done around a snapshot and a restore: steps, each of one kind, in phases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Note;

/// When a step's turn comes. The order is that of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Once, before the first snapshot.
    Setup,
    /// Before every snapshot.
    BeforeSnapshot,
    /// After every snapshot, failed ones included.
    AfterSnapshot,
    /// Before a restore replaces anything.
    BeforeRestore,
    /// When the files are in their place.
    AfterRestore,
    /// Looks at the files and changes nothing: after a restore, in a rehearsal, and in `connectors check`.
    Check,
    /// The last of a restore: the connector starts.
    Finish,
    /// When data turns out to be lost all the same.
    OnLoss,
}

impl Phase {
    /// Every phase with the key of its steps in a profile.
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("setup", Self::Setup),
        ("before-snapshot", Self::BeforeSnapshot),
        ("after-snapshot", Self::AfterSnapshot),
        ("before-restore", Self::BeforeRestore),
        ("after-restore", Self::AfterRestore),
        ("check", Self::Check),
        ("finish", Self::Finish),
        ("on-loss", Self::OnLoss),
    ];

    /// The key of its steps in a profile.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// Whether what a profile inherits comes behind its own steps: what was opened first is closed last.
    pub(crate) fn base_comes_last(self) -> bool {
        matches!(
            self,
            Self::AfterSnapshot | Self::AfterRestore | Self::Check | Self::Finish
        )
    }

    /// The kinds of steps that it may have, as words.
    pub(crate) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Setup | Self::OnLoss => &["manual"],
            Self::Check => &CHECKS,
            // Before it is set aside, what is there is nobody's to delete: a restore can be taken back.
            Self::BeforeSnapshot | Self::AfterSnapshot | Self::BeforeRestore => &ALL_BUT_REMOVING,
            Self::AfterRestore | Self::Finish => &KINDS,
        }
    }
}

/// Every kind.
pub(super) const KINDS: [&str; 11] = [
    "manual",
    "run",
    "stop-services",
    "start-services",
    "delete",
    "quarantine",
    "require",
    "probe",
    "check-sizes",
    "compare",
    "recognise",
];

/// Those that change nothing that they look at.
const CHECKS: [&str; 4] = ["require", "check-sizes", "compare", "recognise"];

/// Those that take nothing away.
const ALL_BUT_REMOVING: [&str; 9] = [
    "manual",
    "run",
    "stop-services",
    "start-services",
    "require",
    "probe",
    "check-sizes",
    "compare",
    "recognise",
];

/// The steps of a profile, by phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Steps([Vec<Step>; Phase::ALL.len()]);

impl Steps {
    /// Those of a phase, in order.
    pub(crate) fn of(&self, phase: Phase) -> &[Step] {
        &self.0[phase as usize]
    }

    /// The same, to be changed.
    pub(crate) fn of_mut(&mut self, phase: Phase) -> &mut Vec<Step> {
        &mut self.0[phase as usize]
    }

    /// All of them, in the order of the work.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Phase, &Step)> {
        Phase::ALL
            .into_iter()
            .flat_map(|(_, phase)| self.of(phase).iter().map(move |step| (phase, step)))
    }

    /// All of them, to be changed.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        self.0.iter_mut().flatten()
    }
}

/// Something to be done around a snapshot or a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// What.
    #[serde(flatten)]
    pub(crate) action: Action,
    /// What, in words, and why.
    #[serde(flatten)]
    pub(crate) note: Note,
    /// What is said where the step fails, before the reason: for people who do not know the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) complaint: Option<String>,
    /// What a failure means.
    #[serde(default, skip_serializing_if = "OnFailure::is_stop")]
    pub(crate) on_failure: OnFailure,
    /// Whether a person may pass it over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) optional: bool,
    /// After a snapshot: whether it is for one that succeeded, for one that failed, or for both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) when: Option<Ending>,
}

/// What the failure of a step means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailure {
    /// Nothing more is done.
    #[default]
    Stop,
    /// It is said, and the work goes on.
    Warn,
    /// The work goes on.
    Ignore,
}

impl OnFailure {
    /// Each with its word.
    pub(crate) const ALL: [(&'static str, Self); 3] = [
        ("stop", Self::Stop),
        ("warn", Self::Warn),
        ("ignore", Self::Ignore),
    ];

    fn is_stop(&self) -> bool {
        *self == Self::Stop
    }
}

/// How a snapshot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ending {
    /// It was taken.
    Taken,
    /// It was not.
    Failed,
}

impl Ending {
    /// Each with its word.
    pub(crate) const ALL: [(&'static str, Self); 2] = [("taken", Self::Taken), ("failed", Self::Failed)];
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Action {
    /// A person does it.
    Manual,
    /// Runs another program.
    Run(Run),
    /// Stops services, in this order.
    StopServices {
        /// Their names.
        services: Vec<String>,
    },
    /// Starts services, in this order.
    StartServices {
        /// Their names.
        services: Vec<String>,
    },
    /// Deletes files below a root.
    Delete(Files),
    /// Moves files below a root out of it, into a folder beside it.
    Quarantine(Files),
    /// Each of these has to be there.
    Require(Files),
    /// Tries whether a directory can be read and written.
    Probe {
        /// The directory.
        #[serde(flatten)]
        at: At,
    },
    /// Compares the sizes of files with what they have to be.
    CheckSizes {
        /// Below which directory.
        #[serde(flatten)]
        at: At,
        /// What they have to be.
        rules: Vec<SizeRule>,
    },
    /// Compares values out of files: all have to be equal.
    Compare {
        /// Below which directory.
        #[serde(flatten)]
        at: At,
        /// Where each comes from.
        values: Vec<Value>,
    },
    /// Looks whether files are what their names say.
    Recognise {
        /// Which files.
        #[serde(flatten)]
        files: Files,
        /// What they have to be.
        format: Format,
        /// A key that a registry's export has to hold, with all that lies below it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
}

impl Action {
    /// Its word in a profile.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Run(_) => "run",
            Self::StopServices { .. } => "stop-services",
            Self::StartServices { .. } => "start-services",
            Self::Delete(_) => "delete",
            Self::Quarantine(_) => "quarantine",
            Self::Require(_) => "require",
            Self::Probe { .. } => "probe",
            Self::CheckSizes { .. } => "check-sizes",
            Self::Compare { .. } => "compare",
            Self::Recognise { .. } => "recognise",
        }
    }

    /// Where it looks, if it looks anywhere.
    pub(crate) fn at(&self) -> Option<&At> {
        match self {
            Self::Manual | Self::Run(_) | Self::StopServices { .. } | Self::StartServices { .. } => None,
            Self::Delete(files) | Self::Quarantine(files) | Self::Require(files) => Some(&files.at),
            Self::Recognise { files, .. } => Some(&files.at),
            Self::Probe { at } | Self::CheckSizes { at, .. } | Self::Compare { at, .. } => Some(at),
        }
    }
}

/// Another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The key by which `[connector.NAME.commands]` supplies the command, where the profile cannot know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The program and its arguments; empty where nobody supplied them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) command: Vec<String>,
    /// What is added to its environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) environment: BTreeMap<String, String>,
    /// How many seconds it may take; then it is killed.
    pub(crate) timeout_seconds: u64,
}

impl Run {
    /// Every text in which placeholders are filled in.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.command
            .iter()
            .chain(self.environment.values())
            .map(String::as_str)
    }
}

/// Where a step looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum At {
    /// In a root of the profile.
    Root(String),
    /// In a place that `[roots]` names.
    Place(String),
}

impl At {
    /// As it is shown: `<conndata>`.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Root(name) | Self::Place(name) => format!("<{name}>"),
        }
    }
}

/// Files below a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Files {
    /// The directory.
    #[serde(flatten)]
    pub(crate) at: At,
    /// Patterns of their paths.
    pub(crate) paths: Vec<String>,
}

/// What the sizes of some files have to be. What is none says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SizeRule {
    /// Patterns of the files.
    pub(crate) paths: Vec<String>,
    /// Exactly so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    /// A multiple of so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) multiple_of: Option<u64>,
    /// So many bytes or fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_most: Option<u64>,
    /// Another file that belongs to each: a path in which `{dir}` and `{stem}` stand for the file's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pair: Option<String>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Value {
    /// The file, below the step's directory.
    pub(crate) path: String,
    /// How to get it.
    #[serde(flatten)]
    pub(crate) source: ValueSource,
}

/// How a value is got from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ValueSource {
    /// How many records of so many bytes it holds; a rest is a breach too.
    RecordBytes(u64),
    /// What stands behind `KEY=` in a text, whatever the key's case.
    Key(String),
}

/// A format that files can be recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// Microsoft Tape Format, which the Backup utility writes (`.bkf`).
    Mtf,
    /// An export of the registry (`.reg`).
    RegistryExport,
    /// A database of SQLite.
    Sqlite,
}

impl Format {
    /// Each with its word.
    pub(crate) const ALL: [(&'static str, Self); 3] = [
        ("mtf", Self::Mtf),
        ("registry-export", Self::RegistryExport),
        ("sqlite", Self::Sqlite),
    ];
}
