//! Snapshot objects (`spec/FORMAT.md`, section 9).

use super::codec::{Decode, Encode, from_compact, to_compact};
use super::tree::StoredTime;
use crate::error::Flaw;
use crate::id::Id;
use crate::limits::{CONNECTOR_BYTES, HOST_BYTES, LISTED_BYTES, LISTED_PATHS};
use crate::model::{Counts, Snapshot, Unreadable};

#[derive(Encode, Decode)]
struct Stored {
    time: StoredTime,
    host: String,
    connector: Option<String>,
    paths: Vec<Vec<u8>>,
    tags: Vec<String>,
    root: [u8; 32],
    parent: Option<[u8; 32]>,
    program: String,
    files: u64,
    dirs: u64,
    bytes: u64,
    changed_files: u64,
    read_bytes: u64,
    new_objects: u64,
    stored_bytes: [u8; 8],
    torn_count: u64,
    unreadable_count: u64,
    torn: Vec<Vec<u8>>,
    unreadable: Vec<(Vec<u8>, String)>,
}

/// The plain bytes of a snapshot object. Their length does not depend on `counts.stored_bytes`.
pub fn encode_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    let counts = &snapshot.counts;
    to_compact(&Stored {
        time: snapshot.time.into(),
        host: snapshot.host.clone(),
        connector: snapshot.connector.clone(),
        paths: snapshot.paths.clone(),
        tags: snapshot.tags.clone(),
        root: snapshot.root.0,
        parent: snapshot.parent.map(|id| id.0),
        program: snapshot.program.clone(),
        files: counts.files,
        dirs: counts.dirs,
        bytes: counts.bytes,
        changed_files: counts.changed_files,
        read_bytes: counts.read_bytes,
        new_objects: counts.new_objects,
        stored_bytes: counts.stored_bytes.to_le_bytes(),
        torn_count: counts.torn,
        unreadable_count: counts.unreadable,
        torn: snapshot.torn.clone(),
        unreadable: snapshot
            .unreadable
            .iter()
            .map(|u| (u.path.clone(), u.reason.clone()))
            .collect(),
    })
}

/// The snapshot that `bytes` hold.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Snapshot, Flaw> {
    let flaw = |field, reason| Flaw::new("snapshot", field, reason);
    let stored: Stored = from_compact("snapshot", bytes)?;
    if stored.host.len() > HOST_BYTES {
        return Err(flaw("host", "is longer than 1,024 bytes"));
    }
    if stored
        .connector
        .as_ref()
        .is_some_and(|name| name.len() > CONNECTOR_BYTES)
    {
        return Err(flaw("connector", "is longer than 256 bytes"));
    }
    if stored.tags.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(flaw("tags", "are not in ascending order"));
    }
    if stored.torn.len() > LISTED_PATHS || stored.unreadable.len() > LISTED_PATHS {
        return Err(flaw("paths", "are more than 1,000"));
    }
    let torn_bytes: usize = stored.torn.iter().map(Vec::len).sum();
    let unreadable_bytes: usize = stored
        .unreadable
        .iter()
        .map(|(path, reason)| path.len() + reason.len())
        .sum();
    if torn_bytes > LISTED_BYTES || unreadable_bytes > LISTED_BYTES {
        return Err(flaw("paths", "are longer than 1 MiB"));
    }
    if (stored.torn.len() as u64) > stored.torn_count {
        return Err(flaw("torn count", "is less than the paths listed"));
    }
    if (stored.unreadable.len() as u64) > stored.unreadable_count {
        return Err(flaw("unreadable count", "is less than the paths listed"));
    }
    Ok(Snapshot {
        time: stored.time.decode("snapshot", "time")?,
        host: stored.host,
        connector: stored.connector,
        paths: stored.paths,
        tags: stored.tags,
        root: Id(stored.root),
        parent: stored.parent.map(Id),
        program: stored.program,
        counts: Counts {
            files: stored.files,
            dirs: stored.dirs,
            bytes: stored.bytes,
            changed_files: stored.changed_files,
            read_bytes: stored.read_bytes,
            new_objects: stored.new_objects,
            stored_bytes: u64::from_le_bytes(stored.stored_bytes),
            torn: stored.torn_count,
            unreadable: stored.unreadable_count,
        },
        torn: stored.torn,
        unreadable: stored
            .unreadable
            .into_iter()
            .map(|(path, reason)| Unreadable { path, reason })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn snapshot() -> Snapshot {
        Snapshot {
            time: Timestamp {
                secs: 1_795_000_000,
                nanos: 5,
            },
            host: "EXCH1".into(),
            connector: Some("conn-tables".into()),
            paths: vec![b"/mnt/exch1/Conndata/Tables".to_vec()],
            tags: vec!["a".into(), "b".into()],
            root: Id([1; 32]),
            parent: None,
            program: "test".into(),
            counts: Counts {
                files: 3,
                torn: 2,
                unreadable: 1,
                ..Counts::default()
            },
            torn: vec![b"x/\xff".to_vec()],
            unreadable: vec![Unreadable {
                path: b"y".to_vec(),
                reason: "no".into(),
            }],
        }
    }

    #[test]
    fn round_trip_at_a_length_that_ignores_stored_bytes() {
        let mut grown = snapshot();
        grown.counts.stored_bytes = u64::MAX;
        assert_eq!(encode_snapshot(&grown).len(), encode_snapshot(&snapshot()).len());
        assert_eq!(decode_snapshot(&encode_snapshot(&grown)), Ok(grown));
    }

    #[test]
    fn constraints() {
        type Change = fn(&mut Snapshot);
        let changes: [(&str, Change); 7] = [
            ("time", |s| s.time.nanos = 1_000_000_000),
            ("host", |s| s.host = "x".repeat(1025)),
            ("connector", |s| s.connector = Some("x".repeat(257))),
            ("tags", |s| s.tags.swap(0, 1)),
            ("paths", |s| s.torn = vec![vec![b'x'; LISTED_BYTES + 1]]),
            ("torn count", |s| s.counts.torn = 0),
            ("unreadable count", |s| s.counts.unreadable = 0),
        ];
        for (field, change) in changes {
            let mut changed = snapshot();
            change(&mut changed);
            assert_eq!(
                decode_snapshot(&encode_snapshot(&changed))
                    .expect_err(field)
                    .field,
                field
            );
        }
    }
}
