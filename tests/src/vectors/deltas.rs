//! Archives with deltas, accepted and rejected ones. The writer's choices have no part in them.

use restante_format::id::{Id, Kind};
use restante_format::limits::CHAIN;
use restante_format::model::Snapshot;
use restante_format::wire::{Child, DELTA_ENTRY_BYTES, OBJECT_ENTRY_BYTES, TreeNode};
use zstd::zstd_safe::CParameter;

use super::archives::{noise, tables};
use super::maker::{Case, Item, Maker, with_found};
use super::parts::Parts;
use super::rejected::{Files, case, folder};
use crate::laid::{DeltaOf, Laid, frame, frame_with, lay};

/// The magic number of zstd's dictionaries.
const DICTIONARY_MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];
const SKIPPABLE_FRAME: &[u8] = b"\x50\x2a\x4d\x18\x04\0\0\0skip";

/// One version of a table whose rows do not compress.
fn version(number: usize) -> Vec<u8> {
    let row = |row: u8| format!("{row:04} REPL:EXCH1 MAPI:{}\r\n", Id::of(Kind::Chunk, &[row]));
    let mut rows: Vec<String> = (0..4).map(row).collect();
    rows[number % 4] = format!("{:04} changed in version {number}\r\n", number % 4);
    rows.concat().into_bytes()
}

fn chunk(plain: &[u8]) -> Laid {
    Laid::whole(Kind::Chunk, plain)
}

fn delta(plain: &[u8], base: &[u8]) -> Laid {
    Laid::delta(Kind::Chunk, plain, base)
}

/// A snapshot of files `0`, `1` and so on, a chunk each.
fn of_files(name: &str, files: &[&[u8]]) -> Maker {
    let items: Vec<Item> = (0..)
        .zip(files)
        .map(|(n, bytes)| Item::file(&format!("{n:03}"), bytes))
        .collect();
    let mut maker = Maker::new(name);
    maker.snapshot(&items, |_| {});
    maker
}

/// Everything but the chunks, whole.
fn rest(maker: &Maker) -> Vec<Laid> {
    let objects = maker.objects.iter().filter(|(kind, ..)| *kind != Kind::Chunk);
    objects
        .map(|(kind, _, plain)| Laid::whole(*kind, plain))
        .collect()
}

/// The files of an archive that consists of these segments, each a list of blocks.
fn archive(maker: &Maker, segments: &[&[Vec<Laid>]], zstd_level: Option<i32>) -> Files {
    let segments: Vec<Parts> = segments
        .iter()
        .map(|blocks| Parts::of(&lay(maker.archive, blocks, zstd_level)))
        .collect();
    folder(maker.config().encode(), &segments.iter().collect::<Vec<_>>())
}

/// All accepted cases.
pub(super) fn accepted() -> Vec<Case> {
    let mut cases = states();
    cases.extend([
        chain(CHAIN),
        chain_cut_short("delta-chain-cut-short-before", '2'),
        chain_cut_short("delta-chain-cut-short-after", 'c'),
        frames(),
        magic(),
        both_ways(),
        garbage(),
        copy_without_base("delta-copy-without-its-base", |sample| &sample.plain[0]),
        copy_without_base("delta-copy-of-base-without-its-base", |sample| &sample.base),
    ]);
    cases
}

/// Two states of a connector's tables: everything of the second one but its snapshot is a delta of something of the first.
fn states() -> Vec<Case> {
    let mut maker = Maker::new("deltas");
    let parent = maker.snapshot(&tables(1), |_| {});
    let count = maker.objects.len();
    maker.snapshot(&tables(2), |snapshot: &mut Snapshot| {
        snapshot.time.secs += 60;
        snapshot.parent = Some(parent);
    });
    let [first, second] = <[Vec<Laid>; 2]>::try_from(maker.as_deltas(&[count])).expect("two states");
    for kind in [Kind::Chunk, Kind::ChunkList, Kind::Tree] {
        let is_delta = |laid: &Laid| laid.kind == kind && laid.delta.is_some();
        assert!(second.iter().any(is_delta), "no {kind} changed");
    }
    let one = std::slice::from_ref;
    let files = archive(&maker, &[one(&first), one(&second)], Some(3));
    let alone = lay(maker.archive, &[second, first], Some(3));
    vec![
        maker.accepted(
            "deltas",
            "chunks, lists and trees as deltas of what is in another segment",
            files,
        ),
        maker.accepted(
            "deltas-alone",
            "a segment by itself with deltas and their bases",
            [("archive.rst".to_owned(), alone)].into(),
        ),
    ]
}

/// So many bases behind each other.
fn chain_of(bases: usize) -> (Maker, Vec<Laid>) {
    let versions: Vec<Vec<u8>> = (0..=bases).map(version).collect();
    let newest: &[u8] = &versions[bases];
    let maker = of_files("delta-chain", &[newest]);
    let mut chunks = vec![chunk(&versions[0])];
    for (n, pair) in versions.windows(2).enumerate() {
        chunks.push(delta(&pair[1], &pair[0]).with(|delta| delta.generation = n as u16 + 1));
    }
    (maker, chunks)
}

fn chain(bases: usize) -> Case {
    let (maker, chunks) = chain_of(bases);
    let files = archive(&maker, &[&[chunks, rest(&maker)]], None);
    maker.accepted(
        &format!("delta-chain-{bases}"),
        "as many bases behind each other as there may be",
        files,
    )
}

/// Versions behind each other, more than may be; but one in the middle is whole as well, in a segment before or after.
fn chain_cut_short(name: &str, digit: char) -> Case {
    let (maker, chunks) = chain_of(CHAIN + 16);
    let segments = [
        named(&maker, '8', &chunks),
        named(&maker, digit, &[chunk(&version(CHAIN / 2))]),
        named(&maker, 'e', &rest(&maker)),
    ];
    maker.accepted(
        name,
        "80 versions behind each other, of which the one in the middle is whole as well",
        folder(maker.config().encode(), &segments.each_ref()),
    )
}

/// A frame whose header has a field of one byte for a dictionary's id.
fn with_dictionary_id(frame: &[u8], id: u8) -> Vec<u8> {
    let mut changed = frame.to_vec();
    assert_eq!(frame[4] & 0x23, 0x20, "a single segment without a dictionary id");
    changed[4] |= 1;
    changed.insert(5, id);
    changed
}

/// A frame of one raw block, with a window of 1 KiB and without a content size.
fn raw_frame(plain: &[u8]) -> Vec<u8> {
    let head = (plain.len() as u32) << 3 | 1;
    [&b"\x28\xb5\x2f\xfd\0\0"[..], &head.to_le_bytes()[..3], plain].concat()
}

fn frames() -> Case {
    let base = version(0);
    let long = noise("a long base", 3000);
    let short = b"the shortest base";
    let of = |plain: &[u8], base: &[u8], parameter: Option<CParameter>| {
        let frame = frame_with(plain, base, parameter.as_slice());
        (plain.to_vec(), base.to_vec(), frame)
    };
    let made = [
        of(&base[..100], &base, None),
        of(&base.repeat(5), &base, None),
        of(&long[1000..1400], &long, None),
        of(b"x", &base, None),
        of(&version(1), &base, Some(CParameter::ContentSizeFlag(false))),
        of(&version(2), &base, Some(CParameter::ChecksumFlag(true))),
        of(&version(3), &base, Some(CParameter::CompressionLevel(22))),
        of(&version(4), &base, Some(CParameter::CompressionLevel(-7))),
        of(&version(7), short, None),
        (
            version(5),
            base.clone(),
            with_dictionary_id(&frame(&version(5), &base), 0),
        ),
        // Needs nothing of its base, which is there all the same.
        (version(6), base.clone(), raw_frame(&version(6))),
    ];
    let files: Vec<&[u8]> = made.iter().map(|(plain, ..)| &plain[..]).collect();
    let maker = of_files("delta-frames", &files);
    let mut chunks: Vec<Laid> = made
        .iter()
        .map(|(plain, base, frame)| Laid::framed(Kind::Chunk, plain, base, frame.clone()))
        .collect();
    chunks[0] = chunks[0].clone().with(|delta| delta.generation = u16::MAX);
    let bases = vec![chunk(&base), chunk(&long), chunk(short)];
    let files = archive(&maker, &[&[chunks, bases, rest(&maker)]], None);
    maker.accepted(
        "delta-frames",
        "frames of all sorts, with bases longer and shorter than what is made of them",
        files,
    )
}

fn magic() -> Case {
    let base = [&DICTIONARY_MAGIC[..], &version(0)].concat();
    let only = DICTIONARY_MAGIC.to_vec();
    let (one, two) = ([&base[..], b"x"].concat(), [&only[..], b"y"].concat());
    let maker = of_files("delta-base-magic", &[&one, &two]);
    let chunks = vec![chunk(&base), chunk(&only), delta(&one, &base), delta(&two, &only)];
    let files = archive(&maker, &[&[chunks, rest(&maker)]], None);
    maker.accepted(
        "delta-base-magic",
        "bases that begin as a dictionary of zstd does, and are none",
        files,
    )
}

/// As two writers, or a merge, may leave it.
fn both_ways() -> Case {
    let (a, b) = (version(0), version(1));
    let maker = of_files("delta-both-ways", &[&a, &b]);
    let segments = [
        vec![chunk(&a), delta(&b, &a)],
        vec![chunk(&b), delta(&a, &b)],
        vec![delta(&a, &b)],
        vec![delta(&b, &a)],
        rest(&maker),
    ]
    .map(|block| vec![block]);
    let segments: Vec<&[Vec<Laid>]> = segments.iter().map(Vec::as_slice).collect();
    maker.accepted(
        "delta-both-ways",
        "two versions, each whole and as a delta of the other",
        archive(&maker, &segments, None),
    )
}

/// As a prune leaves them in segments that are needed for something else (F-045): their bases went, since nobody needed them either.
fn garbage() -> Case {
    let [kept, gone, first, second, other] = [0, 1, 2, 3, 5].map(version);
    let maker = of_files("delta-garbage-without-base", &[&kept]);
    let tree = |name: &str| {
        let mut maker = Maker::new("");
        maker.tree(&[Item::file(name, name.as_bytes())]);
        let (.., plain) = maker.objects.pop().expect("the tree comes last");
        plain
    };
    let segments = [
        vec![chunk(&kept), delta(&first, &gone)],
        vec![
            delta(&second, &first).with(|delta| delta.generation = 2),
            chunk(&other),
        ],
        vec![Laid::delta(Kind::Tree, &tree("new"), &tree("gone"))],
        rest(&maker),
    ]
    .map(|block| vec![block]);
    let segments: Vec<&[Vec<Laid>]> = segments.iter().map(Vec::as_slice).collect();
    maker.accepted(
        "delta-garbage-without-base",
        "deltas that no snapshot needs, and of which a base is in no segment",
        archive(&maker, &segments, None),
    )
}

/// A second copy of something needed, as a delta whose base went: the other copy gives it (F-045).
fn copy_without_base(name: &str, of: impl Fn(&Sample) -> &Vec<u8>) -> Case {
    let sample = sample();
    let copy = vec![delta(of(&sample), b"which is nowhere")];
    let mut files = archive(&sample.maker, &[&sample.blocks], None);
    let more = Parts::of(&lay(sample.maker.archive, &[copy], None));
    files.insert(format!("archive/{}", more.path()), more.bytes());
    sample.maker.accepted(
        name,
        "a copy that is a delta of what is in no segment, beside a good one",
        files,
    )
}

/// All rejected cases.
pub(super) fn rejected() -> Vec<Case> {
    let mut cases = directories();
    cases.extend(broken_frames());
    cases.extend(broken_chains());
    cases.extend(copies());
    cases
}

/// Two deltas of one base, which is in a block before theirs.
struct Sample {
    maker: Maker,
    base: Vec<u8>,
    plain: [Vec<u8>; 2],
    blocks: [Vec<Laid>; 3],
}

fn sample() -> Sample {
    let (base, plain) = (version(0), [version(1), version(2)]);
    let maker = of_files("rejected", &[&plain[0], &plain[1]]);
    let deltas = plain.each_ref().map(|plain| delta(plain, &base)).to_vec();
    let blocks = [vec![chunk(&base)], deltas, rest(&maker)];
    Sample {
        maker,
        base,
        plain,
        blocks,
    }
}

// F-033, F-034, F-036

fn directories() -> Vec<Case> {
    let Sample { maker, blocks, .. } = sample();
    let good = Parts::of(&lay(maker.archive, &blocks, None));
    let (objects_at, deltas_at) = (good.objects_at(), good.deltas_at());
    let objects = (deltas_at - objects_at) / OBJECT_ENTRY_BYTES;
    let object = |number: usize, field: usize| objects_at + number * OBJECT_ENTRY_BYTES + field;
    let delta = |number: usize, field: usize| deltas_at + number * DELTA_ENTRY_BYTES + field;
    let first = good.directory[delta(0, 0)] as usize;
    let of_kind = |kind: Kind| {
        (0..objects)
            .find(|number| good.directory[object(*number, 44)] == kind as u8)
            .expect("one of each kind")
    };
    let own_id = good.directory[object(first, 0)..object(first, 32)].to_vec();
    let sealed = |name: &str, why: &str, change: &dyn Fn(&mut Parts)| {
        let mut parts = good.clone();
        change(&mut parts);
        parts.rebuild();
        case(
            &format!("sealed-delta-{name}"),
            "damaged",
            why,
            folder(maker.config().encode(), &[&parts]),
        )
    };
    let changed = |name: &str, why: &str, at: usize, bytes: &[u8]| {
        sealed(name, why, &|parts| {
            parts.directory[at..at + bytes.len()].copy_from_slice(bytes)
        })
    };
    let counted = |parts: &mut Parts| {
        let count = (parts.directory.len() - deltas_at) / DELTA_ENTRY_BYTES;
        parts.directory[8..12].copy_from_slice(&(count as u32).to_le_bytes());
    };
    let entry_of = |number: usize| [&(number as u32).to_le_bytes()[..], &[1, 0, 0, 0], &[7; 32]].concat();
    let beyond = (16 << 20) + 1_u32;
    vec![
        changed("count-too-small", "F-033", 8, &[1]),
        sealed("cut-off", "F-033", &|parts| {
            parts.directory.pop();
        }),
        sealed("without-entries", "F-036", &|parts| {
            parts.directory.truncate(deltas_at);
            counted(parts);
        }),
        sealed("without-its-entry", "F-036", &|parts| {
            parts.directory.truncate(delta(1, 0));
            counted(parts);
        }),
        changed("generation-0", "F-036", object(first, 46), &[0, 0]),
        changed(
            "generation-of-a-whole-one",
            "F-036",
            object(of_kind(Kind::Tree), 47),
            &[1],
        ),
        sealed("entry-of-a-whole-one", "F-036", &|parts| {
            let tree = of_kind(Kind::Tree);
            let later = (0..2).filter(|n| (parts.directory[delta(*n, 0)] as usize) < tree);
            let at = delta(later.count(), 0);
            parts.directory.splice(at..at, entry_of(tree));
            counted(parts);
        }),
        sealed("page", "F-034: a page is never a delta", &|parts| {
            let page = of_kind(Kind::Page);
            parts.directory[object(page, 46)] = 1;
            let before = (0..2).filter(|n| (parts.directory[delta(*n, 0)] as usize) < page);
            let at = delta(before.count(), 0);
            parts.directory.splice(at..at, entry_of(page));
            counted(parts);
        }),
        changed("object-beyond", "F-034", delta(1, 0), &[objects as u8]),
        changed("object-far-beyond", "F-034", delta(1, 0), &[0xff; 4]),
        sealed("unsorted", "F-034", &|parts| {
            parts.directory[deltas_at..].rotate_left(DELTA_ENTRY_BYTES);
        }),
        sealed("twice", "F-034", &|parts| {
            let entry = parts.directory[deltas_at..delta(1, 0)].to_vec();
            parts.directory.splice(deltas_at..deltas_at, entry);
            counted(parts);
        }),
        changed("length-zero", "F-034", delta(0, 4), &[0; 4]),
        changed("length-too-large", "F-034", delta(0, 4), &beyond.to_le_bytes()),
        changed("own-base", "F-034", delta(0, 8), &own_id),
        changed("length-of-frame-zero", "F-034", object(first, 40), &[0; 4]),
        changed(
            "frame-beyond-block",
            "F-034",
            object(first, 40),
            &(1_u32 << 20).to_le_bytes(),
        ),
    ]
}

// F-037, F-040

fn broken_frames() -> Vec<Case> {
    let Sample { base, plain, .. } = sample();
    let plain = &plain[0];
    let good = frame(plain, &base);
    let with = |name: &str, why: &str, frame: &[u8], change: &dyn Fn(&mut DeltaOf)| {
        let Sample {
            maker, mut blocks, ..
        } = sample();
        let of_frame = Laid::framed(Kind::Chunk, plain, &base, frame.to_vec());
        blocks[1][0] = of_frame.with(change);
        case(
            &format!("delta-{name}"),
            "damaged",
            why,
            archive(&maker, &[&blocks], None),
        )
    };
    let framed = |name: &str, frame: &[u8]| with(&format!("frame-{name}"), "F-037", frame, &|_| {});
    let told = |name: &str, len: usize| {
        with(&format!("frame-{name}"), "F-037", &good, &|delta| {
            delta.plain_len = len as u32
        })
    };
    let no_size = [CParameter::ContentSizeFlag(false)];
    let longer = [&plain[..], b"x"].concat();
    let other = [&plain[..plain.len() - 1], b"x"].concat();
    let farther_back = frame(plain, &[&base[..], &noise("more of the base", 200)].concat());
    vec![
        framed("no-frame", b"not a frame at all"),
        framed("whole-plain-bytes", plain),
        framed("cut-off", &good[..good.len() - 1]),
        framed("two", &[&good[..], &good].concat()),
        framed("bytes-after", &[&good[..], b"\0"].concat()),
        framed("skippable", SKIPPABLE_FRAME),
        framed("skippable-before", &[SKIPPABLE_FRAME, &good].concat()),
        framed("skippable-after", &[&good[..], SKIPPABLE_FRAME].concat()),
        framed("dictionary-id", &with_dictionary_id(&good, 7)),
        framed("longer", &frame(&longer, &base)),
        framed("shorter", &frame(&plain[1..], &base)),
        framed("longer-without-size", &frame_with(&longer, &base, &no_size)),
        framed("shorter-without-size", &frame_with(&plain[1..], &base, &no_size)),
        framed("reaching-before-its-base", &farther_back),
        told("told-longer", plain.len() + 1),
        told("told-shorter", plain.len() - 1),
        told("told-much-longer", 16 << 20),
        with("other-bytes", "F-040", &frame(&other, &base), &|_| {}),
        with("of-another-base", "F-040", &good, &|delta| {
            delta.base = Id::of(Kind::Chunk, &version(2))
        }),
    ]
}

// F-039, F-043, F-081, F-040

fn broken_chains() -> Vec<Case> {
    let damaged = |name: &str, why: &str, files: Files| case(&format!("delta-{name}"), "damaged", why, files);
    let of_blocks = |name: &str, why: &str, change: &dyn Fn(&mut [Vec<Laid>; 3])| {
        let Sample {
            maker, mut blocks, ..
        } = sample();
        change(&mut blocks);
        damaged(name, why, archive(&maker, &[&blocks], None))
    };
    let Sample {
        maker,
        base,
        plain,
        blocks,
    } = sample();
    let (long, chunks) = chain_of(CHAIN + 1);
    let too_long = archive(&long, &[&[chunks, rest(&long)]], None);
    let without_base = lay(maker.archive, &blocks[1..], None);
    let mut flipped = Parts::of(&lay(maker.archive, &blocks, None));
    flipped.blocks[3] ^= 0x20;
    let mut cut_off = archive(&maker, &[&blocks[1..], &blocks[..1]], None);
    for (path, bytes) in &mut cut_off {
        if path.ends_with(".rst") && bytes.len() < 800 {
            bytes.pop();
        }
    }
    vec![
        damaged(&format!("chain-{}", CHAIN + 1), "F-043", too_long),
        of_blocks("base-missing", "F-081", &|blocks| {
            blocks[0][0] = chunk(b"something else");
        }),
        // The frame makes the right bytes of a tree: it is the kind alone that is wrong.
        of_blocks("base-is-a-tree", "F-041", &|blocks| {
            let tree = &blocks[2][0];
            assert_eq!(tree.kind, Kind::Tree);
            blocks[1][0] = delta(&plain[0], &tree.bytes).with(|delta| delta.base = tree.id);
        }),
        of_blocks("base-is-a-page", "F-041", &|blocks| {
            let page = blocks[2].last().expect("the page");
            assert_eq!(page.kind, Kind::Page);
            blocks[1][0] = delta(&plain[0], &page.bytes).with(|delta| delta.base = page.id);
        }),
        of_blocks("base-told-of-another-kind", "F-040", &|blocks| {
            blocks[0][0].kind = Kind::ChunkList;
        }),
        of_blocks("cycle", "F-043", &|blocks| {
            blocks[0].clear();
            blocks[0].push(delta(&base, &plain[0]));
        }),
        of_blocks("base-has-other-bytes", "F-040", &|blocks| {
            blocks[0][0].bytes[3] ^= 0x20;
        }),
        of_blocks("base-of-base-missing", "F-081", &|blocks| {
            blocks[0][0] = delta(&base, b"which is nowhere");
        }),
        damaged(
            "base-flipped",
            "section 4: the block's check",
            folder(maker.config().encode(), &[&flipped]),
        ),
        damaged("base-in-a-damaged-segment", "F-081", cut_off),
        node_without_base(),
        damaged(
            "alone-without-base",
            "F-081",
            [("archive.rst".to_owned(), without_base)].into(),
        ),
    ]
}

/// A directory of several nodes, one of which is a delta of what is nowhere: no entry names that node, and yet the snapshot needs it.
fn node_without_base() -> Case {
    let leaf = |names: &[&str]| {
        let mut maker = Maker::new("");
        let items: Vec<Item> = names.iter().map(|name| Item::file(name, b"")).collect();
        maker.tree(&items);
        let (.., plain) = maker.objects.pop().expect("the tree comes last");
        plain
    };
    let leaves = [leaf(&["a", "b"]), leaf(&["c", "d"])];
    let child = |first: &str, plain: &[u8]| Child {
        first: first.into(),
        id: Id::of(Kind::Tree, plain),
    };
    let children = vec![child("a", &leaves[0]), child("c", &leaves[1])];
    let root = TreeNode::Inner { level: 1, children }.encode();
    let mut maker = Maker::new("rejected");
    let id = maker.add(Kind::Tree, &root);
    maker.snapshot_of(id, |_| {});
    let nodes = vec![
        Laid::whole(Kind::Tree, &leaves[0]),
        Laid::delta(Kind::Tree, &leaves[1], &leaf(&["gone"])),
    ];
    let files = archive(&maker, &[&[nodes, rest(&maker)]], None);
    case("delta-node-without-base", "damaged", "F-081", files)
}

// F-044: damaged, but nothing is lost

fn nothing_lost(name: &str, why: &str, maker: Maker, files: Files) -> Case {
    let mut case = case(name, "damaged", why, files);
    case.document = with_found(case.document, &maker.found());
    case
}

/// A segment whose name begins with this digit: readers may take them in the order of their names.
fn named(maker: &Maker, digit: char, block: &[Laid]) -> Parts {
    let salted = |salt: u8| {
        let blocks = [block.to_vec(), vec![chunk(&[salt])]];
        Parts::of(&lay(maker.archive, &blocks, None))
    };
    (0..=u8::MAX)
        .map(salted)
        .find(|parts| {
            parts
                .path()
                .strip_prefix("segments/")
                .is_some_and(|name| name.starts_with(digit))
        })
        .expect("one of 256 names")
}

/// The sound copy of the newest version is made from the middle one, that from the oldest, which is whole, and also there
/// as a delta of the middle one. The other copies of the newest are made from the oldest, but damaged: whoever
/// follows one first must not take the middle one for lost, since it was of no use on this way.
fn crossing() -> Case {
    let [oldest, middle, newest] = [version(0), version(1), version(2)];
    let maker = of_files("delta-crossing", &[&newest]);
    let spoilt = Laid::framed(Kind::Chunk, &newest, &oldest, b"no frame".to_vec());
    let segments = [
        ('1', vec![spoilt.clone()]),
        ('3', vec![delta(&oldest, &middle)]),
        ('5', vec![chunk(&oldest)]),
        ('7', vec![delta(&middle, &oldest)]),
        ('9', vec![delta(&newest, &middle)]),
        ('a', vec![spoilt]),
        ('b', rest(&maker)),
    ]
    .map(|(digit, block)| named(&maker, digit, &block));
    let files = folder(maker.config().encode(), &segments.each_ref());
    nothing_lost("delta-copies-crossing", "F-037", maker, files)
}

fn copies() -> Vec<Case> {
    let with_more = |name: &str, why: &str, spoil: &dyn Fn(&Sample) -> Parts| {
        let sample = sample();
        let more = spoil(&sample);
        let mut files = archive(&sample.maker, &[&sample.blocks], None);
        files.insert(format!("archive/{}", more.path()), more.bytes());
        nothing_lost(&format!("delta-copy-{name}"), why, sample.maker, files)
    };
    let one = |sample: &Sample, laid: Laid| Parts::of(&lay(sample.maker.archive, &[vec![laid]], None));
    let flipped = |mut parts: Parts| {
        parts.blocks[4] ^= 0x20;
        parts
    };
    vec![
        with_more("of-base-flipped", "section 4: the block's check", &|sample| {
            flipped(one(sample, chunk(&sample.base)))
        }),
        with_more("of-base-with-other-bytes", "F-040", &|sample| {
            let mut laid = chunk(&sample.base);
            laid.bytes[5] ^= 1;
            one(sample, laid)
        }),
        with_more("flipped", "section 4: the block's check", &|sample| {
            flipped(one(sample, delta(&sample.plain[0], &sample.base)))
        }),
        with_more("of-base-told-of-another-kind", "F-040", &|sample| {
            let mut laid = chunk(&sample.base);
            laid.kind = Kind::ChunkList;
            one(sample, laid)
        }),
        crossing(),
    ]
}
