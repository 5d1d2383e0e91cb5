//! What stands in the target when a restore comes: kept, replaced, never followed; and what a dry run says of it.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use restante_format::archive::{Archive, Overwrite, Restore};
use restante_format::error::Error;
use restante_format::id::Id;
use restante_format::progress::Progress;
use restante_tests::archives::{Place, assert_same, fine_config, in_memory, restore_path, take};

/// A source with one entry of each sort, and an archive with it.
fn small_sample() -> (Place, Archive, Id) {
    let source = Place::new();
    source.write("dir/file", b"inside");
    source.write("file", b"of the archive");
    symlink("file", source.join("link")).expect("symlink");
    let (_, mut archive) = in_memory(fine_config());
    let taken = take(&mut archive, source.path(), 1);
    (source, archive, taken.id)
}

fn restore_over(archive: &Archive, id: Id, target: &Place, policy: Overwrite) -> (u64, u64, u64) {
    let report = restore_path(archive, id, b"root", target.path(), Some(policy)).expect("restore");
    (report.files, report.kept, report.failed)
}

#[test]
fn without_a_word_about_overwriting_the_target_must_be_empty() {
    let (_, archive, id) = small_sample();
    let target = Place::new();
    target.write("something", b"");
    let refused = restore_path(&archive, id, b"", target.path(), None);
    assert!(matches!(refused, Err(Error::TargetNotEmpty { .. })));
    assert_eq!(fs::read_dir(target.path()).expect("list").count(), 1);
}

#[test]
fn never_changed_and_always_mean_what_they_say() {
    let (source, archive, id) = small_sample();
    let target = Place::new();
    target.write("root/file", b"of the target!");
    target.write("root/mine", b"not in the archive");
    assert_eq!(restore_over(&archive, id, &target, Overwrite::Never), (2, 1, 0));
    assert_eq!(
        fs::read(target.join("root/file")).expect("read"),
        b"of the target!"
    );
    assert_eq!(
        restore_over(&archive, id, &target, Overwrite::Changed),
        (2, 1, 0),
        "file and link"
    );
    assert_eq!(
        fs::read(target.join("root/file")).expect("read"),
        b"of the archive"
    );
    // Same size and time: only `Always` looks no further.
    let times = fs::FileTimes::new().set_modified(
        fs::metadata(source.join("file"))
            .expect("stat")
            .modified()
            .expect("time"),
    );
    target.write("root/file", b"of the target!");
    fs::File::open(target.join("root/file"))
        .expect("open")
        .set_times(times)
        .expect("set times");
    restore_over(&archive, id, &target, Overwrite::Changed);
    assert_eq!(
        fs::read(target.join("root/file")).expect("read"),
        b"of the target!"
    );
    assert_eq!(restore_over(&archive, id, &target, Overwrite::Always), (3, 0, 0));
    assert_eq!(
        fs::read(target.join("root/mine")).expect("read"),
        b"not in the archive"
    );
    fs::remove_file(target.join("root/mine")).expect("remove");
    restore_over(&archive, id, &target, Overwrite::Changed);
    assert_same(source.path(), &target.join("root"));
}

// F-075: also where one of the names is there already.
#[test]
fn a_missing_link_to_a_kept_file_is_made_again() {
    let source = Place::new();
    source.write("a", b"shared");
    fs::hard_link(source.join("a"), source.join("b")).expect("link");
    let (_, mut archive) = in_memory(fine_config());
    let id = take(&mut archive, source.path(), 1).id;
    for policy in [Overwrite::Never, Overwrite::Changed] {
        let target = Place::new();
        restore_over(&archive, id, &target, policy);
        fs::remove_file(target.join("root/b")).expect("remove");
        assert_eq!(restore_over(&archive, id, &target, policy), (1, 1, 0));
        let inode = |name: &str| fs::metadata(target.join("root").join(name)).expect("stat").ino();
        assert_eq!(inode("a"), inode("b"));
        // `Never` leaves the folder's own time, which the removal changed.
        if policy == Overwrite::Changed {
            assert_same(source.path(), &target.join("root"));
        }
    }
}

// F-110
#[test]
fn a_link_in_the_way_is_never_followed() {
    let (source, archive, id) = small_sample();
    for policy in [Overwrite::Never, Overwrite::Changed, Overwrite::Always] {
        let (outside, target) = (Place::new(), Place::new());
        outside.write("victim", b"untouched");
        fs::create_dir(target.join("root")).expect("make folder");
        symlink(outside.path(), target.join("root/dir")).expect("symlink");
        symlink(outside.join("victim"), target.join("root/file")).expect("symlink");
        let (_, kept, failed) = restore_over(&archive, id, &target, policy);
        assert_eq!(failed, 0);
        assert_eq!(fs::read(outside.join("victim")).expect("read"), b"untouched");
        assert_eq!(fs::read_dir(outside.path()).expect("list").count(), 1);
        if policy == Overwrite::Never {
            assert_eq!(kept, 2);
        } else {
            assert_same(source.path(), &target.join("root"));
        }
    }
}

#[test]
fn a_directory_in_the_way_of_a_file_goes_only_if_it_is_empty() {
    let (_, archive, id) = small_sample();
    let target = Place::new();
    fs::create_dir_all(target.join("root/link")).expect("make folder");
    target.write("root/file/precious", b"kept");
    let (files, _, failed) = restore_over(&archive, id, &target, Overwrite::Always);
    assert_eq!((files, failed), (2, 1));
    assert_eq!(
        fs::read(target.join("root/file/precious")).expect("read"),
        b"kept"
    );
    assert_eq!(
        fs::read_link(target.join("root/link")).expect("a link"),
        Path::new("file")
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let (_, archive, id) = small_sample();
    let listed = archive.catalog().get(&id).expect("listed");
    let parent = Place::new();
    for target in [parent.join("new"), parent.path().to_owned()] {
        let restore = Restore {
            target,
            overwrite: None,
            dry_run: true,
        };
        let located = archive.locate(&listed, b"").expect("locate");
        let report = archive
            .restore(&located, &restore, &Progress::default())
            .expect("plan");
        assert_eq!((report.files, report.dirs, report.bytes), (3, 2, 20));
        assert_eq!(fs::read_dir(parent.path()).expect("list").count(), 0);
    }
}

// What a dry run says must be what the restore does, whatever stands in the target.
#[test]
fn a_dry_run_foretells_the_restore() {
    let (_, archive, id) = small_sample();
    let target = Place::new();
    target.write("root/file", b"of the target!");
    let listed = archive.catalog().get(&id).expect("listed");
    let located = archive.locate(&listed, b"root").expect("locate");
    for policy in [Overwrite::Never, Overwrite::Always] {
        let run = |dry_run| {
            let restore = Restore {
                target: target.path().to_owned(),
                overwrite: Some(policy),
                dry_run,
            };
            let report = archive
                .restore(&located, &restore, &Progress::default())
                .expect("restore");
            (report.files, report.dirs, report.bytes, report.kept)
        };
        assert_eq!(run(true), run(false), "{policy:?}");
    }
}
