//! A whole table, compared with its check.

use super::{Table, flaw};
use crate::error::{Error, Result};
use crate::wire::{TABLE_CHECK_BYTES, TableCheck};

/// How much is read at once.
const READ_BYTES: u64 = 1 << 20;

impl Table {
    /// Reads all of it and compares it with the check at its end.
    pub fn check(&self) -> Result<()> {
        let mut check = TableCheck::default();
        let end = self.head.lines_end();
        let mut buffer = vec![0; READ_BYTES.min(end) as usize];
        let mut at = 0;
        while at < end {
            let count = READ_BYTES.min(end - at);
            let bytes = &mut buffer[..count as usize];
            self.read_into(at, bytes)?;
            check.update(bytes);
            at += count;
        }
        let mut recorded = [0; TABLE_CHECK_BYTES];
        self.read_into(end, &mut recorded)?;
        match recorded == check.finish() {
            true => Ok(()),
            false => Err(Error::damaged(
                self.name.to_string(),
                Some(end),
                flaw("check", "does not match the contents"),
            )),
        }
    }
}
