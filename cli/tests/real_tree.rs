//! What goes in through the program comes out of it: a working server's tree, and whatever a file system permits.

#![cfg(target_os = "linux")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Exch, has, is_root};
use restante_tests::adversarial::{self, Options};
use restante_tests::compare::differences;
use restante_tests::remove_tree;
use restante_tests::workload::Workload;
use serde_json::Value;

/// What rsync would have to do to make the copy like the source.
fn rsync_would(source: &Path, copy: &Path, options: &[&str]) -> String {
    let slash = |path: &Path| path.join("");
    let mut command = Command::new("rsync");
    command
        .args(["-aHAXn", "--delete", "--checksum", "--itemize-changes"])
        .args(options);
    let output = command
        .arg(slash(source))
        .arg(slash(copy))
        .output()
        .expect("run rsync");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_server_comes_back() {
    let exch = Exch::with_archive();
    let (workload, src) = (Workload::small(), exch.path("src"));
    workload.create(&src).expect("make the workload");
    let first = exch.snapshot(&["src"]);
    exch.ok(&["restore", "latest", "--to", "first"]);
    assert_eq!(differences(&src, &exch.path("first/src")).expect("compare"), []);
    workload.step(&src, 1).expect("a step");
    exch.ok(&["snapshot", "src"]);
    exch.ok(&["restore", "latest", "--to", "second"]);
    assert_eq!(differences(&src, &exch.path("second/src")).expect("compare"), []);
    // The step over the first restore, and back again.
    exch.ok(&["restore", &first, "--to", "again"]);
    assert_eq!(
        differences(&exch.path("first/src"), &exch.path("again/src")).expect("compare"),
        []
    );
    if has("rsync") {
        assert_eq!(rsync_would(&src, &exch.path("second/src"), &[]), "");
    }
    exch.verify();
}

#[test]
fn an_adversarial_tree_comes_back() {
    let exch = Exch::with_archive();
    let (src, copy) = (exch.path("src"), exch.path("out/src"));
    let options = Options {
        beyond: true,
        ..Options::default()
    };
    let skipped = adversarial::create(&src, &options).expect("make the tree");
    eprint!("{skipped}");
    let taken = exch.run(&["--json", "snapshot", "src"]);
    let restored = exch.run(&["restore", "latest", "--to", "out"]);
    let document: Value = serde_json::from_str(&taken.stdout).expect("a document");
    let unreadable = document["unreadable"].as_array().expect("an array").iter();
    let unreadable: Vec<&str> = unreadable
        .map(|one| one["path"].as_str().expect("a path"))
        .collect();
    // What its owner may not read is missing, and nothing else.
    let (code, is_told) = if unreadable.is_empty() {
        (0, false)
    } else {
        (3, true)
    };
    assert_eq!(
        (taken.code, !taken.stderr.is_empty()),
        (code, is_told),
        "{taken:?}"
    );
    assert_eq!(
        (restored.code, !restored.stderr.is_empty()),
        (code, is_told),
        "{restored:?}"
    );
    assert!(unreadable.is_empty() || !is_root(), "{unreadable:?}");
    let mut found = differences(&src, &copy).expect("compare");
    found.retain(|difference| {
        !unreadable
            .iter()
            .any(|path| Path::new(path) == Path::new("src").join(&difference.path))
    });
    assert!(found.is_empty(), "{found:#?}");
    if is_root() && has("rsync") {
        // rsync works with whole paths, which cannot be that long.
        assert_eq!(rsync_would(&src, &copy, &["--exclude=/beyond"]), "");
    }
    let again = exch.run(&["--json", "snapshot", "src"]);
    assert_eq!(again.code, code, "{again:?}");
    assert!(again.stdout.contains("\"tick\":true"), "{again:?}");
    exch.verify();
    for tree in [src, exch.path("out")] {
        remove_tree(&tree).expect("remove");
    }
}
