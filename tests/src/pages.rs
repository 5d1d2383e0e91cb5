//! Pages of the catalogue, for archives that no writer made.

use restante_format::id::Id;
use restante_format::model::{Snapshot, Timestamp};
use restante_format::wire::{PageEntry, encode_page, encode_snapshot};

/// The id of a snapshot that is a state of its own.
pub fn state_id(snapshot: &Snapshot) -> Id {
    Id::of_snapshot(&encode_snapshot(snapshot))
}

/// A snapshot, and the times at which it was seen.
pub fn entry_of(snapshot: &Snapshot, times: &[Timestamp]) -> PageEntry {
    PageEntry {
        snapshot: encode_snapshot(snapshot),
        times: times.to_vec(),
    }
}

/// The plain bytes of a page of some entries.
pub fn page_of(entries: &[PageEntry]) -> Vec<u8> {
    encode_page(entries).expect("times that can be in one page")
}

/// The plain bytes of the page that makes one snapshot known, as writers make it.
pub fn page_of_one(snapshot: &Snapshot) -> Vec<u8> {
    page_of(&[entry_of(snapshot, &[snapshot.time])])
}
