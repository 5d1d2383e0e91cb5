//! The bytes of one file of the source: cut and identified, a large one by all cores at once. Runs start at
//! many places together and are joined in order, so that the cuts are those of one serial scan.

use std::collections::VecDeque;
use std::io;
use std::iter::Peekable;
use std::sync::Arc;

use super::run::{Chunk, Expected, Proceed, Runner};
use crate::content::ListReader;
use crate::model::Content;
use crate::ordered::Ordered;
use crate::segment::ObjectReader;
use crate::source::{Region, SourceFile, Stat};

/// About how many bytes one run covers, and up to which size a file is cut by one.
pub(super) const RUN_BYTES: u64 = 4 << 20;

/// A piece of a file on the way in.
pub(super) enum Piece {
    /// A chunk.
    Chunk(Chunk),
    /// A hole of so many bytes.
    Hole(u64),
}

impl Piece {
    /// Its length in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Chunk(chunk) => chunk.len as u64,
            Self::Hole(len) => *len,
        }
    }
}

/// Takes the pieces of a file, in order.
pub(super) type Take<'a, E> = dyn FnMut(Piece) -> Result<(), E> + 'a;

/// The chunks that the parent had in a file, in order.
pub(super) type Guide<'a> = Peekable<Box<dyn Iterator<Item = Expected> + 'a>>;

/// The guide to a file that was `size` bytes long with this content. It ends where the parent's list cannot be read.
pub(super) fn guide<'a>(reader: &'a ObjectReader, before: Option<(u64, Content)>) -> Guide<'a> {
    let chunks: Box<dyn Iterator<Item = Expected> + 'a> = match before {
        None | Some((_, Content::Empty)) => Box::new(std::iter::empty()),
        Some((len, Content::Chunk(id))) => Box::new(std::iter::once(Expected { offset: 0, len, id })),
        Some((size, Content::List(id))) => {
            let mut at = 0;
            let items = ListReader::new(reader, id, size).map_while(Result::ok);
            let chunks = items.map(move |item| {
                let offset = at;
                at += item.len;
                let len = item.len;
                item.id.map(|id| Expected { offset, len, id })
            });
            Box::new(chunks.flatten())
        }
    };
    chunks.peekable()
}

/// Where the runs over one large file are made.
pub(super) struct Workers<'a, 'scope> {
    /// Takes the runs.
    pub(super) tasks: &'a rayon::Scope<'scope>,
    /// How many runs may be under way.
    pub(super) limit: usize,
}

/// Cuts an open file as it is described by `stat`, by runs side by side if there are `workers` and it is large. Returns the bytes
/// covered, holes included: fewer than `stat.size` if the file was cut off meanwhile.
pub(super) fn cut_file<'scope, E: From<io::Error>>(
    runner: Runner<'scope>,
    file: &Arc<SourceFile>,
    stat: &Stat,
    mut guide: Guide<'_>,
    workers: Option<&Workers<'_, 'scope>>,
    take: &mut Take<'_, E>,
) -> Result<u64, E> {
    let sparse = stat.allocated < stat.size;
    let mut at = 0;
    while at < stat.size {
        let region = match sparse {
            true => file.region_at(at, stat.size)?,
            false => Region::Data {
                start: 0,
                end: stat.size,
            },
        };
        at = match region {
            Region::Hole { start, end } => {
                take(Piece::Hole(end - start))?;
                end
            }
            Region::Data { start, end } => {
                let mut joint = Joint {
                    runner,
                    file,
                    at: start,
                    region_end: end,
                    take,
                };
                match workers.filter(|_| end - start > RUN_BYTES) {
                    Some(workers) => joint.cut_side_by_side(&mut guide, workers)?,
                    None => {
                        let plan = plan(&mut guide, start, end, u64::MAX);
                        joint.cut_serially(&plan.expected, &mut |_| Proceed::Go)?;
                    }
                }
                if joint.at < end {
                    return Ok(joint.at);
                }
                end
            }
        };
    }
    Ok(at)
}

/// What a run is to cover.
struct Plan {
    start: u64,
    end: u64,
    expected: Vec<Expected>,
}

/// Plans a run from `start` on over `bytes` or more, up to where a chunk of the parent starts, if it can be.
fn plan(guide: &mut Guide<'_>, start: u64, region_end: u64, bytes: u64) -> Plan {
    let target = start.saturating_add(bytes).min(region_end);
    let mut expected = Vec::new();
    let mut end = target;
    while let Some(chunk) = guide.peek() {
        if chunk.offset >= target {
            if chunk.offset < target.saturating_add(RUN_BYTES) {
                end = chunk.offset.min(region_end);
            }
            break;
        }
        if chunk.end() > start {
            expected.push(*chunk);
        }
        guide.next();
    }
    // No run for a few bytes at the end.
    if region_end - end < RUN_BYTES / 4 {
        end = region_end;
        while let Some(chunk) = guide.next_if(|chunk| chunk.offset < end) {
            expected.push(chunk);
        }
    }
    Plan { start, end, expected }
}

/// A run that was made ahead: its plan, and the chunks from its start up to the first cut at or behind its end.
type Ahead = (Plan, io::Result<Vec<Chunk>>);

/// Where the true cuts of a region have come to.
struct Joint<'j, 'scope, 't, E> {
    runner: Runner<'scope>,
    file: &'j Arc<SourceFile>,
    at: u64,
    region_end: u64,
    take: &'j mut Take<'t, E>,
}

impl<'scope, E: From<io::Error>> Joint<'_, 'scope, '_, E> {
    fn cut_side_by_side(&mut self, guide: &mut Guide<'_>, workers: &Workers<'_, 'scope>) -> Result<(), E> {
        let mut runs: Ordered<'_, 'scope, Ahead> = Ordered::new(workers.tasks, workers.limit);
        let mut planned = self.at;
        loop {
            while planned < self.region_end && !runs.is_full() {
                let plan = plan(guide, planned, self.region_end, RUN_BYTES);
                planned = plan.end;
                let (runner, file, region_end) = (self.runner, Arc::clone(self.file), self.region_end);
                runs.push(move || run_ahead(runner, &file, plan, region_end));
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
            self.cut_serially(&plan.expected, &mut behind)?;
        }
        // They differ only where the file was cut off meanwhile.
        if ahead.front().is_some_and(|chunk| chunk.start != self.at) {
            return Ok(());
        }
        for chunk in ahead {
            self.at = chunk.end();
            (self.take)(Piece::Chunk(chunk))?;
        }
        Ok(())
    }

    /// Cuts from the true cut on until `proceed`, which is told where the next one is, says so.
    fn cut_serially(
        &mut self,
        expected: &[Expected],
        proceed: &mut dyn FnMut(u64) -> Proceed,
    ) -> Result<(), E> {
        let mut read_at = |buffer: &mut [u8], offset| self.file.read_at(buffer, offset);
        let (start, take) = (self.at, &mut self.take);
        let at = &mut self.at;
        self.runner
            .run(&mut read_at, start, self.region_end, expected, &mut |chunk| {
                *at = chunk.end();
                take(Piece::Chunk(chunk))?;
                Ok::<_, E>(proceed(*at))
            })
    }
}

fn run_ahead(runner: Runner<'_>, file: &SourceFile, plan: Plan, region_end: u64) -> Ahead {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut read_at = |buffer: &mut [u8], offset| file.read_at(buffer, offset);
    let done = runner.run(
        &mut read_at,
        plan.start,
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
