//! The memory of this process.

use std::fs;

/// What the system says under that name about the memory of this process, bytes; 0 where it says nothing.
pub(super) fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let text = line.unwrap_or_default().trim_start_matches(':').trim();
    let kib: u64 = text.trim_end_matches(" kB").parse().unwrap_or(0);
    kib * 1024
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peak_is_the_most() {
        let (now, peak) = (super::memory("VmRSS"), super::memory("VmHWM"));
        assert!(now > 100_000 && peak >= now, "{now} {peak}");
        assert_eq!(super::memory("VmNone"), 0);
    }
}
