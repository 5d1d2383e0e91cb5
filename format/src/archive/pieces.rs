//! The pieces of one file as its content: one chunk, or a list.

use super::Archive;
use super::cut_file::Piece;
use super::examine::Before;
use super::lineage::NewObject;
use super::writer::Writer;
use crate::content::{ListBuilder, ObjectSink};
use crate::cutting::{Chunk, NewChunk};
use crate::error::Result;
use crate::id::{Id, Kind};
use crate::model::Content;
use crate::wire::Item;

/// The pieces of one file, on their way to being its content.
pub(super) struct Pieces<'a> {
    /// The first chunk, as long as it may be the only piece.
    first: Option<Item>,
    list: Option<ListBuilder<'a>>,
    archive: &'a Archive,
    /// The parent's list.
    list_before: Option<Id>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(archive: &'a Archive, before: Before) -> Self {
        let list_before = match before {
            Some((_, Content::List(id))) => Some(id),
            _ => None,
        };
        Self {
            first: None,
            list: None,
            archive,
            list_before,
        }
    }

    /// Adds the next piece; what is new in it is stored.
    pub(super) fn take(&mut self, piece: Piece, sink: &mut Writer<'_, '_>) -> Result<()> {
        let item = match piece {
            Piece::Hole(len) => Item { len, id: None },
            Piece::Chunk(Chunk { len, id, new, .. }) => {
                if let Some(NewChunk { bytes, replaced }) = new {
                    sink.put_identified(NewObject {
                        kind: Kind::Chunk,
                        id,
                        plain: bytes,
                        replaced,
                    })?;
                }
                Item {
                    len: len as u64,
                    id: Some(id),
                }
            }
        };
        if self.first.is_none() && self.list.is_none() && item.id.is_some() {
            self.first = Some(item);
            return Ok(());
        }
        let (reader, list_before) = (&self.archive.reader, self.list_before);
        let list = self.list.get_or_insert_with(|| match list_before {
            Some(list) => ListBuilder::replacing(reader, list),
            None => ListBuilder::default(),
        });
        if let Some(first) = self.first.take() {
            list.push(first, sink)?;
        }
        list.push(item, sink)
    }

    /// The content of a file of `size` bytes.
    pub(super) fn finish(self, size: u64, sink: &mut dyn ObjectSink) -> Result<Content> {
        let list = match self.list {
            Some(list) => list.finish(sink)?,
            None => None,
        };
        Ok(match (self.first.and_then(|item| item.id), list) {
            (Some(id), _) if size > 0 => Content::Chunk(id),
            (None, Some(id)) if size > 0 => Content::List(id),
            _ => Content::Empty,
        })
    }
}
