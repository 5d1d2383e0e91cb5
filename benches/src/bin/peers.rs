//! `peers`: Restante and its peers side by side, as Markdown tables.

#[cfg(target_os = "linux")]
use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(std::path::Path::parent);
    match restante_benches::options::Options::parse(std::env::args_os().skip(1), beside) {
        Ok(None) => {
            print!("{}", restante_benches::options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => match run::measure(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => {
                eprintln!("error: restante failed at something; the notes below the tables say at what");
                ExitCode::FAILURE
            }
            Err(failure) => {
                eprintln!("error: {failure}");
                ExitCode::FAILURE
            }
        },
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("error: peers runs on Linux only, since it compares what was restored to the last attribute");
    std::process::exit(1);
}

#[cfg(target_os = "linux")]
mod run {
    use std::fs;

    use restante_benches::clock::Clock;
    use restante_benches::failure::Failure;
    use restante_benches::options::Options;
    use restante_benches::{evolve, facts, folder, history, peers, report};
    use serde_json::{Map, Value};

    /// Measures what is asked for and prints it. Returns whether Restante managed everything.
    pub(super) fn measure(options: &Options) -> Result<bool, Failure> {
        let place = tempfile::Builder::new()
            .prefix("restante-peers-")
            .tempdir_in(&options.dir);
        let place = place.map_err(|e| Failure::at("making a folder in", &options.dir, e))?;
        let clock = Clock::new(place.path());
        let mut document = Map::new();
        let facts = facts::of(&options.restante, &clock, place.path(), |name| {
            options.wants(name)
        });
        print!("{}", facts.list());
        document.insert("machine".into(), facts.json());

        let mut is_good = true;
        if options.evolve {
            let outcome = evolve::measure(options, &clock, &place.path().join("evolve"))?;
            println!("\n{}\n", evolve::head(options, &outcome));
            print!("{}", evolve::table(&outcome));
            document.insert("evolve".into(), evolve::json(&outcome));
            is_good &= !outcome.restante_failed();
        }
        if options.runs > 0 && !options.evolve {
            let place = place.path().join("peers");
            let outcome = peers::measure(options, &clock, &place)?;
            println!(
                "\nTree `{}`: {}. {}\n",
                options.size,
                report::tree(&outcome.tree),
                report::runs(options.runs)
            );
            print!("{}", report::peers_table(&outcome));
            document.insert("peers".into(), report::peers_json(&outcome));
            is_good &= !outcome.restante_failed();
            folder::remove(&place)?;
        }
        if options.snapshots > 0 && !options.evolve {
            let place = place.path().join("history");
            let outcome = history::measure(options, &clock, &place)?;
            println!(
                "\n{} snapshots of a small tree ({}), one in ten with changes.\n",
                options.snapshots,
                report::tree(&outcome.tree)
            );
            print!("{}", report::history_table(&outcome));
            document.insert("history".into(), report::history_json(&outcome));
            is_good &= !outcome.restante_failed();
        }
        if let Some(path) = &options.json {
            let text = format!("{:#}\n", Value::Object(document));
            fs::write(path, text).map_err(|e| Failure::at("writing", path, e))?;
        }
        Ok(is_good)
    }
}
