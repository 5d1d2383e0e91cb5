//! Parallel work whose results come back in the order in which it was given.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

const TASK_PANICKED: &str = "a task ended without its result";

/// How long a thread of rayon's that finds nothing to do waits for a result before it looks for work again.
const NOTHING_TO_DO: Duration = Duration::from_millis(1);

/// A queue of tasks that run on rayon's threads. At most `limit` of them are under way or waiting
/// to be fetched, which bounds the memory that they hold.
pub struct Ordered<'a, 'scope, T> {
    scope: &'a rayon::Scope<'scope>,
    pending: VecDeque<Receiver<T>>,
    limit: usize,
}

impl<'a, 'scope, T: Send + 'scope> Ordered<'a, 'scope, T> {
    /// An empty queue for at most `limit` tasks.
    pub fn new(scope: &'a rayon::Scope<'scope>, limit: usize) -> Self {
        Self {
            scope,
            pending: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    /// Starts a task. Call it only when the queue is not [full](Self::is_full).
    pub fn push(&mut self, task: impl FnOnce() -> T + Send + 'scope) {
        let (sender, receiver) = sync_channel(1);
        self.scope.spawn(move |_| {
            // The receiver is gone when the operation failed meanwhile: then nobody wants the result.
            let _ = sender.send(task());
        });
        self.pending.push_back(receiver);
    }

    /// Whether the oldest result must be fetched before the next task is started.
    pub fn is_full(&self) -> bool {
        self.pending.len() >= self.limit
    }

    /// The result of the oldest task, waiting for it; `None` if there is none.
    ///
    /// # Panics
    /// If the task did: what it should have given must not be taken for nothing.
    pub fn pop(&mut self) -> Option<T> {
        let receiver = self.pending.pop_front()?;
        if rayon::current_thread_index().is_none() {
            return Some(receiver.recv().expect(TASK_PANICKED));
        }
        // On one of rayon's own threads, waiting idly could wait for work that only this thread can do.
        loop {
            let wait = match rayon::yield_now() {
                Some(rayon::Yield::Executed) => Duration::ZERO,
                _ => NOTHING_TO_DO,
            };
            match receiver.recv_timeout(wait) {
                Ok(result) => return Some(result),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("{TASK_PANICKED}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(count: u64, limit: usize) -> Vec<u64> {
        let mut results = Vec::new();
        rayon::in_place_scope(|scope| {
            let mut queue = Ordered::new(scope, limit);
            for n in 0..count {
                if queue.is_full() {
                    results.extend(queue.pop());
                }
                queue.push(move || n * n);
            }
            while let Some(result) = queue.pop() {
                results.push(result);
            }
        });
        results
    }

    #[test]
    fn results_keep_their_order() {
        let expected: Vec<u64> = (0..500).map(|n| n * n).collect();
        assert_eq!(squares(500, 7), expected);
    }

    #[test]
    fn one_thread_that_waits_for_itself_does_not_hang() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .expect("a pool");
        assert_eq!(pool.install(|| squares(20, 3)).len(), 20);
    }
}
