//! Several programs at work on one archive at the same time.

#![cfg(target_os = "linux")]

mod common;

use std::path::Path;
use std::process::Child;

use common::{Ended, Exch, ended_child};
use restante_tests::compare::differences;
use restante_tests::workload::Workload;

fn start(exch: &Exch, args: &[&str]) -> Child {
    exch.command(args).spawn().expect("start the program")
}

/// Waits for all of them; each has to succeed.
#[track_caller]
fn wait_for(children: Vec<Child>) -> Vec<Ended> {
    let ended: Vec<Ended> = children.into_iter().map(ended_child).collect();
    for ended in &ended {
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    }
    ended
}

/// The id that a snapshot printed.
fn id(ended: &Ended) -> String {
    let taken: serde_json::Value = serde_json::from_str(&ended.stdout).expect("a document");
    taken["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn assert_restores(exch: &Exch, id: &str, source: &Path, to: &str) {
    exch.ok(&["restore", id, "--to", to]);
    let name = source.file_name().expect("a name");
    assert_eq!(
        differences(source, &exch.path(to).join(name)).expect("compare"),
        []
    );
}

#[test]
fn snapshots_of_different_sources() {
    let exch = Exch::with_archive();
    let names = ["one", "two", "three", "four"];
    for (seed, name) in (1..).zip(names) {
        let workload = Workload {
            // Two are alike, so that both want to store the same.
            seed: seed / 2,
            ..Workload::tiny()
        };
        workload.create(&exch.path(name)).expect("make the workload");
    }
    for (round, together) in [&names[..2], &names].into_iter().enumerate() {
        let children = together
            .iter()
            .map(|name| start(&exch, &["--json", "snapshot", name]))
            .collect();
        for (ended, name) in wait_for(children).iter().zip(together) {
            assert_restores(
                &exch,
                &id(ended),
                &exch.path(name),
                &format!("out/{round}/{name}"),
            );
        }
    }
    assert_eq!(exch.json(&["stats"])["snapshots"], 6);
    assert_eq!(exch.names("archive/tmp"), [""; 0]);
    exch.verify();
}

#[test]
fn snapshots_of_the_same_source() {
    let exch = Exch::with_archive();
    let (workload, src) = (Workload::tiny(), exch.path("src"));
    workload.create(&src).expect("make the workload");
    for (step, count) in [(0, 2), (1, 4)] {
        if step > 0 {
            workload.step(&src, step).expect("a step");
        }
        let children = (0..count)
            .map(|_| start(&exch, &["--json", "snapshot", "src"]))
            .collect();
        for (number, ended) in wait_for(children).iter().enumerate() {
            assert_restores(&exch, &id(ended), &src, &format!("out/{step}/{number}"));
        }
    }
    assert_eq!(exch.json(&["stats"])["snapshots"], 6);
    exch.verify();
}

#[test]
fn a_snapshot_beside_verify_and_restore() {
    let exch = Exch::with_archive();
    let (workload, src) = (Workload::tiny(), exch.path("src"));
    workload.create(&src).expect("make the workload");
    exch.ok(&["snapshot", "src"]);
    for step in 1..=5 {
        workload.step(&src, step).expect("a step");
        let to = format!("beside/{step}");
        wait_for(vec![
            start(&exch, &["verify"]),
            start(&exch, &["snapshot", "src"]),
            start(&exch, &["restore", "latest", "--to", &to]),
            start(&exch, &["-q", "diff", "latest", "latest"]),
            start(&exch, &["stats"]),
        ]);
        assert_restores(&exch, "latest", &src, &format!("out/{step}"));
    }
    exch.verify();
}

/// Of several that make the same archive, one does, and no snapshot is lost.
#[test]
fn making_the_archive() {
    let exch = Exch::new();
    exch.write("src/a", "x");
    let children: Vec<Child> = (0..4)
        .map(|_| start(&exch, &["snapshot", "--init", "-q", "src"]))
        .collect();
    let ended: Vec<Ended> = children.into_iter().map(ended_child).collect();
    let taken = ended.iter().filter(|ended| ended.code == 0).count();
    assert!(taken >= 1, "{ended:?}");
    assert_eq!(exch.json(&["stats"])["snapshots"], taken, "{ended:?}");
    exch.verify();
}
