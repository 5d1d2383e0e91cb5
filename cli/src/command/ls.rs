//! `ls`: the paths in a snapshot.

use restante_format::archive::{Located, walk_tree};
use restante_format::error::Error;
use restante_format::model::{Entry, Node, display_bytes};
use serde::Serialize;

use crate::args::Ls;
use crate::context::{Access, Context};
use crate::failure::{Failure, Outcome, Result, chain};
use crate::show::{json_path, local_time, path_bytes, rfc3339, size};

/// Lists a snapshot or a part of it. What is damaged is told, and the rest goes on.
pub(crate) fn run(cx: &mut Context, args: &Ls) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    let (_, located) = cx.find(&archive, &args.snapshot)?;
    let (prefix, tree) = match &located {
        Located::Root(tree) => (Vec::new(), *tree),
        Located::Entry(path, entry) => match entry.node {
            Node::Dir { tree } => (path.clone(), tree),
            _ => return print(cx, args, path, entry),
        },
    };
    let base = prefix.iter().filter(|byte| **byte == b'/').count() + usize::from(!prefix.is_empty());
    for walked in walk_tree(archive.reader(), tree, &prefix) {
        match walked {
            Ok((path, entry)) => {
                let depth = 1 + path.iter().filter(|byte| **byte == b'/').count() - base;
                if args.depth.is_none_or(|most| depth <= most) {
                    print(cx, args, &path, &entry)?;
                }
            }
            Err(error) => complain(cx, &error)?,
        }
    }
    Ok(())
}

fn complain(cx: &mut Context, error: &Error) -> Result<()> {
    if !error.is_damage() {
        return Err(Failure::new(chain(error)));
    }
    cx.worsen(Outcome::Damage);
    cx.out.flush()?;
    cx.out.error(Failure::new(chain(error)));
    Ok(())
}

fn print(cx: &mut Context, args: &Ls, path: &[u8], entry: &Entry) -> Result<()> {
    if cx.out.json {
        return cx.out.json_line(&Document::new(path, entry));
    }
    let mut line = display_bytes(path);
    if let (true, Node::Symlink { target }) = (args.long, &entry.node) {
        line = format!("{line} -> {}", display_bytes(target));
    }
    if entry.meta.torn {
        line.push_str("  (torn)");
    }
    if args.long {
        let (owner, time) = match entry.meta.synthetic {
            // It stands for no directory of the source, and has neither.
            true => ("-".into(), "-".into()),
            false => (owner(entry), local_time(entry.meta.mtime, "%Y-%m-%d %H:%M:%S")),
        };
        let size = match entry.node {
            Node::BlockDevice { major, minor } | Node::CharDevice { major, minor } => {
                format!("{major},{minor}")
            }
            Node::Dir { .. } => String::new(),
            ref node => size(node.size()),
        };
        line = format!("{} {owner:<17} {size:>10} {time:<19} {line}", mode(entry));
    }
    cx.out.line(&line)
}

/// `-rw-r--r--`, as `ls -l` writes it.
pub(crate) fn mode(entry: &Entry) -> String {
    let letter = match entry.node {
        Node::File { .. } => '-',
        Node::Dir { .. } => 'd',
        Node::Symlink { .. } => 'l',
        Node::BlockDevice { .. } => 'b',
        Node::CharDevice { .. } => 'c',
        Node::Fifo => 'p',
        Node::Socket => 's',
    };
    let mode = entry.meta.mode;
    let mut text = String::from(letter);
    for (shift, special, on, off) in [
        (6, 0o4000, 's', 'S'),
        (3, 0o2000, 's', 'S'),
        (0, 0o1000, 't', 'T'),
    ] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => on,
            (true, false) => off,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

fn owner(entry: &Entry) -> String {
    let owner = &entry.meta.owner;
    let name = |name: &[u8], number: u32| {
        if name.is_empty() {
            number.to_string()
        } else {
            display_bytes(name)
        }
    };
    format!(
        "{}:{}",
        name(&owner.user, owner.uid),
        name(&owner.group, owner.gid)
    )
}

#[derive(Serialize)]
struct Document {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    r#type: &'static str,
    size: u64,
    mode: String,
    mtime: String,
    torn: bool,
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

impl Document {
    fn new(path: &[u8], entry: &Entry) -> Self {
        let target = match &entry.node {
            Node::Symlink { target } => Some(json_path(target)),
            _ => None,
        };
        Self {
            path: json_path(path),
            path_bytes: path_bytes(path),
            r#type: entry.node.type_name(),
            size: entry.node.size(),
            mode: format!("{:04o}", entry.meta.mode),
            mtime: rfc3339(entry.meta.mtime),
            torn: entry.meta.torn,
            uid: entry.meta.owner.uid,
            gid: entry.meta.owner.gid,
            target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restante_format::model::{Content, Meta};

    #[test]
    fn modes() {
        let file = Node::File {
            size: 0,
            content: Content::Empty,
        };
        for (node, bits, text) in [
            (file.clone(), 0o644, "-rw-r--r--"),
            (file, 0o4711, "-rws--x--x"),
            (Node::Fifo, 0o2604, "prw---Sr--"),
        ] {
            let entry = Entry {
                name: b"x".to_vec(),
                node,
                meta: Meta {
                    mode: bits,
                    ..Meta::default()
                },
            };
            assert_eq!(mode(&entry), text);
        }
    }
}
