//! A restore that dies at every point at which it changes a disk, and is gone on with, or taken back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use restante_format::archive::{Archive, Root, Source};
use restante_format::catalog::Listed;
use restante_format::names::from_os;
use restante_format::progress::Progress;
use restante_format::source::{Filter, Patterns};
use restante_tests::archives::{config as archive_config, in_memory, request};
use restante_tests::compare::{Aspect, differences};

use super::crash::tests::dying_at;
use super::journal::{Event, StepEnding};
use super::*;
use crate::config::Config;
use crate::failure::Result;
use crate::profile::{Profile, Profiles};

/// Every way in which a root can be exchanged: whole, by entries with something that stays, by entries of which only
/// some are asked for, as one file, and where nothing is there, the folders on the way to it included.
const PROFILE: &str = r#"
[profile.demo]
case-insensitive = true
root = [
    { name = "data", path = "live/srv/Conndata" },
    { name = "programs", path = "live/ccmail", exclude = ["Ccmcdata", "**/Submit/*.ccm"] },
    { name = "backups", path = "live/backups", include = ["*.bkf"] },
    { name = "ini", path = "live/WINNT/Notes.ini" },
    { name = "lost", path = "live/a/b/lost" },
    { name = "sets", path = "live/c/sets", include = ["*.bkf"] },
]
after-restore = [
    { kind = "delete", root = "data", paths = ["*.seq", "*.ck"], text = "the work files" },
    { kind = "quarantine", root = "data", paths = ["*.bad"], text = "what is broken" },
    { kind = "delete", root = "programs", paths = ["*.tmp"], text = "what is left out of the snapshot too" },
    { kind = "quarantine", root = "backups", paths = ["*.old"], text = "and this" },
]
check = [{ kind = "require", root = "data", paths = ["Tables"], text = "what has to be there" }]
finish = [{ kind = "manual", text = "look at it" }]
"#;

struct Scene {
    folder: tempfile::TempDir,
    config: Config,
    archive: Archive,
}

struct Willing;

impl Person for Willing {
    fn ask(&mut self, _: usize, _: &PlannedStep) -> Result<Answer> {
        Ok(Answer::Done)
    }
    fn skips(&self, _: usize) -> bool {
        false
    }
    fn begins(&mut self, _: usize, _: &PlannedStep) {}
    fn ended(&mut self, _: usize, _: StepEnding, _: &[String], _: &[String], _: f64) {}
    fn says(&mut self, _: &str) {}
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("start cp").success());
}

impl Scene {
    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn new() -> Self {
        // In memory where that is possible: each of hundreds of runs waits for the disk many times.
        let folder = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let config = Config::read(&folder.path().join("restante.toml"), PROFILE).unwrap();
        let (_, archive) = in_memory(archive_config());
        let mut scene = Self {
            folder,
            config,
            archive,
        };
        for (path, text) in [
            ("srv/Conndata/Tables/t.tbl", "tables of then"),
            ("srv/Conndata/Tables/deep/x.SEQ", "7"),
            ("srv/Conndata/a.Ck", ""),
            ("srv/Conndata/x.bad", "bad"),
            ("ccmail/IMPORT.EXE", "import of then"),
            ("ccmail/sub/one/two.dll", "dll of then"),
            ("ccmail/sub/Submit/note.txt", "text of then"),
            ("ccmail/sub/Submit/1.ccm", "unsent of then"),
            ("ccmail/Ccmcdata/log", "log of then"),
            ("backups/full.bkf", "TAPE of then"),
            ("backups/deep/down/part.bkf", "TAPE part of then"),
            ("backups/readme", "of then"),
            ("WINNT/Notes.ini", "[Notes] of then"),
            ("a/b/lost/file", "lost"),
            ("c/sets/in/one.bkf", "one"),
        ] {
            scene.write(&format!("live/{path}"), text);
        }
        fs::create_dir_all(scene.path("live/srv/Conndata/Temp")).unwrap();
        fs::create_dir_all(scene.path("live/ccmail/sub/empty")).unwrap();
        for (folder, mode) in [("srv/Conndata/Tables", 0o555), ("ccmail/sub/one", 0o550)] {
            let path = scene.path("live").join(folder);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        scene.age(1_000_000_000);
        scene.snapshot();
        // Since then files changed, went, came; some are lost with the folders that they were in.
        for (path, text) in [
            ("srv/Conndata/Tables/new.tbl", "new"),
            ("srv/Conndata/later/work.seq", "9"),
            ("ccmail/IMPORT.EXE", "import, broken"),
            ("ccmail/sub/own/later.txt", "later"),
            ("ccmail/sub/Submit/2.ccm", "unsent"),
            ("ccmail/sub/only/Submit/3.ccm", "unsent too"),
            ("ccmail/Ccmcdata/log", "log of now"),
            ("ccmail/Ccmcdata/deep/work.tmp", "work of now"),
            ("backups/x.old", "old of now"),
            ("backups/full.bkf", "TAPE broken"),
            ("backups/another/later.bkf", "TAPE later"),
            ("backups/readme", "of now"),
            ("WINNT/Notes.ini", "broken"),
            ("WINNT/win.ini", "stays"),
        ] {
            scene.write(&format!("live/{path}"), text);
        }
        fs::remove_file(scene.path("live/ccmail/sub/Submit/1.ccm")).unwrap();
        for gone in ["a", "c", "backups/deep", "ccmail/sub/empty", "srv/Conndata/Temp"] {
            fs::remove_dir_all(scene.path("live").join(gone)).unwrap();
        }
        scene.age(1_100_000_000);
        copy(&scene.path("live"), &scene.path("before"));
        scene
    }

    /// Gives everything times of its own.
    fn age(&self, since: i64) {
        for (number, found) in (0..).zip(list(&self.path("live")).unwrap()) {
            let time = rustix::fs::Timespec {
                tv_sec: since + number,
                tv_nsec: 123_456_789,
            };
            let times = rustix::fs::Timestamps {
                last_access: time,
                last_modification: time,
            };
            rustix::fs::utimensat(rustix::fs::CWD, &found.path, &times, rustix::fs::AtFlags::empty())
                .unwrap();
        }
    }

    fn profiles(&self) -> Profiles {
        Profiles::load(&self.config).unwrap()
    }

    fn snapshot(&mut self) {
        let profiles = self.profiles();
        let resolved = profiles.get("demo").unwrap().resolve(&self.config).unwrap();
        let patterns = |globs: &[String]| Patterns {
            globs: globs.to_vec(),
            ignore_case: true,
        };
        let roots = resolved.roots.iter().map(|root| {
            let mut place = vec![b"demo".to_vec(), root.name.clone().into_bytes()];
            place.extend(root.is_file.then(|| from_os(root.path.file_name().unwrap())));
            Root {
                place,
                path: root.path.clone(),
                filter: Filter::new(&patterns(&root.include), &[patterns(&root.exclude)]).unwrap(),
                sets: Vec::new(),
            }
        });
        let source = Source {
            roots: roots.collect(),
            ..Source::default()
        };
        let mut request = request("demo", 1_050_000_000);
        request.connector = Some("demo".into());
        self.archive
            .snapshot(request, source, &Progress::default())
            .unwrap();
    }

    fn listed(&self) -> Listed {
        self.archive.catalog().all().last().unwrap()
    }

    fn journal(&self) -> PathBuf {
        self.path("state/demo.jsonl")
    }

    fn fresh(&self) {
        copy(&self.path("before"), &self.path("live"));
        let _ = fs::remove_dir_all(self.path("state"));
        fs::create_dir_all(self.path("state")).unwrap();
    }

    fn at(&self, profile: &Profile, plan: &Plan) -> Surroundings {
        plan.surroundings(surroundings(profile, &self.config, &self.archive))
    }

    /// The restore from its beginning, or from where it stopped.
    fn forward(&self, going: Going<'_>) -> Result<()> {
        let profiles = self.profiles();
        let profile = profiles.get("demo")?;
        let mut journal = match Journal::open(&self.journal())? {
            Some(journal) => journal,
            None => {
                let plan = make_plan(profile, &self.config, &self.archive, &self.listed(), going)?;
                Journal::create(&self.journal(), plan)?
            }
        };
        let reached = Runner {
            archive: &self.archive,
            listed: &self.listed(),
            at: self.at(profile, journal.plan()),
            journal: &mut journal,
            mode: Mode::Restore,
            person: &mut Willing,
            progress: &Progress::default(),
        }
        .run()?;
        assert_eq!(reached, Reached::End);
        Ok(())
    }

    /// Takes the restore back, if one was begun.
    fn back(&self) -> Result<()> {
        let profiles = self.profiles();
        let Some(mut journal) = Journal::open(&self.journal())? else {
            return Ok(());
        };
        if !journal.is_closed() {
            let reached = Reverter {
                at: self.at(profiles.get("demo")?, journal.plan()),
                journal: &mut journal,
                person: &mut Willing,
                progress: &Progress::default(),
            }
            .run()?;
            assert_eq!(reached, Reached::End);
        }
        clear(&journal)?;
        journal.file_away().map(|_| ())
    }

    fn confirm(&self) -> Result<()> {
        let Some(mut journal) = Journal::open(&self.journal())? else {
            return Ok(());
        };
        if !journal.is_closed() {
            journal.record(confirmed())?;
        }
        clear(&journal)?;
        journal.file_away().map(|_| ())
    }

    /// Fails unless the live tree is that of `wanted`. The time of a folder in which a root lies changes with every
    /// renaming in it, and of one out of which a step deletes with that.
    #[track_caller]
    fn assert_live(&self, wanted: &str, when: &str) {
        let mut above = vec!["", "srv", "WINNT", "a", "a/b", "c", "out", "out/demo"];
        above.push("ccmail/Ccmcdata/deep");
        if wanted == "after" {
            above.extend([
                "srv/Conndata",
                "backups",
                "srv/Conndata/Tables/deep",
                "out/demo/ini",
            ]);
            above.extend(["out/demo/data", "out/demo/data/Tables/deep"]);
        }
        let above: Vec<PathBuf> = above.into_iter().map(PathBuf::from).collect();
        let found = differences(&self.path(wanted), &self.path("live")).unwrap();
        let counts = found.iter().filter(|difference| {
            !(matches!(difference.aspect, Aspect::Modified(..)) && above.contains(&difference.path))
        });
        let counts: Vec<String> = counts.map(ToString::to_string).collect();
        assert!(counts.is_empty(), "{when}: {counts:#?}");
    }
}

/// What a restore that nothing interrupted makes of the tree, once it is confirmed.
fn uninterrupted(scene: &Scene, going: Going<'_>) {
    scene.fresh();
    scene.forward(going).unwrap();
    scene.confirm().unwrap();
    // Its name is another one each time.
    remove_quarantine(scene);
    copy(&scene.path("live"), &scene.path("after"));
}

/// What a step set aside stays for a person to look at.
fn remove_quarantine(scene: &Scene) {
    for found in list(&scene.path("live")).unwrap() {
        let name = found.path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains(".set-aside-") {
            let is_data = name.starts_with("Conndata") || name.starts_with("data");
            let file = if is_data { "x.bad" } else { "x.old" };
            assert!(found.path.join(file).exists(), "{name}");
            fs::remove_dir_all(found.path).unwrap();
        }
    }
}

#[test]
fn a_restore_puts_back_what_belongs_to_it_and_leaves_the_rest() {
    let scene = Scene::new();
    uninterrupted(&scene, Going::Home);
    let text = |path: &str| fs::read_to_string(scene.path("live").join(path)).ok();
    for (path, wanted) in [
        ("srv/Conndata/Tables/t.tbl", Some("tables of then")),
        ("srv/Conndata/Tables/new.tbl", None),
        ("srv/Conndata/Tables/deep/x.SEQ", None),
        ("srv/Conndata/a.Ck", None),
        ("srv/Conndata/x.bad", None),
        ("srv/Conndata/later/work.seq", None),
        ("ccmail/IMPORT.EXE", Some("import of then")),
        ("ccmail/sub/one/two.dll", Some("dll of then")),
        ("ccmail/sub/own/later.txt", None),
        ("ccmail/sub/Submit/note.txt", Some("text of then")),
        ("ccmail/sub/Submit/1.ccm", None),
        ("ccmail/sub/Submit/2.ccm", Some("unsent")),
        ("ccmail/sub/only/Submit/3.ccm", Some("unsent too")),
        ("ccmail/Ccmcdata/log", Some("log of now")),
        ("backups/full.bkf", Some("TAPE of then")),
        ("backups/deep/down/part.bkf", Some("TAPE part of then")),
        ("backups/another/later.bkf", None),
        ("backups/readme", Some("of now")),
        ("WINNT/Notes.ini", Some("[Notes] of then")),
        ("WINNT/win.ini", Some("stays")),
        ("a/b/lost/file", Some("lost")),
        ("c/sets/in/one.bkf", Some("one")),
    ] {
        assert_eq!(text(path).as_deref(), wanted, "{path}");
    }
    assert!(scene.path("live/ccmail/sub/empty").is_dir() && scene.path("live/srv/Conndata/Temp").is_dir());
    assert!(!scene.path("live/ccmail/sub/own").exists());
    // Directories have the times that they had in the snapshot, and those that stay the times that they had.
    let time = |tree: &str, path: &str| {
        fs::metadata(scene.path(tree).join(path))
            .unwrap()
            .modified()
            .unwrap()
    };
    for stays in [
        "ccmail/Ccmcdata",
        "ccmail/sub/only",
        "ccmail/sub/only/Submit",
        "backups/another",
    ] {
        assert_eq!(time("live", stays), time("before", stays), "{stays}");
    }
    let mode = |path: &str| fs::metadata(scene.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("live/srv/Conndata/Tables"), 0o555);
    assert_eq!(mode("live/ccmail/sub/one"), 0o550);
}

/// Dies at every point on the way, and again a few points after that.
fn every_death(scene: &Scene, going: Going<'_>) -> u64 {
    uninterrupted(scene, going);
    for n in 0.. {
        scene.fresh();
        let (_, survived) = dying_at(n, || scene.forward(going).and_then(|()| scene.confirm()));
        if survived {
            assert!(n > 50, "only {n} points");
            return n;
        }
        // A restore that is confirmed only has to be cleared away.
        let go_on = || match Journal::open(&scene.journal())? {
            Some(journal) if journal.is_closed() => scene.confirm(),
            None if scene.path("state/history").exists() => Ok(()),
            _ => scene.forward(going).and_then(|()| scene.confirm()),
        };
        let _ = dying_at(n * 7 % 31, go_on);
        go_on().unwrap_or_else(|failure| panic!("point {n}: {failure:?}"));
        remove_quarantine(scene);
        scene.assert_live("after", &format!("gone on with at point {n}"));
    }
    unreachable!()
}

#[test]
fn whoever_dies_at_any_point_goes_on() {
    let scene = Scene::new();
    every_death(&scene, Going::Home);
}

#[test]
fn whoever_dies_at_any_point_goes_on_in_another_folder() {
    let scene = Scene::new();
    let to = scene.path("live/out");
    every_death(&scene, Going::Below(&to));
    // What is there already is replaced.
    scene.write("before/out/demo/data/older", "older");
    scene.write("before/out/other", "stays");
    every_death(&scene, Going::Below(&to));
    assert!(scene.path("live/out/other").exists() && !scene.path("live/out/demo/data/older").exists());
}

#[test]
fn whoever_dies_at_any_point_takes_it_back() {
    let scene = Scene::new();
    for n in 0.. {
        scene.fresh();
        let (_, survived) = dying_at(n, || scene.forward(Going::Home));
        let _ = dying_at(n * 5 % 37, || scene.back());
        let undone = scene.back();
        undone.unwrap_or_else(|failure| panic!("point {n}: {failure:?}"));
        scene.assert_live("before", &format!("taken back at point {n}"));
        if survived {
            return;
        }
    }
}

#[test]
fn whoever_dies_while_taking_back_goes_on_with_that() {
    let scene = Scene::new();
    for n in 0.. {
        scene.fresh();
        scene.forward(Going::Home).unwrap();
        let (_, survived) = dying_at(n, || scene.back());
        scene
            .back()
            .unwrap_or_else(|failure| panic!("point {n}: {failure:?}"));
        scene.assert_live("before", &format!("dead at point {n}"));
        if survived {
            assert!(n > 30, "only {n} points");
            return;
        }
    }
}

#[test]
fn nothing_is_taken_out_where_what_it_replaced_is_gone() {
    let scene = Scene::new();
    scene.fresh();
    scene.forward(Going::Home).unwrap();
    let journal = Journal::open(&scene.journal()).unwrap().unwrap();
    let plan = journal.plan().clone();
    let kept = plan.roots[0].old.parent().unwrap();
    fs::rename(kept, scene.path("elsewhere")).unwrap();
    copy(&scene.path("live"), &scene.path("restored"));
    drop(journal);
    let failure = scene.back().unwrap_err();
    assert!(failure.message.starts_with("cannot take back "), "{failure:?}");
    scene.assert_live("restored", "refused");
    fs::rename(scene.path("elsewhere"), kept).unwrap();
    scene.back().unwrap();
    scene.assert_live("before", "taken back");
}

#[test]
fn what_is_made_meanwhile_is_in_the_way() {
    let scene = Scene::new();
    scene.fresh();
    // Dead as soon as the root `data` was set aside and before anything was put in.
    let step = |doing: &plan::Doing| matches!(doing, plan::Doing::SetAside { root: 1 });
    let mut n = 0;
    loop {
        scene.fresh();
        let _ = dying_at(n, || scene.forward(Going::Home));
        let journal = Journal::open(&scene.journal()).unwrap();
        let is_over = journal.is_some_and(|journal| {
            assert_eq!(journal.plan().roots[1].name, "data");
            let at = journal.plan().steps.iter().position(|s| step(&s.doing)).unwrap();
            journal.is_over(at)
        });
        if is_over {
            break;
        }
        n += 1;
    }
    scene.write("live/srv/Conndata/made/by", "a service");
    for undo in [false, true] {
        let failure = match undo {
            false => scene.forward(Going::Home),
            true => scene.back(),
        };
        let failure = failure.expect_err(if undo { "taking back" } else { "going on" });
        assert!(failure.message.contains("Conndata is there again"), "{failure:?}");
        assert!(scene.path("live/srv/Conndata/made/by").exists());
    }
    fs::rename(scene.path("live/srv/Conndata"), scene.path("elsewhere")).unwrap();
    scene.back().unwrap();
    scene.assert_live("before", "taken back");
}

#[test]
fn half_a_line_at_the_end_never_happened_and_a_damaged_one_is_named() {
    let scene = Scene::new();
    scene.fresh();
    scene.forward(Going::Home).unwrap();
    let whole = fs::read(scene.journal()).unwrap();
    let lines = whole.iter().filter(|byte| **byte == b'\n').count();
    fs::write(scene.journal(), [&whole[..], b"{\"event\":\"reverti"].concat()).unwrap();
    let mut journal = Journal::open(&scene.journal()).unwrap().unwrap();
    assert!(!journal.is_reverting() && journal.next().is_none());
    journal.record(Event::Reverting { time: journal::now() }).unwrap();
    let now = fs::read_to_string(scene.journal()).unwrap();
    assert_eq!(now.lines().count(), lines + 1);
    let line = now.lines().nth(3).unwrap();
    fs::write(scene.journal(), now.replacen(line, "{\"event\":", 1)).unwrap();
    let failure = Journal::open(&scene.journal()).unwrap_err();
    assert!(failure.message.contains("is damaged in line 4: "), "{failure:?}");
    fs::write(scene.journal(), "").unwrap();
    assert!(Journal::open(&scene.journal()).is_err());
}
