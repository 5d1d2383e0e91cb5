//! The seven profiles from end to end: a snapshot, damage or loss, a restore by procedure, and what its steps did.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::server::{Server, below, step, steps};
use common::{ended, is_root};
use serde_json::{Value, json};

/// Directories above the roots of each connector.
const ABOVE: [&str; 7] = [
    "Exchsrvr",
    "Exchsrvr/Connect/Msmcon",
    "Exchsrvr/Conndata",
    "Lotus",
    "WINNT",
    "ids",
    "",
];

/// The endings of all steps of the tool.
#[track_caller]
fn assert_all_done(document: &Value) {
    for step in steps(document) {
        let wanted = if step["by"] == "person" {
            "by-person"
        } else {
            "done"
        };
        assert_eq!(step["state"], wanted, "{step:#}");
    }
}

#[track_caller]
fn findings(step: &Value) -> Vec<&str> {
    let list = step["findings"].as_array().expect("findings");
    list.iter().filter_map(Value::as_str).collect()
}

/// Confirms, and fails unless exactly what was replaced went.
#[track_caller]
fn confirm(server: &Server, connector: &str) {
    server.copy("unconfirmed");
    let holders = server.holders();
    let document: Value =
        serde_json::from_str(&server.ok(&["--json", "restore", "--connector", connector, "--confirm"]))
            .expect("a document");
    assert_eq!(
        (&document["state"], &document["replaced"]),
        (&json!("confirmed"), &json!([]))
    );
    assert_eq!(server.holders(), [""; 0].map(std::path::PathBuf::from));
    let gone: Vec<String> = (holders.iter())
        .map(|path| {
            path.strip_prefix(server.path(""))
                .expect("below")
                .display()
                .to_string()
                + ": only in the first tree"
        })
        .collect();
    assert_eq!(server.differences("unconfirmed", &ABOVE), gone);
    let none = server.run(&["restore", "--connector", connector, "--confirm"]);
    assert_eq!(none.code, 1, "{none:?}");
}

fn moment(server: &Server, path: &str) {
    let _ = fs::remove_file(server.exch.path("moment"));
    std::os::unix::fs::symlink(server.path(path), server.exch.path("moment")).expect("link");
}

const MAILDATA: &str = "Exchsrvr/Connect/Msmcon/Maildata";

#[test]
fn ms_mail() {
    let server = Server::new();
    fs::write(server.path(MAILDATA).join("moment"), "then").expect("write");
    server.snapshot("ms-mail");
    // What the services' commands see in its place.
    let told = |before: &str| {
        let names = ["MSExchangeMSMI", "MSExchangeATMTA", "MSExchangeDX"];
        let stopped = names
            .iter()
            .map(|name| format!("stop {name} {before}").trim_end().to_owned());
        let started = names.iter().rev().map(|name| format!("start {name} then"));
        stopped.chain(started).collect::<Vec<_>>()
    };
    moment(&server, &format!("{MAILDATA}/moment"));
    server.damage(MAILDATA, 1);
    fs::write(server.path(MAILDATA).join("moment"), "now").expect("write");
    let document = server.restore("ms-mail", &[]);
    assert_all_done(&document);
    assert_eq!(
        server.differences("then", &ABOVE).len(),
        1,
        "what was replaced is kept"
    );
    assert_eq!(server.services(), told("now"));
    confirm(&server, "ms-mail");
    assert_eq!(server.differences("then", &ABOVE), [""; 0]);
    // All of it lost, with the folders that it was in.
    fs::remove_dir_all(server.path("Exchsrvr/Connect")).expect("remove");
    let document = server.restore("ms-mail", &[]);
    assert_all_done(&document);
    assert_eq!(document["replaced"], json!([]));
    assert_eq!(server.services(), told(""));
    confirm(&server, "ms-mail");
    let above = [&ABOVE[..], &["Exchsrvr/Connect"]].concat();
    assert_eq!(server.differences("then", &above), [""; 0]);
}

#[test]
fn a_post_office_that_breaks_the_rules() {
    let server = Server::new();
    let glb = |name: &str| server.path(MAILDATA).join("GLB").join(name);
    let key = below(&server.path(MAILDATA).join("KEY")).remove(0);
    let name = key.file_stem().expect("a name").to_string_lossy().into_owned();
    fs::write(glb("CONTROL.GLB"), "123456789").expect("write");
    fs::write(glb("ACCESS2.GLB"), vec![0; 69]).expect("write");
    fs::write(server.path(MAILDATA).join("mem.MEM"), vec![0; 2004]).expect("write");
    fs::remove_file(glb("REQCONF.GLB")).expect("remove");
    fs::remove_file(&key).expect("remove");
    server.snapshot("ms-mail");
    let document = server.restore("ms-mail", &[]);
    // A breach of the rules is a warning, and the tree is as it was all the same.
    let sizes = step(&document, "check sizes");
    assert_eq!(sizes["state"], "warned", "{sizes:#}");
    assert_eq!(
        findings(sizes),
        [
            "GLB/CONTROL.GLB has 9 bytes, not 8 bytes".to_owned(),
            format!("MBG/{name}.MBG has no KEY/{name}.KEY"),
            "mem.MEM has 2,004 bytes, not at most 2,000".to_owned(),
        ]
    );
    let warned: Vec<Vec<&str>> = (steps(&document).filter(|step| step["state"] == "warned"))
        .map(findings)
        .collect();
    assert_eq!(warned.len(), 3, "{warned:?}");
    assert!(
        warned[1][0].contains("GLB/ACCESS2.GLB holds 1 records"),
        "{warned:?}"
    );
    assert_eq!(warned[2], ["GLB/REQCONF.GLB is missing"]);
    confirm(&server, "ms-mail");
    assert_eq!(server.differences("then", &ABOVE), [""; 0]);
    // What every post office has is needed: the restore stops before the connector starts.
    fs::remove_file(glb("MASTER.GLB")).expect("remove");
    server.snapshot("ms-mail");
    server.services();
    let stopped = server.run(&["restore", "--connector", "ms-mail"]);
    assert_eq!(stopped.code, 1, "{stopped:?}");
    assert!(
        stopped
            .stderr
            .contains("this does not look like a post office: GLB/MASTER.GLB is missing\n"),
        "{stopped:?}"
    );
    assert!(
        stopped.stderr.contains("restore --connector ms-mail --resume\n"),
        "{stopped:?}"
    );
    assert!(server.services().iter().all(|line| line.starts_with("stop ")));
    fs::write(glb("MASTER.GLB"), vec![0; 176]).expect("mend");
    server.restore("ms-mail", &["--resume"]);
    assert_eq!(server.services().len(), 3);
}

#[test]
fn cc_mail() {
    let server = Server::new();
    server.snapshot("cc-mail");
    server.damage("ccmail", 3);
    fs::write(server.path("ccmail/Ccmcdata/Submit/later.ccm"), "unsent").expect("write");
    server.copy("damaged");
    let document = server.restore("cc-mail", &[]);
    assert_all_done(&document);
    confirm(&server, "cc-mail");
    // What the profile leaves out is as it was just before, and the rest as it was then.
    let same = |copy: &str, path: &str| {
        let (one, other) = (server.exch.path(copy).join(path), server.path(path));
        restante_tests::compare::differences(&one, &other).expect("compare")
    };
    assert_eq!(same("damaged", "ccmail/Ccmcdata"), []);
    assert_eq!(same("damaged", "Exchsrvr"), []);
    for path in ["Ccmcdata", "../then/ccmail/Ccmcdata"] {
        fs::remove_dir_all(server.path("ccmail").join(path.replace("../then", "../../then")))
            .expect("remove");
    }
    assert_eq!(server.differences("then", &["", "ccmail"]), [""; 0]);
    assert_eq!(
        server.services(),
        ["stop MSExchangeCCMC then", "start MSExchangeCCMC then"]
    );
}

#[test]
fn cc_mail_with_unsent_mail() {
    let server = Server::new();
    server.configure("[connector.cc-mail]\nsubmit = true\n");
    server.snapshot("cc-mail");
    fs::remove_dir_all(server.path("ccmail/Ccmcdata/Submit")).expect("remove");
    fs::write(server.path("Exchsrvr/Ccmcdata/Submit/later.ccm"), "later").expect("write");
    fs::write(server.path("Exchsrvr/Ccmcdata/Submit/log.txt"), "stays").expect("write");
    server.copy("damaged");
    server.restore("cc-mail", &[]);
    let names = |path: &str| -> Vec<String> {
        let all = below(&server.path(path)).into_iter();
        all.map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(names("Exchsrvr/Ccmcdata/Submit"), ["00000009.ccm", "log.txt"]);
    assert_eq!(names("ccmail/Ccmcdata/Submit"), ["00000000.ccm", "00000001.ccm"]);
    server.ok(&["restore", "--connector", "cc-mail", "--revert"]);
    let above = ["", "ccmail", "ccmail/Ccmcdata", "Exchsrvr/Ccmcdata"];
    assert_eq!(server.differences("damaged", &above), [""; 0]);
}

/// The work files of Conndata in the order of their paths.
const WORK_FILES: [&str; 9] = [
    "DxaGwise/dxagwise.Ck",
    "Dxamex/inbound.SEQ",
    "Dxanotes/dxanotes.ck",
    "Dxanotes/outbound.seq",
    "Gwrouter/togwise/x.CK",
    "Tables/y.Ck",
    "Temp/one/two/three.SeQ",
    "Temp/restart.seq",
    "top.seq",
];

/// Takes the work files out of a copy, and names the directories whose times that changes.
fn without_work_files(server: &Server, copy: &str) -> Vec<String> {
    let conndata = server.exch.path(copy).join("Exchsrvr/Conndata");
    let mut above: Vec<String> = ABOVE.iter().map(|path| (*path).to_owned()).collect();
    for file in WORK_FILES {
        let _ = fs::remove_file(conndata.join(file));
        let folder = std::path::Path::new("Exchsrvr/Conndata").join(file);
        above.push(folder.parent().expect("a folder").display().to_string());
    }
    above
}

#[test]
fn lotus_notes() {
    let server = Server::new();
    server.snapshot("lotus-notes");
    let above = without_work_files(&server, "then");
    let above: Vec<&str> = above.iter().map(String::as_str).collect();
    for lost in [false, true] {
        if lost {
            for path in [
                "Exchsrvr/Conndata",
                "Lotus/Notes",
                "WINNT/NOTES.INI",
                "ids/server.id",
                "ids/CERT.ID",
            ] {
                let path = server.path(path);
                match path.is_dir() {
                    true => fs::remove_dir_all(path).expect("remove"),
                    false => fs::remove_file(path).expect("remove"),
                }
            }
            fs::create_dir_all(server.path("Lotus/Notes")).expect("the place has to be there");
        } else {
            server.damage("Exchsrvr/Conndata", 5);
            server.damage("Lotus/Notes", 6);
            fs::write(server.path("WINNT/NOTES.INI"), "broken").expect("write");
            fs::write(server.path("ids/later.id"), "later").expect("write");
            fs::write(server.path("ids/server.id"), "broken").expect("write");
        }
        let document = server.restore("lotus-notes", &[]);
        assert_all_done(&document);
        let deleted = format!("deleted 9 files: {}, …", WORK_FILES[..5].join(", "));
        assert_eq!(step(&document, "delete ")["notes"], json!([deleted]));
        confirm(&server, "lotus-notes");
        assert_eq!(server.differences("then", &above), [""; 0], "lost: {lost}");
        // The GroupWise connector works in Conndata too.
        let names = ["LME-GWISE", "MSExchangeGWRtr", "LME-NOTES", "MSExchangeCoCo"];
        let started = ["MSExchangeCoCo", "LME-NOTES", "MSExchangeGWRtr", "LME-GWISE"];
        let wanted = names.iter().map(|name| format!("stop {name} then"));
        let wanted = wanted.chain(started.iter().map(|name| format!("start {name} then")));
        assert_eq!(server.services(), wanted.collect::<Vec<_>>());
    }
}

#[test]
fn directory_synchronisation_out_of_sequence() {
    let server = Server::new();
    let pcta = server.path("Exchsrvr/Conndata/Dxamex/Pcta.tbl");
    let text = fs::read_to_string(&pcta).expect("read");
    fs::write(&pcta, text.replace("inboundseq=1349", "inboundseq=1351")).expect("write");
    server.snapshot("lotus-notes");
    let document = server.restore("lotus-notes", &[]);
    let compared = step(&document, "Pcta.tbl");
    assert_eq!(compared["state"], "warned", "{compared:#}");
    assert_eq!(
        findings(compared),
        ["outboundseq in Dxanotes/Pcta.tbl is 1349, but inboundseq in Dxamex/Pcta.tbl is 1351"]
    );
    // With spaces instead of =, as some versions may write it.
    server.ok(&["restore", "--connector", "lotus-notes", "--confirm"]);
    fs::write(&pcta, "inboundseq       1349\r\noutboundseq      1207\r\n").expect("write");
    server.snapshot("lotus-notes");
    assert_eq!(
        step(&server.restore("lotus-notes", &[]), "Pcta.tbl")["state"],
        "done"
    );
}

#[test]
fn groupwise() {
    let server = Server::new();
    server.snapshot("groupwise");
    let above = without_work_files(&server, "then");
    let above: Vec<&str> = above.iter().map(String::as_str).collect();
    let api = |copy: &str| match copy {
        "" => server.path("WPDOMAIN"),
        copy => server.exch.path(copy).join("WPDOMAIN"),
    };
    // What a probe that was killed left there goes with the next one.
    let left = server.path("WPDOMAIN/WPGATE/API/restante-0123456789abcdef.probe");
    fs::write(left, "left").expect("write");
    server.damage("Exchsrvr/Conndata", 7);
    let document = server.restore("groupwise", &[]);
    assert_all_done(&document);
    let probed = step(&document, "WPDOMAIN/WPGATE/API");
    assert_eq!(probed["notes"], json!(["a file was written, read and removed"]));
    assert_eq!(probed["statements"], json!(["S32"]));
    confirm(&server, "groupwise");
    let above = [&above[..], &["WPDOMAIN/WPGATE/API"]].concat();
    assert_eq!(server.differences("then", &above), [""; 0]);
    assert_eq!(below(&api("")).len(), below(&api("then")).len());
    let told = server.services();
    // The Notes connector works in Conndata too.
    let names = ["LME-NOTES", "LME-GWISE", "MSExchangeGWRtr", "MSExchangeCoCo"];
    let wanted = names.iter().map(|name| format!("stop {name} then"));
    let wanted = wanted.chain(names.iter().rev().map(|name| format!("start {name} then")));
    assert_eq!(told, wanted.collect::<Vec<_>>());
}

#[test]
fn an_api_directory_that_cannot_be_written() {
    let server = Server::new();
    server.configure("[connector.groupwise]\nservices = []\n");
    server.snapshot("groupwise");
    let exch = &server.exch;
    let status = std::process::Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(exch.path(""))
        .status();
    assert!(status.expect("start chmod").success());
    let api = server.path("WPDOMAIN/WPGATE/API");
    fs::set_permissions(&api, fs::Permissions::from_mode(0o555)).expect("set permissions");
    let restore = |args: &[&str]| {
        let all = [&["restore", "--connector", "groupwise"], args].concat();
        ended(exch.bare_as_user(&all))
    };
    let first = restore(&["--dry-run"]);
    assert_eq!(first.code, 0, "{first:?}");
    let number = first
        .stdout
        .lines()
        .find(|line| line.contains("by a person: restore the Gateway"));
    let refused = match number {
        Some(line) => restore(&["--done", line.trim().split(' ').next().expect("a number")]),
        None => restore(&["--done", "1"]),
    };
    assert_eq!(refused.code, 1, "{refused:?}");
    let wanted = format!("cannot write {}/restante-", api.display());
    assert!(
        refused.stderr.contains(&wanted) && refused.stderr.contains("Permission denied"),
        "{refused:?}"
    );
    assert!(!is_root() || !refused.stderr.contains(".api:"), "{refused:?}");
    // Mended, it goes on; and nothing of the probe stays.
    fs::set_permissions(&api, fs::Permissions::from_mode(0o777)).expect("set permissions");
    let next = restore(&["--resume"]);
    assert_eq!(next.code, 3, "{next:?}");
    assert!(
        below(&api)
            .iter()
            .all(|path| !path.display().to_string().contains("restante"))
    );
}

#[test]
fn conn_tables() {
    let server = Server::new();
    server.snapshot("conn-tables");
    for lost in [false, true] {
        match lost {
            false => server.damage("Exchsrvr/Conndata/Tables", 11),
            true => fs::remove_dir_all(server.path("Exchsrvr/Conndata/Tables")).expect("remove"),
        }
        let refused = server.run(&["restore", "--connector", "conn-tables"]);
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(
            refused.stdout.contains("Conndata that matches them"),
            "{refused:?}"
        );
        assert!(
            server.holders().is_empty(),
            "nothing is done before a person's step"
        );
        let document = server.restore("conn-tables", &["--resume"]);
        assert_all_done(&document);
        confirm(&server, "conn-tables");
        assert_eq!(server.differences("then", &ABOVE), [""; 0], "lost: {lost}");
    }
    // It has no services of its own; those of the connectors that work in Conndata stand still.
    let names = ["LME-NOTES", "MSExchangeCoCo", "LME-GWISE", "MSExchangeGWRtr"];
    let wanted = names.iter().map(|name| format!("stop {name} then"));
    let wanted = wanted.chain(names.iter().rev().map(|name| format!("start {name} then")));
    let once: Vec<String> = wanted.collect();
    assert_eq!(server.services(), [once.clone(), once].concat());
}

#[test]
fn system_state() {
    let server = Server::new();
    server.snapshot("system-state");
    fs::write(server.path("backups/SystemState.bkf"), "broken").expect("write");
    fs::write(server.path("backups/later.bkf"), "TAPE").expect("write");
    fs::remove_file(server.path("backups/Notes.reg")).expect("remove");
    let document = server.restore("system-state", &[]);
    assert_all_done(&document);
    confirm(&server, "system-state");
    assert_eq!(server.differences("then", &ABOVE), [""; 0]);
    let person = steps(&document).filter(|step| step["by"] == "person");
    let statements: Vec<&Value> = person
        .flat_map(|step| step["statements"].as_array().expect("a list"))
        .collect();
    assert_eq!(statements, ["S21", "S22", "S23", "S24", "S25", "S33"]);
    // An export without the key is a warning; a backup that is none stops the restore.
    fs::write(
        server.path("backups/Notes.reg"),
        "REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus]\r\n",
    )
    .expect("write");
    server.snapshot("system-state");
    let document = server.restore("system-state", &[]);
    let warned = steps(&document)
        .find(|step| step["state"] == "warned")
        .expect("a warning");
    assert_eq!(
        findings(warned),
        ["Notes.reg does not hold HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus\\Notes"]
    );
    server.ok(&["restore", "--connector", "system-state", "--confirm"]);
    fs::write(server.path("backups/SystemState.bkf"), "PK").expect("write");
    server.snapshot("system-state");
    let refused = server.run(&[
        "restore",
        "--connector",
        "system-state",
        "--done",
        "1",
        "--done",
        "2",
    ]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains(
            "this is no file of the Backup utility: SystemState.bkf is not in Microsoft Tape Format\n"
        ),
        "{refused:?}"
    );
}

#[test]
fn storage_groups() {
    let server = Server::new();
    server.configure("[connector.storage-groups]\ndismounted = true\n");
    server.snapshot("storage-groups");
    for path in ["backups/FirstStorageGroup.bkf", "Exchsrvr/Mdbdata/Priv1.stm"] {
        fs::write(server.path(path), "broken").expect("write");
    }
    fs::write(server.path("Exchsrvr/Mdbdata/E0000001.log"), "later").expect("write");
    fs::write(server.path("Exchsrvr/Mdbdata/tmp.txt"), "stays").expect("write");
    let document = server.restore("storage-groups", &[]);
    assert_all_done(&document);
    confirm(&server, "storage-groups");
    fs::remove_file(server.path("Exchsrvr/Mdbdata/tmp.txt")).expect("what is not the connector's stays");
    let above = [&ABOVE[..], &["Exchsrvr/Mdbdata"]].concat();
    assert_eq!(server.differences("then", &above), [""; 0]);
    // Half a database, and a log of another length.
    fs::remove_file(server.path("Exchsrvr/Mdbdata/Priv1.stm")).expect("remove");
    fs::write(server.path("Exchsrvr/Mdbdata/E00.log"), "short").expect("write");
    server.snapshot("storage-groups");
    fs::remove_dir_all(server.path("Exchsrvr/Mdbdata")).expect("remove");
    let document = server.restore("storage-groups", &[]);
    let warned = steps(&document)
        .find(|step| step["state"] == "warned")
        .expect("a warning");
    assert_eq!(
        findings(warned),
        [
            "Priv1.edb has no Priv1.stm",
            "E00.log has 5 bytes, not 5,242,880 bytes"
        ]
    );
    confirm(&server, "storage-groups");
    assert_eq!(server.differences("then", &above), [""; 0]);
}
