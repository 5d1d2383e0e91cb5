//! The search for the first position at which a gear hash has only zeros under a mask.
//!
//! Bit `j` of the hash depends on the last `j + 1` bytes alone. So as soon as a search is as many bytes past its
//! beginning as its masks have bits, it can be taken up anywhere, and many searches over neighbouring parts
//! of the same bytes go on at once. [`serial`] is what they must agree with.

#[cfg(target_arch = "x86_64")]
mod avx512;

use std::ops::ControlFlow;
use std::ops::Range;

/// Where a search stopped, or else the hash behind its last position, as far as the masks reach.
pub(super) type Search = ControlFlow<usize, u64>;

/// Searches with a gear table and masks of one archive.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    gear: Box<[u64; 256]>,
    /// How many bytes the bits under the masks depend on.
    window_bytes: usize,
    #[cfg(target_arch = "x86_64")]
    avx512: Option<avx512::Tables>,
}

impl Scanner {
    /// A search by `gear` with masks that lie inside of `masks`.
    pub(super) fn new(gear: [u64; 256], masks: u64) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            avx512: avx512::Tables::new(&gear, masks),
            gear: Box::new(gear),
            window_bytes: 64 - masks.leading_zeros() as usize,
        }
    }

    /// The first position of `range` at which the hash has only zeros under `mask`. `hash` is that of the position
    /// before the first. What lies behind the range may be fetched ahead of the next search.
    pub(super) fn search(&self, bytes: &[u8], range: Range<usize>, mask: u64, hash: u64) -> Search {
        #[cfg(target_arch = "x86_64")]
        if let Some(tables) = &self.avx512 {
            return tables.search(&self.gear, bytes, range, mask, hash);
        }
        serial(&self.gear, bytes, range, mask, hash)
    }

    /// Whether this processor can search many places at once by these masks.
    pub(super) fn is_wide(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.avx512.is_some();
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// The hash at position `i` of a search that began at `start` with a hash of zero.
    pub(super) fn hash_at(&self, bytes: &[u8], start: usize, i: usize) -> u64 {
        warm(
            &self.gear,
            &bytes[start.max((i + 1).saturating_sub(self.window_bytes))..=i],
        )
    }
}

fn step(gear: &[u64; 256], hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(2).wrapping_add(gear[usize::from(byte)])
}

/// The hash behind `window`, as far as its bytes decide.
fn warm(gear: &[u64; 256], window: &[u8]) -> u64 {
    window.iter().fold(0, |hash, byte| step(gear, hash, *byte))
}

/// One position after the other, as the rule is written: what short ranges are searched with, and what the
/// faster ways are compared with.
fn serial(gear: &[u64; 256], bytes: &[u8], range: Range<usize>, mask: u64, mut hash: u64) -> Search {
    let start = range.start;
    for (i, byte) in bytes[range].iter().enumerate() {
        hash = step(gear, hash, *byte);
        if hash & mask == 0 {
            return Search::Break(start + i);
        }
    }
    Search::Continue(hash)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// At most `max` bytes of every sort: random, of few letters, of one letter, of lines, and any of them repeated.
    pub(in super::super) fn data(max: usize) -> impl Strategy<Value = Vec<u8>> {
        let letters = prop_oneof![
            4 => Just(&b""[..]),
            1 => Just(&b"\0"[..]),
            1 => Just(&b"\0\xff"[..]),
            1 => Just(&b"etaoin shrdlu\r\n"[..]),
        ];
        let log = max.ilog2();
        let len = (log.saturating_sub(8)..=log).prop_flat_map(move |log| 0..max.min(2 << log));
        let period = prop_oneof![2 => Just(usize::MAX), 1 => 1..5000_usize, 1 => 1..70_usize];
        (any::<u64>(), letters, len, period).prop_map(|(seed, letters, len, period)| {
            let mut bytes = vec![0; len.min(period)];
            let mut hasher = blake3::Hasher::new();
            hasher.update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
            if !letters.is_empty() {
                for byte in &mut bytes {
                    *byte = letters[usize::from(*byte) % letters.len()];
                }
            }
            bytes.iter().copied().cycle().take(len).collect()
        })
    }

    /// What a search found, without the bits that no mask looks at.
    fn seen(search: Search, window_bytes: usize) -> Search {
        search.map_continue(|hash| hash & (u64::MAX >> (64 - window_bytes)))
    }

    #[test]
    fn every_position_is_searched_with_its_whole_window() {
        // All hashes are ones, until a zero comes in at one byte and moves up to where the mask is.
        let gear = std::array::from_fn(|byte| u64::from(byte == 0));
        let mut bytes = vec![0; 64 + 11 * 1024];
        for bit in [0, 31, 62] {
            let mask = 1 << bit;
            let scanner = Scanner::new(gear, mask);
            for at in (64..bytes.len() - bit).step_by(17) {
                bytes[at] = 1;
                let found = Search::Break(at + bit);
                for start in [64, at] {
                    let range = start..bytes.len();
                    assert_eq!(serial(&gear, &bytes, range.clone(), mask, u64::MAX), found);
                    assert_eq!(scanner.search(&bytes, range, mask, u64::MAX), found);
                }
                let before = scanner.search(&bytes, 64..at + bit, mask, u64::MAX);
                assert!(before.is_continue());
                bytes[at] = 0;
            }
        }
    }

    proptest! {
        #[test]
        fn all_searches_agree(
            data in data(70_000),
            from in 64..2000_usize,
            seed in any::<u64>(),
            bits in 1_u32..18,
            shift in 0_u32..46,
            low in any::<bool>(),
            hash in any::<u64>(),
        ) {
            let mut bytes = [0; 2048];
            blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
            let entries = bytes.as_chunks::<8>().0;
            let gear = std::array::from_fn(|i| u64::from_le_bytes(entries[i]));
            let mask = ((1_u64 << bits) - 1) << if low { shift.min(32 - bits) } else { shift };
            let window_bytes = 64 - mask.leading_zeros() as usize;
            let range = from.min(data.len())..data.len();
            let expected = seen(serial(&gear, &data, range.clone(), mask, hash), window_bytes);
            let found = Scanner::new(gear, mask).search(&data, range, mask, hash);
            prop_assert_eq!(seen(found, window_bytes), expected);
        }
    }
}
