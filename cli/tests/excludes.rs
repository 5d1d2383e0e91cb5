//! What is left out of a snapshot.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use common::Exch;

/// A tree with files of many names.
fn filled() -> Exch {
    let exch = Exch::with_archive();
    for path in [
        "keep.txt",
        "work.SEQ",
        "work.seq",
        "deep/er/work.seq",
        "cache/kept",
        "cache/CACHEDIR.TAG",
        "not-a-cache/CACHEDIR.TAG",
        "not-a-cache/kept",
        "a/b/target",
        "b/target",
    ] {
        exch.write(&format!("src/{path}"), "x");
    }
    exch.write(
        "src/cache/CACHEDIR.TAG",
        "Signature: 8a477f597d28d172789f06886806bc55\n",
    );
    exch
}

/// The files of a snapshot that is taken with these arguments.
fn files(exch: &Exch, args: &[&str]) -> BTreeSet<String> {
    exch.ok(&[&["snapshot", "src"], args].concat());
    let lines = exch.json_lines(&["ls", "latest:src"]);
    let files = lines.iter().filter(|line| line["type"] == "file");
    files
        .map(|line| line["path"].as_str().expect("a path")["src/".len()..].to_owned())
        .collect()
}

#[test]
fn patterns() {
    let exch = filled();
    let all = files(&exch, &[]);
    assert_eq!(all.len(), 10);
    exch.write("patterns", "# what nobody needs\n\n  *.seq  \n/b/target\n");
    let cases: &[(&[&str], &[&str])] = &[
        (&["--exclude", "*.seq"], &["work.seq", "deep/er/work.seq"]),
        (&["-e", "work.*"], &["work.SEQ", "work.seq", "deep/er/work.seq"]),
        (
            &["--iexclude", "*.Seq"],
            &["work.SEQ", "work.seq", "deep/er/work.seq"],
        ),
        (&["--exclude", "target"], &["a/b/target", "b/target"]),
        (&["--exclude", "b/target"], &["b/target"]),
        (&["--exclude", "/b"], &["b/target"]),
        (&["--exclude", "**/b/target"], &["a/b/target", "b/target"]),
        (&["--exclude", "deep/"], &["deep/er/work.seq"]),
        (
            &["--exclude", "{cache,a}", "--exclude", "keep.txt"],
            &["cache/kept", "cache/CACHEDIR.TAG", "a/b/target", "keep.txt"],
        ),
        (
            &["--exclude-file", "patterns"],
            &["work.seq", "deep/er/work.seq", "b/target"],
        ),
        (&["--exclude-caches"], &["cache/kept"]),
        (&["--exclude", "nothing-of-the-kind"], &[]),
    ];
    for (args, left_out) in cases {
        let left_out: BTreeSet<String> = left_out.iter().map(|path| (*path).to_owned()).collect();
        let expected: BTreeSet<String> = all.difference(&left_out).cloned().collect();
        assert_eq!(files(&exch, args), expected, "{args:?}");
    }
}

#[test]
fn the_archive_in_the_source_is_left_out() {
    let exch = Exch::new();
    exch.write("src/a", "x");
    let archive = exch.at("src/archive");
    let run = |args: &[&str]| {
        let ended = common::ended(exch.bare(&[&["-a", &archive], args].concat()));
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout
    };
    run(&["snapshot", "--init", "src"]);
    run(&["snapshot", "src"]);
    let listed = run(&["ls", "latest"]);
    assert_eq!(
        listed
            .lines()
            .filter(|path| path.starts_with("src/archive/"))
            .count(),
        0,
        "{listed}"
    );
    assert!(listed.contains("src/a\n"), "{listed}");
    // Under whatever name it is reached.
    std::os::unix::fs::symlink(exch.path("src"), exch.path("alias")).expect("make a link");
    let alias = exch.at("alias/archive");
    let ended = common::ended(exch.bare(&["-a", &alias, "snapshot", "src"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(run(&["ls", "latest"]), listed);
}

#[test]
fn one_file_system() {
    let exch = Exch::with_archive();
    exch.write("src/mounted/below", "hidden by what is mounted");
    exch.write("src/a", "x");
    let (program, archive) = (env!("CARGO_BIN_EXE_restante"), exch.at("archive"));
    let take = |option: &str| {
        // The mount lives in a name space of its own and vanishes with it.
        let script = "mount -t tmpfs -o size=1m none src/mounted && echo x >src/mounted/other && \
                      exec \"$0\" -a \"$1\" snapshot src --host other $2";
        let mut command = Command::new("unshare");
        command
            .args(["-rm", "sh", "-c", script, program, &archive, option])
            .current_dir(exch.path(""));
        command.output().ok().filter(|output| output.status.success())
    };
    if take("").is_none() {
        eprintln!("skipped: mounting is not permitted here");
        return;
    }
    assert_eq!(
        exch.ok(&["ls", "latest:src"]),
        "src/a\nsrc/mounted\nsrc/mounted/other\n"
    );
    take("--one-file-system").expect("a snapshot");
    assert_eq!(exch.ok(&["ls", "latest:src"]), "src/a\nsrc/mounted\n");
    assert!(fs::exists(exch.path("src/mounted/below")).expect("look"));
}
