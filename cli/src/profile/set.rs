//! The profiles that there are: built in and the user's own, with what they inherit.

use crate::config::{Config, Group};

use super::error::{ConfigError, Hint, ResolveError};
use super::{Action, Draft, Origin, Phase, Profile, ResolvedConnector, builtin, parse_file};

/// Every profile of a configuration.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    profiles: Vec<Profile>,
}

/// The connectors to take, and those that were passed over.
#[derive(Debug)]
pub(crate) struct Selection {
    /// To be taken, in the order of [`Profiles::names`].
    pub(crate) connectors: Vec<ResolvedConnector>,
    /// Built-in connectors that nobody named and that are not on this server, each with the reason: a notice.
    pub(crate) absent: Vec<(String, String)>,
    /// Configured connectors that cannot be taken, each with the error.
    pub(crate) failed: Vec<(String, ResolveError)>,
}

impl Profiles {
    /// The built-in profiles alone.
    #[cfg(test)]
    pub(crate) fn builtin() -> Self {
        Self::load(&Config::default()).expect("the built-in profiles are valid")
    }

    /// The built-in profiles and those of the configuration, with `[roots]` and `[connector.NAME]` checked
    /// against them.
    ///
    /// # Errors
    /// Fails if two profiles share a name, one inherits from itself or from none, one has no roots, or the
    /// configuration names a connector, an option, a root or a place that none of them knows.
    pub(crate) fn load(config: &Config) -> Result<Self, ConfigError> {
        let (common, text) = builtin::COMMON;
        let common = parse_file(&format!("{common}.toml"), common, text, Origin::BuiltIn)?;
        let mut drafts = Vec::new();
        for (name, text) in builtin::PROFILES {
            drafts.push(parse_file(&format!("{name}.toml"), name, text, Origin::BuiltIn)?);
        }
        for draft in &config.profiles {
            let name = &draft.profile.name;
            let taken = |d: &&Draft| d.profile.name.eq_ignore_ascii_case(name);
            if let Some(first) = drafts.iter().chain([&common]).find(taken) {
                let hint = match first.profile.origin {
                    Origin::BuiltIn => format!(
                        "it is built in: change it through [connector.{name}], or give yours another name and \
                         inherit = \"{name}\""
                    ),
                    Origin::User => format!("the first one: {}", first.at),
                };
                let (at, name, hint) = (draft.at.clone(), name.clone(), Hint::text(hint));
                return Err(ConfigError::Duplicate {
                    at,
                    what: "profile",
                    name,
                    hint,
                });
            }
            drafts.push(draft.clone());
        }
        drafts.push(common);
        let names: Vec<String> = drafts.iter().map(|d| d.profile.name.clone()).collect();
        // The common one comes last and is nobody's connector.
        let mut profiles = Vec::with_capacity(drafts.len() - 1);
        for draft in &drafts[..drafts.len() - 1] {
            let mut profile = complete(draft, &drafts, &names, &mut Vec::new())?;
            let own = config.connectors.get(&profile.name);
            check(&profile, draft)?;
            for reference in &draft.references {
                reference.check(&profile, own, &names[..names.len() - 1])?;
            }
            if let Some(own) = own {
                own.check(&profile, config)?;
                own.apply(&mut profile);
            }
            fill_in_services(&mut profile);
            profiles.push(profile);
        }
        let all = Self { profiles };
        all.check_config(config)?;
        Ok(all)
    }

    /// Every name: the built-in ones in their order, then the user's.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.profiles.iter().map(|p| p.name.as_str())
    }

    /// Every profile, in the order of [`Profiles::names`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter()
    }

    /// The profile of that name; the error suggests the nearest one.
    pub(crate) fn get(&self, name: &str) -> Result<&Profile, ResolveError> {
        self.profiles.iter().find(|p| p.name == name).ok_or_else(|| {
            let hint = Hint::nearest(name, self.names(), "connectors:");
            ResolveError::UnknownConnector {
                name: name.to_owned(),
                hint,
            }
        })
    }

    /// The profiles that `snapshot` without an argument takes; `true` for those that were named.
    pub(crate) fn configured<'a>(&'a self, config: &Config) -> Vec<(&'a Profile, bool)> {
        let named = |place: &&str| config.roots.contains_key(*place);
        let mut chosen = Vec::new();
        for profile in &self.profiles {
            match config.connectors.get(&profile.name) {
                Some(table) if !table.enabled => {}
                Some(_) => chosen.push((profile, true)),
                None if profile.required_places().iter().all(named) => {
                    chosen.push((profile, profile.origin == Origin::User));
                }
                None => {}
            }
        }
        chosen
    }

    /// Resolves the connectors of these names, or with none every configured one.
    ///
    /// # Errors
    /// Fails at the first connector of `names` that cannot be taken. Without names, those that cannot be taken
    /// do not keep the others from it: they are in `failed`, so that the snapshot is never quietly less than
    /// what was asked for. Only a connector that the configuration does not name either may be absent.
    pub(crate) fn select(&self, config: &Config, names: &[String]) -> Result<Selection, ResolveError> {
        let mut selection = Selection {
            connectors: Vec::new(),
            absent: Vec::new(),
            failed: Vec::new(),
        };
        let mut chosen = Vec::new();
        for name in names.iter().flat_map(|name| config.members(name)) {
            let profile = self.get(name)?;
            if !chosen
                .iter()
                .any(|(p, _): &(&Profile, bool)| p.name == profile.name)
            {
                chosen.push((profile, true));
            }
        }
        if names.is_empty() {
            chosen = self.configured(config);
        }
        for (profile, named) in chosen {
            match profile.resolve(config) {
                Ok(connector) => selection.connectors.push(connector),
                Err(e @ ResolveError::RootMissing { .. })
                    if !named && profile.required_places().len() == 1 =>
                {
                    let why = e.to_string().lines().next().unwrap_or_default().to_owned();
                    selection.absent.push((profile.name.clone(), why));
                }
                // One that cannot be taken does not keep the others from being taken, unless it was asked for.
                Err(e) if names.is_empty() => selection.failed.push((profile.name.clone(), e)),
                Err(e) => return Err(e),
            }
        }
        if selection.connectors.is_empty() && selection.failed.is_empty() {
            let hint = match selection.absent.as_slice() {
                [] => {
                    "name where the connectors' directories lie under [roots] in restante.toml, or give paths"
                }
                _ => "the places of [roots] are there, but none of the connectors' directories below them",
            };
            return Err(ResolveError::NothingConfigured {
                hint: Hint::text(hint),
            });
        }
        Ok(selection)
    }

    /// Finds in the configuration what no profile knows.
    fn check_config(&self, config: &Config) -> Result<(), ConfigError> {
        for (name, table) in &config.connectors {
            if !self.names().any(|known| known == name) {
                let hint = Hint::nearest(name, self.names(), "connectors:");
                return Err(ConfigError::UnknownName {
                    at: table.at.clone(),
                    what: "connector",
                    name: name.clone(),
                    table: "[connector]".to_owned(),
                    hint,
                });
            }
        }
        for (name, group) in &config.groups {
            self.check_group(name, group, config)?;
        }
        let mut places: Vec<&str> = self.profiles.iter().flat_map(Profile::places).collect();
        places.sort_unstable();
        places.dedup();
        for (name, place) in &config.roots {
            // A place that nothing knows does no harm, unless it was meant to be one that something does.
            if !places.contains(&name.as_str())
                && let Some(near) = crate::suggest::nearest(name, places.iter().copied())
                && !config.roots.contains_key(near)
            {
                let hint = Hint::text(format!("did you mean `{near}`?"));
                let (at, name, table) = (place.at.clone(), name.clone(), "[roots]".to_owned());
                return Err(ConfigError::UnknownName {
                    at,
                    what: "place",
                    name,
                    table,
                    hint,
                });
            }
        }
        Ok(())
    }

    /// Fails if a group is called like a connector, or holds what is none.
    fn check_group(&self, name: &str, group: &Group, config: &Config) -> Result<(), ConfigError> {
        let at = group.at.clone();
        let (key, table) = (name.to_owned(), "[groups]".to_owned());
        if let Some(connector) = self.names().find(|known| known.eq_ignore_ascii_case(name)) {
            return Err(ConfigError::BadKey {
                at,
                key,
                table,
                why: format!("is called like the connector {connector}"),
                hint: Hint::text("give the group a name of its own"),
            });
        }
        let Some(member) = (group.connectors.iter()).find(|m| !self.names().any(|known| known == *m)) else {
            return Ok(());
        };
        let hint = match config.groups.contains_key(member) {
            true => Hint::text("a group holds connectors, and no other groups"),
            false => Hint::nearest(member, self.names(), "connectors:"),
        };
        let name = member.clone();
        Err(ConfigError::UnknownName {
            at,
            what: "connector",
            name,
            table: format!("`{key}` of [groups]"),
            hint,
        })
    }
}

/// A profile with what it inherits; `chain` holds the names on the way here.
fn complete(
    draft: &Draft,
    all: &[Draft],
    names: &[String],
    chain: &mut Vec<String>,
) -> Result<Profile, ConfigError> {
    let mut profile = draft.profile.clone();
    let Some((from, at)) = &draft.inherit else {
        return Ok(profile);
    };
    chain.push(profile.name.clone());
    if chain.contains(from) {
        chain.push(from.clone());
        let (at, name, chain) = (at.clone(), from.clone(), chain.join(" → "));
        return Err(ConfigError::InheritanceLoop { at, name, chain });
    }
    let Some(base) = all.iter().find(|d| d.profile.name == *from) else {
        return Err(ConfigError::UnknownName {
            at: at.clone(),
            what: "profile",
            name: from.clone(),
            table: format!("profile {}", profile.name),
            hint: Hint::nearest(from, names, "profiles:"),
        });
    };
    let base = complete(base, all, names, chain)?;
    if draft.case_insensitive.is_none() {
        profile.case_insensitive = base.case_insensitive;
    }
    if profile.title.is_empty() {
        profile.title = base.title;
    }
    profile.every = profile.every.or(base.every);
    let own: Vec<String> = profile.roots.iter().map(|r| r.name.clone()).collect();
    let replaced: Vec<String> = profile.options.iter().map(|o| o.name.clone()).collect();
    profile
        .roots
        .splice(0..0, base.roots.into_iter().filter(|r| !own.contains(&r.name)));
    profile.options.splice(
        0..0,
        base.options.into_iter().filter(|o| !replaced.contains(&o.name)),
    );
    profile.statements.splice(0..0, base.statements);
    profile.needs.splice(0..0, base.needs);
    profile.expect.splice(0..0, base.expect);
    profile.services.splice(0..0, base.services);
    profile.include.splice(0..0, base.include);
    profile.exclude.splice(0..0, base.exclude);
    let own: Vec<String> = profile.sets.iter().map(|s| s.name.clone()).collect();
    profile
        .sets
        .splice(0..0, base.sets.into_iter().filter(|s| !own.contains(&s.name)));
    profile.keep = profile.keep.or(base.keep);
    profile.stage = profile.stage.or(base.stage);
    profile.recovered_with.splice(0..0, base.recovered_with);
    for (_, phase) in Phase::ALL {
        let (own, base) = (profile.steps.of_mut(phase), base.steps.of(phase));
        let at = if phase.base_comes_last() { own.len() } else { 0 };
        own.splice(at..at, base.iter().cloned());
    }
    profile.notes.splice(0..0, base.notes);
    Ok(profile)
}

/// Checks that the whole profile has something to take.
fn check(profile: &Profile, draft: &Draft) -> Result<(), ConfigError> {
    let title = format!("profile {}", profile.name);
    if profile.roots.is_empty() {
        let hint = Hint::text(format!(
            "start one with a line {}, then its name and path",
            draft.root_line
        ));
        return Err(ConfigError::MissingKey {
            at: draft.at.clone(),
            table: title,
            key: "root".into(),
            hint,
        });
    }
    Ok(())
}

/// Gives steps the profile's services where they name none.
fn fill_in_services(profile: &mut Profile) {
    let services = profile.services.clone();
    for step in profile.steps.all_mut() {
        match &mut step.action {
            Action::StopServices { services: own } if own.is_empty() => own.clone_from(&services),
            // What depends on another service is stopped before it and started after it.
            Action::StartServices { services: own } if own.is_empty() => {
                *own = services.iter().rev().cloned().collect();
            }
            _ => {}
        }
    }
}
