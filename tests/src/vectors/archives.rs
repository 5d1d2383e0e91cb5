//! Whole archives that a reader accepts.

use std::sync::Arc;

use restante_format::id::{Id, Kind};
use restante_format::model::{Content as Stored, Counts, Entry, Node, Owner, Timestamp, Unreadable, Xattr};
use restante_format::wire::{Child, Item as ListItem, ListNode, TreeNode};

use super::maker::{Case, Content, Item, Maker, Piece};
use super::parts::Parts;
use crate::pages::entry_of;

/// Bytes that do not compress.
pub(super) fn noise(text: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new()
        .update(text.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// All accepted cases.
pub fn accepted() -> Vec<Case> {
    let mut cases = vec![
        smallest(),
        no_snapshots(),
        typical(),
        kinds(),
        names(),
        sparse(),
        many_entries(),
        deep_nodes(),
        long_list(),
        several_segments(),
        foreign_files(),
        garbage(),
        compatible_flags(),
        snapshot_fields(),
    ];
    cases.extend([
        single_segment(),
        shared_directories(),
        extremes(),
        raw_and_levels(),
    ]);
    cases.extend(super::deltas::accepted());
    cases.extend(super::pages::accepted());
    cases.extend(super::derived::accepted());
    cases
}

/// The maker of the smallest archive: see `smallest.md`.
pub(super) fn smallest_maker() -> Maker {
    let make = |stored_bytes| {
        let mut maker = Maker::new("smallest");
        maker.snapshot(&[Item::dir("empty", vec![])], |snapshot| {
            snapshot.paths = vec![b"/srv/empty".to_vec()];
            snapshot.counts.dirs = 1;
            snapshot.counts.new_objects = 3;
            snapshot.counts.stored_bytes = stored_bytes;
        });
        maker
    };
    let first = make(0);
    make(
        first
            .segments(None)
            .iter()
            .map(|segment| segment.len() as u64)
            .sum(),
    )
}

fn smallest() -> Case {
    let maker = smallest_maker();
    maker.accepted(
        "smallest",
        "one snapshot of an empty directory",
        maker.files(None),
    )
}

fn no_snapshots() -> Case {
    let maker = Maker::new("no-snapshots");
    let files = [("archive/config".to_owned(), maker.config().encode())].into();
    maker.accepted(
        "no-snapshots",
        "as init leaves it, without even the folder for segments",
        files,
    )
}

/// A connector's tables: the first state, or the second.
pub(super) fn tables(state: u64) -> Vec<Item> {
    let table = |name: &str, rows: u64, changed: u64| {
        let row = |n: u64| {
            let state = if n == changed { state } else { 0 };
            format!("{n:06} REPL:EXCH1 MAPI:{state:032} last modified\r\n")
        };
        let text: String = (0..rows).map(row).collect();
        let pieces = text
            .as_bytes()
            .chunks(4096)
            .map(|part| Piece::Data(part.to_vec()))
            .collect();
        Item::pieces(name, pieces)
    };
    let tables = vec![
        table("guestbook.dat", 60, 1000),
        table("lotus.tbl", 400, 200),
        table("notescor.tbl", 500, 3),
        Item::file("readme.txt", b"Correlation tables. Do not edit.\r\n"),
        Item::file("zero.tmp", b""),
    ];
    let root = Item::dir("conndata", vec![Item::dir("tables", tables)]);
    vec![Item::dir("lotus-notes", vec![root]).with(|meta| {
        meta.synthetic = true;
        meta.mode = 0o755;
    })]
}

fn typical() -> Case {
    let mut maker = Maker::new("typical");
    let request = |secs: i64, parent: Option<Id>| {
        move |snapshot: &mut restante_format::model::Snapshot| {
            snapshot.time.secs = secs;
            snapshot.parent = parent;
            snapshot.connector = Some("lotus-notes".into());
            snapshot.paths = vec![b"/mnt/exch1/Exchsrvr/Conndata".to_vec()];
            snapshot.tags = vec!["before-update".into(), "nightly".into()];
        }
    };
    let mut starts = vec![0];
    let mut data_and_page = |maker: &Maker| starts.extend([maker.objects.len() - 1, maker.objects.len()]);
    let first = maker.snapshot(&tables(1), request(1_790_000_000, None));
    data_and_page(&maker);
    let second = maker.state(&tables(2), request(1_790_000_060, Some(first)));
    maker.page(&[entry_of(&second, &[second.time])]);
    data_and_page(&maker);
    // A tick: nothing has changed.
    let later = Timestamp {
        secs: second.time.secs + 60,
        ..second.time
    };
    maker.page(&[entry_of(&second, &[later])]);
    starts.push(maker.objects.len());
    let segment = |pair: &[usize]| maker.segment(&maker.objects[pair[0]..pair[1]], Some(3));
    let segments: Vec<Vec<u8>> = starts.windows(2).map(segment).collect();
    maker.accepted(
        "typical",
        "two states of a connector's tables, two segments each, and a tick",
        maker.files_of(&segments),
    )
}

fn kinds() -> Case {
    let target = |target: &[u8]| Node::Symlink {
        target: target.to_vec(),
    };
    let linked = |name: &str| {
        Item::file(name, b"one file, two names").with(|meta| {
            meta.links = 2;
            meta.inode = 99;
        })
    };
    let xattr = |name: &[u8], value: &[u8]| Xattr {
        name: name.to_vec(),
        value: value.to_vec(),
    };
    let acl =
        b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x04\0\x04\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff";
    let items = vec![
        Item::other("block", Node::BlockDevice { major: 8, minor: 1 }),
        Item::other("char", Node::CharDevice { major: 1, minor: 3 }),
        Item::dir("dir", vec![Item::file("below", b"x")]).with(|meta| meta.mode = 0o1777),
        Item::file("empty", b""),
        Item::other("fifo", Node::Fifo),
        Item::file("file", b"some bytes\n"),
        linked("hard-1"),
        // The ctime of links to one file may differ (F-075).
        linked("hard-2").with(|meta| meta.ctime.nanos += 1),
        Item::other("link", target(b"../dir/below")),
        Item::other("link-loop", target(b"link-loop")),
        Item::other("link-odd", target(b"/\xff%41\n")),
        Item::file("old", b"before 1970").with(|meta| {
            meta.mtime = Timestamp {
                secs: -1,
                nanos: 999_999_999,
            };
            meta.ctime = Timestamp::default();
        }),
        Item::file("set-id", b"#!/bin/sh\n").with(|meta| {
            meta.mode = 0o6755;
            meta.owner = Arc::new(Owner::default());
        }),
        Item::other("socket", Node::Socket),
        Item::file("torn", b"half new, half old").with(|meta| meta.torn = true),
        Item::file("xattrs", b"x").with(|meta| {
            meta.xattrs = vec![
                xattr(b"system.posix_acl_access", acl),
                xattr(b"user.%", b""),
                xattr(b"user.\xfe", &[0, 255]),
                xattr(b"user.comment", "Grüße".as_bytes()),
            ];
            meta.xattrs.sort();
        }),
    ];
    let mut maker = Maker::new("kinds");
    maker.snapshot(&items, |snapshot| {
        snapshot.counts.torn = 1;
        snapshot.torn = vec![b"torn".to_vec()];
    });
    maker.accepted(
        "kinds",
        "every kind of entry, odd metadata, hard links",
        maker.files(Some(3)),
    )
}

fn names() -> Case {
    let mut names: Vec<Vec<u8>> = [
        &b" "[..],
        b"%41",
        b"-rf",
        b"...",
        b"..a",
        b".hidden",
        b"a b",
        b"a\nb",
        b"a\tb\x1b[2J",
        b"a\\b",
        b"CON",
        b"\x7f",
        b"\x80",
        b"\xed\xa0\x80",
        b"\xff\xfe",
        "Grüße".as_bytes(),
        "Gru\u{308}ße".as_bytes(),
        "日本".as_bytes(),
        "🗃".as_bytes(),
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    names.push(vec![b'n'; 255]);
    names.push(vec![b'n'; 1024]);
    names.sort();
    let items: Vec<Item> = names
        .iter()
        .map(|name| Item::new(name, 0o644, Content::File(vec![Piece::Data(name.clone())])))
        .collect();
    let mut maker = Maker::new("names");
    maker.snapshot(&items, |_| {});
    maker.accepted(
        "names",
        "names that are not plain text, in the order of their bytes",
        maker.files(None),
    )
}

fn sparse() -> Case {
    let data = |text: &str| Piece::Data(noise(text, 300));
    let items = vec![
        Item::pieces("both-ends", vec![Piece::Hole(8192), data("b"), Piece::Hole(4096)]),
        Item::pieces("middle", vec![data("m1"), Piece::Hole(100_000), data("m2")]),
        Item::pieces("only-hole", vec![Piece::Hole(1 << 20)]),
        Item::pieces("trailing", vec![data("t"), Piece::Hole(1)]),
    ];
    let mut maker = Maker::new("sparse");
    maker.snapshot(&items, |_| {});
    // Neighbouring holes are one to a reader, though in two leaves (F-063 speaks of one leaf).
    let leaf = |items: Vec<ListItem>| ListNode { level: 0, items }.encode();
    let hole = |len| ListItem { len, id: None };
    let chunk = noise("neighbours", 50);
    let id = maker.add(Kind::Chunk, &chunk);
    let some = ListItem {
        len: 50,
        id: Some(id),
    };
    let leaves = [leaf(vec![some, hole(1000)]), leaf(vec![hole(24), some])];
    let children = leaves.map(|leaf| ListItem {
        len: ListNode::decode(&leaf).expect("a good leaf").len(),
        id: Some(maker.add(Kind::ChunkList, &leaf)),
    });
    let root = ListNode {
        level: 1,
        items: children.to_vec(),
    };
    let list = maker.add(Kind::ChunkList, &root.encode());
    let pieces = vec![Piece::Data(chunk.clone()), Piece::Hole(1024), Piece::Data(chunk)];
    let node = Node::File {
        size: 1124,
        content: Stored::List(list),
    };
    by_hand(&mut maker, &Item::pieces("neighbours", pieces), node);
    let what = "holes at the ends, in the middle, alone, and in neighbouring leaves";
    maker.accepted("sparse", what, maker.files(None))
}

/// Adds a snapshot of one entry, whose node is made by hand, though a reader must find it to be `item`.
fn by_hand(maker: &mut Maker, item: &Item, node: Node) {
    let mut other = maker.clone();
    let described = other.snapshot(std::slice::from_ref(item), |_| {});
    let paths = other.snapshots.remove(&described.to_string()).unwrap_or_default();
    let entry = Entry {
        name: item.name.clone(),
        node,
        meta: item.meta.clone(),
    };
    let root = maker.add(Kind::Tree, &TreeNode::Leaf(vec![entry]).encode());
    let id = maker.snapshot_of(root, |snapshot| snapshot.time.secs += 1);
    maker.snapshots.insert(id.to_string(), paths);
}

fn many_entries() -> Case {
    let entry = |n: u32| {
        let name = format!("{n:08X}.MSG");
        Item::new(name.as_bytes(), 0o600, Content::Other(Node::Fifo)).with(|meta| meta.inode = n.into())
    };
    let items: Vec<Item> = (0..2000).map(entry).collect();
    let mut maker = Maker::new("many-entries");
    let id = maker.snapshot(&[Item::dir("maildata", items)], |_| {});
    // A case need not tell everything.
    let described = &mut maker.snapshots[&id.to_string()];
    for fields in described
        .as_object_mut()
        .into_iter()
        .flat_map(|paths| paths.values_mut())
    {
        if let Some(fields) = fields.as_object_mut() {
            fields.retain(|key, _| ["type", "inode"].contains(&key.as_str()));
        }
    }
    maker.accepted(
        "many-entries",
        "a directory of several nodes",
        maker.files(Some(19)),
    )
}

fn deep_nodes() -> Case {
    // Not as writers would split, but a reader need not know how they do.
    let items: Vec<Item> = (b'a'..=b'h')
        .map(|letter| Item::file(&char::from(letter).to_string(), &[letter]))
        .collect();
    let mut maker = Maker::new("deep-nodes");
    let described = maker.snapshot(&items, |_| {});
    let paths = maker.snapshots.remove(&described.to_string()).unwrap_or_default();
    maker.moments.clear();
    maker.objects.retain(|(kind, ..)| *kind == Kind::Chunk);
    let mut level: Vec<Child> = items
        .iter()
        .map(|item| {
            let entry = maker.entry(item);
            let id = maker.add(Kind::Tree, &TreeNode::Leaf(vec![entry]).encode());
            Child {
                first: item.name.clone(),
                id,
            }
        })
        .collect();
    for number in 1..=7 {
        let pairs: Vec<Vec<Child>> = level.chunks(2).map(<[Child]>::to_vec).collect();
        level = pairs
            .into_iter()
            .map(|children| {
                let first = children[0].first.clone();
                let node = TreeNode::Inner {
                    level: number,
                    children,
                };
                let id = maker.add(Kind::Tree, &node.encode());
                Child { first, id }
            })
            .collect();
    }
    let id = maker.snapshot_of(level[0].id, |_| {});
    maker.snapshots.insert(id.to_string(), paths);
    maker.accepted(
        "deep-nodes",
        "a directory of eight entries and eight levels",
        maker.files(None),
    )
}

fn long_list() -> Case {
    let chunk = noise("long list", 10);
    let pieces = vec![Piece::Data(chunk); 5000];
    let mut maker = Maker::new("long-list");
    maker.snapshot(&[Item::pieces("repetitive", pieces)], |_| {});
    maker.accepted(
        "long-list",
        "a file of 5,000 equal chunks, whose list has two levels",
        maker.files(Some(3)),
    )
}

fn several_segments() -> Case {
    let mut maker = Maker::new("several-segments");
    let items = vec![
        Item::file("a", b"in every segment"),
        Item::pieces("b", (0..4).map(|n| Piece::Data(vec![n; 100])).collect()),
    ];
    maker.snapshot(&items, |_| {});
    let mut files = maker.files(None);
    files.retain(|path, _| path.ends_with("config"));
    for n in 0..3 {
        // Each object in two of three segments.
        let some: Vec<_> = maker
            .objects
            .iter()
            .enumerate()
            .filter(|(i, _)| i % 3 != n)
            .map(|(_, object)| object.clone())
            .collect();
        let segment = Parts::of(&maker.segment(&some, Some(3)));
        files.insert(format!("archive/{}", segment.path()), segment.bytes());
    }
    maker.accepted("several-segments", "every object in two of three segments", files)
}

fn foreign_files() -> Case {
    let mut maker = Maker::new("foreign-files");
    maker.snapshot(&[Item::file("a", b"a")], |_| {});
    let mut files = maker.files(None);
    let upper = format!("segments/{}.rst", "AB".repeat(32));
    for path in [
        "README",
        "tmp/x",
        "segments/README",
        "segments/0123.rst",
        "segments/x.rst.part",
        &upper,
    ] {
        files.insert(
            format!("archive/{path}"),
            b"not part of the archive (F-010)\n".to_vec(),
        );
    }
    files.insert("archive/lock".into(), vec![]);
    maker.accepted(
        "foreign-files",
        "files of other names beside and among the segments",
        files,
    )
}

fn garbage() -> Case {
    let mut maker = Maker::new("garbage");
    maker.snapshot(&[Item::file("a", b"a")], |snapshot| {
        snapshot.parent = Some(Id([9; 32]))
    });
    let mut files = maker.files(None);
    let mut left = Maker::new("garbage");
    left.tree(&[Item::file("never", b"finished")]);
    let segment = Parts::of(&left.segment(&left.objects, None));
    files.insert(format!("archive/{}", segment.path()), segment.bytes());
    let what = "objects of an interrupted writer (F-091), and a parent that was forgotten (F-081)";
    maker.accepted("garbage", what, files)
}

fn compatible_flags() -> Case {
    let mut maker = Maker::new("compatible-flags");
    maker.snapshot(&[Item::file("a", b"a")], |_| {});
    let mut config = maker.config().encode();
    config[16..20].copy_from_slice(&[0, 0, 0, 0x80]);
    super::rejected::fix_config(&mut config);
    let mut segment = Parts::of(&maker.segment(&maker.objects, None));
    segment.header[16..20].copy_from_slice(&[0, 0, 0, 0x80]);
    segment.rebuild();
    let files = [
        ("archive/config".to_owned(), config),
        (format!("archive/{}", segment.path()), segment.bytes()),
    ]
    .into();
    maker.accepted(
        "compatible-flags",
        "an unknown compatible flag in config and segment",
        files,
    )
}

fn snapshot_fields() -> Case {
    let mut maker = Maker::new("snapshot-fields");
    maker.snapshot(&[], |snapshot| {
        snapshot.time = Timestamp {
            secs: i64::MIN,
            nanos: 999_999_999,
        };
        snapshot.host = "h".repeat(1024);
        snapshot.connector = Some("c".repeat(256));
        snapshot.paths = vec![b"\xff".to_vec(), b"".to_vec(), b"\xff".to_vec()];
        snapshot.tags = vec!["".into(), "Ä".into(), "ä".into()];
        snapshot.program = "🗃 \n".into();
        snapshot.counts = Counts {
            files: u64::MAX,
            dirs: 250,
            bytes: 251,
            changed_files: 65_535,
            read_bytes: 65_536,
            new_objects: u64::from(u32::MAX),
            stored_bytes: u64::MAX,
            torn: 1 << 32,
            unreadable: 1000,
        };
        snapshot.torn = (0..1000_u32).map(|n| n.to_le_bytes().to_vec()).collect();
        let unreadable = |n: u32| Unreadable {
            path: n.to_string().into_bytes(),
            reason: "permission denied".into(),
        };
        snapshot.unreadable = (0..1000).map(unreadable).collect();
    });
    maker.accepted(
        "snapshot-fields",
        "a snapshot of nothing, with every field at its limit",
        maker.files(None),
    )
}

fn single_segment() -> Case {
    let mut maker = Maker::new("single-segment");
    maker.snapshot(&tables(1), |_| {});
    let files = [("archive.rst".to_owned(), maker.segment(&maker.objects, Some(3)))].into();
    maker.accepted("single-segment", "a segment by itself, under another name", files)
}

fn shared_directories() -> Case {
    let mut items = vec![Item::file("leaf", b"leaf")];
    for _ in 0..5 {
        items = vec![Item::dir("a", items.clone()), Item::dir("b", items)];
    }
    let mut maker = Maker::new("shared-directories");
    maker.snapshot(&items, |_| {});
    maker.accepted("shared-directories", "one tree in 32 places", maker.files(None))
}

fn extremes() -> Case {
    let items = vec![
        Item::file("file", b"x").with(|meta| {
            meta.mode = 0o7777;
            meta.owner = Arc::new(Owner {
                uid: u32::MAX,
                gid: u32::MAX,
                user: vec![b'u'; 300],
                group: b"%\xff".to_vec(),
            });
            meta.mtime = Timestamp {
                secs: i64::MAX,
                nanos: 999_999_999,
            };
            meta.ctime = Timestamp {
                secs: i64::MIN,
                nanos: 0,
            };
            meta.device = u64::MAX;
            meta.inode = u64::MAX;
            meta.links = u32::MAX;
        }),
        Item::other(
            "link",
            Node::Symlink {
                target: vec![b't'; 4095],
            },
        ),
        Item::other(
            "node",
            Node::CharDevice {
                major: u32::MAX,
                minor: u32::MAX,
            },
        ),
    ];
    let mut maker = Maker::new("extremes");
    maker.snapshot(&items, |_| {});
    maker.accepted(
        "extremes",
        "numbers and texts at their limits",
        maker.files(Some(3)),
    )
}

fn raw_and_levels() -> Case {
    let mut maker = Maker::new("zstd-levels");
    let text = |n: u8| {
        [&b"the same words again and again, "[..]; 60]
            .concat()
            .repeat(1 + usize::from(n))
    };
    let items: Vec<Item> = (0..4).map(|n| Item::file(&n.to_string(), &text(n))).collect();
    maker.snapshot(&items, |_| {});
    let mut files = maker.files(None);
    files.retain(|path, _| path.ends_with("config"));
    for (n, level) in [Some(-7), Some(1), Some(22), None].into_iter().enumerate() {
        let some: Vec<_> = maker.objects.iter().skip(n).step_by(4).cloned().collect();
        let segment = Parts::of(&maker.segment(&some, level));
        files.insert(format!("archive/{}", segment.path()), segment.bytes());
    }
    maker.accepted(
        "zstd-levels",
        "blocks of the lowest and highest zstd levels, and raw ones",
        files,
    )
}
