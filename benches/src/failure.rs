//! Why a measurement has no figure.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// How many of the last lines that a failed program wrote are quoted.
const QUOTED_LINES: usize = 3;

/// Why a measurement has no figure.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The program is not there.
    Missing(String),
    /// The program could not be started, or a file that the measurement needs could not be used.
    Io {
        /// What was being done.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The program ran and failed.
    Exit {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it wrote to standard error.
        last_words: String,
    },
    /// The program said that it had restored the tree, and it had not.
    WrongRestore {
        /// Where the restored tree was.
        place: PathBuf,
        /// How many differences there are.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// There is nothing to measure, since this step failed before.
    After(&'static str),
}

impl Failure {
    /// The failure of an operation of the system; `doing` says which, on what.
    pub fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            doing: doing.into(),
            source,
        }
    }

    /// The failure of an operation on `path`.
    pub fn at(doing: &str, path: &Path, source: io::Error) -> Self {
        Self::io(format!("{doing} {}", path.display()), source)
    }

    /// The failure of a program that wrote `stderr`.
    pub fn exit(command: String, status: ExitStatus, stderr: &str) -> Self {
        let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let last_words = lines[lines.len().saturating_sub(QUOTED_LINES)..].join("; ");
        Self::Exit {
            command,
            status,
            last_words,
        }
    }

    /// A few words for a cell of a table.
    pub fn short(&self) -> &'static str {
        match self {
            Self::Missing(_) => "not found",
            Self::Io { .. } | Self::Exit { .. } => "failed",
            Self::WrongRestore { .. } => "wrong restore",
            Self::After(_) => "–",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "{what}"),
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Exit {
                command,
                status,
                last_words,
            } => {
                write!(f, "`{command}` ended with {status}")?;
                if !last_words.is_empty() {
                    write!(f, ": {last_words}")?;
                }
                Ok(())
            }
            Self::WrongRestore { place, count, first } => {
                let plural = if *count == 1 { "" } else { "s" };
                write!(
                    f,
                    "the tree restored to {} differs from the original in {count} place{plural}; {first}",
                    place.display()
                )
            }
            Self::After(step) => write!(f, "not measured, since the {step} failed"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn the_last_words_are_quoted() {
        let failure = Failure::exit("x y".into(), ExitStatus::from_raw(0x200), "a\nb\n\n c\nd\n");
        assert_eq!(failure.to_string(), "`x y` ended with exit status: 2: b; c; d");
        assert_eq!(failure.short(), "failed");
    }
}
