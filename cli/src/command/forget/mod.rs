//! `forget`: snapshots that are named, or that a policy does not keep.

pub(crate) mod choice;
mod named;
pub(crate) mod plan;
mod present;

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use restante_format::archive::Archive;
use restante_format::id::Id;

use choice::{Choice, Policies};
use plan::{Group, Plan, Rules};
use present::Totals;

use super::prune;
use crate::args::Forget;
use crate::context::{Access, Context, check_connector};
use crate::failure::{Failure, Result};
use crate::profile::Profiles;
use crate::select::timestamp;
use crate::show::{in_zone, plural, with_progress};

/// Forgets what the options say.
pub(crate) fn run(cx: &mut Context, args: &Forget) -> Result<()> {
    if !args.snapshots.is_empty() {
        return named::run(cx, args);
    }
    let started = Instant::now();
    let zone = zone(cx, args)?;
    let policies = policies(cx, args)?;
    let folder = cx.writable_folder()?;
    let mut archive = cx.open_at(&folder, Access::Mapped)?;
    refuse_damage(&archive)?;
    let choice = choice(cx, args, &archive, &policies)?;
    let rules = Rules {
        choice: &choice,
        policies: &policies,
        zone,
        now: timestamp(jiff::Timestamp::now()),
    };
    let progress = cx.progress.clone();
    let plan = with_progress(&progress, cx.out.quiet, "forget", || {
        Plan::make(&rules, &archive, &progress)
    })?;
    refuse(&plan, args)?;
    warn(cx, &rules, &plan);
    tell(cx, args, &rules, &plan, &archive)?;
    let kept = plan.groups.iter().map(|group| group.kept).sum();
    let ids = plan.ids;
    let totals = carry_out(cx, args, &mut archive, &ids, kept, started)?;
    match cx.out.json {
        true => totals.json(&mut cx.out),
        false => totals.line(&mut cx.out),
    }
}

/// Forgets these snapshots and frees their room, or finds out what that would do.
fn carry_out(
    cx: &mut Context,
    args: &Forget,
    archive: &mut Archive,
    ids: &HashSet<Id>,
    kept: u64,
    started: Instant,
) -> Result<Totals> {
    let progress = cx.progress.clone();
    let quiet = cx.out.quiet;
    if args.dry_run {
        let report = with_progress(&progress, quiet, "forget", || {
            archive.would_free(ids, args.max_unused, &progress)
        })?;
        let totals = Totals::new(kept, ids.len() as u64, true);
        return Ok(totals.with(Some(&report), args.grace, started.elapsed()));
    }
    progress.check()?;
    let forgotten = match ids.is_empty() {
        true => 0,
        false => with_progress(&progress, quiet, "forget", || archive.forget(ids))?.snapshots,
    };
    let totals = Totals::new(kept, forgotten, false);
    if !args.prune {
        return Ok(totals.with(None, None, started.elapsed()));
    }
    let report = prune::prune(cx, archive, args.grace, args.max_unused)?;
    if !cx.out.json {
        prune::tell(&mut cx.out, &report, args.grace)?;
    }
    Ok(totals.with(Some(&report), args.grace, started.elapsed()))
}

/// Nothing is removed from an archive of which nobody knows what else is lost.
pub(crate) fn refuse_damage(archive: &Archive) -> Result<()> {
    match archive.damage().first() {
        None => Ok(()),
        Some(_) => Err(Failure::new(
            "the archive is damaged, and nothing is removed before it is known what is lost",
        )
        .damaged()
        .hint("see what it costs: restante verify")),
    }
}

fn zone(cx: &Context, args: &Forget) -> Result<TimeZone> {
    let Some(name) = &args.timezone else {
        return Ok(TimeZone::try_system().unwrap_or_else(|error| {
            cx.out.warn(&format!(
                "the time zone of the system is unknown, and days are those of UTC; name another with --timezone: {error}"
            ));
            TimeZone::UTC
        }));
    };
    let found = TimeZone::get(name).or_else(|_| TimeZoneDatabase::bundled().get(name));
    found.map_err(|_| {
        let failure = Failure::usage(format!("there is no time zone {name:?}"));
        let names: Vec<String> = TimeZoneDatabase::bundled()
            .available()
            .map(|name| name.as_str().to_owned())
            .collect();
        match crate::suggest::nearest(name, names.iter()) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint("name one like Europe/Berlin, or UTC"),
        }
    })
}

/// The policy of the command line, or those of the profiles.
fn policies(cx: &Context, args: &Forget) -> Result<Policies> {
    if let Some(policy) = args.keep.policy() {
        if policy.would_remove_all() && !args.unsafe_allow_remove_all {
            return Err(Failure::usage("this policy keeps nothing")
                .hint("say what to keep, as in --keep-daily 30")
                .hint("or, to be left with nothing: --unsafe-allow-remove-all"));
        }
        return Ok(Policies::One(policy));
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

fn choice(cx: &Context, args: &Forget, archive: &Archive, policies: &Policies) -> Result<Choice> {
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
    Ok(Choice {
        connectors,
        host: args.host.clone(),
        tags: args.tags.clone(),
        by: args.group_by,
    })
}

/// Nobody means to lose all snapshots of something.
fn refuse(plan: &Plan<'_>, args: &Forget) -> Result<()> {
    let lost: Vec<&Group<'_>> = plan.groups.iter().filter(|group| group.loses_all).collect();
    if lost.is_empty() || args.unsafe_allow_remove_all {
        return Ok(());
    }
    let titles: Vec<String> = lost.iter().map(|group| group.key.title()).collect();
    Err(Failure::new(format!(
        "nothing would be left of {}; nothing was removed",
        titles.join(", ")
    ))
    .hint("keep something of each: --keep-last 1")
    .hint("or, if they are really to go: --unsafe-allow-remove-all"))
}

/// Says what is odd about the groups.
fn warn(cx: &Context, rules: &Rules<'_>, plan: &Plan<'_>) {
    for group in &plan.groups {
        let title = group.key.title();
        if group.policy.is_none() {
            let kept = plural(group.kept, "snapshot", "snapshots");
            cx.out.notice(&format!(
                "{title} is left alone: nothing says what to keep of its {kept}"
            ));
            continue;
        }
        if let Some((number, latest)) = group.ahead {
            cx.out.warn(&format!(
                "{} of {title} dated in the future, up to {}: nothing is measured from them",
                plural(number, "snapshot is", "snapshots are"),
                in_zone(latest, &rules.zone, "%Y-%m-%d %H:%M:%S"),
            ));
        }
        if let Some(spared) = &group.spared {
            cx.out.warn(&format!(
                "the policy would leave only torn or incomplete snapshots of {title}: {} of {}, the newest whole one, is kept too",
                spared.id().short(),
                in_zone(spared.time, &rules.zone, "%Y-%m-%d %H:%M:%S"),
            ));
        }
    }
}

fn tell(
    cx: &mut Context,
    args: &Forget,
    rules: &Rules<'_>,
    plan: &Plan<'_>,
    archive: &Archive,
) -> Result<()> {
    let decided = plan.groups.iter().filter(|group| group.policy.is_some());
    if cx.out.json {
        cx.out.bytes(b"{\"groups\":[")?;
        for (number, group) in decided.enumerate() {
            if number > 0 {
                cx.out.bytes(b",")?;
            }
            present::json(&mut cx.out, rules, group, archive)?;
        }
        return cx.out.bytes(b"]");
    }
    let mut is_empty = true;
    let all = args.all || cx.out.verbose;
    for group in decided {
        is_empty = false;
        present::table(&mut cx.out, rules, group, archive, all)?;
    }
    if is_empty {
        cx.out.notice("no snapshots");
    }
    cx.out.flush()
}
