//! The built-in profiles; finding directories; and what is said when that fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::Config;

mod mistakes;
mod pages;

/// Reads a configuration that lies in `folder` and all profiles with it, and returns what is wrong with it.
fn read_in(folder: &Path, text: &str) -> Result<(Config, Profiles), String> {
    let shown = |e: ConfigError| e.to_string().replace(&folder.display().to_string(), "DIR");
    let config = Config::read(&folder.join("restante.toml"), text).map_err(shown)?;
    let profiles = Profiles::load(&config).map_err(shown)?;
    Ok((config, profiles))
}

/// A configuration with a few places that exist, and their folder.
fn server(text: &str) -> (tempfile::TempDir, Config, Profiles) {
    let folder = tempfile::tempdir().unwrap();
    let (config, profiles) = read_in(folder.path(), text).unwrap();
    (folder, config, profiles)
}

fn make(folder: &Path, directories: &[&str]) {
    for directory in directories {
        fs::create_dir_all(folder.join(directory)).unwrap();
    }
}

#[test]
fn a_profile_file_is_named_in_its_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), &["profiles"]);
    let write = |name: &str, text: &str| fs::write(folder.path().join("profiles").join(name), text).unwrap();
    write(
        "guestbook.toml",
        "\u{feff}[[root]]\nname = \"data\"\nplce = \"exchsrvr\"\n",
    );
    let said = read_in(folder.path(), "").unwrap_err();
    assert_eq!(
        said.replace('\\', "/"),
        "DIR/profiles/guestbook.toml: line 3, column 1: unknown key `plce` in [[root]]\n  did you mean `place`?"
    );
    write("guestbook.toml", "[[root]]\nname = \"data\"\npath = \"data\"\n");
    write("readme.txt", "not a profile");
    let (config, profiles) = read_in(folder.path(), "").unwrap();
    make(folder.path(), &["data"]);
    let found = profiles.get("guestbook").unwrap().resolve(&config).unwrap();
    assert_eq!(found.roots[0].path, folder.path().join("data"));
    let said = read_in(
        folder.path(),
        "[[profile.guestbook.root]]\nname = \"d\"\npath = \"d\"\n",
    )
    .unwrap_err();
    assert!(
        said.contains("profile `guestbook` is there already\n  the first one: DIR"),
        "{said}"
    );
}

#[test]
fn built_in_profiles_are_whole() {
    let profiles = Profiles::builtin();
    let names: Vec<&str> = profiles.names().collect();
    assert_eq!(
        names,
        [
            "ms-mail",
            "cc-mail",
            "lotus-notes",
            "groupwise",
            "conn-tables",
            "system-state",
            "storage-groups"
        ]
    );
    let common = ["S1", "S2", "S7", "S28", "S33", "S34", "S35"];
    let mut all = BTreeSet::new();
    for profile in profiles.iter() {
        let statements = profile.all_statements();
        for wanted in common {
            assert!(
                statements.contains(&Statement::parse(wanted).unwrap()),
                "{} lacks {wanted}",
                profile.name
            );
        }
        assert!(profile.case_insensitive, "{}", profile.name);
        assert!(profile.every.is_some(), "{}", profile.name);
        all.extend(statements);
    }
    let missing: Vec<String> = (1..=Statement::LAST)
        .map(Statement)
        .filter(|s| !all.contains(s))
        .map(|s| s.to_string())
        .collect();
    assert!(missing.is_empty(), "no profile answers to {missing:?}");
}

#[test]
fn built_in_profiles_say_what_the_table_says() {
    let profiles = Profiles::builtin();
    let of = |name: &str| -> Vec<String> {
        profiles
            .get(name)
            .unwrap()
            .all_statements()
            .iter()
            .map(Statement::to_string)
            .collect()
    };
    let table = [
        ("ms-mail", vec!["S4", "S8", "S29"]),
        ("cc-mail", vec!["S5", "S9", "S10", "S30"]),
        (
            "lotus-notes",
            vec!["S3", "S11", "S12", "S14", "S15", "S16", "S18", "S31"],
        ),
        ("groupwise", vec!["S6", "S13", "S14", "S15", "S16", "S32"]),
        ("conn-tables", vec!["S17", "S18"]),
        (
            "system-state",
            vec!["S12", "S19", "S21", "S22", "S23", "S24", "S25"],
        ),
        ("storage-groups", vec!["S20", "S26", "S27"]),
    ];
    for (name, wanted) in table {
        let has = of(name);
        for statement in wanted {
            assert!(has.iter().any(|s| s == statement), "{name} lacks {statement}");
        }
    }
    // What a partial copy would spoil is taken whole.
    for name in ["ms-mail", "lotus-notes", "groupwise", "conn-tables"] {
        let profile = profiles.get(name).unwrap();
        assert!(
            profile.exclude.is_empty() && profile.roots.iter().all(|r| r.exclude.is_empty()),
            "{name}"
        );
    }
    let starts = &profiles.get("groupwise").unwrap().steps.of(Phase::Finish)[0];
    assert_eq!(
        starts.action,
        Action::StartServices {
            services: ["MSExchangeCoCo", "MSExchangeGWRtr", "LME-GWISE"]
                .map(str::to_owned)
                .into(),
        }
    );
    assert_eq!(
        profiles.get("conn-tables").unwrap().every,
        Some(Duration::from_secs(60))
    );
}

#[test]
fn an_unknown_connector_suggests_the_nearest() {
    let said = Profiles::builtin().get("lotusnotes").unwrap_err().to_string();
    assert_eq!(
        said,
        "unknown connector `lotusnotes`\n  did you mean `lotus-notes`?"
    );
    let said = Profiles::builtin().get("postfix").unwrap_err().to_string();
    assert!(
        said.starts_with("unknown connector `postfix`\n  connectors: `ms-mail`, `cc-mail`"),
        "{said}"
    );
}

#[test]
fn directories_are_found_whatever_their_case() {
    let (folder, config, profiles) = server("[roots]\nexchsrvr = \"ex\"\n");
    make(folder.path(), &["ex/CONNECT/msmcon/MailData"]);
    let found = profiles.get("ms-mail").unwrap().resolve(&config).unwrap();
    assert_eq!(found.name, "ms-mail");
    assert_eq!(found.skipped, Vec::<String>::new());
    assert_eq!(
        found.roots,
        [ResolvedRoot {
            name: "maildata".into(),
            path: folder.path().join("ex/CONNECT/msmcon/MailData"),
            is_file: false,
            include: vec![],
            exclude: vec![],
            case_insensitive: true,
            required: true,
        }]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn two_spellings_are_an_error_that_names_both() {
    let (folder, config, profiles) = server("[roots]\nexchsrvr = \"ex\"\n");
    make(
        folder.path(),
        &["ex/Connect/Msmcon/Maildata", "ex/Connect/Msmcon/MAILDATA"],
    );
    let said = profiles
        .get("ms-mail")
        .unwrap()
        .resolve(&config)
        .unwrap_err()
        .to_string();
    assert_eq!(
        said.replace(&folder.path().display().to_string(), "DIR"),
        "connector ms-mail: root `maildata`: DIR/ex/Connect/Msmcon holds both \"MAILDATA\" and \"Maildata\"\n  \
         its system sees one directory in them: merge them, or name the right one with \
         [connector.ms-mail.roots] maildata = \"…\""
    );
    // A profile that does not say so keeps them apart.
    let text = "[roots]\nexchsrvr = \"ex\"\n[profile.g]\ncase-insensitive = false\n\
                [[profile.g.root]]\nname = \"d\"\nplace = \"exchsrvr\"\npath = \"Connect/Msmcon/MAILDATA\"\n";
    let (config, profiles) = read_in(folder.path(), text).unwrap();
    let found = profiles.get("g").unwrap().resolve(&config).unwrap();
    assert_eq!(
        found.roots[0].path,
        folder.path().join("ex/Connect/Msmcon/MAILDATA")
    );
    assert!(!found.roots[0].case_insensitive);
}

#[test]
fn what_is_missing_is_named() {
    let (folder, config, profiles) = server("[roots]\nexchsrvr = \"ex\"\n");
    let said = |name: &str, config: &Config| {
        let error = profiles
            .get(name)
            .unwrap()
            .resolve(config)
            .unwrap_err()
            .to_string();
        error
            .replace(&folder.path().display().to_string(), "DIR")
            .replace('\\', "/")
    };
    assert_eq!(
        said("ms-mail", &config),
        "connector ms-mail: the place `exchsrvr` is not there: DIR/ex\n  \
         is it mounted? [roots] names it: DIR/restante.toml: line 2, column 1"
    );
    make(folder.path(), &["ex/Conndata"]);
    assert_eq!(
        said("ms-mail", &config),
        "connector ms-mail: the root `maildata` is not there: DIR/ex/Connect/Msmcon/Maildata\n  \
         DIR/ex has no \"Connect\""
    );
    assert_eq!(
        said("lotus-notes", &config),
        "connector lotus-notes: [roots] does not name the place `notes`\n  under [roots] in DIR/restante.toml \
         write notes = \"/mnt/exch1/Lotus/Notes\": the directory of the Notes client"
    );
    assert_eq!(
        said("groupwise", &config),
        "connector groupwise: [roots] does not name the place `groupwise-api`\n  under [roots] in \
         DIR/restante.toml write groupwise-api = \"/mnt/nw1/WPDOMAIN/WPGATE/API\": the API directory of the \
         GroupWise gateway"
    );
    assert!(said("cc-mail", &Config::default()).contains("under [roots] in restante.toml write ccmail = "));
    fs::create_dir_all(folder.path().join("file/Connect/Msmcon")).unwrap();
    fs::write(folder.path().join("file/Connect/Msmcon/Maildata"), "").unwrap();
    let (other, _) = read_in(folder.path(), "[roots]\nexchsrvr = \"file\"\n").unwrap();
    assert!(said("ms-mail", &other).ends_with("Msmcon/Maildata\n  it is a file, not a directory"));
    // A file where a directory should be on the way.
    fs::write(folder.path().join("ex/Connect"), "").unwrap();
    assert!(said("ms-mail", &config).ends_with("DIR/ex/Connect has no \"Msmcon\""));
}

#[test]
fn optional_roots_are_skipped_and_reported() {
    let (folder, config, profiles) =
        server("[roots]\nexchsrvr = \"ex\"\nnotes = \"notes\"\nwindows = \"winnt\"\n");
    make(folder.path(), &["ex/conndata", "notes", "winnt"]);
    let resolve = || profiles.get("lotus-notes").unwrap().resolve(&config).unwrap();
    let found = resolve();
    assert_eq!(
        found.roots.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(),
        ["conndata", "notes"]
    );
    let shown: Vec<String> = found
        .skipped
        .iter()
        .map(|s| s.replace(&folder.path().display().to_string(), "DIR"))
        .collect();
    assert_eq!(
        shown[0].replace('\\', "/"),
        "notes-ini: the root `notes-ini` is not there: DIR/winnt/Notes.ini"
    );
    assert_eq!(shown[1], "ids: [roots] does not name the place `notes-ids`");
    // One file is a root too.
    fs::write(folder.path().join("winnt/NOTES.INI"), "[Notes]").unwrap();
    let found = resolve();
    let ini = found.roots.iter().find(|r| r.name == "notes-ini").unwrap();
    assert!(ini.is_file && ini.path.ends_with("winnt/NOTES.INI"), "{ini:?}");
}

#[test]
fn options_and_overrides_change_a_profile() {
    let roots = "[roots]\nexchsrvr = \"ex\"\nccmail = \"cc\"\n";
    let (folder, config, profiles) = server(roots);
    make(folder.path(), &["ex/Ccmcdata/Submit", "cc", "elsewhere"]);
    let programs = profiles.get("cc-mail").unwrap().resolve(&config).unwrap();
    assert_eq!(programs.roots.len(), 1);
    assert_eq!(programs.roots[0].exclude, ["Ccmcdata", "**/Submit/*.ccm"]);
    assert_eq!(programs.every, Some(Duration::from_secs(86_400)));

    let text = format!(
        "{roots}[connector.cc-mail]\nsubmit = true\nevery = \"90s\"\nexclude = [\"/tmp\"]\n\
         [connector.cc-mail.roots]\nprograms = {{ path = \"elsewhere\", include = [\"Import.*\"], exclude = [\"x\"] }}\n"
    );
    let (config, profiles) = read_in(folder.path(), &text).unwrap();
    let found = profiles.get("cc-mail").unwrap().resolve(&config).unwrap();
    assert_eq!(found.every, Some(Duration::from_secs(90)));
    let names: Vec<&str> = found.roots.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["programs", "submit"]);
    assert_eq!(found.roots[0].path, folder.path().join("elsewhere"));
    assert_eq!(found.roots[0].include, ["Import.*"]);
    assert_eq!(found.roots[0].exclude, ["Ccmcdata", "{tmp,tmp/**}", "x"]);
    assert_eq!(found.roots[1].path, folder.path().join("ex/Ccmcdata/Submit"));
    assert_eq!(found.roots[1].include, ["*.ccm"]);
    assert_eq!(found.skipped.len(), 1);
}

#[test]
fn a_profile_of_ones_own_starts_from_another() {
    let text = "[roots]\nexchsrvr = \"ex\"\nnotes = \"notes\"\n\
                [profile.notes-eu]\ninherit = \"lotus-notes\"\nevery = \"5m\"\nexclude = [\"*.tmp\"]\n\
                [[profile.notes-eu.root]]\nname = \"notes\"\npath = \"notes-eu\"\n";
    let (folder, config, profiles) = server(text);
    make(folder.path(), &["ex/Conndata", "notes-eu"]);
    let profile = profiles.get("notes-eu").unwrap();
    assert_eq!(profile.title, "Connector for Lotus Notes");
    assert_eq!(profile.steps.of(Phase::AfterRestore).len(), 1);
    assert!(profile.case_insensitive);
    let found = profile.resolve(&config).unwrap();
    assert_eq!(found.every, Some(Duration::from_secs(300)));
    let conndata = found.roots.iter().find(|r| r.name == "conndata").unwrap();
    assert_eq!(conndata.exclude, ["*.tmp"]);
    let notes = found.roots.iter().find(|r| r.name == "notes").unwrap();
    assert_eq!(notes.path, folder.path().join("notes-eu"));
}

#[test]
fn configured_connectors_are_those_whose_places_are_named() {
    let configured = |text: &str| {
        let (_folder, config, profiles) = server(text);
        let chosen = profiles.configured(&config);
        chosen
            .iter()
            .map(|(p, named)| format!("{}{}", p.name, if *named { "!" } else { "" }))
            .collect::<Vec<_>>()
    };
    assert!(configured("").is_empty());
    assert_eq!(
        configured("[roots]\nexchsrvr = \"/ex\"\n"),
        ["ms-mail", "conn-tables"]
    );
    assert_eq!(
        configured("[roots]\nexchsrvr = \"/ex\"\nnotes = \"/n\"\ngroupwise-api = \"/g\"\n"),
        ["ms-mail", "lotus-notes", "groupwise", "conn-tables"]
    );
    assert_eq!(
        configured("[roots]\nbackups = \"/b\"\n"),
        ["system-state", "storage-groups"]
    );
    assert_eq!(
        configured(
            "[roots]\nexchsrvr = \"/ex\"\n[connector.ms-mail]\nenabled = false\n[connector.conn-tables]\n"
        ),
        ["conn-tables!"]
    );
    assert_eq!(
        configured("[connector.groupwise]\n[[profile.g.root]]\nname = \"d\"\npath = \"/d\"\n"),
        ["groupwise!", "g!"]
    );
}

#[test]
fn only_what_nobody_named_may_be_absent() {
    let (folder, config, profiles) = server("[roots]\nexchsrvr = \"ex\"\n");
    // The share is not mounted: never a reason to take nothing in silence.
    let selection = profiles.select(&config, &[]).unwrap();
    assert!(selection.connectors.is_empty() && selection.absent.is_empty());
    let failed: Vec<&str> = selection.failed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(failed, ["ms-mail", "conn-tables"]);
    assert!(
        selection
            .failed
            .iter()
            .all(|(_, e)| matches!(e, ResolveError::PlaceMissing { .. }))
    );
    make(folder.path(), &["ex"]);
    let said = profiles.select(&config, &[]).unwrap_err().to_string();
    assert!(
        said.starts_with("no connector is configured\n  the places of [roots] are there"),
        "{said}"
    );
    make(folder.path(), &["ex/Conndata/Tables"]);
    let taken = profiles.select(&config, &[]).unwrap();
    assert_eq!(
        taken
            .connectors
            .iter()
            .map(|c| c.name.as_str())
            .collect::<Vec<_>>(),
        ["conn-tables"]
    );
    assert_eq!(taken.absent.len(), 1);
    assert!(
        taken.absent[0].1.contains("the root `maildata` is not there"),
        "{:?}",
        taken.absent
    );
    let named = ["ms-mail".to_owned()];
    assert!(matches!(
        profiles.select(&config, &named),
        Err(ResolveError::RootMissing { .. })
    ));
    let (config, profiles) =
        read_in(folder.path(), "[roots]\nexchsrvr = \"ex\"\n[connector.ms-mail]\n").unwrap();
    let selection = profiles.select(&config, &[]).unwrap();
    assert!(matches!(&selection.failed[..], [(name, ResolveError::RootMissing { .. })] if name == "ms-mail"));
    let twice = ["conn-tables".to_owned(), "conn-tables".to_owned()];
    assert_eq!(profiles.select(&config, &twice).unwrap().connectors.len(), 1);
    let said = Profiles::builtin()
        .select(&Config::default(), &[])
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("no connector is configured\n  name where"),
        "{said}"
    );
}

#[test]
fn scripts_get_exactly_the_promised_fields() {
    let profiles = Profiles::builtin();
    for profile in profiles.iter() {
        let json = serde_json::to_value(ConnectorInfo::new(profile)).unwrap();
        let fields: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let promised = [
            "name",
            "roots",
            "include",
            "exclude",
            "before",
            "after_restore",
            "manual",
            "statements",
        ];
        let others = [
            "after_snapshot",
            "before_restore",
            "checks",
            "every_seconds",
            "keep",
            "sets",
        ];
        assert_eq!(fields, promised.into_iter().chain(others).collect());
        assert!(
            json["roots"]
                .as_array()
                .unwrap()
                .iter()
                .all(serde_json::Value::is_object)
        );
    }
    let json = serde_json::to_value(ConnectorInfo::new(profiles.get("cc-mail").unwrap())).unwrap();
    assert_eq!(
        json["exclude"],
        serde_json::json!(["Ccmcdata", "**/Submit/*.ccm"])
    );
    // What only an option takes does not make the rest look left out.
    assert_eq!(json["include"], serde_json::json!([]));
    assert_eq!(json["roots"][1]["include"], serde_json::json!(["*.ccm"]));
    assert_eq!(json["statements"][2], "S5");
    assert_eq!(json["manual"][0]["when"], "setup");
    let json = serde_json::to_value(ConnectorInfo::new(profiles.get("lotus-notes").unwrap())).unwrap();
    assert_eq!(json["after_restore"][0]["kind"], "delete");
    assert_eq!(
        json["after_restore"][0]["paths"],
        serde_json::json!(["*.seq", "*.ck"])
    );
    assert_eq!(
        json["before"][0]["services"],
        serde_json::json!(["LME-NOTES", "MSExchangeCoCo"])
    );
}

#[test]
fn descriptions_fit_a_hundred_columns() {
    for profile in Profiles::builtin().iter() {
        let text = describe(profile, &Config::default());
        let long: Vec<&str> = text.lines().filter(|l| l.chars().count() > 100).collect();
        assert!(long.is_empty(), "{}: {long:#?}", profile.name);
        assert!(text.lines().all(|l| l == l.trim_end()), "{}", profile.name);
    }
    let text = describe(
        Profiles::builtin().get("conn-tables").unwrap(),
        &Config::default(),
    );
    assert!(text.contains("  tables  <exchsrvr>/Conndata/Tables\n"), "{text}");
    assert!(
        text.contains("built in · every 1m · names match in any case\n"),
        "{text}"
    );
}

#[test]
fn what_is_asked_for_and_not_there_is_told_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for made in ["ex/Conndata/Tables", "notes", "ccmail"] {
        fs::create_dir_all(folder.path().join(made)).unwrap();
    }
    let text = "[roots]\nexchsrvr = \"ex\"\nnotes = \"notes\"\nccmail = \"ccmail\"\ngroupwise-api = \"gone\"\n\
                [connector.cc-mail]\nsubmit = true\n";
    let config = Config::read(&folder.path().join("restante.toml"), text).unwrap();
    let profiles = Profiles::load(&config).unwrap();
    let resolve = |name: &str| profiles.get(name).unwrap().resolve(&config).unwrap();

    let groupwise = resolve("groupwise");
    assert!(groupwise.warnings.is_empty());
    assert!(
        groupwise.notices[0].starts_with("the place `groupwise-api` is not there: "),
        "{groupwise:?}"
    );
    let no_submit = "`submit = true` takes nothing: there is no <exchsrvr>/Ccmcdata/Submit and no <ccmail>/Ccmcdata/Submit";
    assert_eq!(resolve("cc-mail").warnings, [no_submit]);
    let nothing = "there is no Notes.ini and no *.id in its roots; if they lie elsewhere, name where under [roots]: \
                   `windows`, `notes-ids`";
    assert_eq!(resolve("lotus-notes").warnings, [nothing]);

    fs::create_dir_all(folder.path().join("ccmail/CCMCDATA/submit")).unwrap();
    fs::write(folder.path().join("notes/NOTES.INI"), "").unwrap();
    assert!(resolve("cc-mail").warnings.is_empty());
    assert!(resolve("lotus-notes").warnings.is_empty());
}
