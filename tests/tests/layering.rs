//! The layers of the library, held in place: what each module may import, and what only few may name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules from the top to the ground. Each imports only from rows below its own, and nothing from its own row.
const ROWS: &[&[&str]] = &[
    &["archive"],
    &["catalog"],
    &["content"],
    &["segment"],
    &["index", "cutting"],
    &["chunk", "compress", "delta", "store", "source", "target"],
    &["wire"],
    &["progress"],
    &["error", "model"],
    &["id", "limits", "names", "ordered"],
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of source text without comments and, below `#[cfg(test)]`, without tests.
struct SourceText {
    /// Path below `src`, with `/` between names.
    path: String,
    /// The module at the top of the crate that it belongs to.
    module: String,
    text: String,
}

fn sources(krate: &str) -> Vec<SourceText> {
    let root = workspace().join(krate).join("src");
    let mut found = Vec::new();
    let mut left = vec![root.clone()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).expect("list sources") {
            let path = entry.expect("list sources").path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).expect("it is below");
                let names: Vec<_> = below.iter().map(|name| name.to_string_lossy()).collect();
                found.push(SourceText {
                    path: names.join("/"),
                    module: names[0].trim_end_matches(".rs").to_owned(),
                    text: code_of(&fs::read_to_string(&path).expect("read source")),
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "there are sources in {krate}");
    found
}

fn code_of(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = product.lines().map(|line| match line.find("//") {
        Some(comment) => &line[..comment],
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether `name` stands in `text` as a whole word.
fn names(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + name.len()..].starts_with(part))
}

fn rank(module: &str) -> usize {
    let row = ROWS.iter().position(|row| row.contains(&module));
    row.unwrap_or_else(|| {
        panic!("{module} is in no row: give it its place here and in the craft of the code")
    })
}

/// The modules of the crate that a text imports: after `crate::`, also in braces.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, prefix) in text.match_indices("crate::") {
        let behind = &text[at + prefix.len()..];
        let word = |s: &str| -> String {
            s.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        };
        if let Some(list) = behind.strip_prefix('{') {
            // `crate::{a::X, b}`: the first word of each item outside of inner braces.
            let mut depth = 0;
            let mut at_start = true;
            for (i, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => at_start = true,
                    c if at_start && !c.is_whitespace() => {
                        found.insert(word(&list[i..]));
                        at_start = false;
                    }
                    _ => {}
                }
            }
        } else {
            found.insert(word(behind));
        }
    }
    found
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::id::Id;\nuse crate::{error::{Error, Flaw}, wire};\nfn f(x: crate::store::Name) {}";
    let found: Vec<String> = imports(text).into_iter().collect();
    assert_eq!(found, ["error", "id", "store", "wire"]);
    assert!(names("x = unsafe { y }", "unsafe") && !names("unsafe_code", "unsafe"));
}

#[test]
fn every_module_has_its_row_and_every_row_its_modules() {
    let modules: BTreeSet<String> = sources("format")
        .into_iter()
        .map(|source| source.module)
        .collect();
    let placed: BTreeSet<String> = ROWS
        .iter()
        .flat_map(|row| row.iter())
        .map(|m| (*m).to_owned())
        .collect();
    let expected: BTreeSet<String> = modules.into_iter().filter(|module| module != "lib").collect();
    assert_eq!(expected, placed);
}

#[test]
fn modules_import_downwards_only() {
    let mut wrong = Vec::new();
    for SourceText { path, module, text } in sources("format") {
        if module == "lib" {
            continue;
        }
        for other in imports(&text).into_iter().filter(|other| *other != module) {
            if rank(&other) <= rank(&module) {
                wrong.push(format!("{path} imports {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Asserts that `name` stands only in files of the library for which `allowed` holds.
fn only_in(name: &str, allowed: impl Fn(&SourceText) -> bool) {
    let sources = sources("format");
    let naming: Vec<&SourceText> = sources
        .iter()
        .filter(|source| names(&source.text, name))
        .collect();
    let wrong: Vec<&str> = naming
        .iter()
        .filter(|s| !allowed(s))
        .map(|s| s.path.as_str())
        .collect();
    assert!(wrong.is_empty(), "{name} stands in {wrong:?}");
    assert!(
        !naming.is_empty(),
        "{name} is looked for in vain: is this rule still needed?"
    );
}

#[test]
fn only_the_codec_knows_its_library() {
    only_in("bincode", |source| source.path == "wire/codec.rs");
}

#[test]
fn only_few_touch_files() {
    let may = |source: &SourceText| {
        ["source", "target"].contains(&source.module.as_str())
            || ["store/local.rs", "store/single.rs", "archive/snapshot.rs"].contains(&source.path.as_str())
    };
    only_in("std::fs", may);
    only_in("rustix::fs", |source| {
        ["source", "target"].contains(&source.module.as_str())
    });
    only_in("tempfile", |source| {
        ["store/local.rs", "store/single.rs"].contains(&source.path.as_str())
    });
    // That a root is there is the one thing that a snapshot asks before it begins.
    let snapshot = sources("format")
        .into_iter()
        .find(|source| source.path == "archive/snapshot.rs");
    let text = snapshot.expect("there is archive/snapshot.rs").text;
    assert_eq!(
        text.matches("fs::").count(),
        text.matches("std::fs::metadata(").count()
    );
}

#[test]
fn only_mapping_and_the_scan_are_unsafe() {
    only_in("unsafe", |source| {
        ["chunk/scan/avx512.rs", "store/local.rs"].contains(&source.path.as_str())
    });
    only_in("memmap2", |source| source.path == "store/local.rs");
}

#[test]
fn the_library_knows_no_terminal() {
    let manifest = fs::read_to_string(workspace().join("format/Cargo.toml")).expect("read manifest");
    for unwanted in ["clap", "indicatif", "anyhow", "ctrlc", "serde", "toml", "jiff"] {
        let named = manifest.lines().any(|line| line.starts_with(unwanted));
        assert!(!named, "the library depends on {unwanted}");
    }
    for SourceText { path, text, .. } in sources("format") {
        for printing in ["println!", "print!", "eprintln!", "eprint!", "dbg!"] {
            assert!(!text.contains(printing), "{path} uses {printing}");
        }
    }
}

#[test]
fn the_program_reaches_archives_through_the_library() {
    for SourceText { path, text, .. } in sources("cli") {
        for inside in ["memmap2::", "bincode::", "zstd::", "segments/", "OpenOptions"] {
            assert!(!text.contains(inside), "{path} names {inside}");
        }
    }
}
