//! On what was measured, and with which versions: what stands above every table.

use std::path::Path;

use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::machine;
use crate::peers::LIMITS;
use crate::tool::{Station, Tool};

/// Names and values.
pub struct Facts(Vec<(&'static str, String)>);

/// What figures that are taken in the folder `place` depend on: the machine, the programs that `wants` names, and
/// the clock.
pub fn of(restante: &Path, clock: &Clock, place: &Path, wants: impl Fn(&str) -> bool) -> Facts {
    let or_missing = |version: Option<String>| version.unwrap_or_else(|| "not found".into());
    let mut facts = machine::description(place);
    for tool in Tool::ALL.into_iter().filter(|tool| wants(tool.name())) {
        let station = Station::new(tool, restante, place, place);
        facts.push((tool.name(), or_missing(station.version)));
    }
    if wants(LIMITS) {
        for name in ["tar", "zstd", "cp", "git"] {
            let version = machine::find(name).and_then(|path| machine::first_line(&path, &["--version"]));
            facts.push((name, or_missing(version)));
        }
    }
    let clock = match clock.own_seconds() {
        _ if !clock.is_complete() => "no GNU time on PATH, so neither CPU time nor memory is measured".into(),
        None => "unknown".into(),
        Some(seconds) => format!(
            "adds {:.1} ms to each run that is measured with CPU time",
            seconds * 1e3
        ),
    };
    facts.push(("clock", clock));
    Facts(facts)
}

impl Facts {
    /// A list of Markdown.
    pub fn list(&self) -> String {
        let lines = self.0.iter().map(|(name, value)| format!("- {name}: {value}\n"));
        lines.collect()
    }

    /// An object of JSON.
    pub fn json(&self) -> Value {
        let pairs = self.0.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), Value::String(value.clone())));
        pairs.collect::<Map<_, _>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(folder.path());
        let facts = of(&folder.path().join("none"), &clock, folder.path(), |name| {
            name == "restante"
        });
        let list = facts.list();
        assert!(
            list.contains("- restante: not found\n") && list.contains("- cores: "),
            "{list}"
        );
        assert!(!list.contains("- zstd: "), "{list}");
        assert_eq!(facts.json()["restante"], "not found");
    }
}
