//! Reads through HAProxy, by one, two and three instances.

use std::{fs, io::ErrorKind, process::Stdio, time::Duration};

use rand::SeedableRng as _;
use tokio::process::Command;

use super::MOST_INSTANCES;
use crate::{
    TortureError,
    balancer::Balancer,
    database::Database,
    platform::{Platform, Run},
    program::quiet_port,
};

const CONNECTIONS: u32 = 64;

/// How much longer than its measurement `wrk` may take.
const GRACE: Duration = Duration::from_secs(20);

/// What `wrk` tells at its end, in a form that is easily read.
const SUMMARY: &str = r#"
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("billfold %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"#;

/// What was measured of one request by so many instances, a value a round.
pub(crate) struct Rate {
    pub(crate) instances: usize,
    pub(crate) request: &'static str,
    pub(crate) per_second: Vec<f64>,
    pub(crate) median_milliseconds: Vec<f64>,
    pub(crate) high_milliseconds: Vec<f64>,
    /// Microseconds of processor time for each answer: of the instances, of HAProxy and of PostgreSQL.
    pub(crate) instances_cpu: Vec<f64>,
    pub(crate) balancer_cpu: Vec<f64>,
    pub(crate) database_cpu: Vec<f64>,
}

/// Measures both requests in turns, so that whatever else the machine does strikes all alike.
pub(crate) async fn measure(platform: &Platform, run: &Run) -> Result<Vec<Rate>, TortureError> {
    let ports: Vec<u16> = platform.instances.iter().map(|instance| instance.port).collect();
    let mut chance = rand::rngs::StdRng::seed_from_u64(u64::from(std::process::id()) + 1);
    let mut balancers = Vec::new();
    for number in 1..=MOST_INSTANCES {
        let free = [quiet_port(&mut chance)?, quiet_port(&mut chance)?];
        balancers.push(Balancer::start(free, &ports[..number]).await?);
    }
    let project = &platform.tenants[0].name;
    let (token, _) = platform.clients.tokens(project, "");
    let card = "pm_1c4ca4238a0b923820dcc509";
    let requests = [
        ("list 10", format!("/projects/{project}/paymentMethods?limit=10")),
        ("retrieve", format!("/projects/{project}/paymentMethods/{card}")),
    ];
    let mut rates: Vec<Rate> = Vec::new();
    for _ in 0..run.pick(5, 1) {
        for (place, balancer) in balancers.iter().enumerate() {
            for (request, path) in &requests {
                let before = cpu(platform, balancer)?;
                let told = wrk(balancer.port, path, &token, run.pick(4, 1)).await?;
                let after = cpu(platform, balancer)?;
                let instances = place + 1;
                let known = rates
                    .iter_mut()
                    .position(|rate| rate.instances == instances && rate.request == *request);
                let at = known.unwrap_or_else(|| {
                    rates.push(Rate::new(instances, request));
                    rates.len() - 1
                });
                let rate = &mut rates[at];
                let each = |part: usize| (after[part] - before[part]) / told.number;
                rate.per_second.push(told.number / told.seconds);
                rate.median_milliseconds.push(told.median);
                rate.high_milliseconds.push(told.high);
                rate.instances_cpu.push(each(0));
                rate.balancer_cpu.push(each(1));
                rate.database_cpu.push(each(2));
            }
        }
    }
    Ok(rates)
}

impl Rate {
    const fn new(instances: usize, request: &'static str) -> Self {
        Self {
            instances,
            request,
            per_second: Vec::new(),
            median_milliseconds: Vec::new(),
            high_milliseconds: Vec::new(),
            instances_cpu: Vec::new(),
            balancer_cpu: Vec::new(),
            database_cpu: Vec::new(),
        }
    }
}

struct Told {
    number: f64,
    seconds: f64,
    median: f64,
    high: f64,
}

async fn wrk(port: u16, path: &str, token: &str, seconds: u32) -> Result<Told, TortureError> {
    // The token stands in a file, as arguments are seen by every process of the machine.
    let script = tempfile::NamedTempFile::new()?;
    fs::write(
        script.path(),
        format!("wrk.headers[\"Authorization\"] = \"Bearer {token}\"\n{SUMMARY}"),
    )?;
    let running = Command::new("wrk")
        .args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .arg("--script")
        .arg(script.path())
        .arg(format!("http://127.0.0.1:{port}{path}"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let limit = Duration::from_secs(u64::from(seconds)) + GRACE;
    let output = tokio::time::timeout(limit, running).await?.map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            "wrk is not here: Debian's package wrk brings it".to_owned()
        } else {
            format!("wrk cannot be started: {error}")
        }
    })?;
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = said
        .lines()
        .find_map(|line| line.strip_prefix("billfold "))
        .unwrap_or_default()
        .split(' ')
        .map_while(|text| text.parse().ok())
        .collect();
    match numbers[..] {
        [number, microseconds, median, high, 0.0] if number > 0.0 => Ok(Told {
            number,
            seconds: microseconds / 1e6,
            median: median / 1e3,
            high: high / 1e3,
        }),
        _ => Err(format!("{path}: wrk met errors: {said}").into()),
    }
}

/// Microseconds that the instances, HAProxy and the primary have used.
fn cpu(platform: &Platform, balancer: &Balancer) -> Result<[f64; 3], TortureError> {
    let Database::Postgres(postgres) = &platform.database else {
        return Err("this needs PostgreSQL".into());
    };
    let instances: Vec<u32> = platform
        .instances
        .iter()
        .map(crate::program::Instance::process_id)
        .collect();
    Ok([
        used(&instances),
        used(&[balancer.process_id()]),
        used(&postgres.server.process_ids()),
    ])
}

/// Linux counts in hundredths of a second here, whatever its clock does.
const MICROSECONDS_A_TICK: f64 = 10_000.0;

/// The user and system time of processes, in microseconds; those that have ended count nothing.
fn used(processes: &[u32]) -> f64 {
    let of_process = |process: &u32| -> Option<f64> {
        let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let (_, fields) = line.rsplit_once(')')?;
        let mut fields = fields
            .split_whitespace()
            .skip(11)
            .map_while(|field| field.parse::<f64>().ok());
        Some(fields.next()? + fields.next()?)
    };
    processes.iter().filter_map(of_process).sum::<f64>() * MICROSECONDS_A_TICK
}
