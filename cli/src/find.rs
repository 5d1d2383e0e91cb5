//! Finding what people name: a snapshot, and a path in it, or the nearest to it.

use restante_format::archive::{Archive, Located};
use restante_format::catalog::{Listed, Moment, Selector, Which};
use restante_format::error::Error;
use restante_format::id::Id;
use restante_format::model::display_bytes;

use crate::failure::{Failure, Result};
use crate::show::{local_time, plural};
use crate::suggest::nearest;

/// The snapshot that a name means; an error says what there is instead.
pub(crate) fn snapshot(archive: &Archive, selector: &Selector) -> Result<Listed> {
    let error = match archive.catalog().resolve(selector) {
        Ok(listed) => return Ok(listed),
        Err(error) => error,
    };
    if !matches!(error, Error::UnknownSnapshot { .. }) {
        return Err(error.into());
    }
    let of_connector = |moment: &Moment| {
        let name = selector.connector.as_deref();
        name.is_none() || moment.state.snapshot.connector.as_deref() == name
    };
    // There may be a million: they are looked at as they come.
    let all = || archive.catalog().oldest_first().filter(of_connector);
    let Some(oldest) = all().next() else {
        return Err(error.into());
    };
    let advice = match &selector.which {
        Which::Latest { .. } => {
            let connector = selector.connector.as_ref().map(|name| format!("{name}@"));
            let number = all().count();
            let (are, back) = (if number == 1 { "is" } else { "are" }, number.saturating_sub(1));
            let name = match back {
                0 => "latest".to_owned(),
                back => format!("latest~{back}"),
            };
            let count = plural(number as u64, "snapshot", "snapshots");
            Some(format!(
                "there {are} {count}: {}{name} is the oldest",
                connector.unwrap_or_default()
            ))
        }
        Which::At(_) => Some(format!(
            "the oldest is {} of {}",
            oldest.id().short(),
            local_time(oldest.time, "%Y-%m-%d %H:%M:%S")
        )),
        Which::Prefix(digits) => {
            nearest_id(digits, all().map(|moment| moment.id())).map(|near| format!("did you mean {near}?"))
        }
    };
    let failure = Failure::from(error);
    Err(match advice {
        Some(advice) => {
            let hints = [vec![advice], failure.hints.clone()].concat();
            failure.advise(hints)
        }
        None => failure,
    })
}

/// The newest snapshot of a connector of this server.
///
/// # Errors
/// Fails where only other servers have one: a new server that stands for an old one has to say so.
pub(crate) fn newest_of(archive: &Archive, connector: &str, server: &str) -> Result<Listed> {
    let of_connector = |moment: &Moment| moment.state.snapshot.connector.as_deref() == Some(connector);
    let newest = |is_meant: &dyn Fn(&Moment) -> bool| {
        let mut all = archive.catalog().newest_first().filter(of_connector);
        all.find(is_meant).map(|moment| moment.listed())
    };
    if let Some(own) = newest(&|moment| moment.state.snapshot.host == server) {
        return Ok(own);
    }
    match newest(&|_| true) {
        Some(other) => Err(Failure::new(format!(
            "there is no snapshot of {connector} of {server}; the newest of another server, {}, is {} of {}",
            other.snapshot.host,
            other.id.short(),
            local_time(other.snapshot.time, "%Y-%m-%d %H:%M:%S")
        ))
        .hint(format!(
            "if {server} stands for that one, name the snapshot: {connector}@{}",
            other.id.short()
        ))),
        None => Err(Failure::new(format!(
            "there is no snapshot of a connector {connector:?}"
        ))),
    }
}

/// The beginning of the one id that is a slip of the finger away.
fn nearest_id(digits: &str, all: impl Iterator<Item = Id>) -> Option<String> {
    let digits = digits.to_lowercase();
    let most = if digits.len() < 8 { 1 } else { 2 };
    let mut near = all.filter_map(|id| {
        let id = id.to_string();
        let beginning = &id[..digits.len().min(id.len())];
        (strsim::damerau_levenshtein(beginning, &digits) <= most)
            .then(|| id[..digits.len().max(8)].to_owned())
    });
    let first = near.next()?;
    near.next().is_none().then_some(first)
}

/// The path in a snapshot. In a connector's, where names come from systems that know no case, it may begin below
/// the connector, and its case does not matter where that leaves one choice.
pub(crate) fn path(archive: &Archive, listed: &Listed, path: &[u8]) -> Result<Located> {
    look_up(archive, listed, path)?
}

/// The same. The inner error is that the path is not there, with what is there instead; the outer one, that nobody knows.
pub(crate) fn look_up(archive: &Archive, listed: &Listed, path: &[u8]) -> Result<Result<Located>> {
    let error = match archive.locate(listed, path) {
        Err(error @ Error::UnknownPath { .. }) => error,
        other => return Ok(Ok(other?)),
    };
    let Some(connector) = &listed.snapshot.connector else {
        return Ok(Err(with_top(archive, listed, path, error)));
    };
    let below = [connector.as_bytes(), b"/", path].concat();
    match archive.locate(listed, &below) {
        Err(Error::UnknownPath { .. }) => {}
        other => return Ok(Ok(other?)),
    }
    let mut furthest: Option<Reached> = None;
    for candidate in [path, &below] {
        match in_any_case(archive, listed, candidate)? {
            Ok(located) => return Ok(Ok(located)),
            Err((reached, siblings)) => {
                let depth = |siblings: &[String]| siblings.first().map_or(0, |s| 1 + s.matches('/').count());
                if furthest
                    .as_ref()
                    .is_none_or(|(_, best)| depth(&siblings) > depth(best))
                {
                    furthest = Some((reached, siblings));
                }
            }
        }
    }
    let Some((reached, siblings)) = furthest else {
        return Ok(Err(error.into()));
    };
    let wanted = display_bytes(&reached);
    let failure = Failure::from(error);
    Ok(Err(match nearest(wanted.trim_matches('/'), &siblings) {
        Some(near) => failure.advise(vec![format!("did you mean {near:?}?")]),
        None => failure,
    }))
}

/// How far a path led, and the names that there are.
type Reached = (Vec<u8>, Vec<String>);

/// Follows a path, taking for each name that is not there the only one that differs in case. The inner error is how
/// far that led, and the names that there are.
fn in_any_case(archive: &Archive, listed: &Listed, path: &[u8]) -> Result<Result<Located, Reached>> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    let mut parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
    let mut at_least = 0;
    loop {
        let candidate = parts.join(&b'/');
        let siblings = match archive.locate(listed, &candidate) {
            Ok(located) => return Ok(Ok(located)),
            Err(Error::UnknownPath { siblings, .. }) => siblings,
            Err(error) => return Err(error.into()),
        };
        // Siblings are whole paths: they say which component was not there.
        let at = siblings.first().map(|sibling| sibling.matches('/').count());
        let Some(at) = at.filter(|at| *at >= at_least && *at < parts.len()) else {
            return Ok(Err((candidate, siblings)));
        };
        let wanted = display_bytes(&parts[at]).to_lowercase();
        let names = siblings.iter().filter_map(|sibling| sibling.rsplit('/').next());
        let same: Vec<&str> = names.filter(|name| name.to_lowercase() == wanted).collect();
        let [only] = same[..] else {
            return Ok(Err((candidate, siblings)));
        };
        parts[at] = only.as_bytes().to_vec();
        at_least = at + 1;
    }
}

/// The error for a path of a plain snapshot; it suggests the path below one of the snapshot's own.
fn with_top(archive: &Archive, listed: &Listed, path: &[u8], error: Error) -> Failure {
    let tops: Vec<String> = match &error {
        Error::UnknownPath { siblings, .. } => siblings.clone(),
        _ => Vec::new(),
    };
    let is_there = |top: &&String| {
        let below = [top.as_bytes(), b"/", path].concat();
        !top.contains('/') && archive.locate(listed, &below).is_ok()
    };
    let found = tops.iter().take(100).find(is_there).cloned();
    let failure = Failure::from(error);
    match found {
        Some(top) => {
            let near = format!("{top}/{}", display_bytes(path).trim_start_matches('/'));
            failure.advise(vec![format!("did you mean {near:?}?")])
        }
        None => failure,
    }
}
