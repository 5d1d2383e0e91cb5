//! What is written about profiles, and the examples to start from.

use std::fs;

use super::super::*;
use super::{make, read_in};

#[test]
fn the_examples_are_read() {
    let folder = tempfile::tempdir().unwrap();
    make(
        folder.path(),
        &["profiles", "app", "mail/anna/mdbox/mailboxes/INBOX/dbox-Mails"],
    );
    for (name, text) in [
        ("sqlite", include_str!("../../../profiles/examples/sqlite.toml")),
        (
            "dovecot-dbox",
            include_str!("../../../profiles/examples/dovecot-dbox.toml"),
        ),
    ] {
        fs::write(folder.path().join(format!("profiles/{name}.toml")), text).unwrap();
    }
    // The configuration is that of their comments.
    let text = "[roots]\napp = \"app\"\ndovecot-mail = \"mail\"\n\
                [services]\nstop = [\"systemctl\", \"stop\", \"{service}\"]\n\
                start = [\"systemctl\", \"start\", \"{service}\"]\nfor-snapshots = false\n\
                [connector.sqlite]\nservices = [\"app\"]\n[connector.dovecot-dbox.commands]\n\
                resync = [\"doveadm\", \"force-resync\", \"-A\", \"*\"]\n";
    let (config, profiles) = read_in(folder.path(), text).unwrap();
    for name in ["sqlite", "dovecot-dbox"] {
        let profile = profiles.get(name).unwrap();
        assert_eq!(profile.resolve(&config).unwrap().roots.len(), 1, "{name}");
        assert!(profile.keep.is_some() && profile.every.is_some(), "{name}");
        let page = describe(profile, &config);
        assert!(
            page.lines()
                .all(|l| l.chars().count() <= 100 || l.contains("SELECT")),
            "{page}"
        );
    }
    let sqlite = profiles.get("sqlite").unwrap().resolve(&config).unwrap();
    assert!(sqlite.roots[0].exclude.contains(&"{app.db,app.db/**}".to_owned()));
    let dovecot = profiles.get("dovecot-dbox").unwrap();
    let resync = dovecot
        .steps
        .of(Phase::Finish)
        .iter()
        .find_map(|step| match &step.action {
            Action::Run(run) => Some(run.command[0].as_str()),
            _ => None,
        });
    assert_eq!((resync, dovecot.sets.len()), (Some("doveadm"), 2));
}

#[test]
fn every_key_is_written_down() {
    let page = include_str!("../../../profiles/README.md");
    let words = parse::KEYS.iter().chain(&step::KINDS).chain(&keep::KEYS);
    let phases = Phase::ALL.iter().map(|(word, _)| word);
    let keys = step::KINDS.iter().flat_map(|kind| parse_step::own_keys(kind));
    let is_written = |word: &&&str| {
        let forms = [
            format!("`{word}`"),
            format!("[{word}]"),
            format!("[{word}."),
            format!(".{word}]"),
            format!("\n{word} = "),
        ];
        forms.iter().any(|form| page.contains(form))
    };
    let all = words.chain(phases).chain(keys).chain(&CONNECTOR_KEYS);
    let missing: Vec<&&str> = all.filter(|word| !is_written(word)).collect();
    assert_eq!(missing, [&""; 0]);
}

/// The configuration of the page is one.
#[test]
fn the_examples_of_the_page_are_read() {
    let page = include_str!("../../../profiles/README.md");
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), &["profiles"]);
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|b| b.split("```").next())
        .collect();
    fs::write(folder.path().join("profiles/guestbook.toml"), blocks[0]).unwrap();
    let (config, profiles) = read_in(folder.path(), blocks[1]).unwrap();
    assert!(config.services.is_some() && profiles.get("guestbook").is_ok());
}
