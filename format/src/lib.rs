//! Restante.
#![deny(missing_docs)]

pub mod archive;
pub mod catalog;
pub mod chunk;
pub mod compress;
pub mod content;
pub mod error;
pub mod id;
pub mod index;
pub mod limits;
pub mod model;
pub mod names;
pub mod ordered;
pub mod progress;
pub mod segment;
pub mod source;
pub mod store;
pub mod target;
pub mod wire;
