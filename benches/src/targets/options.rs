//! The command line of `targets`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use restante_tests::workload::Workload;

use crate::options::{absolute, number};

/// What `targets --help` says.
pub const HELP: &str = "\
targets: what Restante is to reach, each target as a ratio of two measurements taken in turn

  targets [OPTIONS] MEASUREMENT...

  threads       one large file of random bytes, cut and hashed with one thread and with two
  tables        four large tables with 200 records changed in each, beside a BLAKE3 pass over them
  whole         the generated tree: first snapshot beside tar | zstd, nothing changed beside find, one step, restore
                beside cp, verify; each beside bupstash, too
  steps         many steps of the generated tree: stored by each, restore of the newest beside that of the first
  releases      the releases of a source tree as snapshots, beside the peers and git pack-objects; needs --releases
  memory        peak memory for a sparse file, dense files and a crowded folder
  watch         a snapshot of three tables every second while a writer changes them in place: none lost, no memory that
                grows, what is restored is of one moment
  many          very many snapshots of one connector, a minute apart: commits, files, bytes of a tick, the newest ten, a list
                of all, one file at a time, a file's history, the oldest half forgotten and pruned; best with --dir in memory
  index         tables of the index over objects that never were: how fast ids are found, and with how much memory
  all           all of these; releases only with --releases

  --runs N              how often each figure is taken (default: 5)
  --size tiny|small|full
                        the tree of whole and steps (default: full)
  --steps N             the steps of steps (default: 1000)
  --releases DIR        a folder of folders, one for each release, named by version
  --file-mib N          the file of threads (default: 1024)
  --tables-mib N        the tables of tables (default: 512)
  --sparse-gb N         the sparse file of memory (default: 64)
  --dense-mib N         the dense files of memory (default: 2048)
  --entries N           the crowded folder of memory (default: 1000000)
  --watch-seconds N     how long watch takes (default: 600)
  --snapshots N         the snapshots of many (default: 1000000)
  --changes N           how many of them find changes (default: a hundredth)
  --jitter              many takes them a second time, each up to a millisecond late
  --rows N              the objects of index, also as 1e8 (default: 1e8)
  --restante PATH       the program to measure (default: restante beside this program)
  --dir DIR             where trees and repositories lie meanwhile (default: the system's temporary folder)
  --json FILE           writes every single figure there, too
  -h, --help            prints this

Examples:
  targets all --releases releases --json targets.json
  targets --runs 1 --size tiny --steps 20 --file-mib 64 --tables-mib 16 --sparse-gb 1 --dense-mib 64 \\
          --entries 10000 --watch-seconds 10 --snapshots 10000 all
  targets many --jitter --dir /dev/shm

Exit codes: 0 every target is reached; 1 one is not, or something failed; 2 wrong usage.
";

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measurement {
    /// One large file by one thread and by two.
    Threads,
    /// Tables in which records change.
    Tables,
    /// Whole runs on the generated tree.
    Whole,
    /// Many steps.
    Steps,
    /// Releases of a source tree.
    Releases,
    /// Peak memory.
    Memory,
    /// Snapshots on schedule.
    Watch,
    /// Very many snapshots.
    Many,
    /// Finding objects by tables.
    Index,
}

impl Measurement {
    /// All, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Threads,
        Self::Tables,
        Self::Whole,
        Self::Steps,
        Self::Releases,
        Self::Memory,
        Self::Watch,
        Self::Many,
        Self::Index,
    ];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Tables => "tables",
            Self::Whole => "whole",
            Self::Steps => "steps",
            Self::Releases => "releases",
            Self::Memory => "memory",
            Self::Watch => "watch",
            Self::Many => "many",
            Self::Index => "index",
        }
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is measured, in this order.
    pub measurements: Vec<Measurement>,
    /// How often.
    pub runs: usize,
    /// The name of the tree's size.
    pub size: String,
    /// The tree.
    pub workload: Workload,
    /// How many steps it takes.
    pub steps: usize,
    /// The folder of releases.
    pub releases: Option<PathBuf>,
    /// Bytes of the file that threads share.
    pub file_bytes: u64,
    /// Bytes of the tables.
    pub tables_bytes: u64,
    /// Bytes of the sparse file.
    pub sparse_bytes: u64,
    /// Bytes of each dense file.
    pub dense_bytes: u64,
    /// Entries of the crowded folder.
    pub entries: usize,
    /// How many seconds snapshots are taken on schedule.
    pub watch_seconds: u64,
    /// How many snapshots are very many.
    pub snapshots: u64,
    /// How many of them find changes; none says that a hundredth does.
    changes: Option<u64>,
    /// Whether they are taken a second time, none at its exact minute.
    pub jitter: bool,
    /// The objects of the index.
    pub rows: u64,
    /// The program that this project makes.
    pub restante: PathBuf,
    /// Where trees and repositories lie.
    pub dir: PathBuf,
    /// Where the figures are written.
    pub json: Option<PathBuf>,
}

impl Options {
    /// What `words` ask for, or `None` where they ask for help. `beside` is the folder of the running program.
    ///
    /// # Errors
    ///
    /// What is wrong with them, for people.
    pub fn parse(
        words: impl IntoIterator<Item = OsString>,
        beside: Option<&Path>,
    ) -> Result<Option<Self>, String> {
        let mut options = Self {
            measurements: Vec::new(),
            runs: 5,
            size: "full".into(),
            workload: Workload::full(),
            steps: 1000,
            releases: None,
            file_bytes: 1024 << 20,
            tables_bytes: 512 << 20,
            sparse_bytes: 64_000_000_000,
            dense_bytes: 2048 << 20,
            entries: 1_000_000,
            watch_seconds: 600,
            snapshots: 1_000_000,
            changes: None,
            jitter: false,
            rows: 100_000_000,
            restante: beside.unwrap_or(Path::new(".")).join("restante"),
            dir: std::env::temp_dir(),
            json: None,
        };
        let mut wants_all = false;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let word = word.to_string_lossy().into_owned();
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "-h" | "--help" => return Ok(None),
                "all" => wants_all = true,
                "--runs" => options.runs = at_least_one(&word, &value()?)?,
                "--size" => {
                    options.size = value()?.to_string_lossy().into_owned();
                    options.workload = Workload::named(&options.size)
                        .ok_or_else(|| format!("--size is tiny, small or full, not {:?}", options.size))?;
                }
                "--steps" => options.steps = at_least_one(&word, &value()?)?,
                "--releases" => options.releases = Some(absolute(&value()?)?),
                "--file-mib" => options.file_bytes = (at_least_one(&word, &value()?)? as u64) << 20,
                "--tables-mib" => options.tables_bytes = (at_least_one(&word, &value()?)? as u64) << 20,
                "--sparse-gb" => {
                    options.sparse_bytes = at_least_one(&word, &value()?)? as u64 * 1_000_000_000
                }
                "--dense-mib" => options.dense_bytes = (at_least_one(&word, &value()?)? as u64) << 20,
                "--watch-seconds" => options.watch_seconds = at_least_one(&word, &value()?)? as u64,
                "--snapshots" => options.snapshots = at_least_one(&word, &value()?)? as u64,
                "--changes" => options.changes = Some(at_least_one(&word, &value()?)? as u64),
                "--jitter" => options.jitter = true,
                "--entries" => options.entries = at_least_one(&word, &value()?)?,
                "--rows" => options.rows = rows(&word, &value()?)?,
                "--restante" => options.restante = absolute(&value()?)?,
                "--dir" => options.dir = absolute(&value()?)?,
                "--json" => options.json = Some(absolute(&value()?)?),
                _ => {
                    let known = Measurement::ALL.into_iter().find(|known| known.name() == word);
                    options.measurements.push(known.ok_or_else(|| {
                        format!("unknown option or measurement {word:?}; `targets --help` lists them")
                    })?);
                }
            }
        }
        if wants_all {
            let has_releases = options.releases.is_some();
            let all = Measurement::ALL.into_iter();
            options.measurements = all
                .filter(|which| *which != Measurement::Releases || has_releases)
                .collect();
        }
        if options.measurements.is_empty() {
            return Err("what is to be measured? `targets --help` lists what can be".into());
        }
        if options.measurements.contains(&Measurement::Releases) && options.releases.is_none() {
            return Err("releases needs --releases DIR; benches/README.md tells how to fetch some".into());
        }
        if options.changes() > options.snapshots {
            return Err("--changes takes no more than --snapshots".into());
        }
        Ok(Some(options))
    }

    /// How many of very many snapshots find changes.
    pub fn changes(&self) -> u64 {
        self.changes.unwrap_or((self.snapshots / 100).max(1))
    }
}

fn at_least_one(option: &str, text: &OsString) -> Result<usize, String> {
    match number(option, text)? {
        0 => Err(format!("{option} takes a number from 1")),
        value => Ok(value),
    }
}

/// A number that may be written as `1e8`.
fn rows(option: &str, text: &OsString) -> Result<u64, String> {
    let written = text.to_string_lossy();
    let Some((factor, exponent)) = written.split_once('e') else {
        return at_least_one(option, text).map(|rows| rows as u64);
    };
    let ten = exponent
        .parse()
        .ok()
        .and_then(|exponent| 10_u64.checked_pow(exponent));
    let rows = factor
        .parse::<u64>()
        .ok()
        .zip(ten)
        .and_then(|(factor, ten)| factor.checked_mul(ten));
    rows.filter(|rows| *rows > 0)
        .ok_or_else(|| format!("{option} takes a number from 1, such as 10000000 or 1e7"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(words.iter().map(OsString::from), Some(Path::new("/here")))
    }

    #[test]
    fn all_leaves_out_what_has_no_source() {
        let all = parse(&["all"]).unwrap().unwrap().measurements;
        assert_eq!(all.len(), Measurement::ALL.len() - 1);
        assert!(!all.contains(&Measurement::Releases));
        let all = parse(&["--releases", "x", "all"]).unwrap().unwrap().measurements;
        assert_eq!(all, Measurement::ALL);
        let some = parse(&["tables", "--tables-mib", "3", "threads"])
            .unwrap()
            .unwrap();
        assert_eq!(some.measurements, [Measurement::Tables, Measurement::Threads]);
        assert_eq!(some.tables_bytes, 3 << 20);
        assert_eq!(parse(&["--rows", "3e4", "index"]).unwrap().unwrap().rows, 30_000);
        assert_eq!(parse(&["-h"]), Ok(None));
        let many = parse(&["many", "--snapshots", "5000"]).unwrap().unwrap();
        assert_eq!((many.changes(), many.jitter), (50, false));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |words: &[&str]| parse(words).unwrap_err();
        assert!(error(&[]).starts_with("what is to be measured?"));
        assert!(error(&["releases"]).starts_with("releases needs --releases DIR"));
        assert_eq!(error(&["--runs", "0"]), "--runs takes a number from 1");
        assert!(error(&["many", "--snapshots", "3", "--changes", "4"]).starts_with("--changes"));
        assert!(error(&["table"]).contains("measurement \"table\""));
    }
}
