//! Archives made by an enemy, taken over: what restoring would refuse does not arrive, and what was there stays sound.

#![cfg(target_os = "linux")]

use restante_format::archive::{Archive, Choice, Copied};
use restante_format::error::Result;
use restante_format::id::{Id, Kind};
use restante_format::model::{Content, Snapshot, Timestamp};
use restante_format::progress::Progress;
use restante_format::store::Store;
use restante_format::wire::{ArchiveId, Config, TreeNode};
use restante_tests::archives::{assert_clean, config, in_memory, open, read_everything};
use restante_tests::forge::{Forge, chunk_file, dir, file, inner, item, snapshot};
use restante_tests::laid::frame;
use restante_tests::pages::page_of_one;

/// A forged archive in which each of these trees has a snapshot, one after the other.
fn forged(make: impl FnOnce(&mut Forge) -> Vec<Id>) -> Archive {
    let mut forge = Forge::default();
    for (n, root) in (0..).zip(make(&mut forge)) {
        let time = Timestamp {
            secs: 1_790_000_000 + n,
            nanos: 0,
        };
        let snapshot = Snapshot {
            time,
            ..snapshot(root)
        };
        forge.object(Kind::Page, &page_of_one(&snapshot));
    }
    forge.into_archive()
}

fn target() -> Archive {
    let archive = ArchiveId([9; 16]);
    in_memory(Config { archive, ..config() }).1
}

fn import(target: &mut Archive, source: &Archive) -> Result<Copied> {
    target.copy_from(source, source.choose(&Choice::default()), &Progress::default())
}

#[track_caller]
fn assert_refused(target: &mut Archive, source: &Archive) {
    let before = read_everything(target);
    let error = import(target, source).expect_err("it is refused");
    assert!(error.is_damage() && error.object().is_some(), "{error}");
    assert!(read_everything(target) == before);
    assert_clean(target);
}

#[track_caller]
fn assert_taken(source: &Archive) {
    let mut target = target();
    import(&mut target, source).expect("it is taken over");
    assert_clean(&target);
    assert!(read_everything(&target) == read_everything(source));
}

fn names(forge: &mut Forge, names: &[&[u8]]) -> Id {
    let entries = names.iter().map(|name| chunk_file(forge, name, name));
    let entries = entries.collect();
    forge.tree(entries)
}

#[test]
fn each_reference_to_a_chunk_says_its_length() {
    for (size, is_right) in [(5, true), (4, false), (6, false), (0, false)] {
        let source = forged(|forge| {
            let good = chunk_file(forge, b"a", b"bytes");
            let id = Id::of(Kind::Chunk, b"bytes");
            // Both in one directory, in a list, and in another snapshot.
            let list = forge.list(0, vec![item(5, Some(id)), item(size, Some(id))]);
            let lists = file(b"list", 5 + size, Content::List(list));
            let again = forge.tree(vec![file(b"again", size, Content::Chunk(id))]);
            vec![forge.tree(vec![good, lists]), again]
        });
        match is_right {
            true => assert_taken(&source),
            false => assert_refused(&mut target(), &source),
        }
    }
}

#[test]
fn each_reference_to_a_list_says_its_length_and_its_level() {
    for (size, level, is_right) in [(10, 1, true), (9, 1, false), (11, 1, false), (10, 2, false)] {
        let source = forged(|forge| {
            let ids = [b"bytes", b"other"].map(|plain| forge.object(Kind::Chunk, plain));
            let list = forge.list(0, ids.map(|id| item(5, Some(id))).into());
            let first = forge.tree(vec![file(b"list", 10, Content::List(list))]);
            let above = forge.list(level, vec![item(size, Some(list)), item(10, Some(list))]);
            let second = forge.tree(vec![file(b"list", size + 10, Content::List(above))]);
            vec![first, second]
        });
        match is_right {
            true => assert_taken(&source),
            false => assert_refused(&mut target(), &source),
        }
    }
}

#[test]
fn directories_are_in_order_from_leaf_to_leaf() {
    type Children = &'static [(&'static [u8], usize)];
    let leaves: [&[&[u8]]; 3] = [&[b"a", b"c"], &[b"d", b"f"], &[b"b", b"e"]];
    let cases: [(u8, Children, bool); 6] = [
        (1, &[(b"a", 0), (b"d", 1)], true),
        (1, &[(b"b", 2)], true),
        (1, &[(b"a", 0), (b"b", 2)], false),
        (1, &[(b"a", 0), (b"e", 1)], false),
        (1, &[(b"A", 0), (b"d", 1)], false),
        (2, &[(b"a", 0), (b"d", 1)], false),
    ];
    for (level, children, is_right) in cases {
        // With leaves that were not met before, that were met as directories, and that were met below a root.
        for before in 0..3 {
            let source = forged(|forge| {
                let leaves: Vec<Id> = leaves.iter().map(|leaf| names(forge, leaf)).collect();
                let firsts: [&[u8]; 3] = [b"a", b"d", b"b"];
                let mut roots = match before {
                    0 => Vec::new(),
                    1 => leaves.clone(),
                    _ => (firsts.iter().zip(&leaves))
                        .map(|(first, leaf)| inner(forge, 1, &[(first, *leaf)]))
                        .collect(),
                };
                let children: Vec<(&[u8], Id)> = children
                    .iter()
                    .map(|(first, leaf)| (*first, leaves[*leaf]))
                    .collect();
                let root = inner(forge, level, &children);
                roots.push(forge.tree(vec![dir(b"below", root)]));
                roots
            });
            match is_right {
                true => assert_taken(&source),
                false => assert_refused(&mut target(), &source),
            }
        }
    }
}

/// Adds an object that says of itself that it is of a kind, with an id and a length that are not its own.
fn lie(forge: &mut Forge, kind: Kind, id: Id, plain_len: u32) {
    let base = forge.object(kind, b"a base");
    forge.delta_of(kind, id, &frame(b"whatever", b"a base"), base, plain_len);
}

#[test]
fn what_is_said_of_an_object_that_is_here_is_compared_with_it() {
    let id = Id::of(Kind::Chunk, b"bytes");
    let healthy = || {
        let mut target = target();
        import(&mut target, &forged(|forge| vec![forge_tree(forge)])).expect("import");
        assert_clean(&target);
        target
    };
    // Of another length, of another kind.
    let tree = Id::of(
        Kind::Tree,
        &TreeNode::Leaf(vec![file(b"file", 5, Content::Chunk(id))]).encode(),
    );
    for of in [id, tree] {
        let source = forged(|forge| {
            lie(forge, Kind::Chunk, of, 99);
            vec![forge.tree(vec![file(b"file", 99, Content::Chunk(of))])]
        });
        assert_refused(&mut healthy(), &source);
    }
    // What the newest snapshot here has is passed over: it must not be what vouches for the length.
    let source = forged(|forge| {
        lie(forge, Kind::Chunk, id, 99);
        let right = file(b"file", 5, Content::Chunk(id));
        let base = forge.tree(vec![right.clone()]);
        let root = forge.tree(vec![right, file(b"wrong", 99, Content::Chunk(id))]);
        vec![base, root]
    });
    assert_refused(&mut healthy(), &source);

    fn forge_tree(forge: &mut Forge) -> Id {
        let file = chunk_file(forge, b"file", b"bytes");
        forge.tree(vec![file])
    }
}

#[test]
fn a_chunk_is_as_long_as_the_copy_said_that_was_met() {
    // Neither copy is in the target; the one that is looked at first is no good, and of another length.
    let id = Id::of(Kind::Chunk, b"bytes");
    let mut first = Forge::default();
    lie(&mut first, Kind::Chunk, id, 99);
    let root = first.tree(vec![file(b"file", 99, Content::Chunk(id))]);
    first.snapshot(root);
    let mut second = Forge::default();
    second.object(Kind::Chunk, b"bytes");
    let store = first.into_store();
    let sealed = second.seal();
    store.put(sealed.name, &sealed.bytes).expect("put");
    let source = open(&store);
    assert_refused(&mut target(), &source);
}
