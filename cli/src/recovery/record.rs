//! How far a recovery came, on disk: the checklist in the first line, then a line for everything that happens to it.
//! Each line is on disk before the work goes on.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::list::{Checklist, Mark, State};
use crate::failure::{Failure, Result};
use crate::procedure::{now, sync_folder};

/// A larger file is none of ours.
const MOST_BYTES: u64 = 64 << 20;

/// Of notes and findings no more lines are kept.
const MOST_LINES: usize = 20;

/// With more lines than this for each step the file is written anew.
const LINES_EACH: usize = 4;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The first line.
    Begun {
        /// When the recovery was begun.
        time: String,
        /// The checklist.
        list: Box<Checklist>,
    },
    /// Something is known about a step.
    Marked {
        /// Its number, from 0 on.
        step: usize,
        /// What.
        #[serde(flatten)]
        mark: Mark,
    },
    /// The restore of a connector begins.
    Planned {
        /// When.
        time: String,
        /// The connector.
        connector: String,
        /// The restore's run.
        run: String,
        /// Its steps with what is known about them by now: number, text, whether a person does it.
        steps: Vec<(usize, String, bool)>,
    },
    /// The restore of a connector was taken back: its steps are open again.
    Reopened {
        /// When that was found.
        time: String,
        /// The connector.
        connector: String,
    },
}

/// A recovery that was begun.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
    file: Option<File>,
    /// How many bytes of it are whole lines.
    whole: u64,
    begun: String,
    list: Checklist,
    marks: Vec<Mark>,
}

impl Record {
    /// Begins a recovery. What is known about steps already is written with it.
    ///
    /// # Errors
    /// Fails where the file cannot be written.
    pub(crate) fn create(path: &Path, list: Checklist, marks: &[Option<Mark>]) -> Result<Self> {
        let mut record = Self::of_plan(list, marks);
        record.path = path.to_path_buf();
        record.begun = now();
        record.write_anew()?;
        Ok(record)
    }

    /// A recovery that is not begun: nothing of it is on disk.
    pub(crate) fn of_plan(list: Checklist, marks: &[Option<Mark>]) -> Self {
        Self {
            path: PathBuf::new(),
            file: None,
            whole: 0,
            begun: String::new(),
            marks: marks
                .iter()
                .map(|mark| mark.clone().unwrap_or_default())
                .collect(),
            list,
        }
    }

    /// The recovery that was begun, if one was; to be read only.
    ///
    /// # Errors
    /// Fails where the file cannot be read or is damaged.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        Ok(Self::parse(path)?.map(|(record, ..)| record))
    }

    /// The recovery that was begun, if one was; to go on with.
    ///
    /// # Errors
    /// Fails where the file cannot be read or is damaged.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let Some((mut record, whole, lines)) = Self::parse(path)? else {
            return Ok(None);
        };
        if lines > LINES_EACH * (record.marks.len() + record.list.parts.len()) + 1 {
            record.write_anew()?;
            return Ok(Some(record));
        }
        let file = append_to(path)?;
        file.set_len(whole)
            .map_err(|error| cannot("write", path, &error))?;
        record.file = Some(file);
        record.whole = whole;
        Ok(Some(record))
    }

    /// What the file says, how long its whole lines are, and how many.
    fn parse(path: &Path) -> Result<Option<(Self, u64, usize)>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| cannot("read", path, &error))?,
        };
        let len = file
            .metadata()
            .map_err(|error| cannot("read", path, &error))?
            .len();
        if len > MOST_BYTES {
            return Err(damaged(path, 1, "it is too large"));
        }
        let mut reader = BufReader::new(file);
        let (mut whole, mut lines) = (0, 0);
        let mut record: Option<Self> = None;
        loop {
            let mut bytes = Vec::new();
            let read = reader.read_until(b'\n', &mut bytes);
            let len = read.map_err(|error| cannot("read", path, &error))?;
            // A line without an end was being written when the process was killed: it never happened.
            if bytes.pop() != Some(b'\n') {
                break;
            }
            lines += 1;
            let event =
                serde_json::from_slice(&bytes).map_err(|error| damaged(path, lines, &error.to_string()))?;
            match (&mut record, event) {
                (None, Event::Begun { time, list }) => {
                    record = Some(Self {
                        path: path.to_path_buf(),
                        file: None,
                        whole: 0,
                        begun: time,
                        marks: vec![Mark::default(); list.items.len()],
                        list: *list,
                    });
                }
                (Some(record), event) if record.knows(&event) => record.apply(event),
                _ => return Err(damaged(path, lines, "it does not fit to what is above it")),
            }
            whole += len as u64;
        }
        match record {
            Some(record) => Ok(Some((record, whole, lines))),
            None => Err(damaged(path, 1, "it does not begin with a checklist")),
        }
    }

    /// Whether an event is about steps that there are.
    fn knows(&self, event: &Event) -> bool {
        let last = self.marks.len();
        match event {
            Event::Begun { .. } => false,
            Event::Marked { step, .. } => *step < last,
            Event::Planned { connector, steps, .. } => {
                self.list.part(connector).is_some() && steps.iter().all(|(step, ..)| *step < last)
            }
            Event::Reopened { connector, .. } => self.list.part(connector).is_some(),
        }
    }

    /// What an event makes of what is known.
    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::Begun { .. } => {}
            Event::Marked { step, mark } => self.marks[step] = mark,
            Event::Planned {
                connector,
                run,
                steps,
                ..
            } => {
                self.set_run(&connector, Some(run));
                for (step, text, by_person) in steps {
                    self.list.items[step].text = text;
                    self.list.items[step].by_person = by_person;
                }
            }
            Event::Reopened { connector, .. } => {
                self.set_run(&connector, None);
                for step in self.list.planned(&connector) {
                    self.marks[step] = Mark::default();
                }
            }
        }
    }

    fn set_run(&mut self, connector: &str, run: Option<String>) {
        for part in &mut self.list.parts {
            if part.connector == connector {
                part.run.clone_from(&run);
            }
        }
    }

    /// Writes a line, and waits until it is on disk.
    ///
    /// # Errors
    /// Fails where it cannot be written.
    pub(crate) fn record(&mut self, event: Event) -> Result<()> {
        if let Some(file) = &mut self.file {
            let line = line(&event).map_err(|error| cannot("write", &self.path, &error))?;
            let written = file.write_all(&line).and_then(|()| file.sync_data());
            if let Err(error) = written {
                // Half a line must not become the beginning of the next.
                let _ = file.set_len(self.whole);
                return Err(cannot("write", &self.path, &error));
            }
            self.whole += line.len() as u64;
        }
        self.apply(event);
        Ok(())
    }

    /// Writes what is known about a step.
    ///
    /// # Errors
    /// Fails where it cannot be written.
    pub(crate) fn mark(&mut self, step: usize, mut mark: Mark) -> Result<()> {
        for lines in [&mut mark.notes, &mut mark.findings] {
            if lines.len() > MOST_LINES {
                let more = lines.len() - MOST_LINES;
                lines.truncate(MOST_LINES);
                lines.push(format!("and {more} more"));
            }
        }
        self.record(Event::Marked { step, mark })
    }

    /// Writes the file anew, with what is known and without how it came to be so.
    fn write_anew(&mut self) -> Result<()> {
        let first = Event::Begun {
            time: self.begun.clone(),
            list: Box::new(self.list.clone()),
        };
        let marked = self.marks.iter().enumerate();
        let marked = marked.filter(|(_, mark)| mark.state != State::Open);
        let events = std::iter::once(first).chain(marked.map(|(step, mark)| Event::Marked {
            step,
            mark: mark.clone(),
        }));
        let draft = self.path.with_extension("draft");
        let mut lines = Vec::new();
        for event in events {
            lines.extend(line(&event).map_err(|error| cannot("write", &draft, &error))?);
        }
        let written = File::create(&draft).and_then(|mut file| {
            file.write_all(&lines)?;
            file.sync_all()
        });
        written.map_err(|error| cannot("write", &draft, &error))?;
        fs::rename(&draft, &self.path).map_err(|error| cannot("write", &self.path, &error))?;
        sync_folder(self.path.parent())?;
        self.whole = lines.len() as u64;
        self.file = Some(append_to(&self.path)?);
        Ok(())
    }

    /// Puts the file to those of earlier recoveries. Returns where it lies then.
    ///
    /// # Errors
    /// Fails where it cannot be moved.
    pub(crate) fn file_away(self) -> Result<PathBuf> {
        let folder = self.path.with_file_name("history");
        fs::create_dir_all(&folder).map_err(|error| cannot("make folder", &folder, &error))?;
        let stem = self
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let begun: String = self.begun.chars().filter(|c| *c != ':').collect();
        let target = folder.join(format!("{stem}-{begun}.jsonl"));
        fs::rename(&self.path, &target).map_err(|error| cannot("write", &target, &error))?;
        sync_folder(Some(&folder))?;
        sync_folder(self.path.parent())?;
        Ok(target)
    }

    /// Where it lies; none for one that was not begun.
    pub(crate) fn path(&self) -> Option<&Path> {
        Some(self.path.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    /// When it was begun (RFC 3339); none for one that was not.
    pub(crate) fn begun(&self) -> Option<&str> {
        Some(self.begun.as_str()).filter(|begun| !begun.is_empty())
    }

    /// The checklist.
    pub(crate) fn list(&self) -> &Checklist {
        &self.list
    }

    /// What is known about a step.
    pub(crate) fn of(&self, step: usize) -> &Mark {
        &self.marks[step]
    }

    /// How far a step is.
    pub(crate) fn state(&self, step: usize) -> State {
        match self.marks[step].state {
            State::Open if self.list.items[step].not_needed.is_some() => State::NotNeeded,
            state => state,
        }
    }

    /// The first step that is still to be done.
    pub(crate) fn next(&self) -> Option<usize> {
        (0..self.marks.len()).find(|step| !self.state(*step).is_over())
    }
}

fn append_to(path: &Path) -> Result<File> {
    let opened = File::options().append(true).open(path);
    opened.map_err(|error| cannot("write", path, &error))
}

fn line(event: &Event) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(event).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", path.display()))
        .hint("how far the recovery came is kept there; what was written is intact")
}

fn damaged(path: &Path, line: usize, why: &str) -> Failure {
    Failure::new(format!(
        "the checklist {} is damaged in line {line}: {why}",
        path.display()
    ))
    .hint("mend it from a copy; or move it away and begin anew: the restores' own journals are not affected")
}
