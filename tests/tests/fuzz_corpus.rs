//! Every input that fuzzing found worth keeping, replayed.

use std::path::{Path, PathBuf};

use restante_tests::fuzzing::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

fn replay(target: &str) {
    let (_, run) = TARGETS
        .into_iter()
        .find(|(name, _)| *name == target)
        .expect("a target of that name");
    let folder = corpus().join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("a corpus for each target")
        .map(|entry| entry.expect("an entry of the corpus").path())
        .collect();
    files.sort();
    assert!(files.len() >= 8, "{} has too few inputs", folder.display());
    for file in files {
        let input = std::fs::read(&file).expect("an input");
        let panicked = std::panic::catch_unwind(|| run(&input)).is_err();
        assert!(!panicked, "target {target} fails for {}", file.display());
    }
}

#[test]
fn archive() {
    replay("archive");
}

#[test]
fn chunker() {
    replay("chunker");
}

#[test]
fn config() {
    replay("config");
}

#[test]
fn cutting() {
    replay("cutting");
}

#[test]
fn lifecycle() {
    replay("lifecycle");
}

#[test]
fn object() {
    replay("object");
}

#[test]
fn segment() {
    replay("segment");
}

#[test]
fn no_input_at_all_is_an_input_too() {
    for (_, run) in TARGETS {
        run(&[]);
    }
}

#[test]
fn every_folder_of_the_corpus_has_its_target() {
    let mut folders: Vec<String> = std::fs::read_dir(corpus())
        .expect("a corpus")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    folders.sort();
    assert_eq!(folders, TARGETS.map(|(name, _)| name));
}
