//! HAProxy before the instances, with the settings that operators are given.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use billfold_test_support::Process;

use crate::{
    TortureError,
    clients::http_client,
    edge::proxies::{Kind, program},
};

/// The settings, which take addresses from variables.
const SETTINGS: &str = "../deploy/haproxy.cfg";

/// The variables for the instances' addresses: there can be as many instances.
const INSTANCES: [&str; 3] = ["INSTANCE_ONE", "INSTANCE_TWO", "INSTANCE_THREE"];

/// The longest wait until it sees what is there.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running HAProxy. It ends when it is dropped.
pub(crate) struct Balancer {
    /// Where clients come in.
    pub(crate) port: u16,
    metrics: SocketAddr,
    http: reqwest::Client,
    process: Process,
}

impl Balancer {
    /// Starts it on the first of two free ports, with its metrics on the other, and waits until it sees every instance.
    pub(crate) async fn start([port, metrics]: [u16; 2], instances: &[u16]) -> Result<Self, TortureError> {
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = Command::new(program(Kind::Haproxy)?);
        command
            .arg("-db")
            .arg("-f")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SETTINGS))
            .env("PROXY_LISTEN", local(port).to_string())
            .env("PROXY_METRICS_LISTEN", local(metrics).to_string());
        for (variable, instance) in INSTANCES.into_iter().zip(instances) {
            command.env(variable, local(*instance).to_string());
        }
        let balancer = Self {
            port,
            metrics: local(metrics),
            http: http_client()?,
            process: Process::spawn(&mut command)?,
        };
        balancer.sees(instances.len().min(INSTANCES.len())).await?;
        Ok(balancer)
    }

    /// Its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it sends requests to so many instances.
    pub(crate) async fn sees(&self, instances: usize) -> Result<(), TortureError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let up = self.up().await.unwrap_or_default();
            if up == instances {
                return Ok(());
            }
            if Instant::now() > deadline {
                let said = self.process.stderr_lines().join("\n");
                return Err(format!("HAProxy sees {up} of {instances} instances: {said}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn up(&self) -> Result<usize, TortureError> {
        let answer = self
            .http
            .get(format!("http://{}/metrics", self.metrics))
            .send()
            .await?;
        let text = answer.error_for_status()?.text().await?;
        let up = text.lines().filter(|line| {
            line.starts_with("haproxy_server_status{proxy=\"instances\"")
                && line.contains("state=\"UP\"")
                && line.ends_with(" 1")
        });
        Ok(up.count())
    }
}
