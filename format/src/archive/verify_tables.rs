//! Verification of the index: its tables can cost time, never data.

use std::sync::Arc;

use super::Archive;
use super::verify::{Damaged, VerifyLevel, VerifyReport};
use crate::error::{Error, Flaw, Result};
use crate::index::{Covering, IndexedSegment};
use crate::progress::Progress;
use crate::store::Name;

/// What damage to a table costs, and what to do.
const REMEDY: &str =
    "this costs time, never data: the file may be deleted, and a later snapshot writes it anew";

impl Archive {
    /// Reports the tables that are wrong; at the full level each is compared with its check and with the directories of its segments. One
    /// that is wrong is left out from then on. The answer is which segments are damaged, where some were opened for that.
    pub(super) fn check_tables(
        &self,
        level: VerifyLevel,
        progress: &Progress,
        report: &mut VerifyReport,
    ) -> Result<Option<Vec<Error>>> {
        if level == VerifyLevel::Full {
            self.compare_tables(progress)?;
        }
        let wrong = self.reader.wrong_tables();
        if wrong.is_empty() {
            return Ok(None);
        }
        let damage = self.catalog.refresh()?;
        let damaged = |(name, error): (Name, Arc<Error>)| {
            let damaged = Damaged::from_error(&error);
            Damaged {
                file: Some(name.to_string()),
                reason: format!("{} ({REMEDY})", damaged.reason),
                ..damaged
            }
        };
        report.damaged.extend(wrong.into_iter().map(damaged));
        Ok(Some(damage))
    }

    fn compare_tables(&self, progress: &Progress) -> Result<()> {
        self.reader.check_tables();
        let index = self.reader.index();
        for covering in index.coverings() {
            for (name, _) in covering.files() {
                progress.check()?;
                let Some(segment) = index.segment(name) else {
                    continue;
                };
                if let Err(error) = tells_of(covering, &segment) {
                    self.reader.distrust_table(covering.table().name(), error);
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Whether a table has all objects of a segment. It has no others: they are counted when it is opened.
fn tells_of(covering: &Covering, segment: &IndexedSegment) -> Result<()> {
    let table = covering.table();
    let differs = || {
        let flaw = Flaw::new("index table", "rows", "are not what a segment's directory says");
        Error::damaged(table.name().to_string(), None, flaw)
    };
    let number = covering.number_of(segment.name).ok_or_else(differs)?;
    let covered = table.segment(number).ok_or_else(differs)?;
    let objects = &segment.directory.objects;
    if covered.object_count as usize != objects.len()
        || objects.iter().any(|object| object.kind.is_of_catalog())
    {
        return Err(differs());
    }
    for (place, object) in (0..).map(|object| (number, object)).zip(objects) {
        table
            .find(&object.id, |found| (found == place).then_some(()))?
            .ok_or_else(differs)?;
    }
    Ok(())
}
