//! What happens between two snapshots.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::context;
use crate::prng::Rng;

use super::table::{self, RECORD_BYTES, RECORDS_PER_PAGE};
use super::{MAILDATA, STEPS_S, Workload, plan, set_directory_time, text};

/// Records overwritten in each table.
const RECORDS: u64 = 200;
/// Mails that arrive.
const NEW: u64 = 20;
/// Mails that go.
const DELETED: u64 = 10;
/// Mails that are written anew.
const REWRITTEN: u64 = 10;
/// Mailboxes that notice: four bytes change in the `.KEY` file, and the `.MBG` file gets a record.
const NOTIFIED: u64 = 20;
/// Address changes that REQTRANS.GLB gets, and the size of one, bytes.
const TRANSACTIONS: usize = 5;
const TRANSACTION_BYTES: usize = 64;

/// What [`Workload::step`] changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepSummary {
    /// Records of 256 bytes overwritten in place, in all tables together.
    pub records: u64,
    /// Tables that have such records.
    pub tables: u64,
    /// New mail files.
    pub mails_new: u64,
    /// Mail files deleted.
    pub mails_deleted: u64,
    /// Mail files written anew, as long as before or not.
    pub mails_rewritten: u64,
    /// `.KEY` files in which four bytes changed.
    pub keys_changed: u64,
    /// `.MBG` files that grew by one record.
    pub mailboxes_grown: u64,
    /// Other files that grew: REQTRANS.GLB and a log.
    pub files_grown: u64,
    /// Bytes written in all that.
    pub bytes_changed: u64,
}

impl StepSummary {
    /// Mails touched: new, deleted, written anew, or marked in a `.KEY` file.
    pub fn mails_changed(&self) -> u64 {
        self.mails_new + self.mails_deleted + self.mails_rewritten + self.keys_changed
    }

    /// Files that are there afterwards and were not, or not so, before.
    pub fn files_changed(&self) -> u64 {
        self.tables
            + self.mails_new
            + self.mails_rewritten
            + self.keys_changed
            + self.mailboxes_grown
            + self.files_grown
    }
}

/// `count` different numbers from `range`.
fn distinct(rng: &mut Rng, range: std::ops::Range<u64>, count: u64) -> BTreeSet<u64> {
    let count = count.min(range.end - range.start) as usize;
    let mut chosen = BTreeSet::new();
    while chosen.len() < count {
        chosen.insert(range.start + rng.below(range.end - range.start));
    }
    chosen
}

/// Makes a file different, and gives it the time of the step.
fn change(
    path: &Path,
    time: SystemTime,
    how: &OpenOptions,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let doing = || {
        let mut file = how.open(path)?;
        write(&mut file)?;
        file.set_times(FileTimes::new().set_modified(time))
    };
    doing().map_err(|e| context(format!("changing {path:?}"), e))
}

impl Workload {
    /// Changes the tree in `root` as it changes between two snapshots.
    ///
    /// In each correlation table 200 records are overwritten in place. 60 mails change: 20 arrive, for which 20
    /// mailboxes get 4 other bytes in their `.KEY` file and a record at the end of their `.MBG` file; 10 are deleted;
    /// 10 are written anew. REQTRANS.GLB and a log grow. What was touched is dated `n` minutes after the first of
    /// June 2001.
    ///
    /// The result depends on the workload and `n` only, provided that the steps are taken one after the other from 1.
    ///
    /// # Errors
    ///
    /// Where `n` is 0, the tree is not this workload's after step `n - 1`, or something cannot be written.
    pub fn step(&self, root: &Path, n: u64) -> io::Result<StepSummary> {
        if n == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "steps are counted from 1",
            ));
        }
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(STEPS_S + 60 * n);
        let mut step = Step {
            workload: self,
            root,
            n,
            time,
            rng: Rng::derive(self.seed, "step", n),
            done: StepSummary::default(),
        };
        step.tables()?;
        step.mails()?;
        step.logs()?;
        Ok(step.done)
    }

    /// Mails in the order in which they are deleted: those of the beginning in a seemingly random one, then those
    /// that came later. So each step knows which mails are left without keeping a record.
    fn mail_to_go(&self, position: u64) -> u64 {
        const STRIDE: u64 = 2_147_483_647;
        let mails = self.mails();
        if position < mails {
            position * STRIDE % mails
        } else {
            position
        }
    }
}

struct Step<'a> {
    workload: &'a Workload,
    root: &'a Path,
    n: u64,
    time: SystemTime,
    rng: Rng,
    done: StepSummary,
}

impl Step<'_> {
    fn tables(&mut self) -> io::Result<()> {
        let records = self.workload.pages_per_table() * RECORDS_PER_PAGE;
        for path in self.workload.tables() {
            let numbers = distinct(&mut self.rng, 0..records, RECORDS);
            let (rng, n) = (&mut self.rng, self.n);
            change(
                &self.root.join(path),
                self.time,
                OpenOptions::new().write(true),
                |file| {
                    let mut record = [0; RECORD_BYTES as usize];
                    for &number in &numbers {
                        table::record(rng, number, n, &mut record);
                        file.seek(SeekFrom::Start(table::record_offset(number)))?;
                        file.write_all(&record)?;
                    }
                    Ok(())
                },
            )?;
            self.done.tables += 1;
            self.done.records += numbers.len() as u64;
            self.done.bytes_changed += numbers.len() as u64 * RECORD_BYTES;
        }
        Ok(())
    }

    fn mails(&mut self) -> io::Result<()> {
        let (workload, n) = (self.workload, self.n);
        let came = workload.mails() + NEW * (n - 1);
        let gone = DELETED * (n - 1);
        let mut directories = BTreeSet::new();
        let mut place = |mail: u64| {
            let path = self.root.join(workload.mail_path(mail));
            directories.extend(path.parent().map(Path::to_owned));
            path
        };
        let new: Vec<PathBuf> = (came..came + NEW).map(&mut place).collect();
        let old: Vec<PathBuf> = (gone..gone + DELETED)
            .map(|position| place(workload.mail_to_go(position)))
            .collect();
        for path in &old {
            fs::remove_file(path).map_err(|e| context(format!("deleting {path:?}"), e))?;
            self.done.mails_deleted += 1;
        }
        for path in &new {
            self.write_mail(path, OpenOptions::new().write(true).create_new(true))?;
            self.done.mails_new += 1;
        }
        for position in distinct(&mut self.rng, gone + DELETED..came, REWRITTEN) {
            let path = self.root.join(workload.mail_path(workload.mail_to_go(position)));
            self.write_mail(&path, OpenOptions::new().write(true).truncate(true))?;
            self.done.mails_rewritten += 1;
        }
        for directory in directories {
            set_directory_time(&directory, self.time)?;
        }
        for mailbox in distinct(&mut self.rng, 0..workload.mailboxes(), NOTIFIED) {
            self.notify(mailbox)?;
        }
        Ok(())
    }

    fn write_mail(&mut self, path: &Path, how: &OpenOptions) -> io::Result<()> {
        let bytes = plan::mail_bytes(&mut self.rng);
        let mut mail = Vec::new();
        text::mail(&mut self.rng, bytes as usize, &mut mail);
        self.done.bytes_changed += mail.len() as u64;
        change(path, self.time, how, |file| file.write_all(&mail))
    }

    fn notify(&mut self, mailbox: u64) -> io::Result<()> {
        let key = self.root.join(self.workload.mailbox_path(mailbox, "KEY"));
        let slot = 64 + 4 * self.rng.below(24);
        // An odd number differs from 0, so that each of the four bytes changes.
        let flips = (self.rng.next_u64() as u32 | 0x0101_0101).to_le_bytes();
        change(
            &key,
            self.time,
            OpenOptions::new().read(true).write(true),
            |file| {
                let mut bytes = [0; 4];
                file.seek(SeekFrom::Start(slot))?;
                file.read_exact(&mut bytes)?;
                bytes.iter_mut().zip(flips).for_each(|(byte, flip)| *byte ^= flip);
                file.seek(SeekFrom::Start(slot))?;
                file.write_all(&bytes)
            },
        )?;
        let mut record = [0; plan::HEADER_BYTES];
        plan::header_record(&mut self.rng, &mut record);
        let headers = self.root.join(self.workload.mailbox_path(mailbox, "MBG"));
        change(&headers, self.time, OpenOptions::new().append(true), |file| {
            file.write_all(&record)
        })?;
        self.done.keys_changed += 1;
        self.done.mailboxes_grown += 1;
        self.done.bytes_changed += 4 + record.len() as u64;
        Ok(())
    }

    fn logs(&mut self) -> io::Result<()> {
        let mut transactions = vec![0; TRANSACTIONS * TRANSACTION_BYTES];
        for (number, transaction) in (0..).zip(transactions.chunks_exact_mut(TRANSACTION_BYTES)) {
            let person = text::Person::any(&mut self.rng);
            let text = format!(
                "{:06}M{} {}",
                self.n * TRANSACTIONS as u64 + number,
                person.first,
                person.last
            );
            transaction[..text.len()].copy_from_slice(text.as_bytes());
        }
        let lines = text::log(&mut self.rng, 400);
        for (name, bytes) in [("GLB/REQTRANS.GLB", &transactions), ("LOG/PCMTA.LOG", &lines)] {
            let path = self.root.join(MAILDATA).join(name);
            change(&path, self.time, OpenOptions::new().append(true), |file| {
                file.write_all(bytes)
            })?;
            self.done.files_grown += 1;
            self.done.bytes_changed += bytes.len() as u64;
        }
        Ok(())
    }
}
