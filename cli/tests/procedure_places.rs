//! Restores by procedure in places that are not plain: mounted, read-only, with names in any encoding, with links.

#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use common::server::{Server, below, step, steps};
use common::{ended, is_root, noise};
use restante_tests::compare::differences;
use serde_json::{Value, json};

const CONNDATA: &str = "Exchsrvr/Conndata";

/// In a name space of its own the program and the shell that calls it see a file system that is mounted on `exch1/ccmail`
/// and `exch1/Exchsrvr/Conndata`, and another folder on `exch1/Lotus/Notes`: none of them can be renamed.
#[test]
fn the_top_of_a_file_system() {
    let server = Server::new();
    let program = env!("CARGO_BIN_EXE_restante");
    let script = format!(
        "set -e; for at in exch1/ccmail exch1/Lotus/Notes exch1/Exchsrvr/Conndata; do cp -a $at copy; \
         if [ $at = exch1/Lotus/Notes ]; then mkdir bound; mount --bind bound $at; else mount -t tmpfs none $at; fi; \
         cp -a copy/. $at/; rm -r copy; done; echo mounted; \
         {program} snapshot -q --connector cc-mail --connector lotus-notes; cp -a exch1 then; \
         echo broken > exch1/ccmail/IMPORT.EXE; rm -r exch1/Lotus/Notes/Data; echo new > exch1/Exchsrvr/Conndata/new; \
         cp -a exch1 damaged; \
         {program} restore --connector cc-mail --done 7 > out; {program} restore --connector lotus-notes > out || true; \
         cp -a exch1 restored; \
         {program} snapshot -q --connector cc-mail --connector lotus-notes; {program} ls lotus-notes@latest > listed; \
         {program} ls cc-mail@latest >> listed; \
         {program} restore --connector cc-mail --revert; {program} restore --connector lotus-notes --revert; \
         cp -a exch1 reverted"
    );
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-c", &script])
        .current_dir(server.exch.path(""))
        .env("HOME", server.exch.path("home"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = ended(command);
    if !ended.stdout.starts_with("mounted") {
        eprintln!("skipped: mounting is not permitted here: {}", ended.stderr);
        return;
    }
    assert_eq!(ended.code, 0, "{ended:?}");
    let same = |one: &str, other: &str| {
        let found = differences(&server.exch.path(one), &server.exch.path(other)).expect("compare");
        let is_time = |text: &String| {
            let path = text.split(": mtime:").next().unwrap_or_default();
            text.contains(": mtime:")
                && ["", "Exchsrvr", "WINNT", "Lotus", "ids"].contains(&path.trim_end_matches('.'))
        };
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        texts
            .into_iter()
            .filter(|text| !is_time(text))
            .collect::<Vec<_>>()
    };
    assert_eq!(same("damaged", "reverted"), [""; 0]);
    let restored = |path: &str| server.exch.path("restored").join(path);
    assert_ne!(
        fs::read(restored("ccmail/IMPORT.EXE")).expect("read"),
        b"broken\n"
    );
    assert!(restored("Lotus/Notes/Data").is_dir() && !restored("Exchsrvr/Conndata/new").exists());
    let work = |path: &std::path::PathBuf| {
        let text = path.display().to_string().to_lowercase();
        text.ends_with(".seq") && !text.contains(".restante-")
    };
    assert!(!below(&restored(CONNDATA)).iter().any(work));
    // What the restores kept in the roots was there meanwhile, and no snapshot took it.
    assert!(
        below(&restored("ccmail"))
            .iter()
            .any(|path| path.display().to_string().contains(".restante-"))
    );
    let listed = fs::read_to_string(server.exch.path("listed")).expect("read");
    assert!(
        listed.contains("IMPORT.EXE") && !listed.contains(".restante-"),
        "{listed}"
    );
}

/// Whoever is not root must be allowed to write to a directory to move it, and to whatever it is moved out of.
#[test]
fn read_only_directories_of_somebody_who_is_not_root() {
    let server = Server::new();
    server.exch.write(
        "profiles/both.toml",
        "name = \"both\"\n[[root]]\nname = \"data\"\nplace = \"exchsrvr\"\npath = \"Conndata\"\n\
         [[root]]\nname = \"programs\"\nplace = \"ccmail\"\nexclude = [\"Ccmcdata\"]\n",
    );
    fs::create_dir_all(server.path("ccmail/sub/Ccmcdata")).expect("make folders");
    fs::write(server.path("ccmail/sub/a.dll"), "a").expect("write");
    fs::write(server.path("ccmail/sub/Ccmcdata/stays"), "stays").expect("write");
    let modes = |mode: u32| {
        for path in [CONNDATA, "Exchsrvr/Conndata/Tables", "ccmail/sub"] {
            fs::set_permissions(server.path(path), fs::Permissions::from_mode(mode))
                .expect("set permissions");
        }
    };
    if is_root() {
        let owned = Command::new("chown")
            .args(["-R", "65534:65534"])
            .arg(server.exch.path(""))
            .status();
        assert!(owned.expect("start chown").success());
    }
    modes(0o555);
    let run = |args: &[&str]| {
        let ended = ended(server.exch.bare_as_user(args));
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    };
    run(&["snapshot", "-q", "--connector", "both"]);
    server.copy("then");
    modes(0o755);
    server.damage(CONNDATA, 1);
    fs::write(server.path("ccmail/sub/a.dll"), "b").expect("write");
    fs::write(server.path("ccmail/sub/new.dll"), "new").expect("write");
    let owned = Command::new("chown")
        .args(["-R", "--reference"])
        .arg(server.path(""))
        .arg(server.path(""))
        .status();
    assert!(owned.expect("start chown").success());
    modes(0o555);
    server.copy("damaged");
    run(&["restore", "--connector", "both"]);
    assert_eq!(
        server.differences("then", &["Exchsrvr", ""]).len(),
        2,
        "what was replaced is kept"
    );
    run(&["restore", "--connector", "both", "--revert"]);
    assert_eq!(server.differences("damaged", &["Exchsrvr", ""]), [""; 0]);
    run(&["restore", "--connector", "both"]);
    run(&["restore", "--connector", "both", "--confirm"]);
    assert_eq!(server.differences("then", &["Exchsrvr", ""]), [""; 0]);
}

#[test]
fn names_in_any_encoding_and_links() {
    let server = Server::new();
    let odd = |text: &[u8]| server.path("ccmail").join(OsStr::from_bytes(text));
    fs::create_dir(odd(b"\xff\xfe")).expect("make a folder");
    fs::write(odd(b"\xff\xfe/new\nline"), "odd").expect("write");
    symlink("/nowhere", odd(b"dangling")).expect("link");
    symlink("../Exchsrvr", odd(b"outside")).expect("link");
    fs::hard_link(odd(b"IMPORT.EXE"), odd(b"IMPORT.LNK")).expect("link");
    server.snapshot("cc-mail");
    fs::remove_dir_all(odd(b"\xff\xfe")).expect("remove");
    fs::remove_file(odd(b"outside")).expect("remove");
    fs::write(odd(b"\xe9t\xe9"), "later").expect("write");
    symlink("../Lotus", odd(b"later")).expect("link");
    server.copy("damaged");
    server.restore("cc-mail", &[]);
    server.ok(&["restore", "--connector", "cc-mail", "--revert"]);
    assert_eq!(server.differences("damaged", &[""]), [""; 0]);
    server.restore("cc-mail", &[]);
    server.ok(&["restore", "--connector", "cc-mail", "--confirm"]);
    assert_eq!(server.differences("then", &[""]), [""; 0]);
    // A folder to restore to that no journal can name.
    let mut command = server.exch.bare(&["restore", "--connector", "cc-mail", "--to"]);
    command.arg(server.exch.path("").join(OsStr::from_bytes(b"out-\xff")));
    let refused = ended(command);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(
        refused.stderr.contains("a path that is not in UTF-8\n"),
        "{refused:?}"
    );
    assert!(!server.exch.path("").join(OsStr::from_bytes(b"out-\xff")).exists());
}

/// What could not be read for the snapshot is not put back, and that is said.
#[test]
fn a_snapshot_that_lacks_something() {
    let server = Server::new();
    let shut = server.path("Exchsrvr/Conndata/Tables/shut.tbl");
    fs::write(&shut, noise(1, 100)).expect("write");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).expect("set permissions");
    let open = Command::new("chmod")
        .args(["a+rwX", "-R"])
        .arg(server.exch.path("archive"))
        .status();
    assert!(open.expect("start chmod").success());
    fs::set_permissions(server.exch.path(""), fs::Permissions::from_mode(0o777)).expect("set permissions");
    let taken = ended(
        server
            .exch
            .bare_as_user(&["snapshot", "--connector", "conn-tables"]),
    );
    assert_eq!(taken.code, 3, "{taken:?}");
    // What it lacks would be set aside and not come back: nobody does that without knowing.
    let refused = server.run(&["restore", "--connector", "conn-tables"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("lacks 1 path that could not be read: conn-tables/tables/shut.tbl\n")
            && refused.stderr.contains("--allow-torn"),
        "{refused:?}"
    );
    let rehearsed = server.run(&["rehearse", "conn-tables"]);
    assert_eq!(rehearsed.code, 4, "{rehearsed:?}");
    let told = server.run(&["snapshots", "--by-connector", "--connector", "conn-tables"]);
    assert!(told.code == 3 && told.stdout.contains("torn"), "{told:?}");
    let first = [
        "--json",
        "restore",
        "--connector",
        "conn-tables",
        "--allow-torn",
        "--done",
        "1",
    ];
    let restored = server.run(&first);
    let document: Value = serde_json::from_str(&restored.stdout).expect("a document");
    let last = steps(&document).last().expect("a step")["number"].to_string();
    let ended = server.run(&["--json", "restore", "--connector", "conn-tables", "--done", &last]);
    assert_eq!(ended.code, 3, "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).expect("a document");
    assert_eq!(document["state"], "done");
    assert!(
        ended.stderr.contains(
            "1 path could not be read for the snapshot, and is not restored:\n  conn-tables/tables/shut.tbl: "
        ),
        "{ended:?}"
    );
    server.ok(&["restore", "--connector", "conn-tables", "--revert"]);
    assert_eq!(fs::metadata(shut).expect("it is there again").len(), 100);
}

/// A check that would open a pipe waits for nobody.
#[test]
fn a_pipe_where_a_file_should_be() {
    let server = Server::new();
    let pipe = server.path("backups/pipe.bkf");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("start mkfifo").success());
    server.snapshot("system-state");
    let refused = server.run(&[
        "--json",
        "restore",
        "--connector",
        "system-state",
        "--done",
        "1",
        "--done",
        "2",
    ]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let document: Value = serde_json::from_str(&refused.stdout).expect("a document");
    let failed = steps(&document)
        .find(|step| step["state"] == "failed")
        .expect("a failed step");
    assert_eq!(failed["findings"], json!(["pipe.bkf is no file"]));
    assert!(step(&document, "put ")["state"] == "done" && Path::new(&pipe).exists());
}
