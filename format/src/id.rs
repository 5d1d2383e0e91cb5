//! Object kinds and content-derived ids.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

/// The context of the ids of ticks.
const TICK: &str = "restante 2026 tick v1";

/// The kinds of object that an archive holds (`spec/FORMAT.md`, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A run of a file's bytes.
    Chunk = 1,
    /// A node of the list of a file's chunks.
    ChunkList = 2,
    /// A node of one directory.
    Tree = 3,
    /// A page of the catalogue: snapshots, and when each was seen.
    Page = 4,
    /// What the pages of a segment are about.
    Contents = 5,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Chunk,
        Self::ChunkList,
        Self::Tree,
        Self::Page,
        Self::Contents,
    ];

    /// The kind with the number that segments record, if there is one.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Whether objects of this kind say which snapshots there are: they are stored whole, apart from what
    /// snapshots are made of.
    pub fn is_of_catalog(self) -> bool {
        matches!(self, Self::Page | Self::Contents)
    }

    /// The context under which plain bytes of this kind are hashed; chunks have none, so that
    /// their ids can be checked with `b3sum`.
    fn context(self) -> Option<&'static str> {
        match self {
            Self::Chunk => None,
            Self::ChunkList => Some("restante 2026 chunk list v1"),
            Self::Tree => Some("restante 2026 tree v1"),
            Self::Page => Some("restante 2026 page v1"),
            Self::Contents => Some("restante 2026 contents v1"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chunk => "chunk",
            Self::ChunkList => "chunk list",
            Self::Tree => "tree",
            Self::Page => "page",
            Self::Contents => "contents",
        })
    }
}

/// A 256-bit BLAKE3 hash: an object's id, a segment's seal or a block's check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 32]);

impl Id {
    /// The id of an object with these plain bytes.
    pub fn of(kind: Kind, plain: &[u8]) -> Self {
        match kind.context() {
            None => Self(*blake3::hash(plain).as_bytes()),
            Some(context) => derive(context, &[plain]),
        }
    }

    /// The id of the snapshot with these plain bytes.
    pub fn of_snapshot(plain: &[u8]) -> Self {
        derive("restante 2026 snapshot v1", &[plain])
    }

    /// The id of a tick: of the snapshot `self`, seen again at this time (in seconds and nanoseconds).
    pub fn of_tick(&self, secs: i64, nanos: u32) -> Self {
        // Lists have a million ticks: the key that the context stands for is made once.
        static KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(TICK));
        let mut hasher = blake3::Hasher::new_from_context_key(&KEY);
        hasher.update(&self.0);
        hasher.update(&secs.to_le_bytes());
        hasher.update(&nanos.to_le_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// The first eight hexadecimal digits, enough for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

/// BLAKE3 in key-derivation mode over the concatenation of `parts`.
pub fn derive(context: &str, parts: &[&[u8]]) -> Id {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    Id(*hasher.finalize().as_bytes())
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 64 hexadecimal digits")]
pub struct NotAnId;

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NotAnId);
        }
        let value = |digit: u8| char::from(digit).to_digit(16).ok_or(NotAnId);
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (value(pair[0])? * 16 + value(pair[1])?) as u8;
        }
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_ids_are_plain_blake3() {
        let id = Id::of(Kind::Chunk, b"");
        assert_eq!(
            id.to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }

    #[test]
    fn kinds_never_share_an_id() {
        let ids: Vec<Id> = Kind::ALL
            .iter()
            .map(|kind| Id::of(*kind, b"same bytes"))
            .collect();
        for (i, id) in ids.iter().enumerate() {
            assert!(!ids[..i].contains(id));
        }
    }

    #[test]
    fn the_id_of_a_tick_is_derived() {
        let state = Id([7; 32]);
        let parts: [&[u8]; 3] = [&state.0, &(-5_i64).to_le_bytes(), &9_u32.to_le_bytes()];
        assert_eq!(state.of_tick(-5, 9), derive(TICK, &parts));
    }

    #[test]
    fn text_form_round_trips() {
        let id = Id::of(Kind::Tree, b"x");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        assert_eq!("12".parse::<Id>(), Err(NotAnId));
        assert_eq!("g".repeat(64).parse::<Id>(), Err(NotAnId));
    }
}
