//! What can go wrong. The text names the operation and the object or path; the cause is the
//! error's `source()`.

use std::fmt;
use std::io;

use crate::id::{Id, Kind};

/// The result of an operation on an archive.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A part of a file of the archive that is not what the format requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The structure, such as `"trailer"`.
    pub part: &'static str,
    /// The field in it.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Flaw {
    /// A flaw in `field` of `part`.
    pub fn new(part: &'static str, field: &'static str, reason: impl Into<String>) -> Self {
        Self {
            part,
            field,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.part, self.field, self.reason)
    }
}

impl std::error::Error for Flaw {}

/// Why bytes could not be taken for what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// They are something else altogether.
    #[error("the magic bytes of a {0} are missing")]
    Magic(&'static str),
    /// They were written for a later version of the format.
    #[error("the {part} has version {found}; this program reads version {known}")]
    NewerVersion {
        /// The structure.
        part: &'static str,
        /// Its version.
        found: u16,
        /// The newest version that this program knows.
        known: u16,
    },
    /// They need a feature that this program does not know.
    #[error("the {part} needs a feature that this program does not know ({detail})")]
    NewerFeature {
        /// The structure.
        part: &'static str,
        /// The feature.
        detail: String,
    },
    /// They are damaged.
    #[error(transparent)]
    Flaw(#[from] Flaw),
}

/// Where in the archive damage was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file of the archive.
    pub file: String,
    /// Offset of the damaged part in that file, in bytes.
    pub offset: Option<u64>,
    /// The object that it costs, where it is one.
    pub object: Option<(Kind, Id)>,
    /// What is wrong.
    pub flaw: Flaw,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged", self.file)?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        if let Some((kind, id)) = &self.object {
            write!(f, " ({kind} {})", id.short())?;
        }
        write!(f, ": {}", self.flaw)
    }
}

/// Why an operation on an archive failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused an operation.
    #[error("cannot {op} {path}")]
    Io {
        /// What was being done, such as `"read"`.
        op: &'static str,
        /// To which path or file of the archive.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// There is nothing where the archive should be.
    #[error("there is no archive at {location}")]
    NoArchive {
        /// The place.
        location: String,
    },
    /// There is something else where the archive should be.
    #[error("{location} is not an archive: {reason}")]
    NotAnArchive {
        /// The place.
        location: String,
        /// What speaks against it.
        reason: String,
    },
    /// An archive is there already.
    #[error("there is an archive at {location} already")]
    ArchiveExists {
        /// The place.
        location: String,
    },
    /// A later version of the program wrote it.
    #[error("{file} was written by a newer version of this program: {reason}")]
    Newer {
        /// The file of the archive.
        file: String,
        /// The version or feature.
        reason: String,
    },
    /// Stored bytes are not what was stored.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// No intact segment holds an object that is needed.
    #[error("{kind} {id} is missing from the archive")]
    Missing {
        /// The object's kind.
        kind: Kind,
        /// The object's id.
        id: Id,
    },
    /// An intact object breaks a rule of the format.
    #[error("{kind} {id} is not valid: {flaw}")]
    Invalid {
        /// The object's kind.
        kind: Kind,
        /// The object's id.
        id: Id,
        /// The rule that it breaks.
        flaw: Flaw,
    },
    /// What was to be made known counts on what a prune has deleted meanwhile.
    #[error("a prune has deleted what this snapshot counts on: {what}")]
    Pruned {
        /// What is gone.
        what: Box<Error>,
    },
    /// No snapshot has that name.
    #[error("there is no snapshot {name:?}{}", if *.count == 0 { " (the archive has none)" } else { "" })]
    UnknownSnapshot {
        /// The name as it was given.
        name: String,
        /// How many snapshots there are to choose from.
        count: usize,
    },
    /// Several snapshots have ids that begin so.
    #[error("{name:?} is the beginning of {count} snapshot ids")]
    AmbiguousSnapshot {
        /// The prefix as it was given.
        name: String,
        /// How many ids begin with it.
        count: usize,
    },
    /// A path is not in the snapshot.
    #[error("there is no {path:?} in snapshot {snapshot}")]
    UnknownPath {
        /// The path inside the snapshot.
        path: String,
        /// The short id of the snapshot.
        snapshot: String,
        /// The names at the deepest level that was found, to suggest from.
        siblings: Vec<String>,
    },
    /// A restore without a word about overwriting met something to overwrite.
    #[error("{path} is not empty")]
    TargetNotEmpty {
        /// The folder.
        path: String,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Request(String),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Wraps the system's refusal to do `op` to `path`.
    pub fn io(op: &'static str, path: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { op, path, source }
    }

    /// Damage to a file of the archive as a whole.
    pub fn damaged(file: impl Into<String>, offset: Option<u64>, flaw: Flaw) -> Self {
        Self::Damaged(Box::new(Damage {
            file: file.into(),
            offset,
            object: None,
            flaw,
        }))
    }

    /// The object that is damaged or missing, where it is one.
    pub fn object(&self) -> Option<Id> {
        match self {
            Self::Damaged(damage) => damage.object.map(|(_, id)| id),
            Self::Missing { id, .. } | Self::Invalid { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Whether stored bytes are damaged or missing.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged(_) | Self::Missing { .. } | Self::Invalid { .. }
        )
    }
}
