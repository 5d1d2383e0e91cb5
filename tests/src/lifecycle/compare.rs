//! Looking whether everything is as it should be.

use std::collections::BTreeMap;

use restante_format::archive::{Archive, Grace, VerifyLevel};
use restante_format::catalog::{Selector, Which};
use restante_format::id::Id;
use restante_format::model::Timestamp;
use restante_format::progress::Progress;
use restante_format::store::{Name, Shelf};

use super::act::{Act, read_all};
use super::garbage::assert_no_garbage;
use super::source::Tree;
use super::world::{World, series_of};
use crate::archives::prune;

impl World {
    /// Somebody reads: what is live is right, what was forgotten may be gone.
    pub(super) fn compare_read(
        &mut self,
        read: BTreeMap<Id, std::result::Result<Tree, String>>,
        is_strict: bool,
    ) {
        for (id, tree) in read {
            let Some(known) = self.live.get(&id) else {
                assert!(
                    !is_strict || self.forgotten.contains(&id),
                    "nobody has taken {id}"
                );
                continue;
            };
            match tree {
                Ok(tree) => assert!(tree == *known.tree, "snapshot {id} gives something else"),
                Err(error) => panic!("snapshot {id} cannot be read: {error}"),
            }
            self.tally.compared += 1;
        }
    }

    /// What a handle that has just looked lists.
    pub(super) fn compare_list(&self, archive: &Archive) {
        let forwards: Vec<(Timestamp, Id)> = archive
            .catalog()
            .oldest_first()
            .map(|moment| (moment.time, moment.id()))
            .collect();
        let mut backwards: Vec<(Timestamp, Id)> = archive
            .catalog()
            .newest_first()
            .map(|moment| (moment.time, moment.id()))
            .collect();
        backwards.reverse();
        let mut expected: Vec<(Timestamp, Id)> =
            self.live.iter().map(|(id, known)| (known.time, *id)).collect();
        expected.sort_unstable();
        assert!(archive.damage().is_empty(), "{:?}", archive.damage());
        assert_eq!(forwards, expected, "the oldest first");
        assert_eq!(backwards, expected, "the newest first");
    }

    /// Everything, by somebody who has never been there.
    pub(super) fn compare_fresh(&mut self) {
        let archive = self.open();
        self.compare_list(&archive);
        let read = read_all(&archive);
        assert_eq!(read.len(), self.live.len());
        self.compare_read(read, true);
        let report = archive
            .verify(VerifyLevel::Full, &Progress::default())
            .expect("verify");
        assert!(report.damaged.is_empty(), "{:#?}", report.damaged);
        self.compare_names(&archive);
    }

    fn compare_names(&self, archive: &Archive) {
        let catalog = archive.catalog();
        let mut expected: Vec<(Timestamp, Id)> =
            self.live.iter().map(|(id, known)| (known.time, *id)).collect();
        expected.sort_unstable();
        let resolve = |which| {
            let text = String::new();
            let connector = None;
            catalog
                .resolve(&Selector {
                    connector,
                    which,
                    text,
                })
                .map(|listed| listed.id)
        };
        let step = expected.len() / 8 + 1;
        for (back, (time, id)) in expected.iter().rev().enumerate().step_by(step) {
            assert_eq!(resolve(Which::Prefix(id.to_string())).expect("by id"), *id);
            assert_eq!(resolve(Which::Latest { back }).expect("from the newest"), *id);
            let at = expected
                .iter()
                .rev()
                .find(|(other, _)| other <= time)
                .expect("itself");
            assert_eq!(resolve(Which::At(*time)).expect("by time"), at.1);
        }
        for n in 0..3 {
            let newest = catalog
                .newest_of(&series_of(n))
                .map(|moment| (moment.time, moment.id()));
            let mut of = expected.iter().filter(|(_, id)| self.live[id].series == n);
            assert_eq!(newest, of.next_back().copied(), "the newest of series {n}");
        }
    }

    pub(super) fn end(&mut self) {
        self.compare_fresh();
        let mut archive = self.open();
        archive.compact(&Progress::default()).expect("compact");
        self.prune_all(&mut archive);
        self.compare_fresh();
        assert_no_garbage(&self.open(), self.stage.files());
        let files = self.stage.files().files();
        self.prune_all(&mut archive);
        assert!(
            files == self.stage.files().files(),
            "a second prune changes something"
        );
        let all = self.live.keys().copied().collect();
        self.alone(0, &Act::Forget(all));
        self.prune_all(&mut archive);
        self.compare_fresh();
        let left = self.stage.files().files();
        let is_derived = |name: &Name| *name == Name::Config || name.shelf() == Some(Shelf::Tables);
        assert!(
            left.keys().all(is_derived),
            "of nothing there is left {:?}",
            left.keys()
        );
    }

    fn prune_all(&self, archive: &mut Archive) {
        prune(archive, self.now, Grace::None);
    }
}
