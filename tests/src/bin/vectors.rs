//! `vectors`: writes the test vectors of the format, or the inputs from which fuzzing starts.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use restante_tests::{fuzzing, vectors};

const HELP: &str = "\
vectors: the test vectors of the format

  vectors DIR                write them below DIR, which is spec/vectors
  vectors --fuzz-seeds DIR   write seeds for the fuzz targets below DIR/TARGET
";

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(named)?;
    }
    std::fs::write(path, bytes).map_err(named)
}

/// Writes all vectors. What stands below `archives` is taken away first, so that no case outlives its formula.
fn write_vectors(root: &Path) -> io::Result<usize> {
    let archives = root.join("archives");
    if archives.exists() {
        std::fs::remove_dir_all(&archives)?;
    }
    let files = vectors::files();
    for (path, bytes) in &files {
        write(&root.join(path), bytes)?;
    }
    Ok(files.len())
}

fn write_seeds(root: &Path) -> io::Result<usize> {
    let seeds = fuzzing::seeds();
    for (target, name, bytes) in &seeds {
        write(&root.join(target).join(name), bytes)?;
    }
    Ok(seeds.len())
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let written = match &arguments[..] {
        [flag, root] if flag == "--fuzz-seeds" => write_seeds(&PathBuf::from(root)),
        [root] if !root.to_string_lossy().starts_with('-') => write_vectors(&PathBuf::from(root)),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match written {
        Ok(count) => {
            println!("{count} files written");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("vectors: {error}");
            ExitCode::FAILURE
        }
    }
}
