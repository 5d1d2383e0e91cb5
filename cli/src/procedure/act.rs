//! Carries out one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use restante_format::model::display_bytes;
use restante_format::progress::Progress;

use super::{checks, files, probe, program};
use crate::config::ServiceCommands;
use crate::failure::{Failure, Result};
use crate::profile::{Action, At, Run, Step, expand};
use crate::show::plural;

/// How many paths a note names.
const NAMED: usize = 5;

/// Where steps are carried out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// The connector.
    pub(crate) connector: String,
    /// The server's name.
    pub(crate) server: String,
    /// The archive.
    pub(crate) archive: String,
    /// The snapshot that is restored, in hexadecimal digits.
    pub(crate) snapshot: Option<String>,
    /// Where the roots lie. A root that is not in use has no entry.
    pub(crate) roots: BTreeMap<String, RootAt>,
    /// Where the places lie.
    pub(crate) places: BTreeMap<String, PathBuf>,
    /// How services are stopped and started; none leaves it to a person.
    pub(crate) services: Option<ServiceCommands>,
    /// Whether names compare in any case.
    pub(crate) ignore_case: bool,
}

/// Where a root lies.
#[derive(Debug, Clone)]
pub(crate) struct RootAt {
    /// Its directory, or its file.
    pub(crate) path: PathBuf,
    /// Where a step moves what it sets aside.
    pub(crate) aside: PathBuf,
    /// Where what a step deletes is kept until nobody can want it back; none deletes it at once.
    pub(crate) deleted: Option<PathBuf>,
}

/// What a step came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Acted {
    /// What was done, a line each.
    pub(crate) notes: Vec<String>,
    /// What was found wrong, a line each.
    pub(crate) findings: Vec<String>,
}

impl Acted {
    fn note(text: impl Into<String>) -> Self {
        Self {
            notes: vec![text.into()],
            ..Self::default()
        }
    }

    fn findings(findings: Vec<String>) -> Self {
        Self {
            findings,
            ..Self::default()
        }
    }
}

impl Surroundings {
    /// Whether a step is for a person: because it says so, or because nobody supplied a command.
    pub(crate) fn is_for_person(&self, step: &Step) -> bool {
        match &step.action {
            Action::Manual => true,
            Action::Run(run) => run.command.is_empty(),
            Action::StopServices { services } | Action::StartServices { services } => {
                self.services.is_none() && !services.is_empty()
            }
            _ => false,
        }
    }

    /// Whether a step is about a root that is not in use.
    pub(crate) fn is_elsewhere(&self, step: &Step) -> bool {
        matches!(step.action.at(), Some(At::Root(root)) if !self.roots.contains_key(root))
    }

    /// Carries out a step that is for the tool.
    ///
    /// # Errors
    /// Fails if the step could not be carried out. What a check found wrong is no error but a finding.
    pub(crate) fn act(&self, step: &Step, progress: &Progress) -> Result<Acted> {
        match &step.action {
            Action::Manual => Ok(Acted::default()),
            Action::Run(run) => self.run(run, progress),
            Action::StopServices { services } => self.services(services, progress, |s| &s.stop),
            Action::StartServices { services } => self.services(services, progress, |s| &s.start),
            Action::Delete(of) => {
                let kept = match &of.at {
                    At::Root(root) => self.root(root)?.deleted.as_deref(),
                    At::Place(_) => None,
                };
                let gone = files::delete(self.at(&of.at)?, &of.paths, self.ignore_case, kept)?;
                Ok(Acted::note(told("deleted", &gone)))
            }
            Action::Quarantine(of) => {
                let At::Root(root) = &of.at else {
                    return Err(Failure::new("only files of a root are set aside"));
                };
                let root = self.root(root)?;
                let gone = files::set_aside(&root.path, &of.paths, self.ignore_case, &root.aside)?;
                Ok(match gone.is_empty() {
                    true => Acted::note("there are none"),
                    false => Acted::note(format!("{}, into {}", told("moved", &gone), root.aside.display())),
                })
            }
            Action::Require(of) => {
                let found = checks::missing(self.at(&of.at)?, &of.paths, self.ignore_case)?;
                Ok(Acted::findings(found))
            }
            Action::Probe { at } => {
                probe::probe(self.at(at)?)?;
                Ok(Acted::note("a file was written, read and removed"))
            }
            Action::CheckSizes { at, rules } => {
                let found = checks::sizes(self.at(at)?, rules, self.ignore_case)?;
                Ok(Acted::findings(found))
            }
            Action::Compare { at, values } => {
                let found = checks::unequal(self.at(at)?, values, self.ignore_case)?;
                Ok(Acted::findings(found))
            }
            Action::Recognise {
                files: of,
                format,
                key,
            } => {
                let (at, key) = (self.at(&of.at)?, key.as_deref());
                let found = checks::unrecognised(at, &of.paths, self.ignore_case, *format, key)?;
                Ok(Acted::findings(found))
            }
        }
    }

    fn run(&self, run: &Run, progress: &Progress) -> Result<Acted> {
        let expanded = |text: &String| self.expand(text, None);
        let command: Vec<String> = run.command.iter().map(expanded).collect::<Result<_>>()?;
        let mut environment = BTreeMap::new();
        for (name, value) in &run.environment {
            environment.insert(name.clone(), self.expand(value, None)?);
        }
        let timeout = Duration::from_secs(run.timeout_seconds);
        let said = program::run(&command, &environment, timeout, progress)?;
        Ok(Acted {
            notes: said,
            ..Acted::default()
        })
    }

    fn services(
        &self,
        services: &[String],
        progress: &Progress,
        command: fn(&ServiceCommands) -> &Vec<String>,
    ) -> Result<Acted> {
        if services.is_empty() {
            return Ok(Acted::default());
        }
        // A plan that counted on the commands is gone on with when they are there again.
        let Some(commands) = &self.services else {
            return Err(Failure::new(format!(
                "nothing says any more how {} are stopped and started",
                services.join(", ")
            ))
            .hint("put [services] back into restante.toml, or pass over the step with --skip"));
        };
        let timeout = Duration::from_secs(commands.timeout_seconds);
        let mut acted = Acted::default();
        let mut failed: Option<Failure> = None;
        for service in services {
            let expanded = |text: &String| self.expand(text, Some(service));
            let command: Vec<String> = command(commands).iter().map(expanded).collect::<Result<_>>()?;
            // One that does not start keeps the others from nothing.
            match (
                program::run(&command, &BTreeMap::new(), timeout, progress),
                &mut failed,
            ) {
                (Ok(_), _) => acted.notes.push(program::shown(&command)),
                (Err(failure), _) if failure.is_interrupted() => return Err(failure),
                (Err(failure), None) => failed = Some(failure),
                (Err(failure), Some(first)) => first.hints.push(failure.message),
            }
        }
        failed.map_or(Ok(acted), Err)
    }

    /// A text with its placeholders filled in.
    fn expand(&self, text: &str, service: Option<&str>) -> Result<String> {
        // Another path than the one that is meant would be worse than none.
        let path = |path: &Path| path.to_str().map(str::to_owned);
        let value = |name: &str| match name {
            "connector" => Some(self.connector.clone()),
            "server" => Some(self.server.clone()),
            "archive" => Some(self.archive.clone()),
            "snapshot" => self.snapshot.clone(),
            "service" => service.map(str::to_owned),
            _ => match name.split_once(':')? {
                ("root", root) => self.roots.get(root).and_then(|root| path(&root.path)),
                ("place", place) => self.places.get(place).and_then(|place| path(place)),
                _ => None,
            },
        };
        expand(text, &value).map_err(|why| Failure::new(format!("cannot fill in {text:?}: {why}")))
    }

    fn root(&self, name: &str) -> Result<&RootAt> {
        let missing = || Failure::new(format!("the root `{name}` is not in use here"));
        self.roots.get(name).ok_or_else(missing)
    }

    /// The directory that a step looks at.
    fn at(&self, at: &At) -> Result<&Path> {
        match at {
            At::Root(root) => self.root(root).map(|root| root.path.as_path()),
            At::Place(place) => {
                let hint = format!("name it under [roots] in restante.toml: {place} = \"/where/it/lies\"");
                let missing =
                    || Failure::new(format!("[roots] does not name the place `{place}`")).hint(hint);
                self.places.get(place).map(PathBuf::as_path).ok_or_else(missing)
            }
        }
    }
}

/// `deleted 7 files: a, b, …`
fn told(done: &str, paths: &[Vec<u8>]) -> String {
    if paths.is_empty() {
        return "there are none".to_owned();
    }
    let mut names: Vec<String> = paths.iter().take(NAMED).map(|path| display_bytes(path)).collect();
    if paths.len() > NAMED {
        names.push("…".to_owned());
    }
    format!(
        "{done} {}: {}",
        plural(paths.len() as u64, "file", "files"),
        names.join(", ")
    )
}
