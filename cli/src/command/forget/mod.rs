//! `forget`: snapshots that are named, or that a policy does not keep.

pub(crate) mod choice;
mod named;
pub(crate) mod plan;
mod present;
pub(crate) mod request;

use std::collections::HashSet;
use std::time::Instant;

use restante_format::archive::{Archive, Forgotten, PruneReport};
use restante_format::id::Id;

use plan::{Group, Plan, Rules};
use present::Totals;

use super::prune;
use crate::args::Forget;
use crate::context::{Access, Context};
use crate::failure::{Failure, Result};
use crate::select::timestamp;
use crate::show::{in_zone, plural, with_progress};

/// Forgets what the options say.
pub(crate) fn run(cx: &mut Context, args: &Forget) -> Result<()> {
    if !args.snapshots.is_empty() {
        return named::run(cx, args);
    }
    let started = Instant::now();
    let zone = request::zone(cx, args)?;
    let policies = request::policies(cx, args)?;
    let folder = cx.writable_folder()?;
    let mut archive = cx.open_at(&folder, Access::Mapped)?;
    refuse_damage(&archive)?;
    let choice = request::choice(cx, args, &archive, &policies)?;
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
    // Who only asks sees why it is refused, unless a script would get half a document.
    let refused = refuse(&plan, args);
    if refused.is_err() && (cx.out.json || !args.dry_run) {
        return refused;
    }
    warn(cx, &rules, &plan);
    tell(cx, args, &rules, &plan, &archive)?;
    refused?;
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
            archive.would_free(ids, args.max_unused.0, &progress)
        })?;
        let totals = Totals::new(kept, ids.len() as u64, true);
        return Ok(totals.with(Some(&report), args.grace, started.elapsed()));
    }
    progress.check()?;
    let forgotten = match ids.is_empty() {
        true => Forgotten::default(),
        false => with_progress(&progress, quiet, "forget", || archive.forget(ids, &progress))?,
    };
    let totals = Totals::new(kept, forgotten.snapshots, false);
    if !args.prune {
        return Ok(totals.with(None, None, started.elapsed()));
    }
    let report = prune::prune(cx, archive, args.grace, args.max_unused)?;
    if !cx.out.json {
        prune::tell(&mut cx.out, &report, args.grace)?;
    }
    // As a dry run counts it: what forgetting itself took away and wrote belongs to it.
    let report = PruneReport {
        deleted: report.deleted + forgotten.rewritten,
        deleted_bytes: report.deleted_bytes + forgotten.deleted_bytes,
        written_bytes: report.written_bytes + forgotten.written_bytes,
        ..report
    };
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
    let all = args.all || cx.out.verbose;
    for group in decided {
        present::table(&mut cx.out, rules, group, archive, all)?;
    }
    // Of groups that are left alone it was said.
    if plan.groups.is_empty() {
        let none = match rules.choice.is_all() {
            true => "no snapshots",
            false => "no snapshots are such as the options say",
        };
        cx.out.notice(none);
    }
    cx.out.flush()
}
