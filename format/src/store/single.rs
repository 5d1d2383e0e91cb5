//! A segment file that is an archive by itself, under any name.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::local::{WRITTEN_BYTES, read_exact_at, sync_folder, temporary_files};
use super::{Lock, LockMode, LockName, Name, NoLock, Shelf, Store, range_error, slice};

/// A file whose bytes are read where they are needed. It is never mapped: nobody keeps others from cutting it off, and what is
/// missing then is an error, where in a mapped file it would be a signal.
#[derive(Debug)]
pub struct SingleFile {
    path: PathBuf,
    len: u64,
    file: File,
}

impl SingleFile {
    /// Opens a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let path = path.to_owned();
        Ok(Self { path, len, file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A range of it, exactly.
    pub fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.len {
            return Err(range_error());
        }
        let len = usize::try_from(range.end - range.start).map_err(|_| range_error())?;
        let mut buffer = vec![0; len];
        read_exact_at(&self.file, &mut buffer, range.start)?;
        Ok(buffer.into())
    }
}

/// An archive of one segment, and a config that was made for it. It can be read and nothing else.
#[derive(Debug)]
pub struct SingleStore {
    file: SingleFile,
    segment: Name,
    config: Bytes,
}

impl SingleStore {
    /// The file as the segment of this name in an archive with this config.
    pub fn new(file: SingleFile, segment: Name, config: Vec<u8>) -> Self {
        Self {
            file,
            segment,
            config: config.into(),
        }
    }
}

fn read_only() -> io::Error {
    io::Error::new(
        io::ErrorKind::ReadOnlyFilesystem,
        "a single segment file can be read, and never written to",
    )
}

impl Store for SingleStore {
    fn location(&self) -> String {
        self.file.path.display().to_string()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        Ok(match shelf {
            Shelf::Segments => vec![(self.segment, self.file.len)],
            _ => Vec::new(),
        })
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        match name {
            Name::Config => Ok(self.config.clone()),
            name if name == self.segment => self.file.read(0..self.file.len),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        match name {
            Name::Config => slice(&self.config, range),
            name if name == self.segment => self.file.read(range),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn put(&self, _name: Name, _contents: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn delete(&self, _name: Name) -> io::Result<()> {
        Err(read_only())
    }

    /// Readers may share it: it never changes. Nobody has it alone.
    fn lock(&self, _lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        match mode {
            LockMode::Shared => Ok(Box::new(NoLock)),
            LockMode::Exclusive => Err(read_only()),
        }
    }
}

/// Writes a file under another name beside it, makes it durable, and only then gives it its name. One that is there already is an error,
/// unless it is to be replaced.
pub fn write_single_file(
    path: &Path,
    replace: bool,
    write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if !replace && path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut temporary: NamedTempFile = temporary_files().prefix(".restante-").tempfile_in(folder)?;
    let mut buffered = BufWriter::with_capacity(WRITTEN_BYTES, temporary.as_file_mut());
    write(&mut buffered)?;
    buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
    temporary.as_file().sync_all()?;
    let persisted = match replace {
        true => temporary.persist(path),
        false => temporary.persist_noclobber(path),
    };
    persisted.map_err(|failed| failed.error)?;
    sync_folder(folder)
}
