//! Objects' bytes as deltas of others', and back: zstd frames whose decoder starts with the base as its history.

use std::cell::RefCell;

use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, ResetDirective, SafeResult, Strategy, get_error_name};

use crate::error::Flaw;

/// zstd's own largest window for decoders that were not told to expect more.
const MOST_WINDOW_LOG: u32 = 27;
/// The most memory that a thread keeps for the next pairs, in bytes.
const KEPT_BYTES: usize = 4 << 20;
/// How zstd's own dictionaries begin. Bytes that begin so are a base like any others.
const DICTIONARY_MAGIC: [u8; 4] = 0xec30_a437_u32.to_le_bytes();

thread_local! {
    // Fresh memory for the next pairs would cost as much as encoding them.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static DECODER: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// Bases, each with what is to be made from it right behind it: where they lie in memory must not matter to the
/// frame, and zstd tells prefixes that lie before the input from others.
pub struct Pairs {
    bytes: Vec<u8>,
    /// Where each base ends, and what is to be made from it.
    ends: Vec<(usize, usize)>,
}

impl Pairs {
    /// No pairs yet.
    pub fn new() -> Self {
        let mut bytes = BUFFER.take();
        bytes.clear();
        Self {
            bytes,
            ends: Vec::new(),
        }
    }

    /// Adds a pair; returns its number.
    pub fn push(&mut self, base: &[u8], plain: &[u8]) -> usize {
        self.bytes.extend_from_slice(base);
        let base_end = self.bytes.len();
        self.bytes.extend_from_slice(plain);
        self.ends.push((base_end, self.bytes.len()));
        self.ends.len() - 1
    }

    /// The bytes of all of them.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn get(&self, number: usize) -> (&[u8], &[u8]) {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before].1);
        let (base_end, end) = self.ends[number];
        (&self.bytes[start..base_end], &self.bytes[base_end..end])
    }
}

impl Default for Pairs {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        if self.bytes.capacity() <= KEPT_BYTES {
            BUFFER.set(std::mem::take(&mut self.bytes));
        }
    }
}

/// Makes deltas of pairs. The tables that it searches with serve for one after the other.
pub struct Encoder<'a> {
    pairs: &'a Pairs,
    context: CCtx<'a>,
    frame: Vec<u8>,
}

impl<'a> Encoder<'a> {
    /// An encoder; `None` if there is no memory.
    pub fn new(pairs: &'a Pairs) -> Option<Self> {
        Some(Self {
            pairs,
            context: CCtx::try_create()?,
            frame: Vec::new(),
        })
    }

    /// A frame, found by a quick search for long matches: what changed in few places needs no other.
    pub fn encode_quickly(&mut self, number: usize) -> Option<Vec<u8>> {
        // Of a prefix zstd looks at no more than eight bytes for each place in its tables.
        let log = self.window_log(number) - 2;
        self.encode(
            number,
            &[
                CParameter::CompressionLevel(1),
                CParameter::Strategy(Strategy::ZSTD_fast),
                CParameter::MinMatch(6),
                CParameter::HashLog(log),
                CParameter::ChainLog(log),
            ],
        )
    }

    /// A frame, found by the search of a zstd level.
    pub fn encode_at(&mut self, number: usize, level: i32) -> Option<Vec<u8>> {
        self.encode(number, &[CParameter::CompressionLevel(level)])
    }

    fn encode(&mut self, number: usize, parameters: &[CParameter]) -> Option<Vec<u8>> {
        let window_log = CParameter::WindowLog(self.window_log(number));
        let (base, plain) = self.pairs.get(number);
        self.frame.clear();
        self.frame.reserve(zstd_safe::compress_bound(plain.len()));
        let mut run = || -> SafeResult {
            self.context.reset(ResetDirective::SessionAndParameters)?;
            for parameter in parameters.iter().chain([&window_log]) {
                self.context.set_parameter(*parameter)?;
            }
            self.context.ref_prefix(base)?;
            self.context.compress2(&mut self.frame, plain)
        };
        run().is_ok().then(|| self.frame.as_slice().into())
    }

    /// The logarithm of a window that holds both.
    fn window_log(&self, number: usize) -> u32 {
        let (base, plain) = self.pairs.get(number);
        let len = (base.len() + plain.len()).next_power_of_two();
        len.ilog2().clamp(10, MOST_WINDOW_LOG)
    }
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
    let decoded = match base.starts_with(&DICTIONARY_MAGIC) {
        false => DECODER.with_borrow_mut(|slot| {
            let decoder = slot.get_or_insert_with(DCtx::create);
            decoder.decompress_using_dict(&mut plain, frame, base)
        }),
        true => {
            let mut decoder = DCtx::create();
            decoder
                .ref_prefix(base)
                .and_then(|_| decoder.decompress(&mut plain, frame))
        }
    };
    match decoded {
        Ok(len) if len == plain_len => Ok(plain),
        Ok(len) => Err(flaw(format!("decodes to {len} bytes instead of {plain_len}"))),
        Err(code) => Err(flaw(format!("cannot be decoded: {}", get_error_name(code)))),
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

    fn encode(base: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut pairs = Pairs::new();
        pairs.push(plain, base);
        let pair = pairs.push(base, plain);
        let mut encoder = Encoder::new(&pairs).expect("memory");
        let quick = encoder.encode_quickly(pair).expect("a frame");
        let frame = encoder.encode_at(pair, 3).expect("a frame");
        assert_eq!(
            decode(&quick, base, plain.len()),
            decode(&frame, base, plain.len())
        );
        assert_eq!(
            encoder.encode_quickly(pair),
            Some(quick),
            "what came before must not matter"
        );
        frame
    }

    #[test]
    fn a_change_costs_what_changed() {
        for (len, most) in [(300, 30), (65_536, 60), (600_000, 600)] {
            let base = noise(len);
            let mut plain = base.clone();
            plain[len / 2..len / 2 + 4].copy_from_slice(b"2026");
            let frame = encode(&base, &plain);
            assert!(frame.len() <= most, "{len}: {}", frame.len());
            assert_eq!(decode(&frame, &base, len), Ok(plain));
        }
    }

    #[test]
    fn what_was_inserted_moves_the_rest() {
        let base = noise(200_000);
        let plain = [&base[..70_000], b"inserted", &base[70_000..]].concat();
        let frame = encode(&base, &plain);
        assert!(frame.len() < 80, "{}", frame.len());
        assert_eq!(decode(&frame, &base, plain.len()), Ok(plain));
    }

    #[test]
    fn a_base_that_looks_like_a_dictionary_is_none() {
        let base = [&[0x37, 0xa4, 0x30, 0xec][..], &noise(500)].concat();
        let frame = encode(&base, &base);
        assert!(frame.len() < 40);
        assert_eq!(decode(&frame, &base, base.len()), Ok(base));
    }

    #[test]
    fn no_other_base_and_no_other_length_will_do() {
        let base = noise(5000);
        let frame = encode(&base, &base);
        assert_ne!(decode(&frame, &noise(4000), 5000), Ok(base.clone()));
        assert!(decode(&frame, &base, 4999).is_err());
        assert!(decode(&frame, &base, 5001).is_err());
        assert!(decode(&frame[..frame.len() - 1], &base, 5000).is_err());
        assert!(decode(&[&frame[..], &frame].concat(), &base, 5000).is_err());
        assert!(decode(b"no frame", &base, 5000).is_err());
    }
}
