//! Archives with what can be made anew: files that condemn segments, and tables of the index.

use std::sync::Arc;

use restante_format::id::Id;
use restante_format::index::table::write_table;
use restante_format::store::{MemoryStore, Name, Store};
use restante_format::wire::{Covered, Directory, Row, encode_condemned};

use super::maker::{Case, Item, Maker, with_found};
use super::parts::Parts;
use super::rejected::{Files, case};

/// The length of a table's head, and of an entry of a segment in it.
const HEAD: usize = 64;
const COVERED: usize = 48;

/// All accepted cases.
pub(super) fn accepted() -> Vec<Case> {
    vec![condemned(), index_table()]
}

/// Segments of one snapshot: two of data, and one with its page.
struct Sample {
    maker: Maker,
    segments: [Parts; 3],
}

fn sample(name: &str) -> Sample {
    let mut maker = Maker::new(name);
    let files = vec![
        Item::file("a", b"of the first segment"),
        Item::file("b", b"of the second one"),
    ];
    maker.snapshot(&[Item::dir("d", files)], |_| {});
    let bounds = [0, 1, maker.objects.len() - 1, maker.objects.len()];
    let segment = |number: usize| {
        let objects = &maker.objects[bounds[number]..bounds[number + 1]];
        Parts::of(&maker.segment(objects, None))
    };
    Sample {
        segments: [segment(0), segment(1), segment(2)],
        maker,
    }
}

impl Sample {
    fn files(&self) -> Files {
        self.maker.files_of(&self.segments.each_ref().map(Parts::bytes))
    }
}

fn seal(parts: &Parts) -> Id {
    Id(*parts.trailer.last_chunk().expect("a seal"))
}

/// To a reader, what is condemned is as good as anything else.
fn condemned() -> Case {
    let sample = sample("condemned");
    let [first, second, page] = sample.segments.each_ref().map(seal);
    let mut files = sample.files();
    let mut condemn = |seal: Id, bytes: Vec<u8>| {
        files.insert(format!("archive/condemned/{seal}"), bytes);
    };
    condemn(first, encode_condemned(first, 1_790_000_000));
    // Whose check does not fit, and one that is no file of this form at all.
    condemn(second, encode_condemned(first, 1_790_000_000));
    condemn(page, b"x".to_vec());
    let absent = Id([9; 32]);
    condemn(absent, encode_condemned(absent, i64::MAX));
    for name in ["README", &"AB".repeat(32), &format!("{first}.rst")] {
        files.insert(
            format!("archive/condemned/{name}"),
            b"condemns nothing (F-010)\n".to_vec(),
        );
    }
    let what = "condemned segments, the only ones that hold what is in them (F-097)";
    sample.maker.accepted("condemned", what, files)
}

/// The name of a table of these segments, and its bytes.
fn table(sample: &Sample, segments: &[&Parts], change: impl Fn(Row) -> Row) -> (String, Vec<u8>) {
    let mut told: Vec<(Covered, Vec<Id>)> = segments
        .iter()
        .map(|parts| {
            let directory = Directory::decode(&parts.directory).expect("a sound directory");
            let ids: Vec<Id> = directory.objects.iter().map(|object| object.id).collect();
            let covered = Covered {
                seal: seal(parts),
                len: parts.bytes().len() as u64,
                object_count: ids.len() as u32,
            };
            (covered, ids)
        })
        .collect();
    told.sort_by_key(|(covered, _)| covered.seal);
    let mut rows = Vec::new();
    for (segment, (_, ids)) in (0..).zip(&told) {
        let objects = (0..).zip(ids);
        rows.extend(objects.map(|(object, id)| {
            change(Row {
                id: *id,
                segment,
                object,
            })
        }));
    }
    rows.sort_unstable();
    let covered: Vec<Covered> = told.into_iter().map(|(covered, _)| covered).collect();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let rows = || rows.iter().copied().map(Ok);
    let (name, _) = write_table(&*store, sample.maker.archive, &covered, rows).expect("memory takes it");
    let Name::Table(id) = name else {
        unreachable!("it is a table")
    };
    let bytes = store.read(name).expect("it was written").to_vec();
    (format!("archive/index/{id}.rsi"), bytes)
}

/// The bytes of tables are pinned by this: nothing in them depends on a compressor.
fn index_table() -> Case {
    let sample = sample("index-table");
    let [first, second, _] = &sample.segments;
    let mut files = sample.files();
    let other = self::sample("other");
    // One of the segments is nowhere.
    let with_absent = table(&sample, &[second, &other.segments[1]], |row| row);
    files.extend([table(&sample, &[first, second], |row| row), with_absent]);
    files.insert("archive/index/README".into(), b"no table (F-010)\n".to_vec());
    let what = "two tables of the index, one of them also of a segment that is not there";
    sample.maker.accepted("index-table", what, files)
}

/// All rejected cases: what is wrong with a table costs nothing.
pub(super) fn rejected() -> Vec<Case> {
    let sample = sample("rejected");
    let [first, second, page] = &sample.segments;
    let with = |name: &str, why: &str, (path, bytes): (String, Vec<u8>)| {
        let mut files = sample.files();
        files.insert(path, bytes);
        let mut case = case(&format!("index-table-{name}"), "damaged", why, files);
        case.document = with_found(case.document, &sample.maker.found());
        case
    };
    let spoilt = |name: &str, why: &str, spoil: &dyn Fn(&mut Vec<u8>)| {
        let (path, mut bytes) = table(&sample, &[first, second], |row| row);
        spoil(&mut bytes);
        with(name, why, (path, bytes))
    };
    let (_, good) = table(&sample, &[first, second], |row| row);
    vec![
        spoilt("empty", "F-120", &|bytes| bytes.clear()),
        spoilt("cut-off", "F-120", &|bytes| bytes.truncate(bytes.len() - 1)),
        spoilt("flipped-magic", "F-120", &|bytes| bytes[1] ^= 1),
        spoilt("newer-version", "F-120", &|bytes| bytes[8] += 1),
        spoilt("flipped-seal", "F-120", &|bytes| bytes[HEAD] ^= 1),
        spoilt("flipped-row", "F-123", &|bytes| bytes[HEAD + 2 * COVERED] ^= 1),
        spoilt("flipped-check", "F-123", &|bytes| {
            *bytes.last_mut().expect("bytes") ^= 1
        }),
        with(
            "wrong-name",
            "F-120",
            (format!("archive/index/{}.rsi", Id([7; 32])), good),
        ),
        with(
            "of-another-archive",
            "F-120",
            table(&self::sample("other"), &[first, second], |row| row),
        ),
        with(
            "other-objects",
            "F-121",
            table(&sample, &[first, second], |row| Row {
                object: row.object ^ 1,
                ..row
            }),
        ),
        with(
            "other-ids",
            "F-121",
            table(&sample, &[first, second], |row| Row {
                id: Id(row.id.0.map(|byte| byte ^ 0x55)),
                ..row
            }),
        ),
        with("of-pages", "F-124", table(&sample, &[first, page], |row| row)),
    ]
}
