//! Rehearsals: restores into a scratch folder, compared with the snapshot, with a report.

#![cfg(target_os = "linux")]

mod common;

use std::fs;

use common::{Ended, Exch, ended, noise};
use serde_json::Value;

/// A server with Conndata, whose services and programs leave a trace where they run.
fn server() -> Exch {
    let exch = Exch::with_archive();
    let conndata = "ex/CONNDATA";
    exch.write(&format!("{conndata}/Tables/notescor.tbl"), noise(1, 300_000));
    exch.write(&format!("{conndata}/Dxanotes/Pcta.tbl"), "outboundseq=17\r\n");
    exch.write(&format!("{conndata}/Dxamex/PCTA.TBL"), "InboundSeq = 17\r\n");
    exch.write(&format!("{conndata}/Exchconn.ini"), "");
    exch.write(&format!("{conndata}/Temp/one.SEQ"), "1");
    exch.write(&format!("{conndata}/two.ck"), "2");
    exch.write("notes/Notes.ini", "[Notes]");
    let text = format!(
        "archive = '{}'\n[server]\nname = \"EXCH1\"\n[roots]\nexchsrvr = \"ex\"\nnotes = \"notes\"\n\
         [services]\nstop = [\"sh\", \"-c\", \"echo stop {{service}} >> log\"]\n\
         start = [\"sh\", \"-c\", \"echo start {{service}} >> log\"]\n",
        exch.at("archive")
    );
    exch.write("restante.toml", text);
    exch
}

fn rehearse(exch: &Exch, args: &[&str]) -> Ended {
    let all = [&["--json", "rehearse"], args].concat();
    ended(exch.bare(&all))
}

fn only(ended: &Ended) -> Value {
    let all: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    all[0].clone()
}

#[test]
fn a_rehearsal_does_the_procedure_without_services_and_compares() {
    let exch = server();
    exch.ok(&["snapshot", "--connector", "lotus-notes"]);
    let live = restante_tests::archives::bytes_of(&exch.path("ex/CONNDATA/two.ck"));
    let ended = rehearse(&exch, &["lotus-notes"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let report = only(&ended);
    assert_eq!(
        (&report["passed"], &report["files"]),
        (&Value::Bool(true), &Value::from(5))
    );
    assert_eq!(
        report["removed"],
        serde_json::json!(["conndata/*.seq", "conndata/*.ck"])
    );
    let steps = report["steps"]["steps"].as_array().expect("steps");
    let state = |kind: &str| {
        let found = steps
            .iter()
            .find(|step| step["what"].as_str().is_some_and(|what| what.starts_with(kind)));
        found.unwrap_or_else(|| panic!("no step {kind}"))["state"].clone()
    };
    assert_eq!(
        [
            state("stop"),
            state("delete"),
            state("compare"),
            state("start"),
            state("by a person")
        ],
        ["skipped", "done", "done", "skipped", "skipped"].map(Value::from)
    );
    // Nothing outside was touched, and nothing is left of it but the report.
    assert!(!exch.path("log").exists());
    assert_eq!(
        restante_tests::archives::bytes_of(&exch.path("ex/CONNDATA/two.ck")),
        live
    );
    let state = "home/.local/state/restante";
    assert_eq!(exch.names(&format!("{state}/scratch")), [""; 0]);
    let reports = exch.names(&format!("{state}/rehearsals"));
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(
        reports[0].starts_with("EXCH1-lotus-notes-20") && reports[0].ends_with("Z.json"),
        "{reports:?}"
    );
    let text = fs::read_to_string(exch.path(format!("{state}/rehearsals/{}", reports[1]))).expect("read");
    for line in [
        "# Rehearsal of lotus-notes",
        "- result: passed",
        "- server: EXCH1",
        "- compared with the snapshot: 5 files and 4 directories, 300.0 KB: every byte",
        "| 1 | stop LME-NOTES, MSExchangeCoCo | not in a rehearsal |",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    // A second one on the same second or later writes beside it; the archive is as it was.
    assert_eq!(rehearse(&exch, &[]).code, 0);
    exch.verify();
}

#[test]
fn a_rehearsal_fails_where_the_restore_would() {
    let exch = server();
    exch.write("ex/Connect/Msmcon/Maildata/GLB/CONTROL.GLB", "12345678");
    exch.ok(&["snapshot", "--connector", "ms-mail"]);
    let ended = rehearse(&exch, &["ms-mail"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    let report = only(&ended);
    assert_eq!(report["passed"], Value::Bool(false));
    let failure = report["failures"][0].as_str().expect("a failure");
    assert!(
        failure.contains("this does not look like a post office: GLB/MASTER.GLB is missing"),
        "{failure}"
    );
    assert!(!exch.path("home/.local/state/restante/restores").exists());
}

#[test]
fn a_rehearsal_finds_damage() {
    let exch = server();
    exch.ok(&["snapshot", "--connector", "lotus-notes"]);
    let segments = exch.data_segments();
    let [segment] = &segments[..] else {
        panic!("{segments:?}");
    };
    let mut bytes = fs::read(segment).expect("read a segment");
    // Somewhere in the table, which takes nearly all of it.
    bytes[150_000] ^= 1;
    let mut permissions = fs::metadata(segment).expect("metadata").permissions();
    #[allow(
        clippy::permissions_set_readonly_false,
        reason = "the folder is this test's own"
    )]
    permissions.set_readonly(false);
    fs::set_permissions(segment, permissions).expect("set permissions");
    fs::write(segment, bytes).expect("write a segment");
    let ended = rehearse(&exch, &["lotus-notes"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    let report = only(&ended);
    let failure = report["failures"][0].as_str().expect("a failure");
    assert!(failure.contains("conndata/Tables/notescor.tbl"), "{failure}");
}

#[test]
fn warnings_are_reported_and_pass() {
    let exch = server();
    exch.write("ex/CONNDATA/Dxamex/PCTA.TBL", "inboundseq=18\n");
    exch.ok(&["snapshot", "--connector", "lotus-notes"]);
    let ended = rehearse(&exch, &["lotus-notes"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        only(&ended)["warnings"],
        serde_json::json!([
            "the directory synchronisation is out of sequence: outboundseq in Dxanotes/Pcta.tbl is 17, but inboundseq in \
             Dxamex/Pcta.tbl is 18"
        ])
    );
}

#[test]
fn which_connectors_are_rehearsed() {
    let exch = server();
    exch.ok(&["snapshot", "--connector", "conn-tables"]);
    // Those that nobody named and that were never taken are not missed; those that somebody named are.
    let ended = rehearse(&exch, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(only(&ended)["connector"], "conn-tables");
    let named = rehearse(&exch, &["lotus-notes"]);
    assert_eq!(named.code, 4, "{named:?}");
    let failure = only(&named)["failures"][0]
        .as_str()
        .expect("a failure")
        .to_owned();
    assert!(
        failure.starts_with("there is no snapshot of a connector \"lotus-notes\""),
        "{failure}"
    );
    let mistyped = rehearse(&exch, &["conn-table"]);
    assert_eq!(
        (mistyped.code, mistyped.stderr.as_str()),
        (
            2,
            "error: unknown connector `conn-table`\n  did you mean `conn-tables`?\n"
        )
    );
}

#[test]
fn scratch_and_reports_go_where_they_are_asked_to() {
    let exch = server();
    exch.ok(&["snapshot", "--connector", "conn-tables"]);
    let args = [
        "conn-tables",
        "--scratch",
        "scratch",
        "--keep",
        "--report",
        "reports",
        "--at",
        "latest",
    ];
    let ended = rehearse(&exch, &args);
    assert_eq!(ended.code, 0, "{ended:?}");
    let folders = exch.names("scratch");
    assert_eq!(folders.len(), 1, "{folders:?}");
    let kept = exch.path(format!("scratch/{}/conn-tables/tables/notescor.tbl", folders[0]));
    let live = fs::read(exch.path("ex/CONNDATA/Tables/notescor.tbl")).expect("read");
    assert_eq!(fs::read(kept).expect("read"), live);
    assert_eq!(exch.names("reports").len(), 2);
    exch.write("file", "");
    let ended = rehearse(&exch, &["conn-tables", "--scratch", "file"]);
    let failure = only(&ended)["failures"][0]
        .as_str()
        .expect("a failure")
        .to_owned();
    assert!(
        failure.contains("name another one with --scratch DIR"),
        "{failure}"
    );
    assert_eq!(ended.code, 4);
}
