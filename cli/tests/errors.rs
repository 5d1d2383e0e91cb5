//! What goes wrong: exit codes and the whole text on standard error.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use common::{Ended, Exch, assert_failures, ended, ended_with_input};
use restante_format::archive::Archive;
use restante_format::catalog::Listed;
use restante_format::id::Id;
use restante_format::model::Snapshot;
use restante_format::store::LocalStore;
use restante_format::wire::encode_snapshot;

#[track_caller]
fn assert_fails(exch: &Exch, what: &str, ended: &Ended, code: i32, stderr: &str) {
    assert_eq!(exch.normal(&ended.stderr).trim_end(), stderr, "{what}");
    assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{what}");
}

/// An archive with two snapshots of `src`, in which `note` changed. Returns the id of the second.
fn filled() -> (Exch, String) {
    let exch = Exch::with_archive();
    exch.write("src/mail/inbox", "one");
    exch.write("src/note", "one");
    exch.snapshot(&["src", "--time", "2026-11-22T08:00:00Z"]);
    exch.write("src/note", "two!");
    let id = exch.snapshot(&["src", "--time", "2026-11-22T08:01:00Z"]);
    (exch, id)
}

#[test]
fn no_archive() {
    let exch = Exch::new();
    let name = "name one with -a PATH, RESTANTE_ARCHIVE, or archive = \"PATH\" in restante.toml";
    for command in [
        &["snapshots"][..],
        &["init"],
        &["snapshot", "."],
        &["verify"],
        &["stats"],
    ] {
        let ended = ended(exch.bare(command));
        assert_fails(
            &exch,
            command[0],
            &ended,
            2,
            &format!("error: no archive is named\n  {name}"),
        );
    }
    assert_failures(
        &exch,
        "",
        &[(
            &["snapshots"],
            1,
            "error: there is no archive at DIR/archive\n  make one: restante -a DIR/archive init\n  \
             or name another with -a, RESTANTE_ARCHIVE or the configuration file",
        )],
    );
    let ended = ended(exch.bare(&["-a", "s3://bucket/x", "snapshots"]));
    let unreachable = "error: cannot reach s3://bucket/x: s3 is not supported\n  name a folder, or a file \
                       that `export` wrote";
    assert_fails(&exch, "s3", &ended, 2, unreachable);
}

#[test]
fn not_an_archive() {
    const NAME: &str = "\n  name the folder that holds the files config and segments";
    let exch = Exch::new();
    let cases: &[(&str, &dyn Fn(), String)] = &[
        (
            "a file",
            &|| drop(exch.write("archive", "x")),
            "error: DIR/archive is not an archive: it is a file, and none that holds a segment\n  name the folder of \
             an archive, or a file that `export` wrote"
                .into(),
        ),
        (
            "another program's config",
            &|| drop(exch.write("archive/config", "[core]\n\tbare = true\n")),
            format!("error: DIR/archive is not an archive: the magic bytes of a config are missing{NAME}"),
        ),
        (
            "a folder",
            &|| drop(exch.write("archive/letter", "x")),
            format!("error: DIR/archive is not an archive: it has no file `config`{NAME}"),
        ),
    ];
    for (what, make, stderr) in cases {
        make();
        assert_fails(&exch, what, &exch.run(&["snapshots"]), 1, stderr);
        let archive = exch.path("archive");
        if archive.is_dir() {
            fs::remove_dir_all(archive).expect("remove");
        } else {
            fs::remove_file(archive).expect("remove");
        }
    }
}

/// Changes bytes of the config.
fn patch_config(exch: &Exch, patch: impl FnOnce(&mut Vec<u8>)) {
    let path = exch.path("archive/config");
    let mut config = fs::read(&path).expect("read the config");
    patch(&mut config);
    fs::write(&path, config).expect("write the config");
}

#[test]
fn a_newer_or_damaged_archive() {
    let exch = Exch::with_archive();
    // The check of another version covers other bytes than this version's.
    patch_config(&exch, |config| {
        config[8] = 2;
        config[112] ^= 1;
    });
    let newer = "error: DIR/archive/config was written by a newer version of this program: the config has version 2; \
                 this program reads version 1\n  install the newest version of restante";
    assert_fails(&exch, "newer", &exch.run(&["snapshots"]), 1, newer);
    patch_config(&exch, |config| {
        config[8] = 1;
    });
    let damaged = exch.run(&["snapshots"]);
    assert_eq!(damaged.code, 4, "{damaged:?}");
    assert_fails(
        &exch,
        "damaged",
        &damaged,
        4,
        "error: config is damaged: config, check: does not match the contents\n  \
         put the file `config` back from a copy: the segments are not affected",
    );
    patch_config(&exch, |config| config.truncate(100));
    assert_eq!(exch.run(&["snapshots"]).code, 4);
    patch_config(&exch, Vec::clear);
    assert_ne!(exch.run(&["snapshots"]).code, 0);
}

#[test]
fn a_damaged_segment_is_told_and_verify_says_what_it_costs() {
    let (exch, _) = filled();
    let name = &exch.names("archive/segments")[0];
    let path = exch.path("archive/segments").join(name);
    let mut segment = fs::read(&path).expect("read a segment");
    let middle = segment.len() / 2;
    segment[middle] ^= 0x40;
    fs::write(&path, segment).expect("write it");
    let ended = exch.run(&["verify"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stdout.contains("damaged: "), "{ended:?}");
    let json: serde_json::Value =
        serde_json::from_str(&exch.run(&["verify", "--json"]).stdout).expect("a document");
    let damaged = json["damaged"].as_array().expect("an array");
    assert!(!damaged.is_empty(), "{json}");
    assert_eq!(damaged[0]["segment"], format!("segments/{name}"));
    assert_eq!(damaged[0]["repairable"], false);
}

#[test]
fn making_an_archive_where_something_is() {
    let exch = Exch::with_archive();
    exch.write("letters/a", "x");
    let exists = "error: there is an archive at DIR/archive already\n  \
                  use it as it is: restante -a DIR/archive snapshot PATH";
    assert_fails(&exch, "archive", &exch.run(&["init"]), 1, exists);
    let full = "error: cannot make an archive at DIR/letters: the folder is not empty\n  \
                choose an empty or new folder";
    let letters = exch.at("letters");
    assert_fails(
        &exch,
        "folder",
        &ended(exch.bare(&["-a", &letters, "init"])),
        1,
        full,
    );
    let args = ["-a", &letters, "snapshot", "--init", "home"];
    assert_fails(&exch, "snapshot --init", &ended(exch.bare(&args)), 1, full);
    let file = exch.at("letters/a");
    let ended = ended(exch.bare(&["-a", &file, "init"]));
    assert_fails(
        &exch,
        "file",
        &ended,
        1,
        "error: cannot make an archive at DIR/letters/a: Not a directory (os error 20)",
    );
    assert_eq!(exch.names("letters"), ["a"]);
}

/// Sets permissions, and gives them back.
struct Forbidden<'a>(&'a Path);

impl<'a> Forbidden<'a> {
    fn new(path: &'a Path, mode: u32) -> Self {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set permissions");
        Self(path)
    }
}

impl Drop for Forbidden<'_> {
    fn drop(&mut self) {
        let _ = fs::set_permissions(self.0, fs::Permissions::from_mode(0o777));
    }
}

/// With `SEAL` for the names of segments, which nobody can know beforehand.
fn without_seals(text: &str) -> String {
    let is_seal = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let word = |word: &str| {
        let end = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).len();
        let (bare, rest) = word.split_at(end);
        format!("{}{rest}", if is_seal(bare) { "SEAL" } else { bare })
    };
    words.map(word).collect()
}

#[test]
fn no_permission() {
    const WHO: &str = "\n  run it as a user who may do this, or change the permissions";
    let (exch, _) = filled();
    let archive = exch.path("archive");
    {
        let _forbidden = Forbidden::new(&archive, 0o000);
        let text = format!("error: cannot read DIR/archive/config: Permission denied (os error 13){WHO}");
        assert_fails(&exch, "read", &exch.run_as_user(&["snapshots"]), 1, &text);
    }
    exch.share_archive();
    for folder in ["segments", "tmp"] {
        exch.write("src/note", format!("the archive's {folder} cannot be written"));
        let path = archive.join(folder);
        let _forbidden = Forbidden::new(&path, 0o555);
        let ended = exch.run_as_user(&["snapshot", "src"]);
        let stderr = without_seals(&exch.normal(&ended.stderr));
        let text = "error: cannot write DIR/archive/segments/SEAL.rst: Permission denied (os error 13)";
        assert!(
            stderr.starts_with(text) && stderr.trim_end().ends_with(WHO),
            "{folder}: {stderr}"
        );
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{folder}");
    }
    {
        exch.write("src/note", "the lock cannot be taken");
        let lock = archive.join("lock");
        let _forbidden = Forbidden::new(&lock, 0o444);
        let ended = exch.run_as_user(&["snapshot", "src"]);
        let text = format!("error: cannot lock DIR/archive: Permission denied (os error 13){WHO}");
        assert_fails(&exch, "lock", &ended, 1, &text);
    }
    let target = exch.path("target");
    fs::create_dir(&target).expect("make a folder");
    let _forbidden = Forbidden::new(&target, 0o555);
    let to = exch.at("target/new");
    let text = format!("error: cannot make folder DIR/target/new: Permission denied (os error 13){WHO}");
    assert_fails(
        &exch,
        "restore",
        &exch.run_as_user(&["restore", "latest", "--to", &to]),
        1,
        &text,
    );
}

#[test]
fn snapshots_that_are_not_there() {
    let exch = Exch::with_archive();
    assert_failures(
        &exch,
        "",
        &[
            (
                &["ls", "latest"],
                1,
                "error: there is no snapshot \"latest\" (the archive has none)\n  take one: restante -a DIR/archive snapshot PATH",
            ),
            (
                &["ls", "ms-mail@latest"],
                1,
                "error: there is no snapshot of a connector \"ms-mail\"\n  \
                 no snapshot in this archive is of a connector",
            ),
        ],
    );
    let (exch, id) = filled();
    assert_failures(
        &exch,
        &id,
        &[
            (
                &["ls", "latest~99"],
                1,
                "error: there is no snapshot \"latest~99\"\n  there are 2 snapshots: latest~1 is the oldest\n  \
                 see what there is: restante -a DIR/archive snapshots",
            ),
            (
                &["cat", "000000000000:src/note"],
                1,
                "error: there is no snapshot \"000000000000\"\n  see what there is: restante -a DIR/archive snapshots",
            ),
            (
                &["ls", "newest"],
                2,
                "error: \"newest\" is not the name of a snapshot\n  \
                 name it by latest, latest~2, 4 or more digits of its id, or a time: 2026-11-22T08:00:00Z, \
                 \"2026-11-22 08:00\", 2026-11-22, 08:42, \"3h ago\"",
            ),
            (
                &["ls", "@latest"],
                2,
                "error: \"@latest\" names no connector before the @",
            ),
        ],
    );
    let oldest = exch.json(&["snapshots"])[0]["id"].as_str().expect("an id")[..8].to_owned();
    let text = format!(
        "error: there is no snapshot \"2020-01-01\"\n  the oldest is {oldest} of 2026-11-22 08:00:00\n  \
         see what there is: restante -a DIR/archive snapshots"
    );
    assert_failures(&exch, "", &[(&["ls", "2020-01-01"], 1, text)]);
    exch.write("exchsrvr/Conndata/Tables/a.tbl", "x");
    exch.write("restante.toml", "[roots]\nexchsrvr = \"exchsrvr\"\n");
    exch.ok(&["snapshot", "--connector", "conn-tables"]);
    assert_failures(
        &exch,
        &id,
        &[
            (
                &["ls", "con-tables@latest"],
                1,
                "error: there is no snapshot of a connector \"con-tables\"\n  did you mean \"conn-tables\"?",
            ),
            (
                &["snapshots", "--connector", "postfix"],
                1,
                "error: there is no snapshot of a connector \"postfix\"\n  there are: conn-tables",
            ),
        ],
    );
}

/// A host whose snapshot has an id that begins like that of `listed`, all else being equal.
fn host_with_id_like(listed: &Listed) -> String {
    let prefix = &listed.id.to_string()[..4];
    let host = |n: &u32| format!("c{n:07}");
    let is_like = |n: &u32| {
        let snapshot = Snapshot {
            host: host(n),
            ..listed.snapshot.clone()
        };
        Id::of_snapshot(&encode_snapshot(&snapshot))
            .to_string()
            .starts_with(prefix)
    };
    (0..10_000_000)
        .find(is_like)
        .as_ref()
        .map(host)
        .expect("one in 65,536 is like it")
}

#[test]
fn an_ambiguous_id() {
    let exch = Exch::with_archive();
    let take = |host: &str| {
        let args = [
            "--json",
            "snapshot",
            "--stdin",
            "a",
            "--time",
            "2026-11-22T08:00:00Z",
            "--host",
            host,
        ];
        let ended = ended_with_input(exch.command(&args), b"the same each time");
        assert_eq!(ended.code, 0, "{ended:?}");
    };
    // The first one stores the file; those that follow differ in nothing but the host.
    take("a0000000");
    take("b0000000");
    let store = Arc::new(LocalStore::new(exch.path("archive")));
    let archive = Archive::open(store).expect("open the archive");
    let second = archive
        .catalog()
        .all()
        .find(|listed| listed.snapshot.host == "b0000000");
    let second = second.expect("the second snapshot");
    take(&host_with_id_like(&second));
    let id = second.id.to_string();
    let text = format!(
        "error: \"{}\" is the beginning of 2 snapshot ids\n  \
         give more digits: restante -a DIR/archive snapshots --json shows all of them",
        &id[..4]
    );
    assert_fails(&exch, "ambiguous", &exch.run(&["ls", &id[..4]]), 1, &text);
    assert_eq!(exch.run(&["ls", &id]).code, 0);
}
