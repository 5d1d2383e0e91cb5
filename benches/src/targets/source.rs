//! Large things to take snapshots of.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

use restante_tests::prng::Rng;

use crate::failure::Failure;

/// How much is written at once.
const PIECE_BYTES: usize = 1 << 20;
/// How many pieces of data a sparse file has.
const ISLANDS: u64 = 8;

/// Makes a file of `bytes` that do not compress.
pub(super) fn random_file(path: &Path, bytes: u64) -> Result<(), Failure> {
    let mut rng = Rng::new(1);
    dense_file(path, bytes, |piece| rng.fill(piece))
}

/// Makes a file of `bytes` that are all the same.
pub(super) fn constant_file(path: &Path, bytes: u64) -> Result<(), Failure> {
    dense_file(path, bytes, |piece| piece.fill(0x55))
}

fn dense_file(path: &Path, bytes: u64, mut fill: impl FnMut(&mut [u8])) -> Result<(), Failure> {
    let mut write = || {
        let mut file = File::create_new(path)?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut left = bytes;
        while left > 0 {
            let piece = &mut piece[..left.min(PIECE_BYTES as u64) as usize];
            fill(piece);
            file.write_all(piece)?;
            left -= piece.len() as u64;
        }
        Ok(())
    };
    write().map_err(|e: io::Error| Failure::at("making", path, e))
}

/// Makes a file of `bytes`, all holes but for a few pieces of data, the first and the last bytes among them.
pub(super) fn sparse_file(path: &Path, bytes: u64) -> Result<(), Failure> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.set_len(bytes)?;
        let mut piece = vec![0; PIECE_BYTES.min(bytes as usize)];
        let mut rng = Rng::new(2);
        for island in 0..ISLANDS {
            rng.fill(&mut piece);
            let last = bytes - piece.len() as u64;
            file.seek(SeekFrom::Start(last / (ISLANDS - 1) * island))?;
            file.write_all(&piece)?;
        }
        Ok(())
    };
    write().map_err(|e: io::Error| Failure::at("making", path, e))
}

/// Makes a folder of so many empty files.
pub(super) fn crowded_folder(path: &Path, entries: usize) -> Result<(), Failure> {
    let make = || {
        fs::create_dir(path)?;
        (0..entries).try_for_each(|n| File::create_new(path.join(format!("{n:08x}"))).map(drop))
    };
    make().map_err(|e: io::Error| Failure::at("making", path, e))
}

/// Gives a file a new time of change and leaves its bytes.
pub(super) fn touch(path: &Path) -> Result<(), Failure> {
    let touched = File::options().write(true).open(path);
    let touched = touched.and_then(|file| file.set_modified(SystemTime::now()));
    touched.map_err(|e| Failure::at("touching", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn they_are_as_large_as_they_say() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let size = |name: &str| fs::metadata(at(name)).unwrap().len();
        random_file(&at("random"), 2_500_000).unwrap();
        constant_file(&at("constant"), 2_500_000).unwrap();
        assert_eq!((size("random"), size("constant")), (2_500_000, 2_500_000));
        sparse_file(&at("sparse"), 1 << 30).unwrap();
        let sparse = fs::metadata(at("sparse")).unwrap();
        assert_eq!(sparse.len(), 1 << 30);
        assert!(sparse.blocks() * 512 < 64 << 20, "{}", sparse.blocks());
        crowded_folder(&at("crowd"), 300).unwrap();
        assert_eq!(fs::read_dir(at("crowd")).unwrap().count(), 300);
        touch(&at("sparse")).unwrap();
        assert!(touch(&at("none")).is_err());
    }
}
