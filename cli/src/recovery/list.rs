//! The checklist: every step of a recovery, in order, and how far each is.

use serde::{Deserialize, Serialize};

use super::part::Part;
use crate::procedure::{Doing, Plan, PlannedStep, StepEnding};
use crate::profile::{Note, Phase};

/// A recovery of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checklist {
    /// The server.
    pub(crate) server: String,
    /// The archive.
    pub(crate) archive: String,
    /// The time that `--at` named (RFC 3339): no snapshot is younger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    /// The connectors, in the order of their recovery.
    pub(crate) parts: Vec<Part>,
    /// The steps, in order.
    pub(crate) items: Vec<Item>,
}

/// One step of a recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// What it belongs to.
    pub(crate) work: Work,
    /// The connector, where it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connector: Option<String>,
    /// When its turn is in the connector's procedure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<Phase>,
    /// How it comes to be done.
    pub(crate) kind: Kind,
    /// Tells it from the others of its connector.
    pub(crate) key: String,
    /// Whether it is for a person.
    pub(crate) by_person: bool,
    /// Whether it is part of the restoring itself, and cannot be left out.
    pub(crate) restores: bool,
    /// What is done, in words.
    pub(crate) text: String,
    /// What the profile says about it.
    pub(crate) note: Note,
    /// Why it is not needed here, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_needed: Option<String>,
}

/// What a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// What has to be there before anything is recovered.
    Preparation,
    /// The look for the backups.
    Backup,
    /// A connector's procedure.
    Procedure,
}

/// How a step comes to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A person is asked.
    Asked,
    /// The snapshot was found when the checklist was made.
    Found,
    /// It is a step of the connector's own plan, and its journal knows it.
    Planned,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Still to be done.
    #[default]
    Open,
    /// Done by the tool.
    Done,
    /// Done by a person, who said so.
    ByPerson,
    /// Not needed here.
    NotNeeded,
    /// Done by the tool, which found something wrong.
    Warned,
    /// It failed, and is to be done again.
    Failed,
}

impl State {
    /// Whether nothing is left to be done.
    pub(crate) fn is_over(self) -> bool {
        !matches!(self, Self::Open | Self::Failed)
    }
}

impl From<StepEnding> for State {
    fn from(ending: StepEnding) -> Self {
        match ending {
            StepEnding::Done => Self::Done,
            StepEnding::ByPerson => Self::ByPerson,
            StepEnding::Skipped => Self::NotNeeded,
            StepEnding::Warned => Self::Warned,
            StepEnding::Failed => Self::Failed,
        }
    }
}

/// What is known about a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// How far it is.
    pub(crate) state: State,
    /// Since when (RFC 3339).
    pub(crate) time: String,
    /// Who did it, or decided it.
    pub(crate) who: String,
    /// What was done, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What was found wrong, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<String>,
}

impl Item {
    /// The step of a connector's plan.
    pub(crate) fn of_plan(plan: &Plan, step: &PlannedStep) -> Self {
        Self {
            work: Work::Procedure,
            connector: Some(plan.connector.clone()),
            phase: step.phase,
            kind: Kind::Planned,
            key: key(plan, step),
            by_person: step.by_person,
            restores: step.phase.is_none(),
            text: step.text.clone(),
            note: step.note.clone(),
            not_needed: None,
        }
    }

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
}

/// What a step of a plan is, however its paths are called by now.
pub(crate) fn key(plan: &Plan, step: &PlannedStep) -> String {
    let of_root = |what: &str, root: &usize| {
        let name = plan.roots.get(*root).map_or("", |root| root.name.as_str());
        format!("{what}/{name}")
    };
    match &step.doing {
        Doing::Profile { step: own } => {
            let phase = step.phase.map_or("", Phase::word);
            format!("{phase}/{}/{}", own.action.kind(), own.note.text)
        }
        Doing::Stage { root } => of_root("stage", root),
        Doing::Verify { root } => of_root("verify", root),
        Doing::SetAside { root } => of_root("set-aside", root),
        Doing::PutIn { root } => of_root("put-in", root),
    }
}

impl Checklist {
    /// The part of a connector.
    pub(crate) fn part(&self, connector: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.connector == connector)
    }

    /// The numbers, from 0 on, of the items that are steps of a connector's plan.
    pub(crate) fn planned(&self, connector: &str) -> Vec<usize> {
        let items = self.items.iter().enumerate();
        let is_planned = |item: &Item| {
            item.connector.as_deref() == Some(connector)
                && item.kind == Kind::Planned
                && item.not_needed.is_none()
        };
        items
            .filter(|(_, item)| is_planned(item))
            .map(|(number, _)| number)
            .collect()
    }
}
