//! Archives made by an enemy, with every hash as it should be: sizes, bombs, depths and numbers. Memory stays bounded,
//! and everything ends.

#![cfg(target_os = "linux")]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use restante_format::archive::{Archive, VerifyLevel};
use restante_format::error::Error;
use restante_format::id::{Id, Kind};
use restante_format::limits::{CHAIN, DEPTH, OBJECT_BYTES};
use restante_format::model::{Content, Node};
use restante_format::progress::Progress;
use restante_format::segment::{PlainBlock, SegmentWriter};
use restante_format::store::{Call, MemoryStore, Name, RecordingStore, Store};
use restante_format::wire::{BlockEntry, Directory, HEADER_BYTES, Method, ObjectEntry, Trailer};
use restante_tests::archives::{config, open, verify};
use restante_tests::counting::{Counting, alone, bounded, in_time};
use restante_tests::forge::{
    Forge, assert_nothing_in, dir, entry, file, forged, item, restore_among_canaries, verified,
};

#[global_allocator]
static COUNTING: Counting = Counting;

// F-062
#[test]
fn absurd_sizes_are_refused_or_sparse() {
    let _alone = alone();
    let (archive, root) = forged(|forge| {
        let list = forge.list(0, vec![item(1 << 60, None)]);
        forge.tree(vec![file(b"huge", 1 << 60, Content::List(list))])
    });
    let (report, place) = restore_among_canaries(&archive, root, None);
    // Whether such a file can exist is for the file system to say; it never takes room.
    assert_eq!(report.failed + report.files, 1);
    assert_eq!(
        fs::read_dir(place.join("target")).expect("list").count() as u64,
        report.files
    );
    verified(&archive);
}

// F-003, F-031
#[test]
fn bombs_get_no_room() {
    let _alone = alone();
    // A block that says how large it is, and is: each is decoded, but never many at a time.
    let (archive, root) = forged(|f| {
        let mut entries = Vec::new();
        for n in 0..8_u8 {
            let mut zeros = vec![0; 16 << 20];
            zeros[0] = n;
            let id = f.object(Kind::Chunk, &zeros);
            entries.push(file(&[b'a' + n], 16 << 20, Content::Chunk(id)));
        }
        f.tree(entries)
    });
    let (report, place) = restore_among_canaries(&archive, root, None);
    assert_eq!((report.failed, report.files), (0, 8));
    drop(place);
    verified(&archive);
    // A block that decodes to more than it says.
    let small = [7; 100];
    let id = Id::of(Kind::Chunk, &small);
    let bomb = zstd::bulk::compress(&vec![7; 200 << 20], 3).expect("compress");
    let mut forge = Forge::default();
    let root = forge.tree(vec![file(b"bomb", 100, Content::Chunk(id))]);
    forge.snapshot(root);
    let store = forge.into_store();
    put_block(
        &store,
        &bomb,
        100,
        ObjectEntry {
            id,
            block: 0,
            offset: 0,
            len: 100,
            kind: Kind::Chunk,
            generation: 0,
        },
    );
    drop(bomb);
    let archive = open(&store);
    assert!(archive.damage().is_empty());
    let (report, place) = restore_among_canaries(&archive, root, None);
    assert_eq!((report.failed, report.files), (1, 0));
    assert_nothing_in(&place);
    assert!(!verified(&archive).damaged.is_empty());
}

/// Puts a segment whose only block has these stored bytes and is said to decode to `plain_len` bytes.
fn put_block(store: &Arc<MemoryStore>, stored: &[u8], plain_len: u32, object: ObjectEntry) {
    let empty = SegmentWriter::new(config().archive).seal();
    let mut bytes = empty.bytes[..HEADER_BYTES].to_vec();
    bytes.extend_from_slice(stored);
    let block = BlockEntry {
        offset: HEADER_BYTES as u64,
        stored_len: stored.len() as u32,
        plain_len,
        method: Method::Zstd,
        check: Id(*blake3::hash(stored).as_bytes()),
    };
    let directory = Directory {
        blocks: vec![block],
        objects: vec![object],
        deltas: Vec::new(),
    };
    let directory = directory.encode();
    let (trailer, trailer_bytes) = Trailer::seal(&bytes[..HEADER_BYTES], bytes.len() as u64, &directory);
    bytes.extend(directory);
    bytes.extend(trailer_bytes);
    store.put(Name::Segment(trailer.seal), &bytes).expect("put");
}

/// A file of one chunk.
fn one_file(forge: &mut Forge, chunk: Id, size: usize) -> Id {
    forge.tree(vec![file(b"f", size as u64, Content::Chunk(chunk))])
}

// F-003, F-037
#[test]
fn deltas_that_claim_much_get_no_room() {
    let _alone = alone();
    let base = [1; 100];
    let bomb = restante_tests::laid::frame(&vec![7; 200 << 20], &base);
    // What the frame makes is more than was said, or less, as much as may be.
    let small = Id::of(Kind::Chunk, &[7; 100]);
    for (frame, plain_len) in [
        (&bomb[..], 100),
        (&bomb, OBJECT_BYTES),
        (&restante_tests::laid::frame(&[7; 100], &base), OBJECT_BYTES),
        (b"no frame at all", OBJECT_BYTES),
    ] {
        let (archive, root) = forged(|f| {
            let base = f.object(Kind::Chunk, &base);
            f.delta_of(Kind::Chunk, small, frame, base, plain_len as u32);
            one_file(f, small, 100)
        });
        let (report, place) = restore_among_canaries(&archive, root, None);
        assert_eq!((report.failed, report.files), (1, 0));
        assert_nothing_in(&place);
        assert!(!verified(&archive).damaged.is_empty());
    }
    // Many of them that really are as large, of a few bytes each.
    let (archive, _) = forged(|f| {
        let base = f.object(Kind::Chunk, &base);
        let mut entries = Vec::new();
        for n in 0..40_u8 {
            let mut plain = vec![0; OBJECT_BYTES];
            plain[0] = n;
            let id = f.delta(Kind::Chunk, &plain, &[1; 100]);
            assert_ne!(id, base);
            entries.push(file(&[b'a' + n], OBJECT_BYTES as u64, Content::Chunk(id)));
        }
        f.tree(entries)
    });
    assert!(verified(&archive).damaged.is_empty());
}

// F-043, section 14
#[test]
fn a_chain_of_the_largest_objects_stays_within_bounds() {
    let _alone = alone();
    let version = |n: u8| {
        let mut plain = vec![0; OBJECT_BYTES];
        plain[usize::from(n)] = n;
        plain
    };
    let (archive, root) = forged(|f| {
        f.object(Kind::Chunk, &version(1));
        for n in 2..12 {
            f.delta(Kind::Chunk, &version(n), &version(n - 1));
        }
        one_file(f, Id::of(Kind::Chunk, &version(11)), OBJECT_BYTES)
    });
    let (report, _) = restore_among_canaries(&archive, root, None);
    assert_eq!((report.failed, report.files), (0, 1));
    assert!(verified(&archive).damaged.is_empty());
}

/// An archive of segments, each with copies of the same deltas, and of a first one with all else.
fn copies(first: Forge, more: Vec<Forge>) -> Archive {
    let store = first.into_store();
    for forge in more {
        let sealed = forge.seal();
        store.put(sealed.name, &sealed.bytes).expect("put");
    }
    open(&store)
}

// F-044: 4^40 ways lead to the last of 40 versions, and none of them, or but one, is sound.
#[test]
fn ways_through_copies_are_not_counted_out() {
    let _alone = alone();
    for one_is_sound in [false, true] {
        let archive = in_time(Duration::from_secs(60), move || {
            let plain = |n: usize| format!("version {n} of what is stored again and again").into_bytes();
            let id = |n: usize| Id::of(Kind::Chunk, &plain(n));
            let last = 40;
            let mut first = Forge::default();
            first.object(Kind::Chunk, &plain(0));
            let root = one_file(&mut first, id(last), plain(last).len());
            first.snapshot(root);
            let segment = |copy: usize| {
                let mut forge = Forge::default();
                for n in 1..=last {
                    if one_is_sound && copy == 2 {
                        forge.delta(Kind::Chunk, &plain(n), &plain(n - 1));
                    } else {
                        let len = plain(n).len() as u32;
                        let frame = format!("no frame {copy}");
                        forge.delta_of(Kind::Chunk, id(n), frame.as_bytes(), id(n - 1), len);
                    }
                }
                forge
            };
            let archive = copies(first, (0..4).map(segment).collect());
            let report = verified(&archive);
            assert!(!report.damaged.is_empty());
            let is_lost = report.damaged.iter().any(|d| !d.paths.is_empty());
            assert_eq!(is_lost, !one_is_sound, "{:?}", report.damaged);
            (archive, root)
        });
        let (archive, root) = archive;
        let (report, _) = restore_among_canaries(&archive, root, None);
        assert_eq!(report.files == 1, one_is_sound);
    }
}

// F-043
#[test]
fn versions_made_from_each_other_and_from_nothing_end() {
    let _alone = alone();
    in_time(Duration::from_secs(20), || {
        let plain = |n: usize| format!("version {} of nothing", n % 100).into_bytes();
        let (archive, root) = forged(|f| {
            for n in 0..100 {
                f.delta(Kind::Chunk, &plain(n), &plain(n + 99));
            }
            one_file(f, Id::of(Kind::Chunk, &plain(7)), plain(7).len())
        });
        let (report, place) = restore_among_canaries(&archive, root, None);
        assert_eq!((report.failed, report.files), (1, 0));
        assert_nothing_in(&place);
        let damaged = verified(&archive).damaged;
        assert!(damaged.iter().any(|d| d.paths.contains(&b"f"[..])), "{damaged:?}");
    });
}

// Section 11: each of many deltas, far behind a base that is lost, is told, in time.
#[test]
fn many_deltas_of_a_lost_base_are_told_in_time() {
    let _alone = alone();
    in_time(Duration::from_secs(60), || {
        const COUNT: usize = 5000;
        let plain = |n: usize| format!("version {n} of a table").into_bytes();
        let (archive, _) = forged(|f| {
            let mut entries = Vec::new();
            for n in 1..=COUNT {
                // Chains as long as they may be, all of which start with what is missing.
                let base = if n % CHAIN == 1 { 0 } else { n - 1 };
                let id = f.delta(Kind::Chunk, &plain(n), &plain(base));
                let name = format!("{n:05}");
                entries.push(file(name.as_bytes(), plain(n).len() as u64, Content::Chunk(id)));
            }
            f.tree(entries)
        });
        let paths = |level| {
            let report = verify(&archive, level);
            let paths = report.damaged.iter().flat_map(|d| d.paths.iter());
            paths.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(paths(VerifyLevel::Full), COUNT);
        assert_eq!(paths(VerifyLevel::Quick), COUNT);
    });
}

#[test]
fn the_largest_nodes_stay_within_bounds() {
    let _alone = alone();
    let (archive, root) = forged(|f| {
        let names = 0..60_000_u32;
        let entries = names.map(|n| {
            entry(
                format!("{n:05}").as_bytes(),
                Node::Symlink {
                    target: vec![b't'; 100],
                },
            )
        });
        let leaf = f.tree(entries.collect());
        f.tree(vec![dir(b"leaf", leaf)])
    });
    let report = verified(&archive);
    let walked = bounded(|| {
        restante_format::archive::walk_tree(archive.reader(), root, b"")
            .filter(Result::is_ok)
            .count()
    });
    // Beyond what a reader wants to reserve, a node is refused as a whole.
    assert!(walked == 60_001 || !report.damaged.is_empty());
}

/// Directories nested so deep, a file in each.
fn nested(levels: usize) -> (Archive, Id) {
    forged(|f| {
        let mut tree = f.tree(vec![]);
        for _ in 0..levels {
            tree = f.tree(vec![dir(b"d", tree), entry(b"f", Node::Fifo)]);
        }
        tree
    })
}

// F-077
#[test]
fn nesting_beyond_the_limit_is_not_followed() {
    let _alone = alone();
    restante_tests::raise_open_files().expect("raise the limit of open files");
    let (archive, root) = nested(5000);
    let (report, _) = restore_among_canaries(&archive, root, None);
    assert_eq!(report.failed, 1, "{:?}", report.failures.first());
    assert_eq!(report.files as usize, DEPTH);
    let walked = restante_format::archive::walk_tree(archive.reader(), root, b"");
    assert_eq!(walked.filter(Result::is_err).count(), 1);
}

// F-077: what cannot be restored is damage.
#[test]
fn nesting_beyond_the_limit_is_told_by_verify() {
    let _alone = alone();
    let (archive, _) = nested(5000);
    assert!(
        !verified(&archive).damaged.is_empty(),
        "verify is content with what cannot be restored"
    );
}

/// A tree of so many levels, each of which has the level below twice; at the bottom what `bottom` forges.
fn doubling(levels: usize, bottom: impl FnOnce(&mut Forge) -> Id) -> Archive {
    let (archive, _) = forged(|f| {
        let mut tree = bottom(f);
        for _ in 0..levels {
            tree = f.tree(vec![dir(b"a", tree), dir(b"b", tree)]);
        }
        tree
    });
    archive
}

#[test]
fn a_tree_with_more_paths_than_atoms_is_verified_in_time() {
    let _alone = alone();
    let started = Instant::now();
    in_time(Duration::from_secs(20), || {
        let sound = doubling(64, |f| f.tree(vec![]));
        assert!(verified(&sound).damaged.is_empty());
        let diff = |archive: &Archive| {
            let root = archive.catalog().all().next().expect("a snapshot").snapshot.root;
            restante_format::archive::diff(
                archive.reader(),
                root,
                root,
                &Progress::default(),
                &mut |_| Ok(()),
            )
        };
        diff(&sound).expect("no difference");
    });
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_loss_in_more_paths_than_atoms_is_told_in_time() {
    let _alone = alone();
    in_time(Duration::from_secs(60), || {
        let unsound = doubling(64, |f| f.tree(vec![file(b"f", 1, Content::Chunk(Id([9; 32])))]));
        let report = bounded(|| verify(&unsound, VerifyLevel::Full));
        assert!(matches!(&report.damaged[..], [only] if !only.paths.is_empty() && only.snapshots.len() == 1));
    });
}

// A list of 2^24 items in a few kilobytes: a look at each node, not at each way to it.
#[test]
fn a_list_that_repeats_its_nodes_is_verified_node_by_node() {
    let _alone = alone();
    let mut forge = Forge::default();
    let chunk = forge.object(Kind::Chunk, b"c");
    let mut list = forge.list(0, vec![item(1, Some(chunk))]);
    let mut size = 1;
    for level in 1..=3 {
        let node = restante_format::wire::ListNode {
            level,
            items: vec![item(size, Some(list)); 64],
        };
        list = forge.raw_object(Kind::ChunkList, &node.encode());
        size *= 64;
    }
    let root = forge.tree(vec![file(b"f", size, Content::List(list))]);
    forge.snapshot(root);
    let store = Arc::new(RecordingStore::new(MemoryStore::from_files(
        forge.into_store().files(),
    )));
    let archive = open(&store);
    store.take_calls();
    assert!(verify(&archive, VerifyLevel::Quick).damaged.is_empty());
    let reads = store
        .take_calls()
        .iter()
        .filter(|call| matches!(call, Call::ReadRange(..)))
        .count();
    assert!(reads < 100, "{reads} reads for 4 nodes");
}

// The same with a chunk that is missing: what is told must not be told a million times.
#[test]
fn a_list_that_repeats_a_lost_chunk_stays_within_bounds() {
    let _alone = alone();
    let (archive, _) = forged(|f| {
        let leaf = f.list(0, vec![item(1, Some(Id([9; 32]))); 2048]);
        let list = f.list(1, vec![item(2048, Some(leaf)); 2048]);
        f.tree(vec![file(b"f", 2048 * 2048, Content::List(list))])
    });
    let report = bounded(|| verify(&archive, VerifyLevel::Quick));
    assert_eq!(report.damaged.len(), 1);
}

// F-034, F-035
#[test]
fn a_directory_that_claims_much_gets_nothing() {
    let _alone = alone();
    let store = Arc::new(MemoryStore::default());
    store.put(Name::Config, &config().encode()).expect("put");
    let header = SegmentWriter::new(config().archive).seal().bytes[..HEADER_BYTES].to_vec();
    for head in [
        [u32::MAX, u32::MAX, 0, 0],
        [u32::MAX, 0, 0, 0],
        [0, u32::MAX, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ] {
        let directory: Vec<u8> = head.into_iter().flat_map(u32::to_le_bytes).collect();
        let (trailer, trailer_bytes) = Trailer::seal(&header, HEADER_BYTES as u64, &directory);
        let bytes = [&header[..], &directory, &trailer_bytes].concat();
        store.put(Name::Segment(trailer.seal), &bytes).expect("put");
    }
    let archive = bounded(|| open(&store));
    assert_eq!(
        archive
            .damage()
            .iter()
            .filter(|error| matches!(***error, Error::Damaged(_)))
            .count(),
        5
    );
}

// F-032, F-042: a forged block may hold whatever it likes beside its objects.
#[test]
fn objects_may_overlap_and_leave_gaps() {
    let _alone = alone();
    let mut block = PlainBlock::default();
    block.push(Kind::Chunk, Id::of(Kind::Chunk, b"whole"), b"whole");
    let mut segment = SegmentWriter::new(config().archive);
    segment.push(block.store_raw());
    let store = Arc::new(MemoryStore::default());
    store.put(Name::Config, &config().encode()).expect("put");
    let sealed = segment.seal();
    store.put(sealed.name, &sealed.bytes).expect("put");
    let stored = zstd::bulk::compress(b"overlapping", 3).expect("compress");
    let part = Id::of(Kind::Chunk, b"lap");
    put_block(
        &store,
        &stored,
        11,
        ObjectEntry {
            id: part,
            block: 0,
            offset: 4,
            len: 3,
            kind: Kind::Chunk,
            generation: 0,
        },
    );
    let archive = open(&store);
    assert_eq!(
        archive.reader().get(Kind::Chunk, part).expect("read"),
        &b"lap"[..]
    );
    assert!(verified(&archive).damaged.is_empty());
}
