//! Makes the checklist of a recovery: from the profiles, the configuration and the archive.

use std::path::PathBuf;

use restante_format::archive::Archive;

use super::choose::{Choice, Wanted, choose};
use super::list::{Checklist, Item, Kind, Mark, State, Work};
use super::part::{Borrowed, Elsewhere, Part};
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::procedure::{Doing, Plan, now, outline, stops};
use crate::profile::{Action, Note, Origin, Phase, Profile, Profiles, Stage, Statement};
use crate::show::{local_time, quoted, rfc3339};

/// How a connector is recovered.
#[derive(Debug, Clone)]
enum Standing {
    /// From a snapshot.
    Restored(Box<Choice>),
    /// By a person, from a backup of another kind; with the reason.
    ByHand(String),
    /// Not at all; with the reason.
    Needless(String),
}

/// A connector while the checklist is made.
struct Candidate<'a> {
    profile: &'a Profile,
    standing: Standing,
    part: Part,
}

impl Candidate<'_> {
    fn stage(&self) -> Stage {
        self.profile.stage.unwrap_or_default()
    }
}

/// The checklist, and what is known about its steps from the beginning.
///
/// # Errors
/// Fails where nothing is configured, or where a connector has torn snapshots only.
pub(crate) fn build(
    profiles: &Profiles,
    config: &Config,
    archive: &Archive,
    wanted: &Wanted,
) -> Result<(Checklist, Vec<Option<Mark>>)> {
    let mut candidates = candidates(profiles, config, archive, wanted)?;
    share(&mut candidates, config, archive)?;
    let mut made = Made::default();
    for candidate in &candidates {
        preparations(&mut made, candidate);
    }
    for candidate in &candidates {
        backup(&mut made, candidate);
    }
    for candidate in &candidates {
        procedure(&mut made, candidate, &candidates, config, archive)?;
    }
    let list = Checklist {
        server: config.server_name(),
        archive: archive.location(),
        at: wanted.at.map(rfc3339),
        parts: candidates.into_iter().map(|candidate| candidate.part).collect(),
        items: made.items,
    };
    Ok((list, made.marks))
}

/// The items so far, with what is known about each.
#[derive(Default)]
struct Made {
    items: Vec<Item>,
    marks: Vec<Option<Mark>>,
}

impl Made {
    fn push(&mut self, item: Item, mark: Option<Mark>) {
        self.items.push(item);
        self.marks.push(mark);
    }
}

/// The connectors in the order of the recovery.
fn candidates<'a>(
    profiles: &'a Profiles,
    config: &Config,
    archive: &Archive,
    wanted: &Wanted,
) -> Result<Vec<Candidate<'a>>> {
    let configured = profiles.configured(config);
    if configured.is_empty() {
        return Err(
            Failure::usage("no connector is configured: there is nothing to recover")
                .hint("name where the connectors' directories lie under [roots] in restante.toml"),
        );
    }
    // A built-in profile is configured as soon as its place is named: without a snapshot nobody ever had it.
    let has_snapshot = |name: &str| archive.catalog().has_connector(name);
    let is_meant = |name: &str| {
        let found = configured.iter().find(|(profile, _)| profile.name == name);
        found.is_some_and(|(_, named)| *named || has_snapshot(name))
    };
    // Where nothing of Exchange is configured, nothing of it is recovered.
    let has_built_in = configured
        .iter()
        .any(|(profile, _)| profile.origin == Origin::BuiltIn);
    let is_of_this = |profile: &&Profile| has_built_in || profile.origin == Origin::User;
    let mut candidates = Vec::new();
    for (_, stage) in Stage::ALL {
        let of_stage = profiles.iter().filter(|p| p.stage.unwrap_or_default() == stage);
        for profile in of_stage.filter(is_of_this) {
            let name = profile.name.as_str();
            let is_configured = configured.iter().any(|(own, _)| own.name == name);
            let with = profile.recovered_with.iter().find(|with| is_meant(with));
            let standing = match (is_configured, with) {
                (true, Some(with)) => Standing::Needless(format!(
                    "{with} brings it back; on a loss: restante restore --connector {}",
                    quoted(name)
                )),
                (true, None) => match choose(archive, name, config.server.as_deref(), wanted)? {
                    Some(choice) => Standing::Restored(Box::new(choice)),
                    None if stage == Stage::Connectors && !is_meant(name) => Standing::Needless(format!(
                        "nobody named {name}, and the archive has no snapshot of it"
                    )),
                    None if wanted.at.is_some() => Standing::ByHand(format!(
                        "the archive has no snapshot of {name} from then or before"
                    )),
                    None => Standing::ByHand(format!("the archive has no snapshot of {name}")),
                },
                // Without system and stores there is nothing that connectors could be put back into.
                (false, _) if stage != Stage::Connectors => {
                    Standing::ByHand(format!("{name} is not configured: its own backup is needed"))
                }
                (false, _) => Standing::Needless(format!("{name} is not configured here")),
            };
            let mut part = Part {
                connector: name.to_owned(),
                title: profile.title.clone(),
                stage: stage.word().to_owned(),
                ..Part::default()
            };
            if let Standing::Restored(choice) = &standing {
                part.snapshot = Some(choice.listed.id.to_string());
                part.taken = Some(rfc3339(choice.listed.snapshot.time));
            }
            candidates.push(Candidate {
                profile,
                standing,
                part,
            });
        }
    }
    Ok(candidates)
}

fn outlined(
    candidate: &Candidate<'_>,
    profile: &Profile,
    config: &Config,
    archive: &Archive,
) -> Result<Plan> {
    let listed = match &candidate.standing {
        Standing::Restored(choice) => Some(&choice.listed),
        _ => None,
    };
    outline(profile, config, archive, listed)
}

/// A root that lies in the same place for several connectors.
struct Shared {
    at: (PathBuf, Vec<String>, Vec<String>),
    /// Who has it: the connector's number, the root's name, and its path in the connector's snapshot.
    of: Vec<(usize, String, Vec<u8>)>,
}

/// Finds the roots that several connectors have in one place. The first of them puts it back, from the newest of
/// their snapshots, while the services of all of them stand still.
fn share(candidates: &mut [Candidate<'_>], config: &Config, archive: &Archive) -> Result<()> {
    let mut all: Vec<Shared> = Vec::new();
    for (number, candidate) in candidates.iter().enumerate() {
        if matches!(candidate.standing, Standing::Needless(_)) || is_left_to_others(candidate) {
            continue;
        }
        for root in outlined(candidate, candidate.profile, config, archive)?.roots {
            let path = match candidate.profile.case_insensitive {
                true => root.target.to_string_lossy().to_lowercase().into(),
                false => root.target,
            };
            let at = (path, root.include, root.exclude);
            let own = (number, root.name, root.inside);
            match all.iter_mut().find(|shared| shared.at == at) {
                Some(shared) => shared.of.push(own),
                None => all.push(Shared { at, of: vec![own] }),
            }
        }
    }
    for Shared { of, .. } in all.iter().filter(|shared| shared.of.len() > 1) {
        let taken = |number: usize| match &candidates[number].standing {
            Standing::Restored(choice) => Some(choice.listed.snapshot.time),
            _ => None,
        };
        let Some((owner, root, _)) = of.iter().find(|(number, ..)| taken(*number).is_some()) else {
            continue;
        };
        let mut newest = *owner;
        for (number, ..) in of {
            if taken(*number) > taken(newest) {
                newest = *number;
            }
        }
        let of_newest = of.iter().find(|(number, ..)| *number == newest);
        if let Some((_, _, inside)) = of_newest
            && newest != *owner
            && let Some(snapshot) = candidates[newest].part.snapshot.clone()
        {
            let connector = candidates[newest].part.connector.clone();
            candidates[*owner].part.borrowed.push(Borrowed {
                root: root.clone(),
                connector,
                snapshot,
                inside: inside.clone(),
            });
        }
        let with = candidates[*owner].part.connector.clone();
        for (number, root, _) in of.iter().filter(|(number, ..)| number != owner) {
            let others = stops(candidates[*number].profile);
            let own = stops(candidates[*owner].profile);
            let part = &mut candidates[*owner].part;
            let mut added = Vec::new();
            for service in others.into_iter().filter(|service| !own.contains(service)) {
                if !part.also_stop.contains(&service) {
                    part.also_stop.push(service.clone());
                    added.push(service);
                }
            }
            if number < owner {
                part.also_start.extend(added);
            } else {
                candidates[*number].part.stopped.extend(added);
            }
            let elsewhere = Elsewhere {
                root: root.clone(),
                with: with.clone(),
            };
            candidates[*number].part.elsewhere.push(elsewhere);
        }
    }
    Ok(())
}

/// Whether all that the tool could do for it is done by another backup.
fn is_left_to_others(candidate: &Candidate<'_>) -> bool {
    matches!(candidate.standing, Standing::ByHand(_)) && candidate.stage() != Stage::Connectors
}

/// The steps before a connector's first snapshot: a recovery looks at each of them once.
fn preparations(made: &mut Made, candidate: &Candidate<'_>) {
    let name = &candidate.part.connector;
    for step in candidate.profile.steps.of(Phase::Setup) {
        let not_needed = match &candidate.standing {
            Standing::Needless(why) => Some(why.clone()),
            _ if is_left_to_others(candidate) => Some(format!("{name} is not recovered by the tool here")),
            _ => None,
        };
        if let Some(there) = made.items.iter_mut().find(|item| item.note == step.note) {
            // Several connectors ask for it.
            there.connector = None;
            if not_needed.is_none() {
                there.not_needed = None;
            }
            continue;
        }
        let item = Item {
            work: Work::Preparation,
            connector: Some(name.clone()),
            phase: Some(Phase::Setup),
            kind: Kind::Asked,
            key: step.note.text.clone(),
            by_person: true,
            restores: false,
            text: "by a person".to_owned(),
            note: step.note.clone(),
            not_needed,
        };
        made.push(item, None);
    }
}

/// The look for a connector's backup.
fn backup(made: &mut Made, candidate: &Candidate<'_>) {
    let roots = candidate
        .profile
        .roots
        .iter()
        .filter(|root| root.required && root.option.is_none());
    let mut statements: Vec<Statement> = roots
        .clone()
        .flat_map(|root| root.note.statements.clone())
        .collect();
    statements.sort_unstable();
    statements.dedup();
    let Part { connector, title, .. } = &candidate.part;
    let (text, why, not_needed, mark) = match &candidate.standing {
        Standing::Restored(choice) => {
            let (id, snapshot) = (choice.listed.id.short(), &choice.listed.snapshot);
            let mark = Mark {
                state: match choice.findings.is_empty() {
                    true => State::Done,
                    false => State::Warned,
                },
                time: now(),
                who: WHO.to_owned(),
                notes: choice.notes.clone(),
                findings: choice.findings.clone(),
            };
            let taken = local_time(snapshot.time, "%Y-%m-%d %H:%M:%S");
            let text = format!("the backup of {connector}: snapshot {id}, taken {taken}");
            (text, String::new(), None, Some(mark))
        }
        Standing::ByHand(why) => {
            let held: Vec<&str> = roots.map(|root| root.note.text.as_str()).collect();
            let text = format!("by a person: find the backup of {connector}, {title}");
            (text, format!("{}; {why}", held.join("; ")), None, None)
        }
        Standing::Needless(why) => {
            let text = format!("the backup of {connector}, {title}");
            (text, String::new(), Some(why.clone()), None)
        }
    };
    let kind = match candidate.standing {
        Standing::Restored(_) => Kind::Found,
        _ => Kind::Asked,
    };
    let item = Item {
        work: Work::Backup,
        connector: Some(connector.clone()),
        phase: None,
        kind,
        key: "backup".to_owned(),
        by_person: matches!(candidate.standing, Standing::ByHand(_)),
        restores: kind == Kind::Found,
        text,
        note: Note {
            text: why,
            statements,
            ..Note::default()
        },
        not_needed,
    };
    made.push(item, mark);
}

/// Who does what the tool does.
pub(crate) const WHO: &str = "restante";

/// The steps of a connector's procedure.
fn procedure(
    made: &mut Made,
    candidate: &Candidate<'_>,
    all: &[Candidate<'_>],
    config: &Config,
    archive: &Archive,
) -> Result<()> {
    let part = &candidate.part;
    let mut plan = outlined(candidate, &part.adapted(candidate.profile), config, archive)?;
    part.borrow(&mut plan)?;
    for step in &plan.steps {
        let mut item = Item::of_plan(&plan, step);
        item.not_needed = part
            .done_elsewhere(&plan, &step.doing)
            .or_else(|| comes_later(candidate, step.phase, &step.note, all));
        match &candidate.standing {
            Standing::Restored(_) => {}
            Standing::Needless(why) => item.not_needed = Some(why.clone()),
            Standing::ByHand(why) if is_left_to_others(candidate) => {
                if !step.by_person && item.not_needed.is_none() {
                    item.not_needed = Some(why.clone());
                }
            }
            Standing::ByHand(why) => by_hand(&mut item, &plan, &step.doing, why),
        }
        if !matches!(candidate.standing, Standing::Restored(_)) {
            item.kind = Kind::Asked;
        }
        made.push(item, None);
    }
    Ok(())
}

/// Leaves to a person what the tool would do with a snapshot.
fn by_hand(item: &mut Item, plan: &Plan, doing: &Doing, why: &str) {
    match doing {
        Doing::PutIn { root } => {
            let target = plan.roots[*root].target.display();
            item.text = format!("by a person: put {} back into {target}", plan.roots[*root].name);
            item.restores = false;
        }
        Doing::Profile { .. } if item.by_person => {}
        Doing::Profile { .. } => item.text = format!("by a person: {}", item.text),
        _ => {
            item.restores = false;
            if item.not_needed.is_none() {
                item.not_needed = Some(why.to_owned());
            }
            return;
        }
    }
    item.by_person = true;
}

/// Why a step for a person is not asked for in an early stage: every connector asks for it at its own end.
fn comes_later(
    candidate: &Candidate<'_>,
    phase: Option<Phase>,
    note: &Note,
    all: &[Candidate<'_>],
) -> Option<String> {
    let phase = phase.filter(|_| candidate.stage() != Stage::Connectors)?;
    let mut connectors = all.iter().filter(|other| other.stage() == Stage::Connectors);
    let asks = |other: &Candidate<'_>| {
        let mut steps = other.profile.steps.of(phase).iter();
        steps.any(|step| step.action == Action::Manual && step.note == *note)
    };
    let is_theirs = connectors.any(asks);
    is_theirs.then(|| "the connectors' own procedures end with it".to_owned())
}
