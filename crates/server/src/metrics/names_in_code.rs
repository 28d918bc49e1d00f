//! Every metric that some room counts is in the table, and the table has none that nobody counts.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::table::METRICS;

/// The names that a text of code counts under.
fn counted_in(code: &str) -> BTreeSet<String> {
    let calls = ["counter!(", "gauge!(", "histogram!("];
    let names = calls.iter().flat_map(|call| code.split(call).skip(1));
    names
        .filter_map(|rest| rest.trim_start().strip_prefix('"'))
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

fn add_sources(directory: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        if path.is_dir() {
            add_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
}

#[test]
fn a_name_is_found_wherever_its_line_breaks() {
    let code = "metrics::counter!(\n    \"a_total\", \"label\" => 1) + gauge!(\"b\") + format!(\"c\") + counter!(other)";
    assert_eq!(counted_in(code), ["a_total", "b"].map(str::to_owned).into());
}

#[test]
fn what_is_counted_is_in_the_table_and_what_is_in_the_table_is_counted() {
    let rooms = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = Vec::new();
    for room in ["server", "service", "store", "stripe"] {
        add_sources(&rooms.join(room).join("src"), &mut sources);
    }
    let this = Path::new(file!()).file_name();
    sources.retain(|source| source.file_name() != this);
    let counted: BTreeSet<String> = sources
        .iter()
        .flat_map(|source| counted_in(&fs::read_to_string(source).expect("the sources can be read")))
        .collect();
    // Those of the process come from another crate, under names that all programs have in common.
    let of_ours = METRICS.iter().map(|metric| metric.name.to_owned());
    let table: BTreeSet<String> = of_ours.filter(|name| name.starts_with("billfold_")).collect();
    assert_eq!(counted, table);
}
