//! Sixteen searches at once, with masks inside of the low 32 bits.
//!
//! A block is cut into sixteen strips, and each 32-bit lane searches one of them. A gather of sixteen table entries
//! would cost as much as sixteen loads; instead the table lies in registers, as four planes of 256 bytes, and byte
//! permutations look up one plane for 64 bytes at a time.

use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_extract_epi32, _mm_prefetch, _mm512_add_epi32, _mm512_extracti32x4_epi32,
    _mm512_loadu_si512, _mm512_mask_blend_epi8, _mm512_mask_set1_epi32, _mm512_mask_test_epi32_mask,
    _mm512_movepi8_mask, _mm512_permutex2var_epi8, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::ops::Range;

use super::{Search, serial, warm};

/// How many strips there are, one a lane.
const LANES: usize = 16;
/// Positions of a strip that are searched before the lanes are asked whether they found something.
const LINE: usize = 64;
/// The longest strip, in lines: a longer one spreads its warm-up further, a shorter one searches less in vain
/// behind the position that is found.
const MAX_LINES: usize = 8;
/// Bytes that decide the low 32 bits of a hash.
const WINDOW_BYTES: usize = 32;

/// The low halves of a gear table, ready for these searches; exists only where the processor can run them.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// Byte `p` of entry `64 q + i` is `planes[p][q][i]`.
    planes: Box<[[[u8; LINE]; 4]; 4]>,
}

impl Tables {
    /// The tables, where the processor can use them and the masks need no more than 32 bits.
    pub(super) fn new(gear: &[u64; 256], masks: u64) -> Option<Self> {
        let able = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi");
        let entry = |p: usize, i: usize| gear[i].to_le_bytes()[p];
        let plane = |p| std::array::from_fn(|q| std::array::from_fn(|i| entry(p, LINE * q + i)));
        (able && masks <= u64::from(u32::MAX)).then(|| Self {
            planes: Box::new(std::array::from_fn(plane)),
        })
    }

    /// As [`serial`], for whose table these were made.
    #[allow(unsafe_code)]
    pub(super) fn search(
        &self,
        gear: &[u64; 256],
        bytes: &[u8],
        range: Range<usize>,
        mask: u64,
        hash: u64,
    ) -> Search {
        // SAFETY: there is no value of this type but where the processor has these features.
        unsafe { search(self, gear, bytes, range, mask, hash) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn search(
    tables: &Tables,
    gear: &[u64; 256],
    bytes: &[u8],
    mut range: Range<usize>,
    mask: u64,
    mut hash: u64,
) -> Search {
    let planes = each(|p| each(|q| load(&tables.planes[p][q])));
    let masks = _mm512_set1_epi32(mask as i32);
    while range.len() >= LANES * LINE {
        let strip = MAX_LINES.min(range.len() / (LANES * LINE));
        // Lines of the block, and of what lies before it and behind it.
        let (lines, _) = bytes[range.start..].as_chunks::<LINE>();
        let mut hashes = warm_up(&planes, lines, strip, hash);
        let mut found = None;
        for line in 0..strip {
            for ahead in 0..LANES {
                prefetch(lines, (2 * strip + line) * LANES + ahead);
            }
            let zeros = search_line(&planes, lines, strip, line, masks, &mut hashes);
            // What comes first lies in the lowest lane, however late it is found there.
            let before = found.map_or(LANES as u32, |(lane, _)| lane);
            let lane = zeros.trailing_zeros();
            if lane < before {
                found = Some((lane, line));
                if lane == 0 {
                    break;
                }
            }
        }
        if let Some((lane, line)) = found {
            let at = range.start + (lane as usize * strip + line) * LINE;
            if at > range.start {
                hash = warm(gear, &bytes[at - WINDOW_BYTES..at]);
            }
            return serial(gear, bytes, at..at + LINE, mask, hash);
        }
        hash = u64::from(last(hashes));
        range.start += LANES * strip * LINE;
    }
    serial(gear, bytes, range, mask, hash)
}

/// The hashes before the first position of each strip; that of the first strip is known.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[inline]
fn warm_up(planes: &[[__m512i; 4]; 4], lines: &[[u8; LINE]], strip: usize, hash: u64) -> __m512i {
    // The first strip has nothing before it here; what its lane reads instead is of no account.
    let before = transposed(std::array::from_fn(|lane| {
        &lines[(lane * strip).saturating_sub(1)]
    }));
    let mut hashes = _mm512_setzero_si512();
    for bytes in &before[(LINE - WINDOW_BYTES) / 4..] {
        for entries in look_up(planes, *bytes) {
            hashes = _mm512_add_epi32(_mm512_add_epi32(hashes, hashes), entries);
        }
    }
    _mm512_mask_set1_epi32(hashes, 1, hash as i32)
}

/// Searches one line of each strip; returns in which there is something.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[inline]
fn search_line(
    planes: &[[__m512i; 4]; 4],
    lines: &[[u8; LINE]],
    strip: usize,
    line: usize,
    masks: __m512i,
    hashes: &mut __m512i,
) -> u16 {
    // One for each of four positions, lest each test wait for the one before it.
    let mut without = [u16::MAX; 4];
    for bytes in transposed(std::array::from_fn(|lane| &lines[lane * strip + line])) {
        for (entries, without) in look_up(planes, bytes).into_iter().zip(&mut without) {
            *hashes = _mm512_add_epi32(_mm512_add_epi32(*hashes, *hashes), entries);
            *without = _mm512_mask_test_epi32_mask(*without, *hashes, masks);
        }
    }
    !(without[0] & without[1] & without[2] & without[3])
}

/// The table entries of four bytes a lane: those of all first bytes, of all second ones, and so on.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[inline]
fn look_up(planes: &[[__m512i; 4]; 4], bytes: __m512i) -> [__m512i; 4] {
    // Each quarter of the register holds four lanes; here its first bytes come together, its second ones, …
    const TOGETHER: [u8; LINE] = {
        let mut order = [0; LINE];
        let mut i = 0;
        while i < LINE {
            order[i] = (i % 16 % 4 * 4 + i % 16 / 4) as u8;
            i += 1;
        }
        order
    };
    let bytes = _mm512_shuffle_epi8(bytes, load(&TOGETHER));
    let upper = _mm512_movepi8_mask(bytes);
    let [a, b, c, d] = each(|p| {
        let [first, second, third, fourth] = planes[p];
        _mm512_mask_blend_epi8(
            upper,
            _mm512_permutex2var_epi8(first, bytes, second),
            _mm512_permutex2var_epi8(third, bytes, fourth),
        )
    });
    // Four planes of bytes into 32-bit numbers.
    let (low, high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
    let (low_2, high_2) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
    [
        _mm512_unpacklo_epi16(low, high),
        _mm512_unpackhi_epi16(low, high),
        _mm512_unpacklo_epi16(low_2, high_2),
        _mm512_unpackhi_epi16(low_2, high_2),
    ]
}

/// Sixteen lines, by columns of four bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[inline]
fn transposed(lines: [&[u8; LINE]; LANES]) -> [__m512i; LANES] {
    // Four rows each, by four columns each: `fours[g][c]` holds columns c, c + 4, c + 8 and c + 12.
    let fours: [[__m512i; 4]; 4] = each(|g| {
        let [a, b, c, d] = each(|i| load(lines[4 * g + i]));
        let (low, low_2) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        let (high, high_2) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        [
            _mm512_unpacklo_epi64(low, low_2),
            _mm512_unpackhi_epi64(low, low_2),
            _mm512_unpacklo_epi64(high, high_2),
            _mm512_unpackhi_epi64(high, high_2),
        ]
    });
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xdd;
    let mut columns = [_mm512_setzero_si512(); LANES];
    for c in 0..4 {
        let even = _mm512_shuffle_i32x4::<EVEN>(fours[0][c], fours[1][c]);
        let odd = _mm512_shuffle_i32x4::<ODD>(fours[0][c], fours[1][c]);
        let even_2 = _mm512_shuffle_i32x4::<EVEN>(fours[2][c], fours[3][c]);
        let odd_2 = _mm512_shuffle_i32x4::<ODD>(fours[2][c], fours[3][c]);
        columns[c] = _mm512_shuffle_i32x4::<EVEN>(even, even_2);
        columns[c + 4] = _mm512_shuffle_i32x4::<EVEN>(odd, odd_2);
        columns[c + 8] = _mm512_shuffle_i32x4::<ODD>(even, even_2);
        columns[c + 12] = _mm512_shuffle_i32x4::<ODD>(odd, odd_2);
    }
    columns
}

/// The last lane.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[inline]
fn last(lanes: __m512i) -> u32 {
    _mm_extract_epi32::<3>(_mm512_extracti32x4_epi32::<3>(lanes)) as u32
}

/// An array by its indices. A closure takes on the processor features of the function around it, and
/// this must be inlined into that function.
#[inline(always)]
fn each<T, const N: usize>(f: impl FnMut(usize) -> T) -> [T; N] {
    std::array::from_fn(f)
}

#[target_feature(enable = "avx512f")]
#[inline]
#[allow(unsafe_code)]
fn load(line: &[u8; LINE]) -> __m512i {
    // SAFETY: the 64 bytes behind the pointer are those of the array, and this load asks for no alignment.
    unsafe { _mm512_loadu_si512(line.as_ptr().cast()) }
}

/// Fetches a line ahead of its time: the processor does not foresee in which order sixteen strips are read.
#[inline]
#[allow(unsafe_code)]
fn prefetch(lines: &[[u8; LINE]], line: usize) {
    if let Some(line) = lines.get(line) {
        // SAFETY: it is a hint, and the pointer is that of an array.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}
