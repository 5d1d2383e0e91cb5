//! `man`: the manual pages.

use clap::CommandFactory;

use crate::args::{Cli, Man};
use crate::failure::{Failure, Result};

/// Writes a page for the program and one for each command.
pub(crate) fn run(args: &Man) -> Result<()> {
    let to = args.to.display();
    let failed = |error| Failure::new(format!("cannot write manual pages to {to}: {error}"));
    std::fs::create_dir_all(&args.to).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.to).map_err(failed)
}
