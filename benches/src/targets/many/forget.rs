//! The oldest snapshots forgotten, and what only they needed pruned, by the library in a process of its own.

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use restante_format::archive::{Archive, Grace, PruneRequest, VerifyLevel};
use restante_format::model::Timestamp;
use restante_format::progress::Progress;
use restante_format::store::LocalStore;
use serde_json::{Value, json};

use super::counting::{CountingStore, Counts};
use super::resident::memory;
use crate::folder::Size;

/// What part of the archive may be of no use and stay, as the program has it unless told otherwise.
const MAX_UNUSED_PERCENT: f64 = 5.0;

/// Forgets the oldest `count` snapshots of the archive at `repository` and prunes it, with nobody beside. What is left is verified.
pub(super) fn forget(count: usize, repository: &Path) -> Result<Value, Box<dyn Error>> {
    let before = Size::of(repository)?;
    // Counting them reads every page, which forgetting need not: with another one, so that nothing is known from it.
    let all = Archive::open(Arc::new(LocalStore::new(repository)))?
        .catalog()
        .len();
    let store = Arc::new(CountingStore::new(LocalStore::new(repository)));
    let started = Instant::now();
    let mut archive = Archive::open(Arc::clone(&store) as _)?;
    let oldest = archive.catalog().oldest_first().take(count);
    let ids: HashSet<_> = oldest.map(|moment| moment.id()).collect();
    let choose = (started.elapsed().as_secs_f64(), store.take());
    let newest = archive.catalog().newest_first().next().map(|moment| moment.time);

    let started = Instant::now();
    let forgotten = archive.forget(&ids, &Progress::default())?;
    let forget = (started.elapsed().as_secs_f64(), store.take());
    let request = PruneRequest {
        now: newest.unwrap_or(Timestamp { secs: 0, nanos: 0 }),
        grace: Grace::None,
        max_unused_percent: MAX_UNUSED_PERCENT,
    };
    let started = Instant::now();
    archive.prune(&request, &Progress::default())?;
    let prune = (started.elapsed().as_secs_f64(), store.take());
    let peak_bytes = memory("VmHWM");

    let after = Size::of(repository)?;
    let left = archive.catalog().len();
    let report = archive.verify(VerifyLevel::Full, &Progress::default())?;
    if forgotten.snapshots != ids.len() as u64 || left + ids.len() != all || !report.damaged.is_empty() {
        return Err(format!(
            "of {all} snapshots {} were to be forgotten, {} were, {left} are left; damaged: {:?}",
            ids.len(),
            forgotten.snapshots,
            report.damaged
        )
        .into());
    }
    Ok(json!({
        "forgotten": forgotten.snapshots,
        "left": left,
        "choose": piece(choose),
        "forget": piece(forget),
        "prune": piece(prune),
        "bytes_before": before.bytes,
        "bytes_after": after.bytes,
        "files_before": before.files,
        "files_after": after.files,
        "peak_bytes": peak_bytes,
    }))
}

fn piece((seconds, counts): (f64, Counts)) -> Value {
    json!({
        "s": seconds,
        "reads": counts.reads,
        "read_bytes": counts.read_bytes,
        "written_bytes": counts.written_bytes,
        "deleted": counts.deleted,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fill::fill;
    use super::super::series::Series;
    use super::*;

    #[test]
    fn half_is_forgotten_and_the_room_is_free() {
        let place = tempfile::tempdir().unwrap();
        let series = Series {
            snapshots: 120,
            changes: 40,
            jitter: true,
        };
        let repository = place.path().join("repository");
        fill(&series, false, &place.path().join("source"), &repository).unwrap();
        let found = forget(60, &repository).unwrap();
        assert_eq!((&found["forgotten"], &found["left"]), (&json!(60), &json!(60)));
        assert!(found["bytes_after"].as_u64() < found["bytes_before"].as_u64());
        assert!(found["prune"]["read_bytes"].as_u64() > Some(0));
    }
}
