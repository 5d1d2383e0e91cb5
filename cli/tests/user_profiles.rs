//! The two profiles that users can start from, run for real: a SQLite database with a writer at work, and a dbox.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Ended, Exch, ended, noise};
use rusqlite::Connection;
use rusqlite::backup::Backup;

const SQLITE: &str = include_str!("../profiles/examples/sqlite.toml");
const DBOX: &str = include_str!("../profiles/examples/dovecot-dbox.toml");

/// By which the test program knows that it is to stand in for the command-line tool `sqlite3`.
const STAND_IN: &str = "RESTANTE_TEST_SQLITE3";

/// Services and places of both profiles.
fn configuration(exch: &Exch, more: &str) -> String {
    format!(
        "archive = '{}'\n[server]\nname = \"EXCH1\"\n[roots]\napp = \"app\"\ndovecot-mail = \"vmail\"\n[services]\n\
         stop = [\"sh\", \"-c\", \"echo stop {{service}} >> log\"]\n\
         start = [\"sh\", \"-c\", \"echo start {{service}} >> log\"]\n{more}",
        exch.at("archive")
    )
}

/// What the command-line tool does for the profile, with the library: this program stands in for it where it is not
/// installed, so that the test runs everywhere.
#[test]
fn sqlite3_stand_in() {
    let Some(args) = std::env::var_os(STAND_IN) else {
        return;
    };
    let args = args.into_string().expect("arguments in UTF-8");
    let args: Vec<&str> = args.split('\u{1}').collect();
    let (database, what) = match &args[..] {
        [.., database, what] => (*database, *what),
        _ => panic!("arguments: {args:?}"),
    };
    let quoted = |rest: &str| rest.trim().trim_matches('\'').to_owned();
    let copy = |from: &Path, to: &Path| {
        let source = Connection::open(from).expect("open the source");
        source
            .busy_timeout(Duration::from_secs(30))
            .expect("set a timeout");
        let mut target = Connection::open(to).expect("open the target");
        let backup = Backup::new(&source, &mut target).expect("begin a backup");
        backup
            .run_to_completion(100, Duration::from_millis(1), None)
            .expect("finish the backup");
    };
    let database = Path::new(database);
    if let Some(to) = what.strip_prefix(".backup ") {
        copy(database, Path::new(&quoted(to)));
    } else if let Some(from) = what.strip_prefix(".restore ") {
        copy(Path::new(&quoted(from)), database);
    } else {
        let connection = Connection::open(database).expect("open the database");
        let said: String = connection
            .query_row(what, [], |row| row.get(0))
            .expect("run the statement");
        println!("{said}");
    }
}

/// A folder for `PATH` with a `sqlite3` that is this program.
fn stand_in(exch: &Exch) -> String {
    let this = std::env::current_exe().expect("this program");
    let script = format!(
        "#!/bin/sh\nall=\nfor arg in \"$@\"; do all=\"$all$(printf '\\001')$arg\"; done\n\
         {STAND_IN}=\"${{all#?}}\" exec '{}' --exact sqlite3_stand_in --quiet\n",
        this.display()
    );
    let path = exch.write("bin/sqlite3", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set permissions");
    format!("{}:{}", exch.at("bin"), std::env::var("PATH").expect("a PATH"))
}

fn run(exch: &Exch, path: Option<&str>, args: &[&str]) -> Ended {
    let mut command = exch.bare(args);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    ended(command)
}

/// Checks a database as its application would: it is sound, and every transaction is in it whole or not at all.
fn transactions(path: &Path) -> i64 {
    let connection = Connection::open(path).expect("open the database");
    let said: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("check the database");
    assert_eq!(said, "ok");
    let count = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).expect("count") };
    let (debit, credit) = (
        count("SELECT count(*) FROM debit"),
        count("SELECT count(*) FROM credit"),
    );
    assert_eq!(debit, credit, "half of a transaction");
    debit
}

/// Snapshots of a database while a writer is at work, then the loss of the database, then its restore by procedure.
fn sqlite(path_of: fn(&Exch) -> Option<String>) {
    let exch = Exch::with_archive();
    let path = path_of(&exch);
    let path = path.as_deref();
    exch.write("profiles/sqlite.toml", SQLITE);
    exch.write("restante.toml", configuration(&exch, ""));
    exch.write("app/settings.ini", "[app]");
    let database = exch.path("app/app.db");
    let connection = Connection::open(&database).expect("make a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE debit (n, text); CREATE TABLE credit (n, text);
             CREATE INDEX by_text ON debit (text);",
        )
        .expect("make tables");
    let done = &AtomicBool::new(false);
    let mut taken = Vec::new();
    std::thread::scope(|threads| {
        let writer = threads.spawn(move || {
            let mut number = 0_u64;
            while !done.load(Ordering::Relaxed) {
                number += 1;
                let text = format!("{number:0>200}");
                connection
                    .execute_batch(&format!(
                        "BEGIN; INSERT INTO debit VALUES ({number}, '{text}'); INSERT INTO credit VALUES ({number}, '{text}'); COMMIT;"
                    ))
                    .expect("write a transaction");
                // A copy starts again with every write: now and then there has to be a moment without one.
                std::thread::sleep(Duration::from_millis(2));
            }
            number
        });
        for _ in 0..4 {
            let ended = run(&exch, path, &["--json", "snapshot", "--connector", "sqlite"]);
            assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
            let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("a document");
            taken.push(document["id"].as_str().expect("an id").to_owned());
            std::thread::sleep(Duration::from_millis(50));
        }
        done.store(true, Ordering::Relaxed);
        writer.join().expect("the writer");
    });
    let last = transactions(&database);

    // The application crashed: the database is damaged, and a stale log of it lies beside it.
    let file = fs::OpenOptions::new().write(true).open(&database).expect("open");
    file.write_all_at(&noise(1, 8000), 4096)
        .expect("damage the database");
    exch.write("app/app.db-wal", noise(2, 4000));
    exch.write("app/app.db-shm", noise(3, 4000));
    let damaged = fs::read(&database).expect("read");

    let mut counts = Vec::new();
    for id in &taken {
        let restored = run(&exch, path, &["restore", id, "--connector", "sqlite"]);
        assert_eq!(restored.code, 0, "{restored:?}");
        assert_eq!(exch.names("app"), ["app.db", "app.db.copy", "settings.ini"]);
        counts.push(transactions(&database));
        // Taken back, what was there before is there again, damage included.
        let back = run(&exch, path, &["restore", "--connector", "sqlite", "--revert"]);
        assert_eq!(back.code, 0, "{back:?}");
        assert!(
            fs::read(&database).expect("read") == damaged,
            "not the old database"
        );
        let log = fs::read(exch.path("app/app.db-wal")).expect("read");
        assert!(log == noise(2, 4000), "not the old log");
    }
    assert!(
        counts.is_sorted() && counts[3] > counts[0] && counts[3] <= last,
        "{counts:?} of {last}"
    );
    let restored = run(&exch, path, &["restore", "--connector", "sqlite"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    let confirmed = run(&exch, path, &["restore", "--connector", "sqlite", "--confirm"]);
    assert_eq!(confirmed.code, 0, "{confirmed:?}");
    assert_eq!(transactions(&database), counts[3]);
    assert_eq!(exch.names("app"), ["app.db", "app.db.copy", "settings.ini"]);
    let log = fs::read_to_string(exch.path("log")).expect("read");
    assert!(log.ends_with("stop app\nstart app\n"), "{log}");
    exch.verify();
}

#[test]
fn a_database_with_a_writer_at_work_comes_back_sound() {
    sqlite(|exch| Some(stand_in(exch)));
}

#[test]
fn the_same_with_the_command_line_tool() {
    // Where it is not installed, the test before this one has shown what there is to show.
    if common::has("sqlite3") {
        sqlite(|_| None);
    }
}

#[test]
fn a_database_that_is_gone_is_not_copied() {
    let exch = Exch::with_archive();
    exch.write("profiles/sqlite.toml", SQLITE);
    exch.write("restante.toml", configuration(&exch, ""));
    exch.write("app/settings.ini", "[app]");
    let ended = run(
        &exch,
        Some(&stand_in(&exch)),
        &["snapshot", "--connector", "sqlite"],
    );
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (
            1,
            "error: sqlite, before-snapshot: the database is gone: /app.db is missing\n"
        )
    );
}

/// The files of an mdbox that belong together, each with the generation that it is of.
const MAP: &str = "vmail/anna/mdbox/storage/dovecot.map.index";
const MAILS: &str = "vmail/anna/mdbox/storage/m.1";

fn dbox() -> Exch {
    let exch = Exch::with_archive();
    exch.write("profiles/dovecot-dbox.toml", DBOX);
    let commands = "[connector.dovecot-dbox.commands]\nresync = [\"sh\", \"-c\", \"echo resync >> log\"]\n";
    exch.write("restante.toml", configuration(&exch, commands));
    exch.write(MAP, noise(1, 3_000_000));
    exch.write(MAILS, noise(2, 3_000_000));
    let inbox = "vmail/anna/mdbox/mailboxes/INBOX/dbox-Mails";
    exch.write(&format!("{inbox}/dovecot.index"), noise(3, 5000));
    exch.write(&format!("{inbox}/dovecot.index.log"), noise(4, 5000));
    exch.write(&format!("{inbox}/dovecot.index.cache"), noise(5, 5000));
    exch
}

#[test]
fn a_dbox_comes_back_with_its_map_and_its_mails_of_one_generation() {
    let exch = dbox();
    let done = AtomicBool::new(false);
    let mut whole = BTreeMap::new();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let files = [MAP, MAILS].map(|name| {
                fs::OpenOptions::new()
                    .write(true)
                    .open(exch.path(name))
                    .expect("open")
            });
            let mut generation = 0_u64;
            while !done.load(Ordering::Relaxed) {
                generation += 1;
                for file in &files {
                    file.write_all_at(&generation.to_le_bytes(), 0).expect("write");
                }
                // Mail comes in bursts: between them a snapshot finds everything still.
                let pause = if generation.is_multiple_of(5) { 400 } else { 2 };
                std::thread::sleep(Duration::from_millis(pause));
            }
        });
        for _ in 0..8 {
            let ended = run(
                &exch,
                None,
                &["--json", "snapshot", "--connector", "dovecot-dbox"],
            );
            assert!(matches!(ended.code, 0 | 3), "{ended:?}");
            let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("a document");
            let id = document["id"].as_str().expect("an id").to_owned();
            whole.insert(id, ended.code == 0);
        }
        done.store(true, Ordering::Relaxed);
    });
    let generation = |place: &Path, name: &str| fs::read(place.join(name)).expect("read")[..8].to_vec();
    for (id, is_whole) in &whole {
        let restored = run(&exch, None, &["restore", id, "--to", "out"]);
        if *is_whole {
            assert_eq!(restored.code, 0, "{restored:?}");
            let place = exch.path("out/dovecot-dbox/mail");
            let (map, mails) = (MAP.replace("vmail/", ""), MAILS.replace("vmail/", ""));
            assert_eq!(
                generation(&place, &map),
                generation(&place, &mails),
                "mixed generations"
            );
            fs::remove_dir_all(exch.path("out")).expect("remove");
        } else {
            assert_eq!(restored.code, 1, "{restored:?}");
        }
    }
    assert!(whole.values().any(|is_whole| *is_whole), "none was whole");
}

#[test]
fn the_procedure_of_a_dbox() {
    let exch = dbox();
    assert_eq!(
        run(&exch, None, &["snapshot", "--connector", "dovecot-dbox"]).code,
        0
    );
    let (map, mails) = (
        fs::read(exch.path(MAP)).expect("read"),
        fs::read(exch.path(MAILS)).expect("read"),
    );
    fs::write(exch.path(MAP), "lost").expect("write");
    fs::remove_file(exch.path(MAILS)).expect("remove");
    let cache = exch.path("vmail/anna/mdbox/mailboxes/INBOX/dbox-Mails/dovecot.index.cache");
    let cached = fs::read(&cache).expect("read");
    let restored = run(&exch, None, &["restore", "--connector", "dovecot-dbox"]);
    // The last step is for a person, and nothing else is left to be done.
    assert_eq!(restored.code, 3, "{restored:?}");
    assert!(
        fs::read(exch.path(MAP)).expect("read") == map && fs::read(exch.path(MAILS)).expect("read") == mails
    );
    // What the profile leaves out stays where it is.
    assert!(fs::read(&cache).expect("read") == cached);
    let log = fs::read_to_string(exch.path("log")).expect("read");
    assert_eq!(log, "stop dovecot\nstart dovecot\nresync\n");
    let last = restored.stdout.lines().last().unwrap_or_default().to_owned();
    let command = last
        .split_once(": restante ")
        .map(|(_, rest)| rest.to_owned())
        .expect("a command");
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(run(&exch, None, &words).code, 0, "{command}");
}
