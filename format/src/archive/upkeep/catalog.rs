//! Merging what segments say about snapshots.

use std::sync::Arc;

use super::Merged;
use crate::archive::Archive;
use crate::catalog::{Moment, Packer};
use crate::error::{Error, Result};
use crate::index::IndexedSegment;
use crate::segment::SealedSegment;

impl Archive {
    /// Merges segments of the catalogue.
    pub(super) fn merge_catalog(
        &mut self,
        sources: &[Arc<IndexedSegment>],
        merged: &mut Merged,
    ) -> Result<()> {
        let made = self.pack(sources, |_| true)?;
        self.replace(sources, made, merged)
    }

    /// The moments of some segments that are kept, packed anew.
    pub(in crate::archive) fn pack(
        &self,
        sources: &[Arc<IndexedSegment>],
        is_kept: impl Fn(&Moment) -> bool,
    ) -> Result<Vec<SealedSegment>> {
        let names: Vec<_> = sources.iter().map(|source| source.name).collect();
        let mut runs = self.catalog.runs();
        runs.retain(|run| names.contains(&run.segment));
        let (mut made, mut packer) = (Vec::new(), Packer::new(self.config.archive));
        for moment in self.catalog.moments_of(&runs).filter(is_kept) {
            if packer.is_full_for(&moment) {
                let full = std::mem::replace(&mut packer, Packer::new(self.config.archive));
                made.extend(full.finish()?);
            }
            packer.add(moment)?;
        }
        made.extend(packer.finish()?);
        // What could not be read would be left out without a word.
        self.refuse_catalog_damage()?;
        Ok(made)
    }

    /// Fails if something of the catalogue could not be read.
    pub(in crate::archive) fn refuse_catalog_damage(&self) -> Result<()> {
        match self.catalog.damage().first() {
            Some(damage) => Err(Error::Request(format!(
                "nothing of the catalogue is rewritten while some of it is damaged: {damage}"
            ))),
            None => Ok(()),
        }
    }
}
