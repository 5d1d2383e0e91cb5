//! Measurements of Restante and of the programs that people compare it with.
//!
//! The program `peers` runs Restante and every peer that it finds on the same generated tree, and prints Markdown
//! tables; `targets` measures what Restante is to reach, beside what it is to reach. This library is what both are
//! made of: [`peers`], [`history`] and [`evolve`] are the measurements of the one, those of the other are in [`targets`];
//! [`tool`] knows how each program is called, and [`clock`] what a call costs. The kernels are measured by
//! `cargo bench`.
//!
//! Linux only, since the judge of restored trees is.
#![cfg(target_os = "linux")]

pub mod calendar;
pub mod clock;
pub mod evolve;
pub mod facts;
pub mod failure;
pub mod folder;
pub mod history;
pub mod machine;
pub mod options;
pub mod outcome;
pub mod peers;
pub mod report;
mod retention;
pub mod spread;
mod table;
pub mod targets;
pub mod tool;
pub mod tree;
