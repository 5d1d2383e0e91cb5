//! The text of a profile.
//!
//! ```toml
//! name = "guestbook"               # only in a file of its own; its default is the file's name
//! title = "Guest book"
//! inherit = "lotus-notes"          # starts from another profile; lists are continued, roots replaced by name
//! every = "15m"
//! stage = "connectors"             # the default; system, stores: what a recovery does before the connectors
//! recovered-with = ["lotus-notes"] # connectors whose recovery makes this one's needless
//! case-insensitive = true
//! include = ["*.tbl"]              # of every root; nothing here and in the root means everything
//! exclude = ["*.tmp"]
//! needs = ["groupwise-api"]        # places that have to be named though no root lies there
//! expect = ["Notes.ini", "*.id"]   # names of which one should be found; a warning where none is
//! services = ["MSExchangeCoCo"]    # in the order in which they are stopped
//! statements = ["S3"]
//!
//! [[root]]
//! name = "conndata"
//! place = "exchsrvr"               # a key of [roots]; without it, path is absolute or relative to this file
//! path = "Conndata"                # below the place; left out, the place itself
//! file = false                     # the default; true for a root that is one file below its place
//! required = true                  # the default
//! option = "submit"                # taken only with this option
//! include = []
//! exclude = []
//! text = "what it holds"
//! statements = ["S14"]
//! restore = { text = "how it is put back", statements = ["S29"] }
//!
//! [option.submit]                  # can be set in [connector.NAME]
//! default = false
//! text = "what it does"
//! include = []                     # adds to the includes
//! exclude = []                     # adds to the excludes
//! allow = ["Submit/*.ccm"]         # takes out of the excludes
//!
//! [[set]]                          # files of one generation: read again until none changes meanwhile
//! name = "databases"
//! root = "mdbdata"
//! paths = ["*.edb", "*.stm"]
//! by = "stem"                      # only files of one name but for the extension; left out, all of them
//!
//! [keep]                           # which snapshots are kept; left out, all
//! hourly = 24                      # last, minutely, hourly, daily, weekly, monthly, yearly; or "unlimited"
//! within = "2d"
//! within-daily = "1y6mo"           # within-minutely …
//! tags = ["audit,2026", "yearly"]  # all tags of one of the lists
//! changes = true
//!
//! [[before-snapshot]]              # setup, before-snapshot, after-snapshot, before-restore, after-restore,
//! kind = "run"                     # check, finish, on-loss: see `step` for the phases and the kinds
//! text = "why"
//! command = ["sqlite3", "{root:db}/app.db", "…"]
//! environment = { LC_ALL = "C" }
//! timeout = "10m"
//! on-failure = "stop"              # the default; warn, ignore
//!
//! [[after-restore]]
//! kind = "delete"
//! text = "stale files"
//! root = "db"
//! paths = ["*-wal", "*-shm"]
//!
//! [[note]]
//! text = "what one should know"
//! ```
//!
//! Whatever has a `text` may have `statements`, `source` (where it comes from, if not from the article) and
//! `unconfirmed = true`.

use super::keep;
use super::parse_step::parse_step;
use super::reference::{Reference, Target};
use super::table::{Document, Entry, Section, is_plain_name};
use super::{Choice, Note, Origin, Phase, Profile, Root, Set, Stage, Steps};
use super::{ConfigError, Hint, Location};

/// The keys of a profile, besides its phases.
pub(super) const KEYS: [&str; 18] = [
    "name",
    "title",
    "inherit",
    "every",
    "stage",
    "recovered-with",
    "case-insensitive",
    "include",
    "exclude",
    "needs",
    "expect",
    "services",
    "statements",
    "root",
    "option",
    "set",
    "keep",
    "note",
];

/// What can stand beside every `text`.
pub(super) const NOTE_KEYS: [&str; 4] = ["text", "statements", "source", "unconfirmed"];

/// A profile as it was written, before it has what it inherits.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// What was written.
    pub(crate) profile: Profile,
    /// The profile that it starts from, and where that was written.
    pub(crate) inherit: Option<(String, Box<Location>)>,
    /// `case-insensitive`, where it was written.
    pub(crate) case_insensitive: Option<bool>,
    /// Where the profile starts.
    pub(crate) at: Box<Location>,
    /// The line that starts one of its roots.
    pub(crate) root_line: String,
    /// Names that the whole profile has to carry.
    pub(crate) references: Vec<Reference>,
}

/// Reads a profile that has a file for itself; its name is the file's, `stem`, unless it says otherwise.
pub(crate) fn parse_file(file: &str, stem: &str, text: &str, origin: Origin) -> Result<Draft, ConfigError> {
    let doc = Document::new(file, text);
    let table = doc.parse()?;
    let top = Section::top(&doc, &table);
    let name = match top.entry("name") {
        Some(entry) => checked_name(&entry, entry.filled_string()?)?,
        None => stem.to_owned(),
    };
    if !is_plain_name(&name) {
        let (at, table) = (top.at(), top.title.clone());
        let why = "cannot be the name of a connector".to_owned();
        let hint = Hint::text(NAME_RULE);
        return Err(ConfigError::BadValue {
            at,
            key: "name".into(),
            table,
            value: name,
            why,
            hint,
        });
    }
    parse_section(&top, &name, origin)
}

/// Reads a profile from a table; `name` is the table's.
pub(crate) fn parse_section(section: &Section<'_>, name: &str, origin: Origin) -> Result<Draft, ConfigError> {
    let phases = Phase::ALL.map(|(word, _)| word);
    section.only(&[&KEYS[..], &phases].concat())?;
    if let Some(entry) = section.entry("name") {
        let given = entry.filled_string()?;
        if given != name {
            let hint = Hint::text("leave `name` out: the table names the profile");
            return Err(entry.bad(given, format!("is not the name of the table, {name:?}"), hint));
        }
    }
    let case_insensitive = section.boolean("case-insensitive")?;
    let mut references = Vec::new();
    for entry in section.items("recovered-with")? {
        references.push(Reference::new(Target::Connector, entry.filled_string()?, &entry));
    }
    let mut steps = Steps::default();
    for (word, phase) in Phase::ALL {
        for s in section.sections(word, &title_of(section, word))? {
            steps.of_mut(phase).push(parse_step(&s, phase, &mut references)?);
        }
    }
    let stage = match section.entry("stage") {
        Some(_) => Some(choose(section, "stage", "stage", &Stage::ALL, "")?),
        None => None,
    };
    let inherit = match section.entry("inherit") {
        Some(entry) => Some((entry.filled_string()?.to_owned(), entry.at())),
        None => None,
    };
    let profile = Profile {
        name: name.to_owned(),
        title: section.string("title")?.unwrap_or_default().to_owned(),
        origin,
        every: section.duration("every")?,
        case_insensitive: case_insensitive.unwrap_or(cfg!(windows)),
        statements: section.statements("statements")?,
        needs: section.strings("needs")?,
        expect: section.strings("expect")?,
        services: section.strings("services")?,
        include: section.patterns("include")?.unwrap_or_default(),
        exclude: section.patterns("exclude")?.unwrap_or_default(),
        roots: parse_roots(section, &mut references)?,
        options: parse_options(section)?,
        sets: parse_sets(section, &mut references)?,
        keep: keep::parse(section, &format!("[{}keep]", prefix_of(section)))?,
        stage,
        recovered_with: section.strings("recovered-with")?,
        steps,
        notes: (section.sections("note", &title_of(section, "note"))?.iter())
            .map(|s| s.only(&NOTE_KEYS).and_then(|()| parse_note(s, true)))
            .collect::<Result<_, _>>()?,
    };
    let root_line = title_of(section, "root");
    Ok(Draft {
        profile,
        inherit,
        case_insensitive,
        at: section.at(),
        root_line,
        references,
    })
}

/// `[[root]]`, or `[[profile.NAME.root]]` inside the configuration.
fn title_of(section: &Section<'_>, key: &str) -> String {
    format!("[[{}{key}]]", prefix_of(section))
}

/// What stands before the name of a table inside this one.
fn prefix_of(section: &Section<'_>) -> String {
    let inside = section.title.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    inside.map(|t| format!("{t}.")).unwrap_or_default()
}

/// What a name may look like.
const NAME_RULE: &str = "use letters, digits, `-`, `_` and `.`: it is part of the paths in a snapshot";

/// A name that can be a component of a path.
fn checked_name(entry: &Entry<'_>, name: &str) -> Result<String, ConfigError> {
    if is_plain_name(name) {
        return Ok(name.to_owned());
    }
    Err(entry.bad(name, "cannot be a name".to_owned(), Hint::text(NAME_RULE)))
}

/// A key that can be a component of a path.
pub(crate) fn checked_key(entry: &Entry<'_>) -> Result<String, ConfigError> {
    if is_plain_name(entry.key) {
        return Ok(entry.key.to_owned());
    }
    Err(entry.bad_key("cannot be a name", NAME_RULE))
}

fn parse_roots(section: &Section<'_>, references: &mut Vec<Reference>) -> Result<Vec<Root>, ConfigError> {
    let mut roots: Vec<Root> = Vec::new();
    for s in section.sections("root", &title_of(section, "root"))? {
        let root = parse_root(&s)?;
        if let Some(entry) = s.entry("option") {
            references.push(Reference::new(Target::Option, entry.filled_string()?, &entry));
        }
        // Case does not tell two roots apart: the snapshot may be restored to a system where it cannot.
        if roots.iter().any(|r| r.name.eq_ignore_ascii_case(&root.name)) {
            let hint = Hint::text("roots are told apart by their names, whatever the case");
            return Err(ConfigError::Duplicate {
                at: s.at(),
                what: "root",
                name: root.name,
                hint,
            });
        }
        roots.push(root);
    }
    Ok(roots)
}

fn parse_root(s: &Section<'_>) -> Result<Root, ConfigError> {
    let own = [
        "name", "place", "path", "file", "required", "option", "include", "exclude", "restore",
    ];
    s.only(&[&own[..], &NOTE_KEYS].concat())?;
    let name = s.required_entry(
        "name",
        "write name = \"data\": its files are kept as /CONNECTOR/data/…",
    )?;
    let name = checked_name(&name, name.filled_string()?)?;
    let place = s
        .entry("place")
        .map(|e| e.filled_string().map(str::to_owned))
        .transpose()?;
    let path = s.string("path")?.unwrap_or_default().to_owned();
    if place.is_none() {
        let hint = "write where it lies: path = \"/srv/data\", or place = a key of [roots]";
        s.required_entry("path", hint)?.filled_string()?;
    } else if let Some(entry) = s.entry("path") {
        let odd = |part: &str| part == ".." || part == "." || part.contains(':');
        if path.starts_with(['/', '\\']) || path.split(['/', '\\']).any(odd) {
            let hint = Hint::text("with `place` the path is relative to it; without, it may be absolute");
            return Err(entry.bad(&path, "is not a path below a place".to_owned(), hint));
        }
    }
    Ok(Root {
        name,
        place,
        path,
        file: s.boolean("file")?.unwrap_or(false),
        required: s.boolean("required")?.unwrap_or(true),
        option: s.string("option")?.map(str::to_owned),
        include: s.patterns("include")?.unwrap_or_default(),
        exclude: s.patterns("exclude")?.unwrap_or_default(),
        note: parse_note(s, false)?,
        restore: match s.inline("restore", "restore = { text = \"how it is put back\" }")? {
            Some(restore) => restore
                .only(&NOTE_KEYS)
                .and_then(|()| parse_note(&restore, true))?,
            None => Note::default(),
        },
    })
}

fn parse_options(section: &Section<'_>) -> Result<Vec<Choice>, ConfigError> {
    let title = format!("[{}option]", prefix_of(section));
    let Some(all) = section.section("option", &title)? else {
        return Ok(Vec::new());
    };
    let parse = |entry: Entry<'_>| {
        if super::CONNECTOR_KEYS.contains(&entry.key) {
            return Err(entry.bad_key(
                "is a key of every connector already",
                "give the option another name",
            ));
        }
        let s = entry.section(&format!("[{}option.{}]", prefix_of(section), entry.key))?;
        s.only(&[&["default", "include", "exclude", "allow"][..], &NOTE_KEYS].concat())?;
        Ok(Choice {
            name: checked_key(&entry)?,
            default: s.boolean("default")?.unwrap_or(false),
            note: parse_note(&s, true)?,
            include: s.patterns("include")?.unwrap_or_default(),
            exclude: s.patterns("exclude")?.unwrap_or_default(),
            allow: s.patterns("allow")?.unwrap_or_default(),
        })
    };
    all.entries().map(parse).collect()
}

fn parse_sets(section: &Section<'_>, references: &mut Vec<Reference>) -> Result<Vec<Set>, ConfigError> {
    let mut sets: Vec<Set> = Vec::new();
    for s in section.sections("set", &title_of(section, "set"))? {
        let set = parse_set(&s, references)?;
        if sets.iter().any(|other| other.name == set.name) {
            let hint = Hint::text("give each set a name of its own");
            return Err(ConfigError::Duplicate {
                at: s.at(),
                what: "set",
                name: set.name,
                hint,
            });
        }
        sets.push(set);
    }
    Ok(sets)
}

fn parse_set(s: &Section<'_>, references: &mut Vec<Reference>) -> Result<Set, ConfigError> {
    s.only(&[&["name", "root", "paths", "by"][..], &NOTE_KEYS].concat())?;
    let name = s.required_entry("name", "write name = \"databases\"")?;
    let root = s.required_entry("root", "say in which root the files are: root = \"data\"")?;
    references.push(Reference::new(Target::Root, root.filled_string()?, &root));
    let paths = s.required_entry("paths", "say which files: paths = [\"*.edb\", \"*.stm\"]")?;
    let patterns = s.patterns("paths")?.unwrap_or_default();
    if patterns.is_empty() {
        let hint = Hint::text("write paths = [\"*.edb\", \"*.stm\"]");
        return Err(paths.bad("[]", "names no files".to_owned(), hint));
    }
    let by_stem = match s.entry("by") {
        Some(_) => choose(
            s,
            "by",
            "way to belong together",
            &[("stem", true), ("root", false)],
            "",
        )?,
        None => false,
    };
    Ok(Set {
        name: name.filled_string()?.to_owned(),
        root: root.filled_string()?.to_owned(),
        paths: patterns,
        by_stem,
        note: parse_note(s, false)?,
    })
}

/// The value of a key that has to be one of a few words.
pub(super) fn choose<T: Copy>(
    s: &Section<'_>,
    key: &str,
    what: &'static str,
    all: &[(&'static str, T)],
    hint: &str,
) -> Result<T, ConfigError> {
    let entry = s.required_entry(key, hint)?;
    let word = entry.filled_string()?;
    let words: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let found = all.iter().find(|(name, _)| *name == word);
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| entry.unknown_name(what, word, &words))
}

/// Reads `text`, `statements`, `source` and `unconfirmed`.
pub(super) fn parse_note(s: &Section<'_>, text_required: bool) -> Result<Note, ConfigError> {
    let text = if text_required {
        s.required_entry("text", "say in a few words what it is")?
            .filled_string()?
    } else {
        s.string("text")?.unwrap_or_default()
    };
    Ok(Note {
        text: text.to_owned(),
        statements: s.statements("statements")?,
        source: s.string("source")?.map(str::to_owned),
        unconfirmed: s.boolean("unconfirmed")?.unwrap_or(false),
    })
}
