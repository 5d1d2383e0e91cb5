//! Making single entries: files, special entries, links.

use std::io;

use super::open_target::{OpenTarget, Shared};
use crate::archive::read_file::read_file;
use crate::error::{Error, Result};
use crate::model::{Entry, Node};
use crate::target::TargetFolder;

/// Writes one file or special entry.
pub(super) fn write_entry(shared: &Shared<'_>, target: &OpenTarget<'_>, entry: &Entry) -> Result<()> {
    shared.progress.check()?;
    if let Some(folder) = target.folder.as_ref().filter(|_| !shared.dry_run) {
        make_entry(shared, target, folder, entry)?;
    }
    shared.progress.add(1, 0);
    let bytes = match entry.node {
        Node::File { size, .. } => size,
        _ => 0,
    };
    shared.report(|report| {
        report.files += 1;
        report.bytes += bytes;
    });
    Ok(())
}

fn make_entry(
    shared: &Shared<'_>,
    target: &OpenTarget<'_>,
    folder: &TargetFolder,
    entry: &Entry,
) -> Result<()> {
    let failed = |op| move |error| Error::io(op, target.path_text(&entry.name))(error);
    let mut refused = |what, error| {
        shared.report(|report| report.refuse(&target.path_of(&entry.name), what, error));
    };
    let Node::File { size, content } = entry.node else {
        let made = folder.make_special(&entry.name, &entry.node, &entry.meta, &mut refused);
        return made.map_err(failed(make_verb(&entry.node)));
    };
    let file = folder.new_file().map_err(failed("make file"))?;
    let mut at = 0;
    read_file(&shared.archive.reader, size, content, &mut |len, bytes| {
        shared.progress.check()?;
        if let Some(bytes) = bytes {
            file.write_at(&bytes, at).map_err(failed("write"))?;
        }
        at += len;
        shared.progress.add(0, len);
        Ok(())
    })?;
    file.set_size(size).map_err(failed("write"))?;
    file.finish(&entry.name, &entry.meta, &mut refused)
        .map_err(failed("put in place"))
}

fn make_verb(node: &Node) -> &'static str {
    match node {
        Node::Symlink { .. } => "make symbolic link",
        Node::BlockDevice { .. } | Node::CharDevice { .. } => "make device",
        Node::Fifo => "make fifo",
        _ => "make",
    }
}

/// Whether a file that stands under the entry's name has exactly its bytes.
pub(super) fn holds(shared: &Shared<'_>, folder: &TargetFolder, entry: &Entry) -> bool {
    let Node::File { size, content } = entry.node else {
        return false;
    };
    let Ok(file) = folder.open_file(&entry.name) else {
        return false;
    };
    let mut at = 0;
    let mut there = Vec::new();
    let compared = read_file(&shared.archive.reader, size, content, &mut |len, bytes| {
        shared.progress.check()?;
        let mut differs = false;
        let mut left = len;
        // Holes can be longer than any buffer should be.
        while left > 0 && !differs {
            let n = left.min(COMPARED_BYTES);
            there.resize(n as usize, 0);
            let from = (len - left) as usize;
            differs = file.read_at(&mut there, at + len - left).ok() != Some(there.len())
                || match &bytes {
                    Some(bytes) => bytes[from..from + there.len()] != there,
                    None => there.iter().any(|byte| *byte != 0),
                };
            left -= n;
        }
        at += len;
        match differs {
            true => Err(Error::Request("the file differs".into())),
            false => Ok(()),
        }
    });
    compared.is_ok()
}

/// How much is compared at a time.
const COMPARED_BYTES: u64 = 1 << 20;

/// A link to be made when the file that it links to is there.
pub(super) struct LaterLink {
    pub(super) original: Vec<u8>,
    pub(super) path: Vec<u8>,
}

/// Makes a hard link between two paths below `root`. The folder of the new one has its metadata
/// already and must not look changed by it.
pub(super) fn make_link(root: &TargetFolder, link: &LaterLink) -> io::Result<()> {
    let (original_folder, original) = open_parent(root, &link.original)?;
    let (folder, name) = open_parent(root, &link.path)?;
    let (from, to) = (
        original_folder.as_ref().unwrap_or(root),
        folder.as_ref().unwrap_or(root),
    );
    match &folder {
        Some(folder) => folder.with_access(|| to.link(name, from, original)),
        None => to.link(name, from, original),
    }
}

/// Opens the folder in which a path lies (`None`: the root itself) and gives the last component.
fn open_parent<'p>(root: &TargetFolder, path: &'p [u8]) -> io::Result<(Option<TargetFolder>, &'p [u8])> {
    let mut names = path.split(|byte| *byte == b'/');
    let last = names.next_back().unwrap_or(path);
    let mut folder: Option<TargetFolder> = None;
    for name in names {
        folder = Some(folder.as_ref().unwrap_or(root).open_child(name)?);
    }
    Ok((folder, last))
}
