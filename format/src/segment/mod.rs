//! Segments: writing them, opening them, and reading objects out of them.

mod cache;
mod check;
mod directories;
mod family;
mod open;
mod reader;
mod refresh;
mod stored;
mod stream;
mod writer;

pub use check::{BlockDamage, check_block};
pub use family::{BadDelta, Families};
pub use open::open_segment;
pub use reader::ObjectReader;
pub use stored::CheckedBlock;
pub use stream::SegmentStream;
pub use writer::{Delta, PlainBlock, SealedSegment, SegmentWriter, StoredBlock};
