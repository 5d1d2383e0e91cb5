//! What can be wrong with a configuration or a profile, and with the places it names.
//!
//! Every message is one line that says where and what, and where it helps a second one, indented, that says
//! what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Where in which file something was written; boxed wherever it is kept, for errors are to be small. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Location {
    /// The file as it is shown.
    pub(crate) file: String,
    /// The line.
    pub(crate) line: usize,
    /// The column, in characters.
    pub(crate) column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}, column {}", self.file, self.line, self.column)
    }
}

/// The second line of a message, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hint(Option<Box<str>>);

impl Hint {
    /// No second line.
    pub(crate) const NONE: Self = Self(None);

    /// A second line.
    pub(crate) fn text(text: impl Into<Box<str>>) -> Self {
        Self(Some(text.into()))
    }

    /// "did you mean …?" where something comes near, else the whole list under `otherwise`.
    pub(crate) fn nearest<'a, S: AsRef<str> + ?Sized + 'a>(
        word: &str,
        known: impl IntoIterator<Item = &'a S> + Clone,
        otherwise: &str,
    ) -> Self {
        if let Some(near) = crate::suggest::nearest(word, known.clone()) {
            return Self::text(format!("did you mean `{near}`?"));
        }
        let all: Vec<String> = known.into_iter().map(|k| format!("`{}`", k.as_ref())).collect();
        if all.is_empty() {
            Self::NONE
        } else {
            Self::text(format!("{otherwise} {}", all.join(", ")))
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(text) => write!(f, "\n  {text}"),
            None => Ok(()),
        }
    }
}

/// A configuration file or a profile that says something it cannot mean.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The file, or the folder of profiles beside it, could not be read.
    #[error("cannot read the configuration {}: {cause}{hint}", path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// Why it was not.
        cause: io::Error,
        /// Who asked for that file.
        hint: Hint,
    },
    /// Not TOML at all.
    #[error("{at}: not valid TOML: {message}{hint}")]
    Syntax {
        /// Where.
        at: Box<Location>,
        /// What the TOML reader said, in one line.
        message: String,
        /// What was probably meant.
        hint: Hint,
    },
    /// A key that means nothing here.
    #[error("{at}: unknown key `{key}` in {table}{hint}")]
    UnknownKey {
        /// Where.
        at: Box<Location>,
        /// The key.
        key: String,
        /// The table it stands in.
        table: String,
        /// The nearest key, or all of them.
        hint: Hint,
    },
    /// A value of another type.
    #[error("{at}: `{key}` in {table} must be {wanted}, not {found}{hint}")]
    WrongType {
        /// Where.
        at: Box<Location>,
        /// The key.
        key: String,
        /// The table it stands in.
        table: String,
        /// What it must be, with its article.
        wanted: &'static str,
        /// What it is, with its article.
        found: &'static str,
        /// How to write it.
        hint: Hint,
    },
    /// A value of the right type that cannot be used.
    #[error("{at}: `{key}` in {table}: {value:?} {why}{hint}")]
    BadValue {
        /// Where.
        at: Box<Location>,
        /// The key.
        key: String,
        /// The table it stands in.
        table: String,
        /// The value as it was written.
        value: String,
        /// What is wrong with it, as the rest of the sentence.
        why: String,
        /// What to write.
        hint: Hint,
    },
    /// A key that names something and cannot.
    #[error("{at}: `{key}` in {table} {why}{hint}")]
    BadKey {
        /// Where.
        at: Box<Location>,
        /// The key.
        key: String,
        /// The table it stands in.
        table: String,
        /// What is wrong with it, as the rest of the sentence.
        why: String,
        /// What to write.
        hint: Hint,
    },
    /// A key that has to be there.
    #[error("{at}: {table} has no `{key}`{hint}")]
    MissingKey {
        /// Where the table starts.
        at: Box<Location>,
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// What to write.
        hint: Hint,
    },
    /// A name that nothing carries.
    #[error("{at}: unknown {what} `{name}` in {table}{hint}")]
    UnknownName {
        /// Where.
        at: Box<Location>,
        /// What the name should name.
        what: &'static str,
        /// The name.
        name: String,
        /// The table it stands in.
        table: String,
        /// The nearest name, or all of them.
        hint: Hint,
    },
    /// A name given twice.
    #[error("{at}: {what} `{name}` is there already{hint}")]
    Duplicate {
        /// Where the second one stands.
        at: Box<Location>,
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
        /// Where the first one stands.
        hint: Hint,
    },
    /// Profiles that inherit from each other in a ring.
    #[error("{at}: profile `{name}` inherits from itself: {chain}")]
    InheritanceLoop {
        /// Where one link of the ring stands.
        at: Box<Location>,
        /// The profile.
        name: String,
        /// The ring.
        chain: String,
    },
}

/// A connector that cannot be taken from this system as it is configured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ResolveError {
    /// No profile has this name.
    #[error("unknown connector `{name}`{hint}")]
    UnknownConnector {
        /// The name.
        name: String,
        /// The nearest name, or all of them.
        hint: Hint,
    },
    /// `snapshot` without an argument, and nothing to take.
    #[error("no connector is configured{hint}")]
    NothingConfigured {
        /// What to write.
        hint: Hint,
    },
    /// A profile needs a place that the configuration does not name.
    #[error("connector {connector}: [roots] does not name the place `{place}`{hint}")]
    PlaceUnnamed {
        /// The connector.
        connector: String,
        /// The key of `[roots]`.
        place: String,
        /// What to write.
        hint: Hint,
    },
    /// A place that the configuration names is not there.
    #[error("connector {connector}: the place `{place}` is not there: {}{hint}", path.display())]
    PlaceMissing {
        /// The connector.
        connector: String,
        /// The key of `[roots]`, or of `[connector.NAME.roots]`.
        place: String,
        /// Its value, made absolute.
        path: PathBuf,
        /// What to look at.
        hint: Hint,
    },
    /// The place is there, the directory below it is not.
    #[error("connector {connector}: the root `{root}` is not there: {}{hint}", path.display())]
    RootMissing {
        /// The connector.
        connector: String,
        /// The root.
        root: String,
        /// Where it should be.
        path: PathBuf,
        /// Which part was missing, and what to do.
        hint: Hint,
    },
    /// One name in two spellings, on a system that keeps them apart.
    #[error("connector {connector}: root `{root}`: {} holds both {:?} and {:?}{hint}", folder.display(), spellings[0], spellings[1])]
    TwoSpellings {
        /// The connector.
        connector: String,
        /// The root.
        root: String,
        /// The folder that holds both.
        folder: PathBuf,
        /// Two of the spellings.
        spellings: Box<[String; 2]>,
        /// What to do.
        hint: Hint,
    },
    /// A folder on the way could not be listed.
    #[error("connector {connector}: root `{root}`: cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The connector.
        connector: String,
        /// The root.
        root: String,
        /// The folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Every root was optional and none was there.
    #[error("connector {connector}: none of its roots is there{hint}")]
    NothingThere {
        /// The connector.
        connector: String,
        /// Which roots were looked for.
        hint: Hint,
    },
}
