//! What one connector needs in a recovery, and what is different for it because others are recovered too.

use restante_format::archive::Archive;
use restante_format::catalog::Listed;
use restante_format::names::to_os;
use serde::{Deserialize, Serialize};

use super::list::{Checklist, Work, key};
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::procedure::{Doing, Going, Plan, make_plan, with_services};
use crate::profile::{Action, At, Phase, Profile};
use crate::show::quoted;

/// A connector in a recovery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The connector.
    pub(crate) connector: String,
    /// What it is.
    pub(crate) title: String,
    /// Its stage, as a word.
    pub(crate) stage: String,
    /// The snapshot that it is restored from, in full; none where the tool restores nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<String>,
    /// When that was taken (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) taken: Option<String>,
    /// Roots that another connector puts back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// Roots that come from a snapshot of another connector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) borrowed: Vec<Borrowed>,
    /// Services of other connectors that work in its roots: they are stopped too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) also_stop: Vec<String>,
    /// Those of them that no later procedure starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) also_start: Vec<String>,
    /// Services that an earlier procedure stopped and left so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stopped: Vec<String>,
    /// The run of its restore, once that was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
}

/// A root that another connector puts back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    /// The root's name.
    pub(crate) root: String,
    /// The connector.
    pub(crate) with: String,
}

/// A root that comes from a snapshot of another connector, which is newer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Borrowed {
    /// The root's name.
    pub(crate) root: String,
    /// The connector whose snapshot it is.
    pub(crate) connector: String,
    /// The snapshot, in full.
    pub(crate) snapshot: String,
    /// Its path in that.
    pub(crate) inside: Vec<u8>,
}

impl Part {
    /// The connector that puts a root back, where it is not this one.
    pub(super) fn with(&self, root: &str) -> Option<&str> {
        let found = self.elsewhere.iter().find(|elsewhere| elsewhere.root == root);
        found.map(|elsewhere| elsewhere.with.as_str())
    }

    /// Whether all the services of a step are stopped already.
    fn are_stopped(&self, services: &[String]) -> bool {
        !services.is_empty() && services.iter().all(|service| self.stopped.contains(service))
    }

    /// The profile with what the other connectors make of its services.
    pub(super) fn adapted(&self, profile: &Profile) -> Profile {
        let mut profile = profile.clone();
        let before = profile.steps.of_mut(Phase::BeforeRestore);
        for step in before.iter_mut() {
            if let Action::StopServices { services } = &mut step.action
                && !self.are_stopped(services)
            {
                services.retain(|service| !self.stopped.contains(service));
            }
        }
        with_services(&profile, &self.also_stop, &self.also_start)
    }

    /// Makes the roots that come from other snapshots do so.
    pub(super) fn borrow(&self, plan: &mut Plan) -> Result<()> {
        for borrowed in &self.borrowed {
            let Some(number) = plan.roots.iter().position(|root| root.name == borrowed.root) else {
                continue;
            };
            let root = &mut plan.roots[number];
            root.snapshot = Some(borrowed.snapshot.clone());
            root.inside.clone_from(&borrowed.inside);
            let last = borrowed.inside.rsplit(|byte| *byte == b'/').next();
            let odd = |error| Failure::new(format!("this system cannot have a file of that name: {error}"));
            root.new
                .set_file_name(to_os(last.unwrap_or_default()).map_err(odd)?);
            let id = borrowed.snapshot.get(..8).unwrap_or(&borrowed.snapshot);
            for step in &mut plan.steps {
                if step.doing == (Doing::Stage { root: number }) {
                    step.text.push_str(&format!(
                        ", from the newer snapshot {id} of {}",
                        borrowed.connector
                    ));
                }
            }
        }
        Ok(())
    }

    /// Why a step of the plan is not needed because of other connectors.
    pub(super) fn done_elsewhere(&self, plan: &Plan, doing: &Doing) -> Option<String> {
        let with = match doing {
            Doing::Stage { root }
            | Doing::Verify { root }
            | Doing::SetAside { root }
            | Doing::PutIn { root } => self.with(&plan.roots.get(*root)?.name)?,
            Doing::Profile { step } => match &step.action {
                // What stands in the root is looked at again, but nothing is taken out of it any more.
                Action::Delete(files) | Action::Quarantine(files) => match &files.at {
                    At::Root(root) => self.with(root)?,
                    At::Place(_) => return None,
                },
                Action::StopServices { services } if self.are_stopped(services) => {
                    return Some("they are stopped already".to_owned());
                }
                _ => return None,
            },
        };
        Some(format!("it is done with {with}"))
    }

    /// The plan of the connector's restore, with the steps that the checklist has for it.
    ///
    /// # Errors
    /// Fails where a place is missing, or where the steps are others than when the checklist was made.
    pub(crate) fn plan(
        &self,
        list: &Checklist,
        profile: &Profile,
        config: &Config,
        archive: &Archive,
        listed: &Listed,
    ) -> Result<Plan> {
        let mut plan = make_plan(&self.adapted(profile), config, archive, listed, Going::Home)?;
        self.borrow(&mut plan)?;
        let own = || {
            let items = list.items.iter().filter(|item| {
                item.connector.as_ref() == Some(&self.connector) && item.work == Work::Procedure
            });
            items.map(|item| (&item.key, item.not_needed.is_some()))
        };
        let keys: Vec<String> = plan.steps.iter().map(|step| key(&plan, step)).collect();
        if !own().map(|(key, _)| key).eq(&keys) {
            return Err(changed(&self.connector));
        }
        let mut needless = own().map(|(_, needless)| needless);
        plan.steps.retain(|_| !needless.next().unwrap_or(false));
        Ok(plan)
    }
}

/// The error for a profile that is not the one that the checklist was made from.
pub(crate) fn changed(connector: &str) -> Failure {
    Failure::new(format!(
        "the steps of {connector} are not those of the checklist any more: its profile or the configuration changed"
    ))
    .hint("undo that change; or put the checklist away: restante recover --abandon")
    .hint(format!(
        "and restore the connector on its own: restante restore --connector {}",
        quoted(connector)
    ))
}
