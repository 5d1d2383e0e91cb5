//! The text of a step. Which keys it may have depends on its kind.

use std::collections::BTreeMap;

use super::parse::{NOTE_KEYS, choose, parse_note};
use super::placeholder::Scope;
use super::reference::{Reference, Target};
use super::step::KINDS;
use super::table::{Entry, Section};
use super::{
    Action, At, ConfigError, Ending, Files, Format, Hint, OnFailure, Phase, Run, SizeRule, Step, Value,
    ValueSource,
};

/// How long a command may take where nobody says anything.
const TIMEOUT_SECONDS: u64 = 600;

/// The keys of every step, besides those of its kind.
const COMMON: [&str; 3] = ["kind", "complaint", "on-failure"];

/// The keys that only steps of one kind have.
pub(super) fn own_keys(kind: &str) -> &'static [&'static str] {
    match kind {
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
    }
}

/// Reads one step of a phase.
pub(super) fn parse_step(
    s: &Section<'_>,
    phase: Phase,
    references: &mut Vec<Reference>,
) -> Result<Step, ConfigError> {
    let entry = s.required_entry("kind", &format!("one of: {}", phase.kinds().join(", ")))?;
    let kind = entry.filled_string()?;
    if !phase.kinds().contains(&kind) {
        return Err(wrong_kind(&entry, kind, phase));
    }
    check_keys(s, kind, phase)?;
    let action = match kind {
        "manual" => Action::Manual,
        "run" => Action::Run(run(s, phase, references)?),
        "stop-services" => Action::StopServices {
            services: services(s, &entry, references)?,
        },
        "start-services" => Action::StartServices {
            services: services(s, &entry, references)?,
        },
        "delete" => Action::Delete(files(s, references)?),
        "quarantine" => Action::Quarantine(files(s, references)?),
        "require" => Action::Require(files(s, references)?),
        "probe" => Action::Probe {
            at: at(s, references)?,
        },
        "check-sizes" => Action::CheckSizes {
            at: at(s, references)?,
            rules: rules(s)?,
        },
        "compare" => Action::Compare {
            at: at(s, references)?,
            values: values(s)?,
        },
        _ => recognise(s, references)?,
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

/// The error for a kind that the phase does not have, or that there is not.
fn wrong_kind(entry: &Entry<'_>, kind: &str, phase: Phase) -> ConfigError {
    let kinds = phase.kinds();
    if !KINDS.contains(&kind) {
        return entry.unknown_name("kind of step", kind, kinds);
    }
    let why = match phase {
        Phase::Setup | Phase::OnLoss => "only a person does such steps",
        Phase::Check => "a check changes nothing and asks nobody",
        Phase::BeforeRestore => "a restore sets aside what is there, and can be taken back",
        _ => "a snapshot never changes its source",
    };
    let hint = Hint::text(format!("{why}; kinds here: {}", kinds.join(", ")));
    entry.bad(kind, "is no kind of step for this phase".to_owned(), hint)
}

/// Fails at the first key that a step of this kind has not, and says which have it.
fn check_keys(s: &Section<'_>, kind: &str, phase: Phase) -> Result<(), ConfigError> {
    let mut known = [&COMMON, own_keys(kind), &NOTE_KEYS].concat();
    if phase == Phase::AfterSnapshot {
        known.push("when");
    }
    if kind == "manual" {
        known.retain(|key| !["complaint", "on-failure"].contains(key));
    }
    let Some(entry) = s.entries().find(|e| !known.contains(&e.key)) else {
        return Ok(());
    };
    let why = format!("means nothing for kind = {kind:?}");
    let others: Vec<&str> = (KINDS.into_iter())
        .filter(|other| own_keys(other).contains(&entry.key))
        .collect();
    Err(match entry.key {
        "when" => entry.bad_key(
            "means nothing in this phase",
            "only steps after-snapshot depend on how the snapshot ended",
        ),
        "complaint" | "on-failure" => entry.bad_key(&why, "a person says whether the step was done"),
        "place" => entry.bad_key(&why, "only files of a root may go, for they are in the snapshot"),
        _ if others.is_empty() => s.unknown_key(&entry, &known),
        _ => entry.bad_key(&why, &format!("it is a key of: {}", others.join(", "))),
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

fn run(s: &Section<'_>, phase: Phase, references: &mut Vec<Reference>) -> Result<Run, ConfigError> {
    let scope = Scope::of(phase);
    let mut template = |entry: &Entry<'_>| {
        let text = entry.template(scope)?;
        references.extend(Reference::of_placeholders(text, entry));
        Ok(text.to_owned())
    };
    let name = match s.entry("name") {
        Some(entry) => Some(entry.filled_string()?.to_owned()),
        None => None,
    };
    let words = s.entry("command").map(|e| e.command()).transpose()?;
    if words.is_none() && name.is_none() {
        let hint = "write command = [\"program\", \"argument\"], or name = \"…\" and supply it in \
                    [connector.NAME.commands]";
        return Err(s.missing("command", hint));
    }
    let command = (words.unwrap_or_default().iter())
        .map(&mut template)
        .collect::<Result<_, _>>()?;
    let mut environment = BTreeMap::new();
    if let Some(table) = s.inline("environment", "environment = { NAME = \"value\" }")? {
        for entry in table.entries() {
            if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
                return Err(entry.bad_key("cannot be the name of a variable", "write NAME = \"value\""));
            }
            environment.insert(entry.key.to_owned(), template(&entry)?);
        }
    }
    Ok(Run {
        name,
        command,
        environment,
        timeout_seconds: s.duration("timeout")?.map_or(TIMEOUT_SECONDS, |d| d.as_secs()),
    })
}

/// The services of a step; none where the profile's are meant.
fn services(
    s: &Section<'_>,
    kind: &Entry<'_>,
    references: &mut Vec<Reference>,
) -> Result<Vec<String>, ConfigError> {
    let services = s.strings("services")?;
    if services.is_empty() {
        references.push(Reference::new(Target::Services, kind.string()?, kind));
    }
    Ok(services)
}

fn at(s: &Section<'_>, references: &mut Vec<Reference>) -> Result<At, ConfigError> {
    match (s.entry("root"), s.entry("place")) {
        (Some(_), Some(place)) => {
            Err(place.bad_key("cannot stand beside `root`", "a step looks at one directory"))
        }
        (Some(root), None) => {
            let name = root.filled_string()?;
            references.push(Reference::new(Target::Root, name, &root));
            Ok(At::Root(name.to_owned()))
        }
        (None, Some(place)) => Ok(At::Place(place.filled_string()?.to_owned())),
        (None, None) => Err(s.missing("root", "say in which root it is done: root = \"data\"")),
    }
}

fn files(s: &Section<'_>, references: &mut Vec<Reference>) -> Result<Files, ConfigError> {
    let at = at(s, references)?;
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
    let rule = |r: &Section<'_>| {
        r.only(&["paths", "bytes", "multiple-of", "at-most", "pair"])?;
        let rule = SizeRule {
            paths: filled_patterns(r)?,
            bytes: r.number("bytes")?,
            multiple_of: r.number("multiple-of")?,
            at_most: r.number("at-most")?,
            pair: match r.entry("pair") {
                Some(entry) => Some(entry.template(Scope::Pair)?.to_owned()),
                None => None,
            },
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
    let example = "rules = [{ paths = [\"*.dat\"], multiple-of = 512 }]";
    s.inlines("rules", "a rule", example)?.iter().map(rule).collect()
}

fn values(s: &Section<'_>) -> Result<Vec<Value>, ConfigError> {
    let example = "values = [{ path = \"a\", key = \"seq\" }, { path = \"b\", key = \"seq\" }]";
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
    let sections = s.inlines("values", "a value", example)?;
    let values: Vec<Value> = sections.iter().map(value).collect::<Result<_, _>>()?;
    if let ([_], Some(entry)) = (values.as_slice(), s.entry("values")) {
        return Err(entry.bad_key(
            "holds one value, and nothing to compare it with",
            &format!("write {example}"),
        ));
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

fn recognise(s: &Section<'_>, references: &mut Vec<Reference>) -> Result<Action, ConfigError> {
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
        files: files(s, references)?,
        format,
        key,
    })
}
