//! The rows of `snapshots` for scripts: one array, a document a line, written as they come.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;
use restante_format::catalog::State;
use restante_format::id::hex;
use serde::Serialize;

use super::Row;
use crate::failure::{Failure, Result};
use crate::show::{Output, SeriesDocument, json_path, rfc3339};

/// How many rows are held before they are written.
const BATCH: usize = 16 * 1024;
/// How many of them one core makes text of at once.
const PIECE: usize = 1024;

/// Writes the array.
pub(in crate::command) struct Array<'o> {
    out: &'o mut Output,
    held: Vec<Row>,
    is_begun: bool,
}

impl<'o> Array<'o> {
    pub(in crate::command) fn new(out: &'o mut Output) -> Self {
        Self {
            out,
            held: Vec::new(),
            is_begun: false,
        }
    }

    pub(in crate::command) fn push(&mut self, row: Row) -> Result<()> {
        self.held.push(row);
        match self.held.len() {
            BATCH => self.write(),
            _ => Ok(()),
        }
    }

    pub(in crate::command) fn finish(mut self) -> Result<()> {
        self.write()?;
        self.out.line(if self.is_begun { "\n]" } else { "[]" })
    }

    fn write(&mut self) -> Result<()> {
        let pieces: Result<Vec<Vec<u8>>> = self.held.par_chunks(PIECE).map(text).collect();
        for piece in pieces? {
            // Each document begins with what separates it from the one before.
            let piece = match self.is_begun {
                true => &piece[..],
                false => piece.strip_prefix(b",").unwrap_or(&piece),
            };
            if !self.is_begun {
                self.out.bytes(b"[")?;
                self.is_begun = true;
            }
            self.out.bytes(piece)?;
        }
        self.held.clear();
        Ok(())
    }
}

/// The text of some rows.
fn text(rows: &[Row]) -> Result<Vec<u8>> {
    let mut text = Vec::with_capacity(rows.len() * 400);
    // What rows of one state have in common is made once.
    let mut said: HashMap<*const State, Said> = HashMap::new();
    for row in rows {
        let state = &row.last.state;
        let said = match said.entry(Arc::as_ptr(state)) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(unknown) => unknown.insert(Said::new(state)?),
        };
        said.write(row, &mut text);
    }
    Ok(text)
}

/// A state as text.
struct Said {
    source: Vec<u8>,
    files: Vec<u8>,
    torn: Vec<u8>,
}

#[derive(Serialize)]
struct Source<'a> {
    #[serde(flatten)]
    series: SeriesDocument<'a>,
    tags: &'a [String],
}

#[derive(Serialize)]
struct Files {
    files: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Torn {
    torn: Vec<String>,
}

/// The fields of a document.
fn fields(document: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(document).map_err(|error| Failure::output(&error.into()))?;
    // Without its braces.
    text.pop();
    Ok(text.split_off(1))
}

impl Said {
    fn new(state: &State) -> Result<Self> {
        let s = &state.snapshot;
        Ok(Self {
            source: fields(&Source {
                series: SeriesDocument::from(s),
                tags: &s.tags,
            })?,
            files: fields(&Files {
                files: s.counts.files,
                bytes: s.counts.bytes,
            })?,
            torn: fields(&Torn {
                torn: s.torn.iter().map(|path| json_path(path)).collect(),
            })?,
        })
    }

    fn write(&self, row: &Row, text: &mut Vec<u8>) {
        let time = rfc3339(row.last.time);
        let stored = match row.last.is_tick() {
            true => 0,
            false => row.last.state.snapshot.counts.stored_bytes,
        };
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| text.extend_from_slice(part));
        put(&[b",\n{\"id\":\"", hex(&row.last.id().0).as_bytes()]);
        put(&[b"\",\"time\":\"", time.as_bytes(), b"\",", &self.source]);
        put(&[b",\"tick\":", if row.tick { b"true" } else { b"false" }, b","]);
        put(&[&self.files, b",\"stored_bytes\":", stored.to_string().as_bytes()]);
        put(&[b",", &self.torn]);
        if row.count > 1 {
            let first = rfc3339(row.first_time);
            put(&[
                b",\"first\":\"",
                first.as_bytes(),
                b"\",\"last\":\"",
                time.as_bytes(),
            ]);
            put(&[b"\",\"count\":", row.count.to_string().as_bytes()]);
        }
        put(&[b"}"]);
    }
}
