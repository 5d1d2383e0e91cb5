//! What the options ask for: the time zone, the policies, and which snapshots are looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use restante_format::archive::Archive;
use restante_format::model::display_bytes;
use restante_format::names::from_os;

use super::choice::{Choice, Policies};
use crate::args::Forget;
use crate::context::{Context, check_connector};
use crate::failure::{Failure, Result};
use crate::profile::Profiles;
use crate::show::Output;
use crate::suggest::nearest;

/// How many names an error lists.
const LISTED: usize = 10;

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
    let series = archive.catalog().series();
    if let Some(host) = &args.host {
        let hosts = series.keys().map(|series| series.host.clone());
        check("a machine", host, hosts.collect())?;
    }
    let mut paths = Vec::new();
    for path in &args.paths {
        let known: BTreeSet<&Vec<u8>> = series.keys().flat_map(|series| &series.paths).collect();
        // As it was given it may be of another system, or the name of a standard input.
        let (given, plain) = (from_os(path.as_os_str()), plain(path));
        if !known.contains(&given) {
            let known = known.iter().map(|path| display_bytes(path));
            check("a path", &display_bytes(&plain), known.collect())?;
        }
        paths.extend([given, plain]);
    }
    Ok(Choice {
        connectors,
        host: args.host.clone(),
        tags: args.tags.clone(),
        paths,
        by: args.group_by,
    })
}

/// The path as snapshots have it. What is gone from the file system may still be named.
fn plain(path: &Path) -> Vec<u8> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let plain: std::path::PathBuf = absolute.components().collect();
    from_os(plain.as_os_str())
}

/// Fails if no snapshot is of what is named, and suggests what there is. In an archive without any there is nothing to mistake.
fn check(what: &str, name: &str, known: BTreeSet<String>) -> Result<()> {
    if known.is_empty() || known.contains(name) {
        return Ok(());
    }
    let failure = Failure::new(format!("there is no snapshot of {what} {name:?}"));
    Err(match nearest(name, &known) {
        Some(near) => failure.hint(format!("did you mean {near:?}?")),
        None => {
            let listed: Vec<&str> = known.iter().take(LISTED).map(String::as_str).collect();
            let more = if known.len() > LISTED { ", …" } else { "" };
            failure.hint(format!("there are: {}{more}", listed.join(", ")))
        }
    })
}
