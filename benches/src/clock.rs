//! What running a program costs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::failure::Failure;
use crate::machine;
use crate::spread::Spread;

/// A command line, with everything of its environment.
#[derive(Clone, Debug)]
pub struct Call {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its environment: nothing is inherited but `PATH`, so that nobody's configuration counts.
    pub environment: Vec<(&'static str, OsString)>,
    /// Where it runs.
    pub folder: PathBuf,
}

impl Call {
    /// The command line as people write it.
    pub fn line(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        let words = std::iter::once(name).chain(self.arguments.iter().map(OsString::as_os_str));
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    /// The command that starts `program` for it, without arguments and with no standard input.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.folder).stdin(Stdio::null());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("LC_ALL", "C.UTF-8");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What one run of a program cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds on the wall.
    pub wall_s: f64,
    /// Seconds of all cores, for the program and the system on its behalf, to the hundredth.
    pub cpu_s: Option<f64>,
    /// Memory of the largest process of its tree, bytes.
    pub peak_bytes: Option<u64>,
}

/// Runs programs and says what they cost.
pub struct Clock {
    time: Option<PathBuf>,
    scratch: PathBuf,
}

impl Clock {
    /// A clock that keeps its notes in the folder `scratch`. CPU time and memory need GNU time on `PATH`.
    pub fn new(scratch: &Path) -> Self {
        let is_gnu = |path: &PathBuf| {
            let output = Command::new(path).arg("--version").output();
            output.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("GNU"))
        };
        Self {
            time: machine::find("time").filter(is_gnu),
            scratch: scratch.to_owned(),
        }
    }

    /// Whether it measures CPU time and memory, too.
    pub fn is_complete(&self) -> bool {
        self.time.is_some()
    }

    /// Seconds that it adds to a run: what a program that does nothing takes, less what it takes without the clock.
    pub fn own_seconds(&self) -> Option<f64> {
        const RUNS: usize = 20;
        let nothing = Call {
            program: machine::find("true")?,
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: self.scratch.clone(),
        };
        let median = |run: &dyn Fn(&Call) -> Result<Cost, Failure>| {
            let walls = (0..RUNS).map(|_| run(&nothing).ok().map(|cost| cost.wall_s));
            Spread::of(walls.collect::<Option<Vec<f64>>>()?).map(|spread| spread.median)
        };
        Some(median(&|call| self.run(call))? - median(&|call| self.run_bare(call))?)
    }

    /// Runs a program and waits for it.
    ///
    /// # Errors
    ///
    /// Where it cannot be started, or fails.
    pub fn run(&self, call: &Call) -> Result<Cost, Failure> {
        let Some(time) = &self.time else {
            return self.run_bare(call);
        };
        let notes = self.scratch.join("cost");
        let mut command = call.command(time);
        command.args(["-q", "-f", "%U %S %M", "-o"]).arg(&notes);
        command.arg(&call.program).args(&call.arguments);
        let wall_s = self.wait_for(call, command)?;
        let text = fs::read_to_string(&notes).map_err(|e| Failure::at("reading", &notes, e))?;
        let mut figures = text.lines().next_back().unwrap_or_default().split(' ');
        let mut figure = || figures.next().and_then(|figure| figure.parse::<f64>().ok());
        let (user_s, system_s, peak_kib) = (figure(), figure(), figure());
        Ok(Cost {
            wall_s,
            cpu_s: user_s.zip(system_s).map(|(user, system)| user + system),
            peak_bytes: peak_kib.map(|kib| kib as u64 * 1024),
        })
    }

    /// Runs a program with nothing between it and the wall clock: for runs of a few milliseconds.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub fn run_bare(&self, call: &Call) -> Result<Cost, Failure> {
        let mut command = call.command(&call.program);
        command.args(&call.arguments);
        let wall_s = self.wait_for(call, command)?;
        Ok(Cost {
            wall_s,
            cpu_s: None,
            peak_bytes: None,
        })
    }

    /// Runs `command`, which stands for `call`. Returns seconds.
    fn wait_for(&self, call: &Call, mut command: Command) -> Result<f64, Failure> {
        let errors = self.scratch.join("stderr");
        let file = File::create(&errors).map_err(|e| Failure::at("making", &errors, e))?;
        command.stdout(Stdio::null()).stderr(file);
        let start = Instant::now();
        let status = command.status();
        let wall_s = start.elapsed().as_secs_f64();
        let status = status.map_err(|e| Failure::io(format!("starting `{}`", call.line()), e))?;
        if !status.success() {
            let said = fs::read(&errors).unwrap_or_default();
            return Err(Failure::exit(
                call.line(),
                status,
                &String::from_utf8_lossy(&said),
            ));
        }
        Ok(wall_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path) -> Call {
        Call {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("WORD", "said".into())],
            folder: folder.to_owned(),
        }
    }

    #[test]
    fn costs_and_failures() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(folder.path());
        for run in [Clock::run, Clock::run_bare] {
            let cost = run(&clock, &shell("sleep 0.05", folder.path())).unwrap();
            assert!((0.05..5.0).contains(&cost.wall_s), "{cost:?}");
            assert!(cost.peak_bytes.is_none_or(|peak| peak > 100_000), "{cost:?}");
            let failure = run(&clock, &shell("echo it $WORD >&2; exit 7", folder.path())).unwrap_err();
            let text = failure.to_string();
            assert!(text.contains("exit status: 7: it said"), "{text}");
        }
    }
}
