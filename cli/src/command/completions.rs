//! `completions`: a script for a shell.

use clap::CommandFactory;

use crate::args::{Cli, Completions};
use crate::context::Context;
use crate::failure::Result;

/// Prints the script.
pub(crate) fn run(cx: &mut Context, args: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "restante", &mut script);
    cx.out.bytes(&script)
}
