//! The command line of `peers`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use restante_tests::workload::Workload;

use crate::peers::LIMITS;
use crate::tool::Tool;

/// What `peers --help` says.
pub const HELP: &str = "\
peers: Restante and its peers side by side, on the same generated tree

  peers [OPTIONS]
  peers evolve [OPTIONS]   instead: dated snapshots of a small tree that changes nearly every time, one an hour; all of
                           them listed, most forgotten by a policy, the room freed (default: 300 snapshots, 5 runs)

  --size tiny|small|full   the tree: 2 MB, 52 MB or 1.07 GB (default: small)
  --runs N                 how often each step is measured; 0 leaves the first table out (default: 5)
  --snapshots N            how many snapshots of a small tree the second table is about; 0 leaves it out
                           (default: 200)
  --only NAME              only this program; may be repeated: restante, restic, rustic, borg, bupstash, limits
  --restante PATH          the program to measure (default: restante beside this program)
  --dir DIR                where trees and repositories lie meanwhile (default: the system's temporary folder)
  --json FILE              writes every single figure there, too
  -h, --help               prints this

Programs are looked for on PATH. Their configuration is not read and their usual caches are not touched.
A run of the full size needs 5 GB of room in DIR.

Examples:
  peers --size full --json peers.json
  peers evolve --json evolve.json
  peers --size tiny --runs 1 --snapshots 20 --only restante --only borg

Exit codes: 0 done, whatever peers failed at; 1 Restante failed at something, or the measurement did; 2 wrong usage.
";

/// How many snapshots an evolving tree has.
const EVOLVED: usize = 300;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether dated snapshots and their removal are measured, and nothing else.
    pub evolve: bool,
    /// How often each step is measured.
    pub runs: usize,
    /// How many snapshots the history gets.
    pub snapshots: usize,
    /// The name of the tree's size.
    pub size: String,
    /// The tree.
    pub workload: Workload,
    /// Names of the programs; empty for all.
    only: Vec<String>,
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
        let mut options = Self::only(&[]);
        options.restante = beside.unwrap_or(Path::new(".")).join("restante");
        let mut snapshots = None;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let word = word.to_string_lossy().into_owned();
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "-h" | "--help" => return Ok(None),
                "--runs" => options.runs = number(&word, &value()?)?,
                "evolve" => options.evolve = true,
                "--snapshots" => snapshots = Some(number(&word, &value()?)?),
                "--size" => {
                    options.size = value()?.to_string_lossy().into_owned();
                    options.workload = Workload::named(&options.size)
                        .ok_or_else(|| format!("--size is tiny, small or full, not {:?}", options.size))?;
                }
                "--only" => options.only.push(known_name(&value()?.to_string_lossy())?),
                "--restante" => options.restante = absolute(&value()?)?,
                "--dir" => options.dir = absolute(&value()?)?,
                "--json" => options.json = Some(absolute(&value()?)?),
                _ => return Err(format!("unknown option {word:?}; `peers --help` lists them")),
            }
        }
        options.snapshots = snapshots.unwrap_or(match options.evolve {
            true => EVOLVED,
            false => options.snapshots,
        });
        Ok(Some(options))
    }

    /// The defaults, for these programs alone; for all where there are none.
    pub(crate) fn only(names: &[&str]) -> Self {
        Self {
            evolve: false,
            runs: 5,
            snapshots: 200,
            size: "small".into(),
            workload: Workload::small(),
            only: names.iter().map(|name| (*name).to_owned()).collect(),
            restante: "restante".into(),
            dir: std::env::temp_dir(),
            json: None,
        }
    }

    /// Whether the program called `name` is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

pub(crate) fn number(option: &str, text: &OsString) -> Result<usize, String> {
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| format!("{option} takes a number, not {text:?}"))
}

fn known_name(name: &str) -> Result<String, String> {
    let mut names = Tool::ALL.iter().map(|tool| tool.name()).chain([LIMITS]);
    if names.any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let known = Tool::ALL.map(Tool::name).join(", ");
    Err(format!("--only takes {known} or {LIMITS}, not {name:?}"))
}

/// The programs run in other folders than this one, so that relative paths would lead elsewhere.
pub(crate) fn absolute(path: &OsString) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| format!("{path:?} is no path: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(words.iter().map(OsString::from), Some(Path::new("/here")))
    }

    #[test]
    fn defaults_and_values() {
        let options = parse(&[]).unwrap().unwrap();
        assert_eq!((options.runs, options.snapshots), (5, 200));
        assert_eq!(options.restante, Path::new("/here/restante"));
        assert!(options.wants("borg") && options.wants(LIMITS));
        let options = parse(&["--size", "tiny", "--runs", "1", "--only", "borg"])
            .unwrap()
            .unwrap();
        assert_eq!((options.runs, options.workload.clone()), (1, Workload::tiny()));
        assert!(options.wants("borg") && !options.wants("restic"));
        assert_eq!(parse(&["--runs", "3", "-h"]), Ok(None));
        let evolve = parse(&["evolve"]).unwrap().unwrap();
        assert!(evolve.evolve && evolve.snapshots == EVOLVED);
    }

    #[test]
    fn mistakes_are_named() {
        let error = |words: &[&str]| parse(words).unwrap_err();
        assert_eq!(error(&["--runs"]), "--runs needs a value");
        assert_eq!(error(&["--runs", "x"]), "--runs takes a number, not \"x\"");
        assert_eq!(
            error(&["--size", "big"]),
            "--size is tiny, small or full, not \"big\""
        );
        assert!(error(&["--only", "zip"]).contains("bupstash or limits, not \"zip\""));
        assert!(error(&["tiny"]).starts_with("unknown option \"tiny\""));
    }
}
