//! Which snapshots are kept: policies, and what they decide. Nothing here knows an archive.
//!
//! The rules are those of restic and borg. They look at one *group* at a time (one host, connector and set of
//! paths), from its newest snapshot to its oldest, and a snapshot that at least one of them keeps is kept:
//!
//! - `last`: so many of the newest;
//! - `minutely` … `yearly`: the newest of each of so many minutes, hours, days, ISO weeks, months, years, counting only
//!   those in which there is one;
//! - `within`: all that are not older than a time; `within-minutely` … `within-yearly`: the newest of each minute …
//!   among those;
//! - `tags`: all that have every tag of one of the lists;
//! - `changes`: all whose tree differs from that of the one before.
//!
//! What follows is decided here, and where restic leaves a choice it is said why it is made as it is:
//!
//! - **Days, weeks, months and years are those of a time zone**, whatever their length. An hour is one that a clock
//!   there shows: that which comes twice in autumn counts twice, since two hours pass.
//! - **The oldest snapshot of the group is kept by every rule from `minutely` on that still has something left to
//!   give**, as restic does it: `monthly = 12` in its third month reaches back to the first day, not to the end of the
//!   first month.
//! - **`within` is measured from the newest snapshot**, not from the clock: what an archive that gets no new snapshots
//!   holds does not grow worthless with time. Snapshots from the future (a clock was wrong) are within everything,
//!   and nothing is measured from them: one of them would have all others forgotten. A snapshot that is exactly as
//!   old as the time is kept; restic forgets that one.
//! - **A calendar day is a day**, also of 23 or 25 hours; one month before the 31st is the last of the month before.
//! - Deciding again on what was kept keeps all of it, and another rule never makes a kept snapshot go. For `changes`
//!   the first holds although the snapshot before one may be gone by then: it kept the first of every run of equal
//!   trees, so what comes before a change in the rest has the tree that came before it in the whole.

mod calendar;
mod decide;
mod period;
mod policy;
mod reasons;
#[cfg(test)]
mod tests;

pub(crate) use calendar::{ByUnit, Unit};
pub(crate) use decide::{Candidate, Verdict, Walk};
pub(crate) use period::Period;
pub(crate) use policy::{Count, Policy, Rule, TagList};
