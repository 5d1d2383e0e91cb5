//! One file for each command.

pub(crate) mod by_connector;
pub(crate) mod cat;
pub(crate) mod completions;
pub(crate) mod connectors;
pub(crate) mod diff;
pub(crate) mod init;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod restore;
pub(crate) mod snapshot;
pub(crate) mod snapshots;
pub(crate) mod stats;
pub(crate) mod verify;
pub(crate) mod watch;
