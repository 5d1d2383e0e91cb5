//! How the program ends: exit codes, and errors as people read them.

use std::fmt::Write;
use std::io;

use restante_format::error::Error;

use crate::profile::{ConfigError, ResolveError};
use crate::show::quoted;
use crate::suggest::nearest;

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// How a command ended that was not stopped by an error. When several hold, the last one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Everything that was asked for is done.
    #[default]
    Done,
    /// Done, but something could not be read, was torn, or could not be restored.
    Incomplete,
    /// The archive is damaged.
    Damage,
    /// A part of what was asked for failed, as its messages said.
    Failed,
}

impl Outcome {
    /// The exit code (`cli.md`).
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => FAILED,
            Self::Incomplete => 3,
            Self::Damage => DAMAGE,
        }
    }
}

/// Failed.
const FAILED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// Damage found.
const DAMAGE: u8 = 4;
/// Interrupted.
const INTERRUPTED: u8 = 130;

/// An error that ends the program: what was being done, to what, why it failed, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// The first line.
    pub(crate) message: String,
    /// What to do, a line each.
    pub(crate) hints: Vec<String>,
    /// What kind of end it is.
    pub(crate) kind: Kind,
}

/// Whether there is anything to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An error.
    Error,
    /// There is no archive where one should be.
    NoArchive,
    /// Standard output was closed by its reader: nobody listens any more.
    ClosedPipe,
}

impl Failure {
    /// A command that failed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            code: FAILED,
            message: message.into(),
            hints: Vec::new(),
            kind: Kind::Error,
        }
    }

    /// A command line that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            ..Self::new(message)
        }
    }

    /// The same, because of damage to the archive.
    pub(crate) fn damaged(self) -> Self {
        Self { code: DAMAGE, ..self }
    }

    /// With one more line of advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// With more lines of advice.
    pub(crate) fn hints(mut self, hints: Vec<String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// With other advice.
    pub(crate) fn advise(self, hints: Vec<String>) -> Self {
        Self { hints, ..self }
    }

    /// With the archive in the commands that it suggests, where the user named it on the command line.
    pub(crate) fn for_archive(mut self, archive: Option<&str>) -> Self {
        if let Some(archive) = archive {
            let with = format!(": restante -a {} ", quoted(archive));
            for hint in self
                .hints
                .iter_mut()
                .filter(|hint| !hint.contains("restante -a "))
            {
                *hint = hint.replace(": restante ", &with);
            }
        }
        self
    }

    /// As it is printed, without a newline at the end.
    pub(crate) fn report(&self) -> String {
        let mut text = format!("error: {}", self.message);
        for hint in &self.hints {
            let _ = write!(text, "\n  {hint}");
        }
        text
    }

    /// Whether standard output was closed by its reader, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.kind == Kind::ClosedPipe
    }

    /// Whether somebody asked to stop.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.code == INTERRUPTED
    }

    /// Whether the archive is damaged.
    pub(crate) fn is_damage(&self) -> bool {
        self.code == DAMAGE
    }

    /// Standard output could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self {
                kind: Kind::ClosedPipe,
                ..Self::new("standard output was closed")
            },
            _ => Self::new(format!("cannot write to standard output: {error}")),
        }
    }
}

/// What to do where the archive has lost its configuration.
const CONFIG_FROM_COPY: &str = "put the file `config` back from a copy: the segments are not affected";

/// The error's text with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(chain(&error));
        match &error {
            Error::NoArchive { location } => Self {
                kind: Kind::NoArchive,
                ..failure
            }
            .hint(format!("make one: restante -a {} init", quoted(location)))
            .hint("or name another with -a, RESTANTE_ARCHIVE or the configuration file"),
            Error::NotAnArchive { .. } => {
                failure.hint("name the folder that holds the files config and segments")
            }
            Error::ArchiveExists { location } => failure.hint(format!(
                "use it as it is: restante -a {} snapshot PATH",
                quoted(location)
            )),
            Error::Newer { .. } => failure.hint("install the newest version of restante"),
            Error::Damaged(damage) if damage.file == "config" => Self {
                code: DAMAGE,
                ..failure
            }
            .hint(CONFIG_FROM_COPY),
            Error::Damaged(_) | Error::Missing { .. } | Error::Invalid { .. } => Self {
                code: DAMAGE,
                ..failure
            }
            .hint("see what it costs: restante verify"),
            Error::Pruned { .. } => failure.hint(
                "take it again, and let prunes wait longer than a snapshot takes: restante prune --grace",
            ),
            Error::UnknownSnapshot { count: 0, .. } => failure.hint("take one: restante snapshot PATH"),
            Error::UnknownSnapshot { .. } => failure.hint("see what there is: restante snapshots"),
            Error::AmbiguousSnapshot { .. } => {
                failure.hint("give more digits: restante snapshots --json shows all of them")
            }
            Error::UnknownPath {
                path,
                siblings,
                snapshot,
            } => {
                let wanted = path.trim_matches('/');
                match nearest(wanted, siblings) {
                    Some(near) => failure.hint(format!("did you mean {near:?}?")),
                    None => failure.hint(format!("see what there is: restante ls {snapshot}")),
                }
            }
            Error::TargetNotEmpty { .. } => failure
                .hint("choose an empty or new folder")
                .hint("or say what happens to files that are there: --overwrite never, changed or always"),
            Error::Interrupted => Self {
                code: INTERRUPTED,
                ..failure
            }
            .hint("every finished snapshot is intact; what was stored is used again next time"),
            Error::Io {
                op: "read", source, ..
            } if source.kind() == io::ErrorKind::NotFound => failure.hint("check the spelling of the path"),
            Error::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                failure.hint("run it as a user who may do this, or change the permissions")
            }
            Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => failure
                .hint("free some space: earlier snapshots are intact, and what was written is used again"),
            _ => failure,
        }
    }
}

/// Reports of the configuration end with their own advice.
fn from_report(report: &str, code: u8) -> Failure {
    let mut lines = report.lines().map(str::trim);
    let message = lines.next().unwrap_or_default().to_owned();
    Failure {
        code,
        message,
        hints: lines.map(str::to_owned).collect(),
        kind: Kind::Error,
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        from_report(&error.to_string(), FAILED)
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        let code = match error {
            ResolveError::UnknownConnector { .. } | ResolveError::NothingConfigured { .. } => USAGE,
            _ => FAILED,
        };
        from_report(&error.to_string(), code)
    }
}
