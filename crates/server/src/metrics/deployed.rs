//! The dashboard, the alert rules and their document speak of metrics that there are, by the table.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use super::{
    promql::series_in,
    table::{METRICS, metric_of},
};

/// Series that Prometheus makes itself.
const OF_PROMETHEUS: [&str; 1] = ["up"];

/// Metrics that are there for whoever looks closer, on no panel and in no rule.
const NOT_SHOWN: [&str; 3] = [
    "process_threads",
    "process_virtual_memory_bytes",
    "process_virtual_memory_max_bytes",
];

const RULES: &str = "deploy/prometheus/alerts.yml";
const DASHBOARD: &str = "deploy/grafana/dashboards/billfold.json";
const DOCUMENT: &str = "docs/monitoring.md";

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rules() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&read(RULES)).expect("the rules are YAML");
    let groups = file["groups"].as_array().expect("the rules are in groups");
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().expect("a group has rules"));
    rules.cloned().collect()
}

/// Every expression that stands under one of these names, however deep.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member.as_str()) {
                    ("expr", Some(expression)) => found.push(expression.to_owned()),
                    // A variable's: `label_values(series, label)`.
                    ("query", Some(query)) => {
                        let series = query
                            .strip_prefix("label_values(")
                            .and_then(|rest| rest.split_once(','));
                        found.push(series.map_or(query, |(series, _)| series).to_owned());
                    }
                    _ => expressions(member, found),
                }
            }
        }
        _ => {}
    }
}

/// The metrics that expressions ask for, and the series that belong to none.
fn asked_for(expressions: &[String]) -> (BTreeSet<&'static str>, Vec<String>) {
    let (mut known, mut unknown) = (BTreeSet::new(), Vec::new());
    for series in expressions.iter().flat_map(|expression| series_in(expression)) {
        match metric_of(&series) {
            Some(metric) => {
                known.insert(metric.name);
            }
            None if OF_PROMETHEUS.contains(&series.as_str()) => {}
            None => unknown.push(series),
        }
    }
    (known, unknown)
}

#[test]
fn a_name_that_is_none_is_found() {
    let planted = [
        "sum(rate(billfold_http_request_total[5m]))",
        "billfold_http_request_duration_seconds",
    ];
    let (known, unknown) = asked_for(&planted.map(str::to_owned));
    assert!(known.is_empty(), "{known:?}");
    assert_eq!(
        unknown,
        [
            "billfold_http_request_total",
            "billfold_http_request_duration_seconds"
        ]
    );
}

#[test]
fn dashboard_and_rules_ask_for_metrics_that_there_are_and_for_all_that_matter() {
    let mut found = Vec::new();
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("the dashboard is JSON");
    expressions(&dashboard, &mut found);
    assert!(found.len() > 20, "the walk missed the panels: {found:?}");
    let of_rules: Vec<String> = rules()
        .iter()
        .map(|rule| {
            rule["expr"]
                .as_str()
                .expect("a rule has an expression")
                .to_owned()
        })
        .collect();
    assert!(of_rules.len() > 10, "{of_rules:?}");
    found.extend(of_rules);
    let (known, unknown) = asked_for(&found);
    assert!(unknown.is_empty(), "there is no {unknown:?}");
    let all: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    let not_shown: Vec<&&str> = all.difference(&known).collect();
    let expected: Vec<&&str> = NOT_SHOWN.iter().collect();
    assert_eq!(not_shown, expected, "nobody would see these");
}

#[test]
fn every_alert_says_where_it_is_explained_and_is_explained_there() {
    let document = read(DOCUMENT);
    let explained: BTreeSet<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let mut named = BTreeSet::new();
    for rule in rules() {
        let name = rule["alert"].as_str().expect("a rule has a name").to_owned();
        let anchor = format!("{DOCUMENT}#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook_url"], anchor, "{name}");
        assert!(rule["annotations"]["summary"].is_string(), "{name}");
        assert!(
            ["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap_or_default()),
            "{name}"
        );
        assert!(explained.contains(name.as_str()), "{name} is not explained");
        named.insert(name);
    }
    let explained: BTreeSet<String> = explained.into_iter().map(str::to_owned).collect();
    assert_eq!(explained, named, "what is explained is no alert");
}

#[test]
fn the_document_has_every_metric_with_its_labels_and_no_other() {
    let document = read(DOCUMENT);
    let rows = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| {
            let (name, rest) = line.split_once("` | ")?;
            let (labels, _) = rest.split_once(" | ")?;
            Some((name.to_owned(), labels.to_owned()))
        });
    let documented: BTreeSet<(String, String)> = rows.filter(|(name, _)| name.contains('_')).collect();
    let table = METRICS.iter().map(|metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        (metric.name.to_owned(), labels.join(", "))
    });
    assert_eq!(documented, table.collect::<BTreeSet<_>>());
}
