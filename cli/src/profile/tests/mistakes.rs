//! Mistakes in a configuration, and what is said about each.

use super::read_in;

mod around;
mod checks;
mod steps;

/// Every mistake with the whole message.
const MISTAKES: &[(&str, &str)] = &[
    (
        "archive = ",
        "line 1, column 11: not valid TOML: string values must be quoted, expected literal string",
    ),
    (
        "archive = \"D:\\Users\\x\"\n",
        "line 1, column 16: not valid TOML: too few unicode value digits, expected unicode hexadecimal \
         value\n  in TOML a path with backslashes stands in single quotes: 'D:\\Exchsrvr'",
    ),
    (
        "[roots]\nexchsrvr = \"/a\"\nexchsrvr = \"/b\"\n",
        "line 3, column 1: not valid TOML: duplicate key",
    ),
    (
        "archiv = \"/a\"\n",
        "line 1, column 1: unknown key `archiv` in the file\n  did you mean `archive`?",
    ),
    (
        "repository = \"/a\"\n",
        "line 1, column 1: unknown key `repository` in the file\n  here it is called `archive`",
    ),
    (
        "wibble = 1\n",
        "line 1, column 1: unknown key `wibble` in the file\n  known keys: `archive`, `server`, \
         `state`, `roots`, `services`, `groups`, `watch`, `connector`, `profile`",
    ),
    (
        "keep = { daily = 7 }\n",
        "line 1, column 1: unknown key `keep` in the file\n  known keys: `archive`, `server`, `state`, \
         `roots`, `services`, `groups`, `watch`, `connector`, `profile`",
    ),
    (
        "archive = 7\n",
        "line 1, column 11: `archive` in the file must be a string, not a number",
    ),
    (
        "archive = \"\"\n",
        "line 1, column 11: `archive` in the file: \"\" is empty",
    ),
    (
        "server = \"EXCH1\"\n",
        "line 1, column 10: `server` in the file must be a table, not a string\n  write it under a line \
         [server]",
    ),
    (
        "[server]\nnmae = \"EXCH1\"\n",
        "line 2, column 1: unknown key `nmae` in [server]\n  did you mean `name`?",
    ),
    (
        "[roots]\nexchsrvr = [\"/a\"]\n",
        "line 2, column 12: `exchsrvr` in [roots] must be a string, not an array",
    ),
    (
        "[roots]\nexchsvr = \"/a\"\n",
        "line 2, column 1: unknown place `exchsvr` in [roots]\n  did you mean `exchsrvr`?",
    ),
    (
        "[connector.lotus-note]\n",
        "line 1, column 12: unknown connector `lotus-note` in [connector]\n  did you mean `lotus-notes`?",
    ),
    (
        "[connector.postfix]\n",
        "line 1, column 12: unknown connector `postfix` in [connector]\n  connectors: `ms-mail`, \
         `cc-mail`, `lotus-notes`, `groupwise`, `conn-tables`, `system-state`, `storage-groups`",
    ),
    (
        "[connector]\ncc-mail = true\n",
        "line 2, column 11: `cc-mail` in [connector.NAME] must be a table, not true or false\n  write \
         it under a line [connector.cc-mail]",
    ),
    (
        "[connector.cc-mail]\nevry = \"1h\"\n",
        "line 2, column 1: unknown key `evry` in [connector.cc-mail]\n  did you mean `every`?",
    ),
    (
        "[connector.cc-mail]\nsubmitt = true\n",
        "line 2, column 1: unknown key `submitt` in [connector.cc-mail]\n  did you mean `submit`?",
    ),
    (
        "[connector.ms-mail]\nsubmit = true\n",
        "line 2, column 1: unknown key `submit` in [connector.ms-mail]\n  known keys: `enabled`, \
         `every`, `include`, `exclude`, `roots`, `services`, `keep`, `commands`",
    ),
    (
        "[connector.cc-mail]\nsubmit = \"yes\"\n",
        "line 2, column 10: `submit` in [connector.cc-mail] must be true or false, not a string\n  \
         without quotes",
    ),
    (
        "[connector.conn-tables]\nevery = 1\n",
        "line 2, column 9: `every` in [connector.conn-tables] must be a string, not a number\n  write a \
         number with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
    ),
    (
        "[connector.conn-tables]\nevery = \"15\"\n",
        "line 2, column 9: `every` in [connector.conn-tables]: \"15\" has no unit\n  write a number \
         with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
    ),
    (
        "[connector.conn-tables]\nevery = \"0m\"\n",
        "line 2, column 9: `every` in [connector.conn-tables]: \"0m\" is no time at all\n  write a \
         number with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
    ),
    (
        "[connector.conn-tables]\nevery = \"1x\"\n",
        "line 2, column 9: `every` in [connector.conn-tables]: \"1x\" has an unknown unit\n  write a \
         number with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
    ),
    (
        "[connector.conn-tables]\nschedule = \"1m\"\n",
        "line 2, column 1: unknown key `schedule` in [connector.conn-tables]\n  here it is called `every`",
    ),
    (
        "[connector.cc-mail]\nexclude = \"*.bak\"\n",
        "line 2, column 11: `exclude` in [connector.cc-mail] must be an array of strings, not a \
         string\n  write exclude = [\"…\"]",
    ),
    (
        "[connector.cc-mail]\nexclude = [\"*.bak\", 3]\n",
        "line 2, column 21: `exclude` in [connector.cc-mail] must be an array of strings, not a \
         number\n  write exclude = [\"…\"]",
    ),
    (
        "[connector.cc-mail]\nexclude = ['Submit\\*.ccm']\n",
        "line 2, column 12: `exclude` in [connector.cc-mail]: \"Submit\\\\*.ccm\" has a backslash\n  \
         separate directories with `/`: \"Submit/*.ccm\"",
    ),
    (
        "[connector.cc-mail]\nexclude = [\"a[\"]\n",
        "line 2, column 12: `exclude` in [connector.cc-mail]: \"a[\" is not a pattern: unclosed \
         character class; missing ']'",
    ),
    (
        "[connector.cc-mail]\nexclude = [\"!keep\"]\n",
        "line 2, column 12: `exclude` in [connector.cc-mail]: \"!keep\" starts with `!`, and patterns \
         have no negation\n  leave it out of the other list instead; a name that starts with `!` is \
         `[!]keep`",
    ),
    (
        "[connector.cc-mail]\nexclude = [\"../x\"]\n",
        "line 2, column 12: `exclude` in [connector.cc-mail]: \"../x\" has a `.` or `..` in it\n  \
         patterns are relative to the root",
    ),
    (
        "[connector.cc-mail.roots]\nprogram = \"/x\"\n",
        "line 2, column 1: unknown root `program` in [connector.cc-mail.roots]\n  did you mean \
         `programs`?",
    ),
    (
        "[connector.cc-mail.roots]\nprograms = 5\n",
        "line 2, column 12: `programs` in [connector.cc-mail.roots] must be a path, not a number\n  \
         write programs = \"/path\"",
    ),
    (
        "[profile.guestbook]\ntitle = \"Guests\"\n",
        "line 1, column 10: profile guestbook has no `root`\n  start one with a line \
         [[profile.guestbook.root]], then its name and path",
    ),
    (
        "[profile.guestbook]\nroot = \"/srv\"\n",
        "line 2, column 8: `root` in [profile.guestbook] must be an array of tables, not a string\n  \
         start each with a line [[profile.guestbook.root]]",
    ),
    (
        "[profile.guestbook]\nsource_directories = [\"/srv\"]\n",
        "line 2, column 1: unknown key `source_directories` in [profile.guestbook]\n  here it is called \
         `root`",
    ),
    (
        "[profile.\"a/b\"]\n",
        "line 1, column 10: `a/b` in [profile.NAME] cannot be a name\n  use letters, digits, `-`, `_` \
         and `.`: it is part of the paths in a snapshot",
    ),
    (
        "[[profile.g.root]]\npath = \"/srv\"\n",
        "line 1, column 1: [[profile.g.root]] has no `name`\n  write name = \"data\": its files are \
         kept as /CONNECTOR/data/…",
    ),
    (
        "[[profile.g.root]]\nname = \"data\"\n",
        "line 1, column 1: [[profile.g.root]] has no `path`\n  write where it lies: path = \
         \"/srv/data\", or place = a key of [roots]",
    ),
    (
        "[[profile.g.root]]\nname = \"data\"\npath = \"/srv\"\nexclud = []\n",
        "line 4, column 1: unknown key `exclud` in [[profile.g.root]]\n  did you mean `exclude`?",
    ),
    (
        "[[profile.g.root]]\nname = \"data\"\nplace = \"exchsrvr\"\npath = \"../x\"\n",
        "line 4, column 8: `path` in [[profile.g.root]]: \"../x\" is not a path below a place\n  with \
         `place` the path is relative to it; without, it may be absolute",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.root]]\nname = \"D\"\npath = \
         \"/b\"\n",
        "line 4, column 1: root `D` is there already\n  roots are told apart by their names, whatever \
         the case",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\nrequired = \"no\"\n",
        "line 4, column 12: `required` in [[profile.g.root]] must be true or false, not a string\n  \
         without quotes",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\noption = \"all\"\n",
        "line 4, column 10: unknown option `all` in [[profile.g.root]]\n  declare it: a table \
         option.all with a text",
    ),
    (
        "[profile.g]\nstatements = [\"S36\"]\n",
        "line 2, column 15: `statements` in [profile.g]: \"S36\" is no statement\n  the article's \
         statements are S1 to S35",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.after-restore]]\nkind = \
         \"delete\"\ntext = \"x\"\nroot = \"e\"\npaths = [\"x\"]\n",
        "line 7, column 8: unknown root `e` in [[profile.g.after-restore]]\n  known: `d`",
    ),
    (
        "[profile.g.option.every]\ntext = \"x\"\n",
        "line 1, column 19: `every` in [profile.g.option] is a key of every connector already\n  give \
         the option another name",
    ),
    (
        "[profile.g]\ninherit = \"lotus\"\n",
        "line 2, column 1: unknown profile `lotus` in profile g\n  did you mean `lotus-notes`?",
    ),
    (
        "[profile.a]\ninherit = \"b\"\n[profile.b]\ninherit = \"a\"\n",
        "line 4, column 1: profile `a` inherits from itself: a → b → a",
    ),
    (
        "[[profile.ms-mail.root]]\nname = \"d\"\npath = \"/a\"\n",
        "line 1, column 11: profile `ms-mail` is there already\n  it is built in: change it through \
         [connector.ms-mail], or give yours another name and inherit = \"ms-mail\"",
    ),
    (
        "[profile.g]\nname = \"h\"\n",
        "line 2, column 8: `name` in [profile.g]: \"h\" is not the name of the table, \"g\"\n  leave \
         `name` out: the table names the profile",
    ),
];

/// What stands before every step of the tables.
const ROOT: &str = "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n";

#[test]
fn every_mistake_has_its_own_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let of_steps = steps::STEPS.iter().chain(checks::CHECKS);
    let of_steps = of_steps.map(|(text, wanted)| (format!("{ROOT}{text}"), wanted));
    let others = MISTAKES.iter().chain(around::AROUND);
    for (text, wanted) in of_steps.chain(others.map(|(text, wanted)| ((*text).to_owned(), wanted))) {
        let wanted = format!("DIR{}restante.toml: {wanted}", std::path::MAIN_SEPARATOR);
        let said = read_in(folder.path(), &text)
            .err()
            .unwrap_or_else(|| "no error".into());
        if said != wanted {
            wrong.push(format!(
                "--- for\n{text}\n--- wanted\n{wanted}\n--- said\n{said}\n"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
