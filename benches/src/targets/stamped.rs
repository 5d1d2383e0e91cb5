//! Tables of which it can be told whether they are as they were at one moment.
//!
//! Change number `n` rewrites one record, which one and with what following from `n` alone; the record begins with
//! `n`. The largest number in a table thus says which moment it should be of, and every other record what it should
//! hold.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use restante_tests::prng::Rng;

/// Size of a record, bytes.
const RECORD: usize = 256;

/// Changes a table in place.
pub(super) struct Writer {
    table: u64,
    file: File,
    records: u64,
    /// The number of the last change.
    last: u64,
}

impl Writer {
    /// Makes the table of that number.
    pub(super) fn create(table: u64, path: &Path, bytes: u64) -> io::Result<Self> {
        let records = bytes / RECORD as u64;
        let mut contents = Vec::with_capacity(records as usize * RECORD);
        for number in 0..records {
            contents.extend(first(table, number));
        }
        fs::write(path, contents)?;
        Ok(Self {
            table,
            file: File::options().write(true).open(path)?,
            records,
            last: 0,
        })
    }

    /// Changes so many records.
    pub(super) fn change(&mut self, count: u64) -> io::Result<()> {
        for _ in 0..count {
            let number = self.last + 1;
            let at = place(self.table, number, self.records) * RECORD as u64;
            self.file.write_all_at(&changed(self.table, number), at)?;
            self.last = number;
        }
        Ok(())
    }
}

/// Whether a table is as it was at one moment; else says where it is not.
pub(super) fn check(table: u64, path: &Path, bytes: u64) -> io::Result<Result<(), String>> {
    let contents = fs::read(path)?;
    if contents.len() as u64 != bytes {
        return Ok(Err(format!("{} bytes, not {bytes}", contents.len())));
    }
    let records = bytes / RECORD as u64;
    let number_of = |record: &[u8]| {
        let beginning = record.first_chunk::<8>().copied();
        u64::from_le_bytes(beginning.unwrap_or_default())
    };
    let last = contents.chunks(RECORD).map(number_of).max().unwrap_or(0);
    // A record that no change wrote could claim any number.
    if last > records * 1000 {
        return Ok(Err(format!("a record with number {last}, which no change has")));
    }
    let mut newest = vec![0; records as usize];
    for number in 1..=last {
        newest[place(table, number, records) as usize] = number;
    }
    for (at, (record, number)) in (0..).zip(contents.chunks(RECORD).zip(newest)) {
        let wanted = match number {
            0 => first(table, at),
            _ => changed(table, number),
        };
        if record != wanted {
            return Ok(Err(format!(
                "record {at} is of change {}, not of change {number}, though change {last} is there",
                number_of(record)
            )));
        }
    }
    Ok(Ok(()))
}

/// A table after so many changes.
pub(super) fn contents(table: u64, bytes: u64, changes: u64) -> Vec<u8> {
    let records = bytes / RECORD as u64;
    let mut contents: Vec<[u8; RECORD]> = (0..records).map(|number| first(table, number)).collect();
    for number in 1..=changes {
        contents[place(table, number, records) as usize] = changed(table, number);
    }
    contents.concat()
}

/// Which record a change rewrites.
fn place(table: u64, number: u64, records: u64) -> u64 {
    Rng::derive(table, "place", number).below(records)
}

/// A record as it is at first.
fn first(table: u64, at: u64) -> [u8; RECORD] {
    filled(table, "first", at, 0)
}

/// A record as a change writes it.
fn changed(table: u64, number: u64) -> [u8; RECORD] {
    filled(table, "changed", number, number)
}

fn filled(table: u64, label: &str, which: u64, number: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    // A part of it compresses, as in any table.
    Rng::derive(table, label, which).fill(&mut record[8..96]);
    record[..8].copy_from_slice(&number.to_le_bytes());
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_two_moments_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        let mut writer = Writer::create(3, &path, 1 << 16).unwrap();
        assert_eq!(check(3, &path, 1 << 16).unwrap(), Ok(()));
        writer.change(100).unwrap();
        assert_eq!(check(3, &path, 1 << 16).unwrap(), Ok(()));
        let before = fs::read(&path).unwrap();
        writer.change(50).unwrap();
        let after = fs::read(&path).unwrap();
        assert!(after == contents(3, 1 << 16, 150));
        assert_eq!(check(3, &path, 1 << 16).unwrap(), Ok(()));
        let half = before.len() / 2;
        fs::write(&path, [&before[..half], &after[half..]].concat()).unwrap();
        let found = check(3, &path, 1 << 16).unwrap();
        assert!(found.unwrap_err().contains("is of change"));
        fs::write(&path, &after[..half]).unwrap();
        assert!(check(3, &path, 1 << 16).unwrap().is_err());
    }
}
