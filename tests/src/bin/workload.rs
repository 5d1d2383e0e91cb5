//! `workload`: generates trees for tests and measurements, changes them, and compares trees.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use restante_tests::workload::Workload;

const HELP: &str = "\
workload: trees to snapshot, and a judge of restored ones

  workload create DIR [--size tiny|small|full] [--seed N]   lay down a server with its connectors
  workload step DIR N [--size …] [--seed N]                 change it as between two snapshots; N = 1, 2, 3 …
  workload adversarial DIR [--big] [--beyond] [--sockets]   lay down what file systems permit (Linux)
  workload compare A B                                      tell in what B differs from A (Linux)
  workload remove DIR                                       remove a tree, however deep (Linux)

  --size     tiny 2 MB, small 52 MB, full 1.07 GB (default: small); give step the size that create had
  --seed     another seed gives other content (default: 1)
  --big      a sparse file of 5 GB, too
  --beyond   paths longer than PATH_MAX and 3,000 levels of directories, too
  --sockets  sockets, too

Examples:
  workload create /tmp/exch1 --size full
  workload step /tmp/exch1 1 --size full
  workload compare /tmp/exch1 /tmp/restored || echo differs

Exit codes: 0 done, or no difference; 1 differences, or failed; 2 wrong usage.
";

/// What the command line says, sorted.
#[derive(Default)]
struct Arguments {
    places: Vec<OsString>,
    size: Option<String>,
    seed: Option<u64>,
    flags: Vec<String>,
}

enum Failure {
    Usage(String),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::Usage(message.into())
}

fn number(text: &str, what: &str) -> Result<u64, Failure> {
    text.parse()
        .map_err(|_| usage(format!("{what} must be a number, not {text:?}")))
}

fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        let Some(text) = word.to_str().filter(|text| text.starts_with("--")) else {
            arguments.places.push(word);
            continue;
        };
        let mut value = || {
            let value = words.next().and_then(|value| value.into_string().ok());
            value.ok_or_else(|| usage(format!("{text} needs a value")))
        };
        match text {
            "--size" => arguments.size = Some(value()?),
            "--seed" => arguments.seed = Some(number(&value()?, "--seed")?),
            "--big" | "--beyond" | "--sockets" => arguments.flags.push(text.to_owned()),
            _ => return Err(usage(format!("unknown option {text}"))),
        }
    }
    Ok(arguments)
}

impl Arguments {
    fn workload(&self) -> Result<Workload, Failure> {
        let size = self.size.as_deref().unwrap_or("small");
        let workload = Workload::named(size)
            .ok_or_else(|| usage(format!("--size is tiny, small or full, not {size}")))?;
        Ok(Workload {
            seed: self.seed.unwrap_or(workload.seed),
            ..workload
        })
    }

    fn places<const N: usize>(&self, names: &str) -> Result<[PathBuf; N], Failure> {
        let places: Vec<PathBuf> = self.places.iter().map(PathBuf::from).collect();
        places.try_into().map_err(|_| usage(format!("expected {names}")))
    }
}

#[cfg(target_os = "linux")]
fn on_linux(command: &str, arguments: &Arguments) -> Result<ExitCode, Failure> {
    use restante_tests::{adversarial, compare, remove_tree};

    let has = |flag: &str| arguments.flags.iter().any(|given| given == flag);
    match command {
        "adversarial" => {
            let [root] = arguments.places("DIR")?;
            let options = adversarial::Options {
                big: has("--big"),
                beyond: has("--beyond"),
                sockets: has("--sockets"),
            };
            print!("{}", adversarial::create(&root, &options)?);
            Ok(ExitCode::SUCCESS)
        }
        "compare" => {
            let [a, b] = arguments.places("A B")?;
            let found = compare::differences(&a, &b)?;
            found.iter().for_each(|difference| println!("{difference}"));
            Ok(if found.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        "remove" => {
            let [root] = arguments.places("DIR")?;
            remove_tree(&root)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(usage(format!("unknown command {command}"))),
    }
}

#[cfg(not(target_os = "linux"))]
fn on_linux(command: &str, _: &Arguments) -> Result<ExitCode, Failure> {
    Err(usage(format!("{command} is no command, or none for this system")))
}

fn create(root: &Path, workload: &Workload) -> Result<ExitCode, Failure> {
    let start = Instant::now();
    let made = workload.create(root)?;
    println!(
        "{} files and {} directories, {} bytes, in {:.2} s",
        made.files,
        made.directories,
        made.bytes,
        start.elapsed().as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}

fn run() -> Result<ExitCode, Failure> {
    let mut words = std::env::args_os().skip(1);
    let command = words.next().unwrap_or_default();
    let command = command.to_string_lossy();
    if matches!(&*command, "" | "help" | "-h" | "--help") {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let arguments = parse(words)?;
    match &*command {
        "create" => {
            let [root] = arguments.places("DIR")?;
            create(&root, &arguments.workload()?)
        }
        "step" => {
            let [root, n] = arguments.places("DIR N")?;
            let n = number(&n.to_string_lossy(), "N")?;
            let step = arguments.workload()?.step(&root, n)?;
            println!(
                "step {n}: {} records in {} tables, {} mails, {} files, {} bytes",
                step.records,
                step.tables,
                step.mails_changed(),
                step.files_changed(),
                step.bytes_changed
            );
            Ok(ExitCode::SUCCESS)
        }
        other => on_linux(other, &arguments),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(Failure::Usage(message)) => {
            eprintln!("workload: {message}\n\n{HELP}");
            ExitCode::from(2)
        }
        Err(Failure::Io(error)) => {
            eprintln!("workload: {error}");
            ExitCode::FAILURE
        }
    }
}
