//! The listening server: the HTTP library's, with our stream between it and the socket.

use std::{fmt, io, net::TcpListener, rc::Rc};

use actix_http::{HttpService, KeepAlive, Protocol, Request, Response};
use actix_service::{IntoServiceFactory, Service as _, ServiceFactory, ServiceFactoryExt as _, map_config};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{AppConfig, Server, fn_factory, fn_service},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::{connection::Connection, limits::EdgeLimits, places::Places, stream::Stream};

/// The answer to a connection that has no place. Nothing of its request has been read.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Tells a connection that there is no place for it. An attempt: whoever does not hear it sees the connection's end.
async fn refuse(mut socket: TcpStream) {
    let telling = async {
        socket.write_all(NO_PLACE).await?;
        socket.shutdown().await
    };
    if let Ok(Err(error)) = timeout(EdgeLimits::LINGER, telling).await {
        tracing::debug!(%error, "a connection without a place has gone");
    }
}

/// Starts to serve what the factory makes, once for each worker: a thread; `None` is one a processor.
///
/// HTTP/1.0 and 1.1 alone are spoken. HTTP/2 belongs to whatever terminates TLS in front.
pub(crate) fn start<F, I, S, B>(
    listener: TcpListener,
    limits: EdgeLimits,
    workers: Option<usize>,
    factory: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    let mut builder = Server::build()
        .disable_signals()
        // `Application::shut_down` has its own limit, for everything together.
        .shutdown_timeout(600)
        // Ours speaks first: it answers, where the library's only stops to accept.
        .max_concurrent_connections(limits.maximum_connections.saturating_add(1_000));
    if let Some(workers) = workers {
        builder = builder.workers(workers);
    }
    let stopping = builder.graceful_shutdown_signal();
    let places = Places::new(&limits);
    let builder = builder.listen("http", listener, move || {
        let stopping = stopping.clone();
        let application = factory()
            .into_factory()
            .map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            // The connection's watch has these, for every request and not only for the first.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(std::time::Duration::ZERO)
            .client_disconnect_timeout(EdgeLimits::LINGER)
            .on_connect_ext(|stream: &Stream, data| {
                data.insert(Rc::clone(stream.connection()));
            })
            .finish(map_config(application, |()| AppConfig::default()));
        let http = Rc::new(http);
        let places = places.clone();
        fn_factory(move || {
            let (http, places) = (Rc::clone(&http), places.clone());
            async move {
                let http = Rc::new(http.new_service(()).await?);
                Ok::<_, ()>(fn_service(move |socket: TcpStream| {
                    let (http, places) = (Rc::clone(&http), places.clone());
                    async move {
                        let peer = socket.peer_addr().ok();
                        let Some(place) = places.take(peer.map(|peer| peer.ip())) else {
                            refuse(socket).await;
                            return Ok::<_, ()>(());
                        };
                        let connection = Connection::new();
                        let stream = Stream::new(socket, Rc::clone(&connection));
                        tokio::select! {
                            biased;
                            ended = http.call((stream, Protocol::Http1, peer)) => {
                                if let Err(error) = ended {
                                    tracing::debug!(%error, "a connection was ended by a fault");
                                }
                            }
                            overdue = connection.watch(&limits) => {
                                tracing::debug!(?overdue, "a connection was ended for its slowness");
                            }
                        }
                        drop(place);
                        Ok(())
                    }
                }))
            }
        })
    })?;
    Ok(builder.run())
}
