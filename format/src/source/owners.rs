//! Users and groups by number, looked up once each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::model::Owner;

/// A cache of the system's user and group names.
#[derive(Debug, Default)]
pub struct Owners {
    known: Mutex<HashMap<(u32, u32), Arc<Owner>>>,
}

impl Owners {
    /// The owner with these numbers, with names where the system has them.
    pub fn get(&self, uid: u32, gid: u32) -> Arc<Owner> {
        let mut known = self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let owner = known.entry((uid, gid)).or_insert_with(|| {
            Arc::new(Owner {
                uid,
                gid,
                user: user_name(uid),
                group: group_name(gid),
            })
        });
        Arc::clone(owner)
    }
}

#[cfg(unix)]
fn user_name(uid: u32) -> Vec<u8> {
    let user = nix::unistd::User::from_uid(uid.into()).ok().flatten();
    user.map(|user| user.name.into_bytes()).unwrap_or_default()
}

#[cfg(unix)]
fn group_name(gid: u32) -> Vec<u8> {
    let group = nix::unistd::Group::from_gid(gid.into()).ok().flatten();
    group.map(|group| group.name.into_bytes()).unwrap_or_default()
}

#[cfg(not(unix))]
fn user_name(_uid: u32) -> Vec<u8> {
    Vec::new()
}

#[cfg(not(unix))]
fn group_name(_gid: u32) -> Vec<u8> {
    Vec::new()
}
