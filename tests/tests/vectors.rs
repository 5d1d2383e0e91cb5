//! The library against the test vectors in `spec/vectors`, as `spec/reader/check_vectors.py` holds the other reader
//! against them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use restante_format::archive::{Archive, VerifyLevel, read_file, walk_tree};
use restante_format::chunk::Cutter;
use restante_format::error::{Error, Flaw, Malformed};
use restante_format::id::{Id, Kind, hex};
use restante_format::model::{Content, Entry, Node, Series, Snapshot, Timestamp};
use restante_format::progress::Progress;
use restante_format::store::{LocalStore, MemoryStore, Name, Store};
use restante_format::wire::{
    ArchiveId, Chunker, Config, Contents, HEADER_BYTES, Header, ListNode, PageEntry, PageNote, TreeNode,
    decode_page, decode_snapshot,
};
use restante_tests::vectors::{Rule, escape, input_bytes, nested};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read(path).expect("a document");
    serde_json::from_slice(&text).expect("JSON")
}

fn vectors(name: &str) -> Vec<Value> {
    let document = read_json(&root().join(name));
    let vectors = document["vectors"].as_array().expect("vectors").clone();
    assert!(vectors.len() > 50, "{name} has too few vectors");
    vectors
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: char| c.to_digit(16).expect("a hexadecimal digit") as u8;
    let digits: Vec<u8> = text.chars().map(digit).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn vectors_that_depend_on_no_compressor_are_what_their_formulas_make() {
    for (name, made) in [
        ("chunking.json", restante_tests::vectors::chunking()),
        ("objects.json", restante_tests::vectors::objects()),
    ] {
        let stored = std::fs::read(root().join(name)).expect("the vectors");
        assert!(stored == made, "{name} is stale: run the program `vectors`");
    }
}

// Section 6

#[test]
fn chunking() {
    for vector in vectors("chunking.json") {
        let params = &vector["params"];
        let number = |key| params[key].as_u64().expect("a number") as u32;
        let mask = |key| {
            let digits = text(params, key).trim_start_matches("0x").to_owned();
            u64::from_str_radix(&digits, 16).expect("a mask")
        };
        let chunker = Chunker {
            min_bytes: number("min"),
            avg_bytes: number("avg"),
            max_bytes: number("max"),
            mask_s: mask("mask_s"),
            mask_l: mask("mask_l"),
            gear_seed: unhex(text(params, "seed")).try_into().expect("32 bytes"),
        };
        assert_eq!(chunker.validate(), Ok(()));
        let bytes = input_bytes(&vector["input"]).expect("an input");
        let cutter = Cutter::new(&chunker);
        let lengths: Vec<usize> = cutter.chunks(&bytes).map(<[u8]>::len).collect();
        assert_eq!(json!(lengths), vector["lengths"], "{}", text(&vector, "name"));
        assert_eq!(
            Rule::new(&chunker).cut(&bytes),
            lengths.first().copied().unwrap_or(0)
        );
    }
}

// Sections 5, 7, 8 and 9

/// The id of an object, or of a snapshot, which is in a page.
fn id_of(kind: &str, plain: &[u8]) -> Id {
    match kind {
        "chunk" => Id::of(Kind::Chunk, plain),
        "chunk-list" => Id::of(Kind::ChunkList, plain),
        "tree" => Id::of(Kind::Tree, plain),
        "page" => Id::of(Kind::Page, plain),
        "contents" => Id::of(Kind::Contents, plain),
        "snapshot" => Id::of_snapshot(plain),
        "tick" => {
            let (state, time) = tick(plain);
            state.of_tick(time.secs, time.nanos)
        }
        other => panic!("no kind of object is called {other}"),
    }
}

/// What the id of a tick is made of: the state, and the time.
fn tick(plain: &[u8]) -> (Id, Timestamp) {
    let time = Timestamp {
        secs: i64::from_le_bytes(plain[32..40].try_into().expect("8 bytes")),
        nanos: u32::from_le_bytes(plain[40..].try_into().expect("4 bytes")),
    };
    (Id(plain[..32].try_into().expect("32 bytes")), time)
}

fn time(time: Timestamp) -> Value {
    json!([time.secs, time.nanos])
}

fn node_json(node: &Node) -> Value {
    match node {
        Node::File { size, content } => {
            let content = match content {
                Content::Empty => json!({"kind": "empty"}),
                Content::Chunk(id) => json!({"kind": "chunk", "id": id.to_string()}),
                Content::List(id) => json!({"kind": "chunk-list", "id": id.to_string()}),
            };
            json!({"type": "file", "size": size, "content": content})
        }
        Node::Dir { tree } => json!({"type": "dir", "tree": tree.to_string()}),
        Node::Symlink { target } => json!({"type": "symlink", "target": hex(target)}),
        Node::BlockDevice { major, minor } => json!({"type": "block", "major": major, "minor": minor}),
        Node::CharDevice { major, minor } => json!({"type": "char", "major": major, "minor": minor}),
        Node::Fifo => json!({"type": "fifo"}),
        Node::Socket => json!({"type": "socket"}),
    }
}

/// An entry as vectors write it, but for the owner, who stands in it instead of an index.
fn entry_json(entry: &Entry) -> Value {
    let (meta, owner) = (&entry.meta, &entry.meta.owner);
    let xattrs: Vec<Value> = meta
        .xattrs
        .iter()
        .map(|x| json!([hex(&x.name), hex(&x.value)]))
        .collect();
    json!({
        "name": hex(&entry.name), "node": node_json(&entry.node),
        "flags": u32::from(meta.torn) + 2 * u32::from(meta.synthetic), "mode": meta.mode,
        "owner": {"uid": owner.uid, "gid": owner.gid, "user": hex(&owner.user), "group": hex(&owner.group)},
        "mtime": time(meta.mtime), "ctime": time(meta.ctime), "device": meta.device, "inode": meta.inode,
        "links": meta.links, "xattrs": xattrs,
    })
}

fn tree_json(node: &TreeNode) -> Value {
    match node {
        TreeNode::Leaf(entries) => {
            json!({"variant": "leaf", "entries": entries.iter().map(entry_json).collect::<Vec<_>>()})
        }
        TreeNode::Inner { level, children } => {
            let children: Vec<Value> = children
                .iter()
                .map(|child| json!({"first": hex(&child.first), "id": child.id.to_string()}))
                .collect();
            json!({"variant": "inner", "level": level, "children": children})
        }
    }
}

fn list_json(node: &ListNode) -> Value {
    let item = |item: &restante_format::wire::Item| json!({"length": item.len, "id": item.id.map(|id| id.to_string())});
    json!({"level": node.level, "items": node.items.iter().map(item).collect::<Vec<_>>()})
}

fn snapshot_json(s: &Snapshot) -> Value {
    let hexes = |paths: &[Vec<u8>]| paths.iter().map(|path| hex(path)).collect::<Vec<_>>();
    let unreadable: Vec<Value> = s
        .unreadable
        .iter()
        .map(|u| json!([hex(&u.path), u.reason]))
        .collect();
    let counts = &s.counts;
    json!({
        "time": time(s.time), "host": s.host, "connector": s.connector, "paths": hexes(&s.paths), "tags": s.tags,
        "root": s.root.to_string(), "parent": s.parent.map(|id| id.to_string()), "program": s.program,
        "files": counts.files, "dirs": counts.dirs, "bytes": counts.bytes,
        "changed_files": counts.changed_files, "read_bytes": counts.read_bytes,
        "new_objects": counts.new_objects, "stored_bytes": counts.stored_bytes,
        "torn_count": counts.torn, "unreadable_count": counts.unreadable,
        "torn": hexes(&s.torn), "unreadable": unreadable,
    })
}

fn page_json(plain: &[u8]) -> Result<Value, Flaw> {
    let entries = decode_page(plain)?;
    let entry = |entry: &PageEntry| {
        decode_snapshot(&entry.snapshot)?;
        let times: Vec<Value> = entry.times.iter().copied().map(time).collect();
        Ok(json!({"snapshot": hex(&entry.snapshot), "times": times}))
    };
    let entries: Result<Vec<Value>, Flaw> = entries.iter().map(entry).collect();
    Ok(json!({"entries": entries?}))
}

fn contents_json(contents: &Contents) -> Value {
    let page = |note: &PageNote| {
        let (first, last) = (time(note.first), time(note.last));
        json!({"id": note.id.to_string(), "first": first, "last": last, "moments": note.moments})
    };
    let series = |(series, newest): &(Series, Timestamp)| {
        let paths: Vec<String> = series.paths.iter().map(|path| hex(path)).collect();
        json!({
            "host": series.host, "connector": series.connector, "paths": paths, "newest": time(*newest),
        })
    };
    json!({
        "pages": contents.pages.iter().map(page).collect::<Vec<_>>(),
        "series": contents.series.iter().map(series).collect::<Vec<_>>(),
    })
}

fn decode(kind: &str, plain: &[u8]) -> Result<Value, Flaw> {
    match kind {
        // The directory of a segment refuses an empty object of any kind (F-042).
        "chunk" if plain.is_empty() => Err(Flaw::new("chunk", "length", "is zero")),
        "chunk" => Ok(json!({"bytes": hex(plain)})),
        "chunk-list" => ListNode::decode(plain).map(|node| list_json(&node)),
        "tree" => TreeNode::decode(plain).map(|node| tree_json(&node)),
        "snapshot" => decode_snapshot(plain).map(|snapshot| snapshot_json(&snapshot)),
        "page" => page_json(plain),
        "contents" => Contents::decode(plain).map(|contents| contents_json(&contents)),
        _ => {
            let (state, of) = tick(plain);
            Ok(json!({"state": state.to_string(), "time": time(of)}))
        }
    }
}

/// What a vector says of an object, with owners in the place of their indices.
fn decoded_of(vector: &Value) -> Option<Value> {
    let mut decoded = vector.get("decoded")?.clone();
    let owners = decoded.as_object_mut().and_then(|fields| fields.remove("owners"));
    if let (Some(owners), Some(entries)) = (owners, decoded.get_mut("entries").and_then(Value::as_array_mut))
    {
        for entry in entries {
            let index = entry["owner"].as_u64().expect("an index") as usize;
            entry["owner"] = owners[index].clone();
        }
    }
    Some(decoded)
}

// F-001 to F-005, F-042, F-060 to F-063, F-070 to F-072, F-088, F-100
#[test]
fn objects() {
    for vector in vectors("objects.json") {
        let (name, kind, plain) = (
            text(&vector, "name"),
            text(&vector, "kind"),
            unhex(text(&vector, "plain")),
        );
        let decoded = decode(kind, &plain);
        if vector["accept"] == json!(false) {
            assert!(
                decoded.is_err(),
                "{name} is accepted, but: {}",
                text(&vector, "why")
            );
            continue;
        }
        let decoded = decoded.unwrap_or_else(|flaw| panic!("{name} is rejected: {flaw}"));
        assert_eq!(id_of(kind, &plain).to_string(), text(&vector, "id"), "{name}");
        if let Some(expected) = decoded_of(&vector) {
            assert_eq!(decoded, expected, "{name}");
        }
    }
}

// Whole archives

/// Copies a folder with all files below it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("make a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("it has a name"));
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(std::fs::copy(&path, to).expect("copy a file")),
        }
    }
}

/// Opens the archive of a case. The class of failure, if it cannot be opened. What is opened may be a copy in `place`: whoever
/// verifies an archive locks it, which would leave traces among the vectors.
fn open(folder: &Path, place: &TempDir) -> Result<Archive, &'static str> {
    let path = folder.join("archive");
    let store: Arc<dyn Store> = match (path.join("segments").exists(), path.exists()) {
        (true, _) => {
            copy(&path, place.path());
            Arc::new(LocalStore::new(place.path()))
        }
        (false, true) => Arc::new(files_of(&path)),
        (false, false) => Arc::new(alone(&folder.join("archive.rst"))?),
    };
    Archive::open(store).map_err(|error| match error {
        Error::Newer { .. } => "newer",
        Error::NotAnArchive { .. } | Error::NoArchive { .. } => "not-an-archive",
        error if error.is_damage() => "damaged",
        other => panic!("{}: {other}", folder.display()),
    })
}

/// An archive whose folder for segments is missing, as it is where folders are kept only for what is in them.
fn files_of(path: &Path) -> MemoryStore {
    let config = std::fs::read(path.join("config")).map(|bytes| (Name::Config, Bytes::from(bytes)));
    MemoryStore::from_files(config.into_iter().collect())
}

/// A segment by itself, given the config that it lacks.
fn alone(path: &Path) -> Result<MemoryStore, &'static str> {
    let bytes = std::fs::read(path).expect("a segment");
    let header = &bytes[..HEADER_BYTES];
    match Header::check_version(header).and_then(|()| Header::decode(header)) {
        Ok(_) => {}
        Err(Malformed::NewerVersion { .. } | Malformed::NewerFeature { .. }) => return Err("newer"),
        Err(Malformed::Magic(_)) => return Err("not-an-archive"),
        Err(_) => return Err("damaged"),
    }
    let config = Config {
        archive: ArchiveId(header[24..40].try_into().expect("16 bytes")),
        created: 0,
        chunker: Chunker::default(),
        zstd_level: 3,
    };
    let seal = Id(*bytes.last_chunk().expect("a seal"));
    let files: BTreeMap<Name, Bytes> = [
        (Name::Config, config.encode().into()),
        (Name::Segment(seal), bytes.into()),
    ]
    .into();
    Ok(MemoryStore::from_files(files))
}

/// Everything that a case may tell of an entry.
fn found(archive: &Archive, entry: &Entry) -> Map<String, Value> {
    let meta = &entry.meta;
    let xattrs: Map<String, Value> = meta
        .xattrs
        .iter()
        .map(|x| (escape(&x.name), hex(&x.value).into()))
        .collect();
    let mut fields = json!({
        "mode": meta.mode, "uid": meta.owner.uid, "gid": meta.owner.gid, "user": escape(&meta.owner.user),
        "group": escape(&meta.owner.group), "mtime": time(meta.mtime), "ctime": time(meta.ctime),
        "device": meta.device, "inode": meta.inode, "links": meta.links, "torn": meta.torn,
        "synthetic": meta.synthetic, "xattrs": xattrs,
    });
    let more = match &entry.node {
        Node::File { size, content } => {
            let (hash, holes) = contents(archive, *size, *content);
            json!({"type": "file", "size": size, "blake3": hash, "holes": holes})
        }
        Node::Dir { .. } => json!({"type": "dir"}),
        Node::Symlink { target } => json!({"type": "symlink", "target": escape(target)}),
        other => node_json(other),
    };
    let fields = fields.as_object_mut().map(std::mem::take).unwrap_or_default();
    fields
        .into_iter()
        .chain(more.as_object().cloned().unwrap_or_default())
        .collect()
}

/// The hash of a file, and its holes, neighbouring ones as one.
fn contents(archive: &Archive, size: u64, content: Content) -> (String, Vec<[u64; 2]>) {
    let (mut hasher, mut holes, mut at) = (blake3::Hasher::new(), Vec::<[u64; 2]>::new(), 0);
    read_file(archive.reader(), size, content, &mut |len, bytes| {
        match (bytes, holes.last_mut()) {
            (Some(bytes), _) => drop(hasher.update(&bytes)),
            (None, Some([start, before])) if *start + *before == at => *before += len,
            (None, _) => holes.push([at, len]),
        }
        if holes
            .last()
            .is_some_and(|[start, before]| start + before == at + len)
        {
            hasher.update(&vec![0; len as usize]);
        }
        at += len;
        Ok(())
    })
    .expect("a sound file");
    (hex(hasher.finalize().as_bytes()), holes)
}

fn check_accepted(name: &str, archive: &Archive, case: &Value) {
    let damage = archive.damage();
    assert!(damage.is_empty(), "{name}: {damage:?}");
    for level in [VerifyLevel::Quick, VerifyLevel::Full] {
        let report = archive
            .verify(level, &Progress::default())
            .expect("damage is no error");
        assert_eq!(report.damaged, [], "{name}");
    }
    check_snapshots(name, archive, case);
}

fn check_snapshots(name: &str, archive: &Archive, case: &Value) {
    let snapshots = case["snapshots"].as_object().expect("snapshots");
    assert_eq!(archive.catalog().len(), snapshots.len(), "{name}");
    let moments = archive.catalog().oldest_first();
    let moments: Vec<Value> = moments
        .map(|moment| json!([moment.id().to_string(), moment.time.secs, moment.time.nanos]))
        .collect();
    assert_eq!(json!(moments), case["moments"], "{name}: F-082");
    for listed in archive.catalog().all() {
        // A case need not tell everything.
        let Some(paths) = snapshots[&listed.id.to_string()].as_object() else {
            continue;
        };
        let mut seen = 0;
        for walked in walk_tree(archive.reader(), listed.snapshot.root, b"") {
            let (path, entry) = walked.expect("a sound tree");
            let path = escape(&path);
            let expected = paths[&path]
                .as_object()
                .unwrap_or_else(|| panic!("{name}: {path} is only found"));
            let found = found(archive, &entry);
            for (field, expected) in expected {
                assert_eq!(found.get(field), Some(expected), "{name}: {path}, {field}");
            }
            seen += 1;
        }
        assert_eq!(seen, paths.len(), "{name}: some paths are only expected");
    }
}

fn cases() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("archives")).expect("cases");
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.expect("a case").path()).collect();
    folders.sort();
    assert!(folders.len() > 150, "too few cases");
    folders
}

// F-010, F-015, F-017, F-045, F-080, F-091, F-097, F-122
#[test]
fn accepted_archives() {
    for folder in cases() {
        let case = read_json(&folder.join("case.json"));
        if case["accept"] == json!(true) {
            let name = folder.display().to_string();
            let place = tempfile::tempdir().expect("a temporary folder");
            let archive =
                open(&folder, &place).unwrap_or_else(|class| panic!("{name} is rejected as {class}"));
            check_accepted(&name, &archive, &case);
        }
    }
}

// F-002, F-004, F-005, F-010 to F-014, F-020, F-030 to F-037, F-039 to F-041, F-043, F-044, F-060 to F-062, F-070, F-072, F-076, F-081, F-085 to F-088, F-094, F-120, F-121, F-123, F-124
#[test]
fn rejected_archives() {
    let mut wrong = Vec::new();
    for folder in cases() {
        let case = read_json(&folder.join("case.json"));
        if case["accept"] == json!(true) {
            continue;
        }
        let place = tempfile::tempdir().expect("a temporary folder");
        let class = match open(&folder, &place) {
            Err(class) => class,
            Ok(archive) => {
                let report = archive.verify(VerifyLevel::Full, &Progress::default());
                let damaged = report.expect("damage is no error").damaged;
                if case.get("snapshots").is_some() {
                    // Another copy serves: nothing is lost, and nothing else is told.
                    let name = folder.display().to_string();
                    check_snapshots(&name, &archive, &case);
                    assert!(
                        damaged.iter().all(|d| d.snapshots.is_empty()),
                        "{name}: {damaged:?}"
                    );
                }
                match damaged.is_empty() {
                    true => "accepted",
                    false => "damaged",
                }
            }
        };
        if class != text(&case, "class") {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            wrong.push(format!(
                "{name} is {class}, but: {}, {}",
                text(&case, "class"),
                text(&case, "why")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// F-077: no vector, since an archive so deep takes too much room.
#[test]
fn directories_are_followed_to_the_limit_and_no_deeper() {
    for (levels, is_sound) in [(4095, true), (4096, false)] {
        let maker = nested(levels);
        let segment = maker.segment(&maker.objects, Some(3));
        let seal = Id(*segment.last_chunk().expect("a seal"));
        let files = [
            (Name::Config, maker.config().encode().into()),
            (Name::Segment(seal), segment.into()),
        ];
        let archive = Archive::open(Arc::new(MemoryStore::from_files(files.into()))).expect("an archive");
        let report = archive.verify(VerifyLevel::Full, &Progress::default());
        let damaged = report.expect("damage is no error").damaged;
        assert_eq!(
            damaged.is_empty(),
            is_sound,
            "{levels} directories in each other: {damaged:?}"
        );
    }
}
