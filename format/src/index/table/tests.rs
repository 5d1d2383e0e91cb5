use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::id::derive;
use crate::store::{MemoryStore, Shelf};

const ARCHIVE: ArchiveId = ArchiveId([7; 16]);

fn id(label: &str, number: u64) -> Id {
    derive("test ids", &[label.as_bytes(), &number.to_le_bytes()])
}

/// Segments by seal, each with its objects in order.
type Segments = BTreeMap<Id, Vec<Id>>;

/// `count` segments of which each has objects of its own and some of its neighbours'.
fn segments(label: &str, count: u64, objects: u64) -> Segments {
    let segment = |number: u64| {
        let mut ids: Vec<Id> = (0..objects)
            .map(|i| id(label, number * objects / 2 + i))
            .collect();
        ids.sort_unstable();
        (
            id("seal", derive("x", &[label.as_bytes()]).0[0].into()).0,
            number,
            ids,
        )
    };
    (0..count)
        .map(segment)
        .map(|(mut seal, number, ids)| {
            seal[8..16].copy_from_slice(&number.to_le_bytes());
            (derive("test seals", &[&seal]), ids)
        })
        .collect()
}

fn covered(segments: &Segments) -> Vec<Covered> {
    let covered = |(seal, ids): (&Id, &Vec<Id>)| Covered {
        seal: *seal,
        len: 1000 + ids.len() as u64,
        object_count: ids.len() as u32,
    };
    segments.iter().map(covered).collect()
}

fn rows(segments: &Segments) -> Vec<Row> {
    let mut rows: Vec<Row> = (0..)
        .zip(segments.values())
        .flat_map(|(segment, ids)| {
            let row = move |(object, id): (u32, &Id)| Row {
                id: *id,
                segment,
                object,
            };
            (0..).zip(ids).map(row).collect::<Vec<_>>()
        })
        .collect();
    rows.sort_unstable();
    rows
}

fn store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

fn build(store: &Arc<dyn Store>, segments: &Segments) -> Table {
    let rows = rows(segments);
    let rows = || rows.iter().copied().map(Ok);
    let (name, len) = write_table(store.as_ref(), ARCHIVE, &covered(segments), rows).unwrap();
    assert_eq!(store.read(name).unwrap().len() as u64, len);
    Table::open(store, name, len, ARCHIVE).unwrap()
}

/// All places of an object, with the segments' seals.
fn places(table: &Table, id: &Id) -> Vec<(Id, u32)> {
    let mut found = Vec::new();
    let picked: Option<()> = table
        .find(id, |place| {
            found.push(place);
            None
        })
        .unwrap();
    assert!(picked.is_none());
    let sealed = |(segment, object)| (table.segment(segment).unwrap().seal, object);
    found.into_iter().map(sealed).collect()
}

fn expected(segments: &Segments, id: &Id) -> Vec<(Id, u32)> {
    let holding = segments.iter().filter_map(|(seal, ids)| {
        let object = ids.binary_search(id).ok()?;
        Some((*seal, object as u32))
    });
    holding.collect()
}

fn assert_holds(table: &Table, segments: &Segments) {
    for id in segments.values().flatten() {
        assert_eq!(places(table, id), expected(segments, id));
    }
    for number in 0..1000 {
        assert_eq!(places(table, &id("absent", number)), []);
    }
    table.check().unwrap();
}

#[test]
fn every_object_is_found_with_all_its_copies() {
    for (count, objects) in [(1, 0), (1, 1), (3, 0), (1, 200), (40, 1), (30, 150)] {
        let segments = segments("a", count, objects);
        let table = build(&store(), &segments);
        assert_eq!(u64::from(table.row_count()), count * objects);
        assert_eq!(table.covered().iter().collect::<Vec<_>>(), covered(&segments));
        assert_holds(&table, &segments);
    }
    assert_holds(&build(&store(), &Segments::new()), &Segments::new());
}

#[test]
fn the_first_place_that_is_taken_ends_the_search() {
    let segments = segments("a", 5, 64);
    let table = build(&store(), &segments);
    let shared = id("a", 40);
    assert_eq!(expected(&segments, &shared).len(), 2);
    let mut asked = 0;
    let first = table.find(&shared, |place| {
        asked += 1;
        Some(place)
    });
    let (segment, object) = first.unwrap().unwrap();
    let seal = table.segment(segment).unwrap().seal;
    assert_eq!((asked, (seal, object)), (1, expected(&segments, &shared)[0]));
    for (number, covered) in (0..).zip(table.covered().iter()) {
        assert_eq!(table.covered().number_of(&covered.seal), Some(number));
    }
    assert_eq!(table.covered().number_of(&id("no seal", 0)), None);
}

#[test]
fn ids_that_all_fall_into_one_line_are_found() {
    // 5,000 ids with the same 30 bytes in front, and one id in 300 segments.
    let crowded = (0..5000_u16).map(|number| {
        let mut id = [0x5a; 32];
        id[30..].copy_from_slice(&number.to_be_bytes());
        Id(id)
    });
    let mut segments = Segments::from([(id("seal", 0), crowded.collect::<Vec<_>>())]);
    for number in 1..300 {
        segments.insert(id("seal", number), vec![Id([0x5a; 32])]);
    }
    let table = build(&store(), &segments);
    let first = segments[&id("seal", 0)][0];
    let last = segments[&id("seal", 0)][4999];
    for id in [first, last, segments[&id("seal", 0)][2500], Id([0x5a; 32])] {
        assert_eq!(places(&table, &id), expected(&segments, &id));
    }
    let mut absent = last;
    absent.0[30] += 1;
    assert_eq!(places(&table, &absent), []);
}

#[test]
fn few_absent_ids_lead_to_rows() {
    let segments = segments("a", 1, 20_000);
    let table = build(&store(), &segments);
    let passing = (0..20_000).filter(|number| {
        let id = id("absent", *number);
        let line = lines::line_of(&id, table.head.line_count);
        lines::may_hold(table.line(line).unwrap(), &id)
    });
    let passing = passing.count();
    assert!(passing < 20_000 / 20, "{passing} of 20,000 pass");
}

// F-125
#[test]
fn merged_tables_are_as_if_built_at_once() {
    let store = store();
    let (a, b, c) = (segments("a", 9, 100), segments("b", 5, 1), segments("c", 1, 9000));
    let tables = [build(&store, &a), build(&store, &b), build(&store, &c)];
    let all: Segments = [a, b, c].into_iter().flatten().collect();
    let merge = |tables: &[&Table]| {
        merge_tables(store.as_ref(), ARCHIVE, tables, |_| true)
            .unwrap()
            .unwrap()
    };
    let (name, len) = merge(&[&tables[0], &tables[1], &tables[2]]);
    let merged = store.read(name).unwrap();
    assert_holds(&Table::open(&store, name, len, ARCHIVE).unwrap(), &all);
    store.delete(name).unwrap();
    assert_eq!(build(&store, &all).name(), name);
    assert!(store.read(name).unwrap() == merged, "the bytes differ");
    // What two tables cover is taken from one.
    let again = Table::open(&store, name, len, ARCHIVE).unwrap();
    assert_eq!(merge(&[&tables[2], &again, &tables[0]]).0, name);
}

// F-122, F-125
#[test]
fn a_merge_leaves_out_what_is_gone() {
    let store = store();
    let (a, b) = (segments("a", 9, 100), segments("b", 4, 50));
    let tables = [build(&store, &a), build(&store, &b)];
    let mut all: Segments = a.into_iter().chain(b).collect();
    let gone: Vec<Id> = all.keys().copied().step_by(3).collect();
    let keep = |segment: &Covered| !gone.contains(&segment.seal);
    let merged = merge_tables(store.as_ref(), ARCHIVE, &[&tables[0], &tables[1]], keep);
    let (name, len) = merged.unwrap().unwrap();
    all.retain(|seal, _| !gone.contains(seal));
    assert_holds(&Table::open(&store, name, len, ARCHIVE).unwrap(), &all);
    let none = merge_tables(store.as_ref(), ARCHIVE, &[&tables[0]], |_| false);
    assert_eq!(none.unwrap(), None);
}

#[test]
fn what_does_not_fit_is_not_written() {
    let store = store();
    let segments = segments("a", 3, 10);
    let covered = covered(&segments);
    let mut wrong = vec![rows(&segments); 4];
    wrong[0].pop();
    wrong[1].swap(3, 4);
    wrong[2][5].segment = 3;
    wrong[3].push(Row {
        id: Id([0xff; 32]),
        segment: 0,
        object: 0,
    });
    for rows in wrong {
        assert!(write_table(store.as_ref(), ARCHIVE, &covered, || rows.iter().copied().map(Ok)).is_err());
    }
    assert_eq!(store.list(Shelf::Tables).unwrap(), []);
}

fn with(name: Name, bytes: Vec<u8>) -> (Arc<dyn Store>, u64) {
    let len = bytes.len() as u64;
    let files = BTreeMap::from([(name, Bytes::from(bytes))]);
    (Arc::new(MemoryStore::from_files(files)), len)
}

#[test]
fn damage_to_head_segments_or_length_is_noticed_when_a_table_is_opened() {
    let store = store();
    let table = build(&store, &segments("a", 3, 70));
    let bytes = store.read(table.name()).unwrap();
    for at in 0..table.head.rows_offset() as usize {
        for bit in 0..8 {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 1 << bit;
            let (store, len) = with(table.name(), damaged);
            let opened = Table::open(&store, table.name(), len, ARCHIVE);
            assert!(
                opened.is_err_and(|error| error.is_damage()),
                "bit {bit} of byte {at}"
            );
        }
    }
    for cut in 0..bytes.len() {
        let (store, len) = with(table.name(), bytes[..cut].to_vec());
        assert!(
            Table::open(&store, table.name(), len, ARCHIVE).is_err(),
            "{cut} bytes"
        );
    }
    let (store, len) = with(table.name(), [&bytes[..], &[0]].concat());
    assert!(Table::open(&store, table.name(), len, ARCHIVE).is_err());
    let (store, len) = with(table.name(), bytes.to_vec());
    assert!(Table::open(&store, table.name(), len, ArchiveId([8; 16])).is_err());
    // The file is not as long as it was when it was listed.
    let (store, _) = with(table.name(), bytes[..bytes.len() - 40].to_vec());
    assert!(Table::open(&store, table.name(), len, ARCHIVE).is_err());
}

#[test]
fn damage_to_rows_and_lines_is_found_by_the_check_and_harms_no_lookup() {
    let store = store();
    let segments = segments("a", 3, 70);
    let table = build(&store, &segments);
    let bytes = store.read(table.name()).unwrap();
    for at in table.head.rows_offset() as usize..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 0xff;
        let (store, len) = with(table.name(), damaged);
        let opened = Table::open(&store, table.name(), len, ARCHIVE).unwrap();
        assert!(opened.check().is_err_and(|error| error.is_damage()), "byte {at}");
        for id in segments.values().flatten().step_by(20) {
            let _ = opened.find(id, |(segment, _)| opened.segment(segment));
        }
        // A merge of it may fail, and does not make up segments.
        let _ = merge_tables(store.as_ref(), ARCHIVE, &[&opened], |_| true);
    }
}

#[test]
fn a_table_that_is_gone_is_an_error_and_no_panic() {
    let store = store();
    let table = build(&store, &segments("a", 1, 10));
    store.delete(table.name()).unwrap();
    assert!(table.find(&id("a", 3), Some).is_err());
    assert!(table.check().is_err());
}
