//! What could not be read while very much was looked at.

use crate::error::Error;

/// How many errors are told. Where there are more, `verify` says what is damaged.
const TOLD: usize = 1000;

/// Remembers an error, unless the same object was named before, or enough others.
pub(super) fn note(errors: &mut Vec<Error>, error: Error) {
    let object = error.object();
    let is_known = |known: &Error| object.is_some() && known.object() == object;
    if errors.len() < TOLD && !errors.iter().any(is_known) {
        errors.push(error);
    }
}
