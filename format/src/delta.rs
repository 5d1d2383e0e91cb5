//! An object's bytes as a delta of another's, and back: a zstd frame whose decoder starts with the base as its history.

use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, get_error_name};

use crate::error::Flaw;

/// zstd's tables of the levels below find no match that lies far back in a large base.
const LEAST_LEVEL: i32 = 3;
/// zstd's own largest window for decoders that were not told to expect more.
const MOST_WINDOW_LOG: u32 = 27;

/// The frame that makes `plain` from `base`; `None` if there is none.
pub fn encode(base: &[u8], plain: &[u8], level: i32) -> Option<Vec<u8>> {
    // Where the two lie in memory must not matter to the result: one behind the other is one of two cases
    // that zstd tells apart.
    let both = [base, plain].concat();
    let (base, plain) = both.split_at(base.len());
    let window_log = both.len().next_power_of_two().ilog2().clamp(10, MOST_WINDOW_LOG);
    let mut frame = Vec::with_capacity(zstd_safe::compress_bound(plain.len()));
    let mut context = CCtx::try_create()?;
    let mut run = || {
        context.set_parameter(CParameter::CompressionLevel(level.max(LEAST_LEVEL)))?;
        context.set_parameter(CParameter::WindowLog(window_log))?;
        if window_log > 20 {
            // Of a prefix zstd looks at no more than eight bytes for each place in its tables.
            context.set_parameter(CParameter::HashLog(window_log - 2))?;
        }
        context.ref_prefix(base)?;
        context.compress2(&mut frame, plain)
    };
    run().is_ok().then_some(frame)
}

/// The `plain_len` bytes that `frame` makes from `base`. The caller has compared `plain_len` with the limits.
pub fn decode(frame: &[u8], base: &[u8], plain_len: usize) -> Result<Vec<u8>, Flaw> {
    let flaw = |reason: String| Flaw::new("delta", "frame", reason);
    if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(flaw("is not one zstd frame".into()));
    }
    if zstd_safe::get_dict_id_from_frame(frame).is_some() {
        return Err(flaw("asks for a dictionary".into()));
    }
    let mut plain = Vec::with_capacity(plain_len);
    let mut context = DCtx::try_create().ok_or_else(|| flaw("cannot be decoded: no memory".into()))?;
    let decoded = context
        .ref_prefix(base)
        .and_then(|_| context.decompress(&mut plain, frame))
        .map_err(|code| flaw(format!("cannot be decoded: {}", get_error_name(code))))?;
    match decoded == plain_len {
        true => Ok(plain),
        false => Err(flaw(format!("decodes to {decoded} bytes instead of {plain_len}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_change_costs_what_changed() {
        for (len, most) in [(300, 30), (65_536, 60), (3 << 20, 5000)] {
            let base = noise(len);
            let mut plain = base.clone();
            plain[len / 2..len / 2 + 4].copy_from_slice(b"2026");
            let frame = encode(&base, &plain, 3).expect("a frame");
            assert!(frame.len() <= most, "{len}: {}", frame.len());
            assert_eq!(decode(&frame, &base, len), Ok(plain));
        }
    }

    #[test]
    fn what_was_inserted_moves_the_rest() {
        let base = noise(200_000);
        let plain = [&base[..70_000], b"inserted", &base[70_000..]].concat();
        let frame = encode(&base, &plain, 1).expect("a frame");
        assert!(frame.len() < 80, "{}", frame.len());
        assert_eq!(decode(&frame, &base, plain.len()), Ok(plain));
    }

    #[test]
    fn a_base_that_looks_like_a_dictionary_is_none() {
        let base = [&[0x37, 0xa4, 0x30, 0xec][..], &noise(500)].concat();
        let frame = encode(&base, &base, 3).expect("a frame");
        assert!(frame.len() < 40);
        assert_eq!(decode(&frame, &base, base.len()), Ok(base));
    }

    #[test]
    fn no_other_base_and_no_other_length_will_do() {
        let base = noise(5000);
        let frame = encode(&base, &base, 3).expect("a frame");
        assert_ne!(decode(&frame, &noise(4000), 5000), Ok(base.clone()));
        assert!(decode(&frame, &base, 4999).is_err());
        assert!(decode(&frame, &base, 5001).is_err());
        assert!(decode(&frame[..frame.len() - 1], &base, 5000).is_err());
        assert!(decode(&[&frame[..], &frame].concat(), &base, 5000).is_err());
        assert!(decode(b"no frame", &base, 5000).is_err());
    }
}
