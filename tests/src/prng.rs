//! A small seeded generator of pseudo-random numbers: the same numbers on every machine and in every version.
//!
//! xoshiro256++ seeded by SplitMix64, both by David Blackman and Sebastiano Vigna (<https://prng.di.unimi.it/>).
//! Not for secrets.

/// xoshiro256++.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

/// One step of SplitMix64: advances `state` and returns a well-mixed number.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The generator that `seed` alone determines.
    pub fn new(seed: u64) -> Self {
        let mut s = seed;
        Self {
            state: std::array::from_fn(|_| split_mix(&mut s)),
        }
    }

    /// The generator for one thing among many: every file and page has its own, so that they can be made in any
    /// order and by any number of threads.
    pub fn derive(seed: u64, label: &str, number: u64) -> Self {
        // FNV-1a over the label; SplitMix64 then spreads what FNV leaves close together.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in label.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut s = seed;
        let a = split_mix(&mut s);
        s ^= hash;
        let b = split_mix(&mut s);
        s ^= number;
        Self::new(a ^ b.rotate_left(32) ^ split_mix(&mut s))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number below `bound` (0 where `bound` is 0). The bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number below `bound` that prefers small ones, as popular words and correspondents do.
    pub fn skewed(&mut self, bound: u64) -> u64 {
        let first = self.below(bound);
        first.min(self.below(bound))
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Fills `bytes` with bits that do not compress.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        let mut words = bytes.chunks_exact_mut(8);
        for word in &mut words {
            word.copy_from_slice(&self.next_u64().to_le_bytes());
        }
        let rest = words.into_remainder();
        let last = self.next_u64().to_le_bytes();
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_numbers_of_splitmix64() {
        let mut state = 1_234_567;
        let numbers: [u64; 3] = std::array::from_fn(|_| split_mix(&mut state));
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn derived_generators_differ() {
        let of = |label, n| Rng::derive(1, label, n).next_u64();
        assert_ne!(of("a", 0), of("a", 1));
        assert_ne!(of("a", 0), of("b", 0));
        assert_ne!(Rng::derive(2, "a", 0).next_u64(), of("a", 0));
        assert_eq!(of("a", 7), of("a", 7));
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new(3);
        assert_eq!(rng.below(0), 0);
        assert!((0..1000).all(|_| rng.below(7) < 7));
    }
}
