//! The patterns of the command line: what a snapshot leaves out.

use std::fs;
use std::path::Path;

use restante_format::source::Patterns;

use crate::args::Snapshot;
use crate::failure::{Failure, Result};
use crate::profile::check_pattern;

/// A pattern of the command line.
struct Exclude {
    pattern: String,
    /// The option, or the line of a file, that it stands in.
    origin: String,
    ignore_case: bool,
}

/// All patterns of the command line.
#[derive(Default)]
pub(crate) struct Excludes(Vec<Exclude>);

impl Excludes {
    /// The patterns that apply to a root. One that begins with the root's own path stands for what is below it.
    pub(super) fn of_root(&self, root: &Path) -> Result<Vec<Patterns>> {
        let root = root.to_string_lossy();
        let root = root.trim_end_matches('/');
        let (mut exact, mut any_case) = (Vec::new(), Vec::new());
        for exclude in &self.0 {
            let below = exclude
                .pattern
                .strip_prefix(root)
                .filter(|rest| !root.is_empty() && (rest.is_empty() || rest.starts_with('/')));
            let glob = below.unwrap_or(&exclude.pattern);
            if glob.trim_matches('/').is_empty() {
                return Err(Failure::usage(format!(
                    "{}: {:?} leaves out all of {root}",
                    exclude.origin, exclude.pattern
                ))
                .hint("leave that path away, or write a pattern for what lies below it"));
            }
            let list = if exclude.ignore_case {
                &mut any_case
            } else {
                &mut exact
            };
            list.push(glob.to_owned());
        }
        Ok(vec![
            Patterns {
                globs: exact,
                ignore_case: false,
            },
            Patterns {
                globs: any_case,
                ignore_case: true,
            },
        ])
    }
}

/// Those of these options, each checked.
pub(super) fn excludes(args: &Snapshot) -> Result<Excludes> {
    let mut all = Vec::new();
    for (option, patterns, ignore_case) in [
        ("--exclude", &args.excludes, false),
        ("--iexclude", &args.iexcludes, true),
    ] {
        for pattern in patterns {
            all.push(checked(pattern, option.to_owned(), ignore_case)?);
        }
    }
    for file in &args.exclude_files {
        let name = file.display();
        let text =
            fs::read_to_string(file).map_err(|error| Failure::new(format!("cannot read {name}: {error}")))?;
        let text = text.trim_start_matches('\u{feff}');
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                all.push(checked(line, format!("{name}: line {}", number + 1), false)?);
            }
        }
    }
    Ok(Excludes(all))
}

/// The pattern, if it is one that can match anything.
fn checked(pattern: &str, origin: String, ignore_case: bool) -> Result<Exclude> {
    let plain = pattern.strip_prefix("./").unwrap_or(pattern);
    if let Err((why, hint)) = check_pattern(plain) {
        let failure = Failure::usage(format!("{origin}: {pattern:?} {why}"));
        return Err(match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        });
    }
    Ok(Exclude {
        pattern: plain.to_owned(),
        origin,
        ignore_case,
    })
}
