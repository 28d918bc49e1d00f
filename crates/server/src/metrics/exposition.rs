//! The listener that Prometheus asks: `GET /metrics`, and nothing else. It is never the one that serves requests, so that
//! whoever may reach that one does not read how much is going on.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use billfold_service::Service;
use billfold_store::Database;
use metrics_exporter_prometheus::PrometheusHandle;

use super::{recorder, scrape::Source};

/// The form in which Prometheus reads them.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many may ask at once: it is one Prometheus, or two.
const CONNECTIONS: usize = 64;

/// Metrics that are counted, and an address that nobody answers at yet.
pub(crate) struct Exposition {
    listener: TcpListener,
    handle: PrometheusHandle,
}

/// The listener, answering. It goes on until this is dropped.
pub(crate) struct Exposed {
    address: SocketAddr,
    server: ServerHandle,
}

#[derive(Clone)]
struct Shown {
    handle: PrometheusHandle,
    source: Arc<Source>,
}

impl Exposition {
    /// Begins to count, and takes the address. Must be called before anything counts, and once in a process.
    pub(crate) fn begin(address: SocketAddr) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let listener = TcpListener::bind(address).map_err(|error| {
            format!(
                "cannot listen on {address} ({error}): choose another address with --metrics-listen, or stop what listens \
                 there"
            )
        })?;
        Ok(Self {
            listener,
            handle: recorder::install()?,
        })
    }

    /// Begins to answer.
    pub(crate) fn serve(self, database: Database, service: Service) -> std::io::Result<Exposed> {
        let shown = Shown {
            handle: self.handle,
            source: Arc::new(Source::new(database, service)),
        };
        let address = self.listener.local_addr()?;
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(shown.clone()))
                .route("/metrics", web::get().to(show))
        })
        .workers(1)
        .max_connections(CONNECTIONS)
        .disable_signals()
        .listen(self.listener)?
        .run();
        let exposed = Exposed {
            address,
            server: server.handle(),
        };
        tokio::spawn(server);
        Ok(exposed)
    }
}

impl Exposed {
    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exposed {
    fn drop(&mut self) {
        // The order to stop is sent by the call; the future only waits for its end.
        drop(self.server.stop(false));
    }
}

async fn show(shown: web::Data<Shown>) -> HttpResponse {
    shown.source.look().await;
    HttpResponse::Ok()
        .content_type(CONTENT_TYPE)
        .body(shown.handle.render())
}
