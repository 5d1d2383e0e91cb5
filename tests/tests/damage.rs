//! Damage × place × what is done afterwards: noticed, told exactly, and never passed on as somebody's data.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use restante_format::archive::{Archive, VerifyLevel};
use restante_format::error::Error;
use restante_format::id::{Id, Kind};
use restante_format::store::{MemoryStore, Name, Shelf, Store};
use restante_format::wire::{ArchiveId, Config};
use restante_tests::archives::{
    Place, assert_clean, create, fine_config, in_memory, object_at, objects_of, open, take, verify,
};
use restante_tests::damaged::{
    Files, Loss, Sample, sample, sample_of_deltas, sample_with, store_of, told_loss, true_loss, with,
    without_block_of,
};
use restante_tests::laid::{Laid, lay};

/// Bits to flip in the byte at `at`: one that its place chooses, and all of them.
fn masks(at: usize) -> [u8; 2] {
    [1 << (at * 5 % 8), 0xff]
}

// F-020
#[test]
fn no_byte_of_the_config_changes_unnoticed() {
    let sample = sample();
    let bytes = sample.files[&Name::Config].to_vec();
    let refused = |changed: Vec<u8>| {
        let error =
            Archive::open(store_of(&with(&sample.files, Name::Config, changed))).expect_err("noticed");
        assert!(
            error.is_damage() || matches!(error, Error::NotAnArchive { .. }),
            "{error}"
        );
    };
    for at in 0..bytes.len() {
        for mask in masks(at) {
            let mut changed = bytes.clone();
            changed[at] ^= mask;
            refused(changed);
        }
        refused(bytes[..at].to_vec());
    }
    refused([&bytes[..], b"x"].concat());
    let mut without = sample.files.clone();
    without.remove(&Name::Config);
    assert!(
        Archive::open(store_of(&without))
            .expect_err("noticed")
            .is_damage()
    );
    let empty = Archive::open(store_of(&Files::new())).expect_err("nothing there");
    assert!(matches!(empty, Error::NoArchive { .. }));
}

/// Where the blocks of a segment are, and whether they hold chunks.
fn blocks(archive: &Archive, name: Name) -> Vec<(std::ops::Range<usize>, bool)> {
    let index = archive.reader().index();
    let segment = index
        .segments()
        .find(|segment| segment.name == name)
        .expect("it is intact");
    let chunks: BTreeSet<u32> = segment
        .directory
        .objects
        .iter()
        .filter(|o| o.kind == Kind::Chunk)
        .map(|o| o.block)
        .collect();
    let range = |(i, block): (usize, &restante_format::wire::BlockEntry)| {
        let start = block.offset as usize;
        (
            start..start + block.stored_len as usize,
            chunks.contains(&(i as u32)),
        )
    };
    segment.directory.blocks.iter().enumerate().map(range).collect()
}

// F-030, F-035, F-040, section 11
fn every_flipped_byte_is_told_exactly(sample: &Sample) {
    let intact = open(&store_of(&sample.files));
    let mut lossless = 0;
    for (name, bytes) in sample.files.iter().filter(|(name, _)| **name != Name::Config) {
        let blocks = blocks(&intact, *name);
        for at in 0..bytes.len() {
            let block = blocks.iter().find(|(range, _)| range.contains(&at));
            for mask in masks(at) {
                let mut changed = bytes.to_vec();
                changed[at] ^= mask;
                let archive = open(&store_of(&with(&sample.files, *name, changed)));
                let what = || format!("byte {at} of {name}, {mask:#x}");
                let loss = true_loss(&archive, &sample.everything);
                let full = verify(&archive, VerifyLevel::Full);
                assert!(!full.damaged.is_empty(), "{} went unnoticed", what());
                assert!(
                    full.damaged.iter().any(|d| d.file == Some(name.to_string())),
                    "{}: {:?}",
                    what(),
                    full.damaged
                );
                let quick = verify(&archive, VerifyLevel::Quick);
                match block {
                    None => {
                        assert!(!archive.damage().is_empty(), "{}: noticed when opened", what());
                        assert!(!quick.damaged.is_empty(), "{}: noticed by a quick look", what());
                        assert_eq!(told_loss(&full, sample).paths, loss.paths, "{}", what());
                    }
                    Some((_, of_chunks)) => {
                        assert_eq!(told_loss(&full, sample), loss, "{}: {:?}", what(), full.damaged);
                        // The rare byte that no decoder looks at costs nothing and needs the full look.
                        lossless += usize::from(loss == Loss::default());
                        if !of_chunks && loss != Loss::default() {
                            assert_eq!(told_loss(&quick, sample), loss, "{}: {:?}", what(), quick.damaged);
                        }
                    }
                }
            }
        }
    }
    assert!(lossless < 40, "{lossless} flips cost nothing");
}

#[test]
fn every_flipped_byte_is_noticed_and_its_cost_told_exactly() {
    every_flipped_byte_is_told_exactly(&sample());
}

// Section 11: of a base, all deltas are the cost.
#[test]
fn every_flipped_byte_among_deltas_is_noticed_and_its_cost_told_exactly() {
    every_flipped_byte_is_told_exactly(&sample_of_deltas());
}

#[test]
fn damage_to_a_base_costs_all_its_deltas() {
    let sample = sample_of_deltas();
    let intact = open(&store_of(&sample.files));
    let index = intact.reader().index();
    let mut dependent = 0;
    for base in index.objects() {
        let id = base.object.id;
        let deltas = index
            .objects()
            .filter(|at| at.delta.is_some_and(|delta| delta.base == id));
        let deltas: Vec<Id> = deltas.map(|at| at.object.id).collect();
        let files = without_block_of(&sample.files, id);
        let archive = open(&store_of(&files));
        let loss = true_loss(&archive, &sample.everything);
        let report = verify(&archive, VerifyLevel::Full);
        assert_eq!(told_loss(&report, &sample), loss, "{id}: {:?}", report.damaged);
        for delta in deltas {
            dependent += 1;
            let told = |damaged: &&restante_format::archive::Damaged| {
                damaged.object.is_some_and(|(_, lost)| lost == delta)
            };
            assert!(
                report.damaged.iter().any(|d| told(&d)),
                "{delta} is made from {id}"
            );
            let kind = index.find(&delta).expect("it is there").object.kind;
            assert!(archive.reader().get(kind, delta).is_err());
        }
    }
    assert!(dependent > 3, "{dependent} deltas");
}

// F-094
#[test]
fn every_truncation_is_noticed() {
    for sample in [sample(), sample_of_deltas()] {
        every_truncation_is_noticed_in(&sample);
    }
}

fn every_truncation_is_noticed_in(sample: &Sample) {
    for (name, bytes) in sample.files.iter().filter(|(name, _)| **name != Name::Config) {
        for changed in (0..bytes.len())
            .map(|len| bytes[..len].to_vec())
            .chain([[&bytes[..], b"\0"].concat()])
        {
            let archive = open(&store_of(&with(&sample.files, *name, changed)));
            assert!(archive.damage().iter().all(|error| error.is_damage()) && !archive.damage().is_empty());
            let loss = true_loss(&archive, &sample.everything);
            for level in [VerifyLevel::Quick, VerifyLevel::Full] {
                let report = verify(&archive, level);
                assert!(!report.damaged.is_empty());
                assert_eq!(told_loss(&report, sample).paths, loss.paths);
            }
        }
    }
}

// F-094
#[test]
fn the_loss_of_a_segment_is_told_exactly() {
    for sample in [sample(), sample_of_deltas()] {
        the_loss_of_a_segment_is_told_exactly_in(&sample);
    }
}

fn the_loss_of_a_segment_is_told_exactly_in(sample: &Sample) {
    for name in sample.files.keys().filter(|name| **name != Name::Config) {
        let mut files = sample.files.clone();
        files.remove(name);
        let archive = open(&store_of(&files));
        let loss = true_loss(&archive, &sample.everything);
        for level in [VerifyLevel::Quick, VerifyLevel::Full] {
            let report = verify(&archive, level);
            // Snapshots that went with it cannot be missed: only what others need of it.
            assert_eq!(told_loss(&report, sample).paths, loss.paths);
            assert_eq!(report.damaged.is_empty(), loss.paths.is_empty());
        }
    }
}

// F-012, F-013
#[test]
fn a_segment_in_anothers_place_is_no_segment() {
    let sample = sample();
    let other_config = Config {
        archive: ArchiveId([8; 16]),
        ..fine_config()
    };
    let other = sample_with(other_config);
    let segments: Vec<(Name, Bytes)> = sample.files.clone().into_iter().skip(1).collect();
    for (i, (name, _)) in segments.iter().enumerate() {
        let (_, foreign) = &segments[(i + 1) % segments.len()];
        let archive = open(&store_of(&with(&sample.files, *name, foreign.to_vec())));
        assert_eq!(archive.damage().len(), 1);
        let loss = true_loss(&archive, &sample.everything);
        assert_eq!(
            told_loss(&verify(&archive, VerifyLevel::Full), &sample).paths,
            loss.paths
        );
    }
    // A whole and sound segment, but of another archive, under its own name.
    let (name, foreign) = other.files.iter().nth(1).expect("a segment");
    let archive = open(&store_of(&with(&sample.files, *name, foreign.to_vec())));
    assert!(matches!(&archive.damage()[..], [error] if error.is_damage()));
    assert_eq!(true_loss(&archive, &sample.everything), Loss::default());
    let archive = open(&store_of(&with(
        &sample.files,
        Name::Config,
        other.files[&Name::Config].to_vec(),
    )));
    assert_eq!(archive.damage().len(), segments.len());
    assert!(archive.catalog().is_empty());
}

/// An archive of two snapshots whose objects are in two segments each, in other blocks: as a merge leaves them until the
/// old segments are deleted.
fn twice() -> (Sample, [Id; 2]) {
    let source = Place::new();
    source.write("dir/file", b"one chunk");
    source.write(
        "list",
        (0..900_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>(),
    );
    let (store, mut first) = in_memory(fine_config());
    let mut second = open(&store);
    let ids = [
        take(&mut first, source.path(), 1).id,
        take(&mut second, source.path(), 2).id,
    ];
    let files = store.files();
    // Two writers, who did not know of each other, made the same segment of objects, and each a page.
    assert_eq!(files.len(), 4);
    let sample = Sample::of(source, files);
    let archive = open(&store_of(&sample.files));
    let data = [Kind::Chunk, Kind::ChunkList, Kind::Tree];
    let objects = data.map(|kind| {
        let kinds = [kind];
        let of_kind = objects_of(&archive, &kinds);
        let whole = of_kind.map(|at| archive.reader().get(kind, at.object.id).expect("intact"));
        whole.map(|plain| Laid::whole(kind, &plain)).collect()
    });
    let segment = lay(fine_config().archive, &objects, None);
    let name = Name::Segment(Id(*segment.last_chunk().expect("a seal")));
    let files = with(&sample.files, name, segment);
    assert_eq!(files.len(), 5);
    (Sample { files, ..sample }, ids)
}

// Section 2: any copy serves.
#[test]
fn damage_to_one_of_two_copies_costs_nothing() {
    let (sample, _) = twice();
    let intact = open(&store_of(&sample.files));
    let pages: BTreeSet<Name> = objects_of(&intact, &[Kind::Page])
        .map(|at| at.segment.name)
        .collect();
    let twice = |name: &Name| *name != Name::Config && !pages.contains(name);
    let copies = sample.files.iter().filter(|(name, _)| twice(name));
    assert_eq!(copies.clone().count(), 2, "the pages alone are not there twice");
    for (name, bytes) in copies {
        for (range, _) in &blocks(&intact, *name) {
            for at in range.clone() {
                let mut changed = bytes.to_vec();
                changed[at] ^= 0x20;
                let archive = open(&store_of(&with(&sample.files, *name, changed)));
                assert_eq!(true_loss(&archive, &sample.everything), Loss::default());
                let report = verify(&archive, VerifyLevel::Full);
                assert!(!report.damaged.is_empty(), "byte {at} of {name}");
                assert_eq!(told_loss(&report, &sample), Loss::default());
            }
        }
    }
}

#[test]
fn damage_to_both_copies_costs_what_one_would() {
    let (sample, ids) = twice();
    let archive = open(&store_of(&sample.files));
    let lost = object_at(&archive, ids[0], b"root/dir/file");
    let mut files = sample.files.clone();
    for at in archive.reader().index().find_all(lost) {
        let bytes = &files[&at.segment.name];
        let mut changed = bytes.to_vec();
        changed[at.block.offset as usize..][..at.block.stored_len as usize].fill(0);
        files.insert(at.segment.name, changed.into());
    }
    let archive = open(&store_of(&files));
    let loss = true_loss(&archive, &sample.everything);
    let expected = ids
        .iter()
        .all(|id| loss.paths.contains(&(*id, b"root/dir/file".to_vec())));
    assert!(expected && loss.snapshots.is_empty(), "{loss:?}");
    assert_eq!(told_loss(&verify(&archive, VerifyLevel::Full), &sample), loss);
}

#[test]
fn an_archive_without_damage_is_clean_at_both_levels() {
    let sample = sample();
    let archive = open(&store_of(&sample.files));
    assert_clean(&archive);
    assert!(verify(&archive, VerifyLevel::Quick).damaged.is_empty());
    let full = verify(&archive, VerifyLevel::Full);
    let segments = sample
        .files
        .iter()
        .skip(1)
        .map(|(_, bytes)| bytes.len() as u64)
        .sum::<u64>();
    assert_eq!((full.bytes, full.segments, full.snapshots), (segments, 6, 3));
    assert_eq!(full.objects, archive.reader().index().object_count() as u64);
    let empty = Arc::new(MemoryStore::default());
    assert_clean(&create(&empty, fine_config()));
    assert_eq!(empty.list(Shelf::Segments).expect("list"), []);
}
