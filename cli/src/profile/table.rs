//! Reads TOML tables so that every mistake can be pointed at: file, line, column, key, and the nearest key.
//!
//! `serde` would name the line of a wrong type, but neither the table of an unknown key nor what was meant.

use std::ops::Range;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Hint, Location};
use super::placeholder::{self, Scope};
use super::{Statement, pattern};

/// What other tools call our keys.
const FOREIGN: [(&str, &str); 27] = [
    ("source-directories", "root"),
    ("source", "root"),
    ("sources", "root"),
    ("paths", "root"),
    ("dir", "path"),
    ("directory", "path"),
    ("patterns", "include"),
    ("exclude-patterns", "exclude"),
    ("iexclude", "exclude"),
    ("repository", "archive"),
    ("repositories", "archive"),
    ("before", "before-snapshot"),
    ("after", "after-snapshot"),
    ("run-before", "before-snapshot"),
    ("run-after", "after-snapshot"),
    ("run-after-fail", "after-snapshot"),
    ("run-finally", "after-snapshot"),
    ("before-backup", "before-snapshot"),
    ("after-backup", "after-snapshot"),
    ("commands", "before-snapshot"),
    ("schedule", "every"),
    ("retention", "keep"),
    ("env", "environment"),
    ("when-failed", "on-failure"),
    ("description", "title"),
    ("interval", "every"),
    ("ignore-case", "case-insensitive"),
];

/// A file's name and text, to turn offsets into lines.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    file: &'a str,
    text: &'a str,
}

impl<'a> Document<'a> {
    /// A document to read; `file` is only shown.
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        // Editors on Windows like to put a byte order mark first.
        Self {
            file,
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
        }
    }

    /// Parses it; the tables borrow from the text.
    pub(crate) fn parse(&self) -> Result<DeTable<'a>, ConfigError> {
        DeTable::parse(self.text)
            .map(toml::Spanned::into_inner)
            .map_err(|e| {
                let at = self.location(&e.span().unwrap_or(0..0));
                let message = e
                    .message()
                    .lines()
                    .next()
                    .unwrap_or("it cannot be read")
                    .trim()
                    .to_owned();
                // The one mistake that everybody makes with paths of Windows.
                let line = self.text.lines().nth(at.line.saturating_sub(1)).unwrap_or("");
                let hint = if line.contains('\\') && line.contains('"') {
                    Hint::text("in TOML a path with backslashes stands in single quotes: 'D:\\Exchsrvr'")
                } else {
                    Hint::NONE
                };
                ConfigError::Syntax { at, message, hint }
            })
    }

    /// The line and column at which a range of bytes starts.
    fn location(&self, span: &Range<usize>) -> Box<Location> {
        let before = self
            .text
            .get(..span.start.min(self.text.len()))
            .unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Box::new(Location {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }
}

/// One table of a document, with the name it is called by in messages.
#[derive(Debug, Clone)]
pub(crate) struct Section<'a> {
    doc: &'a Document<'a>,
    table: &'a DeTable<'a>,
    /// How messages call it: ``[connector.cc-mail]``.
    pub(crate) title: String,
    span: Range<usize>,
}

impl<'a> Section<'a> {
    /// The whole document.
    pub(crate) fn top(doc: &'a Document<'a>, table: &'a DeTable<'a>) -> Self {
        Self {
            doc,
            table,
            title: "the file".to_owned(),
            span: 0..0,
        }
    }

    /// Fails at the first key that is not among `known`. To be called before anything is read, so that a
    /// mistyped key is not reported as a missing one.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        match self.entries().find(|e| !known.contains(&e.key)) {
            Some(entry) => Err(self.unknown_key(&entry, known)),
            None => Ok(()),
        }
    }

    /// The error for a key that means nothing here.
    pub(crate) fn unknown_key(&self, entry: &Entry<'a>, known: &[&str]) -> ConfigError {
        unknown_key(entry.at(), entry.key, &self.title, known)
    }

    /// Where the table starts.
    pub(crate) fn at(&self) -> Box<Location> {
        self.doc.location(&self.span)
    }

    /// Every key with its value.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let (doc, title) = (self.doc, self.title.clone());
        self.table.iter().map(move |(key, value)| Entry {
            doc,
            table: title.clone(),
            key: key.get_ref().as_ref(),
            key_span: key.span(),
            value: value.get_ref(),
            span: value.span(),
        })
    }

    /// One key.
    pub(crate) fn entry(&self, key: &str) -> Option<Entry<'a>> {
        self.entries().find(|e| e.key == key)
    }

    /// A string, if it is there.
    pub(crate) fn string(&self, key: &str) -> Result<Option<&'a str>, ConfigError> {
        self.entry(key).map(|e| e.string()).transpose()
    }

    /// One key that has to be there.
    pub(crate) fn required_entry(&self, key: &str, hint: &str) -> Result<Entry<'a>, ConfigError> {
        self.entry(key).ok_or_else(|| self.missing(key, hint))
    }

    /// The error for a key that is not there.
    pub(crate) fn missing(&self, key: &str, hint: &str) -> ConfigError {
        let (at, table) = (self.at(), self.title.clone());
        ConfigError::MissingKey {
            at,
            table,
            key: key.to_owned(),
            hint: Hint::text(hint),
        }
    }

    /// A whole number from 0 on, if it is there.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        self.entry(key).map(|e| e.number()).transpose()
    }

    /// `true` or `false`, if it is there.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        self.entry(key).map(|e| e.boolean()).transpose()
    }

    /// An array of strings; empty if it is not there.
    pub(crate) fn strings(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        let items = self.items(key)?;
        items
            .iter()
            .map(|e| e.filled_string().map(str::to_owned))
            .collect()
    }

    /// The elements of an array of strings; none if it is not there.
    pub(crate) fn items(&self, key: &str) -> Result<Vec<Entry<'a>>, ConfigError> {
        match self.entry(key) {
            Some(entry) => entry.items(),
            None => Ok(Vec::new()),
        }
    }

    /// An array of patterns; none if it is not there.
    pub(crate) fn patterns(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let read = |e: &Entry<'a>| {
            let text = e.string()?;
            pattern::check(text)
                .map_err(|(why, hint)| e.bad(text, why, hint.map_or(Hint::NONE, Hint::text)))?;
            Ok(text.to_owned())
        };
        entry
            .items()?
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// An array of the article's statements; empty if it is not there.
    pub(crate) fn statements(&self, key: &str) -> Result<Vec<Statement>, ConfigError> {
        let Some(entry) = self.entry(key) else {
            return Ok(Vec::new());
        };
        let read = |e: &Entry<'a>| {
            let text = e.string()?;
            Statement::parse(text).ok_or_else(|| {
                let hint = Hint::text(format!("the article's statements are S1 to S{}", Statement::LAST));
                e.bad(text, "is no statement".to_owned(), hint)
            })
        };
        entry.items()?.iter().map(read).collect()
    }

    /// A duration, if it is there.
    pub(crate) fn duration(&self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        const HOW: &str = "write a number with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"";
        match entry.value {
            DeValue::String(text) => {
                let bad = |why: &str| entry.bad(text, why.to_owned(), Hint::text(HOW));
                pattern::duration(text).map(Some).map_err(bad)
            }
            _ => Err(entry.wrong("a string", Hint::text(HOW))),
        }
    }

    /// A table, if it is there.
    pub(crate) fn section(&self, key: &str, title: &str) -> Result<Option<Section<'a>>, ConfigError> {
        self.entry(key).map(|e| e.section(title)).transpose()
    }

    /// An array of tables; empty if it is not there.
    pub(crate) fn sections(&self, key: &str, title: &str) -> Result<Vec<Section<'a>>, ConfigError> {
        self.tables(key, title, &format!("start each with a line {title}"))
    }

    /// A table that is written in one line, if it is there; `example` shows it.
    pub(crate) fn inline(&self, key: &str, example: &str) -> Result<Option<Section<'a>>, ConfigError> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let title = format!("`{key}` of {}", self.title);
        let table = entry.section(&title);
        let how = || Hint::text(format!("write {example}"));
        table.map(Some).map_err(|_| entry.wrong("a table", how()))
    }

    /// An array of tables that are written in one line each, called `one` in messages; `example` shows it. It has
    /// to be there.
    pub(crate) fn inlines(
        &self,
        key: &str,
        one: &str,
        example: &str,
    ) -> Result<Vec<Section<'a>>, ConfigError> {
        let how = format!("write {example}");
        let entry = self.required_entry(key, &how)?;
        let tables = self.tables(key, &format!("{one} of {}", self.title), &how)?;
        if tables.is_empty() {
            return Err(entry.bad(
                "[]",
                format!("holds no {}", one.trim_start_matches("a ")),
                Hint::text(how),
            ));
        }
        Ok(tables)
    }

    /// An array of tables, each called `title`; empty if it is not there.
    fn tables(&self, key: &str, title: &str, how: &str) -> Result<Vec<Section<'a>>, ConfigError> {
        let Some(entry) = self.entry(key) else {
            return Ok(Vec::new());
        };
        let how = || Hint::text(how);
        let DeValue::Array(items) = entry.value else {
            return Err(entry.wrong("an array of tables", how()));
        };
        let read = |item: &'a toml::Spanned<DeValue<'a>>| match item.get_ref() {
            DeValue::Table(table) => Ok(Section {
                doc: self.doc,
                table,
                title: title.to_owned(),
                span: item.span(),
            }),
            _ => Err(entry.wrong("an array of tables", how())),
        };
        items.iter().map(read).collect()
    }
}

/// The error for a key that means nothing in `table`.
pub(crate) fn unknown_key(at: Box<Location>, key: &str, table: &str, known: &[&str]) -> ConfigError {
    let (key, table) = (key.to_owned(), table.to_owned());
    let plain = key.to_lowercase().replace('_', "-");
    let hint = match FOREIGN
        .iter()
        .find(|(name, ours)| *name == plain && known.contains(ours))
    {
        Some((_, ours)) => Hint::text(format!("here it is called `{ours}`")),
        None => Hint::nearest(&key, known, "known keys:"),
    };
    ConfigError::UnknownKey { at, key, table, hint }
}

/// A key of a table (or an element of an array under that key) with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    doc: &'a Document<'a>,
    table: String,
    /// The key.
    pub(crate) key: &'a str,
    key_span: Range<usize>,
    value: &'a DeValue<'a>,
    span: Range<usize>,
}

impl<'a> Entry<'a> {
    /// Where the key stands.
    pub(crate) fn at(&self) -> Box<Location> {
        self.doc.location(&self.key_span)
    }

    /// Where the value stands.
    pub(crate) fn value_at(&self) -> Box<Location> {
        self.doc.location(&self.span)
    }

    /// What the value is, with its article.
    pub(crate) fn value_type(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        }
    }

    /// The value as a string.
    pub(crate) fn string(&self) -> Result<&'a str, ConfigError> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong("a string", Hint::NONE)),
        }
    }

    /// The value as a string with something in it.
    pub(crate) fn filled_string(&self) -> Result<&'a str, ConfigError> {
        let text = self.string()?;
        if text.trim().is_empty() {
            return Err(self.bad(text, "is empty".to_owned(), Hint::NONE));
        }
        Ok(text)
    }

    /// The value as a whole number from 0 on.
    pub(crate) fn number(&self) -> Result<u64, ConfigError> {
        let DeValue::Integer(number) = self.value else {
            return Err(self.wrong("a whole number", Hint::NONE));
        };
        let text = number.as_str();
        u64::from_str_radix(text, number.radix())
            .map_err(|_| self.bad(text, "is not a number from 0 on".to_owned(), Hint::NONE))
    }

    /// Whether the value is -1, which stands for something.
    pub(crate) fn is_minus_one(&self) -> bool {
        matches!(self.value, DeValue::Integer(number) if number.as_str() == "-1")
    }

    /// How messages call the table that it stands in.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// The value as a text with placeholders.
    pub(crate) fn template(&self, scope: Scope) -> Result<&'a str, ConfigError> {
        let text = self.string()?;
        // A program could not be given it.
        if text.contains('\0') {
            return Err(self.bad(text, "has a NUL in it".to_owned(), Hint::NONE));
        }
        placeholder::check(text, scope).map_err(|f| self.bad(text, f.why, Hint::text(f.hint)))?;
        Ok(text)
    }

    /// The value as a program with its arguments, each a string.
    pub(crate) fn command(&self) -> Result<Vec<Entry<'a>>, ConfigError> {
        let how = || {
            Hint::text(format!(
                "write {} = [\"program\", \"argument\"]: no shell reads it",
                self.key
            ))
        };
        let DeValue::Array(_) = self.value else {
            return Err(self.wrong("an array of strings", how()));
        };
        let words = self.items()?;
        match words.first() {
            Some(program) if !program.string()?.trim().is_empty() => Ok(words),
            Some(program) => Err(program.bad("", "names no program".to_owned(), how())),
            None => Err(self.bad("[]", "names no program".to_owned(), how())),
        }
    }

    /// The value as true or false.
    pub(crate) fn boolean(&self) -> Result<bool, ConfigError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.wrong("true or false", Hint::text("without quotes")))
    }

    /// Whether the value is true or false.
    pub(crate) fn as_boolean(&self) -> Option<bool> {
        self.value.as_bool()
    }

    /// Whether the value is a string.
    pub(crate) fn is_string(&self) -> bool {
        self.value.is_str()
    }

    /// The value as a table.
    pub(crate) fn section(&self, title: &str) -> Result<Section<'a>, ConfigError> {
        match self.value {
            DeValue::Table(table) => Ok(Section {
                doc: self.doc,
                table,
                title: title.to_owned(),
                span: self.key_span.clone(),
            }),
            _ => Err(self.wrong("a table", Hint::text(format!("write it under a line {title}")))),
        }
    }

    /// The value as an array of strings, each to be read by itself.
    fn items(&self) -> Result<Vec<Entry<'a>>, ConfigError> {
        let how = || Hint::text(format!("write {} = [\"…\"]", self.key));
        let DeValue::Array(items) = self.value else {
            return Err(self.wrong("an array of strings", how()));
        };
        let read = |item: &'a toml::Spanned<DeValue<'a>>| {
            let element = Entry {
                value: item.get_ref(),
                span: item.span(),
                ..self.clone()
            };
            if element.value.is_str() {
                Ok(element)
            } else {
                Err(element.wrong("an array of strings", how()))
            }
        };
        items.iter().map(read).collect()
    }

    /// The error for a value of another type.
    pub(crate) fn wrong(&self, wanted: &'static str, hint: Hint) -> ConfigError {
        ConfigError::WrongType {
            at: self.value_at(),
            key: self.key.to_owned(),
            table: self.table.clone(),
            wanted,
            found: self.value_type(),
            hint,
        }
    }

    /// The error for a value that cannot be used; `why` is the rest of the sentence about it.
    pub(crate) fn bad(&self, value: &str, why: String, hint: Hint) -> ConfigError {
        ConfigError::BadValue {
            at: self.doc.location(&self.span),
            key: self.key.to_owned(),
            table: self.table.clone(),
            value: value.to_owned(),
            why,
            hint,
        }
    }

    /// The error for a key that names something and cannot; `why` is the rest of the sentence about it.
    pub(crate) fn bad_key(&self, why: &str, hint: &str) -> ConfigError {
        let (at, what, hint) = (self.at(), self.key.to_owned(), Hint::text(hint));
        ConfigError::BadKey {
            at,
            key: what,
            table: self.table.clone(),
            why: why.to_owned(),
            hint,
        }
    }

    /// The error for a name that nothing carries; `known` are those that would do.
    pub(crate) fn unknown_name<'b, S: AsRef<str> + ?Sized + 'b>(
        &self,
        what: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'b S> + Clone,
    ) -> ConfigError {
        let hint = Hint::nearest(name, known, "known:");
        let at = self.doc.location(&self.span);
        ConfigError::UnknownName {
            at,
            what,
            name: name.to_owned(),
            table: self.table.clone(),
            hint,
        }
    }
}

/// Whether a name can be one component of a path in every archive and on every system.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && !name.starts_with(['.', '-']) && !name.ends_with('.') && name.chars().all(plain)
}
