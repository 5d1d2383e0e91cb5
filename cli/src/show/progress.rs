//! A line on the terminal that says how far a long operation is.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use restante_format::progress::Progress;

use super::{plural, size};

/// How often the line is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// Runs `work` and shows, where standard error is a terminal, how far `progress` says that it is.
pub(crate) fn with_progress<T>(
    progress: &Arc<Progress>,
    quiet: bool,
    what: &str,
    work: impl FnOnce() -> T,
) -> T {
    progress.files.store(0, Ordering::Relaxed);
    progress.bytes.store(0, Ordering::Relaxed);
    progress.total_bytes.store(0, Ordering::Relaxed);
    if quiet || !std::io::stderr().is_terminal() {
        return work();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_prefix(what.to_owned());
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let (shown, stopped) = (&bar, &done);
        let drawing = threads.spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::park_timeout(EVERY);
                draw(shown, progress);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        drawing.thread().unpark();
        // The drawing thread has no reason to panic, and nothing is lost if it does.
        let _ = drawing.join();
        bar.finish_and_clear();
        result
    })
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    let total = progress.total_bytes.load(Ordering::Relaxed);
    let bytes = progress.bytes.load(Ordering::Relaxed);
    // The total of a snapshot is a guess from the one before.
    let known = total > 0 && bytes <= total;
    let template = match known {
        true => "{prefix} [{bar:30}] {msg}, {eta} left",
        false => "{prefix} {spinner} {msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    let files = progress.files.load(Ordering::Relaxed);
    let of_total = if known {
        format!(" of {}", size(total))
    } else {
        String::new()
    };
    let files = if files > 0 {
        format!(", {}", plural(files, "file", "files"))
    } else {
        String::new()
    };
    // A rate is never below 0 and, where nothing was done yet, not a number.
    let rate = size(bar.per_sec() as u64);
    bar.set_message(format!("{}{of_total}{files}, {rate}/s", size(bytes)));
    match known {
        true => bar.set_length(total),
        false => bar.unset_length(),
    }
    bar.set_position(bytes);
    bar.tick();
}
