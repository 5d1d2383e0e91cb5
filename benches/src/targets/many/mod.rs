//! Very many snapshots of one connector, a minute apart, one in a hundred with a change: what each costs, what they take, and what is
//! asked of them beside the same asked of an archive of ten.

mod counting;
mod fill;
mod forget;
mod replies;
mod resident;
mod rows;
mod series;
mod views;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::stamped;
use super::{Bench, Findings};
use crate::calendar::rfc3339;
use crate::clock::Cost;
use crate::failure::Failure;
use crate::folder;
use crate::tool::{Station, words};
use fill::{CONNECTOR, ROOT};
use replies::{failed, occurrences, said};
use series::{Series, TABLE_BYTES};

/// The table that is asked for.
const ASKED: u64 = 7;
/// How many snapshots the small archive has.
const FEW: u64 = 10;
/// How much larger each of the archives is of which the oldest half is forgotten.
const GROWTH: u64 = 10;
/// How many such archives there are, and how many snapshots the smallest has at least.
const SIZES: u32 = 3;
const SMALLEST: u64 = 100;

/// Times of one thing that was asked, run by run, of the large archive and of that of ten.
#[derive(Default)]
struct Asked {
    large_s: Vec<f64>,
    few_s: Vec<f64>,
}

/// What was forgotten of an archive of so many snapshots.
struct Forgotten {
    snapshots: u64,
    /// The oldest half.
    half: Value,
    /// As many as a quarter of the smallest archive, of what was left then.
    few: Value,
}

/// Everything that was found.
#[derive(Default)]
struct Found {
    /// The series, and the same with its changes alone.
    exact: Option<(Value, Value)>,
    /// The same with jitter.
    jitter: Option<(Value, Value)>,
    /// Files of the large archive.
    files: u64,
    bytes: u64,
    newest_library: Asked,
    newest_program: Asked,
    restore_library: Asked,
    restore_program: Asked,
    list: Vec<Cost>,
    history: Vec<Cost>,
    /// Why there are no more of those.
    history_failure: Option<Failure>,
    forgotten: Vec<Forgotten>,
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let series = Series {
        snapshots: bench.options.snapshots,
        changes: bench.options.changes(),
        jitter: false,
    };
    let large = bench.restante("large");
    let mut found = Found::default();
    let of_all = fill(bench, &large, &series, false)?;
    found.exact = Some((of_all, changes_alone(bench, &series)?));
    let size = large.stored()?;
    (found.files, found.bytes) = (size.files, size.bytes);
    ask(bench, &large, &series, &mut found)?;
    if bench.options.jitter {
        let late = Series {
            jitter: true,
            ..series
        };
        let station = bench.restante("late");
        let of_all = fill(bench, &station, &late, false)?;
        found.jitter = Some((of_all, changes_alone(bench, &late)?));
        folder::remove(&bench.place.join("late"))?;
    }
    found.forgotten = forget_halves(bench, &large, &series)?;
    Ok(rows::findings(&series, &found))
}

/// The path of a table inside the snapshots.
fn path_of(table: u64) -> String {
    format!("{CONNECTOR}/{ROOT}/{}", series::name(table))
}

/// A table as snapshot `n` found it.
fn contents_at(series: &Series, n: u64, table: u64) -> Vec<u8> {
    stamped::contents(table, TABLE_BYTES, series.records_until(n, table))
}

/// Takes the series into the station's archive, in a process of its own.
fn fill(bench: &Bench<'_>, station: &Station, series: &Series, only_changes: bool) -> Result<Value, Failure> {
    let repository = station.repository();
    let source = repository.with_file_name("source");
    folder::empty(&source)?;
    let [snapshots, changes] = [series.snapshots, series.changes].map(|number| number.to_string());
    let yes = |is: bool| if is { "yes" } else { "no" };
    let piece = [
        "many",
        "fill",
        &snapshots,
        &changes,
        yes(series.jitter),
        yes(only_changes),
    ];
    eprintln!(
        "many: {} snapshots, {} with changes",
        series.snapshots, series.changes
    );
    said(&bench.work(piece, &repository, 0)?)
}

/// The same series without its ticks, for what these add.
fn changes_alone(bench: &Bench<'_>, series: &Series) -> Result<Value, Failure> {
    let station = bench.restante("changes");
    let found = fill(bench, &station, series, true)?;
    folder::remove(&bench.place.join("changes"))?;
    Ok(found)
}

/// Asks the large archive and one of ten in turn.
fn ask(bench: &Bench<'_>, large: &Station, series: &Series, found: &mut Found) -> Result<(), Failure> {
    let small = Series {
        snapshots: FEW,
        changes: 1,
        jitter: false,
    };
    let few = bench.restante("few");
    fill(bench, &few, &small, false)?;
    let newest = ["snapshots", "--last", "10"];
    let list = large.call(words(["--json", "snapshots", "--all"]), &bench.place)?;
    let listed = occurrences(&list, b"\"time\":")?;
    if listed != series.snapshots {
        let what = format!(
            "`{}` listed {listed} snapshots of {}",
            list.line(),
            series.snapshots
        );
        return Err(Failure::Missing(what));
    }
    for run in 1..=bench.options.runs {
        // The one in the middle, for it is far from both ends.
        for (station, of, is_large) in [(large, series, true), (&few, &small, false)] {
            let note = |asked: &mut Asked, seconds| match is_large {
                true => asked.large_s.push(seconds),
                false => asked.few_s.push(seconds),
            };
            let middle = of.snapshots / 2;
            let repository = station.repository();
            let call = station.call(words(newest), &bench.place)?;
            note(&mut found.newest_program, bench.clock.run_bare(&call)?.wall_s);
            let seconds = views::newest(&repository).map_err(failed)?;
            note(&mut found.newest_library, seconds);

            let time = of.time(middle);
            let name = format!("{CONNECTOR}@{}:{}", rfc3339(time.secs), path_of(ASKED));
            let mut arguments = words(["restore", &name, "--to"]);
            arguments.push(station.target().into());
            let call = station.call(arguments, &bench.place)?;
            folder::empty(&station.target())?;
            note(&mut found.restore_program, bench.clock.run_bare(&call)?.wall_s);
            judge(of, middle, &station.target())?;
            folder::empty(&station.target())?;
            let restored = views::restore(&repository, time, &path_of(ASKED), &station.target());
            note(&mut found.restore_library, restored.map_err(failed)?);
            judge(of, middle, &station.target())?;
        }
        found.list.push(bench.cost(&list)?);
        let history = large.call(words(["history", &path_of(ASKED)]), &bench.place)?;
        match bench.cost(&history) {
            Ok(cost) => found.history.push(cost),
            Err(failure) => found.history_failure = Some(failure),
        }
        eprintln!("many: asked, run {run} of {}", bench.options.runs);
    }
    Ok(())
}

/// Fails if the restored table is not as snapshot `n` found it.
fn judge(series: &Series, n: u64, target: &Path) -> Result<(), Failure> {
    let path = target.join(series::name(ASKED));
    let bytes = fs::read(&path).map_err(|e| Failure::at("reading", &path, e))?;
    match bytes == contents_at(series, n, ASKED) {
        true => Ok(()),
        false => Err(Failure::WrongRestore {
            place: target.to_owned(),
            count: 1,
            first: format!("{}: other bytes than those of snapshot {n}", path.display()),
        }),
    }
}

/// Forgets the oldest half of archives of growing sizes, the large one the last of them.
fn forget_halves(bench: &Bench<'_>, large: &Station, series: &Series) -> Result<Vec<Forgotten>, Failure> {
    let divisors = (0..SIZES).rev().map(|power| GROWTH.pow(power));
    let sizes = divisors.map(|divisor| Series {
        snapshots: series.snapshots / divisor,
        changes: (series.changes / divisor).max(1),
        jitter: false,
    });
    let sizes: Vec<Series> = sizes.filter(|size| size.snapshots >= SMALLEST).collect();
    let few = sizes.first().map_or(0, |smallest| smallest.snapshots / 4);
    let mut forgotten = Vec::new();
    for size in sizes {
        let part = bench.restante("part");
        let station = if size == *series { large } else { &part };
        if size != *series {
            fill(bench, station, &size, false)?;
        }
        eprintln!("many: forgetting of {}", size.snapshots);
        let forget = |count: u64| {
            let piece = ["many", "forget", &count.to_string()];
            said(&bench.work(piece, &station.repository(), 0)?)
        };
        let half = forget(size.snapshots / 2)?;
        forgotten.push(Forgotten {
            snapshots: size.snapshots,
            half,
            few: forget(few)?,
        });
        folder::remove(&bench.place.join("part"))?;
    }
    Ok(forgotten)
}

/// A piece of this measurement, in a process of its own. Its last line on standard output is what it found.
pub(super) fn work(words: &[OsString], repository: &Path) -> Result<(), String> {
    let words: Vec<&str> = words
        .iter()
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    let number = |word: &str| word.parse::<u64>().map_err(|_| format!("{word:?} is no number"));
    let found = match words[..] {
        ["fill", snapshots, changes, jitter, only_changes] => {
            let series = Series {
                snapshots: number(snapshots)?,
                changes: number(changes)?,
                jitter: jitter == "yes",
            };
            let source = repository.with_file_name("source");
            fill::fill(&series, only_changes == "yes", &source, repository)
        }
        ["forget", count] => forget::forget(number(count)? as usize, repository),
        _ => return Err(format!("no such piece of many: {words:?}")),
    };
    println!("{}", found.map_err(|error| error.to_string())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_are_none_are_refused() {
        let error = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            work(&words, Path::new("/none")).unwrap_err()
        };
        assert!(error(&["other"]).starts_with("no such piece"));
        assert_eq!(error(&["forget", "x"]), "\"x\" is no number");
    }
}
