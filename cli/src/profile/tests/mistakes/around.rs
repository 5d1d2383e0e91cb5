//! Mistakes around the steps: sets, policies, services, groups, commands.

/// Each with the whole message.
pub(super) const AROUND: &[(&str, &str)] = &[
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.set]]\nroot = \"d\"\npaths = \
         [\"*.x\"]\n",
        "line 4, column 1: [[profile.g.set]] has no `name`\n  write name = \"databases\"",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.set]]\nname = \"s\"\npaths = \
         [\"*.x\"]\n",
        "line 4, column 1: [[profile.g.set]] has no `root`\n  say in which root the files are: root = \
         \"data\"",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.set]]\nname = \"s\"\nroot = \"e\"\n\
         paths = [\"*.x\"]\n",
        "line 6, column 8: unknown root `e` in [[profile.g.set]]\n  known: `d`",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.set]]\nname = \"s\"\nroot = \"d\"\n",
        "line 4, column 1: [[profile.g.set]] has no `paths`\n  say which files: paths = [\"*.edb\", \
         \"*.stm\"]",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.set]]\nname = \"s\"\nroot = \"d\"\n\
         paths = []\n",
        "line 7, column 9: `paths` in [[profile.g.set]]: \"[]\" names no files\n  write paths = \
         [\"*.edb\", \"*.stm\"]",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.set]]\nname = \"s\"\nroot = \"d\"\n\
         paths = [\"*.x\"]\nby = \"name\"\n",
        "line 8, column 6: unknown way to belong together `name` in [[profile.g.set]]\n  known: `stem`, \
         `root`",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.set]]\nname = \"s\"\nroot = \"d\"\n\
         paths = [\"*.x\"]\n[[profile.g.set]]\nname = \"s\"\nroot = \"d\"\npaths = [\"*.y\"]\n",
        "line 8, column 1: set `s` is there already\n  give each set a name of its own",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n[[profile.g.set]]\nname = \"s\"\nroot = \"d\"\n\
         path = \"*.x\"\n",
        "line 7, column 1: unknown key `path` in [[profile.g.set]]\n  did you mean `paths`?",
    ),
    (
        "[profile.g]\nkeep = {}\n",
        "line 2, column 1: `keep` in [profile.g] keeps nothing\n  say what to keep, as in daily = 30, \
         or leave the policy out",
    ),
    (
        "[profile.g]\nkeep = { daily = 0 }\n",
        "line 2, column 1: `keep` in [profile.g] keeps nothing\n  say what to keep, as in daily = 30, \
         or leave the policy out",
    ),
    (
        "[profile.g.keep]\ndayly = 7\n",
        "line 2, column 1: unknown key `dayly` in [profile.g.keep]\n  did you mean `daily`?",
    ),
    (
        "[profile.g.keep]\ndaily = -7\n",
        "line 2, column 9: `daily` in [profile.g.keep]: \"-7\" is not a number from 0 on",
    ),
    (
        "[profile.g.keep]\ndaily = \"7\"\n",
        "line 2, column 9: `daily` in [profile.g.keep] must be a whole number, not a string",
    ),
    (
        "[profile.g.keep]\nwithin = 2\n",
        "line 2, column 10: `within` in [profile.g.keep] must be a string, not a number\n  write a \
         number with a unit: \"2d\", \"12h\" or \"1y6mo\"; months are mo, minutes min",
    ),
    (
        "[profile.g.keep]\nwithin-monthly = \"6m\"\n",
        "line 2, column 18: `within-monthly` in [profile.g.keep]: \"6m\" has an `m` that may be months or \
         minutes\n  write a number with a unit: \"2d\", \"12h\" or \"1y6mo\"; months are mo, minutes min",
    ),
    (
        "[profile.g.keep]\ntags = [\"audit,\"]\n",
        "line 2, column 9: `tags` in [profile.g.keep]: \"audit,\" has an empty tag\n  separate the tags \
         of a list by commas: \"weekly\", \"audit,2026\"",
    ),
    (
        "[profile.g.keep]\nchanges = \"all\"\n",
        "line 2, column 11: `changes` in [profile.g.keep] must be true or false, not a string\n  \
         without quotes",
    ),
    (
        "[profile.g]\nkeep = 7\n",
        "line 2, column 8: `keep` in [profile.g] must be a table, not a number\n  write it under a line \
         [profile.g.keep]",
    ),
    (
        "[connector.ms-mail]\nkeep = { hourly = \"all\" }\n",
        "line 2, column 19: `hourly` in [connector.ms-mail.keep] must be a whole number, not a string",
    ),
    (
        "[profile.g]\nstage = \"connector\"\n",
        "line 2, column 9: unknown stage `connector` in [profile.g]\n  did you mean `connectors`?",
    ),
    (
        "[profile.g]\nrecovered-with = [\"lotus-note\"]\n[[profile.g.root]]\nname = \"d\"\npath = \
         \"/a\"\n",
        "line 2, column 19: unknown connector `lotus-note` in [profile.g]\n  did you mean `lotus-notes`?",
    ),
    (
        "[profile.g]\nrecovered-with = [\"g\"]\n[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\n",
        "line 2, column 19: unknown connector `g` in [profile.g]\n  known: `ms-mail`, `cc-mail`, \
         `lotus-notes`, `groupwise`, `conn-tables`, `system-state`, `storage-groups`",
    ),
    (
        "[profile.g]\nservices = \"x\"\n",
        "line 2, column 12: `services` in [profile.g] must be an array of strings, not a string\n  \
         write services = [\"…\"]",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\nrestore = \"copy it\"\n",
        "line 4, column 11: `restore` in [[profile.g.root]] must be a table, not a string\n  write \
         restore = { text = \"how it is put back\" }",
    ),
    (
        "[[profile.g.root]]\nname = \"d\"\npath = \"/a\"\nrestore = { txt = \"copy it\" }\n",
        "line 4, column 13: unknown key `txt` in `restore` of [[profile.g.root]]\n  did you mean `text`?",
    ),
    (
        "[services]\nstop = [\"net\", \"stop\", \"{service}\"]\n",
        "line 1, column 2: [services] has no `start`\n  write start = [\"net\", \"start\", \"{service}\"]",
    ),
    (
        "[services]\nstop = [\"net\", \"stop\"]\nstart = [\"net\", \"start\", \"{service}\"]\n",
        "line 2, column 8: `stop` in [services]: \"net stop\" does not say {service}, which stands for \
         the name\n  write stop = [\"net\", \"stop\", \"{service}\"]",
    ),
    (
        "[services]\nstop = \"net stop {service}\"\nstart = [\"net\", \"start\", \"{service}\"]\n",
        "line 2, column 8: `stop` in [services] must be an array of strings, not a string\n  write stop \
         = [\"program\", \"argument\"]: no shell reads it",
    ),
    (
        "[services]\nstop = [\"net\", \"stop\", \"{servce}\"]\nstart = [\"net\", \"start\", \
         \"{service}\"]\n",
        "line 2, column 24: `stop` in [services]: \"{servce}\" has {servce}, which nothing fills in \
         here\n  did you mean {service}?",
    ),
    (
        "[services]\nstop = [\"net\", \"stop\", \"{root:d}\"]\nstart = [\"net\", \"start\", \
         \"{service}\"]\n",
        "line 2, column 24: `stop` in [services]: \"{root:d}\" has {root:d}, which nothing fills in \
         here\n  known here: {service}, {connector}, {server}, {archive}; a brace itself is written {{ \
         or }}",
    ),
    (
        "[services]\nstop = [\"x\", \"{service}\"]\nstart = [\"x\", \"{service}\"]\ntimeout = 30\n",
        "line 4, column 11: `timeout` in [services] must be a string, not a number\n  write a number \
         with a unit: \"90s\", \"15m\", \"1h\" or \"1d\"",
    ),
    (
        "[services]\nstop = [\"x\", \"{service}\"]\nstart = [\"x\", \"{service}\"]\nfor-snapshot = true\n",
        "line 4, column 1: unknown key `for-snapshot` in [services]\n  did you mean `for-snapshots`?",
    ),
    (
        "[connector.ms-mail]\nservices = \"MSExchangeMSMI\"\n",
        "line 2, column 12: `services` in [connector.ms-mail] must be an array of strings, not a \
         string\n  write services = [\"…\"]",
    ),
    (
        "[connector.system-state.commands]\nbackups = [\"ntbackup\"]\n",
        "line 2, column 1: unknown command `backups` in [connector.system-state.commands]\n  did you \
         mean `backup`?",
    ),
    (
        "[connector.ms-mail.commands]\nbackup = [\"ntbackup\"]\n",
        "line 2, column 1: unknown command `backup` in [connector.ms-mail.commands]\n  no step of \
         ms-mail leaves its command to its user",
    ),
    (
        "[connector.system-state.commands]\nbackup = \"ntbackup\"\n",
        "line 2, column 10: `backup` in [connector.system-state.commands] must be an array of strings, \
         not a string\n  write backup = [\"program\", \"argument\"]: no shell reads it",
    ),
    (
        "[connector.system-state.commands]\nbackup = [\"ntbackup\", \"{root:backup}\"]\n",
        "line 2, column 23: unknown root `backup` in `backup` of [connector.system-state.commands]\n  \
         did you mean `backups`?",
    ),
    (
        "[connector.system-state.commands]\nbackup = [\"ntbackup\", \"{place:backups}\"]\n",
        "line 2, column 23: unknown place `backups` in `backup` of [connector.system-state.commands]\n  \
         under [roots] write backups = \"/where/it/lies\"",
    ),
    (
        "[connector.system-state.commands]\nbackup = [\"ntbackup\", \"{snapshot}\"]\n",
        "line 2, column 23: `backup` in [connector.system-state.commands]: \"{snapshot}\" has \
         {snapshot}, which nothing fills in here\n  only commands around a restore have one",
    ),
    (
        "[connector.system-state]\ncommands = [\"ntbackup\"]\n",
        "line 2, column 12: `commands` in [connector.system-state] must be a table, not an array\n  \
         write it under a line [connector.system-state.commands]",
    ),
    (
        "[groups]\noffice = []\n",
        "line 2, column 10: `office` in [groups]: \"[]\" names no connector\n  write office = \
         [\"lotus-notes\", \"conn-tables\"]",
    ),
    (
        "[groups]\noffice = \"lotus-notes\"\n",
        "line 2, column 10: `office` in [groups] must be an array of strings, not a string\n  write \
         office = [\"…\"]",
    ),
    (
        "[groups]\noffice = [\"lotus-note\"]\n",
        "line 2, column 1: unknown connector `lotus-note` in `office` of [groups]\n  did you mean \
         `lotus-notes`?",
    ),
    (
        "[groups]\noffice = [\"lotus-notes\"]\nall = [\"office\", \"ms-mail\"]\n",
        "line 3, column 1: unknown connector `office` in `all` of [groups]\n  a group holds connectors, \
         and no other groups",
    ),
    (
        "[groups]\nMS-Mail = [\"lotus-notes\"]\n",
        "line 2, column 1: `MS-Mail` in [groups] is called like the connector ms-mail\n  give the group \
         a name of its own",
    ),
    (
        "[groups]\n\"my office\" = [\"lotus-notes\"]\n",
        "line 2, column 1: `my office` in [groups] cannot be a name\n  use letters, digits, `-`, `_` \
         and `.`: it is written on command lines",
    ),
    (
        "state = 3\n",
        "line 1, column 9: `state` in the file must be a string, not a number",
    ),
    (
        "state = \"\"\n",
        "line 1, column 9: `state` in the file: \"\" is empty",
    ),
];
