//! One list, found in both ways.

use std::sync::Arc;

use restante_format::archive::Archive;
use restante_format::catalog::{Packer, State};
use restante_format::id::Id;
use restante_format::model::{Counts, Snapshot};
use restante_format::store::{MemoryStore, Store};
use restante_format::wire::{ArchiveId, Chunker, Config, encode_snapshot};

use super::*;

fn state(series: u8, secs: i64, root: u8, tag: bool, parent: Option<Id>) -> Arc<State> {
    let snapshot = Snapshot {
        time: Timestamp { secs, nanos: 0 },
        host: "EXCH1".into(),
        connector: Some(format!("connector-{series}")),
        paths: Vec::new(),
        tags: if tag { vec!["tag".into()] } else { Vec::new() },
        root: Id([root; 32]),
        parent,
        program: "tests".into(),
        counts: Counts::default(),
        torn: Vec::new(),
        unreadable: Vec::new(),
    };
    Arc::new(State::decode(encode_snapshot(&snapshot).into()).expect("a state"))
}

/// An archive of so many snapshots of three series, of which the last one is seldom taken.
fn archive(seed: u64, number: i64) -> Archive {
    let mut random = seed;
    let mut below = |most: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    let config = Config {
        archive: ArchiveId([7; 16]),
        created: 0,
        chunker: Chunker::default(),
        zstd_level: 3,
    };
    let store = Arc::new(MemoryStore::default());
    Archive::create(store.clone(), config.clone()).expect("an archive");
    let mut packer = Packer::new(config.archive);
    let mut newest: [Option<Arc<State>>; 3] = [None, None, None];
    for n in 0..number {
        let series = [0, 0, 0, 1, 1, 1, 1, 2][below(8) as usize];
        let known = &mut newest[series];
        if known.is_none() || below(3) == 0 {
            let parent = known.as_ref().map(|state| state.id);
            *known = Some(state(series as u8, n, below(2) as u8, below(4) == 0, parent));
        }
        let time = Timestamp { secs: n, nanos: 0 };
        let state = known.clone().expect("there is one by now");
        packer.add(Moment { time, state }).expect("add");
    }
    if let Some(segment) = packer.finish().expect("a segment") {
        store.put(segment.name, &segment.bytes).expect("put");
    }
    Archive::open(store).expect("open")
}

type Shown = (Id, Timestamp, u64, bool);

fn shown(row: &Row) -> Shown {
    (row.last.id(), row.first_time, row.count, row.tick)
}

#[test]
fn both_ways_find_the_same_rows() {
    for seed in 0..60 {
        let archive = archive(seed, 5 + seed as i64);
        let catalog = archive.catalog();
        for choice in 0..16_u32 {
            let time = |secs| Some(Timestamp { secs, nanos: 0 });
            let wanted = Wanted {
                scope: Scope {
                    since: time(seed as i64 / 3).filter(|_| choice & 1 > 0),
                    until: time(seed as i64 / 2).filter(|_| choice & 2 > 0),
                    tags: (choice & 4 > 0).then(|| "tag".to_owned()).into_iter().collect(),
                    ..Scope::default()
                },
                all: choice & 8 > 0,
            };
            let mut all: Vec<Shown> = Vec::new();
            oldest_first(catalog, &wanted, &mut |row| {
                all.push(shown(&row));
                Ok(())
            })
            .expect("rows");
            for last in 0..all.len() + 2 {
                let found: Vec<Shown> = newest(catalog, &wanted, last).iter().map(shown).collect();
                let expected = &all[all.len().saturating_sub(last)..];
                assert_eq!(found, expected, "seed {seed}, choice {choice}, last {last}");
            }
        }
    }
}
