//! The inputs from which fuzzing starts: the test vectors, in the forms that the targets read.

use std::collections::{BTreeMap, BTreeSet};

use restante_format::id::{Id, Kind};
use restante_format::model::{Content as Stored, Entry, Node};
use restante_format::wire::{ArchiveId, Child, Chunker, Item as ListItem, ListNode, TreeNode, decode_page};
use serde_json::Value;

use super::archive::{
    ARCHIVE, CONFIG, CONTENTS, DELTA, DELTA_ALONE, DELTA_FRAME, DELTA_NEW_SEGMENT, FIX, FIX_CONTENTS, MARK,
    NEW_BLOCK, NEW_SEGMENT, OBJECT, PAGES, RAW, SEGMENT, SNAPSHOT, record,
};
use crate::vectors::{Content, Item, Maker, Piece, accepted, rejected};

/// The largest seed in bytes.
const SEED_BYTES: usize = 12_000;

/// The seeds of all targets: target, name and bytes.
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |target: &'static str, name: String, bytes: Vec<u8>| {
        // Many archives share a segment.
        let is_new = seen.insert((target, *blake3::hash(&bytes).as_bytes()));
        if is_new && bytes.len() <= SEED_BYTES {
            seeds.push((target, name, bytes));
        }
    };
    for (name, files) in small_archives() {
        for (path, bytes) in &files {
            if path.ends_with("/config") {
                if name.starts_with("config-") || name == "smallest" {
                    add("config", name.clone(), [&[0][..], bytes].concat());
                }
            } else if path.ends_with(".rst") && !name.starts_with("config-") {
                let mode = u8::from(name.starts_with("sealed-")) * 2;
                add(
                    "segment",
                    format!("{name}-{}", &blake3::hash(bytes).to_hex()[..4]),
                    [&[mode][..], bytes].concat(),
                );
            }
        }
        if name.starts_with("zstd-") || name.starts_with("delta-copy-") || name == "several-segments" {
            add("archive", format!("files-{name}"), as_files(&files));
        }
    }
    for (name, maker) in makers() {
        add("archive", name.to_owned(), as_objects(&maker));
    }
    for (name, bytes) in deltas() {
        add("archive", name.to_owned(), bytes);
    }
    for (name, bytes) in pages() {
        add("archive", name.to_owned(), bytes);
    }
    for (name, bytes) in objects() {
        add("object", name, bytes);
    }
    for (name, bytes) in chunkers() {
        add("chunker", name, bytes);
    }
    for (name, bytes) in cuttings() {
        add("cutting", name, bytes);
    }
    seeds
}

fn small_archives() -> Vec<(String, BTreeMap<String, Vec<u8>>)> {
    let cases = accepted().into_iter().chain(rejected());
    cases.map(|case| (case.name, case.files)).collect()
}

/// An archive's files as they are, the segments mended: they do not carry the id that the target gives.
fn as_files(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let records = files.iter().map(|(path, bytes)| match path.ends_with(".rst") {
        true => record(SEGMENT | FIX | FIX_CONTENTS, bytes),
        false => {
            let mut config = bytes.clone();
            if config.len() > 40 {
                config[24..40].copy_from_slice(&ARCHIVE.0);
            }
            record(CONFIG | FIX, &config)
        }
    });
    records.flatten().collect()
}

/// An archive's objects, with marks for the ids in them.
fn as_objects(maker: &Maker) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut numbers: BTreeMap<Id, u8> = BTreeMap::new();
    let mut last_kind = Kind::Chunk;
    for (number, (kind, id, plain)) in maker.objects.iter().enumerate() {
        let Ok(number) = u8::try_from(number) else { break };
        let mut plain = plain.clone();
        for at in 0..plain.len().saturating_sub(31) {
            let named = Id(std::array::from_fn(|i| plain[at + i]));
            if let Some(named) = numbers.get(&named) {
                plain[at..at + 31].copy_from_slice(MARK);
                plain[at + 31] = *named;
            }
        }
        numbers.insert(*id, number);
        let mut tag = OBJECT | (*kind as u8 - 1) << 2;
        if *kind != last_kind {
            tag |= NEW_BLOCK;
        }
        // What is not a page of one snapshot has no form of its own.
        if kind.is_of_catalog() {
            let snapshot = decode_page(&plain).map_or(Vec::new(), |mut page| page.remove(0).snapshot);
            plain = snapshot;
            tag |= NEW_SEGMENT;
        }
        last_kind = *kind;
        bytes.extend(record(tag, &plain));
    }
    bytes
}

fn makers() -> Vec<(&'static str, Maker)> {
    let of = |name, items: &[Item], more: &[Item]| {
        let mut maker = Maker::new(name);
        maker.archive = ArchiveId(ARCHIVE.0);
        maker.snapshot(items, |_| {});
        if !more.is_empty() {
            maker.snapshot(more, |snapshot| snapshot.time.secs += 60);
        }
        (name, maker)
    };
    let data = |n: u8| Piece::Data(vec![n; 40]);
    let list = Item::pieces("list", vec![data(1), Piece::Hole(100), data(2), data(1)]);
    let other = |name: &str, node| Item::new(name.as_bytes(), 0o644, Content::Other(node));
    let target = b"../outside".to_vec();
    let kinds = [
        other("char", Node::CharDevice { major: 1, minor: 3 }),
        other("fifo", Node::Fifo),
        Item::file("hard-1", b"x").with(|meta| meta.links = 2),
        Item::file("hard-2", b"x").with(|meta| meta.links = 2),
        other("link", Node::Symlink { target }),
    ];
    let shared = Item::dir("a", vec![Item::file("f", b"1")]);
    let long = Item::pieces("long", (0..30).map(data).collect());
    let many: Vec<Item> = (0..40).map(|n| Item::file(&format!("{n:02}"), &[n])).collect();
    let mut damaged = of("damaged", std::slice::from_ref(&list), &[]);
    damaged.1.objects.remove(0);
    let mut all = vec![
        of("empty", &[], &[]),
        of("list", std::slice::from_ref(&list), &[]),
        of("kinds", &kinds, &[]),
        of(
            "two-states",
            &[shared.clone(), list.clone()],
            &[shared.clone(), long.clone()],
        ),
        of("shared", &[shared.clone(), Item::dir("b", vec![shared])], &[]),
        of("many", &many, &[]),
        of("long", &[long], &[]),
    ];
    all.push(damaged);
    for (name, why) in [("two-levels", 1), ("three-levels", 2)] {
        all.push((name, levels(why)));
    }
    all
}

/// A file whose list has so many levels above its leaves, and a directory whose nodes have.
fn levels(levels: u8) -> Maker {
    let mut maker = Maker::new("levels");
    let chunk = maker.add(Kind::Chunk, b"four");
    let mut items = vec![
        ListItem {
            len: 4,
            id: Some(chunk)
        };
        2
    ];
    let mut size = 8;
    let mut list = chunk;
    for level in 0..=levels {
        list = maker.add(Kind::ChunkList, &ListNode { level, items }.encode());
        items = vec![
            ListItem {
                len: size,
                id: Some(list)
            };
            2
        ];
        size *= 2;
    }
    let size = size / 2;
    let entry = |name: &str| Entry {
        name: name.as_bytes().to_vec(),
        node: Node::File {
            size,
            content: Stored::List(list),
        },
        meta: crate::vectors::meta(0o600),
    };
    let mut children: Vec<Child> = ["a", "b", "c"]
        .iter()
        .map(|name| Child {
            first: name.as_bytes().to_vec(),
            id: maker.add(Kind::Tree, &TreeNode::Leaf(vec![entry(name)]).encode()),
        })
        .collect();
    for level in 1..=levels {
        let first = children[0].first.clone();
        let id = maker.add(Kind::Tree, &TreeNode::Inner { level, children }.encode());
        children = vec![Child { first, id }];
    }
    maker.snapshot_of(children[0].id, |_| {});
    maker
}

/// Archives some of whose objects are deltas, or copies that are.
fn deltas() -> Vec<(&'static str, Vec<u8>)> {
    let base = b"one row, another row, and a third one".repeat(3);
    let version = |n: u8| [&base[..60], &[n; 4], &base[60..]].concat();
    let chunk = record(OBJECT, &base);
    let delta = |tag: u8, base: u8, bytes: &[u8]| {
        let head = [base, 1 + base, 0];
        record(DELTA | tag, &[&head[..], bytes].concat())
    };
    let chunks = |count: u8| -> Vec<u8> {
        let mut records = chunk.clone();
        for n in 0..count {
            records.extend(delta(0, n, &version(n)));
        }
        records
    };
    let frame = crate::laid::frame(&version(1), &base);
    let framed = [&(version(1).len() as u16).to_le_bytes()[..], &frame].concat();
    let tree = |n: u8| {
        let node = Node::File {
            size: version(n).len() as u64,
            content: Stored::Chunk(Id::of(Kind::Chunk, &version(n))),
        };
        let entry = Entry {
            name: b"f".to_vec(),
            node,
            meta: crate::vectors::meta(0o600),
        };
        TreeNode::Leaf(vec![entry]).encode()
    };
    let of_kind = |kind: Kind| (kind as u8 - 1) << 3;
    let snapshot = || {
        let mut maker = Maker::new("deltas");
        let root = maker.add(Kind::Tree, &tree(1));
        maker.snapshot_of(root, |_| {});
        let page = decode_page(&maker.objects.remove(1).2).expect("a page");
        let mut plain = page[0].snapshot.clone();
        let at = plain
            .windows(32)
            .position(|window| window == root.0)
            .expect("the root is in it");
        plain[at..at + 31].copy_from_slice(MARK);
        plain[at + 31] = 3;
        record(OBJECT | SNAPSHOT << 2 | NEW_SEGMENT, &plain)
    };
    let trees = |tag: u8| {
        [
            chunk.clone(),
            delta(0, 0, &version(1)),
            record(OBJECT | (Kind::Tree as u8 - 1) << 2 | NEW_BLOCK, &tree(0)),
            delta(of_kind(Kind::Tree) | tag, 2, &tree(1)),
            snapshot(),
        ]
        .concat()
    };
    vec![
        ("delta-chain", chunks(70)),
        ("delta-tree", trees(0)),
        ("delta-tree-alone", trees(DELTA_ALONE)),
        ("delta-in-segments", trees(DELTA_NEW_SEGMENT)),
        (
            "delta-frame",
            [chunk.clone(), delta(DELTA_FRAME, 0, &framed)].concat(),
        ),
        (
            "delta-cycle",
            [
                chunk.clone(),
                delta(0, 0, &version(1)),
                delta(DELTA_NEW_SEGMENT, 1, &base),
            ]
            .concat(),
        ),
    ]
}

/// Two states, and pages of them.
fn pages() -> Vec<(&'static str, Vec<u8>)> {
    let mut maker = Maker::new("pages");
    for n in 0..2 {
        maker.snapshot(&[Item::file("f", &[n])], |snapshot| {
            snapshot.time.secs += i64::from(n);
            snapshot.connector = Some(format!("connector-{n}"));
        });
    }
    let states = as_objects(&maker);
    // The number of the state, the first time, the step, and how many; 128 ends a page, 16 the pages.
    let two = [
        [0, 0, 9, 5],
        [1, 3, 0, 2 | 128],
        [1, 60, 1, 15],
        [0, 70, 1, 3 | 128 | 16],
    ]
    .concat();
    let equal = [[0, 5, 0, 128], [1, 4, 0, 128], [0, 5, 0, 1 | 128 | 16]].concat();
    let overlapping = [[0, 0, 9, 15 | 128], [1, 20, 9, 15 | 128 | 16]].concat();
    let with = |tag: u8, parts: &[&[u8]]| [&states[..], &record(PAGES | tag, &parts.concat())].concat();
    let merged = [with(0, &[&two, &[0]]), record(PAGES, &[&two[..], &[1]].concat())].concat();
    vec![
        ("pages", with(0, &[&two, &[0]])),
        ("pages-without-contents", with(0, &[&two, &[1]])),
        ("pages-twice", merged),
        ("pages-equal-times", with(0, &[&equal, &[0]])),
        ("pages-overlapping", with(0, &[&overlapping, &[0]])),
        ("pages-other-times", with(0, &[&two, &[0, 38, 0, 2]])),
        ("pages-other-series", with(0, &[&two, &[0, 100, 0, 1]])),
        ("pages-raw", with(RAW, &[b"not a page"])),
        ("contents-raw", with(RAW | CONTENTS, &[&[0, 0]])),
    ]
}

fn objects() -> Vec<(String, Vec<u8>)> {
    let document: Value =
        serde_json::from_slice(&crate::vectors::objects()).expect("it was made a moment ago");
    let vectors = document["vectors"].as_array().cloned().unwrap_or_default();
    let mut seeds = Vec::new();
    for vector in vectors {
        let text = |key: &str| vector[key].as_str().unwrap_or_default().to_owned();
        let kind = match text("kind").as_str() {
            "chunk-list" => 1,
            "tree" => 2,
            "page" => 3,
            "contents" => 4,
            "snapshot" => 5,
            _ => continue,
        };
        let plain = text("plain");
        let bytes = plain
            .as_bytes()
            .chunks(2)
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        if plain.len() < 3000 {
            let hash = blake3::hash(text("name").as_bytes()).to_hex();
            seeds.push((
                format!("{}-{}", text("kind"), &hash[..6]),
                std::iter::once(kind).chain(bytes).collect(),
            ));
        }
    }
    seeds
}

fn chunkers() -> Vec<(String, Vec<u8>)> {
    let bytes = blake3::hash(b"chunker seeds").as_bytes().repeat(6);
    (0..8_u8)
        .map(|n| {
            let Chunker { mask_s, mask_l, .. } = Chunker::default();
            let head = [n << 1, n, n, n, n, 10 * n, 5, n, 2];
            let masks = [mask_s.to_le_bytes(), mask_l.to_le_bytes()].concat();
            let seed = [&head[..], &masks, &bytes[usize::from(n)..]].concat();
            (format!("seed-{n}"), seed)
        })
        .collect()
}

/// Files whose parents differ by one edit of each kind, cut by runs of some hundred bytes.
fn cuttings() -> Vec<(String, Vec<u8>)> {
    let sorts: [(&str, Vec<u8>); 3] = [
        ("hashes", blake3::hash(b"cutting seeds").as_bytes().repeat(8)),
        ("zeros", vec![0; 150]),
        (
            "text",
            b"To: everyone\r\nSubject: the connectors\r\n\r\n".repeat(4),
        ),
    ];
    let seed = |n: u8| {
        let (name, bytes) = &sorts[usize::from(n) % sorts.len()];
        let head = [(20 + n) << 2, n, 0, 0, 0, n, 8 * n, 50 + n, 0];
        let masks = [[3, 7, 3, 7], [0; 4], [11, 12, 13, 11], [0; 4]].concat();
        let how = [n ^ 0xc7, 40 * (n % 6), n % 6, n, 77, 0, 200 + n, 1];
        let edits = [2, n, 99, n, 30, n, 1, 0, n + 3, 5, 1, 100, 0, 2, 0];
        let seed = [&head[..], &masks, &how, &edits, bytes].concat();
        (format!("{name}-{n}"), seed)
    };
    (0..12).map(seed).collect()
}

#[cfg(test)]
mod tests {
    use super::super::archive::DAMAGE;
    use super::*;

    #[test]
    fn seeds_are_few_and_small() {
        let seeds = seeds();
        assert!(seeds.len() < 600, "{}", seeds.len());
        assert!(seeds.iter().any(|(target, ..)| *target == "archive"));
    }

    #[test]
    fn damage_is_a_record_too() {
        let (_, maker) = makers().remove(1);
        let mut bytes = as_objects(&maker);
        bytes.extend(record(DAMAGE, &[1, 70, 0, 0, 0, 1]));
        crate::fuzzing::archive(&bytes);
    }
}
