//! A generated server with every connector, its services, and what can happen to its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use restante_tests::compare::{Aspect, Difference, differences};
use restante_tests::prng::Rng;
use restante_tests::workload::Workload;
use serde_json::Value;

use super::{Ended, Exch, ended, noise};

/// A log of Exchange.
const LOG_BYTES: usize = 5_242_880;

pub(crate) struct Server {
    pub(crate) exch: Exch,
}

/// Everything below a directory, the directory itself left out, in the order of paths.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).expect("read a folder") {
            let path = entry.expect("an entry").path();
            if path.symlink_metadata().expect("metadata").is_dir() {
                open.push(path.clone());
            }
            all.push(path);
        }
    }
    all.sort();
    all
}

impl Server {
    /// With an archive, and services whose commands write down what they are told, with what the file `moment` says
    /// at that time.
    pub(crate) fn new() -> Self {
        let exch = Exch::new();
        Workload::tiny()
            .create(&exch.path("exch1"))
            .expect("make the workload");
        let new = Self { exch };
        new.complete();
        new.configure("");
        new.ok(&["init", "-q"]);
        new
    }

    /// Writes the configuration, with more at its end.
    pub(crate) fn configure(&self, more: &str) {
        let script = "echo $1 $0 $(cat moment 2>/dev/null) >> services.log";
        let text = format!(
            "archive = \"archive\"\nstate = \"state\"\n[server]\nname = \"EXCH1\"\n[roots]\nexchsrvr = \"exch1/Exchsrvr\"\n\
             notes = \"exch1/Lotus/Notes\"\nwindows = \"exch1/WINNT\"\nnotes-ids = \"exch1/ids\"\n\
             ccmail = \"exch1/ccmail\"\ngroupwise-api = \"exch1/WPDOMAIN/WPGATE/API\"\nbackups = \"exch1/backups\"\n\
             [services]\nstop = [\"sh\", \"-c\", \"{script}\", \"{{service}}\", \"stop\"]\n\
             start = [\"sh\", \"-c\", \"{script}\", \"{{service}}\", \"start\"]\n{more}"
        );
        self.exch.write("restante.toml", text);
    }

    /// What the workload does not have.
    fn complete(&self) {
        let write = |path: &str, bytes: &[u8]| self.exch.write(&format!("exch1/{path}"), bytes);
        for (folder, inbound, outbound) in [("Dxanotes", 1207, 1349), ("Dxamex", 1349, 1207)] {
            let text = format!(
                "[PCTA]\r\nLastExtract=2001/03/01\r\ninboundseq={inbound}\r\nOutboundSeq = {outbound}\r\nsendcount=0\r\n"
            );
            write(&format!("Exchsrvr/Conndata/{folder}/Pcta.tbl"), text.as_bytes());
        }
        // Work files at every depth and in every case, and what only looks like one.
        for path in [
            "top.seq",
            "Temp/one/two/three.SeQ",
            "Gwrouter/togwise/x.CK",
            "Tables/y.Ck",
        ] {
            write(&format!("Exchsrvr/Conndata/{path}"), b"7");
        }
        for path in [
            "Temp/seq",
            "Temp/x.seq.txt",
            "Temp/x.ckx",
            "Temp/folder.ck/inner.tbl",
        ] {
            write(&format!("Exchsrvr/Conndata/{path}"), b"stays");
        }
        write("WINNT/NOTES.INI", b"[Notes]\r\nDirectory=C:\\Lotus\r\n");
        write("WINNT/win.ini", b"[windows]\r\n");
        write("ids/server.id", b"\x01\0\x01\0server");
        write("ids/CERT.ID", b"\x01\0\x01\0cert");
        write("ids/readme.txt", b"where the ids lie");
        write("Exchsrvr/Ccmcdata/Submit/00000009.ccm", b"on its way");
        for (name, bytes) in [("Priv1.edb", 40_960), ("Priv1.stm", 8_192), ("E00.chk", 8_192)] {
            write(&format!("Exchsrvr/Mdbdata/{name}"), &noise(bytes as u64, bytes));
        }
        for name in ["E00.log", "Res1.log"] {
            write(&format!("Exchsrvr/Mdbdata/{name}"), &vec![0; LOG_BYTES]);
        }
        let key = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus\\Notes\\5.0]\r\n\"Path\"=\"C:\\\\Lotus\"\r\n";
        let text = format!("\u{feff}Windows Registry Editor Version 5.00\r\n\r\n{key}");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        write("backups/Notes.reg", &wide);
        write("backups/readme.txt", b"what Backup wrote");
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.exch.path("exch1").join(below)
    }

    /// The program without `-a`: the configuration names the archive.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(self.exch.bare(args))
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended.stdout
    }

    /// Takes a snapshot of a connector, and keeps a copy of the whole server as it is now.
    #[track_caller]
    pub(crate) fn snapshot(&self, connector: &str) {
        self.exch.write("moment", "then");
        self.ok(&["snapshot", "-q", "--connector", connector]);
        self.copy("then");
    }

    /// Keeps a copy of the server under a name.
    pub(crate) fn copy(&self, name: &str) {
        let to = self.exch.path(name);
        let _ = fs::remove_dir_all(&to);
        let status = Command::new("cp")
            .arg("-a")
            .arg(self.exch.path("exch1"))
            .arg(to)
            .status();
        assert!(status.expect("start cp").success());
    }

    /// Changes, removes and adds files below a directory.
    pub(crate) fn damage(&self, folder: &str, seed: u64) {
        let mut rng = Rng::derive(seed, folder, 0);
        let folder = self.path(folder);
        for path in below(&folder).into_iter().filter(|path| path.is_file()) {
            match rng.below(6) {
                0 => fs::remove_file(&path).expect("remove"),
                1 => fs::write(&path, noise(rng.next_u64(), 300)).expect("change"),
                2 => {
                    let name = format!("later-{}", path.file_name().expect("a name").to_string_lossy());
                    fs::write(path.with_file_name(name), "later").expect("add");
                }
                _ => {}
            }
        }
        fs::create_dir_all(folder.join("later/deep")).expect("make folders");
        fs::write(folder.join("later/deep/file"), "later").expect("add");
    }

    /// Restores by procedure, and answers for every step that is for a person. Returns the last document.
    #[track_caller]
    pub(crate) fn restore(&self, connector: &str, args: &[&str]) -> Value {
        let start = ["--json", "restore", "--connector", connector];
        let mut ended = self.run(&[&start, args].concat());
        for _ in 0..9 {
            let document: Value = serde_json::from_str(&ended.stdout)
                .unwrap_or_else(|_| panic!("{connector} {args:?}: no document: {ended:?}"));
            if ended.code == 0 {
                assert_eq!(document["state"], "done");
                return document;
            }
            assert_eq!(
                (ended.code, document["state"].as_str()),
                (3, Some("waiting")),
                "{ended:?}"
            );
            let open = steps(&document).filter(|step| step["by"] == "person" && step["state"].is_null());
            let open: Vec<String> = open.map(|step| step["number"].to_string()).collect();
            let done: Vec<&str> = open.iter().flat_map(|number| ["--done", number]).collect();
            ended = self.run(&[&start[..], &done].concat());
        }
        panic!("{connector}: it asks for ever: {ended:?}");
    }

    /// What the services' commands were told since the last time.
    pub(crate) fn services(&self) -> Vec<String> {
        let path = self.exch.path("services.log");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().map(str::to_owned).collect()
    }

    /// In what the server differs from a copy of it. The time of a directory above a root changes with every renaming
    /// in it.
    pub(crate) fn differences(&self, copy: &str, above: &[&str]) -> Vec<String> {
        let found = differences(&self.exch.path(copy), &self.exch.path("exch1")).expect("compare");
        let is_above = |d: &Difference| {
            matches!(d.aspect, Aspect::Modified(..)) && above.iter().any(|path| d.path == Path::new(path))
        };
        (found.iter().filter(|d| !is_above(d)))
            .map(ToString::to_string)
            .collect()
    }

    /// What restores left beside what they restored.
    pub(crate) fn holders(&self) -> Vec<PathBuf> {
        let is_holder = |path: &PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with(".restante-")
        };
        below(&self.exch.path("exch1"))
            .into_iter()
            .filter(is_holder)
            .collect()
    }
}

/// The steps of a document.
pub(crate) fn steps(document: &Value) -> impl Iterator<Item = &Value> {
    document["steps"].as_array().expect("steps").iter()
}

/// The first step about which the document says this.
#[track_caller]
pub(crate) fn step<'a>(document: &'a Value, what: &str) -> &'a Value {
    let says = |step: &&Value| step["what"].as_str().is_some_and(|text| text.contains(what));
    let found = steps(document).find(says);
    found.unwrap_or_else(|| panic!("no step {what:?} in {document:#}"))
}
