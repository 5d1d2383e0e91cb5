//! What is known of the groups of one generation while a snapshot is taken, again and again if need be.
//!
//! A group holds still if a second look, after everything was read, finds exactly the members that were kept, with the
//! stats that they had before they were read: then none of them changed from its own reading to that look, and all were
//! like this together when it began. Groups that held still stay as they are when the tree is taken again for
//! the sake of others; a group that never does is marked torn in a last round.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{ConsistencySet, TornSet};
use crate::archive::snapshot::Source;
use crate::limits::{LISTED_BYTES, LISTED_PATHS};
use crate::model::{Entry, Node, Timestamp, push_name};
use crate::source::Stat;

/// How often the tree is taken in the hope that all groups hold still.
const ROUNDS: u32 = 3;
/// How many files that were read are remembered, so that the next round need not read them again.
const REMEMBERED: usize = 1 << 16;

/// One group: its root and set by number, and what its members have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    root: usize,
    set: usize,
    stem: Vec<u8>,
}

/// A file as it was taken.
#[derive(Debug)]
pub(in crate::archive) struct Kept {
    pub(in crate::archive) entry: Entry,
    /// Why its extended attributes are not in the entry.
    pub(in crate::archive) trouble: Option<String>,
    /// Whether it was opened for this snapshot.
    pub(in crate::archive) was_read: bool,
}

/// The members of a group by path; `None` for one that could not be read.
type Members = BTreeMap<Vec<u8>, Option<Arc<Kept>>>;

/// What an earlier round says of a path.
pub(in crate::archive) enum Known {
    /// It is part of a group that held still, and is taken as it was then.
    Settled(Arc<Kept>),
    /// It was not part of such a group; if it is a file, it is left to the next snapshot.
    Absent,
    /// It was read, and need not be again if its stat is the same.
    Read(Arc<Kept>),
}

/// What a round found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    Still,
    /// The clock of a member's file system is too coarse for its stat to tell.
    Unsure,
    Moved,
}

/// What follows from a round.
pub(in crate::archive) enum Verdict {
    /// The tree stands, with these sets torn.
    Done(Vec<TornSet>),
    /// The tree is to be taken again.
    Again,
}

#[derive(Clone)]
struct Root {
    place: Vec<Vec<u8>>,
    /// The place as a path, with a `/` behind it.
    prefix: Vec<u8>,
    sets: Vec<ConsistencySet>,
}

/// What is known of all groups of a source.
#[derive(Clone)]
pub(in crate::archive) struct Watch {
    /// Those with sets.
    roots: Vec<Root>,
    round: u32,
    settled: BTreeMap<Group, Members>,
    /// Groups of the round before of which the stats did not tell enough.
    unsure: BTreeMap<Group, Members>,
    read: HashMap<Vec<u8>, Arc<Kept>>,
    /// The names of settled members, by the path of their folder.
    names: HashMap<Vec<u8>, Vec<Vec<u8>>>,
}

impl Watch {
    /// `None` for a source without sets.
    pub(in crate::archive) fn of(source: &Source) -> Option<Self> {
        let roots = source.roots.iter().filter(|root| !root.sets.is_empty());
        let roots: Vec<Root> = roots
            .map(|root| Root {
                place: root.place.clone(),
                prefix: [root.place.join(&b'/'), b"/".to_vec()].concat(),
                sets: root.sets.clone(),
            })
            .collect();
        (!roots.is_empty()).then(|| Self {
            roots,
            round: 1,
            settled: BTreeMap::new(),
            unsure: BTreeMap::new(),
            read: HashMap::new(),
            names: HashMap::new(),
        })
    }

    /// Which round this is, from 1.
    pub(in crate::archive) fn round(&self) -> u32 {
        self.round
    }

    /// Whether what is not settled is marked torn in this round.
    pub(in crate::archive) fn is_last(&self) -> bool {
        self.round > ROUNDS
    }

    fn groups_at(&self, path: &[u8]) -> Vec<Group> {
        let mut groups = Vec::new();
        for (root, watched) in self.roots.iter().enumerate() {
            let Some(below) = path.strip_prefix(watched.prefix.as_slice()) else {
                continue;
            };
            for (set, rule) in watched.sets.iter().enumerate() {
                groups.extend(rule.stem_of(below).map(|stem| Group { root, set, stem }));
            }
        }
        groups
    }

    /// Whether a regular file at this path would be in a group that has not held still yet.
    pub(super) fn is_undecided(&self, path: &[u8]) -> bool {
        let groups = self.groups_at(path);
        groups.iter().any(|group| !self.settled.contains_key(group))
    }

    /// What earlier rounds say of `path` below the root at `place`.
    pub(in crate::archive) fn known(&self, place: &[Vec<u8>], path: &[u8]) -> Option<Known> {
        if self.round == 1 {
            return None;
        }
        let path = full_path(place, path);
        let mut is_settled = false;
        for group in self.groups_at(&path) {
            if let Some(members) = self.settled.get(&group) {
                is_settled = true;
                if let Some(Some(kept)) = members.get(&path) {
                    return Some(Known::Settled(Arc::clone(kept)));
                }
            }
        }
        match is_settled {
            true => Some(Known::Absent),
            false => self.read.get(&path).map(|kept| Known::Read(Arc::clone(kept))),
        }
    }

    /// The names of settled members in the folder at `path` below the root at `place`.
    pub(in crate::archive) fn settled_names(&self, place: &[Vec<u8>], path: &[u8]) -> &[Vec<u8>] {
        match self.names.is_empty() {
            true => &[],
            false => self.names.get(&full_path(place, path)).map_or(&[], Vec::as_slice),
        }
    }

    /// Draws the conclusions from a round: what was `noted` in it, and what the second look found, which the last
    /// round goes without.
    pub(in crate::archive) fn judge(&mut self, noted: Noted, looked: &BTreeMap<Vec<u8>, Stat>) -> Verdict {
        let mut found: BTreeMap<Group, BTreeMap<&[u8], &Stat>> = BTreeMap::new();
        for (path, stat) in looked {
            for group in self.groups_at(path) {
                found.entry(group).or_default().insert(path, stat);
            }
        }
        let nothing = Members::new();
        let mut moved = BTreeSet::new();
        let mut unsure = BTreeSet::new();
        // A stem that is new altogether was not there when its folder was listed. A file that comes to a group of many folders
        // may have been passed over, because it was moved from one to another.
        let is_wide = |group: &Group| group.stem.is_empty();
        let appeared = found
            .keys()
            .filter(|group| is_wide(group) && !noted.members.contains_key(group));
        for group in noted.members.keys().chain(appeared) {
            let members = noted.members.get(group).unwrap_or(&nothing);
            let finding = match self.settled.get(group) {
                // A folder that is gone takes some of its members with it.
                Some(before) if !before.keys().eq(members.keys()) => Finding::Moved,
                Some(_) => Finding::Still,
                None if self.is_last() => continue,
                None => self.finding(group, members, found.get(group)),
            };
            match finding {
                Finding::Still => {}
                Finding::Unsure => drop((moved.insert(group.clone()), unsure.insert(group.clone()))),
                Finding::Moved => drop(moved.insert(group.clone())),
            }
        }
        self.spread(&mut moved, &noted.members);
        let is_undecided = |group: &Group| moved.contains(group);
        let is_done = moved.is_empty();
        if is_done && !self.is_last() {
            return Verdict::Done(Vec::new());
        }
        if is_done {
            return Verdict::Done(self.torn_sets(&noted.members));
        }
        let was_last = self.is_last();
        self.unsure.clear();
        let (mut kept, mut names) = (noted.read, HashMap::<Vec<u8>, Vec<Vec<u8>>>::new());
        for (group, members) in noted.members {
            if is_undecided(&group) {
                self.settled.remove(&group);
                for (path, member) in &members {
                    kept.extend(member.as_ref().map(|kept| (path.clone(), Arc::clone(kept))));
                }
                if unsure.contains(&group) {
                    self.unsure.insert(group, members);
                }
            } else if !was_last || self.settled.contains_key(&group) {
                self.settled.insert(group, members);
            }
        }
        for path in self.settled.values().flat_map(BTreeMap::keys) {
            let at = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            let name = path.get(at + 1..).unwrap_or_default();
            names.entry(path[..at].to_vec()).or_default().push(name.to_vec());
        }
        (self.read, self.names) = (kept, names);
        self.round += 1;
        Verdict::Again
    }

    fn finding(&self, group: &Group, members: &Members, found: Option<&BTreeMap<&[u8], &Stat>>) -> Finding {
        if members.len() != found.map_or(0, BTreeMap::len) {
            return Finding::Moved;
        }
        let mut is_unsure = false;
        for (path, member) in members {
            let stat = found.and_then(|found| found.get(path.as_slice()));
            match (member, stat) {
                (Some(kept), Some(stat)) => match compare(&kept.entry, stat) {
                    Finding::Still => {}
                    Finding::Unsure => is_unsure = true,
                    Finding::Moved => return Finding::Moved,
                },
                _ => return Finding::Moved,
            }
        }
        // Read twice, before and after a look, and the same bytes both times.
        let is_as_before = || {
            let before = self.unsure.get(group);
            before.is_some_and(|before| {
                before.len() == members.len() && members.iter().zip(before).all(is_same_member)
            })
        };
        match is_unsure && !is_as_before() {
            true => Finding::Unsure,
            false => Finding::Still,
        }
    }

    /// A group that shares a file with one that moved must be taken again with it.
    fn spread(&self, moved: &mut BTreeSet<Group>, groups: &BTreeMap<Group, Members>) {
        if self.roots.iter().all(|root| root.sets.len() < 2) {
            return;
        }
        loop {
            let paths: BTreeSet<&Vec<u8>> = moved
                .iter()
                .filter_map(|group| groups.get(group))
                .flat_map(BTreeMap::keys)
                .collect();
            let touched: Vec<&Group> = groups
                .iter()
                .filter(|(group, members)| {
                    !moved.contains(group) && members.keys().any(|path| paths.contains(path))
                })
                .map(|(group, _)| group)
                .collect();
            if touched.is_empty() {
                return;
            }
            // In the last round everything that is not settled is torn already.
            let before = moved.len();
            let touched = touched
                .into_iter()
                .filter(|group| !self.is_last() || self.settled.contains_key(group));
            moved.extend(touched.cloned());
            if moved.len() == before {
                return;
            }
        }
    }

    fn torn_sets(&self, groups: &BTreeMap<Group, Members>) -> Vec<TornSet> {
        let mut torn: Vec<TornSet> = Vec::new();
        let (mut listed, mut bytes) = (0, 0);
        let mut last = None;
        for (group, members) in groups {
            if self.settled.contains_key(group) {
                continue;
            }
            let root = &self.roots[group.root];
            if last != Some((group.root, group.set)) {
                last = Some((group.root, group.set));
                torn.push(TornSet {
                    name: root.sets[group.set].name.clone(),
                    place: root.place.clone(),
                    files: 0,
                    paths: Vec::new(),
                });
            }
            let Some(set) = torn.last_mut() else { continue };
            set.files += members.len() as u64;
            for path in members.keys() {
                if listed < LISTED_PATHS && bytes + path.len() <= LISTED_BYTES {
                    (listed, bytes) = (listed + 1, bytes + path.len());
                    set.paths.push(path.clone());
                }
            }
        }
        torn
    }
}

fn full_path(place: &[Vec<u8>], path: &[u8]) -> Vec<u8> {
    let mut full = place.join(&b'/');
    if !path.is_empty() {
        push_name(&mut full, path);
    }
    full
}

/// Whether a file that was kept like this still has the state in which it was read.
fn compare(entry: &Entry, stat: &Stat) -> Finding {
    let (meta, size) = (&entry.meta, entry.node.size());
    let same =
        (size, meta.mtime, meta.device, meta.inode) == (stat.size, stat.mtime, stat.device, stat.inode);
    match same && !meta.torn {
        false => Finding::Moved,
        true if meta.ctime == stat.ctime => Finding::Still,
        true if meta.ctime == Timestamp::default() => Finding::Unsure,
        true => Finding::Moved,
    }
}

type Member<'a> = (&'a Vec<u8>, &'a Option<Arc<Kept>>);

fn is_same_member((a, b): (Member<'_>, Member<'_>)) -> bool {
    let state = |kept: &Kept| {
        let meta = &kept.entry.meta;
        (
            kept.entry.node.clone(),
            meta.mtime,
            meta.device,
            meta.inode,
            meta.torn,
        )
    };
    let ctimes = |a: Timestamp, b: Timestamp| a == b || [a, b].contains(&Timestamp::default());
    match (a, b) {
        ((a_path, Some(a)), (b_path, Some(b))) => {
            a_path == b_path && state(a) == state(b) && ctimes(a.entry.meta.ctime, b.entry.meta.ctime)
        }
        _ => false,
    }
}

/// What was kept of the groups in one round, and which files were read.
#[derive(Default)]
pub(in crate::archive) struct Noted {
    members: BTreeMap<Group, Members>,
    read: HashMap<Vec<u8>, Arc<Kept>>,
}

/// Takes notes while a tree is put together.
pub(in crate::archive) struct Noting {
    watch: Arc<Watch>,
    pub(in crate::archive) noted: Noted,
}

impl Noting {
    pub(in crate::archive) fn new(watch: Arc<Watch>) -> Self {
        Self {
            watch,
            noted: Noted::default(),
        }
    }

    /// Takes down what is about to be kept at `path`; in the last round it is marked torn if its group is.
    pub(in crate::archive) fn keep(&mut self, path: Vec<u8>, kept: &mut Kept) {
        if !matches!(kept.entry.node, Node::File { .. }) {
            return;
        }
        let groups = self.watch.groups_at(&path);
        let is_settled = |group: &Group| self.watch.settled.contains_key(group);
        if self.watch.is_last() && !groups.iter().all(is_settled) {
            kept.entry.meta.torn = true;
            kept.entry.meta.ctime = Timestamp::default();
        }
        let is_remembered = kept.was_read && self.noted.read.len() < REMEMBERED;
        if groups.is_empty() && !is_remembered {
            return;
        }
        let kept = Arc::new(Kept {
            entry: kept.entry.clone(),
            trouble: kept.trouble.clone(),
            was_read: kept.was_read,
        });
        if is_remembered {
            self.noted.read.insert(path.clone(), Arc::clone(&kept));
        }
        for group in groups {
            let members = self.noted.members.entry(group).or_default();
            members.insert(path.clone(), Some(Arc::clone(&kept)));
        }
    }

    /// Takes down that what lies at `path` could not be read.
    pub(in crate::archive) fn lose(&mut self, path: &[u8]) {
        for group in self.watch.groups_at(path) {
            let members = self.noted.members.entry(group).or_default();
            members.insert(path.to_vec(), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Content, Meta};
    use crate::source::{FileKind, Filter, Patterns};

    const PATHS: [&[u8]; 2] = [b"root/x.dat", b"root/x.idx"];

    fn watch() -> Arc<Watch> {
        let set = ConsistencySet::new("set", &Patterns::default(), true).expect("good patterns");
        let root = crate::archive::Root {
            place: vec![b"root".to_vec()],
            path: "unused".into(),
            filter: Filter::default(),
            sets: vec![set],
        };
        let source = Source {
            roots: vec![root],
            ..Source::default()
        };
        Arc::new(Watch::of(&source).expect("it has a set"))
    }

    fn stat(size: u64, ctime: i64) -> Stat {
        let time = |secs| Timestamp { secs, nanos: 0 };
        Stat {
            kind: FileKind::File,
            size,
            allocated: size,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: time(5),
            ctime: time(ctime),
            device: 1,
            inode: 2,
            links: 1,
            special: (0, 0),
        }
    }

    fn kept(name: &[u8], ctime: i64, id: u8) -> Kept {
        let content = Content::Chunk(crate::id::Id([id; 32]));
        let meta = Meta {
            mtime: stat(7, 9).mtime,
            ctime: stat(7, ctime).ctime,
            device: 1,
            inode: 2,
            ..Meta::default()
        };
        Kept {
            entry: Entry {
                name: name.to_vec(),
                node: Node::File { size: 7, content },
                meta,
            },
            trouble: None,
            was_read: true,
        }
    }

    /// One round: the members are kept with these ctimes, 0 where it could not be waited for, and found with ctime 9.
    fn round(watch: &mut Arc<Watch>, ctimes: [i64; 2], id: u8) -> Verdict {
        let mut noting = Noting::new(Arc::clone(watch));
        for (path, secs) in PATHS.iter().zip(ctimes) {
            let mut kept = kept(&path[5..], secs, id);
            noting.keep(path.to_vec(), &mut kept);
            assert_eq!(kept.entry.meta.torn, watch.is_last());
        }
        let noted = noting.noted;
        let looked = match watch.is_last() {
            true => BTreeMap::new(),
            false => PATHS.iter().map(|path| (path.to_vec(), stat(7, 9))).collect(),
        };
        Arc::make_mut(watch).judge(noted, &looked)
    }

    fn is_done(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Done(torn) if torn.is_empty())
    }

    #[test]
    fn a_stat_that_tells_is_believed_and_one_that_does_not_is_read_twice() {
        assert!(is_done(&round(&mut watch(), [9, 9], 1)));
        let mut unsure = watch();
        assert!(!is_done(&round(&mut unsure, [9, 0], 1)));
        assert!(is_done(&round(&mut unsure, [9, 0], 1)));
        assert_eq!(unsure.round(), 2);
        let mut told_later = watch();
        assert!(!is_done(&round(&mut told_later, [9, 0], 1)));
        assert!(is_done(&round(&mut told_later, [9, 9], 2)));
    }

    #[test]
    fn bytes_that_change_under_a_stat_that_does_not_tell_are_torn_in_the_end() {
        let mut watch = watch();
        for n in 1..=3 {
            assert!(matches!(round(&mut watch, [0, 9], n), Verdict::Again));
            assert_eq!(watch.is_last(), n == 3);
        }
        match round(&mut watch, [0, 9], 3) {
            Verdict::Done(torn) => assert_eq!((torn.len(), torn[0].files), (1, 2)),
            Verdict::Again => panic!("this was the last round"),
        }
    }

    #[test]
    fn what_held_still_is_known_when_the_tree_is_taken_again() {
        let mut watch = watch();
        let mut noting = Noting::new(Arc::clone(&watch));
        for name in [b"x.dat", b"x.idx", b"y.dat"] {
            noting.keep([&b"root/"[..], name].concat(), &mut kept(name, 9, 1));
        }
        let stat = |path: &[u8], ctime| (path.to_vec(), stat(7, ctime));
        let looked = [stat(PATHS[0], 9), stat(PATHS[1], 9), stat(b"root/y.dat", 10)];
        let verdict = Arc::make_mut(&mut watch).judge(noting.noted, &looked.into());
        assert!(matches!(verdict, Verdict::Again));
        let known = |path: &[u8]| watch.known(&[b"root".to_vec()], path);
        assert!(matches!(known(b"x.dat"), Some(Known::Settled(_))));
        assert!(matches!(known(b"x.new"), Some(Known::Absent)));
        assert!(matches!(known(b"y.dat"), Some(Known::Read(_))));
        assert!(known(b"y.new").is_none() && known(b"z").is_none());
        assert!(!watch.is_undecided(PATHS[0]) && watch.is_undecided(b"root/y.dat"));
        // Also if they are gone by then.
        let names = watch.settled_names(&[b"root".to_vec()], b"");
        assert_eq!(names, [b"x.dat".to_vec(), b"x.idx".to_vec()]);
    }

    #[test]
    fn another_ctime_is_a_change() {
        let mut watch = watch();
        assert!(matches!(round(&mut watch, [8, 9], 1), Verdict::Again));
        assert!(watch.unsure.is_empty());
    }
}
