//! Mistakes in steps that look into files.

/// Each below a root `d`, whose three lines count; with the whole message.
pub(super) const CHECKS: &[(&str, &str)] = &[
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\n",
        "line 4, column 1: [[profile.g.check]] has no `rules`\n  write rules = [{ paths = [\"*.dat\"], \
         multiple-of = 512 }]",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = []\n",
        "line 8, column 9: `rules` in [[profile.g.check]]: \"[]\" holds no rule\n  write rules = [{ \
         paths = [\"*.dat\"], multiple-of = 512 }]",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = { bytes = 1 }\n",
        "line 8, column 9: `rules` in [[profile.g.check]] must be an array of tables, not a table\n  \
         write rules = [{ paths = [\"*.dat\"], multiple-of = 512 }]",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [\"*.x\"] }]\n",
        "line 8, column 10: a rule of [[profile.g.check]] has no `bytes`\n  a rule has one or more of: \
         bytes, multiple-of, at-most, pair",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ bytes = 4 \
         }]\n",
        "line 8, column 10: a rule of [[profile.g.check]] has no `paths`\n  say which files: paths = \
         [\"*.seq\"]",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [], bytes = 4 }]\n",
        "line 8, column 20: `paths` in a rule of [[profile.g.check]]: \"[]\" names no files\n  write \
         paths = [\"*.seq\"]",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [\"*.x\"], byts = 4 }]\n",
        "line 8, column 29: unknown key `byts` in a rule of [[profile.g.check]]\n  did you mean `bytes`?",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [\"*.x\"], bytes = \"4K\" }]\n",
        "line 8, column 37: `bytes` in a rule of [[profile.g.check]] must be a whole number, not a string",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [\"*.x\"], bytes = 4.5 }]\n",
        "line 8, column 37: `bytes` in a rule of [[profile.g.check]] must be a whole number, not a \
         fraction",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [\"*.x\"], at-most = -1 }]\n",
        "line 8, column 39: `at-most` in a rule of [[profile.g.check]]: \"-1\" is not a number from 0 on",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [\"*.x\"], multiple-of = 0 }]\n",
        "line 8, column 43: `multiple-of` in a rule of [[profile.g.check]]: \"0\" has no multiples",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [\"*.x\"], pair = \"{name}.y\" }]\n",
        "line 8, column 36: `pair` in a rule of [[profile.g.check]]: \"{name}.y\" has {name}, which \
         nothing fills in here\n  known here: {dir}, {stem}; a brace itself is written {{ or }}",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nrules = [{ paths = \
         [\"*.x\"], pair = \"{stem.y\" }]\n",
        "line 8, column 36: `pair` in a rule of [[profile.g.check]]: \"{stem.y\" has a `{` without its \
         `}`\n  a brace itself is written {{ or }}",
    ),
    (
        "[[profile.g.check]]\nkind = \"check-sizes\"\ntext = \"x\"\nroot = \"d\"\nvalues = []\n",
        "line 8, column 1: `values` in [[profile.g.check]] means nothing for kind = \"check-sizes\"\n  \
         it is a key of: compare",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\n",
        "line 4, column 1: [[profile.g.check]] has no `values`\n  write values = [{ path = \"a\", key = \
         \"seq\" }, { path = \"b\", key = \"seq\" }]",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = []\n",
        "line 8, column 10: `values` in [[profile.g.check]]: \"[]\" holds no value\n  write values = [{ \
         path = \"a\", key = \"seq\" }, { path = \"b\", key = \"seq\" }]",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = [{ path = \"a\", \
         key = \"k\" }]\n",
        "line 8, column 1: `values` in [[profile.g.check]] holds one value, and nothing to compare it \
         with\n  write values = [{ path = \"a\", key = \"seq\" }, { path = \"b\", key = \"seq\" }]",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = [{ key = \"k\" \
         }, { path = \"b\", key = \"k\" }]\n",
        "line 8, column 11: a value of [[profile.g.check]] has no `path`\n  say in which file",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = [{ path = \"a\" \
         }, { path = \"b\" }]\n",
        "line 8, column 11: a value of [[profile.g.check]] has no `key`\n  say which value: key = \
         \"seq\", or record-bytes = 512",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = [{ path = \
         \"*.x\", key = \"k\" }, { path = \"b\", key = \"k\" }]\n",
        "line 8, column 20: `path` in a value of [[profile.g.check]]: \"*.x\" is not the path of one \
         file below a directory\n  name one file, with `/` between directories",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = [{ path = \
         \"../a\", key = \"k\" }, { path = \"b\", key = \"k\" }]\n",
        "line 8, column 20: `path` in a value of [[profile.g.check]]: \"../a\" is not the path of one \
         file below a directory\n  name one file, with `/` between directories",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = [{ path = \"a\", \
         key = \"k\", record-bytes = 2 }, { path = \"b\", key = \"k\" }]\n",
        "line 8, column 25: `key` in a value of [[profile.g.check]] cannot stand beside \
         `record-bytes`\n  a value comes from one of them",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = [{ path = \"a\", \
         record-bytes = 0 }, { path = \"b\", key = \"k\" }]\n",
        "line 8, column 40: `record-bytes` in a value of [[profile.g.check]]: \"0\" is no length of a \
         record",
    ),
    (
        "[[profile.g.check]]\nkind = \"compare\"\ntext = \"x\"\nroot = \"d\"\nvalues = [{ path = \"a\", \
         kye = \"k\" }, { path = \"b\", key = \"k\" }]\n",
        "line 8, column 25: unknown key `kye` in a value of [[profile.g.check]]\n  did you mean `key`?",
    ),
    (
        "[[profile.g.check]]\nkind = \"recognise\"\ntext = \"x\"\nroot = \"d\"\npaths = [\"*.x\"]\n",
        "line 4, column 1: [[profile.g.check]] has no `format`\n  one of: mtf, registry-export, sqlite",
    ),
    (
        "[[profile.g.check]]\nkind = \"recognise\"\ntext = \"x\"\nroot = \"d\"\nformat = \"mtf\"\n",
        "line 4, column 1: [[profile.g.check]] has no `paths`\n  say which files: paths = [\"*.seq\"]",
    ),
    (
        "[[profile.g.check]]\nkind = \"recognise\"\ntext = \"x\"\nroot = \"d\"\npaths = [\"*.x\"]\n\
         format = \"sqlit\"\n",
        "line 9, column 10: unknown format `sqlit` in [[profile.g.check]]\n  did you mean `sqlite`?",
    ),
    (
        "[[profile.g.check]]\nkind = \"recognise\"\ntext = \"x\"\nroot = \"d\"\npaths = [\"*.x\"]\n\
         format = \"mtf\"\nkey = \"HKLM\"\n",
        "line 10, column 1: `key` in [[profile.g.check]] has a meaning only with format = \
         \"registry-export\"\n  leave it out",
    ),
    (
        "[[profile.g.check]]\nkind = \"recognise\"\ntext = \"x\"\nroot = \"d\"\npaths = [\"*.x\"]\n\
         format = \"mtf\"\ntimeout = \"1m\"\n",
        "line 10, column 1: `timeout` in [[profile.g.check]] means nothing for kind = \"recognise\"\n  \
         it is a key of: run",
    ),
];
