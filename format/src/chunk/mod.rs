//! Bytes into cut points (`spec/FORMAT.md`, section 6). Knows no files and no ids.

mod scan;

use std::ops::ControlFlow;

use crate::wire::Chunker;
use scan::Scanner;

/// Cuts regions into chunks by FastCDC v2020 with an archive's parameters.
#[derive(Clone, Debug)]
pub struct Cutter {
    min_bytes: usize,
    avg_bytes: usize,
    max_bytes: usize,
    mask_s: u64,
    mask_l: u64,
    scanner: Scanner,
    gear: Box<[u64; 256]>,
    gear_shifted: Box<[u64; 256]>,
}

impl Cutter {
    /// A cutter with these parameters, which must be [valid](Chunker::validate).
    pub fn new(chunker: &Chunker) -> Self {
        let gear = gear_table(&chunker.gear_seed);
        Self {
            min_bytes: chunker.min_bytes as usize,
            avg_bytes: chunker.avg_bytes as usize,
            max_bytes: chunker.max_bytes as usize,
            mask_s: chunker.mask_s,
            mask_l: chunker.mask_l,
            scanner: Scanner::new(gear, chunker.mask_s | chunker.mask_l),
            gear_shifted: Box::new(gear.map(|g| g << 1)),
            gear: Box::new(gear),
        }
    }

    /// The largest chunk in bytes.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The length of the first chunk of `region`, which must hold [`max_bytes`](Self::max_bytes)
    /// or reach the region's end. Zero only for no bytes.
    pub fn cut(&self, region: &[u8]) -> usize {
        if !self.scanner.is_wide() {
            return self.cut_by_the_crate(region);
        }
        if region.len() <= self.min_bytes {
            return region.len();
        }
        let len = region.len().min(self.max_bytes);
        match self.decided(region, len) {
            ControlFlow::Break(len) => len,
            ControlFlow::Continue(_) => len,
        }
    }

    /// The definition of the rule.
    fn cut_by_the_crate(&self, region: &[u8]) -> usize {
        fastcdc::v2020::cut_gear(
            region,
            self.min_bytes,
            self.avg_bytes,
            self.max_bytes,
            self.mask_s,
            self.mask_l,
            self.mask_s << 1,
            self.mask_l << 1,
            &self.gear[..],
            &self.gear_shifted[..],
        )
        .1
    }

    /// Breaks where the hash decides for a cut before `len`, which is more than the smallest chunk.
    fn decided(&self, region: &[u8], len: usize) -> ControlFlow<usize, u64> {
        // The definition looks at bytes in pairs, and not at the last one of an odd number.
        let (center, end) = (self.avg_bytes.min(len) / 2 * 2, len / 2 * 2);
        let hash = self
            .scanner
            .search(region, self.min_bytes..center, self.mask_s, 0)?;
        self.scanner.search(region, center..end, self.mask_l, hash)
    }

    /// Whether the first chunk of `region` is one of `len` bytes, given that these bytes have been a chunk before.
    ///
    /// `len` must be what [`cut`](Self::cut) once gave for a region that began with the same `len` bytes.
    /// `region` must hold `len + 2` bytes or reach the region's end. The cost does not depend on `len`.
    ///
    /// Equal bytes alone do not make an equal cut, since it is the byte behind a chunk that decides.
    pub fn confirms(&self, region: &[u8], len: usize) -> bool {
        if len == self.max_bytes || len == region.len() {
            return true;
        }
        let tested = self.min_bytes..region.len().min(self.max_bytes) / 2 * 2;
        // A chunk that reached the end of its region and is odd stopped the tests before its last byte. All others
        // tested all of their bytes, by the same masks.
        tested.contains(&len)
            && self.decides(region, len)
            && (len.is_multiple_of(2) || !self.decides(region, len - 1))
    }

    /// Whether a chunk that has come as far as position `i` is cut there; `i` is not below the smallest size.
    fn decides(&self, chunk: &[u8], i: usize) -> bool {
        let hash = self.scanner.hash_at(chunk, self.min_bytes, i);
        let mask = if i < self.avg_bytes {
            self.mask_s
        } else {
            self.mask_l
        };
        hash & mask == 0
    }

    /// The chunks of a whole region, in order.
    pub fn chunks<'a>(&'a self, region: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + 'a {
        let mut rest = region;
        std::iter::from_fn(move || {
            let (chunk, behind) = rest.split_at(self.cut(rest));
            rest = behind;
            (!chunk.is_empty()).then_some(chunk)
        })
    }
}

/// The gear table of an archive: 2,048 bytes derived from its seed, as little-endian numbers.
fn gear_table(seed: &[u8; 32]) -> [u64; 256] {
    let mut bytes = [0; 2048];
    let mut hasher = blake3::Hasher::new_derive_key("restante 2026 gear table v1");
    hasher.update(seed);
    hasher.finalize_xof().fill(&mut bytes);
    let mut gear = [0; 256];
    for (g, bytes) in gear.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *g = u64::from_le_bytes(*bytes);
    }
    gear
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use scan::tests::data;

    /// The rule as the spec words it, one byte at a time.
    fn cut_by_the_spec(chunker: &Chunker, b: &[u8]) -> usize {
        let gear = gear_table(&chunker.gear_seed);
        let (min, avg, max) = (
            chunker.min_bytes as usize,
            chunker.avg_bytes as usize,
            chunker.max_bytes as usize,
        );
        if b.len() <= min {
            return b.len();
        }
        let n = b.len().min(max);
        let center = avg.min(n) / 2 * 2;
        let mut h = 0_u64;
        for (i, byte) in b.iter().enumerate().take(n / 2 * 2).skip(min) {
            h = h.wrapping_mul(2).wrapping_add(gear[usize::from(*byte)]);
            let mask = if i < center {
                chunker.mask_s
            } else {
                chunker.mask_l
            };
            if h & mask == 0 {
                return i;
            }
        }
        n
    }

    fn xof(text: &str, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new()
            .update(text.as_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        bytes
    }

    // F-051
    #[test]
    fn the_average_is_near_what_was_asked_for() {
        let bytes = xof("average", 32 << 20);
        let chunker = Chunker::default();
        let count = Cutter::new(&chunker).chunks(&bytes).count();
        let mean = bytes.len() / count;
        assert!((48 << 10..96 << 10).contains(&mean), "{mean}");
    }

    // F-051
    #[test]
    fn zeros_cut_at_max() {
        let cutter = Cutter::new(&Chunker::default());
        let lengths: Vec<usize> = cutter.chunks(&[0; 600_000]).map(<[u8]>::len).collect();
        assert_eq!(lengths, [262_144, 262_144, 75_712]);
    }

    #[test]
    fn a_chunk_is_confirmed_where_the_rule_cuts_it_again() {
        let chunker = Chunker {
            min_bytes: 64,
            avg_bytes: 96,
            max_bytes: 160,
            mask_s: 0x3800_0000,
            mask_l: 0x6000_0000,
            gear_seed: [0; 32],
        };
        let cutter = Cutter::new(&chunker);
        let bytes = xof("confirmed", 2000);
        let mut counts = [[0; 2]; 2];
        for old in bytes
            .windows(200)
            .flat_map(|old| [old, &old[..64], &old[..81], &old[..80]])
        {
            let len = cutter.cut(old);
            // Every ending of the region, and every byte behind the chunk.
            for more in 0..4 {
                for behind in 0..=255 {
                    let mut new = old[..len].to_vec();
                    new.extend([behind, 1, 2, 3].iter().take(more));
                    let cut = cutter.cut(&new) == len;
                    assert_eq!(cutter.confirms(&new, len), cut, "{len} and {more} more");
                    counts[len % 2][usize::from(cut)] += 1;
                }
            }
        }
        assert!(counts.as_flattened().iter().all(|count| *count > 0), "{counts:?}");
    }

    /// Parameters of which masks, sizes and seed are all over what is valid, the masks rather low than high.
    fn chunkers() -> impl Strategy<Value = Chunker> {
        let mask = prop_oneof![
            4 => (1_u32..14, 0_u32..20).prop_map(|(bits, shift)| ((1_u64 << bits) - 1) << shift.min(32 - bits)),
            1 => (1_u32..14, 0_u32..50).prop_map(|(bits, shift)| ((1_u64 << bits) - 1) << shift),
            1 => proptest::collection::vec(0_u32..63, 1..9)
                .prop_map(|bits| bits.into_iter().fold(0, |mask, bit| mask | 1_u64 << bit)),
            1 => Just(Chunker::default().mask_s),
        ];
        let size = |low: u32| (low..13).prop_flat_map(|log| 0..1_u32 << log);
        (
            any::<[u8; 32]>(),
            mask.clone(),
            mask,
            [size(5), size(8), size(11)],
        )
            .prop_map(|(gear_seed, mask_s, mask_l, [min, avg, max])| Chunker {
                min_bytes: 64 + 2 * min,
                avg_bytes: 64 + 2 * (min + avg),
                max_bytes: 64 + 2 * (min + avg + max),
                mask_s,
                mask_l,
                gear_seed,
            })
    }

    fn cut_by_the_crate(chunker: &Chunker, bytes: &[u8]) -> usize {
        let gear = gear_table(&chunker.gear_seed);
        fastcdc::v2020::cut_gear(
            bytes,
            chunker.min_bytes as usize,
            chunker.avg_bytes as usize,
            chunker.max_bytes as usize,
            chunker.mask_s,
            chunker.mask_l,
            chunker.mask_s << 1,
            chunker.mask_l << 1,
            &gear,
            &gear.map(|g| g << 1),
        )
        .1
    }

    proptest! {
        #[test]
        fn the_rule_of_the_spec_is_the_crates(
            chunker in prop_oneof![4 => chunkers(), 1 => Just(Chunker::default())],
            data in data(400_000),
        ) {
            prop_assert_eq!(chunker.validate(), Ok(()));
            let cutter = Cutter::new(&chunker);
            let mut rest = &data[..];
            // Many small chunks tell no more than some do.
            for chunk in cutter.chunks(&data).take(100) {
                prop_assert_eq!(chunk.len(), cut_by_the_crate(&chunker, rest));
                prop_assert_eq!(chunk.len(), cut_by_the_spec(&chunker, rest));
                rest = &rest[chunk.len()..];
            }
        }

        #[test]
        fn a_chunk_is_confirmed_if_it_is_cut_again(
            chunker in chunkers(),
            data in data(40_000),
            ends in any::<proptest::sample::Index>(),
            behind in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let cutter = Cutter::new(&chunker);
            let old = &data[..ends.index(data.len() + 1)];
            let len = cutter.cut(old);
            let other = [&old[..len], &behind].concat();
            for new in [old, &data, &other, &other[..other.len().min(len + 1)]] {
                let seen = &new[..new.len().min(len + 2)];
                prop_assert_eq!(cutter.confirms(seen, len), cutter.cut(new) == len);
            }
        }
    }
}
