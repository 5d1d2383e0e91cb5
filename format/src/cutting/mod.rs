//! Bytes into chunks with ids, in parallel and guided by the chunks of the parent, with exactly the cuts of a
//! serial scan. Knows no files and no archives.

mod join;
mod run;
mod window;

pub use join::{Guide, Source, Workers, cut_region};
pub use run::{Chunk, Expected, NewChunk, Proceed, Runner};
pub use window::ReadAt;
