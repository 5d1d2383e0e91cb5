//! Plain bytes of a block into stored bytes and back.

use std::cell::RefCell;

use crate::error::Flaw;

thread_local! {
    // A compression context is several hundred kilobytes of tables: each thread keeps its own.
    static COMPRESSOR: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Compresses `plain` at a zstd level; `None` where that would not make it smaller (F-032).
pub fn compress(plain: &[u8], level: i32) -> Option<Vec<u8>> {
    let compressed = COMPRESSOR.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|(made_for, _)| *made_for != level) {
            *slot = Some((level, zstd::bulk::Compressor::new(level).ok()?));
        }
        slot.as_mut()?.1.compress(plain).ok()
    });
    compressed.filter(|stored| stored.len() < plain.len())
}

/// The plain bytes of a block, exactly `plain_len` of them (F-031). The caller has compared
/// `plain_len` with the limits.
pub fn decompress(stored: &[u8], plain_len: usize) -> Result<Vec<u8>, Flaw> {
    let flaw = |reason: String| Flaw::new("block", "contents", reason);
    if zstd::zstd_safe::find_frame_compressed_size(stored) != Ok(stored.len()) {
        return Err(flaw("are not one zstd frame".into()));
    }
    let plain = DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(zstd::bulk::Decompressor::new()?);
        }
        match slot {
            Some(decompressor) => decompressor.decompress(stored, plain_len),
            None => unreachable!("it was made above"),
        }
    });
    match plain {
        Ok(plain) if plain.len() == plain_len => Ok(plain),
        Ok(plain) => Err(flaw(format!(
            "decode to {} bytes instead of {plain_len}",
            plain.len()
        ))),
        Err(error) => Err(flaw(format!("cannot be decoded: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_raw_fallback() {
        let text = b"correlation table ".repeat(1000);
        let stored = compress(&text, 3).expect("smaller");
        assert!(stored.len() < 100);
        assert_eq!(decompress(&stored, text.len()), Ok(text));
        assert_eq!(compress(&[1, 2, 3], 3), None);
    }

    // F-031
    #[test]
    fn a_bomb_gets_no_room() {
        let stored = compress(&vec![0; 10 << 20], 3).expect("smaller");
        assert!(stored.len() < 2000);
        assert!(decompress(&stored, 1000).is_err());
        assert!(decompress(&stored, (10 << 20) + 1).is_err());
        assert!(decompress(&stored[..stored.len() - 1], 10 << 20).is_err());
        assert!(decompress(&[stored.clone(), stored].concat(), 20 << 20).is_err());
        assert!(decompress(b"no frame", 8).is_err());
    }
}
