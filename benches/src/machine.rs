//! On what is measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `program` is on `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| is_program(place))
}

/// Whether something that can be run is at `path`.
pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The first line of what a program says when it runs with `arguments`.
pub fn first_line(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// What the figures depend on, as pairs of a name and a value. `folder` is where the trees lie.
pub fn description(folder: &Path) -> Vec<(&'static str, String)> {
    let unknown = || "unknown".to_owned();
    let value = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let memory = value("/proc/meminfo", "MemTotal").and_then(|text| {
        let kib: f64 = text.strip_suffix(" kB")?.parse().ok()?;
        Some(format!("{:.0} GiB", kib / f64::from(1 << 20)))
    });
    let cores = std::thread::available_parallelism().map(|cores| cores.to_string());
    let date = find("date").and_then(|date| first_line(&date, &["-u", "+%Y-%m-%d %H:%M UTC"]));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned());
    vec![
        ("date", date.unwrap_or_else(unknown)),
        (
            "processor",
            value("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
        ),
        ("cores", cores.unwrap_or_else(|_| unknown())),
        ("memory", memory.unwrap_or_else(unknown)),
        ("kernel", kernel.unwrap_or_else(|_| unknown())),
        ("file system", file_system(folder).unwrap_or_else(unknown)),
    ]
}

/// The type of the file system that `folder` lies on.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let place = Path::new(fields.next()?);
        folder
            .starts_with(place)
            .then_some((place.as_os_str().len(), fields.next()?))
    });
    // Of two mounts at the same place the later one is seen.
    mounts
        .max_by_key(|(len, _)| *len)
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found() {
        assert!(find("sh").is_some_and(|path| is_program(&path)));
        assert!(find("surely no program").is_none());
        assert!(!is_program(Path::new("/")));
    }

    #[test]
    fn nothing_is_empty() {
        for (name, value) in description(Path::new("/proc")) {
            assert!(!value.is_empty(), "{name}");
        }
        assert_eq!(file_system(Path::new("/proc")).as_deref(), Some("proc"));
    }
}
