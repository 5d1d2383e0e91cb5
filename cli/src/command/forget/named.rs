//! Forgetting snapshots by their names.

use std::collections::HashSet;
use std::time::Instant;

use jiff::Zoned;
use restante_format::archive::Archive;
use restante_format::catalog::{Listed, Moment, Selector, Which};
use restante_format::id::Id;
use restante_format::model::display_bytes;
use serde::Serialize;

use super::present::Named;
use super::{carry_out, refuse_damage};
use crate::args::Forget;
use crate::context::{Access, Context, check_connector};
use crate::failure::{Failure, Result};
use crate::find;
use crate::select;
use crate::show::{Align, Table, count, json_path, local_time};

/// How many rows there are where not all are asked for.
const ROWS: usize = 40;

/// A snapshot that goes, as scripts get it.
#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    named: Named,
    host: String,
    connector: Option<String>,
    paths: Vec<String>,
}

/// Forgets the snapshots that are named. One unknown name keeps all of them.
pub(super) fn run(cx: &mut Context, args: &Forget) -> Result<()> {
    let started = Instant::now();
    if args.keep.policy().is_some() {
        return Err(
            Failure::usage("snapshots are named, and a policy says which to keep").hint("give one of both"),
        );
    }
    let folder = cx.writable_folder()?;
    let mut archive = cx.open_at(&folder, Access::Mapped)?;
    refuse_damage(&archive)?;
    let ids = ids(args, &archive)?;
    let (mut chosen, mut others) = (Vec::new(), 0);
    for moment in archive.catalog().newest_first() {
        match ids.contains(&moment.id()) {
            true => chosen.push(moment),
            false => others += 1,
        }
    }
    // Whole ids were taken as they are.
    if chosen.len() != ids.len() {
        let found: HashSet<Id> = chosen.iter().map(Moment::id).collect();
        if let Some(missing) = ids.iter().find(|id| !found.contains(*id)) {
            find::snapshot(&archive, &whole(&missing.to_string()))?;
        }
    }
    if others == 0 && !args.unsafe_allow_remove_all {
        return Err(
            Failure::new("these are all snapshots that there are; nothing was removed")
                .hint("to be left with nothing: --unsafe-allow-remove-all"),
        );
    }
    tell(cx, args, &chosen)?;
    let totals = carry_out(cx, args, &mut archive, &ids, others, started)?;
    match cx.out.json {
        true => totals.json(&mut cx.out),
        false => totals.line(&mut cx.out),
    }
}

fn whole(digits: &str) -> Selector {
    Selector {
        connector: None,
        which: Which::Prefix(digits.to_owned()),
        text: digits.to_owned(),
    }
}

/// What the names mean.
fn ids(args: &Forget, archive: &Archive) -> Result<HashSet<Id>> {
    let now = Zoned::now();
    let mut ids = HashSet::new();
    for text in &args.snapshots {
        let named = select::parse_os(text, &now)?;
        if !named.path.is_empty() {
            return Err(Failure::usage(format!(
                "{:?} is a path in a snapshot, and only whole snapshots can be forgotten",
                display_bytes(text.as_encoded_bytes())
            )));
        }
        let selector = named.snapshot;
        if let Some(connector) = &selector.connector {
            check_connector(archive, connector)?;
        }
        // For a whole id nobody needs to look through all of them.
        if let (Which::Prefix(digits), None) = (&selector.which, &selector.connector)
            && let Ok(id) = digits.to_lowercase().parse::<Id>()
        {
            ids.insert(id);
            continue;
        }
        let found = find::snapshot(archive, &selector)?;
        refuse_older(&selector, &found, &now)?;
        ids.insert(found.id);
    }
    Ok(ids)
}

/// Whoever reads takes the newest snapshot before a time; who names a day on which there is none does not mean to forget
/// one of another day.
fn refuse_older(selector: &Selector, found: &Listed, now: &Zoned) -> Result<()> {
    let Which::At(_) = selector.which else {
        return Ok(());
    };
    let connector = selector.connector.as_ref().map_or(0, |name| name.len() + 1);
    let text = selector.text.get(connector..).unwrap_or_default();
    let start = select::parse_instant(text, now);
    if start.is_none_or(|start| found.snapshot.time >= start) {
        return Ok(());
    }
    let id = found.id.short();
    Err(Failure::new(format!(
        "no snapshot was taken at {:?}; nothing was removed",
        selector.text
    ))
    .hint(format!(
        "the newest before is {id} of {}; if it is meant: restante forget {id}",
        local_time(found.snapshot.time, "%Y-%m-%d %H:%M:%S")
    )))
}

fn tell(cx: &mut Context, args: &Forget, chosen: &[Moment]) -> Result<()> {
    if cx.out.json {
        cx.out.bytes(b"{\"groups\":[],\"snapshots\":[")?;
        for (number, moment) in chosen.iter().enumerate() {
            if number > 0 {
                cx.out.bytes(b",")?;
            }
            let snapshot = &moment.state.snapshot;
            let document = Document {
                named: Named::new(moment, None),
                host: snapshot.host.clone(),
                connector: snapshot.connector.clone(),
                paths: snapshot.paths.iter().map(|path| json_path(path)).collect(),
            };
            cx.out.bytes(&serde_json::to_vec(&document).unwrap_or_default())?;
        }
        return cx.out.bytes(b"]");
    }
    let mut table = Table::new(&[
        ("TIME (local)", Align::Left),
        ("ID", Align::Left),
        ("SOURCE", Align::Left),
    ]);
    let shown = match args.all || cx.out.verbose {
        true => chosen.len(),
        false => chosen.len().min(ROWS),
    };
    for moment in &chosen[..shown] {
        let snapshot = &moment.state.snapshot;
        let paths = || snapshot.paths.iter().map(|path| display_bytes(path));
        table.row(vec![
            local_time(moment.time, "%Y-%m-%d %H:%M:%S"),
            moment.id().short(),
            (snapshot.connector.clone()).unwrap_or_else(|| paths().collect::<Vec<_>>().join(" ")),
        ]);
    }
    for line in table.lines() {
        cx.out.line(&line)?;
    }
    if shown < chosen.len() {
        let more = count((chosen.len() - shown) as u64);
        cx.out.line(&format!("and {more} more: --all shows all"))?;
    }
    cx.out.flush()
}
