//! Deltas in the order in which they are made from each other, so that each is decoded once.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::reader::ObjectReader;
use crate::delta;
use crate::error::Flaw;
use crate::id::Id;
use crate::index::{Index, IndexedSegment, Location};
use crate::limits::CHAIN;

/// How many bytes of bases are held while the deltas behind them are decoded.
const HELD_BYTES: usize = 16 << 20;

/// All deltas of an archive, by their bases.
#[derive(Debug)]
pub struct Families<'a> {
    index: &'a Index,
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
pub struct BadDelta<'a> {
    /// Where it is.
    pub at: Location<'a>,
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
        let children_of = |(number, segment): (u32, &IndexedSegment)| {
            let child = move |delta: &crate::wire::DeltaEntry| Child {
                base: delta.base,
                segment: number,
                object: delta.object,
                reached: AtomicBool::new(false),
            };
            segment.directory.deltas.iter().map(child).collect::<Vec<_>>()
        };
        let mut deltas: Vec<Child> = (0..).zip(index.segments()).flat_map(children_of).collect();
        deltas.sort_by_key(|child| child.base);
        Self {
            index,
            reader,
            deltas,
        }
    }

    /// Decodes everything that is made from the object `id` and compares it with its id. The plain bytes of `id` have been compared.
    pub fn check(&self, id: Id, bytes: Bytes, bad: &mut dyn FnMut(BadDelta<'a>)) {
        let mut held = bytes.len();
        let mut levels = vec![self.level(id, bytes)];
        while let Some(level) = levels.last_mut() {
            let Some(number) = level.ahead.next() else {
                held -= level.bytes.len();
                levels.pop();
                continue;
            };
            let child = &self.deltas[number];
            // An object may be stored more than once: its deltas are decoded behind the first.
            if child.reached.swap(true, Ordering::Relaxed) {
                continue;
            }
            let Some(at) = self.locate(child) else { continue };
            let base = level.bytes.clone();
            if level.ahead.is_empty() {
                // Nobody needs the base behind its last delta: chains hold but two objects.
                held -= level.bytes.len();
                level.bytes = Bytes::new();
            }
            let made = match levels.len() > CHAIN {
                true => Err(Flaw::new(
                    "delta",
                    "base",
                    format!("has more than {CHAIN} bases behind it"),
                )),
                false => self.decode(&at, &base),
            };
            drop(base);
            match made {
                Err(flaw) => bad(BadDelta { at, flaw }),
                Ok(bytes) => {
                    let below = self.level(at.object.id, bytes);
                    if below.ahead.is_empty() {
                        continue;
                    }
                    if held + below.bytes.len() > HELD_BYTES {
                        self.check_apart(below.ahead, bad);
                        continue;
                    }
                    held += below.bytes.len();
                    levels.push(below);
                }
            }
        }
    }

    /// Checks deltas, and all behind them, each from its whole object: memory is held for two objects only.
    fn check_apart(&self, deltas: std::ops::Range<usize>, bad: &mut dyn FnMut(BadDelta<'a>)) {
        let mut ahead = vec![deltas];
        while let Some(deltas) = ahead.last_mut() {
            let Some(number) = deltas.next() else {
                ahead.pop();
                continue;
            };
            let child = &self.deltas[number];
            if child.reached.swap(true, Ordering::Relaxed) {
                continue;
            }
            let Some(at) = self.locate(child) else { continue };
            match self.reader.make_checked(&at) {
                Ok(bytes) => ahead.push(self.level(at.object.id, bytes).ahead),
                Err(error) => bad(BadDelta {
                    at,
                    flaw: Flaw::new("delta", "contents", error.to_string()),
                }),
            }
        }
    }

    /// The deltas that were not reached from any object that is whole and sound.
    pub fn unreached(&self) -> impl Iterator<Item = BadDelta<'a>> {
        let unreached = self
            .deltas
            .iter()
            .filter(|child| !child.reached.load(Ordering::Relaxed));
        unreached.filter_map(|child| {
            let flaw = Flaw::new(
                "delta",
                "base",
                format!("{} is missing or damaged", child.base.short()),
            );
            let at = self.locate(child)?;
            Some(BadDelta { at, flaw })
        })
    }

    fn locate(&self, child: &Child) -> Option<Location<'a>> {
        self.index.segments()[child.segment as usize].locate(child.object)
    }

    fn level(&self, base: Id, bytes: Bytes) -> Level {
        let start = self.deltas.partition_point(|child| child.base < base);
        let count = self.deltas[start..].partition_point(|child| child.base == base);
        Level {
            bytes,
            ahead: start..start + count,
        }
    }

    fn decode(&self, at: &Location<'_>, base: &[u8]) -> Result<Bytes, Flaw> {
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
