//! The options of `copy`, `export` and `import`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::Range;
use super::read::parse_count;

/// Which snapshots are copied.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Snapshots: latest, an id, a time, each with CONNECTOR@ before it where that is needed
    #[arg(value_name = "SNAPSHOT", conflicts_with_all = ["range", "last"])]
    pub(crate) snapshots: Vec<OsString>,
    #[command(flatten)]
    pub(crate) range: Range,
    /// Of those only the newest, those without any change counted too
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) last: Option<usize>,
}

impl Chosen {
    /// Whether nothing is said, which means all of them.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            snapshots,
            range,
            last,
        } = self;
        snapshots.is_empty() && range.is_empty() && last.is_none()
    }
}

/// Options of `copy`.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The archive to copy from: a folder, or a file that `export` wrote
    #[arg(long, alias = "from-repo", value_name = "ARCHIVE")]
    pub(crate) from: PathBuf,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file to write
    #[arg(long, value_name = "FILE.rst")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// All snapshots
    #[arg(long, conflicts_with_all = ["snapshots", "range", "last"])]
    pub(crate) all: bool,
    /// Replace a file that is there already
    #[arg(long)]
    pub(crate) force: bool,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file
    #[arg(value_name = "FILE.rst")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}
