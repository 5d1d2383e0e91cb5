//! Archives made in memory from a description of a tree, together with what a reader must find in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use restante_format::content::{ListBuilder, ObjectSink, TreeBuilder};
use restante_format::error::Result;
use restante_format::id::{Id, Kind, hex};
use restante_format::model::{
    Content as Stored, Counts, Entry, Meta, Node, Owner, Series, Snapshot, Timestamp, Unreadable,
};
use restante_format::segment::{PlainBlock, SegmentWriter};
use restante_format::wire::{
    ArchiveId, Chunker, Config, Contents, Item as ListItem, PageEntry, PageNote, decode_page, decode_snapshot,
};
use serde_json::{Map, Value, json};

use crate::laid::Laid;
use crate::pages::{entry_of, page_of, state_id};

/// A whole-archive vector.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its folder.
    pub name: String,
    /// What `case.json` says, but for accepted cases' snapshots a whole `Value`.
    pub document: Value,
    /// Its files, by their paths below its folder.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Case {
    /// `case.json`: a line for each path.
    pub fn json(&self) -> Vec<u8> {
        let mut text = String::from("{\n");
        let fields = self.document.as_object().expect("a document is an object");
        let mut lines = Vec::new();
        for (key, value) in fields {
            lines.push(match value.as_object() {
                Some(snapshots) => format!("  {}: {}", json!(key), snapshots_text(snapshots)),
                None => format!("  {}: {value}", json!(key)),
            });
        }
        text.push_str(&lines.join(",\n"));
        text.push_str("\n}\n");
        text.into_bytes()
    }
}

fn snapshots_text(snapshots: &Map<String, Value>) -> String {
    let snapshot = |(id, snapshot): (&String, &Value)| {
        let paths: Vec<String> = snapshot
            .as_object()
            .into_iter()
            .flatten()
            .map(|(path, fields)| format!("      {}: {fields}", json!(path)))
            .collect();
        match paths.is_empty() {
            true => format!("    {}: {snapshot}", json!(id)),
            false => format!("    {}: {{\n{}\n    }}", json!(id), paths.join(",\n")),
        }
    };
    let snapshots: Vec<String> = snapshots.iter().map(snapshot).collect();
    match snapshots.is_empty() {
        true => "{}".into(),
        false => format!("{{\n{}\n  }}", snapshots.join(",\n")),
    }
}

/// Bytes as the vectors write them: UTF-8, with `%XX` for what is none, and for `%` itself.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for part in bytes.utf8_chunks() {
        text.push_str(&part.valid().replace('%', "%25"));
        for byte in part.invalid() {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A piece of a file's content.
#[derive(Clone, Debug)]
pub enum Piece {
    /// One chunk.
    Data(Vec<u8>),
    /// A hole of so many bytes.
    Hole(u64),
}

/// What an item is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A regular file.
    File(Vec<Piece>),
    /// A directory.
    Dir(Vec<Item>),
    /// Anything else.
    Other(Node),
}

/// An entry of a tree that is to be made.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name.
    pub name: Vec<u8>,
    /// Everything about it but what it is.
    pub meta: Meta,
    /// What it is.
    pub content: Content,
}

/// Plain metadata: some owner, times and mode.
pub fn meta(mode: u32) -> Meta {
    let owner = Owner {
        uid: 1000,
        gid: 100,
        user: b"anna".to_vec(),
        group: b"users".to_vec(),
    };
    let time = Timestamp {
        secs: 1_790_000_000,
        nanos: 123_456_789,
    };
    Meta {
        mode,
        owner: Arc::new(owner),
        mtime: time,
        ctime: time,
        device: 2049,
        inode: 4711,
        links: 1,
        ..Meta::default()
    }
}

impl Item {
    /// A file of one chunk, or of none.
    pub fn file(name: &str, bytes: &[u8]) -> Self {
        let pieces = match bytes {
            [] => vec![],
            _ => vec![Piece::Data(bytes.to_vec())],
        };
        Self::pieces(name, pieces)
    }

    /// A file of pieces.
    pub fn pieces(name: &str, pieces: Vec<Piece>) -> Self {
        Self::new(name.as_bytes(), 0o644, Content::File(pieces))
    }

    /// A directory.
    pub fn dir(name: &str, items: Vec<Item>) -> Self {
        Self::new(name.as_bytes(), 0o755, Content::Dir(items))
    }

    /// Neither.
    pub fn other(name: &str, node: Node) -> Self {
        Self::new(name.as_bytes(), 0o600, Content::Other(node))
    }

    /// Anything.
    pub fn new(name: &[u8], mode: u32, content: Content) -> Self {
        Self {
            name: name.to_vec(),
            meta: meta(mode),
            content,
        }
    }

    /// Changes the metadata.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Meta)) -> Self {
        change(&mut self.meta);
        self
    }
}

/// The objects of an archive, in the order in which they were made, and its snapshots.
#[derive(Clone, Debug)]
pub struct Maker {
    /// The archive's id.
    pub archive: ArchiveId,
    /// Each object once, after all that it names.
    pub objects: Vec<(Kind, Id, Vec<u8>)>,
    /// What a reader must find.
    pub snapshots: Map<String, Value>,
    /// When, and under which id.
    pub moments: BTreeSet<(Timestamp, Id)>,
}

impl ObjectSink for Maker {
    fn put(&mut self, kind: Kind, plain: Vec<u8>, _replaced: &dyn Fn() -> Option<Id>) -> Result<Id> {
        Ok(self.add(kind, &plain))
    }
}

impl Maker {
    /// No objects, and an archive id that the name decides.
    pub fn new(name: &str) -> Self {
        let mut archive = [0; 16];
        archive.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..16]);
        Self {
            archive: ArchiveId(archive),
            objects: Vec::new(),
            snapshots: Map::new(),
            moments: BTreeSet::new(),
        }
    }

    /// Adds an object; its id.
    pub fn add(&mut self, kind: Kind, plain: &[u8]) -> Id {
        let id = Id::of(kind, plain);
        if !self.objects.iter().any(|(_, known, _)| *known == id) {
            self.objects.push((kind, id, plain.to_vec()));
        }
        id
    }

    /// Adds all objects of a directory; its tree's id.
    pub fn tree(&mut self, items: &[Item]) -> Id {
        let mut tree = TreeBuilder::default();
        for item in items {
            let entry = self.entry(item);
            tree.push(entry, self).expect("memory takes everything");
        }
        tree.finish(self).expect("memory takes everything")
    }

    /// The entry of an item whose objects it adds.
    pub fn entry(&mut self, item: &Item) -> Entry {
        let node = match &item.content {
            Content::Other(node) => node.clone(),
            Content::Dir(items) => Node::Dir {
                tree: self.tree(items),
            },
            Content::File(pieces) => self.file(pieces),
        };
        Entry {
            name: item.name.clone(),
            node,
            meta: item.meta.clone(),
        }
    }

    fn file(&mut self, pieces: &[Piece]) -> Node {
        let mut list = ListBuilder::default();
        let mut size = 0;
        let mut only = None;
        for piece in pieces {
            let item = match piece {
                Piece::Hole(len) => ListItem { len: *len, id: None },
                Piece::Data(bytes) => {
                    let id = self.add(Kind::Chunk, bytes);
                    only = Some(id);
                    ListItem {
                        len: bytes.len() as u64,
                        id: Some(id),
                    }
                }
            };
            size += item.len;
            if pieces.len() > 1 || item.id.is_none() {
                list.push(item, self).expect("memory takes everything");
            }
        }
        let list = list.finish(self).expect("memory takes everything");
        let content = match (list, only) {
            (Some(list), _) => Stored::List(list),
            (None, Some(chunk)) => Stored::Chunk(chunk),
            (None, None) => Stored::Empty,
        };
        Node::File { size, content }
    }

    /// Adds a snapshot of these items and notes what a reader must find in it.
    pub fn snapshot(&mut self, items: &[Item], change: impl FnOnce(&mut Snapshot)) -> Id {
        let snapshot = self.state(items, change);
        self.page(&[entry_of(&snapshot, &[snapshot.time])]);
        state_id(&snapshot)
    }

    /// Adds a snapshot of any tree.
    pub fn snapshot_of(&mut self, root: Id, change: impl FnOnce(&mut Snapshot)) -> Id {
        let mut snapshot = plain_snapshot(root);
        change(&mut snapshot);
        self.page(&[entry_of(&snapshot, &[snapshot.time])]);
        state_id(&snapshot)
    }

    /// Notes what a reader must find in a snapshot that has no page yet: all that is in a tree of these items.
    pub fn state(&mut self, items: &[Item], change: impl FnOnce(&mut Snapshot)) -> Snapshot {
        let mut snapshot = plain_snapshot(self.tree(items));
        change(&mut snapshot);
        let mut paths = Map::new();
        describe(b"", items, &mut paths);
        self.snapshots
            .insert(state_id(&snapshot).to_string(), paths.into());
        snapshot
    }

    /// Adds a page; its id. What is described of a state holds for its ticks.
    pub fn page(&mut self, entries: &[PageEntry]) -> Id {
        for entry in entries {
            let (taken, state) = match decode_snapshot(&entry.snapshot) {
                Ok(snapshot) => (snapshot.time, Id::of_snapshot(&entry.snapshot)),
                Err(_) => continue,
            };
            for time in &entry.times {
                let id = match *time == taken {
                    true => state,
                    false => state.of_tick(time.secs, time.nanos),
                };
                self.moments.insert((*time, id));
                if let Some(paths) = self.snapshots.get(&state.to_string()).cloned() {
                    self.snapshots.insert(id.to_string(), paths);
                }
            }
        }
        self.add(Kind::Page, &page_of(entries))
    }

    /// What the contents of a segment with these pages are.
    pub fn contents_of(&self, pages: &[Id]) -> Contents {
        let mut newest: BTreeMap<Series, Timestamp> = BTreeMap::new();
        let mut note = |id: &Id| {
            let (.., plain) = self.objects.iter().find(|(_, of, _)| of == id).expect("a page");
            let mut times = Vec::new();
            for entry in decode_page(plain).expect("a sound page") {
                let series = decode_snapshot(&entry.snapshot).expect("a snapshot").series();
                let last = *entry.times.last().expect("a time");
                let known = newest.entry(series).or_insert(last);
                *known = last.max(*known);
                times.extend(entry.times);
            }
            PageNote {
                id: *id,
                first: *times.iter().min().expect("a time"),
                last: *times.iter().max().expect("a time"),
                moments: times.len() as u64,
            }
        };
        Contents {
            pages: pages.iter().map(&mut note).collect(),
            series: newest.into_iter().collect(),
        }
    }

    /// Adds the contents of these pages.
    pub fn contents(&mut self, pages: &[Id]) -> Id {
        let contents = self.contents_of(pages);
        self.add(Kind::Contents, &contents.encode())
    }

    /// The config.
    pub fn config(&self) -> Config {
        Config {
            archive: self.archive,
            created: 1_790_000_000,
            chunker: Chunker::default(),
            zstd_level: 3,
        }
    }

    /// One segment of these objects: chunks, others and pages in a block each, compressed if `level` says so, but for the pages.
    pub fn segment(&self, objects: &[(Kind, Id, Vec<u8>)], level: Option<i32>) -> Vec<u8> {
        let mut writer = SegmentWriter::new(self.archive);
        for kinds in [
            &[Kind::Chunk][..],
            &[Kind::ChunkList, Kind::Tree],
            &[Kind::Page],
            &[Kind::Contents],
        ] {
            let mut block = PlainBlock::default();
            for (kind, id, plain) in objects.iter().filter(|(kind, ..)| kinds.contains(kind)) {
                if block.is_full_for(plain.len()) {
                    writer.push(std::mem::take(&mut block).store(level.unwrap_or(3)));
                }
                block.push(*kind, *id, plain);
            }
            if !block.is_empty() {
                writer.push(match level {
                    Some(level) if !kinds[0].is_of_catalog() => block.store(level),
                    _ => block.store_raw(),
                });
            }
        }
        writer.seal().bytes
    }

    /// The objects from each of these numbers to the next, in the order in which they were made. What comes after the
    /// first number is a delta of what it differs least from among the objects before the one it starts at.
    pub fn as_deltas(&self, starts: &[usize]) -> Vec<Vec<Laid>> {
        let bounds: Vec<usize> = [&[0], starts, &[self.objects.len()]].concat();
        let lay = |earlier: &[(Kind, Id, Vec<u8>)], (kind, _, plain): &(Kind, Id, Vec<u8>)| {
            let bases = earlier
                .iter()
                .filter(|(of, ..)| of == kind && !kind.is_of_catalog());
            bases
                .map(|(.., base)| Laid::delta(*kind, plain, base))
                .min_by_key(|laid| laid.bytes.len())
                .unwrap_or_else(|| Laid::whole(*kind, plain))
        };
        bounds
            .windows(2)
            .map(|bounds| {
                let (earlier, rest) = self.objects.split_at(bounds[0]);
                let new = &rest[..bounds[1] - bounds[0]];
                new.iter().map(|object| lay(earlier, object)).collect()
            })
            .collect()
    }

    /// The bytes of two segments, as a writer keeps them apart: what snapshots are made of, and the snapshots. One may be missing.
    pub fn segments(&self, level: Option<i32>) -> Vec<Vec<u8>> {
        let (pages, data): (Vec<_>, Vec<_>) = self
            .objects
            .iter()
            .cloned()
            .partition(|(kind, ..)| kind.is_of_catalog());
        [data, pages]
            .iter()
            .filter(|objects| !objects.is_empty())
            .map(|objects| self.segment(objects, level))
            .collect()
    }

    /// The files of the archive with these segments.
    pub fn files_of(&self, segments: &[Vec<u8>]) -> BTreeMap<String, Vec<u8>> {
        let mut files: BTreeMap<String, Vec<u8>> =
            [("archive/config".to_owned(), self.config().encode())].into();
        for segment in segments {
            let path = super::Parts::of(segment).path();
            files.insert(format!("archive/{path}"), segment.clone());
        }
        files
    }

    /// The files of the archive with everything in two segments.
    pub fn files(&self, level: Option<i32>) -> BTreeMap<String, Vec<u8>> {
        self.files_of(&self.segments(level))
    }

    /// What a case says of the snapshots.
    pub fn found(&self) -> Value {
        let moments: Vec<Value> = self
            .moments
            .iter()
            .map(|(time, id)| json!([id.to_string(), time.secs, time.nanos]))
            .collect();
        // A state whose own time no page has is found by its ticks only.
        let known: BTreeSet<String> = self.moments.iter().map(|(_, id)| id.to_string()).collect();
        let mut snapshots = self.snapshots.clone();
        snapshots.retain(|id, _| known.contains(id));
        json!({"snapshots": snapshots, "moments": moments})
    }

    /// An accepted case.
    pub fn accepted(&self, name: &str, what: &str, files: BTreeMap<String, Vec<u8>>) -> Case {
        Case {
            name: name.into(),
            document: with_found(json!({"what": what, "accept": true}), &self.found()),
            files,
        }
    }
}

/// A case's document with what a reader must find.
pub(super) fn with_found(mut document: Value, found: &Value) -> Value {
    if let (Some(fields), Some(found)) = (document.as_object_mut(), found.as_object()) {
        fields.extend(found.clone());
    }
    document
}

/// A snapshot with as little in it as may be.
pub(super) fn plain_snapshot(root: Id) -> Snapshot {
    Snapshot {
        time: Timestamp {
            secs: 1_790_000_000,
            nanos: 0,
        },
        host: "EXCH1".into(),
        connector: None,
        paths: Vec::new(),
        tags: Vec::new(),
        root,
        parent: None,
        program: "vectors".into(),
        counts: Counts::default(),
        torn: Vec::new(),
        unreadable: Vec::<Unreadable>::new(),
    }
}

/// What a reader must find of these items and below them.
fn describe(folder: &[u8], items: &[Item], paths: &mut Map<String, Value>) {
    for item in items {
        let path = match folder {
            [] => item.name.clone(),
            _ => [folder, b"/", &item.name].concat(),
        };
        let mut fields = describe_meta(&item.meta);
        fields.extend(describe_content(&item.content));
        paths.insert(escape(&path), fields.into());
        if let Content::Dir(items) = &item.content {
            describe(&path, items, paths);
        }
    }
}

fn describe_meta(meta: &Meta) -> Map<String, Value> {
    let xattrs: Map<String, Value> = meta
        .xattrs
        .iter()
        .map(|x| (escape(&x.name), hex(&x.value).into()))
        .collect();
    let fields = json!({
        "mode": meta.mode, "uid": meta.owner.uid, "gid": meta.owner.gid,
        "user": escape(&meta.owner.user), "group": escape(&meta.owner.group),
        "mtime": [meta.mtime.secs, meta.mtime.nanos], "ctime": [meta.ctime.secs, meta.ctime.nanos],
        "device": meta.device, "inode": meta.inode, "links": meta.links,
        "torn": meta.torn, "synthetic": meta.synthetic, "xattrs": xattrs,
    });
    fields.as_object().cloned().unwrap_or_default()
}

fn describe_content(content: &Content) -> Map<String, Value> {
    let fields = match content {
        Content::Dir(_) => json!({"type": "dir"}),
        Content::File(pieces) => {
            let mut hasher = blake3::Hasher::new();
            let mut holes: Vec<[u64; 2]> = Vec::new();
            let mut size = 0;
            for piece in pieces {
                size += match piece {
                    Piece::Data(bytes) => {
                        hasher.update(bytes);
                        bytes.len() as u64
                    }
                    Piece::Hole(len) => {
                        hasher.update(&vec![0; *len as usize]);
                        match holes.last_mut() {
                            Some([at, before]) if *at + *before == size => *before += len,
                            _ => holes.push([size, *len]),
                        }
                        *len
                    }
                };
            }
            let hash = hex(hasher.finalize().as_bytes());
            json!({"type": "file", "size": size, "blake3": hash, "holes": holes})
        }
        Content::Other(node) => match node {
            Node::Symlink { target } => json!({"type": "symlink", "target": escape(target)}),
            Node::BlockDevice { major, minor } => json!({"type": "block", "major": major, "minor": minor}),
            Node::CharDevice { major, minor } => json!({"type": "char", "major": major, "minor": minor}),
            Node::Fifo => json!({"type": "fifo"}),
            Node::Socket => json!({"type": "socket"}),
            Node::File { .. } | Node::Dir { .. } => unreachable!("they are described by what is in them"),
        },
    };
    fields.as_object().cloned().unwrap_or_default()
}
