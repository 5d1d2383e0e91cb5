//! What snapshots are taken of: a small folder in memory, or a stream; and a map that remembers what is in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use restante_format::archive::{Root, Source};
use restante_format::source::Filter;
use tempfile::TempDir;

use super::script::Script;
use crate::prng::Rng;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    File(Vec<u8>),
    Dir,
    Link(String),
}

/// A tree as a map, by path below its root.
pub(super) type Tree = BTreeMap<String, Thing>;

/// The file in a stream, and the place of a folder.
pub(super) const NAME: &str = "root";

const FILES: [&str; 12] = [
    "a", "a.b", "b", "d/a", "d/b", "d/c", "e/f/a", "e/f/b", "e/g", "table", "d/table", "z",
];
const LINKS: [&str; 2] = ["link", "d/link"];
/// Rows of a table, and their bytes.
const ROWS: usize = 48;
const ROW: usize = 100;

/// Something that changes and is looked at again and again.
pub(super) struct Changing {
    /// `None` for a stream.
    folder: Option<TempDir>,
    tree: Arc<Tree>,
    writes: u64,
}

impl Changing {
    pub(super) fn folder() -> Self {
        let memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self {
            folder: Some(memory.expect("a temporary folder")),
            tree: Arc::default(),
            writes: 0,
        }
    }

    pub(super) fn stream() -> Self {
        let tree = Tree::from([(NAME.to_owned(), Thing::File(content(1)))]);
        Self {
            folder: None,
            tree: Arc::new(tree),
            writes: 0,
        }
    }

    /// What is in it now.
    pub(super) fn tree(&self) -> Arc<Tree> {
        Arc::clone(&self.tree)
    }

    /// Where it is, if it is a folder.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().to_owned())
    }

    pub(super) fn change(&mut self, script: &mut Script<'_>) {
        if self.folder.is_none() {
            let Some(Thing::File(bytes)) = self.tree.get(NAME) else { return };
            let bytes = changed(bytes, script);
            Arc::make_mut(&mut self.tree).insert(NAME.to_owned(), Thing::File(bytes));
            return;
        }
        match script.below(10) {
            0..=2 => {
                let path = FILES[script.below(FILES.len())];
                let bytes = match path.ends_with("table") {
                    true => table(script.below(3)),
                    false => content(script.byte()),
                };
                self.write(path, bytes);
            }
            3..=6 => {
                if let Some((path, bytes)) = self.any_file(script) {
                    let bytes = changed(&bytes, script);
                    self.write(&path, bytes);
                }
            }
            7 => self.remove(script),
            8 => self.rename(script),
            _ => {
                let path = LINKS[script.below(LINKS.len())];
                self.make_room(path);
                let target = FILES[script.below(4)];
                symlink(target, self.at(path)).expect("symlink");
                self.set(path, Thing::Link(target.to_owned()));
            }
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.as_ref().expect("a folder").path().join(path)
    }

    fn set(&mut self, path: &str, thing: Thing) {
        Arc::make_mut(&mut self.tree).insert(path.to_owned(), thing);
    }

    /// Makes the directories above a path, and takes away a link that is there.
    fn make_room(&mut self, path: &str) {
        if matches!(self.tree.get(path), Some(Thing::Link(_))) {
            fs::remove_file(self.at(path)).expect("remove link");
        }
        for (end, _) in path.match_indices('/') {
            if !self.tree.contains_key(&path[..end]) {
                fs::create_dir(self.at(&path[..end])).expect("make folder");
                self.set(&path[..end], Thing::Dir);
            }
        }
    }

    fn write(&mut self, path: &str, bytes: Vec<u8>) {
        self.make_room(path);
        fs::write(self.at(path), &bytes).expect("write");
        // No two contents of the same time, however fast it goes.
        self.writes += 1;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.writes);
        let file = File::options().write(true).open(self.at(path)).expect("open");
        file.set_modified(time).expect("set time");
        self.set(path, Thing::File(bytes));
    }

    fn any_file(&self, script: &mut Script<'_>) -> Option<(String, Vec<u8>)> {
        let files: Vec<_> = self.tree.iter().filter(|(_, thing)| matches!(thing, Thing::File(_))).collect();
        let (path, thing) = files.get(script.below(files.len()))?;
        match thing {
            Thing::File(bytes) => Some(((*path).clone(), bytes.clone())),
            _ => None,
        }
    }

    fn remove(&mut self, script: &mut Script<'_>) {
        let Some(path) = self.tree.keys().nth(script.below(self.tree.len())).cloned() else {
            return;
        };
        match self.tree[&path] {
            Thing::Dir => fs::remove_dir_all(self.at(&path)),
            _ => fs::remove_file(self.at(&path)),
        }
        .expect("remove");
        let below = format!("{path}/");
        Arc::make_mut(&mut self.tree).retain(|other, _| *other != path && !other.starts_with(&below));
    }

    fn rename(&mut self, script: &mut Script<'_>) {
        let to = FILES[script.below(FILES.len())];
        let Some((from, bytes)) = self.any_file(script).filter(|_| !self.tree.contains_key(to)) else {
            return;
        };
        self.make_room(to);
        fs::rename(self.at(&from), self.at(to)).expect("rename");
        Arc::make_mut(&mut self.tree).remove(&from);
        self.set(to, Thing::File(bytes));
    }
}

/// A source whose root is a folder.
pub(super) fn source_of(path: &Path) -> Source {
    let root = Root {
        place: vec![NAME.as_bytes().to_vec()],
        path: path.to_owned(),
        filter: Filter::default(),
        sets: Vec::new(),
    };
    Source {
        roots: vec![root],
        ..Source::default()
    }
}

/// The same for all who ask for this number: so much is shared.
fn content(number: u8) -> Vec<u8> {
    const LENGTHS: [usize; 8] = [0, 1, 64, 97, 300, 900, 2000, 5000];
    let number = number % 32;
    let mut bytes = vec![number; LENGTHS[usize::from(number) % LENGTHS.len()]];
    if number >= 8 {
        Rng::new(u64::from(number / 8)).fill(&mut bytes);
    }
    bytes
}

fn table(number: usize) -> Vec<u8> {
    let mut bytes = vec![0; ROWS * ROW];
    Rng::new(100 + number as u64).fill(&mut bytes);
    bytes
}

/// A file after a small change.
fn changed(bytes: &[u8], script: &mut Script<'_>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match script.below(8) {
        0 => bytes.extend(content(script.byte())),
        1 => bytes.truncate(script.below(bytes.len() + 1)),
        2 => bytes = table(script.below(3)),
        // A change that was there before, so that an earlier state comes back.
        3 => {
            let row = script.below(4);
            let known = table(0);
            let range = row * ROW..(row + 1) * ROW;
            if let (Some(here), Some(there)) = (bytes.get_mut(range.clone()), known.get(range)) {
                here.copy_from_slice(there);
            }
        }
        _ => {
            let (at, with) = (script.below(bytes.len()), script.byte());
            for byte in bytes.iter_mut().skip(at).take(3) {
                *byte = with;
            }
        }
    }
    bytes.truncate(3 * ROWS * ROW);
    bytes
}
