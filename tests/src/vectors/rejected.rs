//! Whole archives that a reader rejects, each for one reason.

use std::collections::BTreeMap;

use restante_format::id::{Id, Kind, derive};
use restante_format::model::{Content as Stored, Entry, Node};
use restante_format::wire::{CONFIG_BYTES, Child, HEADER_BYTES, Item as ListItem, ListNode, TreeNode};
use serde_json::json;

use super::maker::{Case, Item, Maker, Piece, meta};
use super::parts::Parts;

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Makes the check of a config fit.
pub(super) fn fix_config(config: &mut [u8]) {
    let (contents, check) = config.split_at_mut(CONFIG_BYTES - 32);
    check.copy_from_slice(&derive("restante 2026 config v1", &[contents]).0);
}

pub(super) fn case(name: &str, class: &str, why: &str, files: Files) -> Case {
    Case {
        name: name.into(),
        document: json!({"what": name.replace('-', " "), "accept": false, "class": class, "why": why}),
        files,
    }
}

/// A small sound archive, to spoil.
fn base() -> Maker {
    let mut maker = Maker::new("rejected");
    let files = vec![Item::file("a", b"first file"), Item::file("b", b"second file")];
    maker.snapshot(&[Item::dir("d", files)], |_| {});
    maker
}

fn base_segment() -> Parts {
    let maker = base();
    Parts::of(&maker.segment(&maker.objects, None))
}

pub(super) fn folder(config: Vec<u8>, segments: &[&Parts]) -> Files {
    let mut files: Files = [("archive/config".to_owned(), config)].into();
    for segment in segments {
        files.insert(format!("archive/{}", segment.path()), segment.bytes());
    }
    files
}

/// All rejected cases.
pub fn rejected() -> Vec<Case> {
    let mut cases = configs();
    cases.extend(files());
    cases.extend(sealed_segments());
    cases.extend(compressed());
    cases.extend(contents());
    cases.extend(super::deltas::rejected());
    cases.extend(super::derived::rejected());
    cases
}

// Section 3

fn configs() -> Vec<Case> {
    let good = base().config().encode();
    let segment = base_segment();
    let with = |name: &str, class: &str, why: &str, config: Vec<u8>| {
        case(&format!("config-{name}"), class, why, folder(config, &[&segment]))
    };
    let changed = |at: usize, bytes: &[u8], fix: bool| {
        let mut config = good.clone();
        config[at..at + bytes.len()].copy_from_slice(bytes);
        if fix {
            fix_config(&mut config);
        }
        config
    };
    let damaged =
        |name: &str, why: &str, at: usize, bytes: &[u8]| with(name, "damaged", why, changed(at, bytes, true));
    let mut other = noise_file();
    other.truncate(CONFIG_BYTES);
    let mut missing = folder(Vec::new(), &[&segment]);
    missing.remove("archive/config");
    let no_archive = [("archive/README".to_owned(), b"no archive\n".to_vec())].into();
    vec![
        with("newer-version", "newer", "section 3", changed(8, &[2, 0], true)),
        with(
            "newer-version-other-check",
            "newer",
            "section 3",
            changed(8, &[2, 0, 1, 1, 1, 1], false),
        ),
        with(
            "newer-version-longer",
            "newer",
            "section 3",
            [&changed(8, &[0, 1], true)[..], b"more"].concat(),
        ),
        with("newer-feature", "newer", "section 3", changed(12, &[1], true)),
        with("newer-chunker", "newer", "section 3", changed(48, &[2], true)),
        with("other-file", "not-an-archive", "section 3", other),
        case("config-none-at-all", "not-an-archive", "section 2", no_archive),
        case(
            "config-missing",
            "damaged",
            "section 11: there are segments",
            missing,
        ),
        with("empty", "damaged", "section 3", Vec::new()),
        with("part-of-magic", "damaged", "section 3", good[..5].to_vec()),
        with("magic-only", "damaged", "section 3", good[..8].to_vec()),
        with("cut-off", "damaged", "F-002", good[..175].to_vec()),
        with("longer", "damaged", "F-002", [&good[..], b"\0"].concat()),
        with(
            "flipped-check",
            "damaged",
            "section 3",
            changed(175, &[good[175] ^ 1], false),
        ),
        with(
            "flipped-magic",
            "damaged",
            "section 3: the check fits",
            changed(0, b"\x88", false),
        ),
        with(
            "flipped-version",
            "damaged",
            "section 3: the check fits",
            changed(8, &[3], false),
        ),
        with("flipped-seed", "damaged", "section 3", changed(80, &[1], false)),
        damaged("version-zero", "section 3", 8, &[0, 0]),
        damaged("reserved-1", "F-004", 10, &[1]),
        damaged("reserved-2", "F-004", 143, &[1]),
        damaged("body-length", "section 3", 20, &[119]),
        damaged("id-zero", "section 3", 24, &[0; 16]),
        damaged("min-too-small", "section 3", 52, &62_u32.to_le_bytes()),
        damaged("min-odd", "section 3", 52, &65_u32.to_le_bytes()),
        damaged("avg-below-min", "section 3", 56, &16_382_u32.to_le_bytes()),
        damaged("avg-odd", "section 3", 56, &65_537_u32.to_le_bytes()),
        damaged("max-below-avg", "section 3", 60, &65_534_u32.to_le_bytes()),
        damaged(
            "max-too-large",
            "section 3",
            60,
            &((8 << 20) + 2_u32).to_le_bytes(),
        ),
        damaged("max-odd", "section 3", 60, &262_145_u32.to_le_bytes()),
        damaged("mask-s-zero", "section 3", 64, &[0; 8]),
        damaged("mask-s-bit-63", "section 3", 71, &[0x80]),
        damaged("mask-l-zero", "section 3", 72, &[0; 8]),
        damaged("mask-l-bit-63", "section 3", 79, &[0x80]),
        damaged("level-too-low", "section 3", 112, &(-8_i32).to_le_bytes()),
        damaged("level-too-high", "section 3", 112, &23_i32.to_le_bytes()),
    ]
}

fn noise_file() -> Vec<u8> {
    b"PK\x03\x04 some other file, which is as long as a config is. ".repeat(4)
}

// Sections 2 and 4: what can happen to a file

fn files() -> Vec<Case> {
    let maker = base();
    let config = maker.config().encode();
    let good = base_segment();
    let path = format!("archive/{}", good.path());
    let changed = |name: &str, why: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = folder(config.clone(), &[&good]);
        files.entry(path.clone()).and_modify(change);
        case(name, "damaged", why, files)
    };
    let flipped = |name: &str, why: &str, at: usize| changed(name, why, &|bytes| bytes[at] ^= 0x20);
    let directory_at = HEADER_BYTES + good.blocks.len();
    let len = good.bytes().len();
    let mut renamed = folder(config.clone(), &[]);
    renamed.insert(format!("archive/segments/{}.rst", "12".repeat(32)), good.bytes());
    let mut foreign = base();
    foreign.archive = Maker::new("another archive").archive;
    let foreign = Parts::of(&foreign.segment(&foreign.objects, None));
    let mut newer = good.clone();
    newer.header[8] = 2;
    newer.rebuild();
    let alone = |segment: &Parts| [("archive.rst".to_owned(), segment.bytes())].into();
    let mut feature = good.clone();
    feature.header[12] = 1;
    feature.rebuild();
    vec![
        flipped("flipped-header", "section 4", 3),
        flipped("flipped-header-id", "F-035", 30),
        flipped("flipped-block", "section 4: the block's check", HEADER_BYTES + 3),
        flipped(
            "flipped-last-block",
            "section 4: the block's check",
            directory_at - 1,
        ),
        flipped("flipped-directory", "F-035", directory_at + 40),
        flipped("flipped-trailer-magic", "section 4", len - 96),
        flipped("flipped-trailer-length", "F-035", len - 55),
        flipped("flipped-seal", "F-035", len - 1),
        changed("cut-off", "section 4", &|bytes| bytes.truncate(len - 1)),
        changed("cut-to-nothing", "section 4", &Vec::clear),
        changed("cut-to-header", "F-030", &|bytes| bytes.truncate(HEADER_BYTES)),
        changed("longer", "section 4", &|bytes| bytes.push(0)),
        changed("zeroed", "section 4", &|bytes| bytes.fill(0)),
        case("wrong-name", "damaged", "F-012", renamed),
        case(
            "foreign-segment",
            "damaged",
            "F-013",
            folder(config.clone(), &[&good, &foreign]),
        ),
        case(
            "newer-segment",
            "damaged",
            "F-014",
            folder(config.clone(), &[&newer]),
        ),
        case(
            "newer-segment-feature",
            "damaged",
            "F-014",
            folder(config.clone(), &[&feature]),
        ),
        case("newer-segment-alone", "newer", "section 4", alone(&newer)),
        case("newer-feature-alone", "newer", "section 12", alone(&feature)),
        case(
            "no-segment-alone",
            "not-an-archive",
            "section 4",
            [("archive.rst".into(), noise_file())].into(),
        ),
    ]
}

// Section 4: segments with a good seal

fn sealed_segments() -> Vec<Case> {
    let config = base().config().encode();
    let good = base_segment();
    let objects_at = good.objects_at();
    let sealed = |name: &str, why: &str, change: &dyn Fn(&mut Parts)| {
        let mut parts = good.clone();
        change(&mut parts);
        case(
            &format!("sealed-{name}"),
            "damaged",
            why,
            folder(config.clone(), &[&parts]),
        )
    };
    let header = |name: &str, why: &str, at: usize, value: u8| {
        sealed(name, why, &|parts| {
            parts.header[at] = value;
            parts.rebuild();
        })
    };
    let trailer = |name: &str, why: &str, at: usize, value: u8| {
        sealed(name, why, &|parts| {
            parts.trailer[at] = value;
            parts.reseal();
        })
    };
    let directory = |name: &str, why: &str, at: usize, bytes: &[u8]| {
        sealed(name, why, &|parts| {
            parts.directory[at..at + bytes.len()].copy_from_slice(bytes);
            parts.rebuild();
        })
    };
    let block = |field: usize| Parts::block_at(0) + field;
    let object = |field: usize| objects_at + field;
    let first_object = good.directory[objects_at..objects_at + 48].to_vec();
    vec![
        header("header-version-zero", "section 4", 8, 0),
        header("header-reserved-1", "F-004", 10, 1),
        header("header-reserved-2", "F-004", 23, 1),
        header("header-reserved-3", "F-004", 63, 1),
        trailer("trailer-reserved", "F-004", 48, 1),
        trailer("trailer-parity-offset", "F-030", 24, good.trailer[24] ^ 1),
        trailer("trailer-segment-length", "F-030", 40, good.trailer[40] ^ 1),
        trailer("trailer-parity-length", "F-030", 32, 1),
        directory("delta-count", "F-033", 8, &[1]),
        directory("directory-reserved", "F-004", 15, &[1]),
        directory("block-count", "F-033", 0, &[200]),
        directory("object-count", "F-033", 4, &[200]),
        directory("counts-overflow", "F-033", 0, &[0xff; 8]),
        directory("all-counts-overflow", "F-033", 0, &[0xff; 12]),
        directory("block-offset", "F-030", block(0), &[65]),
        directory("block-stored-zero", "F-034", block(8), &[0; 4]),
        directory("block-plain-zero", "F-034", block(12), &[0; 4]),
        directory("block-plain-other", "F-034", block(12), &[99]),
        directory(
            "block-plain-too-large",
            "F-034",
            block(12),
            &((16 << 20) + 1_u32).to_le_bytes(),
        ),
        directory(
            "block-stored-too-large",
            "F-034",
            Parts::block_at(1) + 8,
            &((16 << 20) + 1_u32).to_le_bytes(),
        ),
        directory("block-method", "F-034", block(16), &[2]),
        directory("block-reserved", "F-004", block(23), &[1]),
        directory(
            "block-check",
            "section 4: the block's check",
            block(24),
            &[good.directory[block(24)] ^ 1],
        ),
        directory("object-block", "F-034", object(32), &[3]),
        directory("object-offset", "F-034", object(36), &[200]),
        directory("object-offset-overflow", "F-034", object(36), &[0xff; 8]),
        directory("object-length-zero", "F-034", object(40), &[0; 4]),
        directory("object-kind-0", "F-034", object(44), &[0]),
        directory("object-kind-6", "F-034", object(44), &[6]),
        directory("object-reserved", "F-004", object(45), &[1]),
        sealed("objects-unsorted", "F-034", &|parts| {
            parts.directory[objects_at..objects_at + 96].rotate_left(48);
            parts.rebuild();
        }),
        sealed("object-twice", "F-034", &|parts| {
            let count = parts.directory[4] + 1;
            parts.directory[4] = count;
            let entry = first_object.clone();
            parts.directory.splice(objects_at..objects_at, entry);
            parts.rebuild();
        }),
        sealed("directory-too-long", "F-033", &|parts| {
            parts.directory.push(0);
            parts.rebuild();
        }),
        sealed("directory-missing", "F-033", &|parts| {
            parts.directory.clear();
            parts.rebuild();
        }),
        sealed("gap-after-blocks", "F-030", &|parts| {
            parts.blocks.push(0);
            parts.rebuild();
        }),
        sealed("object-with-other-bytes", "F-040", &|parts| {
            parts.blocks[0] ^= 1;
            let len = u32::from_le_bytes(
                parts.directory[block(8)..block(12)]
                    .try_into()
                    .expect("four bytes"),
            );
            let check = blake3::hash(&parts.blocks[..len as usize]);
            parts.directory[block(24)..block(56)].copy_from_slice(check.as_bytes());
            parts.rebuild();
        }),
    ]
}

// Section 4, F-031

/// A segment whose first block is stored otherwise: the chunks of the base archive.
fn compressed() -> Vec<Case> {
    let config = base().config().encode();
    let maker = base();
    let text = b"correlation correlation correlation correlation".repeat(4);
    let frame = restante_format::compress::compress(&text, 3).expect("it becomes smaller");
    let first = |name: &str, stored: &[u8], plain: usize| {
        let mut parts = Parts::of(&maker.segment(&maker.objects, None));
        let at = Parts::block_at(0);
        let word = |parts: &Parts, at: usize| {
            u32::from_le_bytes(parts.directory[at..at + 4].try_into().expect("four bytes"))
        };
        let old = word(&parts, at + 8);
        parts.blocks.splice(..old as usize, stored.iter().copied());
        parts.directory[at + 8..at + 12].copy_from_slice(&(stored.len() as u32).to_le_bytes());
        parts.directory[at + 12..at + 16].copy_from_slice(&(plain as u32).to_le_bytes());
        parts.directory[at + 16] = 1;
        parts.directory[at + 24..at + 56].copy_from_slice(blake3::hash(stored).as_bytes());
        let blocks = (parts.objects_at() - Parts::block_at(0)) / 56;
        for number in 1..blocks {
            let (before, this) = (Parts::block_at(number - 1), Parts::block_at(number));
            let offset = u64::from(word(&parts, before)) + u64::from(word(&parts, before + 8));
            parts.directory[this..this + 8].copy_from_slice(&offset.to_le_bytes());
        }
        parts.rebuild();
        case(
            &format!("zstd-{name}"),
            "damaged",
            "F-031",
            folder(config.clone(), &[&parts]),
        )
    };
    vec![
        first("longer-than-told", &frame, text.len() - 1),
        first("shorter-than-told", &frame, text.len() + 1),
        first("two-frames", &[&frame[..], &frame].concat(), 2 * text.len()),
        first("bytes-after-frame", &[&frame[..], b"\0"].concat(), text.len()),
        first("cut-off", &frame[..frame.len() - 1], text.len()),
        first("no-frame", b"not a frame at all", 21),
        first("skippable-frame", b"\x50\x2a\x4d\x18\x01\0\0\0x", 21),
    ]
}

// Sections 5 to 9: what takes more than one object to see

/// An archive of one snapshot whose root has these entries.
fn entries(name: &str, why: &str, make: impl FnOnce(&mut Maker) -> Vec<Entry>) -> Case {
    rooted(name, why, |maker| {
        let entries = make(maker);
        maker.add(Kind::Tree, &TreeNode::Leaf(entries).encode())
    })
}

fn rooted(name: &str, why: &str, make: impl FnOnce(&mut Maker) -> Id) -> Case {
    let mut maker = Maker::new("rejected");
    let root = make(&mut maker);
    maker.snapshot_of(root, |_| {});
    case(name, "damaged", why, maker.files(None))
}

fn entry(name: &str, node: Node) -> Entry {
    Entry {
        name: name.as_bytes().to_vec(),
        node,
        meta: meta(0o644),
    }
}

fn listed(size: u64, list: Id) -> Node {
    Node::File {
        size,
        content: Stored::List(list),
    }
}

fn item(len: u64, id: Id) -> ListItem {
    ListItem { len, id: Some(id) }
}

fn add_list(maker: &mut Maker, level: u8, items: Vec<ListItem>) -> Id {
    maker.add(Kind::ChunkList, &ListNode { level, items }.encode())
}

/// A list of two chunks of four bytes.
fn good_list(maker: &mut Maker) -> Id {
    let chunks = [maker.add(Kind::Chunk, b"abcd"), maker.add(Kind::Chunk, b"efgh")];
    add_list(maker, 0, chunks.map(|id| item(4, id)).to_vec())
}

/// One file with a list that is made by hand.
fn list_case(name: &str, why: &str, size: u64, make: impl FnOnce(&mut Maker) -> Id) -> Case {
    entries(name, why, |maker| {
        let list = make(maker);
        vec![entry("file", listed(size, list))]
    })
}

/// An archive without the objects of the base that `lost` picks.
fn missing(name: &str, lost: impl Fn(usize, Kind) -> bool) -> Case {
    let mut maker = Maker::new("rejected");
    let pieces = vec![Piece::Data(b"abcd".to_vec()), Piece::Data(b"efgh".to_vec())];
    maker.snapshot(
        &[Item::dir(
            "d",
            vec![Item::file("a", b"a"), Item::pieces("b", pieces)],
        )],
        |_| {},
    );
    let mut number = 0;
    let mut tree_of = 0;
    maker.objects.retain(|(kind, ..)| {
        number += 1;
        tree_of += usize::from(*kind == Kind::Tree);
        !lost(if *kind == Kind::Tree { tree_of } else { number }, *kind)
    });
    case(&format!("missing-{name}"), "damaged", "F-081", maker.files(None))
}

fn contents() -> Vec<Case> {
    let mut cases = vec![
        missing("chunk", |number, kind| kind == Kind::Chunk && number == 1),
        missing("chunk-of-list", |number, kind| kind == Kind::Chunk && number == 2),
        missing("list", |_, kind| kind == Kind::ChunkList),
        missing("directory", |tree, kind| kind == Kind::Tree && tree == 1),
        missing("root", |tree, kind| kind == Kind::Tree && tree == 2),
    ];
    let maker = base();
    let half = maker.objects.len() / 2;
    let kept = Parts::of(&maker.segment(&maker.objects[half..], None));
    cases.push(case(
        "missing-segment",
        "damaged",
        "F-081",
        folder(maker.config().encode(), &[&kept]),
    ));
    cases.extend(lists());
    cases.extend(trees());
    cases.extend(super::pages::rejected());
    cases
}

fn lists() -> Vec<Case> {
    vec![
        list_case("list-chunk-length", "F-060", 9, |maker| {
            let chunk = maker.add(Kind::Chunk, b"abcd");
            add_list(maker, 0, vec![item(4, chunk), item(5, chunk)])
        }),
        list_case("list-level", "F-061", 8, |maker| {
            let list = good_list(maker);
            add_list(maker, 2, vec![item(8, list)])
        }),
        list_case("list-levels-equal", "F-061", 8, |maker| {
            let list = good_list(maker);
            let list = add_list(maker, 1, vec![item(8, list)]);
            add_list(maker, 1, vec![item(8, list)])
        }),
        list_case("list-sum", "F-061", 16, |maker| {
            let list = good_list(maker);
            add_list(maker, 1, vec![item(8, list), item(7, list), item(1, list)])
        }),
        list_case("list-size", "F-062", 9, good_list),
        list_case("list-two-holes", "F-063", 2, |maker| {
            let hole = ListItem { len: 1, id: None };
            add_list(maker, 0, vec![hole, hole])
        }),
        entries("list-of-two-sizes", "F-062: the second file's size", |maker| {
            let list = good_list(maker);
            vec![entry("a", listed(8, list)), entry("b", listed(9, list))]
        }),
        list_case("list-is-a-tree", "F-041", 8, |maker| maker.tree(&[])),
        entries("chunk-length", "F-072", |maker| {
            let content = Stored::Chunk(maker.add(Kind::Chunk, b"abcd"));
            vec![entry("file", Node::File { size: 5, content })]
        }),
        entries("chunk-is-a-list", "F-041", |maker| {
            let list = good_list(maker);
            let content = Stored::Chunk(list);
            let size = maker
                .objects
                .iter()
                .find(|o| o.1 == list)
                .map_or(0, |o| o.2.len() as u64);
            vec![entry("file", Node::File { size, content })]
        }),
    ]
}

fn trees() -> Vec<Case> {
    let fifo = |name: &str| entry(name, Node::Fifo);
    let leaf = |maker: &mut Maker, names: &[&str]| {
        let entries = names.iter().map(|name| fifo(name)).collect();
        maker.add(Kind::Tree, &TreeNode::Leaf(entries).encode())
    };
    let inner = |maker: &mut Maker, level: u8, children: &[(&str, Id)]| {
        let children = children
            .iter()
            .map(|(first, id)| Child {
                first: first.as_bytes().to_vec(),
                id: *id,
            })
            .collect();
        maker.add(Kind::Tree, &TreeNode::Inner { level, children }.encode())
    };
    vec![
        rooted("tree-order-across-leaves", "F-070", |maker| {
            let (a, b) = (leaf(maker, &["a", "c"]), leaf(maker, &["b", "d"]));
            inner(maker, 1, &[("a", a), ("b", b)])
        }),
        rooted("tree-name-in-two-leaves", "F-070", |maker| {
            let (a, b) = (leaf(maker, &["a", "b"]), leaf(maker, &["b"]));
            inner(maker, 1, &[("a", a), ("b", b)])
        }),
        rooted("tree-first", "F-076", |maker| {
            let (a, b) = (leaf(maker, &["a"]), leaf(maker, &["c"]));
            inner(maker, 1, &[("a", a), ("b", b)])
        }),
        rooted("tree-first-of-inner", "F-076", |maker| {
            let a = leaf(maker, &["b"]);
            let a = inner(maker, 1, &[("b", a)]);
            inner(maker, 2, &[("a", a)])
        }),
        rooted("tree-empty-child", "F-076", |maker| {
            let (a, b) = (leaf(maker, &["a"]), leaf(maker, &[]));
            inner(maker, 1, &[("a", a), ("b", b)])
        }),
        rooted("tree-level", "section 8", |maker| {
            let a = leaf(maker, &["a"]);
            inner(maker, 2, &[("a", a)])
        }),
        rooted("tree-levels-equal", "section 8", |maker| {
            let a = leaf(maker, &["a"]);
            let a = inner(maker, 1, &[("a", a)]);
            inner(maker, 1, &[("a", a)])
        }),
        rooted("tree-is-a-list", "F-041", good_list),
        entries("tree-name-dot-dot", "section 8", |_| vec![fifo("..")]),
        entries("tree-name-slash", "section 8", |_| vec![fifo("../../etc/passwd")]),
    ]
}

/// A snapshot of directories in each other, so many of them, with a file in the innermost: no vector, since every tree
/// takes its room.
pub fn nested(levels: usize) -> Maker {
    let mut maker = Maker::new("nested");
    let mut tree = maker.add(
        Kind::Tree,
        &TreeNode::Leaf(vec![entry("file", Node::Fifo)]).encode(),
    );
    for _ in 0..levels {
        tree = maker.add(
            Kind::Tree,
            &TreeNode::Leaf(vec![entry("d", Node::Dir { tree })]).encode(),
        );
    }
    maker.snapshot_of(tree, |_| {});
    maker
}
