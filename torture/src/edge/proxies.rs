//! What stands between clients and an instance in many places: nginx and haproxy, as Debian has them, on loopback.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use billfold_test_support::Process;
use tempfile::TempDir;

use crate::TortureError;

/// Where Debian puts what only administrators run.
const ADMINISTRATORS: &str = "/usr/sbin";

/// A kind of proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Haproxy,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }
}

/// A running proxy in front of one instance. It ends when it is dropped.
pub(crate) struct Proxy {
    kind: Kind,
    pub(crate) address: SocketAddr,
    process: Process,
    _directory: TempDir,
}

/// The requests of one name, as the proxy tells of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// How many it passed on, whatever came of it.
    pub(crate) all: usize,
    /// How many of these were answered by the application itself, not by its HTTP library, and not by the proxy.
    pub(crate) answered: usize,
}

impl Proxy {
    /// Starts one on a port that is free.
    pub(crate) async fn start(kind: Kind, port: u16, instance: u16) -> Result<Self, TortureError> {
        let program = program(kind)?;
        let directory = tempfile::tempdir()?;
        let folder = directory.path().display();
        let configuration = match kind {
            Kind::Nginx => nginx(&folder.to_string(), port, instance),
            Kind::Haproxy => haproxy(port, instance),
        };
        let file = directory.path().join("proxy.conf");
        std::fs::write(&file, configuration)?;
        let mut command = Command::new(program);
        match kind {
            Kind::Nginx => command
                .arg("-p")
                .arg(directory.path())
                .arg("-e")
                .arg("stderr")
                .arg("-c")
                .arg(&file),
            Kind::Haproxy => command.arg("-db").arg("-f").arg(&file),
        };
        let mut proxy = Self {
            kind,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            process: Process::spawn(&mut command)?,
            _directory: directory,
        };
        for _ in 0..200 {
            if proxy.process.exit_status()?.is_some() {
                break;
            }
            if tokio::net::TcpStream::connect(proxy.address).await.is_ok() {
                return Ok(proxy);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let said = proxy.process.stderr_lines().join("\n");
        Err(format!("{} does not start: {said}", kind.name()).into())
    }

    /// What it has passed on, by the name that each request gives itself.
    pub(crate) fn passed(&self) -> BTreeMap<String, Passed> {
        let mut lines = self.process.stdout_lines();
        lines.extend(self.process.stderr_lines());
        let mut passed: BTreeMap<String, Passed> = BTreeMap::new();
        for line in lines {
            // The request's name, the status that the instance gave, and the word that says that it was passed on: nginx's
            // own, and the name that haproxy has for the instance.
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [name, status, "passed"] = fields[..] else {
                continue;
            };
            let Ok(status) = status.parse::<u16>() else {
                continue;
            };
            let of_name = passed.entry(name.to_owned()).or_default();
            of_name.all += 1;
            of_name.answered += usize::from(![400, 408, 431, 502, 503, 504].contains(&status));
        }
        passed
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }
}

/// Where a proxy's program is, or which package brings it.
pub(crate) fn program(kind: Kind) -> Result<PathBuf, TortureError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(PathBuf::from(ADMINISTRATORS));
    let name = kind.name();
    folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{name} is not here: Debian's package {name} brings it").into())
}

/// As lenient and as frugal as nginx gets: it keeps one connection to the instance for everyone, sends bodies on as they
/// come, and lets odd headers through.
fn nginx(folder: &str, port: u16, instance: u16) -> String {
    format!(
        r#"daemon off;
master_process off;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 512; }}
http {{
    log_format passed '$http_x_request_id $upstream_status passed';
    access_log /dev/stdout passed;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ignore_invalid_headers off;
    underscores_in_headers on;
    upstream instance {{ server 127.0.0.1:{instance}; keepalive 1; }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {{
            proxy_pass http://instance;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_next_upstream off;
            proxy_read_timeout 5s;
        }}
    }}
}}
"#
    )
}

/// One that shares its connections to the instance among all clients.
fn haproxy(port: u16, instance: u16) -> String {
    format!(
        r#"global
    log stdout format raw local0
    maxconn 512
defaults
    mode http
    log global
    option http-keep-alive
    http-reuse always
    retries 0
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend all
    bind 127.0.0.1:{port}
    capture request header X-Request-Id len 64
    log-format "%[capture.req.hdr(0)] %ST %s"
    default_backend instance
backend instance
    server passed 127.0.0.1:{instance}
"#
    )
}
