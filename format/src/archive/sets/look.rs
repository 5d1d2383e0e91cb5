//! The second look at what belongs together, when everything has been read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;

use super::watch::Watch;
use crate::archive::examine::Examiner;
use crate::archive::snapshot::Source;
use crate::archive::walk::{Step, Walker};
use crate::error::Result;
use crate::model::push_name;
use crate::progress::Progress;
use crate::segment::ObjectReader;
use crate::source::{FileKind, Stat};

/// The regular files that lie now where members of undecided groups may be, and their stats.
pub(in crate::archive) fn look(
    reader: &ObjectReader,
    source: &Source,
    examiner: &Examiner<'_>,
    watch: &Watch,
    progress: &Progress,
) -> Result<BTreeMap<Vec<u8>, Stat>> {
    let mut source = source.clone();
    source.roots.retain(|root| !root.sets.is_empty());
    let mut found = BTreeMap::new();
    std::thread::scope(|threads| {
        let (sender, receiver) = sync_channel(64);
        let walker = Walker {
            reader,
            source: &source,
            examiner,
            steps: sender,
            vanished: RefCell::default(),
            watch: None,
            names_only: true,
        };
        threads.spawn(move || walker.walk(None));
        let mut path = Vec::new();
        let mut lens = Vec::new();
        for step in receiver {
            progress.check()?;
            let mut enter = |name: &[u8]| {
                lens.push(path.len());
                push_name(&mut path, name);
            };
            match step {
                Step::Enter(entered) => enter(&entered.name),
                Step::EnterSynthetic(name, _) => enter(&name),
                Step::Leave => path.truncate(lens.pop().unwrap_or(0)),
                // Members in it are missed, and that is the answer.
                Step::Unreadable(..) => {}
                Step::Entries(folder, candidates) => {
                    let len = path.len();
                    for candidate in candidates {
                        path.truncate(len);
                        push_name(&mut path, &candidate.name);
                        if watch.is_undecided(&path)
                            && let Ok(stat) = folder.stat_child(&candidate.name)
                            && stat.kind == FileKind::File
                        {
                            found.insert(path.clone(), stat);
                        }
                    }
                    path.truncate(len);
                }
            }
        }
        Ok(found)
    })
}
