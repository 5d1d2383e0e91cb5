//! The releases of a real source tree as one snapshot each, in every program's repository and in one pack of git's.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::mirror::mirror;
use super::{Amount, Bench, Findings, Required, Row};
use crate::clock::Call;
use crate::failure::Failure;
use crate::folder::{self, Size};
use crate::table::{KB, MB, NONE, Table, figure, grouped};
use crate::tool::{Station, TREE, Tool, words};
use crate::{machine, tree};

/// How hard git looks for similar objects, and how long its chains may be.
const WINDOW_AND_DEPTH: [&str; 2] = ["--window=50", "--depth=50"];

/// A program at work on the releases.
struct Contestant {
    station: Station,
    wall_s: f64,
    failure: Option<Failure>,
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let releases = bench.options.releases.as_deref();
    let releases = in_order(releases.unwrap_or(Path::new("releases")))?;
    let tree = bench.source().join(TREE);
    folder::empty(&tree)?;
    let stations =
        Tool::ALL.map(|tool| Station::new(tool, &bench.options.restante, &bench.place, &bench.source()));
    let mut contestants = stations.map(|mut station| Contestant {
        failure: station.start_afresh(bench.clock).err(),
        station,
        wall_s: 0.0,
    });
    let git = Git::new(bench)?;

    let (mut plain_bytes, mut written_bytes) = (0, 0);
    for (number, release) in (1..).zip(&releases) {
        let changes = mirror(release, &tree)?;
        written_bytes += changes.written_bytes;
        plain_bytes += Size::of(&tree)?.bytes;
        tree::settle(&tree)?;
        for contestant in contestants
            .iter_mut()
            .filter(|contestant| contestant.failure.is_none())
        {
            let taken = contestant.station.snapshot();
            match taken.and_then(|call| bench.snapshot(&mut contestant.station, &call)) {
                Ok((cost, _)) => contestant.wall_s += cost.wall_s,
                Err(failure) => contestant.failure = Some(failure),
            }
        }
        if let Some(git) = &git {
            git.commit(bench)?;
        }
        eprintln!(
            "release {number} of {}: {}, {} written, {} removed",
            releases.len(),
            release.display(),
            changes.written,
            changes.removed
        );
    }
    let pack = git.as_ref().map(|git| git.pack(bench)).transpose()?;

    let mut table = Table::new(&["repository", "MB", "files", "all snapshots, s"]);
    let mut rows = Vec::new();
    let what = format!("{} releases as snapshots: stored", releases.len());
    let mut ours = None;
    for contestant in contestants {
        let who = contestant.station.tool.name();
        if let Some(failure) = contestant.failure {
            let cell = table.failed(who, "releases", &failure);
            table.row([who.into(), cell, NONE.into(), NONE.into()]);
            if ours.is_none() {
                rows.push(Row::failed(what.clone(), failure, Required::Nothing));
                break;
            }
            continue;
        }
        let stored = contestant.station.stored()?;
        table.row([
            who.into(),
            figure(stored.bytes as f64 / MB),
            grouped(stored.files as f64),
            figure(contestant.wall_s),
        ]);
        match ours {
            None => ours = Some(stored.bytes),
            Some(ours) => rows.push(row(&what, ours, who, stored.bytes)),
        }
    }
    if let Some(pack) = pack {
        let who = format!("git pack-objects {}", WINDOW_AND_DEPTH.join(" "));
        table.row([
            who.clone(),
            figure(pack.bytes as f64 / MB),
            grouped(pack.files as f64),
            NONE.into(),
        ]);
        rows.extend(ours.map(|ours| row(&what, ours, &who, pack.bytes)));
    }
    let head = format!(
        "{} releases, {} MB in all, of which {} kB were written from one to the next, the first included.\n\n",
        releases.len(),
        figure(plain_bytes as f64 / MB),
        grouped(written_bytes as f64 / KB),
    );
    Ok(Findings {
        rows,
        more: vec![head + &table.finish()],
    })
}

fn row(what: &str, ours: u64, who: &str, theirs: u64) -> Row {
    let stored = |bytes: u64| Amount::Stored(vec![bytes as f64]);
    Row::new(what, stored(ours), who, stored(theirs), Required::Nothing)
}

/// The folders in `place`, by version.
fn in_order(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e| Failure::at("reading", place, e);
    let mut found = Vec::new();
    for entry in fs::read_dir(place).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort_by_cached_key(|path| version_key(&path.file_name().unwrap_or_default().to_string_lossy()));
    Ok(found)
}

/// Numbers count as numbers: 1.9 comes before 1.10.
fn version_key(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (number, tail) = tail.split_at(end);
        parts.push((text.to_owned(), number.parse().unwrap_or(0)));
        rest = tail;
    }
    parts
}

/// A repository of git's beside the tree.
struct Git {
    program: PathBuf,
    folder: PathBuf,
}

impl Git {
    /// An empty repository; none where there is no git.
    fn new(bench: &Bench<'_>) -> Result<Option<Self>, Failure> {
        let Some(program) = machine::find("git") else {
            return Ok(None);
        };
        let git = Self {
            program,
            folder: bench.place.join("git"),
        };
        git.run(bench, words(["init", "-q"]))?;
        for (name, value) in [
            ("gc.auto", "0"),
            ("core.autocrlf", "false"),
            ("core.attributesFile", "/dev/null"),
        ] {
            git.run(bench, words(["config", name, value]))?;
        }
        Ok(Some(git))
    }

    fn run(&self, bench: &Bench<'_>, arguments: Vec<OsString>) -> Result<(), Failure> {
        let person = |name| (name, OsString::from("bench"));
        let call = Call {
            program: self.program.clone(),
            arguments,
            environment: vec![
                ("HOME", bench.place.clone().into()),
                ("GIT_CONFIG_NOSYSTEM", "1".into()),
                ("GIT_DIR", self.folder.clone().into()),
                ("GIT_WORK_TREE", bench.source().join(TREE).into()),
                person("GIT_AUTHOR_NAME"),
                person("GIT_AUTHOR_EMAIL"),
                person("GIT_COMMITTER_NAME"),
                person("GIT_COMMITTER_EMAIL"),
            ],
            folder: bench.source().join(TREE),
        };
        bench.clock.run_bare(&call).map(drop)
    }

    /// Commits the tree, ignored files included.
    fn commit(&self, bench: &Bench<'_>) -> Result<(), Failure> {
        self.run(bench, words(["add", "--all", "--force", "."]))?;
        self.run(bench, words(["commit", "-q", "--allow-empty", "-m", "release"]))
    }

    /// Packs everything anew. Returns the size of the pack without its index, which can be made from it.
    fn pack(&self, bench: &Bench<'_>) -> Result<Size, Failure> {
        let mut line = words(["repack", "-a", "-d", "-f", "-q"]);
        line.extend(words(WINDOW_AND_DEPTH));
        self.run(bench, line)?;
        let packs = self.folder.join("objects/pack");
        let failed = |e| Failure::at("reading", &packs, e);
        let mut size = Size::default();
        for entry in fs::read_dir(&packs).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "pack") {
                size.files += 1;
                size.bytes += Size::of(&path)?.bytes;
            }
        }
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_in_their_order() {
        let root = tempfile::tempdir().unwrap();
        for name in ["c-1.10.0", "c-1.9.0", "c-1.9.0+2", "c-0.20.1"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        fs::write(root.path().join("c-0.1.0"), "no folder").unwrap();
        let names: Vec<_> = in_order(root.path()).unwrap();
        let names: Vec<_> = names
            .iter()
            .filter_map(|path| path.file_name()?.to_str())
            .collect();
        assert_eq!(names, ["c-0.20.1", "c-1.9.0", "c-1.9.0+2", "c-1.10.0"]);
    }
}
