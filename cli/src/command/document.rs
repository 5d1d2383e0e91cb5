//! A restore by procedure as a document, with all its steps.

use std::path::PathBuf;

use serde::Serialize;

use crate::procedure::{Journal, Plan, StepEnding};
use crate::profile::Note;

/// Where what was replaced is kept.
pub(super) fn replaced(plan: &Plan) -> Vec<PathBuf> {
    let olds = plan.roots.iter().map(|root| root.old.clone());
    olds.filter(|old| old.symlink_metadata().is_ok()).collect()
}

#[derive(Serialize)]
pub(super) struct Document {
    connector: String,
    snapshot: String,
    taken: String,
    to: Option<String>,
    state: &'static str,
    journal: Option<String>,
    replaced: Vec<String>,
    steps: Vec<StepDocument>,
}

#[derive(Serialize)]
struct StepDocument {
    number: usize,
    phase: &'static str,
    #[serde(flatten)]
    note: Note,
    what: String,
    by: &'static str,
    state: Option<StepEnding>,
    notes: Vec<String>,
    findings: Vec<String>,
}

impl Document {
    /// The steps as a table of Markdown; `passed_over` says what that means.
    pub(super) fn markdown(&self, passed_over: &str) -> String {
        let mut text = "| | step | result |\n| ---: | --- | --- |\n".to_owned();
        for step in &self.steps {
            let result = match step.state {
                None => "open",
                Some(StepEnding::Done) => "done",
                Some(StepEnding::ByPerson) => "done by a person",
                Some(StepEnding::Skipped) => passed_over,
                Some(StepEnding::Warned) => "warning",
                Some(StepEnding::Failed) => "**failed**",
            };
            let told: Vec<&str> = step
                .notes
                .iter()
                .chain(&step.findings)
                .map(String::as_str)
                .collect();
            let result = match told.is_empty() {
                true => result.to_owned(),
                false => format!("{result}: {}", told.join("; ")),
            };
            let what = match step.by {
                "person" => format!("{}: {}", step.what, step.note.text),
                _ => step.what.clone(),
            };
            let what = what.replace('|', "\\|");
            text.push_str(&format!(
                "| {} | {what} | {} |\n",
                step.number,
                result.replace('|', "\\|")
            ));
        }
        text
    }

    pub(super) fn planned(plan: &Plan) -> Self {
        let steps = plan.steps.iter().enumerate();
        Self {
            connector: plan.connector.clone(),
            snapshot: plan.snapshot.clone(),
            taken: plan.taken.clone(),
            to: plan.to.as_ref().map(|to| to.display().to_string()),
            state: "planned",
            journal: None,
            replaced: Vec::new(),
            steps: steps
                .map(|(number, step)| StepDocument {
                    number: number + 1,
                    phase: step.heading(),
                    note: step.note.clone(),
                    what: step.text.clone(),
                    by: if step.by_person { "person" } else { "tool" },
                    state: None,
                    notes: Vec::new(),
                    findings: Vec::new(),
                })
                .collect(),
        }
    }

    pub(super) fn new(journal: &Journal, state: &'static str) -> Self {
        let mut document = Self::planned(journal.plan());
        document.state = state;
        document.journal = Some(journal.path().display().to_string());
        document.replaced = (replaced(journal.plan()).iter())
            .map(|path| path.display().to_string())
            .collect();
        for (number, step) in document.steps.iter_mut().enumerate() {
            if let Some((ending, notes, findings)) = journal.ending(number) {
                step.state = Some(ending);
                (step.notes, step.findings) = (notes.to_vec(), findings.to_vec());
            }
        }
        document
    }
}
