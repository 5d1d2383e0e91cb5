//! The profiles that are part of the program.

/// Name and text of the seven connectors' profiles, in the order in which they are listed.
pub(crate) const PROFILES: [(&str, &str); 7] = [
    ("ms-mail", include_str!("../../profiles/ms-mail.toml")),
    ("cc-mail", include_str!("../../profiles/cc-mail.toml")),
    ("lotus-notes", include_str!("../../profiles/lotus-notes.toml")),
    ("groupwise", include_str!("../../profiles/groupwise.toml")),
    ("conn-tables", include_str!("../../profiles/conn-tables.toml")),
    ("system-state", include_str!("../../profiles/system-state.toml")),
    (
        "storage-groups",
        include_str!("../../profiles/storage-groups.toml"),
    ),
];

/// What every connector's procedure has in common. It has no roots: profiles inherit from it, nobody takes it.
pub(crate) const COMMON: (&str, &str) = ("exchange-2000", include_str!("../../profiles/exchange-2000.toml"));
