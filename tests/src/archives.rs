//! Archives for tests: making them, filling them, and reading everything back.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use restante_format::archive::{
    Archive, Grace, Located, Overwrite, PruneReport, PruneRequest, Restore, RestoreReport, Root,
    SnapshotRequest, Source, Taken, VerifyLevel, VerifyReport, read_file,
};
use restante_format::content::TreeReader;
use restante_format::error::{Error, Result};
use restante_format::id::{Id, Kind};
use restante_format::index::Location;
use restante_format::model::{Content, Entry, Node, Timestamp};
use restante_format::progress::Progress;
use restante_format::segment::ObjectReader;
use restante_format::source::Filter;
use restante_format::store::{MemoryStore, Store};
use restante_format::wire::{ArchiveId, Chunker, Config};
use tempfile::TempDir;

use crate::compare::differences;

/// The name under which [`source_of`] places its root.
pub const ROOT: &[u8] = b"root";

/// A temporary folder that is removed however deep it has become, and whatever modes are in it.
#[derive(Debug)]
pub struct Place(TempDir);

impl Place {
    /// A new empty folder.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A new empty folder, in memory where the system has such a file system: for thousands of directories, whose
    /// removal takes a disk longer than all the rest of a test.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        tempfile::tempdir_in(memory).map_or_else(|_| Self::new(), Self)
    }

    /// A new empty folder below another one, for the sake of its file system.
    pub fn new_in(parent: &Path) -> Self {
        Self(tempfile::tempdir_in(parent).expect("a temporary folder"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path below it.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a file below it; folders on the way are made.
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.join(path);
        std::fs::create_dir_all(path.parent().expect("it is below a folder")).expect("make folder");
        std::fs::write(path, bytes).expect("write file");
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed now, the operating system removes some day.
        let _ = crate::remove_tree(self.path());
    }
}

/// The config of most tests: default chunks and a fixed id.
pub fn config() -> Config {
    Config {
        archive: ArchiveId([7; 16]),
        created: 1_790_000_000,
        chunker: Chunker::default(),
        zstd_level: 3,
    }
}

/// A config with chunks of about 100 bytes, so that small files have chunk lists.
pub fn fine_config() -> Config {
    let chunker = Chunker {
        min_bytes: 64,
        avg_bytes: 96,
        max_bytes: 256,
        mask_s: 0x1f << 20,
        mask_l: 0x0f << 20,
        gear_seed: [1; 32],
    };
    Config { chunker, ..config() }
}

/// A new archive in memory, and its store.
pub fn in_memory(config: Config) -> (Arc<MemoryStore>, Archive) {
    let store = Arc::new(MemoryStore::default());
    let archive = create(&store, config);
    (store, archive)
}

/// A new archive in a store.
pub fn create<S: Store + 'static>(store: &Arc<S>, config: Config) -> Archive {
    let store: Arc<S> = Arc::clone(store);
    Archive::create(store, config).expect("create an archive")
}

/// An archive in a store.
pub fn open<S: Store + 'static>(store: &Arc<S>) -> Archive {
    let store: Arc<S> = Arc::clone(store);
    Archive::open(store).expect("open an archive")
}

/// What a snapshot at a time in seconds records; all requests with one `name` have the same parent line.
pub fn request(name: &str, secs: i64) -> SnapshotRequest {
    SnapshotRequest {
        time: Timestamp { secs, nanos: 0 },
        host: "test".into(),
        connector: None,
        paths: vec![name.into()],
        tags: Vec::new(),
        program: "restante-tests".into(),
    }
}

/// A source with one root, all of it.
pub fn source_of(path: &Path) -> Source {
    filtered(path, Filter::default())
}

/// A source with one root, through a filter.
pub fn filtered(path: &Path, filter: Filter) -> Source {
    let root = Root {
        place: vec![ROOT.to_vec()],
        path: path.to_owned(),
        filter,
        sets: Vec::new(),
    };
    Source {
        roots: vec![root],
        ..Source::default()
    }
}

/// Takes a snapshot of a folder, which must succeed.
pub fn take(archive: &mut Archive, path: &Path, secs: i64) -> Taken {
    take_source(archive, source_of(path), secs)
}

/// Takes a snapshot of a source, which must succeed.
pub fn take_source(archive: &mut Archive, source: Source, secs: i64) -> Taken {
    archive
        .snapshot(request("source", secs), source, &Progress::default())
        .expect("take a snapshot")
}

/// Frees all that no snapshot needs, at a time, which must succeed.
pub fn prune(archive: &mut Archive, secs: i64, grace: Grace) -> PruneReport {
    let request = PruneRequest {
        now: Timestamp { secs, nanos: 0 },
        grace,
        max_unused_percent: 0.0,
    };
    archive.prune(&request, &Progress::default()).expect("prune")
}

/// Restores what a path in a snapshot means (everything, if it is empty).
pub fn restore_path(
    archive: &Archive,
    snapshot: Id,
    path: &[u8],
    target: &Path,
    overwrite: Option<Overwrite>,
) -> Result<RestoreReport> {
    let listed = archive.catalog().get(&snapshot).expect("the snapshot is listed");
    let located = archive.locate(&listed, path)?;
    let restore = Restore {
        target: target.to_owned(),
        overwrite,
        dry_run: false,
    };
    archive.restore(&located, &restore, &Progress::default())
}

/// Restores a tree of which no snapshot is needed.
pub fn restore_tree(
    archive: &Archive,
    tree: Id,
    target: &Path,
    overwrite: Option<Overwrite>,
) -> RestoreReport {
    let restore = Restore {
        target: target.to_owned(),
        overwrite,
        dry_run: false,
    };
    archive
        .restore(&Located::Root(tree), &restore, &Progress::default())
        .expect("restore")
}

/// Restores a snapshot into a new folder; everything in it must be restored whole.
pub fn restored(archive: &Archive, snapshot: Id) -> Place {
    let place = Place::new();
    let report = restore_path(archive, snapshot, b"", place.path(), None).expect("restore");
    assert!(report.is_complete(), "{report:?}");
    place
}

/// Asserts that two trees do not differ in anything that a restore can bring back.
pub fn assert_same(a: &Path, b: &Path) {
    let found = differences(a, b).expect("compare");
    let lines: Vec<String> = found.iter().take(20).map(ToString::to_string).collect();
    assert!(
        found.is_empty(),
        "{} differences:\n{}",
        found.len(),
        lines.join("\n")
    );
}

/// Verifies an archive.
pub fn verify(archive: &Archive, level: VerifyLevel) -> VerifyReport {
    archive.verify(level, &Progress::default()).expect("verify")
}

/// Asserts that every byte of an archive is as it should be.
pub fn assert_clean(archive: &Archive) {
    assert!(archive.damage().is_empty(), "{:?}", archive.damage());
    let report = verify(archive, VerifyLevel::Full);
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
}

/// What reading an entry gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The entry, and its bytes where it is a file.
    Whole(Entry, Vec<u8>),
    /// It could not be read: for a directory, its tree; for a file, its content.
    Lost(String),
}

/// Every path of one snapshot (the empty one is its root tree, if that is lost).
pub type Contents = BTreeMap<Vec<u8>, Found>;

/// Everything that an archive holds, by snapshot.
pub fn read_everything(archive: &Archive) -> BTreeMap<Id, Contents> {
    let listed = archive.catalog().all();
    listed
        .map(|listed| (listed.id, read_tree(archive.reader(), listed.snapshot.root)))
        .collect()
}

/// Everything below a tree. Shares no code with restoring but the readers of trees and files.
pub fn read_tree(reader: &ObjectReader, tree: Id) -> Contents {
    let mut contents = Contents::new();
    read_below(reader, tree, &[], &mut contents);
    contents
}

fn read_below(reader: &ObjectReader, tree: Id, path: &[u8], contents: &mut Contents) {
    for entry in TreeReader::new(reader, tree) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                contents.insert(path.to_vec(), Found::Lost(error.to_string()));
                continue;
            }
        };
        let path = join(path, &entry.name);
        let bytes = match entry.node {
            Node::File { size, content } => file_bytes(reader, size, content),
            _ => Ok(Vec::new()),
        };
        let below = match entry.node {
            Node::Dir { tree } => Some(tree),
            _ => None,
        };
        let found = match bytes {
            Ok(bytes) => Found::Whole(entry, bytes),
            Err(error) => Found::Lost(error.to_string()),
        };
        contents.insert(path.clone(), found);
        if let Some(tree) = below {
            read_below(reader, tree, &path, contents);
        }
    }
}

/// The bytes of a file, holes as zeros.
pub fn file_bytes(reader: &ObjectReader, size: u64, content: Content) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_file(reader, size, content, &mut |len, piece| {
        match piece {
            Some(piece) => bytes.extend_from_slice(&piece),
            None => bytes.resize(bytes.len() + usize::try_from(len).expect("a small hole"), 0),
        }
        Ok::<(), Error>(())
    })?;
    Ok(bytes)
}

fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    match path.is_empty() {
        true => name.to_vec(),
        false => [path, b"/", name].concat(),
    }
}

/// The bytes of all files of a store.
pub fn total_bytes(store: &MemoryStore) -> u64 {
    store.files().values().map(|bytes| bytes.len() as u64).sum()
}

/// Where the objects of some kinds are.
pub fn objects_of(archive: &Archive, kinds: &[Kind]) -> impl Iterator<Item = Location> + use<> {
    let index = archive.reader().index();
    let objects = index.objects().filter(|at| kinds.contains(&at.object.kind));
    objects.collect::<Vec<_>>().into_iter()
}

/// The id of the entry's content or tree, for tests that damage just that.
pub fn object_at(archive: &Archive, snapshot: Id, path: &[u8]) -> Id {
    let listed = archive.catalog().get(&snapshot).expect("the snapshot is listed");
    match archive.locate(&listed, path).expect("the path is in it") {
        Located::Root(tree) => tree,
        Located::Entry(_, entry) => match entry.node {
            Node::Dir { tree } => tree,
            Node::File {
                content: Content::Chunk(id) | Content::List(id),
                ..
            } => id,
            other => panic!("{other:?} has no object"),
        },
    }
}

/// A path as bytes.
pub fn bytes_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

/// Whether this process may read and own everything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `body` as an ordinary user. For root that takes another process: the same test of the same program,
/// as nobody.
pub fn unprivileged(test: &str, body: impl FnOnce()) {
    const NOBODY: u32 = 65_534;
    if !is_root() {
        return body();
    }
    let place = Place::new();
    // The build folder may be closed to others.
    let program = place.join("tests");
    std::fs::copy(std::env::current_exe().expect("this program"), &program).expect("copy this program");
    let home = Place::in_memory();
    let home = home.path();
    for path in [place.path(), home] {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("give the folder away");
    }
    let output = Command::new(&program)
        .args(["--exact", test, "--nocapture"])
        .env("TMPDIR", home)
        .current_dir(home)
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .expect("run this program");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "as nobody:\n{text}\n{errors}");
    assert!(text.contains("1 passed"), "there is no test {test}:\n{text}");
}
