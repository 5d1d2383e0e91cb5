//! A restore by procedure, as a list of numbered steps: what `--dry-run` prints is what then runs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Surroundings, swap};
use crate::profile::{Action, Note, Phase, Profile, Step, what};
use crate::show::{local_time, quoted};

/// A restore of one connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Tells its folders from those of others: eight hexadecimal digits.
    pub(crate) run: String,
    /// The connector.
    pub(crate) connector: String,
    /// The archive.
    pub(crate) archive: String,
    /// The snapshot, in full.
    pub(crate) snapshot: String,
    /// When that was taken (RFC 3339).
    pub(crate) taken: String,
    /// The folder that it goes to, where that is not each root's own place.
    pub(crate) to: Option<PathBuf>,
    /// Whether names compare in any case.
    pub(crate) ignore_case: bool,
    /// What is restored.
    pub(crate) roots: Vec<PlannedRoot>,
    /// What is done, in order.
    pub(crate) steps: Vec<PlannedStep>,
}

/// A root that is restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedRoot {
    /// Its name in the profile.
    pub(crate) name: String,
    /// The snapshot that it comes from, in full, where that is not the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<String>,
    /// Its path in the snapshot.
    pub(crate) inside: Vec<u8>,
    /// Where it goes.
    pub(crate) target: PathBuf,
    /// The folder that it is restored in first, on the same file system.
    pub(crate) new: PathBuf,
    /// The folder that keeps what it replaces.
    pub(crate) old: PathBuf,
    /// The folders on the way to it that were not there, outermost first.
    pub(crate) made: Vec<PathBuf>,
    /// What it is exchanged by.
    pub(crate) exchange: Exchange,
    /// Patterns of what belongs to it, where not all does.
    pub(crate) include: Vec<String>,
    /// Patterns of what does not belong to it and stays where it is.
    pub(crate) exclude: Vec<String>,
}

/// How a root is exchanged for what was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Exchange {
    /// It is renamed: one call of the system.
    Whole,
    /// Its entries are moved: something in it stays, or it cannot be renamed.
    Entries,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedStep {
    /// When its turn is; none for the restoring itself, between `before-restore` and `after-restore`.
    pub(crate) phase: Option<Phase>,
    /// What is done.
    pub(crate) doing: Doing,
    /// Whether it is for a person.
    pub(crate) by_person: bool,
    /// In words, with the real paths.
    pub(crate) text: String,
    /// What the profile says about it.
    pub(crate) note: Note,
}

/// What a planned step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "doing", rename_all = "kebab-case")]
pub(crate) enum Doing {
    /// A step of the profile.
    Profile {
        /// The step.
        step: Box<Step>,
    },
    /// Restores a root beside its place.
    Stage {
        /// The root's number in the plan.
        root: usize,
    },
    /// Reads a staged root back and compares it with the snapshot.
    Verify {
        /// The root's number in the plan.
        root: usize,
    },
    /// Moves what is in a root's place out of it.
    SetAside {
        /// The root's number in the plan.
        root: usize,
    },
    /// Moves what was staged into the root's place.
    PutIn {
        /// The root's number in the plan.
        root: usize,
    },
}

impl Plan {
    /// The steps for these roots of a profile.
    pub(crate) fn steps(profile: &Profile, roots: &[PlannedRoot], at: &Surroundings) -> Vec<PlannedStep> {
        let of = |phase: Phase| {
            let has_none = |step: &Step| match &step.action {
                Action::StopServices { services } | Action::StartServices { services } => services.is_empty(),
                _ => false,
            };
            let steps = profile.steps.of(phase).iter();
            let steps = steps.filter(move |step| !at.is_elsewhere(step) && !has_none(step));
            steps.map(move |step| of_profile(phase, step, at))
        };
        let mut steps: Vec<PlannedStep> = of(Phase::BeforeRestore).collect();
        let note = |root: &PlannedRoot| {
            let own = profile.roots.iter().find(|own| own.name == root.name);
            own.map(|own| own.restore.clone()).unwrap_or_default()
        };
        type Make = fn(usize) -> Doing;
        let restoring: [(&str, &str, Make); 4] = [
            ("restore", "beside", |root| Doing::Stage { root }),
            ("read", "back and compare every byte with the snapshot", |root| {
                Doing::Verify { root }
            }),
            ("set", "aside", |root| Doing::SetAside { root }),
            ("put", "into its place", |root| Doing::PutIn { root }),
        ];
        // Every root is staged and verified before the first one is touched.
        for (number, (verb, rest, make)) in restoring.into_iter().enumerate() {
            for (at, root) in roots.iter().enumerate() {
                let (name, target) = (&root.name, root.target.display());
                let text = match number {
                    0 => format!("{verb} {name} {rest} {target}"),
                    1 => format!("{verb} {name} {rest}"),
                    2 => format!("{verb} what is in {target} {rest}, into {}", root.old.display()),
                    _ => format!("{verb} {name} {rest}, {target}"),
                };
                steps.push(PlannedStep {
                    phase: None,
                    doing: make(at),
                    by_person: false,
                    text,
                    note: if number == 3 { note(root) } else { Note::default() },
                });
            }
        }
        for phase in [Phase::AfterRestore, Phase::Check, Phase::Finish] {
            steps.extend(of(phase));
        }
        steps
    }

    /// The snapshot in a few words: its short id, and when it was taken, in local time.
    pub(crate) fn source(&self) -> String {
        let id = self.snapshot.get(..8).unwrap_or(&self.snapshot);
        let taken = match self.taken.parse::<jiff::Timestamp>() {
            Ok(taken) => local_time(crate::select::timestamp(taken), "%Y-%m-%d %H:%M:%S"),
            Err(_) => self.taken.clone(),
        };
        format!("{id}, taken {taken}")
    }

    /// Where its steps are carried out, from what the configuration says now.
    pub(crate) fn surroundings(&self, base: Surroundings) -> Surroundings {
        let roots = self.roots.iter().map(|root| {
            let at = super::RootAt {
                path: root.target.clone(),
                aside: root.aside(&self.run),
                // Of a root that was exchanged whole everything came from the snapshot.
                deleted: (root.exchange == Exchange::Entries).then(|| swap::deleted(root)),
            };
            (root.name.clone(), at)
        });
        Surroundings {
            connector: self.connector.clone(),
            archive: self.archive.clone(),
            snapshot: Some(self.snapshot.clone()),
            roots: roots.collect(),
            ignore_case: self.ignore_case,
            ..base
        }
    }
}

impl PlannedRoot {
    /// Where a step moves what it sets aside for a person: beside the root, on the same file system.
    pub(crate) fn aside(&self, run: &str) -> PathBuf {
        let folder = self.old.parent().and_then(Path::parent).unwrap_or(&self.target);
        let mut name = self.target.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".set-aside-{run}"));
        folder.join(name)
    }
}

fn of_profile(phase: Phase, step: &Step, at: &Surroundings) -> PlannedStep {
    let by_person = at.is_for_person(step);
    let mut text = what(&step.action);
    for (name, root) in &at.roots {
        text = text.replace(&format!("<{name}>"), &root.path.display().to_string());
    }
    for (name, place) in &at.places {
        text = text.replace(&format!("<{name}>"), &place.display().to_string());
    }
    let text = text.trim_end_matches(": ").to_owned();
    PlannedStep {
        phase: Some(phase),
        doing: Doing::Profile {
            step: Box::new(step.clone()),
        },
        by_person,
        text: match (by_person, text.starts_with("by a person")) {
            (true, false) => format!("by a person: {text}"),
            _ => text,
        },
        note: step.note.clone(),
    }
}

impl PlannedStep {
    /// The whole line: what is done, why, and where that is said.
    pub(crate) fn line(&self) -> String {
        let mut line = self.text.clone();
        if !self.note.text.is_empty() {
            line.push_str(": ");
            line.push_str(&self.note.text);
        }
        let behind = self.note.behind();
        if !behind.is_empty() {
            line.push_str(&format!(" [{behind}]"));
        }
        line
    }

    /// The heading that it stands under.
    pub(crate) fn heading(&self) -> &'static str {
        match self.phase {
            Some(Phase::BeforeRestore) => "before",
            None => "restoring",
            Some(Phase::AfterRestore) => "after",
            Some(Phase::Check) => "checks",
            Some(_) => "last",
        }
    }

    /// What is said where it fails, for people who do not know the profile.
    pub(crate) fn complaint(&self) -> Option<&String> {
        match &self.doing {
            Doing::Profile { step } => step.complaint.as_ref(),
            _ => None,
        }
    }

    /// Whether a person may pass it over.
    pub(crate) fn is_optional(&self) -> bool {
        matches!(&self.doing, Doing::Profile { step } if step.optional)
    }
}

/// The command that goes on with a restore.
pub(crate) fn command(plan: &Plan, option: &str) -> String {
    format!(
        "restante restore --connector {} {option}",
        quoted(&plan.connector)
    )
}
