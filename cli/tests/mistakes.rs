//! Mistakes on the command line and in the configuration: exit codes and the whole text on standard error.

#![cfg(target_os = "linux")]

mod common;

use std::os::unix::fs::symlink;

use common::{Exch, assert_failures, ended};

/// The arguments, the exit code, and everything on standard error.
type Case = (&'static [&'static str], i32, &'static str);

/// An archive with a snapshot of `src`.
fn filled() -> (Exch, String) {
    let exch = Exch::with_archive();
    exch.write("src/mail/inbox", "one");
    exch.write("src/mail/outbox", "one");
    exch.write("src/note", "two!");
    symlink("note", exch.path("src/link")).expect("make a link");
    let id = exch.snapshot(&["src"]);
    (exch, id)
}

#[test]
fn paths_in_snapshots() {
    let (exch, id) = filled();
    let stay = "does not stay inside the snapshot: leave out . and ..";
    let cases: &[Case] = &[
        (
            &["cat", "latest:src/mail/inbx"],
            1,
            "error: there is no \"src/mail/inbx\" in snapshot ID\n  did you mean \"src/mail/inbox\"?",
        ),
        (
            &["ls", "latest:scr"],
            1,
            "error: there is no \"scr\" in snapshot ID\n  did you mean \"src\"?",
        ),
        (
            &["ls", "latest:src/calendar"],
            1,
            "error: there is no \"src/calendar\" in snapshot ID\n  see what there is: restante -a DIR/archive ls ID",
        ),
        (
            &["ls", "latest:src/note/x"],
            1,
            "error: there is no \"src/note/x\" in snapshot ID\n  see what there is: restante -a DIR/archive ls ID",
        ),
        (
            &["cat", "latest:src/mail"],
            1,
            "error: src/mail is not a file but a dir",
        ),
        (
            &["cat", "latest:src/link"],
            1,
            "error: src/link is not a file but a symlink",
        ),
        (
            &["cat", "latest"],
            2,
            "error: \"latest\" names a whole snapshot\n  name a file in it: restante -a DIR/archive cat SNAPSHOT:PATH",
        ),
        (
            &["diff", "latest", "latest:src/note"],
            1,
            "error: src/note in \"latest:src/note\" is not a directory\n  name the directory that it is in",
        ),
    ];
    assert_failures(&exch, &id, cases);
    for command in ["ls", "cat", "restore"] {
        for path in ["../x", "src/../../x", "./src"] {
            let named = format!("latest:{path}");
            let mut args = vec![command, &named];
            if command == "restore" {
                args.extend(["--to", "out"]);
            }
            let ended = exch.run(&args);
            assert_eq!(
                ended.stderr.trim_end(),
                format!("error: {path:?} {stay}"),
                "{args:?}"
            );
            assert_eq!(ended.code, 1);
        }
    }
    assert!(!exch.path("out").exists());
}

#[test]
fn restoring_over_something() {
    let (exch, id) = filled();
    exch.write("out/letter", "mine");
    let hints = "\n  choose an empty or new folder\n  \
                 or say what happens to files that are there: --overwrite never, changed or always";
    let text = format!("error: out is not empty{hints}");
    let ended = exch.run(&["restore", "latest", "--to", "out"]);
    assert_eq!((ended.code, ended.stderr.trim_end()), (1, text.as_str()));
    assert_eq!(exch.names("out"), ["letter"]);
    assert_failures(
        &exch,
        &id,
        &[(
            &["restore", "latest", "--to", "out/letter"],
            1,
            "error: cannot make folder out/letter: File exists (os error 17)",
        )],
    );
}

#[test]
fn sources_that_cannot_be_taken() {
    let (exch, id) = filled();
    exch.write("other/src/x", "x");
    let cases: &[Case] = &[
        (
            &["snapshot", "nowhere"],
            1,
            "error: cannot read DIR/nowhere: No such file or directory (os error 2)\n  \
             check the spelling of the path",
        ),
        (
            &["snapshot", "src", "other/src"],
            1,
            "error: DIR/src and DIR/other/src would both be /src in the snapshot",
        ),
        (
            &["snapshot", "src", "--exclude", "a[b"],
            2,
            "error: --exclude: \"a[b\" is not a pattern: unclosed character class; missing ']'",
        ),
        (
            &["snapshot", "src", "--exclude-file", "none"],
            1,
            "error: cannot read none: No such file or directory (os error 2)",
        ),
        (
            &["snapshot", "src", "--time", "soon"],
            2,
            "error: --time: \"soon\" is not a time\n  \
             write it as 2026-11-22T08:00:00Z, \"2026-11-22 08:00\", 2026-11-22, 08:42 or \"3h ago\"",
        ),
        (
            &["snapshots", "--since", "2026-02-30"],
            2,
            "error: --since: \"2026-02-30\" is not a time\n  \
             write it as 2026-11-22T08:00:00Z, \"2026-11-22 08:00\", 2026-11-22, 08:42 or \"3h ago\"",
        ),
        (
            &["snapshots", "--until", "x"],
            2,
            "error: --until: \"x\" is not a time\n  \
             write it as 2026-11-22T08:00:00Z, \"2026-11-22 08:00\", 2026-11-22, 08:42 or \"3h ago\"",
        ),
        (
            &["snapshot", "--stdin", "a/b"],
            1,
            "error: \"a/b\" cannot be the name of a file",
        ),
        (
            &["snapshot", "--stdin", ".."],
            1,
            "error: \"..\" cannot be the name of a file",
        ),
        (
            &["snapshot"],
            2,
            "error: no connector is configured\n  \
             name where the connectors' directories lie under [roots] in restante.toml, or give paths",
        ),
        (
            &["snapshot", "--connector", "lotus-note"],
            2,
            "error: unknown connector `lotus-note`\n  did you mean `lotus-notes`?",
        ),
        (
            &["connectors", "show", "postfix"],
            2,
            "error: unknown connector `postfix`\n  connectors: `ms-mail`, `cc-mail`, `lotus-notes`, `groupwise`, \
             `conn-tables`, `system-state`, `storage-groups`",
        ),
        (
            &["snapshot", "--connector", "ms-mail"],
            1,
            "error: connector ms-mail: [roots] does not name the place `exchsrvr`\n  under [roots] in \
             DIR/home/.config/restante/restante.toml write exchsrvr = \"/mnt/exch1/Exchsrvr\": the Exchsrvr \
             directory of the Exchange server",
        ),
    ];
    assert_failures(&exch, &id, cases);
    // Nothing of that left anything behind.
    assert_eq!(exch.json(&["snapshots"]).as_array().map(Vec::len), Some(1));
    assert_eq!(exch.names("archive/tmp"), [""; 0]);
}

/// What is there is worth keeping, and a suggestion costs nothing.
#[test]
fn one_of_several_paths_that_is_not_there() {
    let (exch, _) = filled();
    exch.write("other", "x");
    let ended = exch.run(&["--json", "snapshot", "src", "othr"]);
    let text = "warning: cannot read DIR/othr: No such file or directory (os error 2): it is left out\n  \
                did you mean DIR/other?\n";
    assert_eq!((ended.code, exch.normal(&ended.stderr).as_str()), (3, text));
    assert_eq!(exch.ok(&["ls", "latest", "--depth", "1"]), "src\n");
}

#[test]
fn mistyped_words() {
    let (exch, _) = filled();
    let more = "\n\nFor more information, try '--help'.";
    let usage = "\n\nUsage: restante [OPTIONS] <COMMAND>";
    let cases: &[(&[&str], String)] = &[
        (
            &["snapshto"],
            format!(
                "error: unrecognized subcommand 'snapshto'\n\n  \
                 tip: some similar subcommands exist: 'snapshots', 'snapshot'{usage}{more}"
            ),
        ),
        (
            &["veryfi"],
            format!(
                "error: unrecognized subcommand 'veryfi'\n\n  tip: a similar subcommand exists: 'verify'{usage}{more}"
            ),
        ),
        (
            &["snapshots", "--lats", "3"],
            format!(
                "error: unexpected argument '--lats' found\n\n  tip: a similar argument exists: '--last'\n\n\
                 Usage: restante snapshots --last <N>{more}"
            ),
        ),
        (
            &["restore", "latest", "--to", "x", "--overwrite", "change"],
            format!(
                "error: invalid value 'change' for '--overwrite <WHICH>'\n  \
                 [possible values: never, changed, always]\n\n  tip: a similar value exists: 'changed'{more}"
            ),
        ),
        (
            &["--memory", "lots", "stats"],
            format!(
                "error: invalid value 'lots' for '--memory <SIZE>': a size is a number followed by K, M, G or T{more}"
            ),
        ),
        (
            &["--threads", "0", "stats"],
            format!("error: invalid value '0' for '--threads <N>': 0 is not in 1..=1024{more}"),
        ),
        (
            &["ls"],
            format!(
                "error: the following required arguments were not provided:\n  <SNAPSHOT[:PATH]>\n\n\
                 Usage: restante ls <SNAPSHOT[:PATH]>{more}"
            ),
        ),
        (
            &["snapshot", "src", "--connector", "ms-mail"],
            format!(
                "error: the argument '[PATH]...' cannot be used with '--connector <NAME>'\n\n\
                 Usage: restante snapshot <PATH>...{more}"
            ),
        ),
    ];
    let cases: Vec<(&[&str], i32, String)> = cases
        .iter()
        .map(|(args, text)| (*args, 2, text.clone()))
        .collect();
    assert_failures(&exch, "", &cases);
}

#[test]
fn the_configuration() {
    let exch = Exch::with_archive();
    let cases: &[(&str, &str)] = &[
        (
            "archive = \n",
            "DIR/bad.toml: line 1, column 11: not valid TOML: string values must be quoted, expected literal string",
        ),
        (
            "[roots]\nexchsvr = \"/a\"\n",
            "DIR/bad.toml: line 2, column 1: unknown place `exchsvr` in [roots]\n  did you mean `exchsrvr`?",
        ),
        (
            "\n[connector.conn-tables]\nevry = \"1m\"\n",
            "DIR/bad.toml: line 3, column 1: unknown key `evry` in [connector.conn-tables]\n  did you mean `every`?",
        ),
        (
            "archive = 7\n",
            "DIR/bad.toml: line 1, column 11: `archive` in the file must be a string, not a number",
        ),
        (
            "[connector.conn-tables]\nevery = \"soon\"\n",
            "DIR/bad.toml: line 2, column 9: `every` in [connector.conn-tables]: \"soon\" is no time\n  \
             write a number with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
        ),
    ];
    let bad = exch.at("bad.toml");
    for (text, stderr) in cases {
        exch.write("bad.toml", text);
        let ended = exch.run(&["--config", &bad, "connectors"]);
        assert_eq!(
            exch.normal(&ended.stderr).trim_end(),
            format!("error: {stderr}"),
            "{text}"
        );
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{text}");
    }
}

#[test]
fn a_configuration_that_was_named_and_is_not_there() {
    let exch = Exch::with_archive();
    let missing =
        "error: cannot read the configuration DIR/none.toml: No such file or directory (os error 2)\n  ";
    let none = exch.at("none.toml");
    let by_option = exch.run(&["--config", &none, "stats"]);
    assert_eq!(
        exch.normal(&by_option.stderr).trim_end(),
        format!("{missing}--config names it")
    );
    let mut command = exch.command(&["stats"]);
    command.env("RESTANTE_CONFIG", &none);
    let by_variable = ended(command);
    assert_eq!(
        exch.normal(&by_variable.stderr).trim_end(),
        format!("{missing}RESTANTE_CONFIG names it")
    );
    assert_eq!((by_option.code, by_variable.code), (1, 1));
}

/// As everywhere else, a variable that is empty says nothing.
#[test]
fn empty_variables() {
    let exch = Exch::with_archive();
    let mut command = exch.command(&["stats"]);
    command.env("RESTANTE_CONFIG", "");
    let without_config = ended(command);
    assert_eq!(without_config.code, 0, "{without_config:?}");
    let mut command = exch.bare(&["stats"]);
    command.env("RESTANTE_ARCHIVE", "");
    let without_archive = ended(command);
    assert_eq!(without_archive.code, 2, "{without_archive:?}");
    assert!(
        without_archive.stderr.starts_with("error: no archive is named\n"),
        "{without_archive:?}"
    );
}
