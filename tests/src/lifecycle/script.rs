//! A sequence of steps as bytes: what a fuzzer makes, a seed gives, and a failure leaves behind.

/// The rest of the bytes of a sequence; behind its end there are zeros.
#[derive(Clone, Debug)]
pub(super) struct Script<'a>(pub(super) &'a [u8]);

impl Script<'_> {
    /// The next byte.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below a bound; 0 if that is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let byte = usize::from(self.byte());
        match bound {
            0 => 0,
            1..=256 => byte % bound,
            _ => (byte << 8 | usize::from(self.byte())) % bound,
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}
