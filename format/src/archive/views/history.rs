//! Every version of one path.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::faults::note;
use super::scope::Scope;
use super::stretches::{Stretch, in_batches};
use crate::archive::Archive;
use crate::catalog::Moment;
use crate::content::find_entry;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::{Entry, Series, display_bytes};
use crate::progress::Progress;
use crate::segment::ObjectReader;

/// How many states are looked into at once. What is known of their trees is kept for the next ones.
const BATCH: usize = 4096;

/// What makes another version of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// What it is and what it holds, and whether that is torn.
    Content,
    /// Owner, mode, time of change and extended attributes as well.
    Metadata,
}

/// A path as it was for some time.
#[derive(Clone, Debug)]
pub struct Version {
    /// Where.
    pub series: Arc<Series>,
    /// What it was when it was first seen; nothing where it was gone.
    pub entry: Option<Arc<Entry>>,
    /// The first snapshot that shows it so.
    pub first: Moment,
    /// The last one in a row.
    pub last: Moment,
    /// How many there are in the row.
    pub snapshots: u64,
}

/// The versions of a path.
#[derive(Debug, Default)]
pub struct History {
    /// Series by series, and in each by time. Where the path never was in a series, the series is not here; before
    /// it was there for the first time, it is not called gone.
    pub versions: Vec<Version>,
    /// What could not be read, the first of it. Snapshots that depend on it are passed over.
    pub errors: Vec<Error>,
    /// How many trees were read.
    pub trees: u64,
}

impl Archive {
    /// Every version of a path over the snapshots of a scope. In a connector's snapshots it may begin below the connector.
    /// Of each tree on the way the entry is looked up once, however many snapshots have it.
    pub fn history(
        &self,
        scope: &Scope,
        path: &[u8],
        aspect: Aspect,
        progress: &Progress,
    ) -> Result<History> {
        let names = names_of(path)?;
        let mut lines: Vec<Line> = Vec::new();
        let mut history = History::default();
        in_batches(&self.catalog, scope, BATCH, progress, &mut |stretches| {
            let mut by_series: Vec<Vec<Stretch>> = Vec::new();
            for stretch in stretches {
                let needed = by_series.len().max(stretch.series + 1);
                by_series.resize_with(needed, Vec::new);
                by_series[stretch.series].push(stretch);
            }
            for (series, stretches) in by_series.into_iter().enumerate() {
                progress.check()?;
                let Some(first) = stretches.first() else { continue };
                // A series is met for the first time when its first stretch ends, which need not be in their order.
                while lines.len() <= series {
                    lines.push(Line::default());
                }
                let line = &mut lines[series];
                line.descent
                    .get_or_insert_with(|| Descent::new(first.state.snapshot.series(), &names))
                    .follow(&self.reader, &stretches, &mut history, |stretch, entry| {
                        line.versions.add(stretch, entry, aspect);
                    })?;
            }
            Ok(())
        })?;
        for line in lines {
            let Some(descent) = line.descent else { continue };
            let series = Arc::new(descent.series);
            let version = |run: Run| Version {
                series: Arc::clone(&series),
                entry: run.entry,
                first: run.first,
                last: run.last,
                snapshots: run.snapshots,
            };
            history.versions.extend(line.versions.0.into_iter().map(version));
        }
        Ok(history)
    }
}

fn names_of(path: &[u8]) -> Result<Vec<Vec<u8>>> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    let names: Vec<Vec<u8>> = names.map(<[u8]>::to_vec).collect();
    let text = display_bytes(path);
    if names.iter().any(|name| name == b"." || name == b"..") {
        let reason = format!("{text:?} does not stay inside the snapshots: leave out . and ..");
        return Err(Error::Request(reason));
    }
    if names.is_empty() {
        let reason = format!("{text:?} names nothing inside the snapshots: name a file or a directory");
        return Err(Error::Request(reason));
    }
    Ok(names)
}

/// A series, and what is known of the path in it.
#[derive(Default)]
struct Line {
    descent: Option<Descent>,
    versions: Runs,
}

struct Run {
    entry: Option<Arc<Entry>>,
    first: Moment,
    last: Moment,
    snapshots: u64,
}

#[derive(Default)]
struct Runs(Vec<Run>);

impl Runs {
    fn add(&mut self, stretch: &Stretch, entry: Option<Arc<Entry>>, aspect: Aspect) {
        match self.0.last_mut() {
            None if entry.is_none() => {}
            Some(run) if is_same(run.entry.as_deref(), entry.as_deref(), aspect) => {
                run.last = stretch.last();
                run.snapshots += stretch.count;
            }
            _ => self.0.push(Run {
                entry,
                first: stretch.first(),
                last: stretch.last(),
                snapshots: stretch.count,
            }),
        }
    }
}

fn is_same(one: Option<&Entry>, another: Option<&Entry>, aspect: Aspect) -> bool {
    let (Some(one), Some(another)) = (one, another) else {
        return one.is_none() && another.is_none();
    };
    let said = |entry: &Entry| {
        let meta = &entry.meta;
        (meta.mode, meta.owner.clone(), meta.mtime, meta.xattrs.clone())
    };
    one.node == another.node
        && one.meta.torn == another.meta.torn
        && (aspect == Aspect::Content || said(one) == said(another))
}

/// What a name is in a tree.
#[derive(Clone, Debug)]
enum Answer {
    There(Arc<Entry>),
    Absent,
    Unreadable,
}

/// The way down to the path in the snapshots of one series.
struct Descent {
    series: Series,
    names: Vec<Vec<u8>>,
    /// For each name the trees of the last batch in which it was looked up.
    known: Vec<HashMap<Id, Answer>>,
}

impl Descent {
    fn new(series: Series, names: &[Vec<u8>]) -> Self {
        let above = series.connector.as_deref().map(str::as_bytes);
        let above = above.filter(|connector| names.first().is_none_or(|first| first != connector));
        let names: Vec<Vec<u8>> = above
            .map(<[u8]>::to_vec)
            .into_iter()
            .chain(names.iter().cloned())
            .collect();
        Self {
            series,
            known: vec![HashMap::new(); names.len()],
            names,
        }
    }

    /// Looks the path up in all states of a batch, level by level: each tree once.
    fn follow(
        &mut self,
        reader: &ObjectReader,
        stretches: &[Stretch],
        history: &mut History,
        mut found: impl FnMut(&Stretch, Option<Arc<Entry>>),
    ) -> Result<()> {
        let mut trees: Vec<Option<Id>> = stretches.iter().map(|s| Some(s.state.snapshot.root)).collect();
        let mut answers: Vec<Answer> = vec![Answer::Absent; stretches.len()];
        let levels = self.names.len();
        for (level, (name, known)) in self.names.iter().zip(&mut self.known).enumerate() {
            let mut needed: HashMap<Id, Answer> = HashMap::new();
            let mut unknown: Vec<Id> = Vec::new();
            for tree in trees.iter().flatten() {
                if needed.contains_key(tree) {
                    continue;
                }
                let answer = known.get(tree).cloned().unwrap_or_else(|| {
                    unknown.push(*tree);
                    Answer::Unreadable
                });
                needed.insert(*tree, answer);
            }
            history.trees += unknown.len() as u64;
            let look = |tree: &Id| find_entry(reader, *tree, name);
            let looked: Vec<Result<Option<Entry>>> = unknown.par_iter().map(look).collect();
            for (tree, entry) in unknown.into_iter().zip(looked) {
                let answer = match entry {
                    Ok(Some(entry)) => Answer::There(Arc::new(entry)),
                    Ok(None) => Answer::Absent,
                    Err(error) if error.is_damage() => {
                        note(&mut history.errors, error);
                        Answer::Unreadable
                    }
                    Err(error) => return Err(error),
                };
                needed.insert(tree, answer);
            }
            for (tree, answer) in trees.iter_mut().zip(&mut answers) {
                let Some(above) = tree.take() else { continue };
                *answer = needed.get(&above).cloned().unwrap_or(Answer::Absent);
                if level + 1 == levels {
                    continue;
                }
                if let Answer::There(entry) = answer {
                    *tree = entry.tree();
                    // Nothing is below a file.
                    if tree.is_none() {
                        *answer = Answer::Absent;
                    }
                }
            }
            *known = needed;
        }
        for (stretch, answer) in stretches.iter().zip(answers) {
            match answer {
                Answer::There(entry) => found(stretch, Some(entry)),
                Answer::Absent => found(stretch, None),
                Answer::Unreadable => {}
            }
        }
        Ok(())
    }
}
