//! The recovery of a whole server: the steps of all its connectors as one checklist.
//!
//! The order is the profiles': what has to be there, the backups, then the stages, and in each stage the connectors one
//! by one. `list` is the checklist, `build` makes it, `choose` says which snapshot each connector is restored from,
//! `part` what is different for a connector because others are recovered too, `record` keeps on disk how far it came,
//! and `page` prints it. The connectors' own restores are journalled procedures as everywhere else.

mod build;
mod choose;
mod list;
mod page;
mod part;
mod record;

pub(crate) use build::{WHO, build};
pub(crate) use choose::Wanted;
pub(crate) use list::{Kind, Mark, State, key};
pub(crate) use page::{Document, head, markdown, section_title, state_lines, step_lines, text, waiting};
pub(crate) use part::changed;
pub(crate) use record::{Event, Record};
