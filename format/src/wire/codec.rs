//! The two encodings of `spec/FORMAT.md`, section 1. This is the only place that knows `bincode`.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian, Varint};
pub(super) use bincode::{Decode, Encode};

use crate::error::Flaw;
use crate::limits::OBJECT_BYTES;

/// No structure may make the decoder reserve more than this, whatever lengths it claims.
type Bounded<I> = Configuration<LittleEndian, I, Limit<{ OBJECT_BYTES }>>;

const FIXED: Bounded<Fixint> = bincode::config::standard()
    .with_fixed_int_encoding()
    .with_limit::<{ OBJECT_BYTES }>();
const COMPACT: Bounded<Varint> = bincode::config::standard().with_limit::<{ OBJECT_BYTES }>();

fn encode<T: Encode, C: bincode::config::Config>(value: &T, config: C) -> Vec<u8> {
    // Encoding into memory fails only for types that have no encoding, and none of ours is one.
    bincode::encode_to_vec(value, config).expect("plain data can be encoded")
}

fn decode<T: Decode<()>, C: bincode::config::Config>(
    part: &'static str,
    bytes: &[u8],
    config: C,
) -> Result<T, Flaw> {
    let (value, used) = bincode::decode_from_slice(bytes, config)
        .map_err(|error| Flaw::new(part, "encoding", error.to_string()))?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(Flaw::new(part, "length", format!("{left} bytes too many"))),
    }
}

/// The fixed encoding of `value`.
pub(super) fn to_fixed<T: Encode>(value: &T) -> Vec<u8> {
    encode(value, FIXED)
}

/// The value whose fixed encoding `bytes` are, all of them.
pub(super) fn from_fixed<T: Decode<()>>(part: &'static str, bytes: &[u8]) -> Result<T, Flaw> {
    decode(part, bytes, FIXED)
}

/// The compact encoding of `value`.
pub(super) fn to_compact<T: Encode>(value: &T) -> Vec<u8> {
    encode(value, COMPACT)
}

/// The value whose compact encoding `bytes` are, all of them.
pub(super) fn from_compact<T: Decode<()>>(part: &'static str, bytes: &[u8]) -> Result<T, Flaw> {
    decode(part, bytes, COMPACT)
}

/// The length of the compact encoding of `value`.
pub(super) fn compact_len<T: Encode>(value: &T) -> usize {
    let mut counter = bincode::enc::write::SizeWriter::default();
    bincode::encode_into_writer(value, &mut counter, COMPACT).expect("plain data can be encoded");
    counter.bytes_written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_the_spec_says() {
        assert_eq!(to_compact(&250_u64), [250]);
        assert_eq!(to_compact(&251_u64), [251, 251, 0]);
        assert_eq!(to_compact(&65_536_u64), [252, 0, 0, 1, 0]);
        assert_eq!(to_compact(&(1_u64 << 32)), [253, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(to_compact(&-1_i64), [1]);
        assert_eq!(to_compact(&1_i64), [2]);
        assert_eq!(to_compact(&Some(7_u8)), [1, 7]);
        assert_eq!(to_compact(&b"ab".to_vec()), [2, b'a', b'b']);
        assert_eq!(to_fixed(&(1_u16, 2_u64)), [1, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    }

    // F-002, F-003
    #[test]
    fn lengths_are_not_believed() {
        let mut huge = vec![253];
        huge.extend((1_u64 << 60).to_le_bytes());
        assert!(from_compact::<Vec<u8>>("test", &huge).is_err());
        assert!(from_compact::<Vec<u64>>("test", &huge).is_err());
        assert!(from_compact::<u8>("test", &[1, 2]).is_err());
        assert!(from_compact::<(u8, u8)>("test", &[1]).is_err());
    }
}
