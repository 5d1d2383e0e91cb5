//! `connectors check`: whether the roots are there, can be read, and look like what they should be.

use std::fs::File;

use serde::Serialize;

use crate::context::Context;
use crate::failure::{Failure, Outcome, Result};
use crate::procedure::{Found, RootAt, Surroundings, filter, list, surroundings_of};
use crate::profile::{OnFailure, Phase, Profile, Profiles, ResolvedConnector, ResolvedRoot};
use crate::show::{count, plural, size};

/// How many findings of one step, and how many unreadable paths, are named.
const NAMED: usize = 10;

/// What was found about a connector.
#[derive(Serialize)]
struct Document {
    connector: String,
    state: State,
    roots: Vec<RootDocument>,
    problems: Vec<String>,
    warnings: Vec<String>,
    hints: Vec<String>,
}

#[derive(Serialize)]
struct RootDocument {
    name: String,
    path: String,
    files: u64,
    bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Problem,
}

/// Checks the connectors of these names, or every configured one.
pub(crate) fn run(cx: &mut Context, profiles: &Profiles, names: &[String]) -> Result<()> {
    let selection = profiles.select(&cx.config, names)?;
    for (name, why) in &selection.absent {
        cx.out.notice(&format!("{name} is left out: {why}"));
    }
    let mut documents = Vec::new();
    for connector in selection.connectors {
        let profile = profiles.get(&connector.name)?;
        documents.push(check(cx, profile, connector));
    }
    for (name, error) in selection.failed {
        let failure = Failure::from(error);
        documents.push(Document {
            connector: name,
            state: State::Problem,
            roots: Vec::new(),
            problems: vec![failure.message],
            warnings: Vec::new(),
            hints: failure.hints,
        });
    }
    for document in &documents {
        match document.state {
            State::Ok => {}
            State::Warning => cx.worsen(Outcome::Incomplete),
            State::Problem => cx.worsen(Outcome::Failed),
        }
    }
    if cx.out.json {
        return cx.out.json_line(&documents);
    }
    for document in &documents {
        show(cx, document)?;
    }
    Ok(())
}

fn check(cx: &Context, profile: &Profile, connector: ResolvedConnector) -> Document {
    let mut document = Document {
        connector: connector.name.clone(),
        state: State::Ok,
        roots: Vec::new(),
        problems: Vec::new(),
        warnings: [connector.warnings.clone(), connector.notices.clone()].concat(),
        hints: Vec::new(),
    };
    for root in &connector.roots {
        let (mut files, mut bytes, mut unreadable) = (0, 0, Vec::new());
        let found = match root.is_file {
            true => Ok(Vec::new()),
            false => taken(root),
        };
        match found {
            Ok(found) => {
                for entry in found.iter().filter(|entry| !entry.is_dir) {
                    files += 1;
                    bytes += entry.bytes;
                    if entry.is_regular
                        && let Err(error) = File::open(&entry.path)
                    {
                        unreadable.push(format!("{}: {error}", entry.path.display()));
                    }
                }
                if root.is_file {
                    files = 1;
                    match File::open(&root.path).and_then(|file| file.metadata()) {
                        Ok(metadata) => bytes = metadata.len(),
                        Err(error) => unreadable.push(format!("{}: {error}", root.path.display())),
                    }
                }
            }
            Err(failure) => document.problems.push(failure.message),
        }
        if !unreadable.is_empty() {
            let what = plural(unreadable.len() as u64, "file", "files");
            document
                .problems
                .push(format!("{}: {what} cannot be read", root.name));
            unreadable.truncate(NAMED);
            document.problems.extend(unreadable);
        }
        document.roots.push(RootDocument {
            name: root.name.clone(),
            path: root.path.display().to_string(),
            files,
            bytes,
        });
    }
    run_checks(cx, profile, &connector, &mut document);
    document.state = match (&document.problems[..], &document.warnings[..]) {
        ([], []) => State::Ok,
        ([], _) => State::Warning,
        _ => State::Problem,
    };
    document
}

/// What a snapshot would take of a root.
fn taken(root: &ResolvedRoot) -> Result<Vec<Found>> {
    let filter = filter(&root.include, &root.exclude, root.case_insensitive)?;
    let mut found = list(&root.path)?;
    let mut left_out: Vec<Vec<u8>> = Vec::new();
    found.retain(|entry| {
        let is_below = |folder: &Vec<u8>| {
            let rest = entry.below.strip_prefix(folder.as_slice());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        let is_inside = left_out.iter().any(is_below);
        let goes = is_inside || filter.excludes(&entry.below);
        if goes && entry.is_dir && !is_inside {
            left_out.push(entry.below.clone());
        }
        !goes && (entry.is_dir || filter.includes(&entry.below))
    });
    Ok(found)
}

/// The profile's own checks, on the roots as they are.
fn run_checks(cx: &Context, profile: &Profile, connector: &ResolvedConnector, document: &mut Document) {
    let roots = connector
        .roots
        .iter()
        .map(|root| (root.name.clone(), RootAt::live(root.path.clone())));
    let at = Surroundings {
        roots: roots.collect(),
        ..surroundings_of(profile, &cx.config, String::new())
    };
    for step in profile
        .steps
        .of(Phase::Check)
        .iter()
        .filter(|step| !at.is_elsewhere(step))
    {
        let mut findings = match at.act(step, &cx.progress) {
            Ok(acted) => acted.findings,
            Err(failure) => vec![failure.message],
        };
        if findings.is_empty() || step.on_failure == OnFailure::Ignore {
            continue;
        }
        let more = findings.len().saturating_sub(NAMED);
        findings.truncate(NAMED);
        if more > 0 {
            findings.push(format!("and {} more", count(more as u64)));
        }
        let complaint = step.complaint.as_ref().unwrap_or(&step.note.text);
        let line = format!("{complaint}: {}", findings.join("; "));
        match step.on_failure {
            OnFailure::Warn => document.warnings.push(line),
            _ => document.problems.push(line),
        }
    }
}

fn show(cx: &mut Context, document: &Document) -> Result<()> {
    let state = match document.state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Problem => "PROBLEM",
    };
    cx.out.line(&format!("{}: {state}", document.connector))?;
    let width = document
        .roots
        .iter()
        .map(|root| root.name.chars().count())
        .max()
        .unwrap_or(0);
    for root in &document.roots {
        cx.out.line(&format!(
            "  {:width$}  {}, {}, in {}",
            root.name,
            plural(root.files, "file", "files"),
            size(root.bytes),
            root.path
        ))?;
    }
    for (word, lines) in [("problem", &document.problems), ("warning", &document.warnings)] {
        for line in lines {
            cx.out
                .line(&crate::profile::paragraph(&format!("{word}:"), line))?;
        }
    }
    for hint in &document.hints {
        cx.out.line(&format!("    {hint}"))?;
    }
    Ok(())
}
