//! The text of a step. Which keys it may have depends on its kind.

use std::collections::BTreeMap;

use super::parse::{NOTE_KEYS, choose, parse_note};
use super::table::{Entry, Section};
use super::{
    Action, At, ConfigError, Ending, Files, Format, Hint, OnFailure, Phase, Run, SizeRule, Step, Value,
    ValueSource,
};

/// How long a command may take where nobody says anything.
const TIMEOUT_SECONDS: u64 = 600;

/// The keys of every step, besides those of its kind.
const COMMON: [&str; 3] = ["kind", "complaint", "on-failure"];

/// Reads one step of a phase.
pub(super) fn parse_step(s: &Section<'_>, phase: Phase) -> Result<Step, ConfigError> {
    let kinds = phase.kinds();
    let entry = s.required_entry("kind", &format!("one of: {}", kinds.join(", ")))?;
    let kind = entry.filled_string()?;
    if !kinds.contains(&kind) {
        return Err(entry.unknown_name("kind of step", kind, kinds));
    }
    let own: &[&str] = match kind {
        "manual" => &["optional"],
        "run" => &["name", "command", "environment", "timeout", "optional"],
        "stop-services" | "start-services" => &["services"],
        "probe" => &["root", "place"],
        "check-sizes" => &["root", "place", "rules"],
        "compare" => &["root", "place", "values"],
        "recognise" => &["root", "place", "paths", "format", "key"],
        "require" => &["root", "place", "paths"],
        // Only what was just put back may go: it is in the snapshot.
        _ => &["root", "paths"],
    };
    let mut known = [own, &COMMON, &NOTE_KEYS].concat();
    if phase == Phase::AfterSnapshot {
        known.push("when");
    }
    if kind == "manual" {
        known.retain(|key| !["complaint", "on-failure"].contains(key));
    }
    s.only(&known)?;
    let action = match kind {
        "manual" => Action::Manual,
        "run" => Action::Run(run(s)?),
        "stop-services" => Action::StopServices {
            services: s.strings("services")?,
        },
        "start-services" => Action::StartServices {
            services: s.strings("services")?,
        },
        "delete" => Action::Delete(files(s)?),
        "quarantine" => Action::Quarantine(files(s)?),
        "require" => Action::Require(files(s)?),
        "probe" => Action::Probe { at: at(s)? },
        "check-sizes" => Action::CheckSizes {
            at: at(s)?,
            rules: rules(s)?,
        },
        "compare" => Action::Compare {
            at: at(s)?,
            values: values(s)?,
        },
        _ => recognise(s)?,
    };
    Ok(Step {
        action,
        note: parse_note(s, true)?,
        complaint: s.string("complaint")?.map(str::to_owned),
        on_failure: optional_choice(s, "on-failure", "meaning of a failure", &OnFailure::ALL)?
            .unwrap_or_default(),
        optional: s.boolean("optional")?.unwrap_or(false),
        when: optional_choice(s, "when", "ending of a snapshot", &Ending::ALL)?,
    })
}

fn optional_choice<T: Copy>(
    s: &Section<'_>,
    key: &str,
    what: &'static str,
    all: &[(&'static str, T)],
) -> Result<Option<T>, ConfigError> {
    match s.entry(key) {
        Some(_) => choose(s, key, what, all, "").map(Some),
        None => Ok(None),
    }
}

fn run(s: &Section<'_>) -> Result<Run, ConfigError> {
    let name = s.string("name")?.map(str::to_owned);
    let command = s.entry("command").map(|e| e.command()).transpose()?;
    if command.is_none() && name.is_none() {
        let hint = "write command = [\"program\", \"argument\"], or name = \"…\" and supply it in \
                    [connector.NAME.commands]";
        return Err(s.missing("command", hint));
    }
    let mut environment = BTreeMap::new();
    if let Some(table) = s.section("environment", "environment")? {
        for entry in table.entries() {
            if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
                return Err(entry.bad_key("cannot be the name of a variable", "leave out `=`"));
            }
            environment.insert(entry.key.to_owned(), entry.string()?.to_owned());
        }
    }
    Ok(Run {
        name,
        command: command.unwrap_or_default(),
        environment,
        timeout_seconds: s.duration("timeout")?.map_or(TIMEOUT_SECONDS, |d| d.as_secs()),
    })
}

fn at(s: &Section<'_>) -> Result<At, ConfigError> {
    match (s.entry("root"), s.entry("place")) {
        (Some(_), Some(place)) => {
            Err(place.bad_key("cannot stand beside `root`", "a step looks at one directory"))
        }
        (Some(root), None) => Ok(At::Root(root.filled_string()?.to_owned())),
        (None, Some(place)) => Ok(At::Place(place.filled_string()?.to_owned())),
        (None, None) => Err(s.missing("root", "say in which root it is done: root = \"data\"")),
    }
}

fn files(s: &Section<'_>) -> Result<Files, ConfigError> {
    let at = at(s)?;
    let paths = filled_patterns(s)?;
    Ok(Files { at, paths })
}

fn filled_patterns(s: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let entry = s.required_entry("paths", "say which files: paths = [\"*.seq\"]")?;
    let paths = s.patterns("paths")?.unwrap_or_default();
    if paths.is_empty() {
        let hint = Hint::text("write paths = [\"*.seq\"]");
        return Err(entry.bad("[]", "names no files".to_owned(), hint));
    }
    Ok(paths)
}

fn rules(s: &Section<'_>) -> Result<Vec<SizeRule>, ConfigError> {
    s.required_entry(
        "rules",
        "write rules = [{ paths = [\"*.dat\"], multiple-of = 512 }]",
    )?;
    let rule = |r: &Section<'_>| {
        r.only(&["paths", "bytes", "multiple-of", "at-most", "pair"])?;
        let rule = SizeRule {
            paths: filled_patterns(r)?,
            bytes: r.number("bytes")?,
            multiple_of: r.number("multiple-of")?,
            at_most: r.number("at-most")?,
            pair: r.string("pair")?.map(str::to_owned),
        };
        if let (Some(0), Some(entry)) = (rule.multiple_of, r.entry("multiple-of")) {
            return Err(entry.bad("0", "has no multiples".to_owned(), Hint::NONE));
        }
        let says_something =
            rule.bytes.or(rule.multiple_of).or(rule.at_most).is_some() || rule.pair.is_some();
        if !says_something {
            return Err(r.missing(
                "bytes",
                "a rule has one or more of: bytes, multiple-of, at-most, pair",
            ));
        }
        Ok(rule)
    };
    s.sections("rules", "rules")?.iter().map(rule).collect()
}

fn values(s: &Section<'_>) -> Result<Vec<Value>, ConfigError> {
    let how = "write values = [{ path = \"a\", key = \"seq\" }, { path = \"b\", key = \"seq\" }]";
    let entry = s.required_entry("values", how)?;
    let value = |v: &Section<'_>| {
        v.only(&["path", "key", "record-bytes"])?;
        let path = v.required_entry("path", "say in which file")?;
        let source = match (v.entry("key"), v.entry("record-bytes")) {
            (Some(key), Some(_)) => {
                return Err(key.bad_key(
                    "cannot stand beside `record-bytes`",
                    "a value comes from one of them",
                ));
            }
            (Some(key), None) => ValueSource::Key(key.filled_string()?.to_owned()),
            (None, Some(entry)) => match entry.number()? {
                0 => return Err(entry.bad("0", "is no length of a record".to_owned(), Hint::NONE)),
                bytes => ValueSource::RecordBytes(bytes),
            },
            (None, None) => {
                return Err(v.missing("key", "say which value: key = \"seq\", or record-bytes = 512"));
            }
        };
        Ok(Value {
            path: literal_path(&path)?,
            source,
        })
    };
    let values: Vec<Value> = s
        .sections("values", "values")?
        .iter()
        .map(value)
        .collect::<Result<_, _>>()?;
    if values.len() < 2 {
        let why = "has nothing to compare".to_owned();
        return Err(entry.bad(&format!("{} value", values.len()), why, Hint::text(how)));
    }
    Ok(values)
}

/// The path of one file below the step's directory.
fn literal_path(entry: &Entry<'_>) -> Result<String, ConfigError> {
    let path = entry.filled_string()?;
    let odd = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(['*', '?', '\\']);
    if path.split('/').any(odd) {
        let hint = Hint::text("name one file, with `/` between directories");
        return Err(entry.bad(
            path,
            "is not the path of one file below a directory".to_owned(),
            hint,
        ));
    }
    Ok(path.to_owned())
}

fn recognise(s: &Section<'_>) -> Result<Action, ConfigError> {
    let words: Vec<&str> = Format::ALL.iter().map(|(word, _)| *word).collect();
    let format = choose(
        s,
        "format",
        "format",
        &Format::ALL,
        &format!("one of: {}", words.join(", ")),
    )?;
    let key = s.string("key")?.map(str::to_owned);
    if let (Some(entry), true) = (s.entry("key"), format != Format::RegistryExport) {
        return Err(entry.bad_key(
            "has a meaning only with format = \"registry-export\"",
            "leave it out",
        ));
    }
    Ok(Action::Recognise {
        files: files(s)?,
        format,
        key,
    })
}
