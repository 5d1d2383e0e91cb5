//! What the options ask for: the time zone, the policies, and which snapshots are looked at.

use std::collections::BTreeMap;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use restante_format::archive::Archive;

use super::choice::{Choice, Policies};
use crate::args::Forget;
use crate::context::{Context, check_connector};
use crate::failure::{Failure, Result};
use crate::known;
use crate::profile::Profiles;
use crate::show::Output;
use crate::suggest::nearest;

/// The time zone of the system; where that is unknown, it is said that days are those of UTC, and `how` to have others.
pub(crate) fn system_zone(out: &Output, how: &str) -> TimeZone {
    TimeZone::try_system().unwrap_or_else(|error| {
        out.warn(&format!(
            "the time zone of the system is unknown, and days are those of UTC; name another with {how}: {error}"
        ));
        TimeZone::UTC
    })
}

/// The zone of days, weeks, months and years.
pub(super) fn zone(cx: &Context, args: &Forget) -> Result<TimeZone> {
    let Some(name) = &args.timezone else {
        return Ok(system_zone(&cx.out, "--timezone"));
    };
    let found = TimeZone::get(name).or_else(|_| TimeZoneDatabase::bundled().get(name));
    found.map_err(|_| {
        let failure = Failure::usage(format!("there is no time zone {name:?}"));
        let names: Vec<String> = TimeZoneDatabase::bundled()
            .available()
            .map(|name| name.as_str().to_owned())
            .collect();
        match nearest(name, names.iter()) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint("name one like Europe/Berlin, or UTC"),
        }
    })
}

/// The policy of the command line, or those of the profiles.
pub(super) fn policies(cx: &Context, args: &Forget) -> Result<Policies> {
    if let Some(policy) = args.keep.policy() {
        if policy.would_remove_all() && !args.unsafe_allow_remove_all {
            return Err(Failure::usage("this policy keeps nothing")
                .hint("say what to keep, as in --keep-daily 30")
                .hint("or, to be left with nothing: --unsafe-allow-remove-all"));
        }
        return Ok(Policies::One(Box::new(policy)));
    }
    if !args.group_by.host || !args.group_by.connector {
        return Err(Failure::usage(
            "the policies of profiles are for a connector of a machine, and --group-by puts several together",
        )
        .hint("say what to keep, as in --keep-daily 30"));
    }
    let profiles = Profiles::load(&cx.config)?;
    let kept = profiles.iter().filter_map(|profile| {
        let keep = profile.keep.clone()?;
        Some((profile.name.clone(), keep))
    });
    let policies: BTreeMap<_, _> = kept.collect();
    if policies.is_empty() {
        return Err(Failure::usage("nothing says what to keep")
            .hint("say it, as in --keep-within 2d --keep-daily 30")
            .hint("or in restante.toml: keep = { within = \"2d\", daily = 30 } in [connector.NAME]"));
    }
    let host = args.host.clone().unwrap_or_else(|| cx.config.server_name());
    Ok(Policies::OfConnectors { host, policies })
}

/// Which snapshots are looked at. A connector, a machine or a path of which there is none is a mistake.
pub(super) fn choice(cx: &Context, args: &Forget, archive: &Archive, policies: &Policies) -> Result<Choice> {
    let members = args.connectors.iter().flat_map(|name| cx.config.members(name));
    let connectors: Vec<String> = members.cloned().collect();
    for name in &connectors {
        check_connector(archive, name)?;
        if let Policies::OfConnectors { policies, .. } = policies
            && !policies.contains_key(name)
        {
            return Err(Failure::usage(format!("nothing says what to keep of {name}"))
                .hint("say it, as in --keep-within 2d --keep-daily 30")
                .hint(format!(
                    "or in restante.toml: keep = {{ within = \"2d\", daily = 30 }} in [connector.{name}]"
                )));
        }
    }
    // In an archive without any snapshot there is nothing to mistake.
    if !archive.catalog().is_empty() {
        args.host
            .iter()
            .try_for_each(|host| known::check_host(archive, host))?;
        args.paths
            .iter()
            .try_for_each(|path| known::check_path(archive, path))?;
    }
    let paths = args
        .paths
        .iter()
        .flat_map(|path| known::spellings(path))
        .collect();
    Ok(Choice {
        connectors,
        host: args.host.clone(),
        tags: args.tags.clone(),
        paths,
        by: args.group_by,
    })
}
