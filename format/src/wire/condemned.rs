//! What says that a segment will be deleted (`spec/FORMAT.md`, section 10).

use super::codec::{Decode, Encode, from_fixed, to_fixed};
use crate::error::Flaw;
use crate::id::{Id, derive};

#[derive(Encode, Decode)]
struct Stored {
    secs: i64,
    check: [u8; 32],
}

fn check(seal: Id, secs: i64) -> Id {
    derive("restante 2026 condemned v1", &[&seal.0, &secs.to_le_bytes()])
}

/// The bytes that condemn the segment with this seal, at a time in seconds since 1970-01-01T00:00:00Z.
pub fn encode_condemned(seal: Id, secs: i64) -> Vec<u8> {
    to_fixed(&Stored {
        secs,
        check: check(seal, secs).0,
    })
}

/// When the segment was condemned.
pub fn decode_condemned(seal: Id, bytes: &[u8]) -> Result<i64, Flaw> {
    let stored: Stored = from_fixed("condemned", bytes)?;
    match check(seal, stored.secs).0 == stored.check {
        true => Ok(stored.secs),
        false => Err(Flaw::new("condemned", "check", "does not fit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // F-097
    #[test]
    fn no_byte_can_change_unnoticed() {
        let seal = Id([7; 32]);
        let bytes = encode_condemned(seal, -5);
        assert_eq!(bytes.len(), 40);
        assert_eq!(decode_condemned(seal, &bytes), Ok(-5));
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 4;
            assert!(decode_condemned(seal, &changed).is_err(), "byte {i}");
            assert!(decode_condemned(seal, &bytes[..i]).is_err(), "{i} bytes");
        }
        assert!(decode_condemned(Id([8; 32]), &bytes).is_err());
    }
}
