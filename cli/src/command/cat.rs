//! `cat`: a file of a snapshot on standard output.

use restante_format::archive::{Located, read_file};
use restante_format::error::Error;
use restante_format::model::{Node, display_bytes};

use crate::args::Cat;
use crate::context::{Access, Context};
use crate::failure::{Failure, Outcome, Result};

/// Zeros for holes, so many at a time.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Prints the file. Every byte has been checked before it is printed.
pub(crate) fn run(cx: &mut Context, args: &Cat) -> Result<()> {
    let archive = cx.open(Access::Mapped)?;
    let (_, located) = cx.find(&archive, &args.snapshot)?;
    let Located::Entry(path, entry) = located else {
        return Err(
            Failure::usage(format!("{:?} names a whole snapshot", args.snapshot))
                .hint("name a file in it: restante cat SNAPSHOT:PATH"),
        );
    };
    let Node::File { size, content } = entry.node else {
        let what = entry.node.type_name();
        return Err(Failure::new(format!(
            "{} is not a file but a {what}",
            display_bytes(&path)
        )));
    };
    if entry.meta.torn {
        cx.out.warn(&format!(
            "{} changed while it was read for the snapshot",
            display_bytes(&path)
        ));
        cx.worsen(Outcome::Incomplete);
    }
    let mut failure = None;
    let result = read_file(archive.reader(), size, content, &mut |len, bytes| {
        cx.progress.check()?;
        let written = match bytes {
            Some(bytes) => cx.out.bytes(&bytes),
            None => zeros(cx, len),
        };
        written.map_err(|error| {
            failure = Some(error);
            Error::Interrupted
        })
    });
    match failure {
        Some(failure) => Err(failure),
        None => Ok(result?),
    }
}

fn zeros(cx: &mut Context, mut len: u64) -> Result<()> {
    while len > 0 {
        let n = usize::try_from(len).unwrap_or(usize::MAX).min(ZEROS.len());
        cx.out.bytes(&ZEROS[..n])?;
        len -= n as u64;
    }
    Ok(())
}
