//! The generated trees are what they promise to be, and the judge of trees sees every kind of difference.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use restante_tests::compare::{Aspect, Side, differences};
use restante_tests::workload::{CONNDATA, MAILDATA, TABLES, Workload};
use restante_tests::{adversarial, remove_tree};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};
use tempfile::{TempDir, tempdir};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn assert_equal(a: &Path, b: &Path) {
    let found = differences(a, b).unwrap();
    let lines: Vec<String> = found.iter().take(20).map(ToString::to_string).collect();
    assert!(
        found.is_empty(),
        "{} differences:\n{}",
        found.len(),
        lines.join("\n")
    );
}

fn created(workload: &Workload) -> TempDir {
    let root = tempdir().unwrap();
    workload.create(root.path()).unwrap();
    root
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_seed_decides_everything() {
    let workload = Workload::tiny();
    let (a, b) = (created(&workload), created(&workload));
    assert_equal(a.path(), b.path());
    // As many steps as use up the mails of the beginning, and some more.
    for n in 1..=12 {
        let in_a = workload.step(a.path(), n).unwrap();
        assert_eq!(in_a, workload.step(b.path(), n).unwrap(), "step {n}");
    }
    assert_equal(a.path(), b.path());
    let other = Workload { seed: 2, ..workload };
    assert!(!differences(a.path(), created(&other).path()).unwrap().is_empty());
}

/// Measurements of different days and machines can be compared only as long as this number stays.
#[test]
fn the_content_is_the_same_on_every_machine() {
    let root = created(&Workload::tiny());
    Workload::tiny().step(root.path(), 1).unwrap();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for path in files(root.path()) {
        let name = path.strip_prefix(root.path()).unwrap().to_str().unwrap();
        let modified = path.metadata().unwrap();
        let time = format!("{}.{:09}", modified.mtime(), modified.mtime_nsec());
        let content = fs::read(&path).unwrap();
        for byte in name.bytes().chain(time.bytes()).chain(content) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    assert_eq!(hash, 0xf0f3_c936_20ae_eadf, "{hash:#x}");
}

#[test]
fn the_summary_counts_what_is_there() {
    let root = tempdir().unwrap();
    let made = Workload::tiny().create(root.path()).unwrap();
    let files = files(root.path());
    assert_eq!(made.files, files.len() as u64);
    assert_eq!(
        made.bytes,
        files
            .iter()
            .map(|path| path.metadata().unwrap().len())
            .sum::<u64>()
    );
    assert!(
        files.iter().any(|path| path.metadata().unwrap().len() == 0),
        "there are empty files"
    );
    for empty in [
        "Exchsrvr/Connect/Msmcon/Maildata/P1",
        "WPDOMAIN/WPGATE/API/WPCSIN/7",
        "Exchsrvr/Bin",
    ] {
        assert_eq!(
            fs::read_dir(root.path().join(empty)).unwrap().count(),
            0,
            "{empty}"
        );
    }
}

#[test]
fn nothing_is_overwritten_and_no_step_is_left_out() {
    let workload = Workload::tiny();
    let root = created(&workload);
    let again = workload.create(root.path()).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(again.to_string().contains("making file"), "{again}");
    assert_eq!(
        workload.step(root.path(), 0).unwrap_err().kind(),
        std::io::ErrorKind::InvalidInput
    );
    workload.step(root.path(), 1).unwrap();
    assert!(workload.step(root.path(), 1).is_err());
}

/// The rules that connectors.md takes from Q77926, before and after steps.
#[test]
fn the_post_office_keeps_its_size_rules() {
    let workload = Workload::tiny();
    let root = created(&workload);
    for n in 0..3 {
        if n > 0 {
            workload.step(root.path(), n).unwrap();
        }
        let maildata = root.path().join(MAILDATA);
        let size = |name: &str| maildata.join(name).metadata().unwrap().len();
        assert_eq!(size("GLB/MASTER.GLB"), 176);
        assert_eq!(size("GLB/CONTROL.GLB"), 8);
        assert_eq!(size("GLB/FLAG.GLB"), 2);
        assert_eq!(size("GLB/TID.GLB"), 4);
        assert_eq!(size("GLB/NETWORK.GLB") % 122, 0);
        let users = size("GLB/ACCESS.GLB") / 586;
        assert_eq!(size("GLB/ACCESS.GLB"), users * 586);
        assert_eq!(size("GLB/ACCESS2.GLB"), users * 69);
        assert_eq!(size("GLB/ACCESS3.GLB"), users * 512);
        let mut counts = BTreeMap::new();
        for path in files(&maildata) {
            let bytes = path.metadata().unwrap().len();
            let extension = path.extension().unwrap().to_str().unwrap().to_owned();
            let right = match &*extension {
                "KEY" => {
                    let box_file = path.to_str().unwrap().replace("KEY", "MBG");
                    bytes == 560 && Path::new(&box_file).exists()
                }
                "MBG" => bytes % 116 == 0,
                "NME" => bytes % 45 == 0,
                "USR" => bytes % 53 == 0,
                "XTN" => bytes % 698 == 0,
                "MEM" => bytes % 4 == 0 && bytes <= 2_000,
                _ => true,
            };
            assert!(right, "{path:?} has {bytes} bytes");
            *counts.entry(extension).or_insert(0_u64) += 1;
        }
        assert_eq!(counts["KEY"], workload.mailboxes());
        assert_eq!(counts["MBG"], workload.mailboxes());
        assert_eq!(counts["MAI"], workload.mails() + 10 * n);
        for directory in [
            "ATT",
            "CAL",
            "FOLDERS/LOC",
            "FOLDERS/PUB",
            "GRP",
            "HLP",
            "INF",
            "INI",
            "LOG",
            "MAI/MA0",
        ]
        .into_iter()
        .chain(["MAI/MAF", "MBG", "MEM", "MMF", "NME", "P1", "TPL", "USR", "XTN"])
        {
            assert!(maildata.join(directory).is_dir(), "{directory}");
        }
    }
}

#[test]
fn the_connector_data_is_as_the_articles_say() {
    let root = created(&Workload::tiny());
    let conndata = root.path().join(CONNDATA);
    let number = |file: &str, name: &str| -> u64 {
        let text = fs::read_to_string(conndata.join(file)).unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert_eq!(
        number("Dxanotes/Pcta.tbl", "outboundseq"),
        number("Dxamex/Pcta.tbl", "inboundseq")
    );
    for rules in [
        "Dxamex/Amap.tbl",
        "Dxamex/Mapnotes.tbl",
        "Dxanotes/Mapmex.tbl",
        "DxaGwise/Mapgwise.tbl",
    ] {
        let text = fs::read_to_string(conndata.join(rules)).unwrap();
        assert!(text.len() > 200 && !text.contains('\t'), "{rules}");
    }
    let work_files = files(&conndata).into_iter().filter(|path| {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        extension == "seq" || extension == "ck"
    });
    assert_eq!(work_files.count(), 5);
    let tables = files(&root.path().join(TABLES));
    assert_eq!(
        tables
            .iter()
            .filter(|path| path.metadata().unwrap().len() >= 4096 * 20)
            .count(),
        3
    );
}

#[test]
fn a_step_changes_exactly_what_it_says() {
    let workload = Workload::tiny();
    let (before, after) = (created(&workload), created(&workload));
    for n in 1..=10 {
        let step = workload.step(after.path(), n).unwrap();
        assert_eq!(step.mails_changed(), 60);
        assert_eq!(step.records, 200 * workload.table_count as u64);

        let mut changed = BTreeMap::new();
        for difference in differences(before.path(), after.path()).unwrap() {
            let words: &mut Vec<_> = changed.entry(difference.path).or_default();
            words.push(difference.aspect);
        }
        let (mut new, mut deleted, mut other, mut bytes_changed) = (0, 0, 0, 0);
        for (path, aspects) in changed {
            let (old, now) = (before.path().join(&path), after.path().join(&path));
            match aspects[..] {
                [Aspect::OnlyIn(Side::First)] => deleted += 1,
                [Aspect::OnlyIn(Side::Second)] => {
                    new += 1;
                    bytes_changed += now.metadata().unwrap().len();
                }
                [Aspect::Modified(..)] => assert!(now.is_dir(), "{path:?} has the bytes that it had"),
                _ => {
                    other += 1;
                    bytes_changed += changed_bytes(&path, &fs::read(old).unwrap(), &fs::read(now).unwrap());
                }
            }
        }
        assert_eq!((new, deleted), (step.mails_new, step.mails_deleted), "step {n}");
        assert_eq!(other, step.files_changed() - step.mails_new, "step {n}");
        assert_eq!(bytes_changed, step.bytes_changed, "step {n}");
        workload.step(before.path(), n).unwrap();
    }
}

/// How many bytes were written to turn `old` into `new`; fails where it is not how such a file changes.
fn changed_bytes(path: &Path, old: &[u8], new: &[u8]) -> u64 {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("tbl") => {
            assert_eq!(old.len(), new.len());
            let records = old.chunks(256).zip(new.chunks(256)).enumerate();
            let changed: Vec<usize> = records
                .filter(|(_, (a, b))| a != b)
                .map(|(place, _)| place)
                .collect();
            assert_eq!(changed.len(), 200, "{path:?}");
            assert!(changed.iter().all(|place| place % 16 != 0), "page headers stay");
            200 * 256
        }
        Some("KEY") => {
            assert_eq!(old.len(), new.len());
            let changed = old.iter().zip(new).filter(|(a, b)| a != b).count();
            assert_eq!(changed, 4, "{path:?}");
            4
        }
        Some("MAI") => new.len() as u64,
        _ => {
            assert_eq!(&new[..old.len()], old, "{path:?} only grows");
            (new.len() - old.len()) as u64
        }
    }
}

/// A tree with one of each; dated, so that a second one is equal.
fn specimen() -> TempDir {
    let root = tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("dir")).unwrap();
    for name in ["file", "dir/inner", "alike-1", "alike-2", "linked-1"] {
        fs::write(at(name), vec![7; 600_000]).unwrap();
    }
    fs::hard_link(at("linked-1"), at("linked-2")).unwrap();
    symlink("file", at("symlink")).unwrap();
    let sparse = File::create(at("sparse")).unwrap();
    sparse.set_len(8 << 20).unwrap();
    rustix::fs::mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    if is_root() {
        device(&at("device"), 3);
    }
    settle(root.path());
    root
}

fn device(path: &Path, minor: u32) {
    let _ = fs::remove_file(path);
    let number = rustix::fs::makedev(1, minor);
    rustix::fs::mknodat(
        CWD,
        path,
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o600),
        number,
    )
    .unwrap();
}

fn date(path: &Path, nanoseconds: i64) {
    let time = Timespec {
        tv_sec: 1_000_000_000,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn settle(root: &Path) {
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            settle(&path);
        }
        date(&path, 5);
    }
    date(root, 5);
}

/// What the judge says after `change` was done to the second of two equal trees: the words in order.
fn seen(change: impl FnOnce(&Path)) -> String {
    let (a, b) = (specimen(), specimen());
    assert_equal(a.path(), b.path());
    change(b.path());
    let forth = differences(a.path(), b.path()).unwrap();
    let back = differences(b.path(), a.path()).unwrap();
    let allocation = |found: &[restante_tests::compare::Difference]| {
        found
            .iter()
            .filter(|difference| matches!(difference.aspect, Aspect::Allocation(..)))
            .count()
    };
    assert_eq!(
        forth.len() - allocation(&forth),
        back.len() - allocation(&back),
        "both ways alike"
    );
    let lines: Vec<String> = forth
        .iter()
        .map(|found| format!("{} {}", found.path.display(), found.aspect.word()))
        .collect();
    lines.join(", ")
}

/// `seen`, after the dates that `change` moved were put right again.
fn seen_dated(change: impl FnOnce(&Path)) -> String {
    seen(|root| {
        change(root);
        settle(root);
    })
}

fn attribute(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

#[test]
fn every_kind_of_difference_is_seen() {
    let overwrite = |path: PathBuf, at: u64, bytes: &[u8]| {
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(bytes).unwrap();
    };
    assert_eq!(seen(|_| ()), "");
    assert_eq!(
        seen_dated(|at| fs::remove_file(at.join("file")).unwrap()),
        "file only"
    );
    assert_eq!(seen_dated(|at| fs::write(at.join("z"), "").unwrap()), "z only");
    assert_eq!(
        seen_dated(|at| fs::remove_dir_all(at.join("dir")).unwrap()),
        "dir only"
    );
    let to_directory = |at: &Path| {
        fs::remove_file(at.join("file")).unwrap();
        fs::create_dir(at.join("file")).unwrap();
    };
    assert_eq!(seen_dated(to_directory), "file type");
    let shorter = |at: &Path| {
        let file = OpenOptions::new().write(true).open(at.join("dir/inner")).unwrap();
        file.set_len(599_999).unwrap();
    };
    assert_eq!(seen_dated(shorter), "dir/inner size");
    assert_eq!(
        seen_dated(|at| overwrite(at.join("file"), 599_999, &[8])),
        "file content"
    );
    assert_eq!(
        seen_dated(|at| overwrite(at.join("sparse"), 5_000_000, &[1])),
        "sparse content"
    );
    assert_eq!(
        seen_dated(|at| fs::write(at.join("sparse"), vec![0; 8 << 20]).unwrap()),
        "sparse allocation"
    );
    let mode = |name: &'static str, mode| {
        move |at: &Path| fs::set_permissions(at.join(name), fs::Permissions::from_mode(mode)).unwrap()
    };
    assert_eq!(seen(mode("file", 0o4644)), "file mode");
    assert_eq!(seen(mode("dir", 0o700)), "dir mode");
    assert_eq!(seen(mode("fifo", 0o640)), "fifo mode");
    assert_eq!(seen(mode("", 0o711)), " mode");
    for name in ["file", "dir", "symlink", "fifo", ""] {
        assert_eq!(seen(|at| date(&at.join(name), 6)), format!("{name} mtime"));
    }
    let elsewhere = |at: &Path| {
        fs::remove_file(at.join("symlink")).unwrap();
        symlink("File", at.join("symlink")).unwrap();
    };
    assert_eq!(seen_dated(elsewhere), "symlink target");
    let link = |at: &Path| {
        fs::remove_file(at.join("alike-2")).unwrap();
        fs::hard_link(at.join("alike-1"), at.join("alike-2")).unwrap();
    };
    assert_eq!(seen_dated(link), "alike-2 link");
    let unlink = |at: &Path| {
        fs::remove_file(at.join("linked-2")).unwrap();
        fs::write(at.join("linked-2"), vec![7; 600_000]).unwrap();
    };
    assert_eq!(seen_dated(unlink), "linked-2 link");
    // The same numbers of links, between other files.
    let relink = |at: &Path| {
        fs::remove_file(at.join("linked-2")).unwrap();
        fs::rename(at.join("alike-1"), at.join("linked-2")).unwrap();
        fs::hard_link(at.join("linked-1"), at.join("alike-1")).unwrap();
    };
    assert_eq!(seen_dated(relink), "linked-1 link, linked-2 link");
}

#[test]
fn attributes_owners_and_devices_are_compared() {
    let access =
        b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xd2\x04\0\0\x04\0\x04\0\xff\xff\xff\xff\
        \x10\0\x04\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff";
    for name in ["file", "dir"] {
        assert_eq!(
            seen(|at| attribute(&at.join(name), "user.empty", b"")),
            format!("{name} attribute")
        );
    }
    assert_eq!(
        seen(|at| attribute(&at.join("file"), "system.posix_acl_access", access)),
        "file attribute"
    );
    let (a, b) = (specimen(), specimen());
    for (root, value) in [(&a, b"one"), (&b, b"two")] {
        attribute(&root.path().join("file"), "user.value", value);
    }
    let found = differences(a.path(), b.path()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "file: attribute user.value: \"one\" against \"two\""
    );
    if !is_root() {
        return;
    }
    let chown = |name: &'static str, uid, gid| {
        move |at: &Path| std::os::unix::fs::lchown(at.join(name), uid, gid).unwrap()
    };
    assert_eq!(seen(chown("file", Some(12_345), None)), "file owner");
    assert_eq!(seen(chown("symlink", None, Some(54_321))), "symlink group");
    assert_eq!(
        seen(|at| attribute(&at.join("symlink"), "trusted.x", b"")),
        "symlink attribute"
    );
    assert_eq!(seen_dated(|at| device(&at.join("device"), 5)), "device device");
}

#[test]
fn adversarial_trees_equal_themselves_and_their_copies() {
    let place = tempdir().unwrap();
    let (a, b) = (place.path().join("a"), place.path().join("b"));
    let options = adversarial::Options {
        sockets: true,
        ..Default::default()
    };
    let skipped = adversarial::create(&a, &options).unwrap();
    assert!(
        adversarial::create(&a, &options).is_err(),
        "not twice in one place"
    );
    let found = differences(&a, &a).unwrap();
    let unexpected: Vec<_> = found
        .iter()
        .filter(|found| is_root() || !matches!(found.aspect, Aspect::Unreadable(_)))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    assert!(skipped.things.len() < 40, "nearly all can be made: {skipped}");
    assert_eq!(fs::read_dir(a.join("many")).unwrap().count(), 4_000);
    assert!(a.join("sparse/all").metadata().unwrap().blocks() < 64);
    // Others than root cannot copy what they may not read.
    if is_root() {
        assert!(
            skipped.is_empty() || rustix::fs::statat(CWD, &a, AtFlags::empty()).is_ok(),
            "{skipped}"
        );
        let copied = Command::new("cp")
            .args(["-a", "a", "b"])
            .current_dir(place.path())
            .status()
            .unwrap();
        assert!(copied.success());
        assert_equal(&a, &b);
    }
    remove_tree(&a).unwrap();
    remove_tree(&b).unwrap();
    assert!(!a.exists());
}

#[test]
fn deep_trees_need_few_open_files() {
    let program = env!("CARGO_BIN_EXE_workload");
    let place = tempdir().unwrap();
    let run = |line: &str| {
        let line = format!("ulimit -n 128 && {line}");
        let done = Command::new("sh")
            .args(["-c", &line])
            .env("W", program)
            .current_dir(place.path())
            .output();
        let done = done.unwrap();
        (
            done.status.code(),
            String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned(),
        )
    };
    let made = run("\"$W\" adversarial a --beyond --big && \"$W\" adversarial b --beyond --big");
    assert_eq!(made.0, Some(0), "{}", made.1);
    let (code, lines) = run("\"$W\" compare a b");
    // Made at different times, so many times differ; nothing else may.
    assert!(
        lines
            .lines()
            .all(|line| line.contains(": mtime: ") || line.contains("may not be read")),
        "{lines}"
    );
    assert_eq!(code, Some(1));
    assert!(
        lines.lines().any(|line| line.contains("beyond/l")),
        "the depths were reached"
    );
    let gone = run("\"$W\" remove a && \"$W\" remove b");
    assert_eq!(gone.0, Some(0), "{}", gone.1);
}

#[test]
fn the_program_tells_wrong_usage() {
    let run = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_workload"))
            .args(arguments)
            .output()
            .unwrap();
        (
            done.status.code(),
            String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned(),
        )
    };
    assert_eq!(run(&["--help"]).0, Some(0));
    for wrong in [
        &["creat"][..],
        &["create"],
        &["create", "x", "--size", "vast"],
        &["step", "x", "one"],
    ] {
        let (code, text) = run(wrong);
        assert_eq!(code, Some(2), "{wrong:?}");
        assert!(text.contains("Examples:"), "{text}");
    }
    let (code, text) = run(&["compare", "/nonexistent/a", "/nonexistent/b"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("/nonexistent/a"), "{text}");
}
