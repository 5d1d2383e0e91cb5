//! What Restante is to reach, each target as the ratio of two measurements taken in turn.
//!
//! A measurement takes a [`Bench`] and returns [`Findings`]: rows of the one table, and what else there is to show.

pub mod cut;
pub mod digest;
pub mod discard;
mod findings;
mod index;
pub mod lookups;
mod many;
pub mod memory;
mod mirror;
pub mod options;
mod releases;
mod source;
mod stamped;
mod steps;
mod tables;
mod threads;
mod watch;
mod whole;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::clock::{Call, Clock, Cost};
use crate::failure::Failure;
use crate::folder;
use crate::tool::{Station, Tool, words};

pub use findings::{Amount, Findings, Required, Row, json, table};
use options::{Measurement, Options};

/// What every measurement has at hand.
pub struct Bench<'a> {
    /// What was asked for.
    pub options: &'a Options,
    /// What measures.
    pub clock: &'a Clock,
    /// A folder of its own, empty at first.
    pub place: PathBuf,
}

/// Takes one measurement in the folder `place`, which is removed afterwards.
///
/// # Errors
///
/// Where there is nothing to compare with what failed. What else fails is in its row.
pub fn measure(
    which: Measurement,
    options: &Options,
    clock: &Clock,
    place: &Path,
) -> Result<Findings, Failure> {
    let place = place.join(which.name());
    folder::empty(&place)?;
    let bench = Bench {
        options,
        clock,
        place,
    };
    let findings = match which {
        Measurement::Threads => threads::measure(&bench),
        Measurement::Tables => tables::measure(&bench),
        Measurement::Whole => whole::measure(&bench),
        Measurement::Steps => steps::measure(&bench),
        Measurement::Releases => releases::measure(&bench),
        Measurement::Memory => memory::measure(&bench),
        Measurement::Watch => watch::measure(&bench),
        Measurement::Many => many::measure(&bench),
        Measurement::Index => index::measure(&bench),
    };
    folder::remove(&bench.place)?;
    findings
}

impl Bench<'_> {
    /// Where what is taken lies.
    fn source(&self) -> PathBuf {
        self.place.join("source")
    }

    /// Restante with an archive below the folder `name`.
    fn restante(&self, name: &str) -> Station {
        let place = self.place.join(name);
        Station::new(Tool::Restante, &self.options.restante, &place, &self.source())
    }

    /// What it costs to run `call` once everything that others wrote has reached the disk.
    fn cost(&self, call: &Call) -> Result<Cost, Failure> {
        rustix::fs::sync();
        self.clock.run(call)
    }

    /// Takes a snapshot. Returns what it cost and by how many bytes the repository grew.
    fn snapshot(&self, station: &mut Station, call: &Call) -> Result<(Cost, f64), Failure> {
        let before = station.stored()?.bytes;
        let cost = self.cost(call)?;
        station.has_taken();
        Ok((cost, station.stored()?.bytes as f64 - before as f64))
    }

    /// Restores what `selector` names into an empty folder, and removes it again.
    fn restore(&self, station: &Station, selector: &str) -> Result<Cost, Failure> {
        let mut arguments = words(["restore", selector, "--to"]);
        arguments.push(station.target().into());
        let call = station.call(arguments, &self.place)?;
        folder::empty(&station.target())?;
        let cost = self.cost(&call)?;
        folder::remove(&station.target())?;
        Ok(cost)
    }

    /// How this program calls itself for a piece of work with so many threads.
    fn work<const N: usize>(&self, piece: [&str; N], input: &Path, threads: usize) -> Result<Call, Failure> {
        let program = std::env::current_exe().map_err(|e| Failure::io("finding this program", e))?;
        let mut arguments = [words(["work"]), words(piece)].concat();
        arguments.push(input.into());
        Ok(Call {
            program,
            arguments,
            environment: vec![("RAYON_NUM_THREADS", threads.to_string().into())],
            folder: self.place.clone(),
        })
    }
}

/// A piece of work that a measurement lets this program do in a process of its own, so that its threads, its
/// processor time and its memory are its own.
///
/// # Errors
///
/// What is wrong with `words`, or with the work.
pub fn work(words: &[OsString]) -> Result<(), String> {
    let [piece, modes @ .., input] = words else {
        return Err("work needs a piece and an input".into());
    };
    let input = Path::new(input);
    if piece == "many" {
        return many::work(modes, input);
    }
    let mode = modes.first().and_then(|mode| mode.to_str());
    match (piece.to_str(), mode) {
        (Some("cold"), None) => {
            let counts = discard::cold_snapshot(input).map_err(|e| e.to_string())?;
            if counts.unreadable > 0 || counts.read_bytes == 0 {
                return Err(format!("of {} nothing was read", input.display()));
            }
            Ok(())
        }
        (Some("cut"), None) => match cut::cut(input) {
            Ok(0) => Err(format!("of {} nothing was read", input.display())),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        (Some("digest"), Some(mode)) => {
            let mode = digest::Mode::named(mode).ok_or_else(|| format!("no mode {mode:?}"))?;
            let digests = digest::digest(input, mode);
            digests.map(drop).map_err(|e| e.to_string())
        }
        (Some("tables"), Some(rows)) => {
            let rows = rows.parse().map_err(|_| format!("{rows:?} is no number"))?;
            lookups::write_tables(rows, input).map_err(|e| e.to_string())
        }
        (Some("look-up"), Some(threads)) => {
            let threads = threads.parse().map_err(|_| format!("{threads:?} is no number"))?;
            lookups::look_up(threads, input).map_err(|e| e.to_string())
        }
        _ => Err(format!("no such piece of work: {words:?}")),
    }
}
