//! `targets`: what Restante is to reach, as one Markdown table.

#[cfg(target_os = "linux")]
use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use restante_benches::targets::{self, options};

    let words: Vec<_> = std::env::args_os().skip(1).collect();
    // It calls itself so, for work that needs a process of its own.
    if words.first().is_some_and(|word| word == "work") {
        return match targets::work(&words[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("error: {message}");
                ExitCode::FAILURE
            }
        };
    }
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(std::path::Path::parent);
    match options::Options::parse(words, beside) {
        Ok(None) => {
            print!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => match run::measure(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => {
                eprintln!("error: something failed or is not as required; the table says what");
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
    eprintln!("error: targets runs on Linux only, since the clock does");
    std::process::exit(1);
}

#[cfg(target_os = "linux")]
mod run {
    use std::fs;

    use restante_benches::clock::Clock;
    use restante_benches::failure::Failure;
    use restante_benches::targets::options::Options;
    use restante_benches::targets::{self, Required, Row};
    use restante_benches::{facts, report};
    use serde_json::{Value, json};

    /// Measures what is asked for and prints it. Returns whether every target is reached.
    pub(super) fn measure(options: &Options) -> Result<bool, Failure> {
        let place = tempfile::Builder::new()
            .prefix("restante-targets-")
            .tempdir_in(&options.dir);
        let place = place.map_err(|e| Failure::at("making a folder in", &options.dir, e))?;
        let clock = Clock::new(place.path());
        let facts = facts::of(&options.restante, &clock, place.path(), |_| true);
        print!("{}", facts.list());

        let (mut rows, mut more) = (Vec::new(), Vec::new());
        for which in &options.measurements {
            match targets::measure(*which, options, &clock, place.path()) {
                Ok(findings) => {
                    // All is printed once more at the end; a run that is stopped before has said this much.
                    eprint!("{}", targets::table(&findings.rows));
                    rows.extend(findings.rows);
                    more.extend(findings.more);
                }
                // An hour of other figures is not thrown away for it.
                Err(failure) => {
                    eprintln!("{}: {failure}", which.name());
                    rows.push(Row::failed(which.name(), failure, Required::Nothing));
                }
            }
        }
        println!("\n{}\n", report::runs(options.runs));
        print!("{}", targets::table(&rows));
        for text in more {
            print!("\n{text}");
        }
        if let Some(path) = &options.json {
            let document: Value = json!({"machine": facts.json(), "targets": targets::json(&rows)});
            let text = format!("{document:#}\n");
            fs::write(path, text).map_err(|e| Failure::at("writing", path, e))?;
        }
        Ok(rows.iter().all(Row::is_good))
    }
}
