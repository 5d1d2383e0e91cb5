//! `connectors check`: what a connector's keeper is told before it is too late.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::{Ended, Exch, ended};
use serde_json::{Value, json};

/// A server with a post office.
fn server() -> Exch {
    let exch = Exch::new();
    exch.write("restante.toml", "[roots]\nexchsrvr = \"ex\"\n");
    let maildata = "ex/connect/MSMCON/MAILDATA";
    for (name, bytes) in [
        ("GLB/MASTER.GLB", 176),
        ("GLB/CONTROL.GLB", 8),
        ("GLB/REQTRANS.GLB", 12),
        ("GLB/REQCONF.GLB", 12),
        ("GLB/ACCESS.GLB", 586 * 3),
        ("GLB/ACCESS2.GLB", 69 * 3),
        ("GLB/ACCESS3.GLB", 512 * 3),
        ("KEY/00000001.KEY", 560),
        ("MBG/00000001.mbg", 116 * 4),
        ("NME/ADMIN.NME", 45 * 2),
        ("MEM/LIST.MEM", 2000),
    ] {
        exch.write(&format!("{maildata}/{name}"), vec![0; bytes]);
    }
    exch
}

fn check(exch: &Exch, args: &[&str]) -> Ended {
    ended(exch.bare(&[&["connectors", "check"], args].concat()))
}

fn document(exch: &Exch, name: &str) -> (i32, Value) {
    let ended = ended(exch.bare(&["--json", "connectors", "check", name]));
    let all: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended.code, all[0].clone())
}

#[test]
fn a_whole_post_office_is_fine() {
    let exch = server();
    let ended = check(&exch, &["ms-mail"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert_eq!(
        exch.normal(&ended.stdout),
        "ms-mail: ok\n  maildata  11 files, 6.8 KB, in DIR/ex/connect/MSMCON/MAILDATA\n"
    );
    let (code, found) = document(&exch, "ms-mail");
    assert_eq!(code, 0);
    assert_eq!(
        (&found["state"], &found["problems"], &found["warnings"]),
        (&json!("ok"), &json!([]), &json!([]))
    );
    assert_eq!(found["roots"][0]["files"], 11);
}

#[test]
fn what_is_no_post_office_is_a_problem() {
    let exch = server();
    fs::remove_file(exch.path("ex/connect/MSMCON/MAILDATA/GLB/MASTER.GLB")).expect("remove");
    let ended = check(&exch, &["ms-mail"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("  problem:  this does not look like a post office: GLB/MASTER.GLB is missing\n"),
        "{}",
        ended.stdout
    );
}

#[test]
fn each_rule_of_sizes_is_a_warning_that_names_the_file() {
    let cases: &[(&str, usize, &str)] = &[
        (
            "GLB/MASTER.GLB",
            175,
            "GLB/MASTER.GLB has 175 bytes, not 176 bytes",
        ),
        (
            "GLB/NETWORK.GLB",
            123,
            "GLB/NETWORK.GLB has 123 bytes, not a multiple of 122",
        ),
        (
            "KEY/00000001.KEY",
            561,
            "KEY/00000001.KEY has 561 bytes, not 560 bytes",
        ),
        (
            "KEY/00000002.KEY",
            560,
            "KEY/00000002.KEY has no MBG/00000002.MBG",
        ),
        (
            "MBG/00000003.MBG",
            116,
            "MBG/00000003.MBG has no KEY/00000003.KEY",
        ),
        (
            "NME/ADMIN.NME",
            46,
            "NME/ADMIN.NME has 46 bytes, not a multiple of 45",
        ),
        ("USR/A.USR", 54, "USR/A.USR has 54 bytes, not a multiple of 53"),
        ("XTN/A.XTN", 1, "XTN/A.XTN has 1 byte, not a multiple of 698"),
        (
            "MEM/LIST.MEM",
            2001,
            "MEM/LIST.MEM has 2,001 bytes, not a multiple of 4",
        ),
        (
            "MEM/LIST.MEM",
            2004,
            "MEM/LIST.MEM has 2,004 bytes, not at most 2,000",
        ),
        (
            "GLB/ACCESS2.GLB",
            69 * 2,
            "GLB/ACCESS2.GLB holds 2 records, but GLB/ACCESS3.GLB holds 3 records",
        ),
        (
            "GLB/ACCESS.GLB",
            587,
            "GLB/ACCESS.GLB has 587 bytes, which are no whole records of 586",
        ),
    ];
    for (name, bytes, wanted) in cases {
        let exch = server();
        exch.write(&format!("ex/connect/MSMCON/MAILDATA/{name}"), vec![0; *bytes]);
        let (code, found) = document(&exch, "ms-mail");
        let warnings = found["warnings"].to_string();
        assert!(code == 3 && warnings.contains(wanted), "{name}: {code}: {found}");
        assert_eq!(
            found["warnings"].as_array().map(Vec::len),
            Some(1),
            "{name}: {warnings}"
        );
    }
}

#[test]
fn files_that_belong_together_are_missed_together() {
    let exch = server();
    fs::remove_file(exch.path("ex/connect/MSMCON/MAILDATA/GLB/REQCONF.GLB")).expect("remove");
    let (code, found) = document(&exch, "ms-mail");
    assert_eq!(code, 3);
    let warnings = found["warnings"].to_string();
    assert!(warnings.contains("GLB/REQCONF.GLB is missing"), "{warnings}");
}

#[test]
fn what_is_missing_or_unreadable_is_a_problem() {
    let exch = server();
    let closed = exch.path("ex/connect/MSMCON/MAILDATA/MEM/LIST.MEM");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("set permissions");
    let text = ended(exch.bare_as_user(&["connectors", "check", "ms-mail"]));
    assert_eq!(text.code, 1, "{text:?}");
    let shown = exch.normal(&text.stdout);
    assert!(
        shown.contains("  problem:  maildata: 1 file cannot be read\n"),
        "{shown}"
    );
    assert!(shown.contains("MEM/LIST.MEM: Permission denied"), "{shown}");

    fs::remove_dir_all(exch.path("ex")).expect("remove");
    let gone = check(&exch, &[]);
    assert_eq!(gone.code, 1, "{gone:?}");
    assert!(
        exch.normal(&gone.stdout)
            .contains("connector ms-mail: the place `exchsrvr` is not there: DIR/ex"),
        "{gone:?}"
    );
    let mistyped = check(&exch, &["ms-mial"]);
    assert_eq!(
        (mistyped.code, mistyped.stderr.as_str()),
        (
            2,
            "error: unknown connector `ms-mial`\n  did you mean `ms-mail`?\n"
        )
    );
}

#[test]
fn two_spellings_are_named() {
    let exch = server();
    fs::create_dir_all(exch.path("ex/connect/MSMCON/Maildata")).expect("make a folder");
    let ended = check(&exch, &["ms-mail"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let said = exch.normal(&(ended.stdout + &ended.stderr));
    assert!(
        said.contains("holds both \"MAILDATA\" and \"Maildata\""),
        "{said}"
    );
}

#[test]
fn what_backup_wrote_is_recognised() {
    let exch = Exch::new();
    exch.write("restante.toml", "[roots]\nbackups = \"b\"\n");
    exch.write("b/state.bkf", b"TAPE\0\0\0");
    let wide = |text: &str| {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xFF, 0xFE].into_iter().chain(units).collect::<Vec<u8>>()
    };
    let export = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\Software\\Lotus\\NOTES\\4.0]\r\n\"Path\"=\"c:\"\r\n";
    exch.write("b/notes.reg", wide(export));
    exch.write(
        "b/old.REG",
        "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus\\Notes]\n",
    );
    assert_eq!(document(&exch, "system-state").0, 0);

    let cases: [(&str, Vec<u8>, i32, &str); 4] = [
        (
            "b/other.bkf",
            b"PK\x03\x04".to_vec(),
            1,
            "other.bkf is not in Microsoft Tape Format",
        ),
        (
            "b/other.reg",
            wide("Windows Registry Editor Version 5.00\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus\\Notes2]\r\n"),
            3,
            "other.reg does not hold HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus\\Notes",
        ),
        (
            "b/other.reg",
            b"hello".to_vec(),
            3,
            "other.reg is no export of the registry",
        ),
        (
            "b/other.reg",
            Vec::new(),
            3,
            "other.reg is no export of the registry",
        ),
    ];
    for (name, bytes, wanted_code, wanted) in cases {
        exch.write(name, bytes);
        let (code, found) = document(&exch, "system-state");
        let said = format!("{}{}", found["problems"], found["warnings"]).replace("\\\\", "\\");
        assert!(
            code == wanted_code && said.contains(wanted),
            "{name}: {code}: {said}"
        );
        fs::remove_file(exch.path(name)).expect("remove");
    }
}
