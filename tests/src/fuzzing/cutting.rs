//! Cutting by runs side by side, as the input says, held against a serial scan.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{Input, any_chunker};
use crate::cutting::{Edit, Has, Restless, Rules, Setup, check_contiguous, check_exact, damage_guide, whole};
use crate::prng::Rng;

/// The longest file in bytes.
const MOST_BYTES: usize = 1 << 15;

/// The parameters of the cut rule, how a file is cut, what happened to it since the parent, and its bytes.
pub fn cutting(data: &[u8]) {
    let mut input = Input(data);
    let (flags, chunker) = any_chunker(&mut input);
    let rules = Rules::new(chunker);
    let ways = input.u8();
    let setup = Setup {
        run_bytes: match input.u16() {
            u16::MAX => None,
            bytes => Some(u64::from(bytes)),
        },
        threads: 1 + usize::from(ways & 3),
        limit: usize::from(ways >> 2 & 7),
        inside: ways & 32 > 0,
        has: match ways >> 6 {
            0 => Has::Nothing,
            1 => Has::Everything,
            _ => Has::Some(u64::from(ways)),
        },
    };
    let damage = input.u8();
    let hole = [input.u16(), input.u16()].map(u64::from);
    let edits: Vec<Edit> = (0..input.u8() % 8)
        .map(|_| Edit {
            kind: input.u8(),
            at: u64::from(input.u16()),
            len: u64::from(input.u16()),
            seed: u64::from(input.u16()),
        })
        .collect();
    let mut file = input.0.repeat(1 + usize::from(flags >> 2));
    file.truncate(MOST_BYTES);
    // More than dozens of runs show nothing new, and take long.
    let least = file.len() as u64 / 64;
    let setup = Setup {
        run_bytes: setup
            .run_bytes
            .map(|bytes| if file.len() < 200 { bytes } else { bytes.max(least) }),
        ..setup
    };
    let len = file.len() as u64;
    let [start, end] = [hole[0].min(hole[1]), hole[0].max(hole[1])].map(|at| at % (len + 1));
    let regions = match damage & 1 == 0 {
        true => whole(&file),
        // The second one may go on behind the end.
        false => vec![0..start.min(end), start.max(end)..len + hole[0] % 3],
    };
    let mut before = file.clone();
    for edit in &edits {
        edit.apply(&mut before, 2 * MOST_BYTES);
    }
    let mut guide = rules.chunks(&before, &whole(&before));
    check_exact(&rules, &file, &regions, &guide, &setup);
    if damage & 2 > 0 {
        damage_guide(&mut guide, &mut Rng::new(u64::from(damage)));
        check_exact(&rules, &file, &regions, &guide, &setup);
    }
    if damage & 4 > 0 {
        let source = Restless {
            versions: [&file, &before],
            seed: u64::from(damage),
            reads: AtomicU64::new(0),
        };
        check_contiguous(&rules, &Arc::new(source), &regions, &guide, &setup);
    }
}
