//! How each program is called for the same work.
//!
//! Each runs as it does by default, on a folder of its own, with its caches beside its repository. What encrypts
//! unless told otherwise and can be told otherwise is told so; restic and rustic always encrypt, and bupstash does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::clock::{Call, Clock};
use crate::failure::Failure;
use crate::folder::{self, Size};
use crate::machine;

/// The name of the tree below the folder in which the programs run.
pub const TREE: &str = "tree";

/// A program that takes snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// This project.
    Restante,
    /// <https://restic.net>
    Restic,
    /// <https://rustic.cli.rs>
    Rustic,
    /// <https://www.borgbackup.org>
    Borg,
    /// <https://bupstash.io>
    Bupstash,
}

impl Tool {
    /// All, in the order in which they take turns.
    pub const ALL: [Self; 5] = [
        Self::Restante,
        Self::Restic,
        Self::Rustic,
        Self::Borg,
        Self::Bupstash,
    ];

    /// The name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restante => "restante",
            Self::Restic => "restic",
            Self::Rustic => "rustic",
            Self::Borg => "borg",
            Self::Bupstash => "bupstash",
        }
    }

    fn version_argument(self) -> &'static str {
        match self {
            Self::Restic | Self::Bupstash => "version",
            Self::Restante | Self::Rustic | Self::Borg => "--version",
        }
    }
}

/// A program with its repository and its caches, at work on one tree.
pub struct Station {
    /// Which program.
    pub tool: Tool,
    /// Where it is.
    program: Option<PathBuf>,
    /// Where it should have been.
    wanted: String,
    /// What it says about itself.
    pub version: Option<String>,
    /// The folder for its repository, its caches and what it restores.
    place: PathBuf,
    /// The folder in which it runs; [`TREE`] is below.
    source: PathBuf,
    /// How many snapshots there are in the repository.
    taken: usize,
}

impl Station {
    /// The station of `tool` in the folder `parent`, for the tree in `source`. Restante is at `restante`, the others
    /// on `PATH`.
    pub fn new(tool: Tool, restante: &Path, parent: &Path, source: &Path) -> Self {
        let (program, wanted) = if tool == Tool::Restante {
            let found = machine::is_program(restante).then(|| restante.to_owned());
            let place = restante.display();
            (
                found,
                format!(
                    "there is no program at {place}: build it with `cargo build --release`, or name it with --restante"
                ),
            )
        } else {
            let name = tool.name();
            (machine::find(name), format!("{name} is not on PATH"))
        };
        let version = program
            .as_deref()
            .and_then(|program| machine::first_line(program, &[tool.version_argument()]));
        Self {
            tool,
            program,
            wanted,
            version,
            place: parent.join(tool.name()),
            source: source.to_owned(),
            taken: 0,
        }
    }

    /// Where its repository is.
    pub fn repository(&self) -> PathBuf {
        self.place.join("repository")
    }

    /// The folder for everything that is its own.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Where it runs when it takes a snapshot.
    pub(crate) fn source(&self) -> &Path {
        &self.source
    }

    fn home(&self) -> PathBuf {
        self.place.join("home")
    }

    /// Where it restores to.
    pub fn target(&self) -> PathBuf {
        self.place.join("restored")
    }

    /// What its repository holds. Caches do not count.
    ///
    /// # Errors
    ///
    /// Where the repository cannot be listed.
    pub fn stored(&self) -> Result<Size, Failure> {
        Size::of(&self.repository())
    }

    /// A call of the program with these arguments, in `folder`.
    pub(crate) fn call(&self, arguments: Vec<OsString>, folder: &Path) -> Result<Call, Failure> {
        let program = self.program.clone();
        Ok(Call {
            program: program.ok_or_else(|| Failure::Missing(self.wanted.clone()))?,
            arguments,
            environment: self.environment(),
            folder: folder.to_owned(),
        })
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let home = self.home();
        let repository: OsString = self.repository().into();
        let below = |name: &str| OsString::from(home.join(name));
        let mut environment = vec![
            ("HOME", home.clone().into()),
            ("XDG_CACHE_HOME", below("cache")),
            ("XDG_CONFIG_HOME", below("config")),
        ];
        environment.extend(match self.tool {
            Tool::Restante => vec![("RESTANTE_ARCHIVE", repository)],
            Tool::Restic => vec![
                ("RESTIC_REPOSITORY", repository),
                ("RESTIC_PASSWORD", "measured".into()),
                ("RESTIC_CACHE_DIR", below("cache")),
            ],
            Tool::Rustic => vec![
                ("RUSTIC_REPOSITORY", repository),
                ("RUSTIC_PASSWORD", "measured".into()),
                ("RUSTIC_CACHE_DIR", below("cache")),
                ("RUSTIC_NO_PROGRESS", "true".into()),
            ],
            Tool::Borg => vec![
                ("BORG_REPO", repository),
                ("BORG_BASE_DIR", home.clone().into()),
                ("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "yes".into()),
                ("BORG_RELOCATED_REPO_ACCESS_IS_OK", "yes".into()),
            ],
            Tool::Bupstash => vec![
                ("BUPSTASH_REPOSITORY", repository),
                ("BUPSTASH_KEY", below("key")),
                ("BUPSTASH_SEND_LOG", below("sendlog")),
                ("BUPSTASH_QUERY_CACHE", below("qcache")),
            ],
        });
        environment
    }

    /// Makes an empty repository in place of the one there is, and removes the caches. Not measured.
    ///
    /// # Errors
    ///
    /// Where that fails, or there is no such program.
    pub fn start_afresh(&mut self, clock: &Clock) -> Result<(), Failure> {
        folder::empty(&self.place)?;
        folder::empty(&self.home())?;
        self.taken = 0;
        let calls = match self.tool {
            Tool::Restante | Tool::Restic | Tool::Rustic => vec![words(["init"])],
            Tool::Borg => vec![words(["init", "--encryption", "none"])],
            Tool::Bupstash => vec![
                words(["init"]),
                [
                    words(["new-key", "--output"]),
                    vec![self.home().join("key").into()],
                ]
                .concat(),
            ],
        };
        for arguments in calls {
            clock.run_bare(&self.call(arguments, &self.place)?)?;
        }
        Ok(())
    }

    /// How it takes the next snapshot. Once it has, [`has_taken`](Self::has_taken) must be told.
    ///
    /// # Errors
    ///
    /// Where there is no such program.
    pub fn snapshot(&self) -> Result<Call, Failure> {
        let number = self.taken + 1;
        let arguments = match self.tool {
            Tool::Restante => words(["snapshot", TREE]),
            Tool::Restic | Tool::Rustic => words(["backup", TREE]),
            Tool::Borg => words(["create", "--compression", "zstd,3", &format!("::{number}"), TREE]),
            Tool::Bupstash => words(["put", &format!("number={number}"), TREE]),
        };
        self.call(arguments, &self.source)
    }

    /// Says that the snapshot was taken.
    pub fn has_taken(&mut self) {
        self.taken += 1;
    }

    /// How it restores the newest snapshot below [`target`](Self::target).
    ///
    /// # Errors
    ///
    /// Where there is no such program.
    pub fn restore(&self) -> Result<Call, Failure> {
        let target = self.target();
        let newest = self.taken;
        let mut arguments = match self.tool {
            Tool::Restante => words(["restore", "latest", "--to"]),
            Tool::Restic => words(["restore", "latest", "--target"]),
            Tool::Rustic => words(["restore", "latest"]),
            // It restores to where it runs.
            Tool::Borg => return self.call(words(["extract", &format!("::{newest}")]), &target),
            Tool::Bupstash => {
                let mut arguments = words(["restore", "--ownership", "--xattrs", "--into"]);
                arguments.extend([target.into(), format!("number={newest}").into()]);
                return self.call(arguments, &self.place);
            }
        };
        arguments.push(target.into());
        self.call(arguments, &self.place)
    }

    /// Where the restored tree is, and whether its root is the program's work, too, and not only what is in it.
    pub fn restored(&self) -> (PathBuf, bool) {
        match self.tool {
            Tool::Bupstash => (self.target(), false),
            // It keeps neither mode nor time of the folder that it is given.
            Tool::Rustic => (self.target().join(TREE), false),
            Tool::Restante | Tool::Restic | Tool::Borg => (self.target().join(TREE), true),
        }
    }

    /// How it reads and checks everything; `None` where it cannot.
    ///
    /// # Errors
    ///
    /// Where there is no such program.
    pub fn verify(&self) -> Result<Option<Call>, Failure> {
        let arguments = match self.tool {
            Tool::Restante => words(["verify"]),
            Tool::Restic | Tool::Rustic => words(["check", "--read-data"]),
            Tool::Borg => words(["check", "--verify-data"]),
            Tool::Bupstash => return Ok(None),
        };
        self.call(arguments, &self.place).map(Some)
    }

    /// How it lists its snapshots, a line for each.
    ///
    /// # Errors
    ///
    /// Where there is no such program.
    pub fn list(&self) -> Result<Call, Failure> {
        let arguments = match self.tool {
            Tool::Restante | Tool::Rustic => words(["snapshots", "--all"]),
            Tool::Restic => words(["snapshots"]),
            Tool::Borg | Tool::Bupstash => words(["list"]),
        };
        self.call(arguments, &self.place)
    }
}

/// Words of a command line.
pub(crate) fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.map(OsString::from).to_vec()
}
