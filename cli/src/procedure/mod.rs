//! What is done around snapshots and restores: the steps of profiles, carried out.
//!
//! `act` carries out one step; `program`, `checks`, `files` and `probe` are what steps consist of. A restore by
//! procedure is a `plan` of numbered steps, which `run` goes through; `journal` keeps on disk how far it came, and
//! `swap` exchanges what lies in a root's place for what was restored beside it.

mod act;
mod checks;
mod files;
mod probe;
mod program;

pub(crate) use act::{Acted, RootAt, Surroundings};
