//! The keeper's turns: that a connector has a new snapshot is told once, however many there are before it looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

/// A worker's way to tell of its snapshots.
pub(super) struct Bell {
    connector: usize,
    has_rung: Arc<AtomicBool>,
    turns: Sender<Turn>,
}

/// A connector of which there are new snapshots.
pub(super) struct Turn {
    connector: usize,
    has_rung: Arc<AtomicBool>,
}

impl Bell {
    /// For the connector of that number.
    pub(super) fn new(connector: usize, turns: Sender<Turn>) -> Self {
        Self {
            connector,
            has_rung: Arc::default(),
            turns,
        }
    }

    /// There is a new snapshot. While the last time is still to be looked at, nothing more waits.
    pub(super) fn ring(&self) {
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            let turn = Turn {
                connector: self.connector,
                has_rung: Arc::clone(&self.has_rung),
            };
            // Without a keeper everything is kept.
            let _ = self.turns.send(turn);
        }
    }
}

impl Turn {
    /// The connector. What comes from now on is another turn.
    pub(super) fn begin(self) -> usize {
        self.has_rung.store(false, Ordering::Release);
        self.connector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_do_not_pile_up() {
        let (sender, turns) = std::sync::mpsc::channel();
        let bells = [Bell::new(0, sender.clone()), Bell::new(1, sender)];
        for _ in 0..1000 {
            bells.iter().for_each(Bell::ring);
        }
        let waiting: Vec<Turn> = turns.try_iter().collect();
        assert_eq!(waiting.len(), 2);
        bells.iter().for_each(Bell::ring);
        assert!(turns.try_recv().is_err(), "they wait already");
        let begun: Vec<usize> = waiting.into_iter().map(Turn::begin).collect();
        assert_eq!(begun, [0, 1]);
        bells[1].ring();
        assert_eq!(turns.try_recv().map(Turn::begin), Ok(1));
    }
}
