//! Which snapshot a connector is recovered from.

use restante_format::archive::Archive;
use restante_format::catalog::Listed;
use restante_format::model::{Snapshot, Timestamp, display_bytes};

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
pub(super) struct Choice {
    /// The snapshot.
    pub(super) listed: Listed,
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
pub(super) fn choose(
    archive: &Archive,
    connector: &str,
    server: Option<&str>,
    wanted: &Wanted,
) -> Result<Option<Choice>> {
    let find = |is_meant: &dyn Fn(&Snapshot) -> bool| {
        let catalog = archive.catalog();
        let mut newest_first = match wanted.at {
            Some(at) => catalog.newest_first_from(at),
            None => catalog.newest_first(),
        };
        let found = newest_first.find(|moment| {
            let snapshot = &moment.state.snapshot;
            snapshot.connector.as_deref() == Some(connector) && is_meant(snapshot)
        });
        found.map(|moment| moment.listed())
    };
    let of_server = |snapshot: &Snapshot| server.is_some_and(|server| snapshot.host == server);
    let own = find(&of_server);
    let has_own = own.is_some();
    let Some(newest) = own.or_else(|| find(&|_| true)) else {
        return Ok(None);
    };
    let is_candidate = |snapshot: &Snapshot| !has_own || of_server(snapshot);
    let is_torn = |listed: &Listed| listed.snapshot.counts.torn > 0;
    let whole = || {
        let whole = find(&|s| is_candidate(s) && s.counts.torn == 0 && s.counts.unreadable == 0);
        // Rather one that lacks what could not be read than none.
        whole.or_else(|| find(&|s| is_candidate(s) && s.counts.torn == 0))
    };
    let listed = match wanted.allow_torn {
        true => newest.clone(),
        false => whole().ok_or_else(|| only_torn(connector, &newest))?,
    };
    let (mut notes, mut findings) = (Vec::new(), Vec::new());
    if listed.id != newest.id {
        notes.push(format!(
            "newer ones are torn or lack something, the newest is {} of {}: --allow-torn takes it",
            newest.id.short(),
            told(&newest)
        ));
    }
    if server.is_some_and(|server| listed.snapshot.host != server) {
        notes.push(format!("it is of the machine {}", listed.snapshot.host));
    }
    let counts = &listed.snapshot.counts;
    if is_torn(&listed) {
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
