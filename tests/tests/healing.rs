//! A snapshot on top of damage: it stores again what it can, and what it names is there.

#![cfg(target_os = "linux")]

use std::fs;
use std::sync::Arc;

use restante_format::catalog::Run;
use restante_format::id::{Id, Kind};
use restante_format::store::Name;
use restante_tests::archives::{
    Found, Place, assert_same, fine_config, in_memory, object_at, objects_of, open, read_everything,
    restored, take,
};
use restante_tests::damaged::{Files, Sample, sample, store_of, true_loss, without_block_of};
use restante_tests::prng::Rng;

/// Takes another snapshot of the source; it must be whole, and so must what others have in common with it.
fn assert_next_snapshot_is_whole(sample: &Sample, files: &Files) {
    let store = store_of(files);
    let mut archive = open(&store);
    let taken = take(&mut archive, sample.source.path(), 9);
    let archive = open(&store);
    let contents = read_everything(&archive).remove(&taken.id).expect("it is listed");
    for (path, found) in &contents {
        assert!(
            !matches!(found, Found::Lost(_)),
            "{}: {found:?}",
            path.escape_ascii()
        );
    }
    assert_same(sample.source.path(), &restored(&archive, taken.id).join("root"));
}

/// Two snapshots of a tree, between which `change` happens: what is not changed is in the first segment only.
fn changed_by(source: Place, change: impl FnOnce(&Place)) -> (Sample, [Id; 2]) {
    let (store, mut archive) = in_memory(fine_config());
    let first = take(&mut archive, source.path(), 1).id;
    change(&source);
    let second = take(&mut archive, source.path(), 2).id;
    (Sample::of(source, store.files()), [first, second])
}

#[test]
fn a_lost_tree_is_stored_again_by_the_next_snapshot() {
    let source = Place::new();
    source.write("kept/file", b"k");
    source.write("changed/file", b"c");
    let (sample, [_, second]) = changed_by(source, |source| source.write("changed/file", b"C"));
    let kept = object_at(&open(&store_of(&sample.files)), second, b"root/kept");
    let files = without_block_of(&sample.files, kept);
    assert_next_snapshot_is_whole(&sample, &files);
    // The same bytes serve the old snapshot as well.
    let store = store_of(&files);
    let lost = |store| {
        true_loss(&open(store), &sample.everything)
            .paths
            .into_iter()
            .any(|(id, _)| id == second)
    };
    assert!(lost(&store));
    take(&mut open(&store), sample.source.path(), 9);
    let contents = read_everything(&open(&store)).remove(&second);
    assert_eq!(contents.as_ref(), sample.everything.get(&second));
}

// A damaged block takes trees at several levels with it: of those below the first, nobody has read anything yet.
#[test]
fn lost_trees_below_a_lost_tree_are_stored_again_by_the_next_snapshot() {
    let source = Place::new();
    source.write("dir/file", b"f");
    let (store, mut archive) = in_memory(fine_config());
    let taken = take(&mut archive, source.path(), 1);
    let files = without_block_of(&store.files(), taken.snapshot.root);
    let sample = Sample {
        files,
        ..Sample::of(source, store.files())
    };
    assert_next_snapshot_is_whole(&sample, &sample.files);
}

// Section 8: the nodes of a large directory.
#[test]
fn several_lost_nodes_of_one_directory_are_stored_again_by_the_next_snapshot() {
    let source = Place::new();
    for n in 0..1500 {
        source.write(format!("{n}"), b"");
    }
    let (sample, [_, second]) = changed_by(source, |source| source.write("0", b"0"));
    let archive = open(&store_of(&sample.files));
    let trees = objects_of(&archive, &[Kind::Tree]).count();
    assert!(trees > 6, "{trees} nodes");
    // The inner node and the first leaf are new; the first segment has the other leaves.
    let root = archive
        .reader()
        .index()
        .find(&object_at(&archive, second, b"root"))
        .expect("it is there");
    let old = objects_of(&archive, &[Kind::Tree])
        .find(|at| at.segment.name != root.segment.name)
        .expect("two segments");
    let files = without_block_of(&sample.files, old.object.id);
    assert_next_snapshot_is_whole(&sample, &files);
}

// F-081: a snapshot names nothing that the archive, as far as the writer can see, has lost.
#[test]
fn what_a_lost_segment_held_is_stored_again_by_the_next_snapshot() {
    let sample = sample();
    for name in sample.files.keys().filter(|name| **name != Name::Config) {
        let mut files = sample.files.clone();
        files.remove(name);
        assert_next_snapshot_is_whole(&sample, &files);
    }
}

// F-081, F-095
#[test]
fn what_was_made_from_a_lost_segment_is_stored_again_by_the_next_snapshot() {
    let source = Place::new();
    for n in 0..40_u64 {
        let mut bytes = vec![0; 3000];
        Rng::new(n).fill(&mut bytes);
        source.write(format!("KEY/{n}"), &bytes);
    }
    let (sample, [_, second]) = changed_by(source, |source| {
        for n in 0..40 {
            let path = source.join(format!("KEY/{n}"));
            let mut bytes = fs::read(&path).expect("read");
            bytes[1000..1004].copy_from_slice(b"2026");
            fs::write(path, bytes).expect("write");
        }
    });
    let archive = open(&store_of(&sample.files));
    assert!(objects_of(&archive, &[Kind::Chunk]).any(|at| at.delta.is_some()));
    let catalog = archive.catalog();
    let runs = catalog.runs();
    let tells = |run: &&Arc<Run>| {
        let mut moments = catalog.moments_of(&[Arc::clone(run)]);
        moments.any(|moment| moment.id() == second)
    };
    let kept = runs.iter().find(tells).expect("the snapshot").segment;
    let lost = |name: &&Name| **name != Name::Config && **name != kept;
    for name in sample.files.keys().filter(lost) {
        let mut files = sample.files.clone();
        files.remove(name);
        assert_next_snapshot_is_whole(&sample, &files);
        // The archive has not noticed the loss: files that changed back to what it seems to have are stored, too.
        let store = store_of(&files);
        let mut archive = open(&store);
        let moved = Place::new();
        fs::create_dir(moved.join("new")).expect("make a folder");
        for n in 0..40 {
            fs::copy(
                sample.source.join(format!("KEY/{n}")),
                moved.join(format!("new/{n}")),
            )
            .expect("copy");
        }
        let taken = take(&mut archive, moved.path(), 9);
        assert_same(moved.path(), &restored(&open(&store), taken.id).join("root"));
    }
}
