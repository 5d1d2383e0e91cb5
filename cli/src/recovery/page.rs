//! A checklist as people and scripts see it: text, Markdown, JSON.

use std::fmt::Write;

use serde::Serialize;

use super::list::{Item, State, Work};
use super::record::Record;
use crate::profile::{Note, paragraph};
use crate::select::timestamp;
use crate::show::local_time;

/// A step of a recovery for scripts.
#[derive(Debug, Serialize)]
struct StepDocument<'a> {
    number: usize,
    section: Work,
    connector: Option<&'a str>,
    stage: Option<&'a str>,
    phase: Option<&'static str>,
    #[serde(flatten)]
    note: &'a Note,
    what: &'a str,
    by: &'static str,
    state: State,
    time: Option<&'a str>,
    who: Option<&'a str>,
    reason: Option<&'a str>,
    notes: &'a [String],
    findings: &'a [String],
}

/// A connector of a recovery for scripts.
#[derive(Debug, Serialize)]
struct PartDocument<'a> {
    connector: &'a str,
    title: &'a str,
    stage: &'a str,
    snapshot: Option<&'a str>,
    taken: Option<&'a str>,
    run: Option<&'a str>,
}

/// What `recover --json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    server: &'a str,
    archive: &'a str,
    state: &'static str,
    begun: Option<&'a str>,
    at: Option<&'a str>,
    file: Option<String>,
    connectors: Vec<PartDocument<'a>>,
    steps: Vec<StepDocument<'a>>,
    /// The numbers of the steps that a person can answer for now.
    waiting: Vec<usize>,
}

impl<'a> Document<'a> {
    /// The document; `state` says how the recovery is as a whole.
    pub(crate) fn new(record: &'a Record, state: &'static str) -> Self {
        let list = record.list();
        let parts = list.parts.iter().map(|part| PartDocument {
            connector: &part.connector,
            title: &part.title,
            stage: &part.stage,
            snapshot: part.snapshot.as_deref(),
            taken: part.taken.as_deref(),
            run: part.run.as_deref(),
        });
        let steps = list.items.iter().enumerate().map(|(step, item)| {
            let mark = record.of(step);
            let part = item.connector.as_deref().and_then(|name| list.part(name));
            let said = |text: &'a String| Some(text.as_str()).filter(|text| !text.is_empty());
            StepDocument {
                number: step + 1,
                section: item.work,
                connector: item.connector.as_deref(),
                stage: part.map(|part| part.stage.as_str()),
                phase: phase(item),
                note: &item.note,
                what: &item.text,
                by: if item.by_person { "person" } else { "tool" },
                state: record.state(step),
                time: said(&mark.time),
                who: said(&mark.who),
                reason: item.not_needed.as_deref(),
                notes: &mark.notes,
                findings: &mark.findings,
            }
        });
        Self {
            server: &list.server,
            archive: &list.archive,
            state,
            begun: record.begun(),
            at: list.at.as_deref(),
            file: record.path().map(|path| path.display().to_string()),
            connectors: parts.collect(),
            steps: steps.collect(),
            waiting: waiting(record).into_iter().map(|step| step + 1).collect(),
        }
    }
}

fn phase(item: &Item) -> Option<&'static str> {
    match (item.work, item.phase) {
        (Work::Procedure, None) => Some("restore"),
        (_, phase) => phase.map(crate::profile::Phase::word),
    }
}

/// The steps that a person can answer for now: those that are next, up to one of the tool's.
pub(crate) fn waiting(record: &Record) -> Vec<usize> {
    let items = &record.list().items;
    let open = (0..items.len()).filter(|step| !record.state(*step).is_over());
    open.take_while(|step| items[*step].by_person).collect()
}

/// What a step stands under.
pub(crate) fn section_title(record: &Record, step: usize) -> String {
    let item = &record.list().items[step];
    let part = item
        .connector
        .as_deref()
        .and_then(|name| record.list().part(name));
    match (item.work, part) {
        (Work::Preparation, _) => "What has to be there".to_owned(),
        (Work::Backup, _) => "The backups".to_owned(),
        (Work::Procedure, Some(part)) => format!("{}: {}", part.connector, part.title),
        (Work::Procedure, None) => String::new(),
    }
}

/// Why the whole procedure that begins with a step is not needed, where it is not.
fn reason_of_all(record: &Record, first: usize) -> Option<&str> {
    let items = &record.list().items;
    let why = items[first].not_needed.as_deref()?;
    let is_own = |item: &&Item| item.work == Work::Procedure && item.connector == items[first].connector;
    let mut own = items[first..].iter().take_while(is_own).peekable();
    let is_all = own.peek().is_some() && own.all(|item| item.not_needed.as_deref() == Some(why));
    is_all.then_some(why)
}

/// A time as people read it.
fn told(time: &str) -> String {
    match time.parse::<jiff::Timestamp>() {
        Ok(time) => local_time(timestamp(time), "%Y-%m-%d %H:%M:%S"),
        Err(_) => time.to_owned(),
    }
}

/// How a step is, in words; nothing where it is open. Then what was noted, and what was found wrong.
fn words(record: &Record, step: usize) -> (String, Vec<&String>) {
    let (mark, item) = (record.of(step), &record.list().items[step]);
    let (time, who) = (told(&mark.time), &mark.who);
    let first = match record.state(step) {
        State::Open => String::new(),
        State::Done => format!("done, {time}"),
        State::ByPerson => format!("done by {who}, {time}"),
        State::NotNeeded => match &item.not_needed {
            Some(why) => format!("not needed here: {why}"),
            None => format!("not needed here, says {who}, {time}"),
        },
        State::Warned => format!("warning, {time}"),
        State::Failed => format!("failed, {time}"),
    };
    (first, mark.notes.iter().chain(&mark.findings).collect())
}

fn sign(state: State) -> &'static str {
    match state {
        State::Open => "[ ]",
        State::Done => "[x]",
        State::ByPerson => "[p]",
        State::NotNeeded => "[-]",
        State::Warned | State::Failed => "[!]",
    }
}

/// The mark and the number of a step.
fn label(record: &Record, step: usize) -> String {
    let width = record.list().items.len().to_string().len();
    format!("{} {:>width$}", sign(record.state(step)), step + 1)
}

/// A step with its mark.
pub(crate) fn step_lines(record: &Record, step: usize) -> String {
    paragraph(&label(record, step), &record.list().items[step].line())
}

/// How a step is; nothing where it is open.
pub(crate) fn state_lines(record: &Record, step: usize) -> String {
    let space = " ".repeat(label(record, step).len());
    let (first, rest) = words(record, step);
    match &rest[..] {
        [] if first.is_empty() => String::new(),
        [] => paragraph(&space, &first),
        [only] => paragraph(&space, &format!("{first}: {only}")),
        several => {
            let lines = several.iter().map(|line| paragraph(&format!("{space}  "), line));
            let first = paragraph(&space, &format!("{first}:"));
            std::iter::once(first).chain(lines).collect::<Vec<_>>().join("\n")
        }
    }
}

/// How many steps are how, in words.
fn summary(record: &Record) -> String {
    let total = record.list().items.len();
    let of = |wanted: State| (0..total).filter(|step| record.state(*step) == wanted).count();
    let over = (0..total).filter(|step| record.state(*step).is_over()).count();
    let mut facts = Vec::new();
    for (count, words) in [
        (of(State::Done), "done by the tool"),
        (of(State::ByPerson), "by a person"),
        (of(State::Warned), "with a warning"),
        (of(State::NotNeeded), "not needed here"),
        (of(State::Failed), "failed"),
    ] {
        if count > 0 {
            facts.push(format!("{count} {words}"));
        }
    }
    let facts = match facts.is_empty() {
        true => String::new(),
        false => format!(": {}", facts.join(", ")),
    };
    match record.begun() {
        Some(_) => format!("{over} of {total} steps are over{facts}"),
        None => format!("{total} steps{facts}"),
    }
}

fn title(record: &Record) -> String {
    let server = &record.list().server;
    match record.begun() {
        Some(begun) => format!("recovery of {server}, begun {}", told(begun)),
        None => format!("recovery of {server}, as it would be"),
    }
}

/// How far the recovery is, and what from.
pub(crate) fn head(record: &Record) -> String {
    let list = record.list();
    let mut text = format!("{}\n{}\narchive {}", title(record), summary(record), list.archive);
    if let Some(at) = &list.at {
        let _ = write!(text, "; snapshots from {} or before", told(at));
    }
    text
}

/// The whole checklist as text.
pub(crate) fn text(record: &Record) -> String {
    let list = record.list();
    let mut text = head(record);
    text.push_str(
        "\n[x] done by the tool  [p] by a person  [-] not needed here  [!] warning or failure  [ ] open\n",
    );
    let (mut section, mut common) = (String::new(), None);
    for step in 0..list.items.len() {
        let title = section_title(record, step);
        if title != section {
            let _ = write!(text, "\n{title}\n");
            section = title;
            common = reason_of_all(record, step);
            if let Some(why) = common {
                let _ = writeln!(text, "{}", paragraph("", &format!("not needed here: {why}")));
            }
        }
        let below = match common {
            Some(_) => String::new(),
            None => state_lines(record, step),
        };
        for lines in [step_lines(record, step), below] {
            if !lines.is_empty() {
                text.push_str(&lines);
                text.push('\n');
            }
        }
    }
    text
}

/// The whole checklist as Markdown, to be printed and ticked off by hand, or filed.
pub(crate) fn markdown(record: &Record) -> String {
    let list = record.list();
    let mut text = format!("# Recovery of {}\n\n", plain(&list.server));
    match record.begun() {
        Some(begun) => {
            let _ = writeln!(text, "- begun: {begun}");
        }
        None => text.push_str("- not begun: this is the plan\n"),
    }
    let _ = writeln!(text, "- {}", summary(record));
    let _ = writeln!(text, "- archive: {}", plain(&list.archive));
    if let Some(at) = &list.at {
        let _ = writeln!(text, "- snapshots: from {at} or before");
    }
    text.push_str("- statements (S1 to S35): those of Microsoft's article Q328835\n");
    text.push_str("\n| connector | stage | snapshot | taken |\n| --- | --- | --- | --- |\n");
    for part in &list.parts {
        let (id, taken) = (part.snapshot.as_deref(), part.taken.as_deref());
        let id = id.map_or("none", |id| id.get(..16).unwrap_or(id));
        let _ = writeln!(
            text,
            "| {} | {} | {id} | {} |",
            plain(&part.connector),
            part.stage,
            taken.unwrap_or("")
        );
    }
    let mut section = String::new();
    for (step, item) in list.items.iter().enumerate() {
        let title = section_title(record, step);
        if title != section {
            let _ = write!(text, "\n## {}\n\n", plain(&title));
            section = title;
        }
        let (state, mark) = (record.state(step), record.of(step));
        let tick = if state.is_over() { 'x' } else { ' ' };
        let _ = writeln!(text, "- [{tick}] **{}** {}", step + 1, plain(&item.line()));
        let who = match (state, item.by_person) {
            (State::Open, true) => "open, for a person".to_owned(),
            (State::Open, false) => "open, for the tool".to_owned(),
            (State::Done, _) => format!("done by the tool, {}", mark.time),
            (State::ByPerson, _) => format!("done by {}, {}", plain(&mark.who), mark.time),
            (State::Warned, _) => format!("done by the tool with a warning, {}", mark.time),
            (State::Failed, _) => format!("failed, {}", mark.time),
            (State::NotNeeded, _) => match &item.not_needed {
                Some(why) => format!("not needed here: {}", plain(why)),
                None => format!("not needed here, says {}, {}", plain(&mark.who), mark.time),
            },
        };
        let _ = writeln!(text, "  - {who}");
        for line in mark.notes.iter().chain(&mark.findings) {
            let _ = writeln!(text, "  - {}", plain(line));
        }
    }
    text
}

/// A text in which no character means anything to Markdown.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_<>[]|#".contains(c) {
            safe.push('\\');
        }
        safe.push(if c == '\n' { ' ' } else { c });
    }
    safe
}
