//! What is done around snapshots and restores: the steps of profiles, carried out.
//!
//! `act` carries out one step; `program`, `checks`, `files` and `probe` are what steps consist of. A restore by
//! procedure is a `plan` of numbered steps, which `run` goes through; `journal` keeps on disk how far it came, and
//! `swap` exchanges what lies in a root's place for what was restored beside it,
//! with `folders` for the directories; `overlaps` keeps restores out of each other's way.

mod act;
mod checks;
mod crash;
pub(crate) mod differences;
mod files;
mod folders;
mod journal;
mod neighbours;
mod overlaps;
mod plan;
mod planner;
mod probe;
mod program;
mod run;
mod swap;
#[cfg(all(test, target_os = "linux"))]
mod tests;

pub(crate) use act::{RootAt, Surroundings};
pub(crate) use files::{Found, filter, list};
pub(crate) use journal::{Journal, StepEnding, confirmed, now};
pub(crate) use neighbours::{stops, with_neighbours, with_services};
pub(crate) use overlaps::{refuse_at_work, refuse_inside, refuse_others, refuse_revert, unknown};
pub(crate) use plan::{Doing, Plan, PlannedStep, command};
pub(crate) use planner::{
    Going, for_a_copy, make_plan, outline, random_digits, surroundings, surroundings_of,
};
pub(crate) use run::{Answer, Mode, Person, Reached, Reverter, Runner, clear, stops_services};
pub(crate) use swap::{KEPT, remove_tree, sync_folder};
