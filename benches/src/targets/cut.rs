//! One file cut and hashed by the library, and nothing else: no parent, nothing kept, nothing written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use restante_format::chunk::Cutter;
use restante_format::cutting::{Expected, Guide, Runner, Source, Workers, cut_region};
use restante_format::wire::Chunker;

/// As much as a run of a snapshot covers.
const RUN_BYTES: u64 = 4 << 20;

struct Opened(File);

impl Source for Opened {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], offset + filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        Ok(filled)
    }
}

/// Cuts a file with the default sizes; returns the number of chunks.
///
/// # Errors
///
/// Where it cannot be read.
pub fn cut(path: &Path) -> io::Result<u64> {
    let file = Arc::new(Opened(File::open(path)?));
    let len = file.0.metadata()?.len();
    let cutter = Cutter::new(&Chunker::default());
    let runner = Runner {
        cutter: &cutter,
        has: &|_| true,
    };
    let mut chunks = 0;
    rayon::in_place_scope(|tasks| {
        let nothing: Box<dyn Iterator<Item = Expected>> = Box::new(std::iter::empty());
        let mut guide: Guide<'_> = nothing.peekable();
        let workers = Workers {
            tasks,
            limit: 2 * rayon::current_num_threads(),
            run_bytes: RUN_BYTES,
        };
        let mut take = |_| {
            chunks += 1;
            Ok::<_, io::Error>(())
        };
        cut_region(runner, &file, 0..len, &mut guide, Some(&workers), &mut take)
    })?;
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_is_cut_to_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![0; 5 << 20]).unwrap();
        assert_eq!(super::cut(file.path()).unwrap(), 20);
    }
}
