//! Runs another program: without a shell, with a time limit, and with what it said kept for the error.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use restante_format::progress::Progress;

use crate::failure::{Failure, Result};
use crate::show::quoted;

/// How many of the last lines of a program's output an error repeats.
const LINES: usize = 20;

/// How much of a line.
const LINE_BYTES: u64 = 1000;

/// How often a running program is looked after.
const TURN: Duration = Duration::from_millis(10);

/// How long the last lines are waited for where the program is gone and something else still holds its output.
const PATIENCE: Duration = Duration::from_secs(1);

/// The last lines of a program's output.
#[derive(Default)]
struct Tail(Mutex<VecDeque<String>>);

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(line);
        if lines.len() > LINES {
            lines.pop_front();
        }
    }

    fn take(&self) -> Vec<String> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.drain(..).collect()
    }
}

/// The program and its arguments as a shell would take them.
pub(super) fn shown(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// Runs a program to its end. Returns the last lines of what it said.
///
/// # Errors
/// Fails if it cannot be started, ends otherwise than with 0, or takes longer than `timeout`; then it is killed, and
/// on Unix what it started with it.
pub(super) fn run(
    command: &[String],
    environment: &BTreeMap<String, String>,
    timeout: Duration,
    progress: &Progress,
) -> Result<Vec<String>> {
    let text = shown(command);
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::new("no program is named"));
    };
    let mut process = Command::new(program);
    process
        .args(arguments)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    in_group(&mut process);
    let mut child = process.spawn().map_err(|error| {
        Failure::new(format!("cannot run {text}: {error}")).hint(format!("is {} installed?", quoted(program)))
    })?;
    let tail = Arc::new(Tail::default());
    let readers = [
        child.stdout.take().map(|out| follow(out, &tail)),
        child.stderr.take().map(|out| follow(out, &tail)),
    ];
    let started = Instant::now();
    let end = loop {
        match child.try_wait() {
            Ok(Some(status)) => break End::Exit(status),
            Ok(None) if progress.stop.load(Ordering::Relaxed) => break End::Stopped,
            Ok(None) if started.elapsed() >= timeout => break End::TooLong,
            Ok(None) => thread::sleep(TURN),
            Err(error) => {
                kill(&mut child);
                return Err(Failure::new(format!("cannot wait for {text}: {error}")));
            }
        }
    };
    if !matches!(end, End::Exit(_)) {
        kill(&mut child);
    }
    let gone = Instant::now();
    while readers.iter().flatten().any(|reader| !reader.is_finished()) && gone.elapsed() < PATIENCE {
        thread::sleep(TURN);
    }
    let said = tail.take();
    let failure = match end {
        End::Exit(status) if status.success() => return Ok(said),
        End::Exit(status) => Failure::new(format!("{text} failed: {status}")),
        End::TooLong => Failure::new(format!(
            "{text} took longer than {} s and was stopped",
            timeout.as_secs()
        ))
        .hint("give it more time with `timeout`"),
        End::Stopped => return Err(restante_format::error::Error::Interrupted.into()),
    };
    Err(said.iter().fold(failure, |failure, line| failure.hint(line)))
}

/// How a program ended.
enum End {
    Exit(ExitStatus),
    TooLong,
    Stopped,
}

/// Keeps the last lines of a stream. Not joined: something that the program left running may hold it open for ever.
fn follow(stream: impl Read + Send + 'static, tail: &Arc<Tail>) -> thread::JoinHandle<()> {
    let tail = Arc::clone(tail);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            match stream.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&line);
                    let text = text.trim_end();
                    if !text.is_empty() {
                        tail.push(text.to_owned());
                    }
                }
            }
        }
    })
}

/// So that it can be killed with what it starts.
#[cfg(unix)]
fn in_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn in_group(_command: &mut Command) {}

#[cfg(unix)]
fn kill(child: &mut Child) {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
