//! What happened over time: looks at many snapshots that cost what has changed between them, not how many there are.

mod faults;
mod gaps;
mod growth;
mod history;
mod occurrences;
mod scope;
mod stretches;
mod ticks;
mod tracks;

pub use gaps::{Gap, Watched};
pub use growth::Grown;
pub use history::{Aspect, History, Version};
pub use occurrences::{Occurrence, Occurrences};
pub use scope::Scope;
pub use ticks::Ticks;
pub use tracks::{Tracks, Turn};
