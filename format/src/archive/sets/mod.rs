//! Files that belong to one generation: a table and its index, a mail and its envelope. Each may be whole while both together
//! are a state that never was, so a snapshot looks at them once more when everything has been read.

mod look;
mod watch;

pub(super) use look::look;
pub(super) use watch::{Kept, Known, Noted, Noting, Verdict, Watch};

use crate::source::{Filter, FilterError, Patterns};

/// Regular files of a root that belong to one generation: a snapshot holds all of them as they were at one moment, or
/// marks all of them torn. Sets of a root that have a file in common are torn together.
#[derive(Clone, Debug)]
pub struct ConsistencySet {
    name: String,
    members: Filter,
    by_stem: bool,
    ignore_case: bool,
}

impl ConsistencySet {
    /// The set of the files below a root that `members` match: all of them as one group, or, `by_stem`, one group
    /// of each folder's files that have the same name up to the last dot. Letters of such names are compared as the patterns
    /// compare them. A root that is itself a file has no members.
    pub fn new(name: impl Into<String>, members: &Patterns, by_stem: bool) -> Result<Self, FilterError> {
        Ok(Self {
            name: name.into(),
            members: Filter::new(members, &[])?,
            by_stem,
            ignore_case: members.ignore_case,
        })
    }

    /// What it is called in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file at `path` below the root has in common with the others of its group; `None` if it is no member.
    fn stem_of(&self, path: &[u8]) -> Option<Vec<u8>> {
        if path.is_empty() || !self.members.includes(path) {
            return None;
        }
        if !self.by_stem {
            return Some(Vec::new());
        }
        let name_at = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
        let (folder, name) = path.split_at(name_at);
        let stem = match name.iter().rposition(|byte| *byte == b'.') {
            // A name that only begins with a dot has no extension.
            None | Some(0) => name,
            Some(dot) => &name[..dot],
        };
        let stem = match (self.ignore_case, std::str::from_utf8(stem)) {
            (false, _) => stem.to_vec(),
            (true, Ok(text)) => text.to_lowercase().into_bytes(),
            (true, Err(_)) => stem.to_ascii_lowercase(),
        };
        Some([folder, &stem].concat())
    }
}

/// A set of which no whole state could be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornSet {
    /// The name of the set.
    pub name: String,
    /// The place of its root in the snapshot.
    pub place: Vec<Vec<u8>>,
    /// How many files of it are marked torn or could not be read.
    pub files: u64,
    /// The first of them: paths inside the snapshot, of all sets together not more than a snapshot lists as torn.
    pub paths: Vec<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(globs: &[&str], ignore_case: bool, by_stem: bool, path: &str) -> Option<String> {
        let globs = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let patterns = Patterns { globs, ignore_case };
        let set = ConsistencySet::new("set", &patterns, by_stem).expect("good patterns");
        let stem = set.stem_of(path.as_bytes())?;
        Some(String::from_utf8(stem).expect("text"))
    }

    #[test]
    fn names_without_extension_make_the_groups_of_a_folder() {
        let of = |path| stem(&["*.dat", "*.idx", ".x"], true, true, path);
        assert_eq!(of("a/B/Tab.le.DAT").as_deref(), Some("a/B/tab.le"));
        assert_eq!(of("a/B/TAB.LE.idx"), of("a/B/Tab.le.DAT"));
        assert_ne!(of("a/b/TAB.LE.idx"), of("a/B/Tab.le.DAT"));
        assert_eq!(of(".x").as_deref(), Some(".x"));
        assert_eq!(of("a/B/Tab.log"), None);
        assert_eq!(stem(&["*.dat"], false, true, "GRÜN.dat").as_deref(), Some("GRÜN"));
        assert_eq!(stem(&["*.dat"], true, true, "GRÜN.dat").as_deref(), Some("grün"));
        assert_eq!(stem(&["*.dat"], false, false, "a/b.dat").as_deref(), Some(""));
        assert_eq!(stem(&[], false, false, ""), None);
    }
}
