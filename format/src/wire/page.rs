//! Pages of the catalogue (`spec/FORMAT.md`, section 9): snapshots, and the times at which each was seen.

use super::codec::{Decode, Encode, from_compact, to_compact};
use super::tree::StoredTime;
use crate::error::Flaw;
use crate::limits::PAGE_MOMENTS;
use crate::model::Timestamp;

/// A snapshot and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEntry {
    /// The plain bytes of the snapshot.
    pub snapshot: Vec<u8>,
    /// The times, strictly ascending, at least one.
    pub times: Vec<Timestamp>,
}

#[derive(Encode, Decode)]
struct StoredEntry {
    snapshot: Vec<u8>,
    first: StoredTime,
    steps: Vec<StoredSteps>,
}

/// So many steps from one time to the next, each longer than the one before it by `change` nanoseconds.
#[derive(Encode, Decode)]
struct StoredSteps {
    change: i64,
    count: u64,
}

fn flaw(field: &'static str, reason: impl Into<String>) -> Flaw {
    Flaw::new("page", field, reason)
}

/// The plain bytes of a page with these entries, or nothing if they cannot be in one: if times lie centuries apart.
pub fn encode_page(entries: &[PageEntry]) -> Option<Vec<u8>> {
    let stored = |entry: &PageEntry| {
        Some(StoredEntry {
            snapshot: entry.snapshot.clone(),
            first: (*entry.times.first()?).into(),
            steps: steps_of(&entry.times)?,
        })
    };
    let entries: Option<Vec<StoredEntry>> = entries.iter().map(stored).collect();
    Some(to_compact(&entries?))
}

/// The entries of the page that `bytes` hold.
pub fn decode_page(bytes: &[u8]) -> Result<Vec<PageEntry>, Flaw> {
    let stored: Vec<StoredEntry> = from_compact("page", bytes)?;
    if stored.is_empty() {
        return Err(flaw("entries", "are none"));
    }
    let mut room = PAGE_MOMENTS;
    stored
        .into_iter()
        .map(|entry| {
            let times = times_of(entry.first.decode("page", "time")?, &entry.steps, &mut room)?;
            Ok(PageEntry {
                snapshot: entry.snapshot,
                times,
            })
        })
        .collect()
}

fn steps_of(times: &[Timestamp]) -> Option<Vec<StoredSteps>> {
    let mut steps: Vec<StoredSteps> = Vec::new();
    let mut before = 0_i64;
    for pair in times.windows(2) {
        let step = i64::try_from(pair[1].as_nanos() - pair[0].as_nanos()).ok()?;
        let change = step - before;
        before = step;
        match steps.last_mut().filter(|last| last.change == change) {
            Some(last) => last.count += 1,
            None => steps.push(StoredSteps { change, count: 1 }),
        }
    }
    Some(steps)
}

/// The times, of which a page may have as many as there is `room` for.
fn times_of(first: Timestamp, steps: &[StoredSteps], room: &mut usize) -> Result<Vec<Timestamp>, Flaw> {
    // Counted before anything is made of them: a few bytes can claim any number.
    let claimed = steps
        .iter()
        .try_fold(1_u64, |sum, steps| sum.checked_add(steps.count));
    let claimed = claimed.and_then(|count| usize::try_from(count).ok());
    let Some((count, left)) = claimed.and_then(|count| Some((count, room.checked_sub(count)?))) else {
        return Err(flaw("times", format!("are more than {PAGE_MOMENTS}")));
    };
    *room = left;
    let mut times = Vec::with_capacity(count);
    times.push(first);
    let (mut time, mut step) = (first.as_nanos(), 0_i64);
    for StoredSteps { change, count } in steps {
        for _ in 0..*count {
            step = step
                .checked_add(*change)
                .filter(|step| *step > 0)
                .ok_or_else(|| flaw("times", "are not ascending"))?;
            time += i128::from(step);
            times.push(Timestamp::from_nanos(time).ok_or_else(|| flaw("times", "are out of range"))?);
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(secs: i64, nanos: u32) -> Timestamp {
        Timestamp { secs, nanos }
    }

    fn round_trip(times: Vec<Timestamp>) -> usize {
        let entries = [PageEntry {
            snapshot: vec![1, 2, 3],
            times,
        }];
        let bytes = encode_page(&entries).expect("they can be in one page");
        assert_eq!(decode_page(&bytes).expect("decode"), entries);
        bytes.len()
    }

    #[test]
    fn times_come_back_exactly() {
        round_trip(vec![time(-5, 7)]);
        round_trip(vec![time(i64::MIN, 0), time(i64::MIN, 1)]);
        round_trip(vec![time(-1, 999_999_999), time(0, 0), time(0, 1), time(7, 3)]);
        // Where a snapshot is due every minute, its times take next to nothing.
        assert!(round_trip((0..60_000).map(|n| time(60 * n, 123)).collect()) < 40);
        let jitter = |n: i64| time(60 * n, (n * n % 1_000_003) as u32);
        assert!(round_trip((0..10_000).map(jitter).collect()) < 80_000);
        let apart = [time(i64::MIN, 0), time(i64::MAX, 0)].to_vec();
        let entry = PageEntry {
            snapshot: vec![1],
            times: apart,
        };
        assert_eq!(encode_page(&[entry]), None);
    }

    // F-083, F-088
    #[test]
    fn what_times_claim_is_not_believed() {
        let page = |steps: Vec<(i64, u64)>| {
            let steps = steps
                .into_iter()
                .map(|(change, count)| StoredSteps { change, count })
                .collect();
            let first = time(i64::MAX - 10, 0).into();
            decode_page(&to_compact(&vec![StoredEntry {
                snapshot: vec![1],
                first,
                steps,
            }]))
        };
        assert!(page(vec![(1, 5)]).is_ok());
        let bad = [
            vec![(1, u64::MAX)],
            vec![(1, PAGE_MOMENTS as u64)],
            vec![(1, 1 << 63), (1, 1 << 63)],
            vec![(0, 1)],
            vec![(5, 1), (-5, 1)],
            vec![(i64::MAX, 1), (0, 1)],
            vec![(i64::MAX, 2)],
        ];
        for steps in bad {
            assert!(page(steps.clone()).is_err(), "{steps:?}");
        }
        assert!(decode_page(&to_compact(&Vec::<StoredEntry>::new())).is_err());
    }
}
