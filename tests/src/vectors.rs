//! The test vectors below `spec/vectors`, made by formulas: `cargo run -p restante-tests --bin vectors -- spec/vectors`
//! writes the same files every time, but for blocks that another version of zstd compresses to other bytes.
//!
//! `spec/reader/README.md` describes their forms, and the reader there checks them too.

mod archives;
mod chunking;
mod deltas;
mod derived;
mod maker;
mod objects;
mod pages;
mod parts;
mod rejected;
mod smallest;

use std::collections::BTreeMap;

use serde_json::Value;

pub use archives::accepted;
pub use chunking::{Rule, input_bytes};
pub use maker::{Case, Content, Item, Maker, Piece, escape, meta};
pub use parts::Parts;
pub use rejected::{nested, rejected};

/// A document whose vectors stand on a line each, so that a change shows where it is.
fn document(vectors: &[Value]) -> Vec<u8> {
    let lines: Vec<String> = vectors.iter().map(|vector| format!("  {vector}")).collect();
    format!("{{\"vectors\": [\n{}\n]}}\n", lines.join(",\n")).into_bytes()
}

/// `chunking.json`.
pub fn chunking() -> Vec<u8> {
    document(&chunking::vectors())
}

/// `objects.json`.
pub fn objects() -> Vec<u8> {
    document(&objects::vectors())
}

/// All files, by their paths below `spec/vectors`.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = [
        ("chunking.json".into(), chunking()),
        ("objects.json".into(), objects()),
        ("smallest.md".into(), smallest::annotated().into_bytes()),
    ]
    .into();
    for case in accepted().into_iter().chain(rejected()) {
        let folder = format!("archives/{}", case.name);
        let clash = files.insert(format!("{folder}/case.json"), case.json());
        assert!(clash.is_none(), "two cases are called {}", case.name);
        for (path, bytes) in case.files {
            files.insert(format!("{folder}/{path}"), bytes);
        }
    }
    files
}
