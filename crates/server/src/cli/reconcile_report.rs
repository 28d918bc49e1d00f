//! What `billfold reconcile` prints.

use std::fmt::{self, Display, Write as _};

use billfold_domain::UtcTimestamp;
use billfold_service::{EndedOperations, OpenOperation, SweepReport};
use serde_json::{Value, json};

use super::reconcile::Found;
use crate::wire::time::rfc3339;

/// The report for a reader.
pub(super) fn text(found: &[Found], dry_run: bool, now: UtcTimestamp) -> Result<String, fmt::Error> {
    let mut text = String::new();
    write(&mut text, found, dry_run, now)?;
    Ok(text)
}

fn write(text: &mut String, found: &[Found], dry_run: bool, now: UtcTimestamp) -> fmt::Result {
    if dry_run {
        writeln!(text, "A dry run: nothing is changed.")?;
    }
    for found in found {
        writeln!(text, "{}", found.project)?;
        match &found.operations {
            Ok(operations) => write_operations(text, operations, dry_run, now)?,
            Err(reason) => failure(text, "operations", reason)?,
        }
        match &found.sweep {
            Ok(report) => write_sweep(text, report)?,
            Err(reason) => failure(text, "comparison", reason)?,
        }
        match &found.undelivered_events {
            Some(Ok(events)) => line(text, "events", format!("{events} that Stripe could not deliver"))?,
            Some(Err(reason)) => failure(text, "events", reason)?,
            None => {}
        }
        if let Err(reason) = &found.parked {
            failure(text, "parked", reason)?;
        }
        for (object_type, id) in found.parked.iter().flatten() {
            line(
                text,
                "parked",
                format!("{object_type} {id}: it could not be read at Stripe"),
            )?;
        }
    }
    let projects = found.len();
    let to_look_at = found.iter().filter(|found| found.needs_a_person(dry_run)).count();
    if to_look_at == 0 {
        writeln!(text, "{projects} projects, and all is well.")
    } else {
        writeln!(
            text,
            "{projects} projects, and {to_look_at} of them need a person: see docs/running.md."
        )
    }
}

fn line(text: &mut String, name: &str, value: impl Display) -> fmt::Result {
    writeln!(text, "  {name:<16}{value}")
}

fn failure(text: &mut String, name: &str, reason: &str) -> fmt::Result {
    line(text, name, format!("failed: {reason} (the log says more)"))
}

fn write_operations(
    text: &mut String,
    operations: &EndedOperations,
    dry_run: bool,
    now: UtcTimestamp,
) -> fmt::Result {
    let (ended, open) = (operations.ended, operations.open.len());
    let summary = if dry_run {
        format!("{open} open")
    } else {
        format!("{ended} ended, {open} still open")
    };
    line(text, "operations", summary)?;
    for operation in &operations.open {
        let OpenOperation {
            kind,
            subject,
            user,
            attempts,
            ..
        } = operation;
        let step = operation.step.as_deref().unwrap_or("none");
        let age = age_in_seconds(operation, now);
        line(
            text,
            "open",
            format!("{kind} {subject}, user {user}: last step {step}, {attempts} attempts, {age} s old"),
        )?;
    }
    Ok(())
}

fn age_in_seconds(operation: &OpenOperation, now: UtcTimestamp) -> i64 {
    let microseconds = now
        .microseconds()
        .saturating_sub(operation.created_at.microseconds());
    microseconds.max(0) / 1_000_000
}

fn write_sweep(text: &mut String, report: &SweepReport) -> fmt::Result {
    let (users, methods) = (report.users, report.payment_methods);
    line(
        text,
        "compared",
        format!("{users} users, {methods} payment methods"),
    )?;
    let would = if report.dry_run { "would be " } else { "" };
    for (name, ids) in [
        ("updated", &report.updated),
        ("confirmed", &report.confirmed),
        ("removed", &report.removed),
        ("adopted", &report.adopted),
    ] {
        for id in ids {
            line(text, &format!("{would}{name}"), id)?;
        }
    }
    for id in &report.removed_customers {
        line(
            text,
            &format!("{would}removed"),
            format!("{id}, a customer that is gone at Stripe"),
        )?;
    }
    for id in &report.unclaimed {
        line(
            text,
            "unclaimed",
            format!("{id}: a page has attached it, and nobody has saved it"),
        )?;
    }
    for id in &report.in_operation {
        line(text, "in operation", id)?;
    }
    for user in &report.unread {
        line(
            text,
            "not compared",
            format!("user {}: {} (the log says more)", user.user, user.reason),
        )?;
    }
    for found in &report.contradictions {
        let (id, user, why) = (&found.payment_method, &found.user, found.kind.explanation());
        line(text, "contradiction", format!("{id}, user {user}: {why}"))?;
    }
    Ok(())
}

/// The report for a program: one line.
pub(super) fn json(found: &[Found], dry_run: bool, now: UtcTimestamp) -> String {
    let projects: Vec<Value> = found
        .iter()
        .map(|found| {
            let operations = found.operations.as_ref().ok().map(|operations| {
                let open = operations.open.iter();
                let open: Vec<Value> = open.map(|operation| operation_json(operation, now)).collect();
                json!({ "ended": operations.ended, "open": open })
            });
            let parked = found.parked.as_ref().ok().map(|parked| {
                let named = parked.iter();
                named
                    .map(|(object_type, id)| json!({ "type": object_type, "id": id }))
                    .collect::<Vec<Value>>()
            });
            let (sweep, error) = match &found.sweep {
                Ok(report) => (sweep_json(report), Value::Null),
                Err(reason) => (Value::Null, json!(reason)),
            };
            let events = match &found.undelivered_events {
                Some(Ok(events)) => json!(events),
                _ => Value::Null,
            };
            json!({
                "project": found.project.as_str(),
                "needsAPerson": found.needs_a_person(dry_run),
                "operations": operations,
                "sweep": sweep,
                "error": error,
                "errors": errors(found),
                "undeliveredEvents": events,
                "parkedObjects": parked,
            })
        })
        .collect();
    let needs_a_person = found.iter().any(|found| found.needs_a_person(dry_run));
    let report = json!({ "dryRun": dry_run, "needsAPerson": needs_a_person, "projects": projects });
    format!("{report}\n")
}

/// Why what is `null` in the report is not known, by the names that a reader's report has.
fn errors(found: &Found) -> Value {
    let failed = [
        ("operations", found.operations.as_ref().err()),
        ("comparison", found.sweep.as_ref().err()),
        (
            "events",
            found
                .undelivered_events
                .as_ref()
                .and_then(|events| events.as_ref().err()),
        ),
        ("parked", found.parked.as_ref().err()),
    ];
    let failed = failed.into_iter();
    failed
        .filter_map(|(name, reason)| Some((name.to_owned(), json!(reason?))))
        .collect::<serde_json::Map<String, Value>>()
        .into()
}

fn operation_json(operation: &OpenOperation, now: UtcTimestamp) -> Value {
    json!({
        "id": operation.id,
        "kind": operation.kind,
        "subject": operation.subject,
        "user": operation.user.as_str(),
        "step": operation.step,
        "attempts": operation.attempts,
        "createdAt": rfc3339(operation.created_at),
        "ageSeconds": age_in_seconds(operation, now),
    })
}

fn texts<T: Display>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn sweep_json(report: &SweepReport) -> Value {
    let contradictions: Vec<Value> = report
        .contradictions
        .iter()
        .map(|found| {
            json!({
                "paymentMethod": found.payment_method.as_str(),
                "user": found.user.as_str(),
                "kind": found.kind.as_str(),
            })
        })
        .collect();
    let unread: Vec<&str> = report.unread.iter().map(|unread| unread.user.as_str()).collect();
    json!({
        "users": report.users,
        "paymentMethods": report.payment_methods,
        "updated": texts(&report.updated),
        "confirmed": texts(&report.confirmed),
        "removed": texts(&report.removed),
        "removedCustomers": texts(&report.removed_customers),
        "adopted": texts(&report.adopted),
        "unclaimed": texts(&report.unclaimed),
        "inOperation": texts(&report.in_operation),
        "contradictions": contradictions,
        "notCompared": unread,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use billfold_domain::ProjectId;

    use super::*;

    fn found(project: &str) -> Found {
        Found {
            project: ProjectId::parse(project).unwrap(),
            operations: Ok(EndedOperations::default()),
            sweep: Ok(SweepReport {
                project: ProjectId::parse(project).unwrap(),
                dry_run: false,
                whole: true,
                users: 0,
                payment_methods: 0,
                updated: Vec::new(),
                confirmed: Vec::new(),
                removed: Vec::new(),
                removed_customers: Vec::new(),
                adopted: Vec::new(),
                unclaimed: Vec::new(),
                in_operation: Vec::new(),
                contradictions: Vec::new(),
                unread: Vec::new(),
            }),
            undelivered_events: None,
            parked: Ok(Vec::new()),
        }
    }

    #[test]
    fn what_could_not_be_looked_at_needs_a_person_and_costs_the_others_nothing() {
        let now = UtcTimestamp::from_microseconds(0);
        let sound = found("acme");
        assert!(!sound.needs_a_person(true) && !sound.needs_a_person(false));
        let mut broken = found("shop");
        broken.operations = Err("no database".to_owned());
        assert!(broken.needs_a_person(true) && broken.needs_a_person(false));
        broken.operations = Ok(EndedOperations::default());
        broken.parked = Err("no database".to_owned());
        assert!(broken.needs_a_person(true) && broken.needs_a_person(false));
        broken.operations = Err("no database".to_owned());

        let all = [broken, sound];
        let read = text(&all, false, now).unwrap();
        assert!(
            read.contains("operations      failed: no database") && read.contains("parked          failed"),
            "{read}"
        );
        assert!(read.contains("2 projects, and 1 of them need"), "{read}");
        let report: Value = serde_json::from_str(&json(&all, false, now)).unwrap();
        let (broken, sound) = (&report["projects"][0], &report["projects"][1]);
        assert_eq!(broken["operations"], Value::Null, "{report}");
        assert_eq!(
            broken["errors"],
            json!({ "operations": "no database", "parked": "no database" })
        );
        assert_eq!(sound["operations"], json!({ "ended": 0, "open": [] }));
        assert_eq!(sound["errors"], json!({}));
        assert_eq!(sound["parkedObjects"], json!([]));
    }
}
