//! Thousands of random lives of an archive: what is in it is always what a plain map remembers, and nothing else.
//!
//! `RESTANTE_LIVES=20000 cargo test -p restante-tests --test retention_model` lives through more of them, `RESTANTE_LIFE=HEX` through
//! one that failed, and `RESTANTE_LIVES_FROM=N` begins with another seed.

#![cfg(target_os = "linux")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use restante_tests::lifecycle::{Tally, live, sequence, shrunk};

/// How many lives where nobody asks for more.
const LIVES: u64 = 2000;

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// What a life panics with.
fn failure(sequence: &[u8]) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| live(sequence))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Some(text.unwrap_or_else(|| "something".into()))
}

/// What failures have in common that differ in ids and numbers.
fn kind_of(failure: &str) -> String {
    let words = failure.split_whitespace().take(12);
    let words = words.filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// F-016, F-045, F-089, F-091, F-096, F-098, F-099
#[test]
fn every_life_keeps_what_was_taken_and_leaves_nothing_else() {
    let (first, count) = (number("RESTANTE_LIVES_FROM", 0), number("RESTANTE_LIVES", LIVES));
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let live_on = || {
        let mut total = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return total;
            }
            let sequence = sequence(seed);
            match catch_unwind(AssertUnwindSafe(|| live(&sequence))) {
                Ok(tally) => total.add(&tally),
                Err(_) => {
                    next.store(first + count, Ordering::Relaxed);
                    let told = failure(&sequence).unwrap_or_default();
                    let kind = kind_of(&told);
                    let fails = |shorter: &[u8]| failure(shorter).is_some_and(|told| kind_of(&told) == kind);
                    let shortest = hex(&shrunk(&sequence, fails));
                    panic!("seed {seed}, the same with RESTANTE_LIFE={shortest}: {told}");
                }
            }
        }
    };
    let mut total = Tally::default();
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(live_on)).collect();
        for thread in started {
            match thread.join() {
                Ok(tally) => total.add(&tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    println!("{count} lives: {total:?}");
    // Whoever changes the steps sees whether the rare ones still happen.
    assert!(
        total.deaths > count / 2 && total.meanwhiles > count / 2,
        "{total:?}"
    );
    assert!(
        total.prunes > count / 2 && total.compared > 10 * count,
        "{total:?}"
    );
}

#[test]
fn a_life_that_failed_is_lived_again() {
    let Ok(text) = std::env::var("RESTANTE_LIFE") else {
        return;
    };
    let digits = text.as_bytes().chunks_exact(2);
    let byte =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits");
    let sequence: Vec<u8> = digits.map(byte).collect();
    println!("{:?}", live(&sequence));
}
