//! The life of an archive, at random, against a plain map: what is taken, forgotten, pruned, merged, copied, exported, interrupted and
//! done at once by several, step by step as bytes say it.
//!
//! Whatever happens, every snapshot that was taken and not forgotten is listed once, in order, and gives every byte back; nothing is
//! damaged; and at the end a prune leaves what the snapshots need and nothing else.

mod act;
mod compare;
mod garbage;
mod script;
mod source;
mod stage;
mod upset;
mod world;

pub use world::{Tally, live};

use crate::prng::Rng;

/// The bytes of the sequence that a seed gives.
pub fn sequence(seed: u64) -> Vec<u8> {
    let mut rng = Rng::derive(seed, "lifecycle", 0);
    let len = match seed % 16 {
        // Long enough for merges of what was merged.
        15 => 400 + rng.below(400),
        1 | 6 | 11 => 120 + rng.below(160),
        _ => 30 + rng.below(90),
    };
    let mut bytes = vec![0; len as usize];
    rng.fill(&mut bytes);
    bytes
}

/// A shorter sequence that fails, too.
pub fn shrunk(sequence: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut shortest = sequence.to_vec();
    let mut piece = shortest.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < shortest.len() {
            let mut shorter = shortest.clone();
            shorter.drain(at..(at + piece).min(shortest.len()));
            match fails(&shorter) {
                true => shortest = shorter,
                false => at += piece,
            }
        }
        piece /= 2;
    }
    shortest
}
