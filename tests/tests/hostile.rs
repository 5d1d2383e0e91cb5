//! Archives made by an enemy, with every hash as it should be: names, links and contradictions. Nothing is written
//! outside of the target.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;

use restante_format::archive::Overwrite;
use restante_format::id::{Id, Kind};
use restante_format::model::{Content, Node};
use restante_format::wire::TreeNode;
use restante_tests::archives::{Place, restore_tree};
use restante_tests::counting::{Counting, alone};
use restante_tests::forge::{
    Forge, assert_nothing_in, chunk_file, dir, entry, file, forged, inner, item, restore_among_canaries,
    snapshot, symlink as link, verified,
};
use restante_tests::laid::frame;
use restante_tests::pages::page_of_one;
use restante_tests::prng::Rng;

#[global_allocator]
static COUNTING: Counting = Counting;

fn assert_refused(make: impl FnOnce(&mut Forge) -> Id) {
    let (archive, root) = forged(make);
    let (report, place) = restore_among_canaries(&archive, root, None);
    assert!(report.failed > 0 && report.files == 0, "{report:?}");
    assert_nothing_in(&place);
    assert!(!verified(&archive).damaged.is_empty());
}

// Section 8, F-070
#[test]
fn names_that_lead_elsewhere_are_refused() {
    let _alone = alone();
    let long = vec![b'x'; 2000];
    for name in [
        &b".."[..],
        b".",
        b"/",
        b"a/b",
        b"../file",
        b"/tmp/x",
        b"\0",
        b"a\0b",
        &long,
    ] {
        assert_refused(|forge| {
            let id = forge.object(Kind::Chunk, b"evil");
            let content = Content::Chunk(id);
            forge.tree_with_name(name, Node::File { size: 4, content })
        });
        assert_refused(|forge| {
            let below = forge.tree(vec![]);
            forge.tree_with_name(name, Node::Dir { tree: below })
        });
    }
}

// F-037, F-039, F-040
#[test]
fn deltas_that_make_something_else_are_refused() {
    let _alone = alone();
    type Make = fn(&mut Forge) -> Id;
    let cases: [(&str, Make); 6] = [
        ("other bytes of the same length", |f| {
            let base = f.object(Kind::Chunk, b"base");
            let id = Id::of(Kind::Chunk, b"good");
            f.delta_of(Kind::Chunk, id, &frame(b"evil", b"base"), base, 4);
            id
        }),
        ("a base that was exchanged", |f| {
            let (mut rows, mut others) = (vec![0; 1000], vec![0; 1000]);
            Rng::new(1).fill(&mut rows);
            Rng::new(2).fill(&mut others);
            let base = f.object(Kind::Chunk, &others);
            let id = Id::of(Kind::Chunk, &rows);
            f.delta_of(Kind::Chunk, id, &frame(&rows, &rows), base, 1000);
            id
        }),
        ("a chunk made from a tree", |f| {
            let base = TreeNode::Leaf(vec![]).encode();
            let tree = f.object(Kind::Tree, &base);
            let id = Id::of(Kind::Chunk, b"evil");
            f.delta_of(Kind::Chunk, id, &frame(b"evil", &base), tree, 4);
            id
        }),
        ("no base", |f| f.delta(Kind::Chunk, b"evil", b"missing")),
        ("itself behind another", |f| {
            f.delta(Kind::Chunk, b"good", b"evil");
            f.delta(Kind::Chunk, b"evil", b"good")
        }),
        ("a list as a delta of a chunk for a chunk", |f| {
            f.object(Kind::Chunk, b"base");
            f.delta(Kind::ChunkList, b"evil", b"base")
        }),
    ];
    for (what, make) in cases {
        let (archive, root) = forged(|forge| {
            let chunk = make(forge);
            let size = if what.contains("exchanged") { 1000 } else { 4 };
            forge.tree(vec![file(b"file", size, Content::Chunk(chunk))])
        });
        let (report, place) = restore_among_canaries(&archive, root, None);
        assert_eq!((report.failed, report.files), (1, 0), "{what}");
        assert_nothing_in(&place);
        let damaged = verified(&archive).damaged;
        assert!(
            damaged.iter().any(|d| d.paths.contains(&b"file"[..])),
            "{what}: {damaged:?}"
        );
    }
}

// F-041, F-044: a directory whose tree is a delta is as good as any other.
#[test]
fn trees_and_lists_may_be_deltas() {
    let _alone = alone();
    let (archive, root) = forged(|f| {
        let chunk = f.object(Kind::Chunk, b"four");
        let list = |len| {
            let items = vec![item(4, Some(chunk)), item(len, None)];
            restante_format::wire::ListNode { level: 0, items }.encode()
        };
        f.object(Kind::ChunkList, &list(1));
        let list = f.delta(Kind::ChunkList, &list(4), &list(1));
        let tree = |name: &[u8]| TreeNode::Leaf(vec![file(name, 8, Content::List(list))]).encode();
        f.object(Kind::Tree, &tree(b"a"));
        let below = f.delta(Kind::Tree, &tree(b"b"), &tree(b"a"));
        f.tree(vec![dir(b"d", below)])
    });
    let (report, place) = restore_among_canaries(&archive, root, None);
    assert_eq!((report.failed, report.files), (0, 1));
    assert_eq!(fs::read(place.join("target/d/b")).expect("read"), b"four\0\0\0\0");
    assert!(verified(&archive).damaged.is_empty());
}

// F-070, F-110
#[test]
fn a_link_and_a_directory_of_one_name_are_refused() {
    let _alone = alone();
    let outside = Place::new();
    assert_refused(|forge| {
        let evil = chunk_file(forge, b"evil", b"evil");
        let below = forge.tree(vec![evil]);
        forge.tree(vec![
            link(b"x", outside.path().as_os_str().as_encoded_bytes()),
            dir(b"x", below),
        ])
    });
    // The same over two leaves, whose order only the reader of the whole directory sees.
    let (archive, root) = forged(|forge| {
        let evil = chunk_file(forge, b"evil", b"evil");
        let below = forge.tree(vec![evil]);
        let target = outside.path().as_os_str().as_encoded_bytes();
        let first = forge.tree(vec![entry(b"a", Node::Fifo), link(b"x", target)]);
        let second = forge.tree(vec![dir(b"x", below)]);
        inner(forge, 1, &[(b"a", first), (b"x", second)])
    });
    let (report, _) = restore_among_canaries(&archive, root, None);
    assert!(report.failed > 0);
    assert_eq!(fs::read_dir(outside.path()).expect("list").count(), 0);
    assert!(!verified(&archive).damaged.is_empty());
}

// F-110
#[test]
fn a_link_left_by_an_earlier_restore_is_not_followed() {
    let _alone = alone();
    let (outside, target) = (Place::new(), Place::new());
    let (archive, roots) = {
        let mut forge = Forge::default();
        let evil = chunk_file(&mut forge, b"evil", b"evil");
        let below = forge.tree(vec![evil]);
        let first = forge.tree(vec![link(b"x", outside.path().as_os_str().as_encoded_bytes())]);
        let second = forge.tree(vec![dir(b"x", below)]);
        (forge.into_archive(), [first, second])
    };
    for root in roots {
        let report = restore_tree(&archive, root, target.path(), Some(Overwrite::Always));
        assert_eq!(report.failed, 0, "{report:?}");
    }
    assert_eq!(fs::read_dir(outside.path()).expect("list").count(), 0);
    assert_eq!(fs::read(target.join("x/evil")).expect("read"), b"evil");
    // And with the link in place of a file that is written, or of one that others link to.
    let mut forge = Forge::default();
    let mut linked = [
        chunk_file(&mut forge, b"a", b"evil"),
        chunk_file(&mut forge, b"b", b"evil"),
    ];
    for entry in &mut linked {
        entry.meta.links = 2;
        entry.meta.inode = 5;
    }
    let root = forge.tree(linked.to_vec());
    let archive = forge.into_archive();
    outside.write("victim", b"untouched");
    let target = Place::new();
    symlink(outside.join("victim"), target.join("a")).expect("symlink");
    symlink(outside.join("victim"), target.join("b")).expect("symlink");
    restore_tree(&archive, root, target.path(), Some(Overwrite::Always));
    assert_eq!(fs::read(outside.join("victim")).expect("read"), b"untouched");
    assert_eq!(fs::read(target.join("b")).expect("read"), b"evil");
}

// F-060 to F-063, F-072
#[test]
fn lists_that_contradict_themselves_are_refused() {
    let _alone = alone();
    type Make = fn(&mut Forge) -> (u64, Content);
    let cases: [(&str, Make); 9] = [
        ("a chunk shorter than its item", |f| {
            let chunk = f.object(Kind::Chunk, b"four");
            (9, Content::List(f.list(0, vec![item(9, Some(chunk))])))
        }),
        ("a list shorter than its file", |f| {
            let chunk = f.object(Kind::Chunk, b"four");
            (9, Content::List(f.list(0, vec![item(4, Some(chunk))])))
        }),
        ("a chunk shorter than its file", |f| {
            (9, Content::Chunk(f.object(Kind::Chunk, b"four")))
        }),
        ("lengths that overflow", |f| {
            (
                8,
                Content::List(f.list(
                    0,
                    vec![item(1 << 62, None), item(1 << 62, None), item(1 << 63, None)],
                )),
            )
        }),
        ("two holes in a row", |f| {
            (8, Content::List(f.list(0, vec![item(4, None), item(4, None)])))
        }),
        ("a level that is not below its parent's", |f| {
            let leaf = f.list(0, vec![item(8, None)]);
            (8, Content::List(f.list(2, vec![item(8, Some(leaf))])))
        }),
        ("a child of other length", |f| {
            let leaf = f.list(0, vec![item(4, None)]);
            (8, Content::List(f.list(1, vec![item(8, Some(leaf))])))
        }),
        ("a tree for a list", |f| (8, Content::List(f.tree(vec![])))),
        ("a tree for a chunk", |f| {
            let tree = f.tree(vec![]);
            (3, Content::Chunk(tree))
        }),
    ];
    for (what, make) in cases {
        let (archive, root) = forged(|forge| {
            let (size, content) = make(forge);
            forge.tree(vec![file(b"file", size, content)])
        });
        let (report, place) = restore_among_canaries(&archive, root, None);
        assert_eq!((report.failed, report.files), (1, 0), "{what}");
        assert_nothing_in(&place);
        let damaged = verified(&archive).damaged;
        assert!(
            damaged.iter().any(|d| d.paths.contains(&b"file"[..])),
            "{what}: {damaged:?}"
        );
    }
}

// F-070, F-076
#[test]
fn trees_that_contradict_themselves_are_refused() {
    let _alone = alone();
    type Make = fn(&mut Forge) -> Id;
    let cases: [(&str, Make); 6] = [
        ("a child that begins with another name", |f| {
            let leaf = f.tree(vec![entry(b"z", Node::Fifo)]);
            inner(f, 1, &[(b"a", leaf)])
        }),
        ("a child two levels below", |f| {
            let leaf = f.tree(vec![entry(b"a", Node::Fifo)]);
            inner(f, 2, &[(b"a", leaf)])
        }),
        ("an empty child", |f| {
            let leaf = f.tree(vec![]);
            inner(f, 1, &[(b"", leaf)])
        }),
        ("children out of order", |f| {
            let (a, b) = (
                f.tree(vec![entry(b"a", Node::Fifo)]),
                f.tree(vec![entry(b"b", Node::Fifo)]),
            );
            inner(f, 1, &[(b"b", b), (b"a", a)])
        }),
        ("a chunk for a tree", |f| {
            f.object(Kind::Chunk, &TreeNode::Leaf(vec![]).encode())
        }),
        ("a page for a tree", |f| {
            f.object(Kind::Page, &page_of_one(&snapshot(Id([1; 32]))))
        }),
    ];
    for (what, make) in cases {
        let (archive, root) = forged(make);
        let (report, place) = restore_among_canaries(&archive, root, None);
        assert!(report.failed > 0, "{what}");
        assert_nothing_in(&place);
        assert!(!verified(&archive).damaged.is_empty(), "{what}");
    }
    // Leaves that overlap: the first is sound, and all that there is.
    let (archive, root) = forged(|f| {
        let first = f.tree(vec![entry(b"a", Node::Fifo), entry(b"m", Node::Fifo)]);
        let second = f.tree(vec![entry(b"b", Node::Fifo)]);
        inner(f, 1, &[(b"a", first), (b"b", second)])
    });
    let (report, _) = restore_among_canaries(&archive, root, None);
    assert_eq!((report.failed, report.files), (1, 2));
    assert!(!verified(&archive).damaged.is_empty());
}

// One list serves two files of different sizes: only one of them can be right.
#[test]
fn a_list_that_fits_one_file_excuses_no_other() {
    let _alone = alone();
    let (archive, root) = forged(|f| {
        let chunk = f.object(Kind::Chunk, b"four");
        let list = f.list(0, vec![item(4, Some(chunk)), item(4, None)]);
        f.tree(vec![
            file(b"a", 8, Content::List(list)),
            file(b"b", 9, Content::List(list)),
        ])
    });
    let (report, _) = restore_among_canaries(&archive, root, None);
    assert_eq!((report.failed, report.files), (1, 1));
    let damaged = verified(&archive).damaged;
    assert!(damaged.iter().any(|d| d.paths.contains(&b"b"[..])), "{damaged:?}");
}

#[test]
fn a_snapshot_without_its_root_is_told() {
    let _alone = alone();
    let missing = Id([3; 32]);
    let mut forge = Forge::default();
    let snapshot = forge.snapshot(missing);
    let archive = forge.into_archive();
    let damaged = verified(&archive).damaged;
    let told = damaged
        .iter()
        .any(|d| d.snapshots.contains(&snapshot) && d.object.is_some_and(|(_, id)| id == missing));
    assert!(told, "{damaged:?}");
    let (report, place) = restore_among_canaries(&archive, missing, None);
    assert_eq!(report.failed, 1);
    assert_nothing_in(&place);
}
