//! The command `restante`: arguments, connector profiles, and what people see. What an archive is, the library
//! `restante-format` knows.

mod args;
mod command;
mod config;
mod context;
mod failure;
mod find;
mod known;
mod procedure;
mod profile;
mod recovery;
mod retention;
mod select;
mod show;
mod state;
mod suggest;
mod times;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::Parser;
use restante_format::progress::Progress;

use crate::args::{Cli, Command};
use crate::context::{Context, Needs};
use crate::failure::{Failure, Outcome, Result};

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    // An empty variable names nothing.
    cli.global.archive = cli.global.archive.filter(|archive| !archive.is_empty());
    restante_format::source::raise_open_files();
    let progress = Arc::new(Progress::default());
    let archive = given_archive(&cli.global);
    match stop_on_signal(&progress).and_then(|()| run(cli, progress)) {
        Ok(outcome) => outcome.code().into(),
        // `head` has seen enough.
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.code;
            show::report(&failure.for_archive(archive.as_deref()));
            code.into()
        }
    }
}

/// The archive that the command line names, as opposed to the environment or the configuration.
fn given_archive(global: &args::Global) -> Option<String> {
    let of_environment = std::env::var("RESTANTE_ARCHIVE").ok();
    global
        .archive
        .clone()
        .filter(|given| of_environment.as_ref() != Some(given))
}

/// How much a command needs of the configuration.
fn needs(command: &Command) -> Needs {
    match command {
        Command::Completions(_) | Command::Man(_) => Needs::Nothing,
        Command::Snapshot(_)
        | Command::Watch(_)
        | Command::Connectors(_)
        | Command::Rehearse(_)
        | Command::Recover(_) => Needs::Profiles,
        Command::Snapshots(args) if args.by_connector || (args.gaps && args.every.is_none()) => {
            Needs::Profiles
        }
        Command::Forget(args) if args.snapshots.is_empty() && args.keep.policy().is_none() => Needs::Profiles,
        Command::Restore(args) if args.procedure.connector.is_some() => Needs::Profiles,
        _ => Needs::Archive,
    }
}

/// Whether a command has more to do than to print: then `| head` must not keep it from doing it.
fn works(command: &Command) -> bool {
    match command {
        Command::Init(_)
        | Command::Snapshot(_)
        | Command::Rehearse(_)
        | Command::Prune(_)
        | Command::Compact
        | Command::Copy(_)
        | Command::Export(_)
        | Command::Import(_) => true,
        Command::Forget(args) => !args.dry_run,
        Command::Restore(args) => !args.dry_run,
        // `watch` runs for those who read it, and `recover` asks them.
        _ => false,
    }
}

/// The first signal asks the operation to stop; a second one ends the process.
fn stop_on_signal(progress: &Arc<Progress>) -> Result<()> {
    let progress = Arc::clone(progress);
    let handler = move || {
        if progress.stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))
}

fn run(cli: Cli, progress: Arc<Progress>) -> Result<Outcome> {
    if let Some(threads) = cli.global.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into());
        pool.build_global()
            .map_err(|error| Failure::new(format!("cannot start {threads} threads: {error}")))?;
    }
    let given = given_archive(&cli.global);
    let mut context = Context::new(cli.global, given, needs(&cli.command), progress)?;
    let cx = &mut context;
    if works(&cli.command) {
        cx.out.outlive_reader();
    }
    match cli.command {
        Command::Init(args) => command::init::run(cx, &args),
        Command::Snapshot(args) => command::snapshot::run(cx, &args),
        Command::Watch(args) => command::watch::run(cx, &args),
        Command::Snapshots(args) if args.by_connector => command::by_connector::run(cx, &args),
        Command::Snapshots(args) if args.gaps => command::gaps::run(cx, &args),
        Command::Snapshots(args) => command::snapshots::run(cx, &args),
        Command::History(args) => command::history::run(cx, &args),
        Command::Find(args) => command::find::run(cx, &args),
        Command::Ls(args) => command::ls::run(cx, &args),
        Command::Cat(args) => command::cat::run(cx, &args),
        Command::Diff(args) => command::diff::run(cx, &args),
        Command::Restore(args) => command::restore::run(cx, &args),
        Command::Rehearse(args) => command::rehearse::run(cx, &args),
        Command::Recover(args) => command::recover::run(cx, &args),
        Command::Verify(args) => command::verify::run(cx, &args),
        Command::Forget(args) => command::forget::run(cx, &args),
        Command::Prune(args) => command::prune::run(cx, &args),
        Command::Compact => command::compact::run(cx),
        Command::Copy(args) => command::copy::copy(cx, &args),
        Command::Export(args) => command::copy::export(cx, &args),
        Command::Import(args) => command::copy::import(cx, &args),
        Command::Stats(args) if args.growth => command::growth::run(cx, &args),
        Command::Stats(_) => command::stats::run(cx),
        Command::Connectors(args) => command::connectors::run(cx, &args),
        Command::Completions(args) => command::completions::run(cx, &args),
        Command::Man(args) => command::man::run(&args),
    }?;
    context.out.flush()?;
    Ok(context.outcome)
}
