//! The options of `restore`, `rehearse` and `recover`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What to do with files that are in the way.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Overwrite {
    /// Leave them
    Never,
    /// Replace those whose type, size or time differ
    Changed,
    /// Replace them
    Always,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The snapshot, and a path in it; with --connector the newest one if none is named
    #[arg(value_name = "SNAPSHOT[:PATH]", required_unless_present = "connector")]
    pub(crate) snapshot: Option<OsString>,
    /// The folder below which everything is laid; made if it is missing
    #[arg(
        long,
        alias = "target",
        value_name = "DIR",
        required_unless_present = "connector"
    )]
    pub(crate) to: Option<PathBuf>,
    /// What happens to files that are in the way; without it the folder must be empty
    #[arg(long, value_name = "WHICH")]
    pub(crate) overwrite: Option<Overwrite>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Restore files too that changed while they were read
    #[arg(long)]
    pub(crate) allow_torn: bool,
    #[command(flatten)]
    pub(crate) procedure: Procedure,
}

/// Options of `restore --connector`.
#[derive(Debug, Args)]
#[command(next_help_heading = "By a connector's procedure")]
pub(crate) struct Procedure {
    /// Restore a connector with all the steps of its profile; without --to each root goes to its own place
    #[arg(long, value_name = "NAME", conflicts_with = "overwrite")]
    pub(crate) connector: Option<String>,
    /// Go on with a restore that was interrupted, or that waits for a person
    #[arg(long, requires = "connector", conflicts_with_all = ["snapshot", "to", "dry_run"])]
    pub(crate) resume: bool,
    /// A step for a person is done; may be repeated. Goes on with the restore
    #[arg(long, value_name = "STEP", requires = "connector", conflicts_with_all = ["to", "dry_run"])]
    pub(crate) done: Vec<usize>,
    /// Pass over a step of the profile that fails; may be repeated. Goes on with the restore
    #[arg(long, value_name = "STEP", requires = "connector", conflicts_with_all = ["to", "dry_run"])]
    pub(crate) skip: Vec<usize>,
    /// Take everything back: what was there before the restore is there again
    #[arg(long, requires = "connector", conflicts_with_all = ["snapshot", "to", "dry_run", "resume"])]
    pub(crate) revert: bool,
    /// Keep the restore for good: what it replaced is removed
    #[arg(long, requires = "connector",
          conflicts_with_all = ["snapshot", "to", "dry_run", "resume", "done", "skip", "revert"])]
    pub(crate) confirm: bool,
}

/// Options of `rehearse`.
#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    /// The connectors, or groups of them [default: every configured one]
    #[arg(value_name = "CONNECTOR")]
    pub(crate) connectors: Vec<String>,
    /// The snapshot of the connector, or a time [default: latest]
    #[arg(long, value_name = "SNAPSHOT")]
    pub(crate) at: Option<String>,
    /// The folder to restore into; it needs room for the connector [default: a folder of the state]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Leave the restored files there
    #[arg(long)]
    pub(crate) keep: bool,
    /// The folder for the reports [default: a folder of the state]
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Rehearse a snapshot too whose files changed while they were read
    #[arg(long)]
    pub(crate) allow_torn: bool,
}

/// Options of `recover`.
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Only print what a recovery would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only print how far the recovery is; ends with 0 where it is complete, with 3 where it is not
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) status: bool,
    /// Print the checklist as Markdown
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// A person did these steps: 7 or 7-9; may be repeated
    #[arg(long, value_name = "STEP", value_parser = parse_steps, conflicts_with_all = ["dry_run", "status"])]
    pub(crate) done: Vec<(usize, usize)>,
    /// These steps are not needed here: 7 or 7-9; may be repeated
    #[arg(long, value_name = "STEP", value_parser = parse_steps, conflicts_with_all = ["dry_run", "status"])]
    pub(crate) not_needed: Vec<(usize, usize)>,
    /// Who says so [default: the user]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Recover from the newest snapshots at or before a time
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Recover from snapshots too that hold files that changed while they were read
    #[arg(long)]
    pub(crate) allow_torn: bool,
    /// Put the checklist of a recovery that is not complete to those of earlier ones; nothing is taken back
    #[arg(long, conflicts_with_all = ["dry_run", "status", "done", "not_needed", "at", "allow_torn", "again"])]
    pub(crate) abandon: bool,
    /// Begin another recovery where one is complete
    #[arg(long, conflicts_with_all = ["dry_run", "status", "done", "not_needed"])]
    pub(crate) again: bool,
}

/// Reads the number of a step, or the first and the last of several.
fn parse_steps(text: &str) -> Result<(usize, usize), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| *number > 0);
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err("a step is a number, such as 7; several are 7-9".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps() {
        assert_eq!(parse_steps("7"), Ok((7, 7)));
        assert_eq!(parse_steps("7-9"), Ok((7, 9)));
        for bad in ["", "0", "9-7", "7-", "seven"] {
            assert!(parse_steps(bad).is_err(), "{bad}");
        }
    }
}
