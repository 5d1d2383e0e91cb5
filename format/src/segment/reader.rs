//! Objects by id, each checked before it is handed out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::cache::BlockCache;
use crate::compress::decompress;
use crate::error::{Damage, Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::index::{Index, Location};
use crate::store::Store;
use crate::wire::Method;

/// Reads objects from a store. Shared between threads.
#[derive(Debug)]
pub struct ObjectReader {
    store: Arc<dyn Store>,
    index: Index,
    cache: BlockCache,
    /// Set once anything was found damaged.
    is_suspicious: AtomicBool,
}

impl ObjectReader {
    /// A reader that keeps up to `cache_bytes` of decoded blocks.
    pub fn new(store: Arc<dyn Store>, index: Index, cache_bytes: usize) -> Self {
        Self {
            store,
            index,
            cache: BlockCache::new(cache_bytes),
            is_suspicious: AtomicBool::new(false),
        }
    }

    /// Where objects are.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Adds a segment's objects.
    pub fn index_mut(&mut self) -> &mut Index {
        &mut self.index
    }

    /// Whether the archive has the object. Once something was found damaged, being told of it is not enough: it is read.
    pub fn has(&self, kind: Kind, id: Id) -> bool {
        self.index.contains(&id) && (!self.is_suspicious() || self.get(kind, id).is_ok())
    }

    /// Whether anything was found damaged.
    pub fn is_suspicious(&self) -> bool {
        self.is_suspicious.load(Ordering::Relaxed)
    }

    /// Remembers that something is damaged.
    pub fn suspect(&self) {
        self.is_suspicious.store(true, Ordering::Relaxed);
    }

    /// The plain bytes of an object, which have been compared with its id (F-040). If one copy
    /// is damaged, the others are tried.
    pub fn get(&self, kind: Kind, id: Id) -> Result<Bytes> {
        let Some(first) = self.index.find(&id) else {
            return Err(Error::Missing { kind, id });
        };
        let error = match self.get_at(kind, &first) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => error,
        };
        for other in self
            .index
            .find_all(id)
            .filter(|other| other.segment.name != first.segment.name)
        {
            if let Ok(bytes) = self.get_at(kind, &other) {
                return Ok(bytes);
            }
        }
        self.suspect();
        Err(error)
    }

    /// The object at one place.
    fn get_at(&self, kind: Kind, location: &Location<'_>) -> Result<Bytes> {
        let object = location.object;
        if object.kind != kind {
            let reason = format!("is a {} where a {kind} is needed", object.kind);
            return Err(damaged(location, Flaw::new("directory", "object kind", reason)));
        }
        let start = object.offset as usize;
        let range = start..start + object.len as usize;
        // The directory was checked: the object lies within the block's plain length.
        let bytes = match location.block.method {
            // Copied, so that what was compared with the id is what is handed out, whatever happens to the file.
            Method::Raw => Bytes::copy_from_slice(&self.stored(location)?[range]),
            Method::Zstd => self.decoded(location)?.slice(range),
        };
        if Id::of(kind, &bytes) != object.id {
            return Err(damaged(
                location,
                Flaw::new("block", "contents", "do not have the object's id"),
            ));
        }
        Ok(bytes)
    }

    /// The plain bytes of the location's block, not checked yet but for their length.
    fn decoded(&self, location: &Location<'_>) -> Result<Bytes> {
        let block = location.block;
        let slot = self
            .cache
            .slot((location.segment.name, block.offset), block.plain_len as usize);
        let mut slot = slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(bytes) = &*slot {
            return Ok(bytes.clone());
        }
        let plain = decompress(&self.stored(location)?, block.plain_len as usize)
            .map_err(|flaw| damaged(location, flaw))?;
        Ok(slot.insert(Bytes::from(plain)).clone())
    }

    fn stored(&self, location: &Location<'_>) -> Result<Bytes> {
        let (name, block) = (location.segment.name, location.block);
        let range = block.offset..block.offset + u64::from(block.stored_len);
        let read = self.store.read_range(name, range);
        read.map_err(|error| {
            damaged(
                location,
                Flaw::new("block", "contents", format!("cannot be read: {error}")),
            )
        })
    }
}

fn damaged(location: &Location<'_>, flaw: Flaw) -> Error {
    Error::Damaged(Box::new(Damage {
        file: location.segment.name.to_string(),
        offset: Some(location.block.offset),
        object: Some((location.object.kind, location.object.id)),
        flaw,
    }))
}
