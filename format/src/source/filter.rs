//! Which paths of a source are taken.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Glob patterns and how they compare letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// Globs: `*` and `?` stay within a name, `**` crosses directories. One without `/` matches a name at any depth,
    /// any other the path below the root.
    pub globs: Vec<String>,
    /// Whether `A` matches `a`.
    pub ignore_case: bool,
}

/// A pattern that is none.
#[derive(Debug, thiserror::Error)]
#[error("{pattern:?} is not a glob pattern")]
pub struct FilterError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    #[source]
    pub source: globset::Error,
}

/// Compiled patterns of one root.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `None` takes everything.
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    /// A filter that takes what `include` matches (everything, where it has no pattern) but
    /// for what one of `exclude` matches.
    pub fn new(include: &Patterns, exclude: &[Patterns]) -> Result<Self, FilterError> {
        let include = if include.globs.is_empty() {
            None
        } else {
            Some(compile([include])?)
        };
        Ok(Self {
            include,
            exclude: compile(exclude)?,
        })
    }

    /// Whether the entry at `path` below the root is left out, with everything below it.
    pub fn excludes(&self, path: &[u8]) -> bool {
        !self.exclude.is_empty() && self.exclude.is_match(as_path(path).as_ref())
    }

    /// Whether the entry itself is asked for. Directories are walked all the same.
    pub fn includes(&self, path: &[u8]) -> bool {
        self.include
            .as_ref()
            .is_none_or(|set| set.is_match(as_path(path).as_ref()))
    }

    /// Whether only some files are asked for, so that directories without any are left out.
    pub fn is_selective(&self) -> bool {
        self.include.is_some()
    }
}

fn compile<'a>(patterns: impl IntoIterator<Item = &'a Patterns>) -> Result<GlobSet, FilterError> {
    let mut set = GlobSetBuilder::new();
    for Patterns { globs, ignore_case } in patterns {
        for pattern in globs {
            let error = |source| FilterError {
                pattern: pattern.clone(),
                source,
            };
            let path = pattern.trim_end_matches('/');
            let anchored = match path.strip_prefix('/') {
                Some(below_root) => below_root.to_owned(),
                None if path.contains('/') => path.to_owned(),
                None => format!("**/{path}"),
            };
            let mut glob = GlobBuilder::new(&anchored);
            glob.literal_separator(true)
                .case_insensitive(*ignore_case)
                .backslash_escape(true);
            set.add(glob.build().map_err(error)?);
        }
    }
    set.build().map_err(|source| FilterError {
        pattern: String::new(),
        source,
    })
}

#[cfg(unix)]
fn as_path(path: &[u8]) -> std::borrow::Cow<'_, Path> {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(path)).into()
}

#[cfg(not(unix))]
fn as_path(path: &[u8]) -> std::borrow::Cow<'_, Path> {
    std::path::PathBuf::from(String::from_utf8_lossy(path).into_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(globs: &[&str], ignore_case: bool) -> Patterns {
        Patterns {
            globs: globs.iter().map(|g| (*g).to_owned()).collect(),
            ignore_case,
        }
    }

    fn excluding(globs: &[&str], ignore_case: bool) -> Filter {
        Filter::new(&Patterns::default(), &[patterns(globs, ignore_case)]).expect("good patterns")
    }

    #[test]
    fn a_bare_name_matches_at_any_depth_and_a_path_from_the_root() {
        let filter = excluding(&["*.seq", "a/b", "/top", "x/**/y", "cache/"], false);
        for path in [
            "n.seq",
            "d/e/n.seq",
            "a/b",
            "top",
            "x/y",
            "x/1/2/y",
            "cache",
            "d/cache",
        ] {
            assert!(filter.excludes(path.as_bytes()), "{path}");
        }
        for path in ["n.SEQ", "d/a/b", "d/top", "a/bc", "n.seq.old"] {
            assert!(!filter.excludes(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn case_is_ignored_on_request_and_names_may_be_any_bytes() {
        assert!(excluding(&["*.seq"], true).excludes(b"Conndata/N.SEQ"));
        assert!(excluding(&["*.tmp"], false).excludes(b"d/\xff\xfe.tmp"));
        assert!(excluding(&["*.tmp"], false).excludes(b"new\nline.tmp"));
    }

    #[test]
    fn includes_select_files() {
        let filter = Filter::new(&patterns(&["*.id", "Notes.ini"], true), &[]).expect("good patterns");
        assert!(filter.is_selective());
        assert!(filter.includes(b"data/USER.ID") && filter.includes(b"notes.INI"));
        assert!(!filter.includes(b"notes.exe"));
        assert!(Filter::default().includes(b"anything") && !Filter::default().excludes(b"anything"));
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = Filter::new(&Patterns::default(), &[patterns(&["a[b"], false)]).expect_err("bad");
        assert_eq!(error.pattern, "a[b");
    }
}
