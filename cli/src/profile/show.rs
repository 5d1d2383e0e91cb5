//! Profiles for people and for scripts.

use serde::Serialize;

use crate::config::Config;
use crate::retention::Policy;

use super::resolve::PLACES;
use super::{Action, Note, OnFailure, Origin, Phase, Profile, Root, Set, Statement, Step, pattern};

/// What `connectors show --json` prints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConnectorInfo {
    name: String,
    roots: Vec<RootInfo>,
    include: Vec<String>,
    exclude: Vec<String>,
    /// Before a snapshot.
    before: Vec<Step>,
    after_snapshot: Vec<Step>,
    before_restore: Vec<Step>,
    /// After a restore, to the end of it: checks included.
    after_restore: Vec<Step>,
    manual: Vec<ManualInfo>,
    checks: Vec<Step>,
    sets: Vec<Set>,
    keep: Option<Policy>,
    every_seconds: Option<u64>,
    statements: Vec<Statement>,
}

/// What only a person can do, in [`ConnectorInfo`].
#[derive(Debug, Clone, Serialize)]
struct ManualInfo {
    when: Phase,
    #[serde(flatten)]
    note: Note,
}

/// A root in [`ConnectorInfo`].
#[derive(Debug, Clone, Serialize)]
struct RootInfo {
    name: String,
    place: Option<String>,
    path: String,
    required: bool,
    option: Option<String>,
    include: Vec<String>,
    exclude: Vec<String>,
    #[serde(flatten)]
    note: Note,
}

impl ConnectorInfo {
    /// The profile as scripts see it. At the top, `include` holds every pattern of what is kept unless an option
    /// says otherwise, none where a root is kept whole; `exclude` holds every pattern of what is left out. Each
    /// root has those that apply to it.
    pub(crate) fn new(profile: &Profile) -> Self {
        let of_roots = |patterns: fn(&Root) -> &Vec<String>, of_all: &[String]| {
            let mut all = of_all.to_vec();
            for pattern in profile
                .roots
                .iter()
                .filter(|r| r.option.is_none())
                .flat_map(patterns)
            {
                if !all.contains(pattern) {
                    all.push(pattern.clone());
                }
            }
            all
        };
        let whole = |r: &Root| r.option.is_none() && r.include.is_empty();
        let everything = profile.include.is_empty() && profile.roots.iter().any(whole);
        Self {
            name: profile.name.clone(),
            roots: (profile.roots.iter())
                .map(|r| RootInfo {
                    name: r.name.clone(),
                    place: r.place.clone(),
                    path: r.path.clone(),
                    required: r.required,
                    option: r.option.clone(),
                    include: [profile.include.as_slice(), &r.include].concat(),
                    exclude: [profile.exclude.as_slice(), &r.exclude].concat(),
                    note: r.note.clone(),
                })
                .collect(),
            include: if everything {
                Vec::new()
            } else {
                of_roots(|r| &r.include, &profile.include)
            },
            exclude: of_roots(|r| &r.exclude, &profile.exclude),
            before: profile.steps.of(Phase::BeforeSnapshot).to_vec(),
            after_snapshot: profile.steps.of(Phase::AfterSnapshot).to_vec(),
            before_restore: profile.steps.of(Phase::BeforeRestore).to_vec(),
            after_restore: [Phase::AfterRestore, Phase::Check, Phase::Finish]
                .map(|phase| profile.steps.of(phase))
                .concat(),
            manual: (profile.steps.all().filter(|(_, s)| s.action == Action::Manual))
                .map(|(when, s)| ManualInfo {
                    when,
                    note: s.note.clone(),
                })
                .collect(),
            checks: profile.steps.of(Phase::Check).to_vec(),
            sets: profile.sets.clone(),
            keep: profile.keep.clone(),
            every_seconds: profile.every.map(|d| d.as_secs()),
            statements: profile.all_statements(),
        }
    }
}

/// Columns of the text.
const WIDTH: usize = 100;

/// The profile as text for a terminal of 100 columns.
pub(crate) fn describe(profile: &Profile, config: &Config) -> String {
    let mut page = Page::default();
    page.line(&format!("{}  {}", profile.name, profile.title));
    let mut facts = vec![match profile.origin {
        Origin::BuiltIn => "built in".to_owned(),
        Origin::User => "your own".to_owned(),
    }];
    facts.extend(
        profile
            .every
            .map(|d| format!("every {}", pattern::show_duration(d))),
    );
    facts.extend(profile.keep.as_ref().map(|keep| format!("keeps {keep}")));
    facts.extend(
        profile
            .case_insensitive
            .then(|| "names match in any case".to_owned()),
    );
    page.line(&facts.join(" · "));

    page.heading("Takes");
    let width = profile
        .roots
        .iter()
        .map(|r| r.name.chars().count())
        .max()
        .unwrap_or(0);
    for root in &profile.roots {
        let mut text = match (&root.place, root.path.is_empty()) {
            (Some(place), true) => format!("<{place}>"),
            (Some(place), false) => format!("<{place}>/{}", root.path),
            (None, _) => root.path.clone(),
        };
        if let Some(option) = &root.option {
            text.push_str(&format!(" (with the option `{option}`)"));
        } else if !root.required {
            text.push_str(" (if it is there)");
        }
        page.item(&format!("{:width$}", root.name), &text);
        let indent = " ".repeat(width);
        if !root.include.is_empty() {
            page.item(&indent, &format!("only {}", root.include.join("  ")));
        }
        if !root.exclude.is_empty() {
            page.item(&indent, &format!("without {}", root.exclude.join("  ")));
        }
        page.note(&indent, "", &root.note);
        page.note(&indent, "restoring: ", &root.restore);
    }
    if !profile.include.is_empty() {
        page.item("of all of them only", &profile.include.join("  "));
    }
    let mut places: Vec<&str> = profile.places().collect();
    places.sort_unstable();
    places.dedup();
    if !places.is_empty() {
        page.heading("Places, which are keys of [roots] in restante.toml");
        for place in places {
            let lies = match config.roots.get(place) {
                Some(named) => format!("here {}", named.path.display()),
                None => "not named yet".to_owned(),
            };
            let text = match PLACES.iter().find(|(key, ..)| *key == place) {
                Some((_, what, _)) => format!("{what}; {lies}"),
                None => lies,
            };
            page.item(&format!("<{place}>"), &text);
        }
    }
    page.heading("Leaves out");
    if profile.exclude.is_empty() && profile.roots.iter().all(|r| r.exclude.is_empty()) {
        page.item("nothing", "");
    }
    for pattern in &profile.exclude {
        page.item(pattern, "");
    }
    for root in profile.roots.iter().filter(|r| !r.exclude.is_empty()) {
        page.item(&format!("in {}:", root.name), &root.exclude.join("  "));
    }
    if !profile.options.is_empty() {
        page.heading(&format!("Options, to set in [connector.{}]", profile.name));
        for option in &profile.options {
            page.note(&format!("{} = {}", option.name, option.default), "", &option.note);
        }
    }
    if !profile.sets.is_empty() {
        page.heading("Files of one generation, read again until none of them changes meanwhile");
        for set in &profile.sets {
            let by = if set.by_stem {
                ", by name without extension"
            } else {
                ""
            };
            page.item(
                &set.name,
                &format!("{} in <{}>{by}", set.paths.join("  "), set.root),
            );
            page.note(&" ".repeat(set.name.chars().count()), "", &set.note);
        }
    }
    for (title, phase) in [
        ("Once, before the first snapshot", Phase::Setup),
        ("Before a snapshot", Phase::BeforeSnapshot),
        ("After a snapshot", Phase::AfterSnapshot),
        ("Before restoring", Phase::BeforeRestore),
        (
            "After restoring, when every byte is back and verified",
            Phase::AfterRestore,
        ),
        (
            "Checks, after restoring, in a rehearsal and in `connectors check`",
            Phase::Check,
        ),
        ("Last of a restore", Phase::Finish),
        ("When data turns out to be lost", Phase::OnLoss),
    ] {
        page.steps(title, profile.steps.of(phase));
    }
    if !profile.notes.is_empty() {
        page.heading("Good to know");
        for note in &profile.notes {
            page.note("-", "", note);
        }
    }
    let statements: Vec<String> = profile
        .all_statements()
        .iter()
        .map(Statement::to_string)
        .collect();
    if !statements.is_empty() {
        page.heading("Statements of the article (Q328835)");
        page.item("", &statements.join(" "));
    }
    page.text
}

/// A label, and beside it a text that is broken at words.
pub(crate) fn paragraph(label: &str, text: &str) -> String {
    let mut page = Page::default();
    page.item(label, text);
    page.text.trim_end().to_owned()
}

/// Text that is being laid out.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, title: &str) {
        self.text.push('\n');
        self.line(title);
    }

    /// A label, and beside it a text that is broken at words.
    fn item(&mut self, label: &str, text: &str) {
        let indent = if label.is_empty() {
            2
        } else {
            4 + label.chars().count()
        };
        let mut line = format!("{:indent$}", format!("  {label}"));
        let mut used = indent;
        for word in text.split(' ').filter(|w| !w.is_empty()) {
            let length = word.chars().count();
            if used > indent && used + 1 + length > WIDTH {
                self.line(&line);
                line = " ".repeat(indent);
                used = indent;
            }
            if used > indent {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
        self.line(&line);
    }

    /// A label, and beside it a note with its statements and how far it can be trusted.
    fn note(&mut self, label: &str, prefix: &str, note: &Note) {
        if note.text.is_empty() && note.statements.is_empty() {
            return;
        }
        let mut text = format!("{prefix}{}", note.text);
        let behind = note.behind();
        if !behind.is_empty() {
            text.push_str(&format!(" [{behind}]"));
        }
        if !text.is_empty() {
            self.item(label, &text);
        }
    }

    fn steps(&mut self, title: &str, steps: &[Step]) {
        if steps.is_empty() {
            return;
        }
        self.heading(title);
        for (number, step) in steps.iter().enumerate() {
            let mut prefix = String::new();
            if step.optional {
                prefix.push_str("(may be left out) ");
            }
            match step.on_failure {
                OnFailure::Stop => {}
                OnFailure::Warn => prefix.push_str("(a failure is a warning) "),
                OnFailure::Ignore => prefix.push_str("(a failure is ignored) "),
            }
            prefix.push_str(&what(&step.action));
            self.note(&format!("{}.", number + 1), &prefix, &step.note);
        }
    }
}

/// What a step does, in front of the text that says why.
pub(crate) fn what(action: &Action) -> String {
    let of = |word: &str, paths: &[String], at: String| format!("{word} {} in {at}: ", paths.join(", "));
    match action {
        Action::Manual => "by a person: ".to_owned(),
        Action::Run(run) if !run.command.is_empty() => format!("run {}: ", run.command.join(" ")),
        Action::Run(run) => format!("run what `{}` names: ", run.name.as_deref().unwrap_or_default()),
        Action::StopServices { services } => format!("stop {}: ", services.join(", ")),
        Action::StartServices { services } => format!("start {}: ", services.join(", ")),
        Action::Delete(files) => of("delete", &files.paths, files.at.show()),
        Action::Quarantine(files) => of("set aside", &files.paths, files.at.show()),
        Action::Require(files) => of("require", &files.paths, files.at.show()),
        Action::Probe { at } => format!("read and write in {}: ", at.show()),
        Action::CheckSizes { at, .. } => format!("check sizes in {}: ", at.show()),
        Action::Compare { at, values } => {
            let paths: Vec<String> = values.iter().map(|value| value.path.clone()).collect();
            of("compare", &paths, at.show())
        }
        Action::Recognise { files, .. } => of("look into", &files.paths, files.at.show()),
    }
}
