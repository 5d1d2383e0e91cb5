//! A region cut by all cores at once: runs start at many places together and are joined in order, so that the
//! cuts are those of one serial scan.

use std::collections::VecDeque;
use std::io;
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;

use super::run::{Chunk, Expected, Proceed, Runner};
use crate::ordered::Ordered;

/// Something with bytes at offsets.
pub trait Source: Send + Sync {
    /// Reads until the buffer is full or the bytes end; returns how many were read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// The chunks that the parent had, in order.
pub type Guide<'a> = Peekable<Box<dyn Iterator<Item = Expected> + 'a>>;

/// Where runs side by side are made.
pub struct Workers<'a, 'scope> {
    /// Takes the runs.
    pub tasks: &'a rayon::Scope<'scope>,
    /// How many runs may be under way.
    pub limit: usize,
    /// About how many bytes one run covers.
    pub run_bytes: u64,
}

/// Cuts a region, by runs side by side if there are `workers` and it is larger than one run, and hands its
/// chunks to `take` in order. Returns where the last one ends: before the region's end if the bytes end there.
pub fn cut_region<'scope, S: Source + 'scope, E: From<io::Error>>(
    runner: Runner<'scope>,
    source: &Arc<S>,
    region: Range<u64>,
    guide: &mut Guide<'_>,
    workers: Option<&Workers<'_, 'scope>>,
    take: &mut dyn FnMut(Chunk) -> Result<(), E>,
) -> Result<u64, E> {
    let mut joint = Joint {
        runner,
        source,
        at: region.start,
        region_end: region.end,
        take,
    };
    match workers.filter(|workers| region.end - region.start > workers.run_bytes) {
        Some(workers) => joint.cut_side_by_side(guide, workers)?,
        None => {
            let plan = plan(guide, region.start, region.end, u64::MAX);
            joint.cut_serially(region.end, &plan.expected, &mut |_| Proceed::Go)?;
        }
    }
    Ok(joint.at)
}

/// The most chunks of the parent's that help one run: only a list made by an enemy has more there.
const EXPECTED: usize = 1 << 16;

/// What a run is to cover.
struct Plan {
    start: u64,
    end: u64,
    expected: Vec<Expected>,
}

/// Plans a run from `start` on over `run_bytes` or more, up to where a chunk of the parent starts, if it can be.
fn plan(guide: &mut Guide<'_>, start: u64, region_end: u64, run_bytes: u64) -> Plan {
    // A run of no bytes would be planned forever.
    let run_bytes = run_bytes.max(1);
    let target = start.saturating_add(run_bytes).min(region_end);
    let mut expected = Vec::new();
    let mut end = target;
    while let Some(chunk) = guide.peek() {
        if chunk.offset >= target {
            if chunk.offset < target.saturating_add(run_bytes) {
                end = chunk.offset.min(region_end);
            }
            break;
        }
        if chunk.end() > start && expected.len() < EXPECTED {
            expected.push(*chunk);
        }
        guide.next();
    }
    // No run for a few bytes at the end.
    if region_end - end < run_bytes / 4 {
        end = region_end;
        while let Some(chunk) = guide.next_if(|chunk| chunk.offset < end) {
            if expected.len() < EXPECTED {
                expected.push(chunk);
            }
        }
    }
    Plan { start, end, expected }
}

/// A run that was made ahead: its plan, and the chunks from its start up to the first cut at or behind its end.
type Ahead = (Plan, io::Result<Vec<Chunk>>);

/// Where the true cuts of a region have come to.
struct Joint<'j, 'scope, S, E> {
    runner: Runner<'scope>,
    source: &'j Arc<S>,
    at: u64,
    region_end: u64,
    take: &'j mut dyn FnMut(Chunk) -> Result<(), E>,
}

impl<'scope, S: Source + 'scope, E: From<io::Error>> Joint<'_, 'scope, S, E> {
    fn cut_side_by_side(&mut self, guide: &mut Guide<'_>, workers: &Workers<'_, 'scope>) -> Result<(), E> {
        let mut runs: Ordered<'_, 'scope, Ahead> = Ordered::new(workers.tasks, workers.limit);
        let mut planned = self.at;
        loop {
            while planned < self.region_end && !runs.is_full() {
                let plan = plan(guide, planned, self.region_end, workers.run_bytes);
                planned = plan.end;
                let (runner, source, region_end) = (self.runner, Arc::clone(self.source), self.region_end);
                runs.push(move || run_ahead(runner, &*source, plan, region_end));
            }
            let Some((plan, chunks)) = runs.pop() else {
                return Ok(());
            };
            self.join(plan, chunks?)?;
        }
    }

    /// Takes over what a run found, from the first cut on that it shares with the true ones.
    fn join(&mut self, plan: Plan, chunks: Vec<Chunk>) -> Result<(), E> {
        let mut ahead = VecDeque::from(chunks);
        let mut behind = |at| {
            while ahead.front().is_some_and(|chunk| chunk.start < at) {
                ahead.pop_front();
            }
            match ahead.front() {
                Some(chunk) if chunk.start > at => Proceed::Go,
                None if at < plan.end => Proceed::Go,
                _ => Proceed::Stop,
            }
        };
        if let Proceed::Go = behind(self.at) {
            // A chunk or two, mostly: nothing is read ahead.
            self.cut_serially(self.at, &plan.expected, &mut behind)?;
        }
        // They differ only where the bytes ended meanwhile.
        if ahead.front().is_some_and(|chunk| chunk.start != self.at) {
            return Ok(());
        }
        for chunk in ahead {
            self.at = chunk.end();
            (self.take)(chunk)?;
        }
        Ok(())
    }

    /// Cuts from the true cut on until `proceed`, which is told where the next one is, says so. Up to `ahead_end` it is read
    /// ahead.
    fn cut_serially(
        &mut self,
        ahead_end: u64,
        expected: &[Expected],
        proceed: &mut dyn FnMut(u64) -> Proceed,
    ) -> Result<(), E> {
        let mut read_at = |buffer: &mut [u8], offset| self.source.read_at(buffer, offset);
        let (span, take) = (self.at..ahead_end, &mut self.take);
        let at = &mut self.at;
        self.runner
            .run(&mut read_at, span, self.region_end, expected, &mut |chunk| {
                *at = chunk.end();
                take(chunk)?;
                Ok::<_, E>(proceed(*at))
            })
    }
}

fn run_ahead(runner: Runner<'_>, source: &dyn Source, plan: Plan, region_end: u64) -> Ahead {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut read_at = |buffer: &mut [u8], offset| source.read_at(buffer, offset);
    let done = runner.run(
        &mut read_at,
        plan.start..plan.end,
        region_end,
        &plan.expected,
        &mut |chunk| {
            let end = chunk.end();
            chunks.push(chunk);
            Ok::<_, io::Error>(match end < plan.end {
                true => Proceed::Go,
                false => Proceed::Stop,
            })
        },
    );
    (plan, done.map(|()| chunks))
}
