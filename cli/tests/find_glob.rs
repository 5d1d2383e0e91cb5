//! `find`: where a name or a path occurs.

#![cfg(target_os = "linux")]

mod common;

use common::Exch;

/// Five snapshots of 2019, a minute apart.
fn filled() -> (Exch, Vec<String>) {
    let exch = Exch::with_archive();
    let mut ids = Vec::new();
    exch.write("src/kept.txt", "kept");
    for minute in 0..5 {
        exch.write("src/deep/below/changed.txt", format!("{}", minute / 2));
        match minute {
            1 | 3 => drop(exch.write("src/deep/Sometimes.TXT", "here")),
            _ => drop(std::fs::remove_file(exch.path("src/deep/Sometimes.TXT"))),
        }
        ids.push(exch.snapshot(&["src", "--time", &format!("2019-05-12T08:0{minute}:00Z")]));
    }
    (exch, ids)
}

fn found(exch: &Exch, args: &[&str]) -> Vec<(String, u64)> {
    let found = exch.json_lines(&[&["find"], args].concat());
    let one = |one: serde_json::Value| {
        let path = one["path"].as_str().expect("a path").to_owned();
        (path, one["versions"].as_u64().expect("a number"))
    };
    found.into_iter().map(one).collect()
}

#[test]
fn each_path_with_its_first_and_last_snapshot() {
    let (exch, ids) = filled();
    let all = exch.json_lines(&["find", "-i", "*.txt"]);
    let seen = |n: usize| {
        (
            all[n]["first_snapshot"].as_str(),
            all[n]["last_snapshot"].as_str(),
        )
    };
    let id = |n: usize| Some(ids[n].as_str());
    assert_eq!(all.len(), 3);
    assert_eq!(
        (all[0]["path"].as_str(), seen(0)),
        (Some("src/deep/Sometimes.TXT"), (id(1), id(3)))
    );
    assert_eq!(seen(1), (id(0), id(4)));
    assert_eq!(
        (all[0]["versions"].as_u64(), all[1]["versions"].as_u64()),
        (Some(2), Some(3))
    );
    assert_eq!(
        (&all[2]["first"], &all[2]["last"]),
        (&"2019-05-12T08:00:00Z".into(), &"2019-05-12T08:04:00Z".into())
    );
    let text = exch.ok(&["find", "*.TXT"]);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.ends_with("src/deep/Sometimes.TXT\n"), "{text}");
}

#[test]
fn patterns() {
    let (exch, _) = filled();
    let changed = ("src/deep/below/changed.txt".to_owned(), 3);
    assert_eq!(found(&exch, &["below/*.txt"]), std::slice::from_ref(&changed));
    assert_eq!(
        found(&exch, &["/src/**/changed.txt"]),
        std::slice::from_ref(&changed)
    );
    assert_eq!(found(&exch, &["/below/*.txt"]), []);
    assert_eq!(found(&exch, &["below"]), [("src/deep/below".to_owned(), 1)]);
    assert_eq!(found(&exch, &["*.TXT"]).len(), 1);
    assert_eq!(exch.run(&["find", "["]).code, 2);
    let nothing = exch.run(&["find", "nothing"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (0, ""));
}

#[test]
fn some_snapshots_only() {
    let (exch, ids) = filled();
    assert_eq!(found(&exch, &["Sometimes*", "--snapshot", "latest"]), []);
    assert_eq!(found(&exch, &["Sometimes*", "--snapshot", "latest~1"]).len(), 1);
    assert_eq!(
        found(&exch, &["*.txt", "--snapshot", "latest:src/deep/below"]).len(),
        1
    );
    let range = [
        "Sometimes*",
        "--since",
        "2019-05-12T08:02:00Z",
        "--until",
        "2019-05-12T08:03:00Z",
    ];
    let seen = exch.json_lines(&[&["find"], &range[..]].concat());
    assert_eq!(seen[0]["first_snapshot"], ids[3].as_str());
    assert_eq!(exch.run(&["find", "a", "--host", "nobody"]).code, 1);
    let series = exch.json_lines(&["find", "Sometimes*", "--path", "src"]);
    assert_eq!(series[0]["paths"][0], exch.at("src").as_str());
    assert_eq!(found(&exch, &["Sometimes*", "--tag", "nothing"]), []);
    assert_eq!(exch.run(&["find", "a", "--connector", "nobody"]).code, 1);
    assert_eq!(
        exch.run(&["find", "a", "--snapshot", "latest", "--host", "x"])
            .code,
        2
    );
}

#[test]
fn names_with_braces_and_bytes_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let exch = Exch::with_archive();
    exch.write("src/{3F25,04E0}.edb", "a");
    exch.write("src/3F25.edb", "b");
    let no_text = std::ffi::OsStr::from_bytes(b"no\xfftext");
    std::fs::write(exch.path("src").join(no_text), "c").expect("write");
    exch.snapshot(&["src"]);
    let braces = [("src/{3F25,04E0}.edb".to_owned(), 1)];
    for pattern in ["{3F25,04E0}.edb", "{*}.edb", "src/{3F25*", "*}.edb", "[{]*"] {
        assert_eq!(found(&exch, &[pattern]), braces, "{pattern}");
    }
    assert_eq!(found(&exch, &["{3F25,x}.edb"]), []);
    assert_eq!(found(&exch, &["no\\xfftext"]).len(), 1);
    assert_eq!(found(&exch, &["no\\xfetext"]), []);
    let mut raw = exch.command(&["--json", "find"]);
    raw.arg(std::ffi::OsStr::from_bytes(b"*\xfftext"));
    let ended = common::ended(raw);
    assert_eq!((ended.code, ended.stdout.lines().count()), (0, 1), "{ended:?}");
    for empty in ["", "/"] {
        let ended = exch.run(&["find", empty]);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.stderr.starts_with("error: the pattern is empty"),
            "{ended:?}"
        );
    }
}
