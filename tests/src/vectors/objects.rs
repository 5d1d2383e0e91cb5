//! Single objects, valid and not, put together byte by byte: the library's own encoder has no part in them.

use restante_format::id::{Id, Kind, hex};
use serde_json::{Value, json};

/// Compact encoding (section 1), one field after the other.
#[derive(Clone, Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }

    pub(super) fn uint(self, value: u64) -> Self {
        match value {
            0..=250 => self.raw(&[value as u8]),
            251..=0xffff => self.u8(251).raw(&(value as u16).to_le_bytes()),
            0x1_0000..=0xffff_ffff => self.u8(252).raw(&(value as u32).to_le_bytes()),
            _ => self.u8(253).raw(&value.to_le_bytes()),
        }
    }

    /// In a form that may be longer than it must be: 2, 4 or 8 bytes.
    fn long(self, value: u64, width: usize) -> Self {
        let marker = 251 + width.trailing_zeros() as u8 - 1;
        self.u8(marker).raw(&value.to_le_bytes()[..width])
    }

    pub(super) fn int(self, value: i64) -> Self {
        self.uint(((value << 1) ^ (value >> 63)) as u64)
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        self.uint(bytes.len() as u64).raw(bytes)
    }

    fn option(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            None => self.u8(0),
            Some(bytes) => self.u8(1).raw(bytes),
        }
    }

    pub(super) fn list<T>(self, items: &[T], encode: impl Fn(Self, &T) -> Self) -> Self {
        items.iter().fold(self.uint(items.len() as u64), encode)
    }
}

fn accept(kind: &str, number: Kind, name: &str, plain: Vec<u8>, decoded: Value) -> Value {
    accept_as(kind, Id::of(number, &plain), name, plain, decoded)
}

fn accept_as(kind: &str, id: Id, name: &str, plain: Vec<u8>, decoded: Value) -> Value {
    json!({
        "name": format!("{kind}: {name}"), "kind": kind, "accept": true,
        "id": id.to_string(), "plain": hex(&plain), "decoded": decoded,
    })
}

/// A long vector that says only that it is accepted.
fn undecoded(mut vector: Value) -> Value {
    if let Some(fields) = vector.as_object_mut() {
        fields.remove("decoded");
    }
    vector
}

fn reject(kind: &str, name: &str, why: &str, plain: Vec<u8>) -> Value {
    let name = format!("{kind}: {name}");
    json!({"name": name, "kind": kind, "accept": false, "why": why, "plain": hex(&plain)})
}

pub(super) fn vectors() -> Vec<Value> {
    let mut vectors = chunks();
    vectors.extend(lists());
    vectors.extend(trees());
    vectors.extend(wide_fields());
    vectors.extend(inner_nodes());
    vectors.extend(snapshots());
    vectors.extend(ticks());
    vectors.extend(pages());
    vectors.extend(contents());
    vectors
}

fn chunks() -> Vec<Value> {
    let of = |name: &str, bytes: &[u8]| {
        accept(
            "chunk",
            Kind::Chunk,
            name,
            bytes.to_vec(),
            json!({"bytes": hex(bytes)}),
        )
    };
    vec![
        of("one byte", &[0]),
        of("text", b"some bytes\n"),
        of("1,025 bytes", &super::archives::noise("chunk", 1025)),
        reject("chunk", "empty", "F-042", vec![]),
    ]
}

// Section 7

type ListItem = (u64, Option<u8>);

fn list_bytes(level: u8, items: &[ListItem]) -> Vec<u8> {
    let item = |bytes: Bytes, (length, id): &ListItem| {
        bytes
            .uint(*length)
            .option(id.map(|n| [n; 32]).as_ref().map(|id| &id[..]))
    };
    Bytes::default().u8(level).list(items, item).0
}

fn lists() -> Vec<Value> {
    let good = |name: &str, level: u8, items: &[ListItem]| {
        let item = |(length, id): &ListItem| json!({"length": length, "id": id.map(|n| hex(&[n; 32]))});
        let items_json: Vec<Value> = items.iter().map(item).collect();
        let decoded = json!({"level": level, "items": items_json});
        accept(
            "chunk-list",
            Kind::ChunkList,
            name,
            list_bytes(level, items),
            decoded,
        )
    };
    let bad = |name: &str, why: &str, plain: Vec<u8>| reject("chunk-list", name, why, plain);
    let two = list_bytes(0, &[(5, Some(1)), (7, Some(2))]);
    let many: Vec<ListItem> = (0..251).map(|n| (n + 1, Some(n as u8))).collect();
    let longer = |width: usize| {
        let count = Bytes::default().u8(0).long(1, width);
        let plain = count.long(5, width).option(Some(&[1; 32])).0;
        let decoded = json!({"level": 0, "items": [{"length": 5, "id": hex(&[1; 32])}]});
        let name = format!("integers of {width} bytes that one would do for (F-001)");
        accept("chunk-list", Kind::ChunkList, &name, plain, decoded)
    };
    let alternating = [
        (1 << 33, None),
        (70_000, Some(1)),
        (5, None),
        (1, Some(2)),
        (u64::from(u32::MAX), None),
    ];
    vec![
        good("one chunk", 0, &[(1, Some(1))]),
        good("holes and chunks", 0, &alternating),
        good("one hole", 0, &[((1 << 63) - 1, None)]),
        good(
            "lengths at the widths of integers",
            0,
            &[250, 251, 65_535, 65_536, 4_294_967_295, 4_294_967_296].map(|n| (n, Some(7))),
        ),
        good("251 items", 0, &many),
        longer(2),
        longer(4),
        longer(8),
        good("one child", 1, &[(10, Some(3))]),
        good("highest level", 7, &[(10, Some(3)), (20, Some(3))]),
        bad("empty", "F-042", vec![]),
        bad("cut off", "F-002", two[..two.len() - 1].to_vec()),
        bad("followed by a byte", "F-002", [&two[..], b"\0"].concat()),
        bad("level 8", "F-100", list_bytes(8, &[(1, Some(1))])),
        bad("no items", "section 7", list_bytes(0, &[])),
        bad("65,537 items", "F-100", Bytes::default().u8(0).uint(65_537).0),
        bad("2^60 items", "F-100", Bytes::default().u8(0).uint(1 << 60).0),
        bad(
            "more items than bytes",
            "F-003",
            Bytes::default().u8(0).uint(65_536).0,
        ),
        bad("length zero", "section 7", list_bytes(0, &[(0, Some(1))])),
        bad("two holes", "F-063", list_bytes(0, &[(1, None), (1, None)])),
        bad("hole above the leaves", "section 7", list_bytes(1, &[(1, None)])),
        bad(
            "2^63 bytes",
            "F-062",
            list_bytes(0, &[((1 << 63) - 1, Some(1)), (1, Some(1))]),
        ),
        bad(
            "2^64 bytes",
            "F-062",
            list_bytes(0, &[(u64::MAX, Some(1)), (1, Some(1))]),
        ),
        bad(
            "option of 2",
            "section 1",
            Bytes::default().u8(0).uint(1).uint(1).u8(2).raw(&[1; 32]).0,
        ),
        bad(
            "marker 254",
            "section 1",
            Bytes::default().u8(0).uint(1).u8(254).raw(&[1; 49]).0,
        ),
        bad(
            "marker 255",
            "section 1",
            Bytes::default().u8(0).u8(255).raw(&[1; 49]).0,
        ),
    ]
}

// Section 8

#[derive(Clone)]
struct RawEntry {
    name: Vec<u8>,
    node: Bytes,
    node_json: Value,
    flags: u64,
    mode: u64,
    owner: u64,
    mtime: (i64, u64),
    ctime: (i64, u64),
    device: u64,
    inode: u64,
    links: u64,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

type RawOwner = (u64, u64, Vec<u8>, Vec<u8>);

fn leaf_bytes(owners: &[RawOwner], entries: &[RawEntry]) -> Vec<u8> {
    let owner = |bytes: Bytes, (uid, gid, user, group): &RawOwner| {
        bytes.uint(*uid).uint(*gid).bytes(user).bytes(group)
    };
    let entry = |bytes: Bytes, e: &RawEntry| {
        bytes
            .bytes(&e.name)
            .raw(&e.node.0)
            .uint(e.flags)
            .uint(e.mode)
            .uint(e.owner)
            .int(e.mtime.0)
            .uint(e.mtime.1)
            .int(e.ctime.0)
            .uint(e.ctime.1)
            .uint(e.device)
            .uint(e.inode)
            .uint(e.links)
            .list(&e.xattrs, |bytes, (name, value)| bytes.bytes(name).bytes(value))
    };
    Bytes::default()
        .uint(0)
        .list(owners, owner)
        .list(entries, entry)
        .0
}

fn leaf_json(owners: &[RawOwner], entries: &[RawEntry]) -> Value {
    let owner = |(uid, gid, user, group): &RawOwner| json!({"uid": uid, "gid": gid, "user": hex(user), "group": hex(group)});
    let entry = |e: &RawEntry| {
        let xattr = |(name, value): &(Vec<u8>, Vec<u8>)| json!([hex(name), hex(value)]);
        json!({
            "name": hex(&e.name), "node": e.node_json, "flags": e.flags, "mode": e.mode, "owner": e.owner,
            "mtime": [e.mtime.0, e.mtime.1], "ctime": [e.ctime.0, e.ctime.1], "device": e.device,
            "inode": e.inode, "links": e.links, "xattrs": e.xattrs.iter().map(xattr).collect::<Vec<_>>(),
        })
    };
    json!({
        "variant": "leaf",
        "owners": owners.iter().map(owner).collect::<Vec<_>>(),
        "entries": entries.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn named(name: &str, node: Bytes, node_json: Value) -> RawEntry {
    RawEntry {
        name: name.as_bytes().to_vec(),
        node,
        node_json,
        flags: 0,
        mode: 0o644,
        owner: 0,
        mtime: (1_790_000_000, 5),
        ctime: (-7, 999_999_999),
        device: 2049,
        inode: 77,
        links: 1,
        xattrs: vec![],
    }
}

fn file(name: &str, size: u64, content: u64) -> RawEntry {
    let node = Bytes::default().uint(0).uint(size).uint(content);
    let json = match content {
        0 => json!({"type": "file", "size": size, "content": {"kind": "empty"}}),
        1 => json!({"type": "file", "size": size, "content": {"kind": "chunk", "id": hex(&[4; 32])}}),
        _ => json!({"type": "file", "size": size, "content": {"kind": "chunk-list", "id": hex(&[4; 32])}}),
    };
    let node = if content == 0 { node } else { node.raw(&[4; 32]) };
    named(name, node, json)
}

fn symlink(name: &str, target: &[u8]) -> RawEntry {
    let node = Bytes::default().uint(2).bytes(target);
    named(name, node, json!({"type": "symlink", "target": hex(target)}))
}

fn device(name: &str, variant: u64, major: u64, minor: u64) -> RawEntry {
    let kind = if variant == 3 { "block" } else { "char" };
    let node = Bytes::default().uint(variant).uint(major).uint(minor);
    named(name, node, json!({"type": kind, "major": major, "minor": minor}))
}

fn fifo(name: &str) -> RawEntry {
    named(name, Bytes::default().uint(5), json!({"type": "fifo"}))
}

fn owner() -> RawOwner {
    (1000, 100, b"anna".to_vec(), b"users".to_vec())
}

fn all_kinds() -> Vec<RawEntry> {
    let with = |mut entry: RawEntry, change: &dyn Fn(&mut RawEntry)| {
        change(&mut entry);
        entry
    };
    let dir = named(
        "dir",
        Bytes::default().uint(1).raw(&[6; 32]),
        json!({"type": "dir", "tree": hex(&[6; 32])}),
    );
    vec![
        device("block", 3, 8, u64::from(u32::MAX)),
        device("char", 4, 251, 65_536),
        with(dir, &|e| e.flags = 2),
        file("empty", 0, 0),
        fifo("fifo"),
        file("file", 5, 1),
        file("large", (1 << 63) - 1, 2),
        symlink("link", b"../x"),
        named("socket", Bytes::default().uint(6), json!({"type": "socket"})),
        with(file("torn", 1, 1), &|e| {
            (e.flags, e.mode, e.owner) = (1, 0o7777, 1);
            (e.mtime, e.ctime) = ((i64::MAX, 0), (i64::MIN, 0));
            (e.device, e.inode, e.links) = (u64::MAX, u64::MAX, u64::from(u32::MAX));
            e.xattrs = vec![(b"user.a".to_vec(), vec![]), (b"user.b".to_vec(), vec![0, 255])];
        }),
        with(fifo("\u{fc}"), &|e| e.name = b"\xff\n".to_vec()),
    ]
}

fn trees() -> Vec<Value> {
    let good = |name: &str, owners: &[RawOwner], entries: &[RawEntry]| {
        accept(
            "tree",
            Kind::Tree,
            name,
            leaf_bytes(owners, entries),
            leaf_json(owners, entries),
        )
    };
    let two_owners = [owner(), (u64::from(u32::MAX), 0, vec![], b"\xff".to_vec())];
    let mut longest = fifo("x");
    longest.name = vec![b'n'; 1024];
    let mut marked = fifo("x");
    marked.flags = 3;
    let mut wide = device("x", 4, 250, 251);
    (wide.device, wide.inode, wide.links, wide.mtime.1) = (65_535, 65_536, 65_535, 65_536);
    (wide.mtime.0, wide.ctime.0) = (125, -126);
    let mut vectors = vec![
        good("empty", &[], &[]),
        good("all kinds of entries", &two_owners, &all_kinds()),
        good("an owner of nothing", &[owner()], &[]),
        good("longest name", &[owner()], &[longest]),
        undecoded(good(
            "longest target",
            &[owner()],
            &[symlink("a", &[b't'; 65_536])],
        )),
        // 8 MiB is a limit for configs only.
        good("a chunk of 16 MiB", &[owner()], &[file("a", 16 << 20, 1)]),
        good("marks that mean nothing", &[owner()], &[marked]),
        good("marks of integers", &[owner()], &[wide]),
        good(
            "names like those refused",
            &[owner()],
            &[fifo(" "), fifo("..."), fifo("..a"), fifo(".a"), fifo("\\")],
        ),
    ];
    vectors.extend(bad_entries());
    vectors.extend(bad_trees());
    vectors
}

/// A leaf of two entries, of which the second breaks one rule.
fn bad_entries() -> Vec<Value> {
    type Change<'a> = &'a dyn Fn(&mut RawEntry);
    let bad = |name: &str, why: &str, change: Change<'_>| {
        let mut second = fifo("b");
        change(&mut second);
        reject("tree", name, why, leaf_bytes(&[owner()], &[fifo("a"), second]))
    };
    let node = |name: &str, why: &str, node: RawEntry| bad(name, why, &|e| e.node = node.node.clone());
    let xattrs = |name: &str, why: &str, names: &[&[u8]], len: usize| {
        let xattrs: Vec<_> = names.iter().map(|name| (name.to_vec(), vec![0; len])).collect();
        bad(name, why, &|e| e.xattrs = xattrs.clone())
    };
    vec![
        bad("name empty", "section 8", &|e| e.name = vec![]),
        bad("name .", "section 8", &|e| e.name = b".".to_vec()),
        bad("name ..", "section 8", &|e| e.name = b"..".to_vec()),
        bad("name with /", "section 8", &|e| e.name = b"b/c".to_vec()),
        bad("name with NUL", "section 8", &|e| e.name = b"b\0".to_vec()),
        bad("name of 1,025 bytes", "F-100", &|e| e.name = vec![b'n'; 1025]),
        bad("name twice", "F-070", &|e| e.name = b"a".to_vec()),
        bad("name before the one before", "F-070", &|e| e.name = b"Z".to_vec()),
        bad("flags", "F-004", &|e| e.flags = 4),
        bad("mode", "section 8", &|e| e.mode = 0o10000),
        bad("owner", "section 8", &|e| e.owner = 1),
        bad("mtime nanoseconds", "section 8", &|e| e.mtime.1 = 1_000_000_000),
        bad("ctime nanoseconds", "section 8", &|e| {
            e.ctime.1 = u64::from(u32::MAX)
        }),
        bad("links of 33 bits", "section 1", &|e| e.links = 1 << 32),
        bad("mode of 33 bits", "section 1", &|e| e.mode = 1 << 32),
        xattrs("xattr without a name", "section 8", &[b""], 1),
        xattrs("xattr name with NUL", "section 8", &[b"user.a\0"], 1),
        xattrs("xattrs unsorted", "section 8", &[b"user.b", b"user.a"], 1),
        xattrs("xattr twice", "section 8", &[b"user.a", b"user.a"], 1),
        node(
            "node variant 7",
            "section 8",
            named("b", Bytes::default().uint(7), Value::Null),
        ),
        node("content variant 3", "section 8", file("b", 1, 3)),
        node("content with size 0", "F-072", file("b", 0, 1)),
        node("list with size 0", "F-072", file("b", 0, 2)),
        node("no content with size 1", "F-072", file("b", 1, 0)),
        node("a size of 2^63", "F-062", file("b", 1 << 63, 2)),
        node("target empty", "section 8", symlink("b", b"")),
        node("target with NUL", "section 8", symlink("b", b"a\0b")),
        node("target of 65,537 bytes", "F-100", symlink("b", &[b't'; 65_537])),
        node(
            "device number of 33 bits",
            "section 1",
            device("b", 3, 1 << 32, 0),
        ),
    ]
}

fn bad_trees() -> Vec<Value> {
    let bad = |name: &str, why: &str, plain: Vec<u8>| reject("tree", name, why, plain);
    let good = leaf_bytes(&[owner()], &[fifo("a")]);
    let start = || Bytes::default().uint(0);
    vec![
        bad("no bytes", "F-042", vec![]),
        bad("cut off", "F-002", good[..good.len() - 1].to_vec()),
        bad("followed by a byte", "F-002", [&good[..], b"\0"].concat()),
        bad(
            "variant 2",
            "section 8",
            Bytes::default().uint(2).uint(0).uint(0).0,
        ),
        bad("65,537 entries", "section 8", start().uint(0).uint(65_537).0),
        bad("2^60 owners", "F-100", start().uint(1 << 60).0),
        bad("2^60 entries", "F-100", start().uint(0).uint(1 << 60).0),
        bad(
            "a name of 2^60 bytes",
            "F-100",
            start().uint(0).uint(1).uint(1 << 60).0,
        ),
        bad(
            "uid of 33 bits",
            "section 1",
            leaf_bytes(&[(1 << 32, 0, vec![], vec![])], &[]),
        ),
    ]
}

/// A leaf of an owner without names, whose uid is encoded in so many bytes.
fn uid_of(width: usize) -> Vec<u8> {
    let owner = Bytes::default().uint(0).uint(1).long(7, width);
    owner.uint(0).bytes(b"").bytes(b"").uint(0).0
}

fn wide_fields() -> Vec<Value> {
    let decoded = json!({
        "variant": "leaf", "entries": [],
        "owners": [{"uid": 7, "gid": 0, "user": "", "group": ""}],
    });
    let good = |width| {
        let name = format!("uid of {width} bytes (F-001)");
        accept("tree", Kind::Tree, &name, uid_of(width), decoded.clone())
    };
    let variant = Bytes::default().long(0, 8).uint(0).uint(0).0;
    vec![
        good(2),
        good(4),
        reject("tree", "uid of 8 bytes", "section 1", uid_of(8)),
        reject("tree", "variant of 8 bytes", "section 1", variant),
    ]
}

fn inner_bytes(level: u8, children: &[(&str, u8)]) -> Vec<u8> {
    let child = |bytes: Bytes, (first, id): &(&str, u8)| bytes.bytes(first.as_bytes()).raw(&[*id; 32]);
    Bytes::default().uint(1).u8(level).list(children, child).0
}

fn inner_nodes() -> Vec<Value> {
    let good = |name: &str, level: u8, children: &[(&str, u8)]| {
        let child = |(first, id): &(&str, u8)| json!({"first": hex(first.as_bytes()), "id": hex(&[*id; 32])});
        let children_json: Vec<Value> = children.iter().map(child).collect();
        let decoded = json!({"variant": "inner", "level": level, "children": children_json});
        accept("tree", Kind::Tree, name, inner_bytes(level, children), decoded)
    };
    let bad = |name: &str, why: &str, level: u8, children: &[(&str, u8)]| {
        reject("tree", name, why, inner_bytes(level, children))
    };
    vec![
        good("inner node", 1, &[("a", 1), ("b", 2)]),
        good("inner node of one child", 1, &[("a", 1)]),
        good("inner node of level 7", 7, &[("a", 1), ("a ", 1), ("b", 1)]),
        bad("inner node of level 0", "section 8", 0, &[("a", 1)]),
        bad("inner node of level 8", "section 8", 8, &[("a", 1)]),
        bad("inner node without children", "section 8", 1, &[]),
        bad("inner node unsorted", "F-070", 1, &[("b", 1), ("a", 2)]),
        bad("inner node with a name twice", "F-070", 1, &[("a", 1), ("a", 2)]),
        reject(
            "tree",
            "inner node of 65,537 children",
            "F-100",
            Bytes::default().uint(1).u8(1).uint(65_537).0,
        ),
    ]
}

// Section 9

#[derive(Clone)]
struct RawSnapshot {
    time: (i64, u64),
    host: Vec<u8>,
    connector: Option<Vec<u8>>,
    paths: Vec<Vec<u8>>,
    tags: Vec<Vec<u8>>,
    parent: Option<[u8; 32]>,
    counts: [u64; 6],
    stored_bytes: u64,
    listed_counts: [u64; 2],
    torn: Vec<Vec<u8>>,
    unreadable: Vec<(Vec<u8>, Vec<u8>)>,
}

fn snapshot() -> RawSnapshot {
    RawSnapshot {
        time: (1_790_000_000, 5),
        host: b"EXCH1".to_vec(),
        connector: Some(b"conn-tables".to_vec()),
        paths: vec![b"/mnt/exch1/Conndata/Tables".to_vec(), b"\xff".to_vec()],
        tags: vec![b"a".to_vec(), b"b".to_vec()],
        parent: Some([2; 32]),
        counts: [3, 250, 251, 65_536, 1 << 32, u64::MAX],
        stored_bytes: 1234,
        listed_counts: [2, 1],
        torn: vec![b"x/\xff".to_vec()],
        unreadable: vec![(b"y".to_vec(), b"permission denied".to_vec())],
    }
}

fn snapshot_bytes(s: &RawSnapshot) -> Vec<u8> {
    let start = Bytes::default().int(s.time.0).uint(s.time.1).bytes(&s.host);
    let start = match &s.connector {
        None => start.u8(0),
        Some(name) => start.u8(1).bytes(name),
    };
    let each = |bytes: Bytes, item: &Vec<u8>| bytes.bytes(item);
    let start = start
        .list(&s.paths, each)
        .list(&s.tags, each)
        .raw(&[1; 32])
        .option(s.parent.as_ref().map(|id| &id[..]))
        .bytes(b"restante 0.1.0");
    s.counts
        .iter()
        .fold(start, |bytes, count| bytes.uint(*count))
        .raw(&s.stored_bytes.to_le_bytes())
        .uint(s.listed_counts[0])
        .uint(s.listed_counts[1])
        .list(&s.torn, each)
        .list(&s.unreadable, |bytes, (path, reason)| {
            bytes.bytes(path).bytes(reason)
        })
        .0
}

fn snapshot_json(s: &RawSnapshot) -> Value {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let hexes = |items: &[Vec<u8>]| items.iter().map(|item| hex(item)).collect::<Vec<_>>();
    json!({
        "time": [s.time.0, s.time.1], "host": text(&s.host), "connector": s.connector.as_ref().map(text),
        "paths": hexes(&s.paths), "tags": s.tags.iter().map(text).collect::<Vec<_>>(),
        "root": hex(&[1; 32]), "parent": s.parent.map(|id| hex(&id)), "program": "restante 0.1.0",
        "files": s.counts[0], "dirs": s.counts[1], "bytes": s.counts[2], "changed_files": s.counts[3],
        "read_bytes": s.counts[4], "new_objects": s.counts[5], "stored_bytes": s.stored_bytes,
        "torn_count": s.listed_counts[0], "unreadable_count": s.listed_counts[1], "torn": hexes(&s.torn),
        "unreadable": s.unreadable.iter().map(|(path, reason)| json!([hex(path), text(reason)])).collect::<Vec<_>>(),
    })
}

fn snapshots() -> Vec<Value> {
    type Change<'a> = &'a dyn Fn(&mut RawSnapshot);
    let changed = |change: Change<'_>| {
        let mut snapshot = snapshot();
        change(&mut snapshot);
        snapshot
    };
    let good = |name: &str, change: Change<'_>| {
        let snapshot = changed(change);
        let plain = snapshot_bytes(&snapshot);
        let id = Id::of_snapshot(&plain);
        accept_as("snapshot", id, name, plain, snapshot_json(&snapshot))
    };
    let bad = |name: &str, why: &str, change: Change<'_>| {
        reject("snapshot", name, why, snapshot_bytes(&changed(change)))
    };
    let bytes = snapshot_bytes(&snapshot());
    let many = |n: usize| vec![b"p".to_vec(); n];
    vec![
        good("all fields", &|_| {}),
        good("as little as may be", &|s| {
            (s.host, s.connector, s.parent) = (vec![], None, None);
            (s.paths, s.tags, s.torn, s.unreadable) = (vec![], vec![], vec![], vec![]);
            (s.counts, s.listed_counts) = ([0; 6], [0; 2]);
        }),
        good("before 1970", &|s| s.time = (i64::MIN, 999_999_999)),
        good("longest host and connector", &|s| {
            (s.host, s.connector) = (vec![b'h'; 1024], Some(vec![b'c'; 256]));
        }),
        good("1,000 torn paths", &|s| {
            (s.torn, s.listed_counts[0]) = (many(1000), 5000)
        }),
        bad("time", "section 9", &|s| s.time.1 = 1_000_000_000),
        bad("host of 1,025 bytes", "F-100", &|s| s.host = vec![b'h'; 1025]),
        bad("host not UTF-8", "section 1", &|s| s.host = b"\xff".to_vec()),
        bad("connector of 257 bytes", "F-100", &|s| {
            s.connector = Some(vec![b'c'; 257])
        }),
        bad("connector not UTF-8", "section 1", &|s| {
            s.connector = Some(b"\xc0\x80".to_vec())
        }),
        bad("tags unsorted", "section 9", &|s| s.tags.reverse()),
        bad("tag twice", "section 9", &|s| s.tags[1] = b"a".to_vec()),
        bad("tag not UTF-8", "section 1", &|s| {
            s.tags[1] = b"\xed\xa0\x80".to_vec()
        }),
        bad("reason not UTF-8", "section 1", &|s| {
            s.unreadable[0].1 = b"\xff".to_vec()
        }),
        bad("1,001 torn paths", "F-100", &|s| {
            (s.torn, s.listed_counts[0]) = (many(1001), 5000)
        }),
        bad("1,001 unreadable paths", "F-100", &|s| {
            s.unreadable = vec![(b"p".to_vec(), vec![]); 1001];
            s.listed_counts[1] = 5000;
        }),
        bad("more torn paths than counted", "section 9", &|s| {
            s.listed_counts[0] = 0
        }),
        bad("more unreadable paths than counted", "section 9", &|s| {
            s.listed_counts[1] = 0
        }),
        reject("snapshot", "empty", "F-042", vec![]),
        reject("snapshot", "cut off", "F-002", bytes[..bytes.len() - 1].to_vec()),
        reject(
            "snapshot",
            "followed by a byte",
            "F-002",
            [&bytes[..], b"\0"].concat(),
        ),
    ]
}

/// A snapshot of nothing.
fn shortest() -> Vec<u8> {
    snapshot_bytes(&RawSnapshot {
        time: (0, 0),
        host: vec![],
        connector: None,
        paths: vec![],
        tags: vec![],
        parent: None,
        counts: [0; 6],
        stored_bytes: 0,
        listed_counts: [0; 2],
        torn: vec![],
        unreadable: vec![],
    })
}

/// What the ids of ticks are made of, and the ids.
fn ticks() -> Vec<Value> {
    let of = |name: &str, state: [u8; 32], secs: i64, nanos: u32| {
        let plain = [&state[..], &secs.to_le_bytes(), &nanos.to_le_bytes()].concat();
        let decoded = json!({"state": hex(&state), "time": [secs, nanos]});
        accept_as("tick", Id(state).of_tick(secs, nanos), name, plain, decoded)
    };
    vec![
        of(
            "of a state",
            Id::of_snapshot(&shortest()).0,
            1_790_000_060,
            123_456_789,
        ),
        of("at the first time", [7; 32], i64::MIN, 0),
        of("before 1970", [0; 32], -1, 999_999_999),
        of("at the last time", [255; 32], i64::MAX, 999_999_999),
    ]
}

type RawPageEntry = (Vec<u8>, (i64, u64), Vec<(i64, u64)>);

fn page_bytes(entries: &[RawPageEntry]) -> Vec<u8> {
    let entry = |bytes: Bytes, (snapshot, first, steps): &RawPageEntry| {
        let bytes = bytes.bytes(snapshot).int(first.0).uint(first.1);
        bytes.list(steps, |bytes, (change, count)| bytes.int(*change).uint(*count))
    };
    Bytes::default().list(entries, entry).0
}

/// The times of an entry, as the specification words it.
fn times_of(first: (i64, u64), steps: &[(i64, u64)]) -> Vec<Value> {
    let mut at = i128::from(first.0) * 1_000_000_000 + i128::from(first.1);
    let mut times = vec![json!([first.0, first.1])];
    let mut step = 0;
    for (change, count) in steps {
        for _ in 0..*count {
            step += i128::from(*change);
            at += step;
            let (secs, nanos) = (at.div_euclid(1_000_000_000), at.rem_euclid(1_000_000_000));
            times.push(json!([secs as i64, nanos as u32]));
        }
    }
    times
}

fn pages() -> Vec<Value> {
    const MINUTE: i64 = 60_000_000_000;
    let entry_json = |(snapshot, first, steps): &RawPageEntry| json!({"snapshot": hex(snapshot), "times": times_of(*first, steps)});
    let good = |name: &str, entries: &[RawPageEntry]| {
        let decoded = json!({"entries": entries.iter().map(entry_json).collect::<Vec<_>>()});
        accept("page", Kind::Page, name, page_bytes(entries), decoded)
    };
    let of = |first: (i64, u64), steps: &[(i64, u64)]| (shortest(), first, steps.to_vec());
    let at = |secs: i64| (secs, 0);
    let bad = |name: &str, why: &str, first: (i64, u64), steps: &[(i64, u64)]| {
        reject("page", name, why, page_bytes(&[of(first, steps)]))
    };
    let most = restante_format::limits::PAGE_MOMENTS as u64;
    let plain = page_bytes(&[of(at(5), &[(MINUTE, 1)])]);
    let no_snapshot: RawPageEntry = (b"not a snapshot".to_vec(), (0, 0), vec![]);
    let longer = |width: usize| {
        let snapshot = shortest();
        let start = Bytes::default().long(1, width).long(snapshot.len() as u64, width);
        let plain = start.raw(&snapshot).int(5).long(7, width.min(4)).uint(0).0;
        let decoded = json!({"entries": [{"snapshot": hex(&snapshot), "times": [[5, 7]]}]});
        let name = format!("integers of {width} bytes that one would do for (F-001)");
        accept("page", Kind::Page, &name, plain, decoded)
    };
    let half = of(at(0), &[(1, most / 2)]);
    vec![
        good("one time", &[of((1_790_000_000, 5), &[])]),
        good(
            "before 1970",
            &[of((-2, 999_999_999), &[(1, 1), (1_000_000_000, 2)])],
        ),
        good("every minute", &[of(at(1_790_000_000), &[(MINUTE, 1), (0, 9)])]),
        good(
            "now late, now early",
            &[of(
                (1_790_000_000, 123),
                &[(MINUTE, 1), (7, 1), (-12, 1), (5, 1), (0, 2)],
            )],
        ),
        good(
            "steps that grow and shrink",
            &[of(at(0), &[(1_000_000_000, 3), (-1_000_000_000, 2)])],
        ),
        good("the earliest times", &[of((i64::MIN, 0), &[(1, 1)])]),
        good("the latest times", &[of((i64::MAX, 999_999_998), &[(1, 1)])]),
        good("the longest step", &[of((-1, 999_999_999), &[(i64::MAX, 1)])]),
        good("counts of none", &[of(at(0), &[(5, 0), (3, 1), (-9, 0)])]),
        good(
            "changes that could be one",
            &[of(at(0), &[(5, 1), (0, 1), (0, 1)])],
        ),
        good(
            "three entries, two of one snapshot",
            &[of(at(0), &[]), of(at(7), &[(2, 1)]), of(at(-7), &[])],
        ),
        good("one moment twice", &[of(at(0), &[]), of(at(0), &[])]),
        undecoded(good("65,536 times", &[of(at(0), &[(1, 1), (0, most - 2)])])),
        undecoded(good(
            "65,536 times in two entries",
            &[half.clone(), of(at(0), &[(1, most / 2 - 2)])],
        )),
        longer(2),
        longer(4),
        longer(8),
        reject("page", "empty", "F-042", vec![]),
        reject("page", "no entries", "section 9", page_bytes(&[])),
        reject("page", "cut off", "F-002", plain[..plain.len() - 1].to_vec()),
        reject(
            "page",
            "followed by a byte",
            "F-002",
            [&plain[..], b"\0"].concat(),
        ),
        reject("page", "2^60 entries", "F-100", Bytes::default().uint(1 << 60).0),
        reject(
            "page",
            "a snapshot of 2^60 bytes",
            "F-100",
            Bytes::default().uint(1).uint(1 << 60).0,
        ),
        reject(
            "page",
            "2^60 steps",
            "F-100",
            Bytes::default()
                .uint(1)
                .bytes(&shortest())
                .int(0)
                .uint(0)
                .uint(1 << 60)
                .0,
        ),
        reject(
            "page",
            "not a snapshot",
            "section 9",
            page_bytes(std::slice::from_ref(&no_snapshot)),
        ),
        reject(
            "page",
            "a second snapshot that is none",
            "section 9",
            page_bytes(&[of(at(0), &[]), no_snapshot]),
        ),
        bad("time", "section 9", (0, 1_000_000_000), &[]),
        bad("nanoseconds of 33 bits", "section 1", (0, 1 << 32), &[]),
        bad("65,537 times", "F-088", at(0), &[(1, 1), (0, most - 1)]),
        bad("2^64 times", "F-088", at(0), &[(1, u64::MAX)]),
        bad(
            "2^64 times in two runs",
            "F-088",
            at(0),
            &[(1, 1 << 63), (1, 1 << 63)],
        ),
        reject(
            "page",
            "65,537 times in two entries",
            "F-088",
            page_bytes(&[half, of(at(0), &[(1, most / 2 - 1)])]),
        ),
        bad("a time twice", "F-083", at(0), &[(0, 1)]),
        bad("a time twice behind others", "F-083", at(0), &[(5, 1), (-5, 1)]),
        bad(
            "a time before the one before",
            "F-083",
            at(0),
            &[(5, 2), (-11, 1)],
        ),
        bad("a step of 2^63", "F-083", at(0), &[(i64::MAX, 1), (1, 1)]),
        bad(
            "a time beyond all times",
            "F-083",
            at(i64::MAX),
            &[(1_000_000_000, 1)],
        ),
        bad("a first step backwards", "F-083", at(i64::MIN), &[(-1, 1)]),
    ]
}

type RawNote = (u8, (i64, u64), (i64, u64), u64);
type RawSeries = (Vec<u8>, Option<Vec<u8>>, Vec<Vec<u8>>, (i64, u64));

fn contents_bytes(pages: &[RawNote], series: &[RawSeries]) -> Vec<u8> {
    let page = |bytes: Bytes, (id, first, last, moments): &RawNote| {
        let bytes = bytes.raw(&[*id; 32]).int(first.0).uint(first.1);
        bytes.int(last.0).uint(last.1).uint(*moments)
    };
    let one = |bytes: Bytes, (host, connector, paths, newest): &RawSeries| {
        let bytes = match connector {
            None => bytes.bytes(host).u8(0),
            Some(name) => bytes.bytes(host).u8(1).bytes(name),
        };
        let bytes = bytes.list(paths, |bytes, path| bytes.bytes(path));
        bytes.int(newest.0).uint(newest.1)
    };
    Bytes::default().list(pages, page).list(series, one).0
}

fn contents_json(pages: &[RawNote], series: &[RawSeries]) -> Value {
    let page = |(id, first, last, moments): &RawNote| json!({"id": hex(&[*id; 32]), "first": [first.0, first.1], "last": [last.0, last.1], "moments": moments});
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let one = |(host, connector, paths, newest): &RawSeries| {
        let paths: Vec<String> = paths.iter().map(|path| hex(path)).collect();
        json!({
            "host": text(host), "connector": connector.as_ref().map(text), "paths": paths,
            "newest": [newest.0, newest.1],
        })
    };
    json!({
        "pages": pages.iter().map(page).collect::<Vec<_>>(),
        "series": series.iter().map(one).collect::<Vec<_>>(),
    })
}

fn contents() -> Vec<Value> {
    let good = |name: &str, pages: &[RawNote], series: &[RawSeries]| {
        let (plain, decoded) = (contents_bytes(pages, series), contents_json(pages, series));
        accept("contents", Kind::Contents, name, plain, decoded)
    };
    let bad = |name: &str, why: &str, pages: &[RawNote], series: &[RawSeries]| {
        reject("contents", name, why, contents_bytes(pages, series))
    };
    let at = |secs: i64| (secs, 0);
    let mail: RawSeries = (
        b"EXCH1".to_vec(),
        Some(b"ms-mail".to_vec()),
        vec![b"/mnt/Maildata".to_vec(), b"\xff".to_vec()],
        (1_790_000_000, 5),
    );
    let nobody: RawSeries = (vec![], None, vec![], (i64::MIN, 999_999_999));
    let three: [RawNote; 3] = [
        (1, at(5), at(9), 65_536),
        (2, at(9), at(9), 1),
        (3, (9, 1), (i64::MAX, 999_999_999), 250),
    ];
    let plain = contents_bytes(&three, std::slice::from_ref(&mail));
    let changed = |name: &str, why: &str, number: usize, note: RawNote| {
        let mut notes = three;
        notes[number] = note;
        bad(name, why, &notes, &[])
    };
    let host = |name: &str, why: &str, host: &[u8], connector: &[u8]| {
        let series = (host.to_vec(), Some(connector.to_vec()), vec![], at(0));
        bad(name, why, &three, &[series])
    };
    vec![
        good("of nothing", &[], &[]),
        good("three pages, two series", &three, &[mail.clone(), nobody]),
        good("a series twice", &three[..1], &[mail.clone(), mail.clone()]),
        good("a page twice", &[three[1], three[1]], &[]),
        reject("contents", "empty", "F-042", vec![]),
        reject("contents", "cut off", "F-002", plain[..plain.len() - 1].to_vec()),
        reject(
            "contents",
            "followed by a byte",
            "F-002",
            [&plain[..], b"\0"].concat(),
        ),
        reject(
            "contents",
            "2^60 pages",
            "F-100",
            Bytes::default().uint(1 << 60).0,
        ),
        reject(
            "contents",
            "2^60 series",
            "F-100",
            Bytes::default().uint(0).uint(1 << 60).0,
        ),
        changed(
            "a page before the one before",
            "section 9",
            2,
            (3, at(5), at(7), 1),
        ),
        changed(
            "a page that begins before the one before ends",
            "section 9",
            1,
            (2, (8, 999_999_999), at(9), 1),
        ),
        changed(
            "a page that ends before it begins",
            "section 9",
            0,
            (1, at(5), (4, 999_999_999), 1),
        ),
        changed("a page without moments", "section 9", 1, (2, at(9), at(9), 0)),
        changed("a page of 65,537 moments", "F-088", 1, (2, at(9), at(9), 65_537)),
        changed(
            "a page of 2^64 - 1 moments",
            "F-088",
            1,
            (2, at(9), at(9), u64::MAX),
        ),
        changed("first time", "section 9", 0, (1, (5, 1_000_000_000), at(9), 1)),
        changed("last time", "section 9", 0, (1, at(5), (8, 1_000_000_000), 1)),
        bad(
            "newest time",
            "section 9",
            &three,
            &[(vec![], None, vec![], (0, 1_000_000_000))],
        ),
        host("host not UTF-8", "section 1", b"\xff", b""),
        host("connector not UTF-8", "section 1", b"", b"\xc0\x80"),
        host("host of 1,025 bytes", "F-100", &[b'h'; 1025], b""),
        host("connector of 257 bytes", "F-100", b"", &[b'c'; 257]),
    ]
}
