//! A server with connectors to be recovered, and the way through its recovery.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{Ended, Exch, ended};

pub(crate) const CONNDATA: &str = "exch1/Exchsrvr/Conndata";
pub(crate) const MAILDATA: &str = "exch1/Exchsrvr/Connect/Msmcon/Maildata";

pub(crate) const ROOTS: &str = "[roots]\nexchsrvr = \"exch1/Exchsrvr\"\nnotes = \"exch1/Notes\"\nccmail = \"exch1/ccmail\"\n\
     groupwise-api = \"exch1/API\"\nbackups = \"exch1/backups\"\n";
pub(crate) const HEAD: &str = "archive = \"archive\"\nstate = \"state\"\n[server]\nname = \"EXCH1\"\n";
pub(crate) const SERVICES: &str = "[services]\nstop = [\"sh\", \"-c\", \"echo stop {service} >> calls\"]\n\
     start = [\"sh\", \"-c\", \"echo start {service} >> calls\"]\n";

/// A small server with all connectors.
pub(crate) fn bare_server(config: &str) -> Exch {
    let exch = Exch::new();
    for (name, bytes) in [
        ("GLB/MASTER.GLB", 176),
        ("GLB/CONTROL.GLB", 8),
        ("GLB/FLAG.GLB", 2),
        ("GLB/TID.GLB", 4),
        ("GLB/ACCESS.GLB", 586),
        ("GLB/ACCESS2.GLB", 69),
        ("GLB/ACCESS3.GLB", 512),
        ("GLB/REQTRANS.GLB", 10),
        ("GLB/REQCONF.GLB", 10),
        ("KEY/00000001.KEY", 560),
        ("MBG/00000001.MBG", 116),
        ("MAI/MA0/00000001.MAI", 300),
    ] {
        exch.write(&format!("{MAILDATA}/{name}"), vec![7; bytes]);
    }
    fs::create_dir_all(exch.path(MAILDATA).join("ATT")).expect("make a folder");
    for (name, text) in [
        ("Dxanotes/Pcta.tbl", "outboundseq=7\n"),
        ("Dxamex/Pcta.tbl", "inboundseq=7\n"),
        ("DxaGwise/Mapgwise.tbl", "rules\n"),
        ("Gwrouter/togwise/one", "mail\n"),
        ("Exchconn.ini", "[filter]\n"),
        ("Tables/notescor.tbl", "table\n"),
        ("Temp/WORK.SEQ", "old\n"),
        ("dxa.ck", "old\n"),
    ] {
        exch.write(&format!("{CONNDATA}/{name}"), text);
    }
    for (name, text) in [
        ("ccmail/IMPORT.EXE", "MZ"),
        ("ccmail/EXPORT.EXE", "MZ"),
        ("Notes/Notes.ini", "[Notes]\n"),
        ("Notes/user.id", "id"),
        ("API/API_IN/.keep", ""),
        ("backups/system.bkf", "TAPE one"),
        ("backups/stores.bkf", "TAPE two"),
        (
            "backups/notes.reg",
            "REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus\\Notes]\r\n\"Path\"=\"c:\"\r\n",
        ),
    ] {
        exch.write(&format!("exch1/{name}"), text);
    }
    exch.write("restante.toml", config);
    exch
}

/// The same with its snapshots: the newest of groupwise is younger than those of the others.
pub(crate) fn server() -> Exch {
    let exch = bare_server(&format!("{HEAD}{ROOTS}{SERVICES}"));
    ok(
        &exch,
        &["snapshot", "--init", "-q", "--time", "2026-11-20T08:00:00Z"],
    );
    exch.write(&format!("{CONNDATA}/Tables/notescor.tbl"), "younger table\n");
    let args = [
        "snapshot",
        "--connector",
        "groupwise",
        "--time",
        "2026-11-20T08:05:00Z",
    ];
    ok(&exch, &args);
    exch
}

/// What a disaster and setup leave: empty directories, and services that made new work files.
pub(crate) fn lose(exch: &Exch) {
    for name in [MAILDATA, CONNDATA] {
        fs::remove_dir_all(exch.path(name)).expect("lose it");
    }
    exch.write(&format!("{CONNDATA}/Dxanotes/amap.tbl"), "of setup\n");
    fs::remove_file(exch.path("exch1/Notes/user.id")).expect("lose it");
    fs::remove_file(exch.path("exch1/ccmail/EXPORT.EXE")).expect("lose it");
}

pub(crate) fn command(exch: &Exch, args: &[&str]) -> Command {
    let mut command = exch.bare(args);
    command.env("USER", "keeper");
    command
}

pub(crate) fn run(exch: &Exch, args: &[&str]) -> Ended {
    ended(command(exch, args))
}

#[track_caller]
pub(crate) fn ok(exch: &Exch, args: &[&str]) -> String {
    let ended = run(exch, args);
    assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    ended.stdout
}

#[track_caller]
pub(crate) fn document(exch: &Exch, args: &[&str], code: i32) -> Value {
    let ended = run(exch, &[&["--json", "recover"], args].concat());
    assert_eq!(ended.code, code, "{args:?}: {ended:?}");
    serde_json::from_str(&ended.stdout).expect("a document")
}

pub(crate) fn steps(document: &Value) -> &Vec<Value> {
    document["steps"].as_array().expect("steps")
}

/// The number of the one step of a connector for which this holds.
#[track_caller]
pub(crate) fn number(document: &Value, connector: &str, is: impl Fn(&Value) -> bool) -> u64 {
    let found = steps(document)
        .iter()
        .filter(|step| step["connector"] == connector && is(step));
    let found: Vec<u64> = found
        .map(|step| step["number"].as_u64().expect("a number"))
        .collect();
    assert_eq!(found.len(), 1, "{connector}: {found:?} in {document}");
    found[0]
}

pub(crate) fn cites(step: &Value, statement: &str) -> bool {
    step["statements"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one == statement))
}

/// What the waiting steps are as an option: `3-7`.
pub(crate) fn waiting(document: &Value) -> Option<String> {
    let waiting = document["waiting"].as_array().expect("numbers");
    let (first, last) = (waiting.first()?, waiting.last()?);
    Some(format!("{first}-{last}"))
}

/// Goes on until the recovery is complete. Returns how many calls that took.
pub(crate) fn finish(exch: &Exch) -> usize {
    for calls in 1..50 {
        let now = run(exch, &["--json", "recover", "--status"]);
        let now: Value = serde_json::from_str(&now.stdout).expect("a document");
        let Some(waiting) = waiting(&now) else {
            if now["state"] == "complete" {
                return calls;
            }
            run(exch, &["recover"]);
            continue;
        };
        let ended = run(exch, &["recover", "--done", &waiting]);
        assert!([0, 3].contains(&ended.code), "{ended:?}");
    }
    panic!("it comes to no end");
}

#[track_caller]
pub(crate) fn check_recovered(exch: &Exch) {
    let read = |name: &str| fs::read(exch.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(read(&format!("{MAILDATA}/KEY/00000001.KEY")), vec![7; 560]);
    assert!(exch.path(MAILDATA).join("ATT").is_dir());
    assert_eq!(
        read(&format!("{CONNDATA}/Tables/notescor.tbl")),
        b"younger table\n"
    );
    for gone in ["Temp/WORK.SEQ", "dxa.ck", "Dxanotes/amap.tbl"] {
        assert!(!exch.path(CONNDATA).join(gone).exists(), "{gone}");
    }
    assert!(exch.path(CONNDATA).join("Temp").is_dir());
    assert_eq!(read("exch1/Notes/user.id"), b"id");
    assert_eq!(read("exch1/ccmail/EXPORT.EXE"), b"MZ");
    assert_eq!(read("exch1/backups/system.bkf"), b"TAPE one");
    assert_eq!(exch.names("exch1/API/API_IN"), [".keep"]);
}
