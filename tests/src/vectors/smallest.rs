//! `smallest.md`: the smallest archive with a name for every byte.

use std::fmt::Write;

use restante_format::id::hex;
use restante_format::wire::HEADER_BYTES;

use super::archives::smallest_maker;
use super::parts::Parts;

const INTRODUCTION: &str = "\
# The smallest archive, byte by byte

Made by `cargo run -p restante-tests --bin vectors -- spec/vectors`; do not edit. The files are in
[`archives/smallest/archive`](archives/smallest/archive). The sections are those of [`../FORMAT.md`](../FORMAT.md).

The archive has one snapshot of an empty directory `/srv/empty`. Offsets are hexadecimal, and count from the start of the file.
";

/// Bytes that are given names from the front to the end.
struct Dump<'a> {
    bytes: &'a [u8],
    at: usize,
    text: String,
}

impl<'a> Dump<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            text: String::new(),
        }
    }

    fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push_str("```\n");
        }
        let _ = write!(self.text, "\n{heading}\n\n```text\n");
    }

    /// The next `len` bytes are this field.
    fn field(&mut self, len: usize, name: &str) {
        let bytes = &self.bytes[self.at..self.at + len];
        for (number, row) in bytes.chunks(16).enumerate() {
            let offset = self.at + 16 * number;
            let pairs: Vec<String> = row.iter().map(|byte| hex(&[*byte])).collect();
            let name = if number == 0 { name } else { "" };
            let line = format!("{offset:04x}  {:<47}  {name}", pairs.join(" "));
            let _ = writeln!(self.text, "{}", line.trim_end());
        }
        self.at += len;
    }

    /// Fields of a fixed encoding.
    fn fields(&mut self, fields: &[(usize, &str)]) {
        for (len, name) in fields {
            self.field(*len, name);
        }
    }

    /// A `uint` of the compact encoding; its value.
    fn uint(&mut self, name: &str) -> u64 {
        let (len, value) = match self.bytes[self.at] {
            251 => (3, self.number(self.at + 1, 2)),
            252 => (5, self.number(self.at + 1, 4)),
            253 => (9, self.number(self.at + 1, 8)),
            small => (1, u64::from(small)),
        };
        self.field(len, &format!("{name} = {value}"));
        value
    }

    fn int(&mut self, name: &str) {
        let marker = self.bytes[self.at];
        let len = [1, 3, 5, 9][usize::from(marker.saturating_sub(250))];
        let zigzag = if len == 1 {
            u64::from(marker)
        } else {
            self.number(self.at + 1, len - 1)
        };
        let value = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        self.field(len, &format!("{name} = {value} (zigzag)"));
    }

    fn bytes_field(&mut self, name: &str) {
        let len = self.uint(&format!("{name}: length")) as usize;
        if len > 0 {
            let text = String::from_utf8_lossy(&self.bytes[self.at..self.at + len]).into_owned();
            self.field(len, &format!("{name} = \"{text}\""));
        }
    }

    fn number(&self, at: usize, len: usize) -> u64 {
        self.bytes[at..at + len]
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn finish(mut self) -> String {
        assert_eq!(self.at, self.bytes.len(), "every byte has a name");
        self.text.push_str("```\n");
        self.text
    }
}

/// The whole page.
pub(super) fn annotated() -> String {
    let maker = smallest_maker();
    let config = maker.config().encode();
    let [data, catalogue] = <[Vec<u8>; 2]>::try_from(maker.segments(None)).expect("trees and a page");
    let mut page = INTRODUCTION.to_owned();
    page.push_str(&config_dump(&config));
    page.push_str(&segment_dump(&data, 2, |dump| {
        dump.heading("### Block 0: two trees (section 8)\n\nThe empty directory's own:");
        assert_eq!(dump.uint("variant"), 0, "a leaf");
        dump.uint("owners: count");
        dump.uint("entries: count");
        dump.heading("The root, in which it is an entry:");
        root_tree(dump);
    }));
    page.push_str(&segment_dump(&catalogue, 1, |dump| {
        dump.heading("### Block 0: a page (section 9)");
        assert_eq!(dump.uint("entries: count"), 1);
        dump.uint("snapshot: length");
        dump.heading("The snapshot:");
        snapshot(dump);
        dump.heading("When it was seen:");
        dump.int("first time seconds");
        dump.uint("first time nanoseconds");
        assert_eq!(dump.uint("steps: count"), 0);
    }));
    page
}

fn config_dump(config: &[u8]) -> String {
    let mut dump = Dump::new(config);
    dump.heading(&format!("## `config`, {} bytes (section 3)", config.len()));
    dump.fields(&[
        (8, "magic"),
        (2, "version = 1"),
        (2, "reserved"),
        (4, "incompatible flags"),
        (4, "compatible flags"),
        (4, "body length = 120"),
        (16, "archive id"),
        (8, "created = 1790000000"),
        (4, "chunker = 1, FastCDC v2020"),
        (4, "min = 16 KiB"),
        (4, "avg = 64 KiB"),
        (4, "max = 256 KiB"),
        (8, "mask S"),
        (8, "mask L"),
        (32, "gear seed"),
        (4, "zstd level = 3"),
        (28, "reserved"),
        (32, "check"),
    ]);
    dump.finish()
}

/// A segment of one block.
fn segment_dump(segment: &[u8], objects: usize, block: impl FnOnce(&mut Dump<'_>)) -> String {
    let parts = Parts::of(segment);
    let mut dump = Dump::new(segment);
    let name = parts.path();
    dump.heading(&format!(
        "## `{name}`, {} bytes (section 4)\n\n### Header",
        segment.len()
    ));
    dump.fields(&[
        (8, "magic"),
        (2, "version = 1"),
        (2, "reserved"),
        (4, "incompatible flags"),
        (4, "compatible flags"),
        (4, "reserved"),
        (16, "archive id"),
        (24, "reserved"),
    ]);
    block(&mut dump);
    assert_eq!(dump.at, HEADER_BYTES + parts.blocks.len(), "the block ends here");
    directory(&mut dump, objects);
    dump.heading("### Trailer");
    dump.fields(&[
        (8, "magic"),
        (8, "directory offset"),
        (8, "directory length"),
        (8, "parity offset"),
        (8, "parity length = 0"),
        (8, "segment length"),
        (16, "reserved"),
        (32, "seal: the segment's name"),
    ]);
    dump.finish()
}

fn root_tree(dump: &mut Dump<'_>) {
    assert_eq!(dump.uint("variant"), 0, "a leaf");
    assert_eq!(dump.uint("owners: count"), 1);
    dump.uint("owner 0: uid");
    dump.uint("owner 0: gid");
    dump.bytes_field("owner 0: user");
    dump.bytes_field("owner 0: group");
    assert_eq!(dump.uint("entries: count"), 1);
    dump.bytes_field("name");
    assert_eq!(dump.uint("node variant"), 1, "a directory");
    dump.field(32, "tree: the id of the empty directory's");
    dump.uint("flags");
    dump.uint("mode");
    dump.uint("owner");
    dump.int("mtime seconds");
    dump.uint("mtime nanoseconds");
    dump.int("ctime seconds");
    dump.uint("ctime nanoseconds");
    dump.uint("device");
    dump.uint("inode");
    dump.uint("links");
    assert_eq!(dump.uint("xattrs: count"), 0);
}

fn snapshot(dump: &mut Dump<'_>) {
    dump.int("time seconds");
    dump.uint("time nanoseconds");
    dump.bytes_field("host");
    dump.field(1, "connector: absent");
    assert_eq!(dump.uint("paths: count"), 1);
    dump.bytes_field("path");
    assert_eq!(dump.uint("tags: count"), 0);
    dump.field(32, "root: the id of the root tree");
    dump.field(1, "parent: absent");
    dump.bytes_field("program");
    for name in [
        "files",
        "dirs",
        "bytes",
        "changed files",
        "read bytes",
        "new objects",
    ] {
        dump.uint(name);
    }
    let stored = dump.number(dump.at, 8);
    dump.field(8, &format!("stored bytes = {stored}"));
    for name in [
        "torn count",
        "unreadable count",
        "torn: count",
        "unreadable: count",
    ] {
        assert_eq!(dump.uint(name), 0);
    }
}

fn directory(dump: &mut Dump<'_>, objects: usize) {
    dump.heading("### Directory");
    dump.fields(&[
        (4, "block count = 1"),
        (4, &format!("object count = {objects}")),
        (4, "delta count = 0"),
        (4, "reserved"),
    ]);
    let [offset, stored, plain] = [(0, 8), (8, 4), (12, 4)].map(|(at, len)| dump.number(dump.at + at, len));
    dump.fields(&[
        (8, &format!("block 0: offset = {offset:#x}")),
        (4, &format!("block 0: stored length = {stored}")),
        (4, &format!("block 0: plain length = {plain}")),
        (1, "block 0: method = 0, raw"),
        (7, "reserved"),
        (32, "block 0: check"),
    ]);
    for number in 0..objects {
        let [block, offset, len] = [32, 36, 40].map(|at| dump.number(dump.at + at, 4));
        let kind = match dump.number(dump.at + 44, 1) {
            3 => "3, a tree",
            _ => "4, a page",
        };
        dump.field(32, &format!("object {number}: id"));
        dump.field(4, &format!("object {number}: block = {block}"));
        dump.field(4, &format!("object {number}: offset = {offset}"));
        dump.field(4, &format!("object {number}: length = {len}"));
        dump.field(1, &format!("object {number}: kind = {kind}"));
        dump.field(1, "reserved");
        dump.field(2, "generation = 0: whole");
    }
}
