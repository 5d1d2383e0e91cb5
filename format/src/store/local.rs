//! An archive in a folder.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::{Lock, LockMode, LockName, Name, ReadAt, Shelf, Store, range_error, slice};

/// How many mappings, and of how many bytes, are kept for the next read of the same segment. Mapped
/// pages that were read count as the process's memory.
const KEPT_MAPPINGS: usize = 256;
const KEPT_BYTES: usize = 24 << 20;
/// How often a folder is listed until nothing vanishes meanwhile.
const LISTINGS: usize = 10;
/// How many bytes of a file that is written piece by piece go to the system at once. What is larger is not copied.
pub(super) const WRITTEN_BYTES: usize = 256 << 10;

/// A folder of the local file system.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    /// `None` where files are read with positioned reads instead of being mapped.
    mappings: Option<Mutex<Mappings>>,
}

/// Mapped segments, the oldest first.
#[derive(Debug, Default)]
struct Mappings {
    by_name: HashMap<Name, Bytes>,
    order: VecDeque<Name>,
    bytes: usize,
}

impl Mappings {
    /// Keeps a mapping, and lets the oldest ones go.
    fn keep(&mut self, name: Name, mapped: Bytes) {
        self.bytes += mapped.len();
        self.order.push_back(name);
        self.by_name.insert(name, mapped);
        while self.order.len() > KEPT_MAPPINGS || (self.bytes > KEPT_BYTES && self.order.len() > 1) {
            let oldest = self
                .order
                .pop_front()
                .and_then(|oldest| self.by_name.remove(&oldest));
            self.bytes -= oldest.map_or(0, |bytes| bytes.len());
        }
    }

    /// Lets go of files that are deleted: a mapping keeps their room from being free.
    fn keep_listed(&mut self, listed: &[(Name, u64)]) {
        let is_listed = |name: &Name| listed.binary_search_by_key(name, |(name, _)| *name).is_ok();
        let is_segment = |name: &Name| name.shelf() == Some(Shelf::Segments);
        let names = self.order.iter().copied();
        let gone: Vec<Name> = names
            .filter(|name| is_segment(name) && !is_listed(name))
            .collect();
        gone.into_iter().for_each(|name| self.forget(name));
    }

    fn forget(&mut self, name: Name) {
        if let Some(bytes) = self.by_name.remove(&name) {
            self.bytes -= bytes.len();
            self.order.retain(|kept| *kept != name);
        }
    }
}

impl LocalStore {
    /// The store in `root`, whether or not there is anything yet. Segments are mapped to be read.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            mappings: Some(Mutex::default()),
        }
    }

    /// Reads with positioned reads, so that a bad sector is an error and not a signal.
    #[must_use]
    pub fn unmapped(self) -> Self {
        Self {
            mappings: None,
            ..self
        }
    }

    /// Makes the folders of a new archive below an empty or missing `root`.
    pub fn create(root: impl Into<PathBuf>) -> io::Result<Self> {
        let store = Self::new(root);
        make_private(&store.root)?;
        store.make_folders()?;
        store.open_lock(LockName::Archive)?;
        sync_folder(&store.root)?;
        if let Some(parent) = store
            .root
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            sync_folder(parent)?;
        }
        Ok(store)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, name: Name) -> PathBuf {
        self.root.join(name.to_string())
    }

    fn open_file(&self, name: Name) -> io::Result<File> {
        File::open(self.path(name))
    }

    /// The mapped contents of a file that never changes.
    fn map(&self, name: Name, mappings: &Mutex<Mappings>) -> io::Result<Bytes> {
        let mut mappings = mappings.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(bytes) = mappings.by_name.get(&name) {
            return Ok(bytes.clone());
        }
        let file = self.open_file(name)?;
        let bytes = if file.metadata()?.len() == 0 {
            Bytes::new()
        } else {
            map_file(&file)?
        };
        mappings.keep(name, bytes.clone());
        Ok(bytes)
    }

    fn make_folders(&self) -> io::Result<()> {
        let shelves = Shelf::ALL.map(Shelf::folder);
        for folder in shelves.into_iter().chain(["tmp"]) {
            fs::create_dir_all(self.root.join(folder))?;
        }
        Ok(())
    }

    fn open_lock(&self, lock: LockName) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.root.join(lock.file()))
    }

    /// What a writer finds in order once it holds a lock.
    fn locked(&self, file: File) -> io::Result<Box<dyn Lock>> {
        self.make_folders()?;
        self.clear_leftovers()?;
        Ok(Box::new(FileLock(file)))
    }

    /// A new file in `tmp`, locked so that nobody takes it for a leftover; removed unless it is persisted.
    fn temporary_file(&self) -> io::Result<NamedTempFile> {
        loop {
            let file = temporary_files().tempfile_in(self.root.join("tmp"))?;
            file.as_file().lock()?;
            // Somebody may have cleared it away before it was locked.
            if file.path().exists() {
                return Ok(file);
            }
        }
    }

    /// Removes what writers left in `tmp` that are no longer alive: nobody holds a lock on it.
    fn clear_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join("tmp"))? {
            let path = entry?.path();
            let Ok(file) = File::open(&path) else { continue };
            if file.try_lock().is_ok() {
                // Another writer may have been faster.
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }
}

/// What a folder was said to hold.
struct Listed {
    names: Vec<(Name, u64)>,
    /// False if something was gone before it was looked at: what stands for it may not be among the names.
    is_whole: bool,
}

fn list(folder: &Path, shelf: Shelf) -> io::Result<Listed> {
    let (mut names, mut is_whole) = (Vec::new(), true);
    let entries = match fs::read_dir(folder) {
        // Copies do not always keep empty folders.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listed { names, is_whole }),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().and_then(|file| shelf.name_of(file)) else {
            continue;
        };
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => names.push((name, metadata.len())),
            // A folder or a link of that name is nobody's segment.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => is_whole = false,
            Err(error) => return Err(error),
        }
    }
    Ok(Listed { names, is_whole })
}

/// Makes a folder, where it is missing, that only its owner can enter: it will hold copies of everything.
fn make_private(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    #[allow(unused_mut, reason = "only Unix has permission bits")]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Names that no other process uses, with the permissions that the user's mask gives every new file.
pub(super) fn temporary_files() -> tempfile::Builder<'static, 'static> {
    #[allow(unused_mut, reason = "only Unix has permission bits")]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

#[allow(unsafe_code)]
fn map_file(file: &File) -> io::Result<Bytes> {
    // SAFETY: a mapping is sound as long as nobody changes or truncates the file. Files of an archive
    // are put in place whole by a rename and from then on only ever deleted, which leaves a mapping
    // intact (F-011). Whoever breaks that rule from outside gets a failed hash check or a signal.
    let mapping = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(mapping))
}

#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows makes a rename durable by itself and cannot open folders as files.
#[cfg(not(unix))]
pub(super) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
pub(super) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        let n = file.seek_read(buffer, offset)?;
        if n == 0 {
            return Err(range_error());
        }
        buffer = &mut buffer[n..];
        offset += n as u64;
    }
    Ok(())
}

/// Stays readable when its name is gone.
#[derive(Debug)]
struct OpenFile(File);

impl ReadAt for OpenFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_exact_at(&self.0, buffer, offset)
    }
}

/// The lock vanishes with the file handle, and so with the process.
struct FileLock(#[allow(dead_code, reason = "held for its lock")] File);

impl Lock for FileLock {}

impl Store for LocalStore {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        let folder = self.root.join(shelf.folder());
        let mut listed = list(&folder, shelf)?;
        for _ in 0..LISTINGS {
            if listed.is_whole {
                break;
            }
            listed = list(&folder, shelf)?;
        }
        let mut names = listed.names;
        names.sort_unstable();
        if let (Shelf::Segments, Some(mappings)) = (shelf, &self.mappings) {
            let mut mappings = mappings.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            mappings.keep_listed(&names);
        }
        Ok(names)
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        fs::read(self.path(name)).map(Bytes::from)
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        if let Some(mappings) = &self.mappings {
            return slice(&self.map(name, mappings)?, range);
        }
        let file = self.open_file(name)?;
        // Compared with the file first, so that a false length allocates nothing.
        if range.start > range.end || range.end > file.metadata()?.len() {
            return Err(range_error());
        }
        let mut buffer = vec![0; usize::try_from(range.end - range.start).map_err(|_| range_error())?];
        read_exact_at(&file, &mut buffer, range.start)?;
        Ok(buffer.into())
    }

    fn open(&self, name: Name) -> io::Result<Option<Box<dyn ReadAt>>> {
        Ok(Some(Box::new(OpenFile(self.open_file(name)?))))
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        self.put_with(name, &mut |file| file.write_all(contents))
    }

    fn put_with(
        &self,
        name: Name,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let target = self.path(name);
        let mut temporary = self.temporary_file()?;
        // Through the file itself: the wrapper's errors name the temporary path, which helps nobody.
        let mut buffered = BufWriter::with_capacity(WRITTEN_BYTES, temporary.as_file_mut());
        write(&mut buffered)?;
        buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
        temporary.as_file().sync_all()?;
        if let Some(mappings) = &self.mappings {
            mappings
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .forget(name);
        }
        temporary.persist(&target).map_err(|failed| failed.error)?;
        sync_folder(target.parent().unwrap_or(&self.root))
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        if let Some(mappings) = &self.mappings {
            mappings
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .forget(name);
        }
        fs::remove_file(self.path(name))?;
        sync_folder(self.path(name).parent().unwrap_or(&self.root))
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        let file = self.open_lock(lock)?;
        match mode {
            LockMode::Shared => file.lock_shared()?,
            LockMode::Exclusive => file.lock()?,
        }
        self.locked(file)
    }

    fn try_lock(&self, lock: LockName, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>> {
        let file = self.open_lock(lock)?;
        let locked = match mode {
            LockMode::Shared => file.try_lock_shared(),
            LockMode::Exclusive => file.try_lock(),
        };
        match locked {
            Ok(()) => self.locked(file).map(Some),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
