//! Random trees and random changes: every snapshot gives back, at any later time, what a plain map remembers of it.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use proptest::prelude::*;
use restante_format::archive::{Archive, Change, diff};
use restante_format::id::Id;
use restante_format::model::Node;
use restante_format::progress::Progress;
use restante_format::wire::Config;
use restante_tests::archives::{
    Found, Place, assert_clean, assert_same, config, fine_config, in_memory, open, read_everything, restored,
    take,
};
use restante_tests::prng::Rng;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    File(Vec<u8>),
    Dir,
    Link(String),
}

/// A tree as a map, by path below its root.
type Tree = BTreeMap<PathBuf, Thing>;

/// A change, in terms of numbers that are taken modulo what there is.
#[derive(Clone, Debug)]
enum Action {
    Write(u8, u8, u8),
    Dir(u8, u8),
    Link(u8, u8, u8),
    Remove(u8),
    Rename(u8, u8, u8),
    Append(u8, u8),
    Snapshot,
}

fn action() -> impl Strategy<Value = Action> {
    let n = any::<u8>;
    prop_oneof![
        4 => (n(), n(), n()).prop_map(|(dir, name, content)| Action::Write(dir, name, content)),
        2 => (n(), n()).prop_map(|(dir, name)| Action::Dir(dir, name)),
        1 => (n(), n(), n()).prop_map(|(dir, name, target)| Action::Link(dir, name, target)),
        2 => n().prop_map(Action::Remove),
        2 => (n(), n(), n()).prop_map(|(what, dir, name)| Action::Rename(what, dir, name)),
        2 => (n(), n()).prop_map(|(file, content)| Action::Append(file, content)),
        3 => Just(Action::Snapshot),
    ]
}

/// Contents around the bounds of chunks, and shared beginnings and ends.
fn content(number: u8) -> Vec<u8> {
    let lengths = [0, 1, 63, 64, 65, 96, 255, 256, 257, 1000, 5000, 20_000];
    let len = lengths[usize::from(number) % lengths.len()];
    let mut bytes = vec![0; len];
    match number / 64 {
        0 => {}
        1 => bytes.fill(number),
        seed => Rng::new(seed.into()).fill(&mut bytes),
    }
    bytes
}

fn name(number: u8) -> String {
    const NAMES: [&str; 8] = ["a", "a.b", "a b", "ä", "b", "A", "-", "zz"];
    NAMES[usize::from(number) % NAMES.len()].to_owned()
}

/// A folder and the map of what is in it.
struct Model {
    place: Place,
    tree: Tree,
}

impl Model {
    fn new() -> Self {
        Self {
            place: Place::new(),
            tree: Tree::new(),
        }
    }

    /// A path in one of the directories. `None` where something stands in the way or it would be too deep.
    fn free(&self, dir: u8, number: u8) -> Option<PathBuf> {
        let dirs = self.tree.iter().filter(|(_, thing)| **thing == Thing::Dir);
        let mut dirs: Vec<PathBuf> = dirs.map(|(path, _)| path.clone()).collect();
        dirs.push(PathBuf::new());
        let path = dirs[usize::from(dir) % dirs.len()].join(name(number));
        (!self.tree.contains_key(&path) && path.components().count() < 6).then_some(path)
    }

    fn any(&self, number: u8) -> Option<PathBuf> {
        let count = self.tree.len();
        self.tree.keys().nth(usize::from(number) % count.max(1)).cloned()
    }

    fn apply(&mut self, action: &Action) {
        match *action {
            Action::Write(dir, name, number) => {
                if let Some(path) = self.free(dir, name) {
                    fs::write(self.place.join(&path), content(number)).expect("write");
                    self.tree.insert(path, Thing::File(content(number)));
                }
            }
            Action::Dir(dir, name) => {
                if let Some(path) = self.free(dir, name) {
                    fs::create_dir(self.place.join(&path)).expect("make folder");
                    self.tree.insert(path, Thing::Dir);
                }
            }
            Action::Link(dir, at, target) => {
                if let Some(path) = self.free(dir, at) {
                    symlink(name(target), self.place.join(&path)).expect("symlink");
                    self.tree.insert(path, Thing::Link(name(target)));
                }
            }
            Action::Remove(number) => {
                if let Some(path) = self.any(number) {
                    let full = self.place.join(&path);
                    let dir = self.tree[&path] == Thing::Dir;
                    if dir {
                        fs::remove_dir_all(full)
                    } else {
                        fs::remove_file(full)
                    }
                    .expect("remove");
                    self.tree.retain(|other, _| !other.starts_with(&path));
                }
            }
            Action::Rename(what, dir, name) => {
                let (Some(from), Some(to)) = (self.any(what), self.free(dir, name)) else {
                    return;
                };
                if to.starts_with(&from) {
                    return;
                }
                fs::rename(self.place.join(&from), self.place.join(&to)).expect("rename");
                let moved: Vec<PathBuf> = self
                    .tree
                    .keys()
                    .filter(|path| path.starts_with(&from))
                    .cloned()
                    .collect();
                for path in moved {
                    let below = path.strip_prefix(&from).expect("it is below");
                    let new = if below.as_os_str().is_empty() {
                        to.clone()
                    } else {
                        to.join(below)
                    };
                    if let Some(thing) = self.tree.remove(&path) {
                        self.tree.insert(new, thing);
                    }
                }
            }
            Action::Append(number, more) => {
                if let Some(path) = self.any(number)
                    && let Some(Thing::File(bytes)) = self.tree.get_mut(&path)
                {
                    bytes.extend(content(more));
                    fs::write(self.place.join(&path), bytes).expect("write");
                }
            }
            Action::Snapshot => {}
        }
    }
}

/// What an archive says of a snapshot, in terms of the model.
fn tree_of(archive: &Archive, snapshot: Id) -> Tree {
    let mut everything = read_everything(archive);
    let contents = everything.remove(&snapshot).expect("it is listed");
    let mut tree = Tree::new();
    for (path, found) in contents {
        let Found::Whole(entry, bytes) = found else {
            panic!("{found:?}")
        };
        let path = PathBuf::from(String::from_utf8(path).expect("names of the model"));
        let Some(below) = path
            .strip_prefix("root")
            .ok()
            .filter(|below| !below.as_os_str().is_empty())
        else {
            continue;
        };
        let thing = match entry.node {
            Node::File { .. } => Thing::File(bytes),
            Node::Dir { .. } => Thing::Dir,
            Node::Symlink { target } => Thing::Link(String::from_utf8(target).expect("names of the model")),
            other => panic!("{other:?}"),
        };
        tree.insert(below.to_owned(), thing);
    }
    tree
}

/// The paths in which two trees differ by presence, type or content.
fn changed_paths(a: &Tree, b: &Tree) -> Vec<PathBuf> {
    let paths: std::collections::BTreeSet<&PathBuf> = a.keys().chain(b.keys()).collect();
    let differs = |path: &&&PathBuf| a.get(**path) != b.get(**path);
    paths
        .iter()
        .filter(differs)
        .map(|path| (**path).clone())
        .collect()
}

fn diffed_paths(archive: &Archive, before: Id, after: Id) -> Vec<PathBuf> {
    let root = |id| archive.catalog().get(&id).expect("it is listed").snapshot.root;
    let mut found = Vec::new();
    diff(
        archive.reader(),
        root(before),
        root(after),
        &Progress::default(),
        &mut |changed| {
            let of_content = match &changed.change {
                Change::Modified { .. } => changed.change.is_of_content(),
                _ => true,
            };
            let path = PathBuf::from(String::from_utf8(changed.path).expect("names of the model"));
            if let (true, Ok(below)) = (of_content, path.strip_prefix("root")) {
                found.push(below.to_owned());
            }
            Ok(())
        },
    )
    .expect("diff");
    found.sort();
    found
}

fn check(actions: &[Action], config: Config) {
    let mut model = Model::new();
    let (store, mut archive) = in_memory(config);
    let mut remembered: Vec<(Id, Tree)> = Vec::new();
    let mut secs = 0;
    for action in actions.iter().chain([&Action::Snapshot, &Action::Snapshot]) {
        model.apply(action);
        if matches!(action, Action::Snapshot) {
            let taken = take(&mut archive, model.place.path(), secs);
            secs += 1;
            let unchanged = remembered.last().is_some_and(|(_, tree)| *tree == model.tree);
            // A change to and fro leaves traces in times; only what was never touched is sure to be a tick.
            assert!(!taken.tick || unchanged, "a tick is no change");
            remembered.push((taken.id, model.tree.clone()));
            // Every other time with the archive as it is on disk.
            if secs % 2 == 0 {
                archive = open(&store);
            }
        }
    }
    let mut newest = archive.catalog().newest_first();
    let mut root = || newest.next().map(|moment| moment.state.snapshot.root);
    assert!(root().is_some_and(|last| Some(last) == root()));
    let archive = open(&store);
    for (id, tree) in &remembered {
        assert_eq!(&tree_of(&archive, *id), tree);
    }
    for pair in remembered.windows(2) {
        let [(before, old), (after, new)] = pair else {
            continue;
        };
        assert_eq!(diffed_paths(&archive, *before, *after), changed_paths(old, new));
    }
    let (last, _) = remembered.last().expect("there is one");
    assert_same(model.place.path(), &restored(&archive, *last).join("root"));
    assert_clean(&archive);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_snapshot_is_what_a_map_remembers(actions in proptest::collection::vec(action(), 0..60)) {
        check(&actions, fine_config());
    }

    #[test]
    fn so_it_is_with_the_chunks_of_most_archives(actions in proptest::collection::vec(action(), 0..60)) {
        check(&actions, config());
    }
}

// Sections 7 and 8: nodes of several levels, changed here and there.
#[test]
fn large_directories_and_long_lists_change_in_places() {
    let place = Place::in_memory();
    let mut names: Vec<String> = (0..6000).map(|n| format!("{n}")).collect();
    for name in &names {
        place.write(format!("many/{name}"), name);
    }
    let mut large = vec![0; 3 << 20];
    let mut rng = Rng::new(41);
    rng.fill(&mut large);
    let (store, mut archive) = in_memory(fine_config());
    let mut expected = Vec::new();
    let mut first_objects = 0;
    for round in 0..6_u64 {
        match round {
            0 => {}
            1 => names.retain(|name| !name.ends_with("77")),
            2 => names.extend((0..50).map(|n| format!("new{n}"))),
            3 => large[1 << 20..][..100].fill(7),
            4 => drop(large.drain(1000..1010)),
            _ => large.extend_from_slice(b"and more"),
        }
        place.write("large", &large);
        for entry in fs::read_dir(place.join("many")).expect("list") {
            let entry = entry.expect("list");
            if !names.iter().any(|name| entry.file_name() == name.as_str()) {
                fs::remove_file(entry.path()).expect("remove");
            }
        }
        for name in names.iter().filter(|name| name.starts_with("new")) {
            place.write(format!("many/{name}"), name);
        }
        let taken = take(&mut archive, place.path(), round as i64);
        let new = taken.snapshot.counts.new_objects;
        match round {
            0 => first_objects = new,
            // What changes in a place changes few nodes.
            _ => assert!(
                new < first_objects / 20,
                "round {round}: {new} of {first_objects} objects"
            ),
        }
        expected.push((taken.id, names.len(), blake3::hash(&large)));
    }
    let archive = open(&store);
    let everything = read_everything(&archive);
    for (id, count, hash) in expected {
        let contents = &everything[&id];
        assert_eq!(
            contents
                .keys()
                .filter(|path| path.starts_with(b"root/many/"))
                .count(),
            count
        );
        match &contents[&b"root/large"[..]] {
            Found::Whole(_, bytes) => assert_eq!(blake3::hash(bytes), hash),
            lost => panic!("{lost:?}"),
        }
    }
    assert_clean(&archive);
}
