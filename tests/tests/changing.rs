//! Files that do not hold still: a snapshot goes on, says what it could not get whole, and misses no change.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use restante_format::archive::{Archive, Taken};
use restante_format::id::Id;
use restante_format::model::{Node, Snapshot};
use restante_tests::archives::{
    Found, Place, assert_clean, assert_same, config, in_memory, open, read_everything, read_tree,
    restore_path, restored, take, unprivileged,
};

/// Keeps doing something to the source while `work` runs.
fn while_changing<T>(mut change: impl FnMut(u64) + Send, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let changes = || {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                change(n);
                n += 1;
            }
        };
        threads.spawn(changes);
        // Also when `work` fails, or the scope would wait forever.
        let _stop = OnDrop(&stop);
        work()
    })
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The entry of a file in a snapshot and its bytes.
fn file_in(archive: &Archive, snapshot: Id, name: &str) -> Option<(restante_format::model::Entry, Vec<u8>)> {
    let listed = archive.catalog().get(&snapshot).expect("it is listed");
    match read_tree(archive.reader(), listed.snapshot.root).get(format!("root/{name}").as_bytes())? {
        Found::Whole(entry, bytes) => Some((entry.clone(), bytes.clone())),
        lost => panic!("{lost:?}"),
    }
}

fn assert_counted(snapshot: &Snapshot) {
    assert_eq!(snapshot.counts.torn, snapshot.torn.len() as u64);
    assert_eq!(snapshot.counts.unreadable, snapshot.unreadable.len() as u64);
}

/// Takes snapshots of a folder with a `busy` file until one of them is torn.
fn take_torn(archive: &mut Archive, source: &Place, len: usize) -> Taken {
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(source.join("busy"))
        .expect("create");
    file.write_all_at(&vec![0; len], 0).expect("write");
    let rewrite = |n: u64| {
        for at in (0..len).step_by(1 << 20) {
            file.write_all_at(&[n as u8; 512], at as u64).expect("write");
        }
    };
    while_changing(rewrite, || {
        for secs in 1..200 {
            let taken = take(archive, source.path(), secs);
            assert_counted(&taken.snapshot);
            if !taken.snapshot.torn.is_empty() {
                return taken;
            }
        }
        panic!("a file that changes all the time is never torn");
    })
}

// F-073
#[test]
fn a_file_that_never_holds_still_is_torn_and_read_again() {
    // Small files are read whole as tasks, large ones piece by piece.
    for len in [300_000, 6 << 20] {
        let source = Place::new();
        source.write("still", b"still");
        let (_, mut archive) = in_memory(config());
        let torn = take_torn(&mut archive, &source, len);
        assert_eq!(torn.snapshot.torn, [b"root/busy".to_vec()]);
        let (entry, bytes) = file_in(&archive, torn.id, "busy").expect("it is taken all the same");
        assert!(entry.meta.torn && bytes.len() == len);
        let (entry, _) = file_in(&archive, torn.id, "still").expect("the rest is taken");
        assert!(!entry.meta.torn);
        let target = Place::new();
        let report = restore_path(&archive, torn.id, b"", target.path(), None).expect("restore");
        assert_eq!(
            (report.torn.as_slice(), report.is_complete()),
            (&[b"root/busy".to_vec()][..], false)
        );
        // Nobody writes any more: the next snapshot reads it again, and gets it whole.
        let taken = take(&mut archive, source.path(), 1000);
        assert_eq!((taken.opened_files, taken.snapshot.torn.len()), (1, 0));
        assert_same(source.path(), &restored(&archive, taken.id).join("root"));
        assert_clean(&archive);
    }
}

#[test]
fn files_that_come_and_go_never_fail_a_snapshot() {
    let source = Place::new();
    for n in 0..300 {
        source.write(format!("dir{}/{n}", n % 5), format!("{n}"));
    }
    source.write("other", b"other");
    let root = source.path();
    let come_and_go = |n: u64| {
        let path = root.join(format!("dir{}/{}", n % 5, n % 300));
        match n % 4 {
            0 => drop(fs::remove_file(&path)),
            1 => drop(fs::write(&path, vec![n as u8; (n % 5000) as usize])),
            2 => drop(
                fs::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .map(|file| file.set_len(n % 3)),
            ),
            _ => {
                // A directory and a link in the place of a file, and a whole directory that is gone for a moment.
                let _ = fs::remove_file(&path);
                let _ = fs::create_dir(&path).and_then(|()| fs::remove_dir(&path));
                let _ = std::os::unix::fs::symlink("/etc/passwd", &path);
                let away = root.join("away");
                let _ = fs::rename(root.join("dir4"), &away);
                let _ = fs::rename(&away, root.join("dir4"));
                let _ = fs::remove_file(&path);
            }
        }
    };
    let (store, mut archive) = in_memory(config());
    while_changing(come_and_go, || {
        for secs in 0..60 {
            let taken = take(&mut archive, root, secs);
            assert_counted(&taken.snapshot);
            let (_, bytes) = file_in(&archive, taken.id, "other").expect("what holds still is there");
            assert_eq!(bytes, b"other");
        }
    });
    assert_clean(&open(&store));
    let taken = take(&mut archive, root, 100);
    assert!(taken.snapshot.torn.is_empty() && taken.snapshot.unreadable.is_empty());
    assert_same(root, &restored(&archive, taken.id).join("root"));
    // What a link pointed to was never taken for the file.
    for contents in read_everything(&archive).into_values() {
        for found in contents.into_values() {
            assert!(matches!(&found, Found::Whole(entry, bytes)
                if !bytes.starts_with(b"root:") || matches!(entry.node, Node::Symlink { .. })));
        }
    }
}

#[test]
fn a_large_file_that_is_cut_off_while_it_is_read_fails_nothing() {
    let source = Place::new();
    let path = source.join("large");
    let file = fs::File::create(&path).expect("create");
    let resize = |n: u64| {
        file.set_len(if n.is_multiple_of(2) { 20 << 20 } else { n % 100 })
            .expect("resize");
        file.write_all_at(b"data", n % 1000).expect("write");
    };
    let (store, mut archive) = in_memory(config());
    while_changing(resize, || {
        for secs in 0..20 {
            let taken = take(&mut archive, source.path(), secs);
            assert_counted(&taken.snapshot);
            let (entry, bytes) = file_in(&archive, taken.id, "large").expect("it is taken");
            assert_eq!(entry.node.size(), bytes.len() as u64);
        }
    });
    assert_clean(&open(&store));
}

#[test]
fn what_may_not_be_read_is_listed_and_the_rest_taken() {
    unprivileged("what_may_not_be_read_is_listed_and_the_rest_taken", || {
        let source = Place::new();
        source.write("open/file", b"o");
        source.write("closed/file", b"c");
        source.write("secret", b"s");
        let close =
            |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("chmod");
        close(&source.join("closed"));
        close(&source.join("secret"));
        let (_, mut archive) = in_memory(config());
        for secs in [1, 2] {
            let taken = take(&mut archive, source.path(), secs);
            assert_counted(&taken.snapshot);
            let listed: Vec<&[u8]> = taken.snapshot.unreadable.iter().map(|u| &u.path[..]).collect();
            assert_eq!(listed, [&b"root/closed"[..], b"root/secret"]);
            for unreadable in &taken.snapshot.unreadable {
                assert!(unreadable.reason.contains("ermission denied"), "{unreadable:?}");
            }
            assert!(file_in(&archive, taken.id, "open/file").is_some());
            assert!(file_in(&archive, taken.id, "secret").is_none());
        }
        // Opened up, they are in the next one.
        let open_up =
            |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("chmod");
        open_up(&source.join("closed"));
        open_up(&source.join("secret"));
        let taken = take(&mut archive, source.path(), 3);
        assert_same(source.path(), &restored(&archive, taken.id).join("root"));
    });
}

#[test]
fn a_change_right_after_a_snapshot_is_in_the_next_one() {
    let source = Place::new();
    let path = source.join("file");
    fs::write(&path, [0; 8]).expect("write");
    let (_, mut archive) = in_memory(config());
    let mut root_before = None;
    for round in 0..1000_i64 {
        // In place, of equal size, and right after the snapshot before.
        let content = round.to_le_bytes();
        let file = fs::OpenOptions::new().write(true).open(&path).expect("open");
        file.write_all_at(&content, 0).expect("write");
        let taken = take(&mut archive, source.path(), round);
        assert_ne!(
            root_before,
            Some(taken.snapshot.root),
            "round {round}: the change was missed"
        );
        root_before = Some(taken.snapshot.root);
        match &read_tree(archive.reader(), taken.snapshot.root)[&b"root/file"[..]] {
            Found::Whole(_, bytes) => assert_eq!(bytes, &content, "round {round}"),
            lost => panic!("{lost:?}"),
        }
    }
}

#[test]
fn a_change_during_a_snapshot_is_in_the_next_one_at_the_latest() {
    let source = Place::new();
    for n in 0..20 {
        source.write(format!("{n}"), vec![0; 2000]);
    }
    let (_, mut archive) = in_memory(config());
    let root = source.path();
    for secs in 0..40 {
        // Changes go on during the first snapshot of each pair, and the second must show how they ended.
        let change = |n: u64| {
            let path = root.join(format!("{}", n % 20));
            let file = fs::OpenOptions::new().write(true).open(path).expect("open");
            file.write_all_at(&n.to_le_bytes(), 100).expect("write");
        };
        while_changing(change, || take(&mut archive, root, secs * 2));
        let taken = take(&mut archive, root, secs * 2 + 1);
        assert!(taken.snapshot.torn.is_empty());
        for n in 0..20 {
            let (_, bytes) = file_in(&archive, taken.id, &n.to_string()).expect("it is there");
            assert_eq!(
                bytes,
                fs::read(root.join(n.to_string())).expect("read"),
                "file {n}, pair {secs}"
            );
        }
    }
}
