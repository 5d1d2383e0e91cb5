//! One file for each command.

mod attendant;
pub(crate) mod by_connector;
pub(crate) mod cat;
mod check;
pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod connectors;
pub(crate) mod copy;
pub(crate) mod diff;
mod document;
pub(crate) mod forget;
pub(crate) mod init;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod procedure;
pub(crate) mod prune;
pub(crate) mod recover;
mod recover_desk;
pub(crate) mod rehearse;
pub(crate) mod restore;
pub(crate) mod snapshot;
pub(crate) mod snapshots;
pub(crate) mod stats;
pub(crate) mod verify;
pub(crate) mod watch;
