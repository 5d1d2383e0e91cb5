//! Mistakes in steps.

/// Each below a root `d`, whose three lines count; with the whole message.
pub(super) const STEPS: &[(&str, &str)] = &[
    (
        "[[profile.g.before-snapshot]]\ntext = \"x\"\n",
        "line 4, column 1: [[profile.g.before-snapshot]] has no `kind`\n  one of: manual, run, \
         stop-services, start-services, require, probe, check-sizes, compare, recognise",
    ),
    (
        "[[profile.g.before-snapshot]]\nkind = \"stop-service\"\ntext = \"x\"\n",
        "line 5, column 8: unknown kind of step `stop-service` in [[profile.g.before-snapshot]]\n  did \
         you mean `stop-services`?",
    ),
    (
        "[[profile.g.before-snapshot]]\nkind = \"delete\"\ntext = \"x\"\n",
        "line 5, column 8: `kind` in [[profile.g.before-snapshot]]: \"delete\" is no kind of step for \
         this phase\n  a snapshot never changes its source; kinds here: manual, run, stop-services, \
         start-services, require, probe, check-sizes, compare, recognise",
    ),
    (
        "[[profile.g.setup]]\nkind = \"run\"\ntext = \"x\"\n",
        "line 5, column 8: `kind` in [[profile.g.setup]]: \"run\" is no kind of step for this phase\n  \
         only a person does such steps; kinds here: manual",
    ),
    (
        "[[profile.g.check]]\nkind = \"probe\"\ntext = \"x\"\n",
        "line 5, column 8: `kind` in [[profile.g.check]]: \"probe\" is no kind of step for this \
         phase\n  a check changes nothing and asks nobody; kinds here: require, check-sizes, compare, \
         recognise",
    ),
    (
        "[[profile.g.check]]\nkind = \"manual\"\ntext = \"x\"\n",
        "line 5, column 8: `kind` in [[profile.g.check]]: \"manual\" is no kind of step for this \
         phase\n  a check changes nothing and asks nobody; kinds here: require, check-sizes, compare, \
         recognise",
    ),
    (
        "[[profile.g.before-restor]]\nkind = \"manual\"\ntext = \"x\"\n",
        "line 4, column 13: unknown key `before-restor` in [profile.g]\n  did you mean `before-restore`?",
    ),
    (
        "[[profile.g.before]]\nkind = \"manual\"\ntext = \"x\"\n",
        "line 4, column 13: unknown key `before` in [profile.g]\n  here it is called `before-snapshot`",
    ),
    (
        "[profile.g.finish]\nkind = \"manual\"\ntext = \"x\"\n",
        "line 4, column 1: `finish` in [profile.g] must be an array of tables, not a table\n  start \
         each with a line [[profile.g.finish]]",
    ),
    (
        "[[profile.g.finish]]\nkind = \"manual\"\n",
        "line 4, column 1: [[profile.g.finish]] has no `text`\n  say in a few words what it is",
    ),
    (
        "[[profile.g.finish]]\nkind = \"manual\"\ntext = \"x\"\nnote = \"y\"\n",
        "line 7, column 1: unknown key `note` in [[profile.g.finish]]\n  known keys: `kind`, \
         `optional`, `text`, `statements`, `source`, `unconfirmed`",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\non-failure = \"wran\"\n",
        "line 8, column 14: unknown meaning of a failure `wran` in [[profile.g.finish]]\n  did you mean \
         `warn`?",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\nwhen-failed = \"warn\"\n",
        "line 8, column 1: unknown key `when-failed` in [[profile.g.finish]]\n  here it is called \
         `on-failure`",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\noptional = \"yes\"\n",
        "line 8, column 12: `optional` in [[profile.g.finish]] must be true or false, not a string\n  \
         without quotes",
    ),
    (
        "[[profile.g.before-snapshot]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\nwhen = \
         \"failed\"\n",
        "line 8, column 1: `when` in [[profile.g.before-snapshot]] means nothing in this phase\n  only \
         steps after-snapshot depend on how the snapshot ended",
    ),
    (
        "[[profile.g.after-snapshot]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\nwhen = \
         \"success\"\n",
        "line 8, column 8: unknown ending of a snapshot `success` in [[profile.g.after-snapshot]]\n  \
         known: `taken`, `failed`",
    ),
    (
        "[[profile.g.finish]]\nkind = \"manual\"\ntext = \"x\"\non-failure = \"warn\"\n",
        "line 7, column 1: `on-failure` in [[profile.g.finish]] means nothing for kind = \"manual\"\n  \
         a person says whether the step was done",
    ),
    (
        "[[profile.g.finish]]\nkind = \"manual\"\ntext = \"x\"\ncommand = [\"x\"]\n",
        "line 7, column 1: `command` in [[profile.g.finish]] means nothing for kind = \"manual\"\n  it \
         is a key of: run",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\n",
        "line 4, column 1: [[profile.g.finish]] has no `command`\n  write command = [\"program\", \
         \"argument\"], or name = \"…\" and supply it in [connector.NAME.commands]",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\nname = \"\"\n",
        "line 7, column 8: `name` in [[profile.g.finish]]: \"\" is empty",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = \"rm -rf /tmp/x\"\n",
        "line 7, column 11: `command` in [[profile.g.finish]] must be an array of strings, not a \
         string\n  write command = [\"program\", \"argument\"]: no shell reads it",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = []\n",
        "line 7, column 11: `command` in [[profile.g.finish]]: \"[]\" names no program\n  write command \
         = [\"program\", \"argument\"]: no shell reads it",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"\", \"x\"]\n",
        "line 7, column 12: `command` in [[profile.g.finish]]: \"\" names no program\n  write command = \
         [\"program\", \"argument\"]: no shell reads it",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", 3]\n",
        "line 7, column 17: `command` in [[profile.g.finish]] must be an array of strings, not a \
         number\n  write command = [\"…\"]",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\npaths = [\"*.seq\"]\n",
        "line 8, column 1: `paths` in [[profile.g.finish]] means nothing for kind = \"run\"\n  it is a \
         key of: delete, quarantine, require, recognise",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\nenv = { A = \"1\" }\n",
        "line 8, column 1: unknown key `env` in [[profile.g.finish]]\n  here it is called `environment`",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\nenvironment = [\"A=1\"]\n",
        "line 8, column 15: `environment` in [[profile.g.finish]] must be a table, not an array\n  \
         write environment = { NAME = \"value\" }",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\nenvironment = { \"A=B\" \
         = \"1\" }\n",
        "line 8, column 17: `A=B` in `environment` of [[profile.g.finish]] cannot be the name of a \
         variable\n  write NAME = \"value\"",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\nenvironment = { A = 1 }\n",
        "line 8, column 21: `A` in `environment` of [[profile.g.finish]] must be a string, not a number",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", \"a\\u0000b\"]\n",
        "line 7, column 17: `command` in [[profile.g.finish]]: \"a\\0b\" has a NUL in it",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\ntimeout = 60\n",
        "line 8, column 11: `timeout` in [[profile.g.finish]] must be a string, not a number\n  write a \
         number with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\ntimeout = \"10 \
         minutes\"\n",
        "line 8, column 11: `timeout` in [[profile.g.finish]]: \"10 minutes\" has an unknown unit\n  \
         write a number with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\ntimeout = \"0s\"\n",
        "line 8, column 11: `timeout` in [[profile.g.finish]]: \"0s\" is no time at all\n  write a \
         number with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", \"{root:e}\"]\n",
        "line 7, column 17: unknown root `e` in [[profile.g.finish]]\n  known: `d`",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", \"{rot:d}\"]\n",
        "line 7, column 17: `command` in [[profile.g.finish]]: \"{rot:d}\" has {rot:d}, which nothing \
         fills in here\n  did you mean {root:d}?",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", \"{root}\"]\n",
        "line 7, column 17: `command` in [[profile.g.finish]]: \"{root}\" does not say which root\n  \
         write {root:NAME}",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", \"{db}/app.db\"]\n",
        "line 7, column 17: `command` in [[profile.g.finish]]: \"{db}/app.db\" has {db}, which nothing \
         fills in here\n  known here: {root:NAME}, {place:NAME}, {connector}, {server}, {archive}, \
         {snapshot}; a brace itself is written {{ or }}",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", \"{root:d/app.db\"]\n",
        "line 7, column 17: `command` in [[profile.g.finish]]: \"{root:d/app.db\" has a `{` without its \
         `}`\n  a brace itself is written {{ or }}",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"awk\", \"{print}}\"]\n",
        "line 7, column 19: `command` in [[profile.g.finish]]: \"{print}}\" has a `}` without its \
         `{`\n  a brace itself is written {{ or }}",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\"]\nenvironment = { A = \
         \"{servr}\" }\n",
        "line 8, column 21: `A` in `environment` of [[profile.g.finish]]: \"{servr}\" has {servr}, \
         which nothing fills in here\n  did you mean {server}?",
    ),
    (
        "[[profile.g.before-snapshot]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", \"{snapshot}\"]\n",
        "line 7, column 17: `command` in [[profile.g.before-snapshot]]: \"{snapshot}\" has {snapshot}, \
         which nothing fills in here\n  only commands around a restore have one",
    ),
    (
        "[[profile.g.finish]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"x\", \"{service}\"]\n",
        "line 7, column 17: `command` in [[profile.g.finish]]: \"{service}\" has {service}, which \
         nothing fills in here\n  only the commands of [services] have one",
    ),
    (
        "[[profile.g.finish]]\nkind = \"stop-services\"\ntext = \"x\"\n",
        "line 5, column 8: the step stop-services in [[profile.g.finish]] has no `services`\n  write \
         services = [\"…\"] here, in the profile or in [connector.g]",
    ),
    (
        "[[profile.g.finish]]\nkind = \"stop-services\"\ntext = \"x\"\nservices = \"x\"\n",
        "line 7, column 12: `services` in [[profile.g.finish]] must be an array of strings, not a \
         string\n  write services = [\"…\"]",
    ),
    (
        "[[profile.g.finish]]\nkind = \"start-services\"\ntext = \"x\"\nservices = [\"\"]\n",
        "line 7, column 13: `services` in [[profile.g.finish]]: \"\" is empty",
    ),
    (
        "[[profile.g.finish]]\nkind = \"start-services\"\ntext = \"x\"\nroot = \"d\"\n",
        "line 7, column 1: `root` in [[profile.g.finish]] means nothing for kind = \
         \"start-services\"\n  it is a key of: delete, quarantine, require, probe, check-sizes, \
         compare, recognise",
    ),
    (
        "[[profile.g.finish]]\nkind = \"delete\"\ntext = \"x\"\nroot = \"d\"\n",
        "line 4, column 1: [[profile.g.finish]] has no `paths`\n  say which files: paths = [\"*.seq\"]",
    ),
    (
        "[[profile.g.finish]]\nkind = \"delete\"\ntext = \"x\"\nroot = \"d\"\npaths = []\n",
        "line 8, column 9: `paths` in [[profile.g.finish]]: \"[]\" names no files\n  write paths = \
         [\"*.seq\"]",
    ),
    (
        "[[profile.g.finish]]\nkind = \"delete\"\ntext = \"x\"\nroot = \"d\"\npaths = [\"a\\\\*.seq\"]\n",
        "line 8, column 10: `paths` in [[profile.g.finish]]: \"a\\\\*.seq\" has a backslash\n  separate \
         directories with `/`: \"a/*.seq\"",
    ),
    (
        "[[profile.g.finish]]\nkind = \"delete\"\ntext = \"x\"\npaths = [\"*.seq\"]\n",
        "line 4, column 1: [[profile.g.finish]] has no `root`\n  say in which root it is done: root = \
         \"data\"",
    ),
    (
        "[[profile.g.finish]]\nkind = \"delete\"\ntext = \"x\"\nplace = \"ex\"\npaths = [\"*.seq\"]\n",
        "line 7, column 1: `place` in [[profile.g.finish]] means nothing for kind = \"delete\"\n  only \
         files of a root may go, for they are in the snapshot",
    ),
    (
        "[[profile.g.finish]]\nkind = \"quarantine\"\ntext = \"x\"\nroot = \"dd\"\npaths = [\"*.seq\"]\n",
        "line 7, column 8: unknown root `dd` in [[profile.g.finish]]\n  did you mean `d`?",
    ),
    (
        "[[profile.g.finish]]\nkind = \"quarantine\"\ntext = \"x\"\nroot = \"d\"\npaths = [\"/\"]\n",
        "line 8, column 10: `paths` in [[profile.g.finish]]: \"/\" matches nothing\n  name a file, or \
         write `**` for everything",
    ),
    (
        "[[profile.g.finish]]\nkind = \"require\"\ntext = \"x\"\nroot = \"d\"\n",
        "line 4, column 1: [[profile.g.finish]] has no `paths`\n  say which files: paths = [\"*.seq\"]",
    ),
    (
        "[[profile.g.finish]]\nkind = \"require\"\ntext = \"x\"\nroot = \"d\"\nplace = \"ex\"\npaths = \
         [\"x\"]\n",
        "line 8, column 1: `place` in [[profile.g.finish]] cannot stand beside `root`\n  a step looks \
         at one directory",
    ),
    (
        "[[profile.g.check]]\nkind = \"require\"\ntext = \"x\"\npaths = [\"x\"]\n",
        "line 4, column 1: [[profile.g.check]] has no `root`\n  say in which root it is done: root = \
         \"data\"",
    ),
    (
        "[[profile.g.finish]]\nkind = \"probe\"\ntext = \"x\"\n",
        "line 4, column 1: [[profile.g.finish]] has no `root`\n  say in which root it is done: root = \
         \"data\"",
    ),
    (
        "[[profile.g.finish]]\nkind = \"probe\"\ntext = \"x\"\nroot = \"dat\"\n",
        "line 7, column 8: unknown root `dat` in [[profile.g.finish]]\n  known: `d`",
    ),
    (
        "[[profile.g.finish]]\nkind = \"probe\"\ntext = \"x\"\nplace = \"ex\"\npaths = [\"x\"]\n",
        "line 8, column 1: `paths` in [[profile.g.finish]] means nothing for kind = \"probe\"\n  it is \
         a key of: delete, quarantine, require, recognise",
    ),
    (
        "[[profile.g.finish]]\nkind = \"probe\"\ntext = \"x\"\nplace = \"\"\n",
        "line 7, column 9: `place` in [[profile.g.finish]]: \"\" is empty",
    ),
];
