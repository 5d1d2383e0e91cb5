//! Deltas in the order in which they are made from each other, so that each is decoded once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::reader::{ObjectReader, Search};
use crate::delta;
use crate::error::{Error, Flaw};
use crate::id::{Id, Kind};
use crate::index::{Index, Location, locate};
use crate::limits::CHAIN;
use crate::store::Name;

/// How many bytes of bases are held while the deltas behind them are decoded.
const HELD_BYTES: usize = 16 << 20;

/// All deltas of an archive, by their bases.
#[derive(Debug)]
pub struct Families<'a> {
    /// As it was when the deltas were taken together.
    index: Arc<Index>,
    segments: Vec<Name>,
    reader: &'a ObjectReader,
    /// By base.
    deltas: Vec<Child>,
}

#[derive(Debug)]
struct Child {
    base: Id,
    segment: u32,
    object: u32,
    reached: AtomicBool,
}

/// A delta that does not make what it should.
#[derive(Debug)]
pub struct BadDelta {
    /// Where it is.
    pub at: Location,
    /// What is wrong.
    pub flaw: Flaw,
}

/// An object whose deltas are being decoded.
struct Level {
    bytes: Bytes,
    /// The deltas still to be decoded.
    ahead: std::ops::Range<usize>,
}

impl<'a> Families<'a> {
    /// Takes all deltas together.
    pub fn new(reader: &'a ObjectReader) -> Self {
        let index = reader.index();
        let (mut segments, mut deltas) = (Vec::new(), Vec::new());
        for (number, segment) in (0..).zip(index.segments()) {
            segments.push(segment.name);
            deltas.extend(segment.directory.deltas.iter().map(|delta| Child {
                base: delta.base,
                segment: number,
                object: delta.object,
                reached: AtomicBool::new(false),
            }));
        }
        deltas.sort_by_key(|child| child.base);
        Self {
            index,
            segments,
            reader,
            deltas,
        }
    }

    /// Decodes everything that is made from the object `id` and compares it with its id. The plain bytes of `id` have been compared.
    pub fn check(&self, kind: Kind, id: Id, bytes: Bytes, bad: &mut dyn FnMut(BadDelta)) {
        let mut held = bytes.len();
        let mut levels = vec![self.level(id, bytes)];
        while let Some(level) = levels.last_mut() {
            let Some(number) = level.ahead.next() else {
                held -= level.bytes.len();
                levels.pop();
                continue;
            };
            let Some(at) = self.reach(number, kind) else {
                continue;
            };
            let base = level.bytes.clone();
            if level.ahead.is_empty() {
                // Nobody needs the base behind its last delta: chains hold but two objects.
                held -= level.bytes.len();
                level.bytes = Bytes::new();
            }
            let made = self.decode(&at, &base);
            drop(base);
            match made {
                Err(flaw) => bad(BadDelta { at, flaw }),
                Ok(bytes) => {
                    let below = self.level(at.object.id, bytes);
                    // What is too far away here may be near to another copy: `unreached` looks again.
                    if below.ahead.is_empty() || levels.len() == CHAIN {
                        continue;
                    }
                    if held + below.bytes.len() > HELD_BYTES {
                        self.check_apart(kind, below.ahead);
                        continue;
                    }
                    held += below.bytes.len();
                    levels.push(below);
                }
            }
        }
    }

    /// Checks deltas, and all behind them, each from its whole object: memory is held for two objects only.
    fn check_apart(&self, kind: Kind, deltas: std::ops::Range<usize>) {
        let mut ahead = vec![deltas];
        while let Some(deltas) = ahead.last_mut() {
            let Some(number) = deltas.next() else {
                ahead.pop();
                continue;
            };
            let Some(at) = self.reach(number, kind) else {
                continue;
            };
            match self.reader.make_checked(&at) {
                Ok(bytes) => ahead.push(self.level(at.object.id, bytes).ahead),
                // Other copies of its bases may do: `unreached` looks for them.
                Err(_) => self.deltas[number].reached.store(false, Ordering::Relaxed),
            }
        }
    }

    /// The deltas that were not reached from any object that is whole and sound, and that no copies of their bases make either.
    pub fn unreached(&self) -> impl Iterator<Item = BadDelta> {
        let unreached = self
            .deltas
            .iter()
            .filter(|child| !child.reached.load(Ordering::Relaxed));
        let mut search = Search::new(self.reader);
        unreached.filter_map(move |child| {
            let at = self.locate(child)?;
            // A damaged base may yet have all that is needed of it.
            if self.reader.make_checked(&at).is_ok() {
                return None;
            }
            let error = search.get_at(&at).err()?;
            let flaw = match error {
                Error::Damaged(damage) if damage.object == Some((at.object.kind, at.object.id)) => {
                    damage.flaw
                }
                _ => Flaw::new(
                    "delta",
                    "base",
                    format!("{} is missing or damaged", child.base.short()),
                ),
            };
            Some(BadDelta { at, flaw })
        })
    }

    /// The delta of this number, unless it was reached already or its base is of another kind. An object may be
    /// stored more than once: its deltas are decoded behind the first.
    fn reach(&self, number: usize, kind: Kind) -> Option<Location> {
        let child = &self.deltas[number];
        let at = self.locate(child)?;
        let is_next = at.object.kind == kind && !child.reached.swap(true, Ordering::Relaxed);
        is_next.then_some(at)
    }

    fn locate(&self, child: &Child) -> Option<Location> {
        locate(
            &self.index.segment(self.segments[child.segment as usize])?,
            child.object,
        )
    }

    fn level(&self, base: Id, bytes: Bytes) -> Level {
        let start = self.deltas.partition_point(|child| child.base < base);
        let count = self.deltas[start..].partition_point(|child| child.base == base);
        Level {
            bytes,
            ahead: start..start + count,
        }
    }

    fn decode(&self, at: &Location, base: &[u8]) -> Result<Bytes, Flaw> {
        let kind = at.object.kind;
        let frame = self
            .reader
            .contents(at, kind)
            .map_err(|error| Flaw::new("delta", "frame", error.to_string()))?;
        let bytes = Bytes::from(delta::decode(&frame, base, at.plain_len() as usize)?);
        match Id::of(kind, &bytes) == at.object.id {
            true => Ok(bytes),
            false => Err(Flaw::new("delta", "contents", "do not have the object's id")),
        }
    }
}
