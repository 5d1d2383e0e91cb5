//! Where a test can let the process die: before everything that changes a disk.

use std::io;

/// Says, in a test, that the process is dead.
#[cfg(not(test))]
pub(super) fn point() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(super) use tests::point;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// How many points the process still lives for.
        static LIFE: Cell<u64> = const { Cell::new(u64::MAX) };
    }

    pub(crate) fn point() -> io::Result<()> {
        let left = LIFE.get();
        if left == 0 {
            return Err(io::Error::other("the process is dead"));
        }
        LIFE.set(left - 1);
        Ok(())
    }

    /// Runs something that dies at the `n`th point. Returns whether it came to its end.
    pub(crate) fn dying_at<T>(n: u64, work: impl FnOnce() -> T) -> (T, bool) {
        LIFE.set(n);
        let done = work();
        let survived = LIFE.get() > 0;
        LIFE.set(u64::MAX);
        (done, survived)
    }
}
