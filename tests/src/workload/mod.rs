//! A server with its connectors, generated from a seed, and the changes that happen to it.
//!
//! [`Workload::create`] lays down a shadow post office, the connector's data with its mapping rules, work files and
//! correlation tables, a Lotus Notes client, cc:Mail's programs, a GroupWise API directory and backup sets. It keeps
//! the size rules of an MS Mail post office (Q77926), and makes empty files and directories where such a server has
//! them. [`Workload::step`] changes the tree as one step between two snapshots does.
//!
//! Bytes, names and times depend on the seed and the sizes only: neither on the machine nor on the number of
//! threads. Modes and owners are those that the process gives. No content is real.

mod plan;
mod step;
pub mod table;
mod text;

use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use crate::context;
use crate::prng::Rng;
use plan::{Content, Job};

pub use step::StepSummary;

/// Exchange's directory, below the root.
pub const EXCHSRVR: &str = "Exchsrvr";
/// The shadow post office of the MS Mail connector, below the root.
pub const MAILDATA: &str = "Exchsrvr/Connect/Msmcon/Maildata";
/// The data of the Notes and GroupWise connectors, below the root.
pub const CONNDATA: &str = "Exchsrvr/Conndata";
/// The correlation tables, below the root.
pub const TABLES: &str = "Exchsrvr/Conndata/Tables";
/// The Lotus Notes client, below the root.
pub const NOTES: &str = "Lotus/Notes";
/// The cc:Mail post office's programs, below the root.
pub const CCMAIL: &str = "ccmail";
/// The GroupWise API directory, below the root.
pub const GROUPWISE_API: &str = "WPDOMAIN/WPGATE/API";
/// The backup sets, below the root.
pub const BACKUPS: &str = "backups";

/// The first of March 2001, seconds since 1970: nothing is younger when the tree is created.
const CREATED_S: u64 = 983_404_800;
/// The first of June 2001; step `n` happens `n` minutes later.
const STEPS_S: u64 = 991_353_600;

/// A tree that can be generated: the seed and how much of what.
///
/// ```
/// use restante_tests::workload::Workload;
///
/// let mine = Workload { seed: 7, table_count: 1, ..Workload::tiny() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Decides all content.
    pub seed: u64,
    /// Mails, and a `.KEY` and a `.MBG` file for each mailbox, together; at least 100.
    pub small_files: usize,
    /// Bytes of all correlation tables together. Each has at least 20 pages of 4 KiB.
    pub tables_bytes: u64,
    /// How many correlation tables there are.
    pub table_count: usize,
    /// Bytes of all attachments together; they do not compress.
    pub attachments_bytes: u64,
}

/// What [`Workload::create`] made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files, the empty ones included.
    pub files: u64,
    /// Directories, the root not included.
    pub directories: u64,
    /// Bytes in the files.
    pub bytes: u64,
}

impl Workload {
    /// A few hundred files, about 2 MB: for tests.
    pub fn tiny() -> Self {
        Self {
            seed: 1,
            small_files: 120,
            tables_bytes: 768 << 10,
            table_count: 3,
            attachments_bytes: 256 << 10,
        }
    }

    /// About 2,200 files, 52 MB: for measurements that must not take long.
    pub fn small() -> Self {
        Self {
            seed: 1,
            small_files: 2_000,
            tables_bytes: 24 << 20,
            table_count: 3,
            attachments_bytes: 12_000_000,
        }
    }

    /// About 34,000 files, 1.07 GB: 512 MiB of tables, 0.3 GB of attachments, the rest small files.
    pub fn full() -> Self {
        Self {
            seed: 1,
            small_files: 33_000,
            tables_bytes: 512 << 20,
            table_count: 3,
            attachments_bytes: 300_000_000,
        }
    }

    /// The size called `tiny`, `small` or `full`.
    pub fn named(size: &str) -> Option<Self> {
        match size {
            "tiny" => Some(Self::tiny()),
            "small" => Some(Self::small()),
            "full" => Some(Self::full()),
            _ => None,
        }
    }

    /// How many mailboxes, each with a `.KEY` and a `.MBG` file.
    pub fn mailboxes(&self) -> u64 {
        (self.small_files as u64 / 20).max(20)
    }

    /// How many mails there are at first.
    pub fn mails(&self) -> u64 {
        (self.small_files as u64)
            .saturating_sub(2 * self.mailboxes())
            .max(60)
    }

    /// How many pages each correlation table has.
    pub fn pages_per_table(&self) -> u64 {
        (self.tables_bytes / self.table_count.max(1) as u64 / table::PAGE_BYTES).max(20)
    }

    /// The paths of the correlation tables below the root.
    pub fn tables(&self) -> Vec<String> {
        const KNOWN: [&str; 3] = ["notescor", "gwcor", "dxacor"];
        let name = |i: usize| {
            KNOWN
                .get(i)
                .map_or_else(|| format!("cor{i:04}"), |&name| name.to_owned())
        };
        (0..self.table_count)
            .map(|i| format!("{TABLES}/{}.tbl", name(i)))
            .collect()
    }

    /// Where mail `index` lies: those of the beginning come first, those of the steps follow.
    fn mail_path(&self, index: u64) -> String {
        let id = scramble(index);
        format!("{MAILDATA}/MAI/MA{:X}/{id:08X}.MAI", id & 15)
    }

    fn mailbox_path(&self, mailbox: u64, extension: &str) -> String {
        format!(
            "{MAILDATA}/{extension}/{:08X}.{extension}",
            scramble(mailbox) ^ 0x5a5a_0000
        )
    }

    /// Lays the tree down in `root`, which is made where it does not exist, with two threads.
    ///
    /// # Errors
    ///
    /// Where a file exists already or cannot be written.
    pub fn create(&self, root: &Path) -> io::Result<Summary> {
        let plan = plan::Plan::of(self);
        for directory in &plan.directories {
            let path = root.join(directory);
            fs::create_dir_all(&path).map_err(|e| context(format!("making directory {path:?}"), e))?;
        }
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let work = || {
            let mut bytes = 0;
            let mut buffer = Vec::new();
            while let Some(job) = plan.jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.write(root, job, &mut buffer) {
                    Ok(written) => bytes += written,
                    Err(e) => {
                        next.store(plan.jobs.len(), Ordering::Relaxed);
                        *failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(e);
                    }
                }
            }
            bytes
        };
        let bytes = std::thread::scope(|scope| {
            let other = scope.spawn(work);
            let mine = work();
            other.join().map(|theirs| mine + theirs)
        });
        if let Some(e) = failure
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
        {
            return Err(e);
        }
        for directory in &plan.directories {
            set_directory_time(&root.join(directory), created(self.seed, directory))?;
        }
        Ok(Summary {
            files: plan.jobs.len() as u64,
            directories: plan.directories.len() as u64 - 1,
            bytes: bytes.map_err(|_| io::Error::other("a thread of the generator panicked"))?,
        })
    }

    /// Makes one file of the plan. Returns its size.
    fn write(&self, root: &Path, job: &Job, buffer: &mut Vec<u8>) -> io::Result<u64> {
        let path = root.join(&job.path);
        let mut fill = || {
            let mut file = File::create_new(&path)?;
            let mut bytes = 0;
            if let Content::Table { pages } = job.content {
                const PAGES_AT_ONCE: u64 = 256;
                for first in (0..pages).step_by(PAGES_AT_ONCE as usize) {
                    let count = PAGES_AT_ONCE.min(pages - first);
                    buffer.resize((count * table::PAGE_BYTES) as usize, 0);
                    let bytes_of_pages = buffer.chunks_exact_mut(table::PAGE_BYTES as usize);
                    for (page, bytes) in (first..).zip(bytes_of_pages) {
                        table::page(self.seed, &job.path, page, bytes);
                    }
                    file.write_all(buffer)?;
                    bytes += buffer.len() as u64;
                }
            } else {
                job.content.generate(self.seed, &job.path, buffer);
                file.write_all(buffer)?;
                bytes = buffer.len() as u64;
            }
            file.set_times(FileTimes::new().set_modified(created(self.seed, &job.path)))?;
            Ok(bytes)
        };
        fill().map_err(|e: io::Error| context(format!("making file {path:?}"), e))
    }
}

/// Distinct numbers that look like those of a post office: a bijection on 32 bits.
fn scramble(index: u64) -> u32 {
    (index as u32).wrapping_mul(0x9e37_79b1)
}

/// When `path` was changed last before the first step: some time in half a year, in whole units of 100 ns, since
/// Windows keeps no finer ones.
fn created(seed: u64, path: &str) -> SystemTime {
    let mut rng = Rng::derive(seed, path, u64::MAX);
    let seconds = CREATED_S - rng.below(180 * 86_400);
    SystemTime::UNIX_EPOCH + Duration::new(seconds, rng.below(10_000_000) as u32 * 100)
}

/// Gives a directory its time; where directories cannot be opened, they keep the one that they have.
fn set_directory_time(path: &Path, time: SystemTime) -> io::Result<()> {
    if cfg!(unix) {
        let set = || File::open(path)?.set_times(FileTimes::new().set_modified(time));
        set().map_err(|e| context(format!("setting the time of {path:?}"), e))?;
    }
    Ok(())
}
/// Appends the bytes of the files in `folder` and below, by name.
///
/// # Errors
///
/// Where something in it cannot be read.
pub fn read_all(folder: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_all(&path, bytes)?;
        } else {
            bytes.extend(fs::read(path)?);
        }
    }
    Ok(())
}
