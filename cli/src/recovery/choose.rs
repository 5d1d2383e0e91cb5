//! Which snapshot a connector is recovered from.

use restante_format::archive::Archive;
use restante_format::catalog::Listed;
use restante_format::model::{Timestamp, display_bytes};

use crate::failure::{Failure, Result};
use crate::show::{local_time, plural, quoted};

/// What the command line says about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// No snapshot is younger than this.
    pub(crate) at: Option<Timestamp>,
    /// Whether a torn one is taken too.
    pub(crate) allow_torn: bool,
}

/// The snapshot that a connector is recovered from.
#[derive(Debug, Clone)]
pub(super) struct Choice<'a> {
    /// The snapshot.
    pub(super) listed: &'a Listed,
    /// What is worth knowing about it, a line each.
    pub(super) notes: Vec<String>,
    /// What is wrong with it, a line each.
    pub(super) findings: Vec<String>,
}

/// The newest whole snapshot of a connector, if there is one; those of the server that the configuration names come
/// before others'.
///
/// # Errors
/// Fails where there are torn ones only, unless those are allowed.
pub(super) fn choose<'a>(
    archive: &'a Archive,
    connector: &str,
    server: Option<&str>,
    wanted: &Wanted,
) -> Result<Option<Choice<'a>>> {
    let is_meant = |listed: &&Listed| {
        listed.snapshot.connector.as_deref() == Some(connector)
            && wanted.at.is_none_or(|at| listed.snapshot.time <= at)
    };
    let of_any: Vec<&Listed> = archive.catalog().all().iter().filter(is_meant).collect();
    let is_own = |listed: &&Listed| server.is_some_and(|server| listed.snapshot.host == server);
    let own: Vec<&Listed> = of_any.iter().copied().filter(is_own).collect();
    let candidates = if own.is_empty() { of_any } else { own };
    let is_torn = |listed: &Listed| listed.snapshot.counts.torn > 0;
    let is_whole = |listed: &Listed| !is_torn(listed) && listed.snapshot.counts.unreadable == 0;
    let Some(newest) = candidates.last().copied() else {
        return Ok(None);
    };
    // Rather one that lacks what could not be read than none.
    let mut whole = candidates.iter().rev().copied().find(|listed| is_whole(listed));
    whole = whole.or_else(|| candidates.iter().rev().copied().find(|listed| !is_torn(listed)));
    let listed = match whole {
        _ if wanted.allow_torn => newest,
        Some(whole) => whole,
        None => return Err(only_torn(connector, newest)),
    };
    let (mut notes, mut findings) = (Vec::new(), Vec::new());
    if listed.id != newest.id {
        notes.push(format!(
            "newer ones are torn or lack something, the newest is {} of {}: --allow-torn takes it",
            newest.id.short(),
            told(newest)
        ));
    }
    if server.is_some_and(|server| listed.snapshot.host != server) {
        notes.push(format!("it is of the machine {}", listed.snapshot.host));
    }
    let counts = &listed.snapshot.counts;
    if is_torn(listed) {
        let files = plural(counts.torn, "file", "files");
        findings.push(format!("{files} changed while it was taken"));
    }
    if !listed.snapshot.unreadable.is_empty() {
        let paths = plural(listed.snapshot.unreadable.len() as u64, "path", "paths");
        findings.push(format!("{paths} could not be read when it was taken"));
    }
    Ok(Some(Choice {
        listed,
        notes,
        findings,
    }))
}

/// When a snapshot was taken, in local time.
fn told(listed: &Listed) -> String {
    local_time(listed.snapshot.time, "%Y-%m-%d %H:%M:%S")
}

fn only_torn(connector: &str, newest: &Listed) -> Failure {
    let first = newest.snapshot.torn.first();
    let path = first.map_or(String::new(), |path| {
        format!(": {} changed while it was read", display_bytes(path))
    });
    Failure::new(format!(
        "no snapshot of {connector} is whole; the newest, {} of {}, has a torn file{path}",
        newest.id.short(),
        told(newest)
    ))
    .hint(format!(
        "see what there is: restante snapshots --connector {}",
        quoted(connector)
    ))
    .hint("to recover the torn one all the same, add --allow-torn")
}
