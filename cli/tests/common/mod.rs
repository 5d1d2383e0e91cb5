//! A folder with an archive, files to keep in it, and the program as a process.

#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]

mod fields;
pub(crate) mod recovery;
pub(crate) mod server;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use restante_format::wire::{Directory, TRAILER_BYTES, Trailer};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use fields::{Holds, assert_fields};

/// The user that tests of permissions run as where they are run by root, whom nothing is forbidden.
const NOBODY: u32 = 65534;

/// A place of its own for a test: a working folder, a home, and the path of an archive that is not made yet.
pub(crate) struct Exch {
    folder: TempDir,
    root: PathBuf,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code, or 128 and the signal's number.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Exch {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("the temporary folder");
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).expect("permissions");
        let new = Self { folder, root };
        // Keeps a configuration of the system that runs the tests out of them.
        new.write("home/.config/restante/restante.toml", "");
        new
    }

    /// With an archive.
    pub(crate) fn with_archive() -> Self {
        let new = Self::new();
        new.ok(&["init", "-q"]);
        new
    }

    /// A path below the folder.
    pub(crate) fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }

    /// The same as text.
    pub(crate) fn at(&self, below: &str) -> String {
        self.path(below).to_str().expect("a path in UTF-8").to_owned()
    }

    /// Writes a file and makes the folders on the way to it.
    pub(crate) fn write(&self, below: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a folder")).expect("make folders");
        fs::write(&path, contents).expect("write a file");
        path
    }

    /// The program with these arguments, and with nothing in its surroundings that could change what it does.
    pub(crate) fn bare(&self, args: &[impl AsRef<OsStr>]) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_restante")), args)
    }

    /// The same as a user who is not root.
    pub(crate) fn bare_as_user(&self, args: &[impl AsRef<OsStr>]) -> Command {
        if !is_root() {
            return self.bare(args);
        }
        // What cargo built may lie where only root can go. Copied by a process of its own: a program cannot be started
        // while this one, or a child that another test is about to start, has it open for writing.
        let copy = self.path("restante");
        if !copy.exists() {
            let copied = Command::new("cp")
                .arg(env!("CARGO_BIN_EXE_restante"))
                .arg(&copy)
                .status();
            assert!(copied.expect("start cp").success());
        }
        let mut command = self.program(&copy, args);
        command.uid(NOBODY).gid(NOBODY);
        command
    }

    fn program(&self, program: &Path, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(&self.root)
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .env("NO_COLOR", "1")
            // Whoever asks for backtraces of panics gets none in errors.
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The arguments behind those that name the archive.
    pub(crate) fn with_archive_named(&self, args: &[&str]) -> Vec<String> {
        let archive = self.at("archive");
        let named = ["-a", archive.as_str()];
        named.iter().chain(args).map(|arg| (*arg).to_owned()).collect()
    }

    /// The program at work on the archive.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.bare(&self.with_archive_named(args))
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args))
    }

    pub(crate) fn run_as_user(&self, args: &[&str]) -> Ended {
        ended(self.bare_as_user(&self.with_archive_named(args)))
    }

    /// Runs what has to succeed. Returns what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended.stdout
    }

    /// Runs what has to succeed. Returns the one document that it printed.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let printed = self.ok(&[&["--json"], args].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{args:?}: {error}: {printed}"))
    }

    /// Runs what has to succeed. Returns the documents that it printed, one a line.
    #[track_caller]
    pub(crate) fn json_lines(&self, args: &[&str]) -> Vec<Value> {
        let printed = self.ok(&[&["--json"], args].concat());
        let document = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        printed.lines().map(document).collect()
    }

    /// Takes a snapshot of paths. Returns its id.
    #[track_caller]
    pub(crate) fn snapshot(&self, args: &[&str]) -> String {
        let taken = self.json(&[&["snapshot"], args].concat());
        taken["id"].as_str().expect("an id").to_owned()
    }

    /// Fails unless everything in the archive is intact.
    #[track_caller]
    pub(crate) fn verify(&self) {
        let ended = self.run(&["verify"]);
        assert_eq!(ended.code, 0, "{ended:?}");
    }

    /// Lets every user read and write the archive, which otherwise is its owner's alone.
    pub(crate) fn share_archive(&self) {
        let archive = self.path("archive");
        let status = Command::new("chmod").args(["-R", "a+rwX"]).arg(archive).status();
        assert!(status.expect("start chmod").success());
    }

    /// What `text` says, with this folder as `DIR`.
    pub(crate) fn normal(&self, text: &str) -> String {
        text.replace(self.root.to_str().expect("a path in UTF-8"), "DIR")
    }

    /// The names in a folder.
    pub(crate) fn names(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(below)).expect("read a folder");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> = entries.map(|e| name(e).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The archive's segments that hold files and directories, and not the catalogue.
    pub(crate) fn data_segments(&self) -> Vec<PathBuf> {
        let segments = self.path("archive/segments");
        let is_data = |path: &PathBuf| {
            let bytes = fs::read(path).expect("read a segment");
            let at = bytes.len() - TRAILER_BYTES;
            let trailer = Trailer::decode(&bytes[at..], bytes.len() as u64).expect("a trailer");
            let directory = &bytes[trailer.directory_offset as usize..at];
            let objects = Directory::decode(directory).expect("a directory").objects;
            objects.iter().all(|object| !object.kind.is_of_catalog())
        };
        let paths = self.names("archive/segments").into_iter();
        paths.map(|name| segments.join(name)).filter(is_data).collect()
    }

    /// How many bytes the archive's segments hold.
    pub(crate) fn segment_bytes(&self) -> u64 {
        let size = |name: String| fs::metadata(self.path("archive/segments").join(name)).map(|m| m.len());
        self.names("archive/segments")
            .into_iter()
            .map(|name| size(name).expect("a segment"))
            .sum()
    }
}

/// Runs a command to its end.
pub(crate) fn ended(mut command: Command) -> Ended {
    let child = command.spawn().expect("start the program");
    ended_child(child)
}

/// Runs a command that reads from standard input.
pub(crate) fn ended_with_input(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("start the program");
    let mut stdin = child.stdin.take().expect("its standard input");
    std::thread::scope(|threads| {
        // A program that reads nothing closes the pipe.
        threads.spawn(move || {
            let _ = stdin.write_all(input);
        });
        ended_child(child)
    })
}

/// Waits for a program. However it ends, it never ends with a panic.
pub(crate) fn ended_child(child: Child) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("wait for the program");
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (stdout, stderr) = (text(stdout), text(stderr));
    for word in ["panicked", "backtrace", "RUST_BACKTRACE"] {
        assert!(!stderr.contains(word), "{stderr}");
    }
    Ended {
        code: code.expect("a code or a signal"),
        stdout,
        stderr,
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs each of the arguments, and fails with a list of all that did not end with this code and this text on standard
/// error, and with nothing on standard output. In the text `DIR` stands for the folder, `ID` for 8 digits of `id`.
#[track_caller]
pub(crate) fn assert_failures<T: AsRef<str>>(exch: &Exch, id: &str, cases: &[(&[&str], i32, T)]) {
    let mut wrong = String::new();
    for (args, code, text) in cases {
        let ended = exch.run(args);
        let expected = text.as_ref().replace("ID", id.get(..8).unwrap_or("ID"));
        let found = exch.normal(&ended.stderr);
        if (ended.code, found.trim_end(), ended.stdout.as_str()) != (*code, expected.as_str(), "") {
            let stdout = ended.stdout;
            wrong += &format!(
                "{args:?}: {}: {stdout}{found}  wanted {code}: {expected}\n\n",
                ended.code
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Whether a command is there to be used; says so where it is not.
pub(crate) fn has(command: &str) -> bool {
    let found = Command::new(command)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_err() {
        eprintln!("skipped: there is no {command}");
    }
    found.is_ok()
}

/// Bytes that neither compress nor repeat.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    restante_tests::prng::Rng::derive(seed, "noise", 0).fill(&mut bytes);
    bytes
}
