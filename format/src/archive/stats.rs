//! How large things are.

use super::Archive;

/// Sizes and numbers of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Snapshots.
    pub snapshots: u64,
    /// Segments.
    pub segments: u64,
    /// Different objects.
    pub objects: u64,
    /// Bytes of all files in all snapshots, as if each were kept whole.
    pub plain_bytes: u64,
    /// Bytes of the different objects before compression.
    pub unique_bytes: u64,
    /// Bytes of all files of the archive.
    pub stored_bytes: u64,
}

impl Archive {
    /// Counts what the archive holds.
    pub fn stats(&self) -> Stats {
        let index = self.reader.index();
        let config = match self.is_single {
            false => crate::wire::CONFIG_BYTES as u64,
            true => 0,
        };
        let tables = index.coverings().iter().map(|covering| covering.table().len());
        let (mut snapshots, mut plain_bytes) = (0, 0_u64);
        for moment in self.catalog.oldest_first() {
            snapshots += 1;
            plain_bytes = plain_bytes.saturating_add(moment.state.snapshot.counts.bytes);
        }
        Stats {
            snapshots,
            segments: index.segment_count() as u64,
            objects: index.object_count() as u64,
            plain_bytes,
            unique_bytes: index.objects().map(|at| u64::from(at.plain_len())).sum(),
            stored_bytes: config + index.files().map(|(_, len)| len).chain(tables).sum::<u64>(),
        }
    }
}
