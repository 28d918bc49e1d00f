//! Stripe's webhooks: signed deliveries, each of a new event, over many connections.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use serde_json::json;
use time::OffsetDateTime;

use super::{
    figures::WebhookFigures,
    stage::{PROJECT, Stage, WEBHOOK_SECRET},
};
use crate::{
    BenchError,
    generator::{self, Pace, Plan, Requests},
    machine,
    measure::Bench,
    reads::SHARE,
};

/// How many deliveries are under way at once.
pub(crate) const CONNECTIONS: u32 = 256;

/// As fast as they are acknowledged, then at a share of that rate. Whatever was acknowledged must be in the database.
pub(super) async fn measure(
    bench: &Bench<'_>,
    stage: &mut Stage,
    time: Duration,
    measured: &mut WebhookFigures,
) -> Result<(), BenchError> {
    let stored = stage.stored_events(bench).await?;
    let plan = Plan {
        port: stage.instance.port,
        connections: CONNECTIONS,
        pace: Pace::Unpaced,
        time,
    };
    let (server, database) = (
        machine::own_cpu_microseconds(stage.process())?,
        stage.database_cpu(bench)?,
    );
    let fast = generator::run(plan, Arc::new(Delivering::of(stage))).await?;
    stage.delivered += fast.answers.len();
    let number = u32::try_from(fast.answers.len()).unwrap_or(u32::MAX);
    let each =
        |from: u64, to: u64| f64::from(u32::try_from(to - from).unwrap_or(u32::MAX)) / f64::from(number);
    measured
        .server_cpu
        .push(each(server, machine::own_cpu_microseconds(stage.process())?));
    measured
        .database_cpu
        .push(each(database, stage.database_cpu(bench)?));
    measured.rate.push(fast.rate());
    let plan = Plan {
        pace: Pace::ASecond(fast.rate() * SHARE),
        ..plan
    };
    let paced = generator::run(plan, Arc::new(Delivering::of(stage))).await?;
    stage.delivered += paced.answers.len();
    measured.times.push(paced.latencies());
    let kept = stage.stored_events(bench).await? - stored;
    let acknowledged = (fast.answers.len() + paced.answers.len()) as u64;
    if kept != acknowledged {
        return Err(format!("{acknowledged} webhooks were acknowledged, and {kept} are stored").into());
    }
    Ok(())
}

struct Delivering {
    /// The number of the first event.
    first: usize,
    /// What the events are about.
    objects: Vec<String>,
    key: hmac::Key,
}

impl Delivering {
    fn of(stage: &Stage) -> Self {
        Self {
            first: stage.delivered,
            objects: stage.kept.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes()),
        }
    }
}

impl Requests for Delivering {
    fn write(&self, number: usize, bytes: &mut Vec<u8>) -> bool {
        let number = self.first + number;
        let object = &self.objects[number % self.objects.len()];
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let body = json!({
            "id": format!("evt_benchmark{number}"), "object": "event", "api_version": "2026-06-24.dahlia",
            "created": now, "livemode": false, "pending_webhooks": 1, "type": "payment_method.updated",
            "request": {"id": null, "idempotency_key": null},
            "data": {"object": {
                "id": object, "object": "payment_method", "type": "card", "customer": "cus_benchmark0000",
                "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "funding": "credit"},
            }},
        })
        .to_string();
        let signature = hmac::sign(&self.key, format!("{now}.{body}").as_bytes());
        let request = format!(
            "POST /webhooks/stripe/{PROJECT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json; charset=utf-8\r\n\
             stripe-signature: t={now},v1={}\r\ncontent-length: {}\r\n\r\n{body}",
            hex::encode(signature),
            body.len()
        );
        bytes.extend_from_slice(request.as_bytes());
        true
    }

    fn status(&self) -> u16 {
        200
    }
}
