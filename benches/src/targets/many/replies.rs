//! What a program, or the library, says when it is asked.

use std::io::Read;
use std::process::Stdio;

use restante_format::error::Error;
use serde_json::Value;

use crate::clock::Call;
use crate::failure::Failure;

/// Runs a piece of work and returns what it found. What it says meanwhile is for people.
pub(super) fn said(call: &Call) -> Result<Value, Failure> {
    let starting = |e| Failure::io(format!("starting `{}`", call.line()), e);
    let mut command = call.command(&call.program);
    command.args(&call.arguments).stderr(Stdio::inherit());
    let output = command.output().map_err(starting)?;
    if !output.status.success() {
        return Err(Failure::exit(
            call.line(),
            output.status,
            "what it said stands above",
        ));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|e| Failure::io(format!("reading what `{}` found", call.line()), e.into()))
}

/// How often a program says something.
pub(super) fn occurrences(call: &Call, needle: &[u8]) -> Result<u64, Failure> {
    let failed = |e| Failure::io(format!("reading what `{}` says", call.line()), e);
    let mut command = call.command(&call.program);
    let mut child = command
        .args(&call.arguments)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut count = 0;
    if let Some(mut out) = child.stdout.take() {
        let mut text = Vec::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = out.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            text.extend_from_slice(&buffer[..read]);
            count += text
                .windows(needle.len())
                .filter(|found| *found == needle)
                .count() as u64;
            // One that lies across two pieces is found with the second.
            let rest = text.len().saturating_sub(needle.len() - 1);
            text.drain(..rest);
        }
    }
    let status = child.wait().map_err(failed)?;
    match status.success() {
        true => Ok(count),
        false => Err(Failure::exit(call.line(), status, "")),
    }
}

/// What the library failed at.
pub(super) fn failed(error: Error) -> Failure {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Failure::io("asking the library", std::io::Error::other(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::words;

    #[test]
    fn what_lies_across_pieces_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let call = Call {
            program: "/bin/sh".into(),
            arguments: words([
                "-c",
                "for n in 1 2 3; do printf 'x\"ti'; sleep 0.02; printf 'me\":'; done",
            ]),
            environment: Vec::new(),
            folder: folder.path().into(),
        };
        assert_eq!(occurrences(&call, b"\"time\":").unwrap(), 3);
    }
}
