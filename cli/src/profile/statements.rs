//! The article's statements: what each says, where the built-in profiles answer to it, and who does it.

use serde::Serialize;

use super::table::{Document, Section};
use super::{Action, ConfigError, Note, Origin, Phase, Profile, Profiles, Statement, Step};
use super::{builtin, parse_file};
use crate::config::Config;

/// What each statement says.
const TEXTS: &str = include_str!("../../profiles/article/statements.toml");

/// Every statement, in order.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Statements(Vec<Row>);

/// One statement.
#[derive(Debug, Clone, Serialize)]
struct Row {
    statement: Statement,
    /// What it says, in a sentence.
    text: String,
    /// Where profiles answer to it.
    places: Vec<Place>,
}

/// Where a profile answers to a statement.
#[derive(Debug, Clone, Serialize)]
struct Place {
    /// The connector; none where it is every one.
    connector: Option<String>,
    /// Which part of its profile.
    #[serde(rename = "where")]
    part: String,
    /// What stands there.
    text: String,
    /// Who does it.
    by: Doer,
    /// What has to be configured before the tool does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    once: Option<String>,
}

/// Who does what a statement asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Doer {
    /// This program.
    Tool,
    /// A person.
    Person,
    /// Nobody: it is good to know.
    Reader,
}

/// A part of a profile that can answer to statements.
struct Part<'a> {
    part: String,
    note: &'a Note,
    by: Doer,
    once: Option<String>,
}

impl Statements {
    /// Reads the built-in profiles, whatever the configuration changes about them.
    ///
    /// # Errors
    /// Fails only if what is built in cannot be read.
    pub(crate) fn load() -> Result<Self, ConfigError> {
        let profiles = Profiles::load(&Config::default())?;
        let (name, text) = builtin::COMMON;
        let common = parse_file(&format!("{name}.toml"), name, text, Origin::BuiltIn)?.profile;
        let mut places = of_profile(&common, None);
        for profile in profiles.iter() {
            // What all have in common is told once.
            let own = |part: &Part<'_>| !common.all_notes().any(|note| note == part.note);
            places.extend(of_profile(profile, Some(&own)));
        }
        let doc = Document::new("statements.toml", TEXTS);
        let table = doc.parse()?;
        let texts = Section::top(&doc, &table);
        let mut rows = Vec::new();
        for statement in Statement::all() {
            let text = texts.required_entry(&statement.to_string(), "say in a sentence what it says")?;
            let own = places.iter().filter(|(of, _)| *of == statement);
            rows.push(Row {
                statement,
                text: text.filled_string()?.to_owned(),
                places: own.map(|(_, place)| place.clone()).collect(),
            });
        }
        Ok(Self(rows))
    }

    /// As a table in Markdown, with a row for each place.
    pub(crate) fn table(&self) -> String {
        let mut text = "| statement | what it says | profile → where | who does it |\n".to_owned();
        text.push_str("| --- | --- | --- | --- |\n");
        for row in &self.0 {
            // Said once; the rows below it are of the same statement.
            let mut says = row.text.as_str();
            for place in &row.places {
                let connector = match &place.connector {
                    Some(name) => format!("`{name}`"),
                    None => "every connector".to_owned(),
                };
                let by = match (place.by, &place.once) {
                    (Doer::Tool, None) => "the tool".to_owned(),
                    (Doer::Tool, Some(once)) => format!("the tool, {once}"),
                    (Doer::Person, _) => "a person".to_owned(),
                    (Doer::Reader, _) => "the reader".to_owned(),
                };
                let (statement, part) = (row.statement, &place.part);
                text.push_str(&format!(
                    "| {statement} | {says} | {connector} → {part} | {by} |\n"
                ));
                says = "";
            }
        }
        text
    }
}

/// Where a profile answers to which statement; `own` says which of its parts count.
fn of_profile(profile: &Profile, own: Option<&dyn Fn(&Part<'_>) -> bool>) -> Vec<(Statement, Place)> {
    let connector = own.map(|_| profile.name.clone());
    let mut places = Vec::new();
    for &statement in &profile.statements {
        let place = Place {
            connector: connector.clone(),
            part: "the whole of it".to_owned(),
            text: profile.title.clone(),
            by: Doer::Reader,
            once: None,
        };
        places.push((statement, place));
    }
    for part in parts(profile, own.is_none()) {
        if own.is_some_and(|own| !own(&part)) {
            continue;
        }
        for &statement in &part.note.statements {
            let place = Place {
                connector: connector.clone(),
                part: part.part.clone(),
                text: part.note.text.clone(),
                by: part.by,
                once: part.once.clone(),
            };
            places.push((statement, place));
        }
    }
    places
}

/// Every part of a profile that can answer to statements, in the order in which it is shown. `inherited` says
/// that others inherit from it: their steps may come before its own.
fn parts(profile: &Profile, inherited: bool) -> Vec<Part<'_>> {
    let tool = |part: String, note, once| Part {
        part,
        note,
        by: Doer::Tool,
        once,
    };
    let when_on = |option: &Option<String>| {
        option
            .as_ref()
            .map(|option| format!("where the option `{option}` is on"))
    };
    let mut parts = Vec::new();
    for root in &profile.roots {
        let once = when_on(&root.option);
        parts.push(tool(format!("root `{}`", root.name), &root.note, once.clone()));
        parts.push(tool(
            format!("root `{}`, restored", root.name),
            &root.restore,
            once,
        ));
    }
    for option in &profile.options {
        let once = when_on(&Some(option.name.clone()));
        parts.push(tool(format!("option `{}`", option.name), &option.note, once));
    }
    for set in &profile.sets {
        parts.push(tool(format!("set `{}`", set.name), &set.note, None));
    }
    for (_, phase) in Phase::ALL {
        let steps = profile.steps.of(phase);
        for (index, step) in steps.iter().enumerate() {
            let number = match inherited && phase.base_comes_last() {
                false => format!(" {}", index + 1),
                true if index + 1 == steps.len() => ", the last".to_owned(),
                true => format!(", the last but {}", steps.len() - index - 1),
            };
            let (by, once) = doer(step);
            parts.push(Part {
                part: format!("{}{number}: {}", phase.word(), step.action.kind()),
                note: &step.note,
                by,
                once,
            });
        }
    }
    for (index, note) in profile.notes.iter().enumerate() {
        parts.push(Part {
            part: format!("note {}", index + 1),
            note,
            by: Doer::Reader,
            once: None,
        });
    }
    parts
}

/// Who does a step, and what has to be configured first.
fn doer(step: &Step) -> (Doer, Option<String>) {
    match &step.action {
        Action::Manual => (Doer::Person, None),
        Action::Run(run) if run.command.is_empty() => {
            let name = run.name.as_deref().unwrap_or_default();
            (Doer::Tool, Some(format!("once the command `{name}` is supplied")))
        }
        Action::StopServices { .. } | Action::StartServices { .. } => {
            (Doer::Tool, Some("once `[services]` says how".to_owned()))
        }
        _ => (Doer::Tool, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_has_a_place() {
        let statements = Statements::load().unwrap();
        assert_eq!(statements.0.len(), usize::from(Statement::LAST));
        for row in &statements.0 {
            assert!(!row.places.is_empty(), "{} has no place", row.statement);
            assert!(row.text.ends_with('.') && !row.text.contains('|'), "{row:?}");
        }
    }

    #[test]
    fn nothing_else_is_said_about_statements() {
        let doc = Document::new("statements.toml", TEXTS);
        let table = doc.parse().unwrap();
        let unknown: Vec<_> = (Section::top(&doc, &table).entries())
            .filter(|e| Statement::parse(e.key).is_none())
            .map(|e| e.key.to_owned())
            .collect();
        assert_eq!(unknown, Vec::<String>::new());
    }

    #[test]
    fn what_all_have_in_common_is_told_once() {
        let statements = Statements::load().unwrap();
        let places = |number: usize| -> Vec<(Option<&str>, &str, Doer)> {
            let places = statements.0[number - 1].places.iter();
            places
                .map(|p| (p.connector.as_deref(), p.part.as_str(), p.by))
                .collect()
        };
        assert_eq!(places(7), [(None, "setup 1: manual", Doer::Person)]);
        assert_eq!(places(33), [(None, "finish, the last: manual", Doer::Person)]);
        assert_eq!(places(8), [(Some("ms-mail"), "root `maildata`", Doer::Tool)]);
        assert_eq!(
            places(21),
            [(Some("system-state"), "before-restore 1: manual", Doer::Person)]
        );
    }

    /// The page is printed by `restante connectors statements`.
    #[test]
    fn the_page_is_what_is_printed() {
        let page = include_str!("../../profiles/STATEMENTS.md").replace("\r\n", "\n");
        let printed = Statements::load().unwrap().table();
        assert!(
            page == printed,
            "write it anew: restante connectors statements > cli/profiles/STATEMENTS.md\n{printed}"
        );
    }
}
