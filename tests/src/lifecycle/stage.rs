//! A store in memory with locks, on which something happens at a chosen call: it dies, or somebody else does something.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use restante_format::store::{Lock, LockMode, LockName, MemoryStore, Name, Shelf, Store};

/// What somebody else does in between.
pub(super) type Meanwhile = Box<dyn FnOnce() + Send>;

/// What happens at a call.
pub(super) enum Event {
    /// It and all later ones fail; if it is a put, its work may be done before.
    Death { after: bool },
    /// Somebody else does something before.
    Meanwhile(Meanwhile),
}

/// Locks that are held: how often, or alone.
type Held = Arc<Mutex<HashMap<&'static str, isize>>>;

/// A store in memory whose users exclude each other as processes do; who would have to wait fails instead.
#[derive(Debug, Default)]
pub(super) struct Stage {
    files: Arc<MemoryStore>,
    held: Held,
    plan: Mutex<Plan>,
    /// Held by what somebody else does: one thing at a time.
    happening: Mutex<()>,
    /// How often in a row a lock was not to be had.
    refusals: AtomicU32,
}

/// Who asks so often in a row waits for a lock, which nobody will give back to it.
const REFUSALS: u32 = 3;

#[derive(Default)]
struct Plan {
    calls: u64,
    due: Vec<(u64, Event)>,
    is_dead: bool,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plan at call {}", self.calls)
    }
}

/// Threads of their own: what happens in between must not wait for what it interrupts.
static OTHERS: LazyLock<rayon::ThreadPool> = LazyLock::new(|| {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
    pool.expect("a few threads")
});

impl Stage {
    /// The same files and locks, on which nothing is planned.
    pub(super) fn beside(&self) -> Self {
        Self {
            files: Arc::clone(&self.files),
            held: Arc::clone(&self.held),
            plan: Mutex::default(),
            happening: Mutex::default(),
            refusals: AtomicU32::new(0),
        }
    }

    /// The files.
    pub(super) fn files(&self) -> &MemoryStore {
        &self.files
    }

    /// Lets something happen at a call, counted from now on.
    pub(super) fn plan(&self, at: u64, event: Event) {
        let mut plan = guard(&self.plan);
        let at = plan.calls + at;
        plan.due.push((at, event));
    }

    /// Nothing happens any more.
    pub(super) fn unplan(&self) {
        guard(&self.plan).due.clear();
    }

    /// Whether this call fails, and whether its work is done before.
    fn next(&self) -> Option<bool> {
        let mut plan = guard(&self.plan);
        let call = plan.calls;
        plan.calls += 1;
        if plan.is_dead {
            return Some(false);
        }
        let due = plan.due.iter().position(|(at, _)| *at <= call)?;
        let (_, event) = plan.due.remove(due);
        match event {
            Event::Death { after } => {
                plan.is_dead = true;
                Some(after)
            }
            Event::Meanwhile(work) => {
                drop(plan);
                let _one = guard(&self.happening);
                let other = std::thread::spawn(|| OTHERS.install(work));
                if let Err(panic) = other.join() {
                    std::panic::resume_unwind(panic);
                }
                None
            }
        }
    }

    fn call<T>(&self, work: impl FnOnce(&MemoryStore) -> io::Result<T>) -> io::Result<T> {
        match self.next() {
            None => work(&self.files),
            Some(_) => Err(ErrorKind::StorageFull.into()),
        }
    }
}

impl Store for Stage {
    fn location(&self) -> String {
        "stage".into()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        self.call(|files| files.list(shelf))
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.call(|files| files.read(name))
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        self.call(|files| files.read_range(name, range))
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        let failed = self.next();
        if failed != Some(false) {
            self.files.put(name, contents)?;
        }
        match failed {
            None => Ok(()),
            Some(_) => Err(ErrorKind::StorageFull.into()),
        }
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.call(|files| files.delete(name))
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        let locked = self.try_lock(lock, mode)?;
        locked.ok_or_else(|| ErrorKind::WouldBlock.into())
    }

    fn try_lock(&self, lock: LockName, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>> {
        self.call(|_| {
            let mut held = guard(&self.held);
            let count = held.entry(lock.file()).or_default();
            match mode {
                LockMode::Shared if *count >= 0 => *count += 1,
                LockMode::Exclusive if *count == 0 => *count = -1,
                _ if self.refusals.fetch_add(1, Ordering::Relaxed) >= REFUSALS => {
                    return Err(ErrorKind::WouldBlock.into());
                }
                _ => return Ok(None),
            }
            self.refusals.store(0, Ordering::Relaxed);
            let held = Arc::clone(&self.held);
            Ok(Some(Box::new(HeldLock { held, lock, mode }) as Box<dyn Lock>))
        })
    }
}

/// Given back when it is dropped.
struct HeldLock {
    held: Held,
    lock: LockName,
    mode: LockMode,
}

impl Lock for HeldLock {}

impl Drop for HeldLock {
    fn drop(&mut self) {
        if let Some(count) = guard(&self.held).get_mut(self.lock.file()) {
            *count += match self.mode {
                LockMode::Shared => -1,
                LockMode::Exclusive => 1,
            };
        }
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
