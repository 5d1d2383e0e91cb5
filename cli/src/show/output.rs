//! Standard output, where a reader may stop reading, and notices on standard error.

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

use crate::failure::{Failure, Result};

/// Where a command writes.
pub(crate) struct Output {
    out: BufWriter<Stdout>,
    /// JSON instead of text.
    pub(crate) json: bool,
    /// No notices but warnings and errors.
    pub(crate) quiet: bool,
    /// Details as well.
    verbose: bool,
}

impl Output {
    /// Standard output.
    pub(crate) fn new(json: bool, quiet: bool, verbose: bool) -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
            json,
            quiet,
            verbose,
        }
    }

    /// Writes a line of text.
    pub(crate) fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.out, "{line}").map_err(|error| Failure::output(&error))
    }

    /// Writes one line of JSON.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.out, value).map_err(|error| Failure::output(&error.into()))?;
        self.line("")
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| Failure::output(&error))
    }

    /// Brings out what is held back.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|error| Failure::output(&error))
    }

    /// Says on standard error what is worth knowing.
    pub(crate) fn notice(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Says on standard error what only those want to know who asked for it.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            eprintln!("{text}");
        }
    }

    /// Says on standard error what is not as it should be.
    pub(crate) fn warn(&self, text: &str) {
        eprintln!("warning: {text}");
    }
}
