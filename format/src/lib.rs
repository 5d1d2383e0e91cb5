//! Restante.
#![deny(missing_docs)]

pub mod chunk;
pub mod compress;
pub mod error;
pub mod id;
pub mod limits;
pub mod model;
pub mod ordered;
pub mod progress;
pub mod store;
pub mod wire;
