//! Finding a path that is spelt in another case of letters than it was given in.

use std::collections::HashSet;

use restante_format::archive::{Archive, Aspect, History, Located, Scope};
use restante_format::catalog::Moment;
use restante_format::id::Id;
use restante_format::model::{Series, display_bytes};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::find;
use crate::show::{count, quoted};

/// How many trees are asked at most how a path is spelt.
const ASKED: usize = 1024;

/// Looks for the path as it was given, and if it never was, for the one that differs in the case of letters.
pub(super) fn look(
    cx: &Context,
    archive: &Archive,
    scope: &Scope,
    path: Vec<u8>,
    aspect: Aspect,
) -> Result<(Vec<u8>, History)> {
    let found = archive.history(scope, &path, aspect, &cx.progress)?;
    if !found.versions.is_empty() || !found.errors.is_empty() {
        return Ok((path, found));
    }
    let mut search = Search {
        cx,
        archive,
        path: &path,
        asked: HashSet::new(),
        instead: None,
        damage: None,
    };
    // Most likely it is still there; else it was once. Only in connectors is the case of no account.
    let newest = newest_of_each(archive, scope).into_iter();
    let of_connectors = |moment: &Moment| moment.state.snapshot.connector.is_some();
    let older = in_window(archive, scope).filter(of_connectors);
    for moment in newest.chain(older) {
        if let Some(spelt) = search.look_into(&moment)? {
            let found = archive.history(scope, &spelt, aspect, &cx.progress)?;
            return Ok((spelt, found));
        }
        if search.asked.len() >= ASKED {
            break;
        }
    }
    Err(search.fail())
}

/// The snapshots of a scope, the newest first.
fn in_window<'a>(archive: &'a Archive, scope: &'a Scope) -> impl Iterator<Item = Moment> + 'a {
    let moments = scope.newest_first(archive.catalog());
    moments.take_while(|moment| scope.since.is_none_or(|since| moment.time >= since))
}

/// The newest snapshot of each series.
fn newest_of_each(archive: &Archive, scope: &Scope) -> Vec<Moment> {
    let all = archive.catalog().series();
    let number = all.keys().filter(|series| scope.takes_series(series)).count();
    let mut known: Vec<Series> = Vec::new();
    let mut newest = Vec::new();
    for moment in in_window(archive, scope) {
        if newest.len() == number {
            break;
        }
        if !known.iter().any(|series| moment.state.snapshot.is_of(series)) {
            known.push(moment.state.snapshot.series());
            newest.push(moment);
        }
    }
    newest
}

struct Search<'a> {
    cx: &'a Context,
    archive: &'a Archive,
    path: &'a [u8],
    /// The root trees that were looked into.
    asked: HashSet<Id>,
    /// What the first of them has instead.
    instead: Option<Failure>,
    /// Why the first of which nobody knows cannot be read.
    damage: Option<Failure>,
}

impl Search<'_> {
    /// The path as a snapshot spells it, if it is there.
    fn look_into(&mut self, moment: &Moment) -> Result<Option<Vec<u8>>> {
        if !self.asked.insert(moment.state.snapshot.root) {
            return Ok(None);
        }
        self.cx.progress.check()?;
        match find::look_up(self.archive, &moment.listed(), self.path) {
            Ok(Ok(Located::Entry(spelt, _))) => return Ok(Some(spelt)),
            Ok(Ok(Located::Root(_))) => {}
            Ok(Err(instead)) => drop(self.instead.get_or_insert(instead)),
            Err(damage) if damage.is_damage() => drop(self.damage.get_or_insert(damage)),
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// It is nowhere.
    fn fail(self) -> Failure {
        let text = display_bytes(self.path);
        if let Some(damage) = self.damage {
            let message = format!(
                "{text:?} is in none of the snapshots that can be read: {}",
                damage.message
            );
            return Failure::new(message).damaged().hints(damage.hints);
        }
        let never = Failure::new(format!("{text:?} is in none of the snapshots"));
        let never = match self.instead {
            Some(instead) => never.hints(instead.hints),
            None => never.hint("there is no snapshot that the options leave"),
        };
        match self.asked.len() < ASKED {
            true => never,
            false => never.hint(format!(
                "in other cases of letters it was looked for in the newest {} trees; look in all: restante find -i {}",
                count(ASKED as u64),
                quoted(&text)
            )),
        }
    }
}
