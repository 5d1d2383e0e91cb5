//! The tree that is measured: made, changed, and compared with what was restored.

use std::path::Path;
use std::time::Duration;

use restante_tests::compare::differences;
use restante_tests::workload::{StepSummary, Summary, Workload};

use crate::failure::Failure;
use crate::folder;

/// Lays `workload` down in `tree` and waits until the disk has it.
///
/// # Errors
///
/// Where it cannot be written.
pub fn create(workload: &Workload, tree: &Path) -> Result<Summary, Failure> {
    let made = workload.create(tree);
    let summary = made.map_err(|e| Failure::io("generating the tree", e))?;
    settle(tree)?;
    Ok(summary)
}

/// Takes step `n` of `workload` in `tree` and waits until the disk has it.
///
/// # Errors
///
/// Where the tree cannot be changed.
pub fn step(workload: &Workload, tree: &Path, n: u64) -> Result<StepSummary, Failure> {
    let changed = workload.step(tree, n);
    let changed = changed.map_err(|e| Failure::io(format!("taking step {n} of the tree"), e))?;
    settle(tree)?;
    Ok(changed)
}

/// Waits until a changed tree is an old one: programs distrust times of change that have just passed, and read such
/// files once more, which between two snapshots a minute apart they would not.
pub(crate) fn settle(tree: &Path) -> Result<(), Failure> {
    const OLD: Duration = Duration::from_millis(2100);
    std::thread::sleep(OLD);
    rustix::fs::sync();
    folder::warm(tree)
}

/// Fails if the restored tree is not the original.
pub(crate) fn judge(original: &Path, restored: &Path, with_root: bool) -> Result<(), Failure> {
    let mut found = differences(original, restored)
        .map_err(|e| Failure::at("comparing the original with", restored, e))?;
    if !with_root {
        found.retain(|difference| !difference.path.as_os_str().is_empty());
    }
    match found.first() {
        None => Ok(()),
        Some(first) => Err(Failure::WrongRestore {
            place: restored.to_owned(),
            count: found.len(),
            first: first.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_restore_is_told_from_a_right_one() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(a.path().join("x"), "1").unwrap();
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(a.path().join("x"))
            .arg(b.path())
            .status();
        assert!(copied.unwrap().success());
        // The folders themselves differ, and only where the root counts is that a difference.
        for (folder, mode) in [(&a, 0o700), (&b, 0o755)] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(folder.path(), mode).unwrap();
        }
        assert!(judge(a.path(), b.path(), true).is_err());
        judge(a.path(), b.path(), false).unwrap();
        std::fs::write(b.path().join("x"), "2").unwrap();
        let failure = judge(a.path(), b.path(), false).unwrap_err();
        assert_eq!(failure.short(), "wrong restore");
        assert!(failure.to_string().contains("; x: "), "{failure}");
    }
}
