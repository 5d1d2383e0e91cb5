//! Snapshots into a file that is an archive by itself.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use super::carry::{Laying, carry};
use super::plan::Plan;
use super::reach::Reach;
use super::{Archive, Target};
use crate::catalog::{Moment, Packer};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::progress::Progress;
use crate::segment::{SegmentStream, StoredBlock};
use crate::store::write_single_file;

/// What an export did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The file's seal.
    pub seal: Id,
    /// Its length in bytes.
    pub bytes: u64,
    /// Snapshots in it.
    pub snapshots: u64,
    /// Objects in it that snapshots are made of.
    pub objects: u64,
    /// Those of them that no exported snapshot names: others are made from them.
    pub bases: u64,
}

impl Archive {
    /// Writes moments, which come in the order of time, with everything that they need into one file, which appears under its name when
    /// it is whole. A file that is there already is replaced only if that is asked for.
    pub fn export_to(
        &self,
        file: &Path,
        replace: bool,
        chosen: Vec<Moment>,
        progress: &Progress,
    ) -> Result<Exported> {
        if chosen.is_empty() {
            return Err(Error::Request("no snapshot was chosen".into()));
        }
        let nothing = Target(None);
        let mut reach = Reach::new(&self.reader, nothing, progress);
        for moment in &chosen {
            reach.snapshot(moment.state.snapshot.root, None)?;
        }
        let (index, wanted) = reach.finish()?;
        let plan = Plan::new(&index, &wanted, nothing);
        progress.total_bytes.store(plan.bytes, Ordering::Relaxed);
        let snapshots = chosen.len() as u64;
        let mut written = None;
        // What the closure cannot say to the store in full, it leaves here.
        let mut failure = None;
        let mut write = |out: &mut dyn Write| {
            let result = self.write_segment(file, &plan, &chosen, progress, out);
            result.map(|done| written = Some(done)).map_err(|error| {
                failure = Some(error);
                io::Error::other("the export failed")
            })
        };
        let result = write_single_file(file, replace, &mut write);
        match (result, failure, written) {
            (_, Some(error), _) => Err(error),
            (Ok(()), _, Some((seal, bytes))) => Ok(Exported {
                seal,
                bytes,
                snapshots,
                objects: plan.objects,
                bases: plan.bases,
            }),
            (Ok(()), _, None) => Err(Error::Request("nothing was written".into())),
            (Err(error), ..) => Err(Error::io("write", file.display().to_string())(error)),
        }
    }

    fn write_segment(
        &self,
        file: &Path,
        plan: &Plan,
        chosen: &[Moment],
        progress: &Progress,
        out: &mut dyn Write,
    ) -> Result<(Id, u64)> {
        let archive = self.config.archive;
        let stream = SegmentStream::begin(archive, file.display().to_string(), out)?;
        let mut laying = IntoFile(stream);
        carry(&self.reader, plan, self.carriage(), &mut laying, progress)?;
        let mut packer = Packer::new(archive);
        for moment in chosen {
            packer.add(moment.clone())?;
        }
        for block in packer.into_blocks()? {
            laying.lay(block)?;
        }
        laying.0.finish()
    }
}

/// Lays blocks into the one segment of a file.
struct IntoFile<'w>(SegmentStream<'w>);

impl Laying for IntoFile<'_> {
    fn lay(&mut self, block: StoredBlock) -> Result<()> {
        self.0.push(&block)
    }
}
