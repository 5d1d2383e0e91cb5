//! Standard output, where a reader may stop reading, and notices on standard error.

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

use super::{Table, count, quoted};
use crate::failure::{Failure, Result};

/// Where a command writes.
pub(crate) struct Output {
    out: BufWriter<Stdout>,
    /// JSON instead of text.
    pub(crate) json: bool,
    /// No notices but warnings and errors.
    pub(crate) quiet: bool,
    /// Details as well.
    pub(crate) verbose: bool,
    /// The archive, where the command line named it: commands that are suggested name it too.
    archive: Option<String>,
    reader: Reader,
}

/// What is known of who reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// The command ends with them: it has nothing to do but to tell them.
    Awaited,
    /// The command goes on when they have seen enough.
    Optional,
    /// They have seen enough.
    Gone,
}

/// How many lines a warning lists.
const LISTED: usize = 20;

impl Output {
    /// Standard output.
    pub(crate) fn new(json: bool, quiet: bool, verbose: bool, archive: Option<String>) -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
            json,
            quiet,
            verbose,
            archive,
            reader: Reader::Awaited,
        }
    }

    /// From now on the command does its work even if nobody reads any more what it says about it.
    pub(crate) fn outlive_reader(&mut self) {
        self.reader = Reader::Optional;
    }

    /// Writes, unless the reader has gone and may have.
    fn write(&mut self, write: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>) -> Result<()> {
        if self.reader == Reader::Gone {
            return Ok(());
        }
        match write(&mut self.out) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && self.reader == Reader::Optional => {
                self.reader = Reader::Gone;
                Ok(())
            }
            result => result.map_err(|error| Failure::output(&error)),
        }
    }

    /// A command to suggest, with the archive that this one was given.
    pub(crate) fn command(&self, command: &str) -> String {
        match &self.archive {
            Some(archive) => format!("restante -a {} {command}", quoted(archive)),
            None => format!("restante {command}"),
        }
    }

    /// Writes a line of text.
    pub(crate) fn line(&mut self, line: &str) -> Result<()> {
        self.write(|out| writeln!(out, "{line}"))
    }

    /// Writes a table.
    pub(crate) fn table(&mut self, table: &Table) -> Result<()> {
        table.lines().iter().try_for_each(|line| self.line(line))
    }

    /// Writes one line of JSON.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<()> {
        self.write(|out| Ok(serde_json::to_writer(out, value)?))?;
        self.line("")
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(|out| out.write_all(bytes))
    }

    /// Brings out what is held back.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.write(BufWriter::flush)
    }

    /// Says on standard error what is worth knowing.
    pub(crate) fn notice(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// Says on standard error what only those want to know who asked for it.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            say(text);
        }
    }

    /// Says on standard error what is not as it should be.
    pub(crate) fn warn(&self, text: &str) {
        warn(text);
    }

    /// Says on standard error what failed, while the rest goes on.
    pub(crate) fn error(&self, failure: Failure) {
        report(&failure.for_archive(self.archive.as_deref()));
    }

    /// Lists below a warning or an error what it is about, the first of them if they are many.
    pub(crate) fn name_some(&self, lines: impl Iterator<Item = String>, total: u64) {
        for line in lines.take(LISTED) {
            say(&format!("  {line}"));
        }
        if total > LISTED as u64 {
            say(&format!("  and {} more", count(total - LISTED as u64)));
        }
    }
}

/// A line on standard error. Where nobody reads it, there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says on standard error what is not as it should be.
pub(crate) fn warn(text: &str) {
    say(&format!("warning: {text}"));
}

/// Says on standard error how the program failed.
pub(crate) fn report(failure: &Failure) {
    say(&failure.report());
}
