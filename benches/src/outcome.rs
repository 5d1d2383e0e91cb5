//! What was measured of the programs, which take turns, each until it fails.

use restante_tests::workload::Summary;

use crate::failure::Failure;
use crate::tool::{Station, Tool};

/// What was measured of one program.
pub trait Measured {
    /// Which program.
    fn who(&self) -> &str;

    /// Why there is no more.
    fn failure(&self) -> Option<&Failure>;

    /// Says why there will be no more.
    fn fail(&mut self, failure: Failure);
}

/// What was measured, and on what.
pub struct Outcome<R> {
    /// The tree as it was at first.
    pub tree: Summary,
    /// A row for each program, and for each step where there are several.
    pub rows: Vec<R>,
}

impl<R: Measured> Outcome<R> {
    /// Whether this project's program failed at something.
    pub fn restante_failed(&self) -> bool {
        let failed = |row: &R| row.who() == Tool::Restante.name() && row.failure().is_some();
        self.rows.iter().any(failed)
    }
}

/// Does something with every program that has not failed yet.
pub(crate) fn each<R: Measured>(
    work: &mut [(Station, R)],
    mut act: impl FnMut(&mut Station, &mut R) -> Result<(), Failure>,
) {
    for (station, row) in work.iter_mut().filter(|(_, row)| row.failure().is_none()) {
        if let Err(failure) = act(station, row) {
            eprintln!("{}: {failure}", row.who());
            row.fail(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    struct Row(Tool, Option<Failure>);

    impl Measured for Row {
        fn who(&self) -> &str {
            self.0.name()
        }

        fn failure(&self) -> Option<&Failure> {
            self.1.as_ref()
        }

        fn fail(&mut self, failure: Failure) {
            self.1 = Some(failure);
        }
    }

    #[test]
    fn who_failed_is_not_asked_again() {
        let none = Path::new("/none");
        let tools = [Tool::Restante, Tool::Borg];
        let mut work: Vec<(Station, Row)> = (tools.into_iter())
            .map(|tool| (Station::new(tool, none, none, none), Row(tool, None)))
            .collect();
        let mut asked = Vec::new();
        for _ in 0..2 {
            each(&mut work, |station, _| {
                asked.push(station.tool);
                match station.tool {
                    Tool::Borg => Err(Failure::Missing("it is gone".into())),
                    _ => Ok(()),
                }
            });
        }
        assert_eq!(asked, [Tool::Restante, Tool::Borg, Tool::Restante]);
        let rows = work.into_iter().map(|(_, row)| row).collect();
        let tree = Summary::default();
        let mut outcome = Outcome { tree, rows };
        assert!(!outcome.restante_failed());
        outcome.rows[0].fail(Failure::Missing("so is this".into()));
        assert!(outcome.restante_failed());
    }
}
