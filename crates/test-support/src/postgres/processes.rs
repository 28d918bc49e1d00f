//! What the operating system says of processes and their children.

use std::process::Command;

/// The direct children of a process.
pub(super) fn children_of(parent: u32) -> Vec<u32> {
    let list = match processes_from_proc() {
        Some(list) => list,
        // The slim images that have no `ps` are Linux, where it is not needed.
        None => Command::new("ps")
            .args(["-A", "-o", "pid=,ppid="])
            .output()
            .map(|output| pairs(&String::from_utf8_lossy(&output.stdout)))
            .unwrap_or_default(),
    };
    list.into_iter()
        .filter(|&(_, of)| of == parent)
        .map(|(id, _)| id)
        .collect()
}

fn pairs(report: &str) -> Vec<(u32, u32)> {
    report
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .collect()
}

/// Every process and its parent, where `/proc` tells.
fn processes_from_proc() -> Option<Vec<(u32, u32)>> {
    std::fs::metadata("/proc/self/stat").ok()?;
    let entries = std::fs::read_dir("/proc").ok()?;
    let of_entry = |entry: std::fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The program's name, in parentheses, can hold anything; the state and the parent follow the last one.
        let parent = line.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((id, parent))
    };
    Some(entries.flatten().filter_map(of_entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_among_the_children_of_its_parent() {
        let process = crate::Process::spawn(Command::new("sleep").arg("60")).expect("it starts");
        assert!(children_of(std::process::id()).contains(&process.id()));
        assert!(!children_of(process.id()).contains(&process.id()));
    }

    #[test]
    fn process_lists_are_read() {
        assert_eq!(pairs("  1     0\n 300 1\nx y\n"), [(1, 0), (300, 1)]);
    }
}
