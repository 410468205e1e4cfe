//! The listener: accepts connections, plain or over TLS, serves the router, and ends without losing an answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use endpoint::OverTls;
use endpoint::live::Stopping;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use oauth::client_certificate::Certificate;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// A client that does not finish the TLS handshake within this time is hung up on.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that does not send its request's head within this time is hung up on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes: an address of 8 KiB and headers. What is longer is answered 431 (ALL-14).
const HEAD_LIMIT_BYTES: usize = 64 * 1024;

/// Takes the address, or says what to do about it.
pub async fn bind(listen: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(listen).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(error).with_context(|| {
            format!("another program serves on {listen}; stop it, or choose another address with --listen")
        }),
        Err(error) => {
            Err(error).with_context(|| format!("cannot serve on {listen}; choose another address with --listen"))
        }
    }
}

/// Serves until `stop`, then takes no new connection and lets running requests end, for at most `grace`. Answers without an end, such as
/// streams of events, end at once.
pub async fn serve(router: Router, listener: TcpListener, stop: impl Future<Output = ()>, grace: Duration) {
    serve_over(router, listener, None, stop, grace).await;
}

/// The same over TLS, if there is something to speak it with (`tls::config`).
pub async fn serve_over(
    router: Router,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let tls = tls.map(TlsAcceptor::from);
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_LIMIT_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .max_concurrent_streams(128)
        .max_header_list_size(64 * 1024);
    let http = Arc::new(http);
    let graceful = GracefulShutdown::new();
    let (stopping, stopped) = watch::channel(());
    tokio::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(connection) => connection,
                Err(error) => {
                    // Out of file handles: wait for some to come back instead of spinning.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        // Answers are small and complete: send each at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let Some(tls) = tls.clone() else {
            let service = TowerToHyperService::new(with_peer(
                router.clone(),
                peer,
                None,
                Stopping::when_dropped(stopped.clone()),
            ));
            let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
            tokio::spawn(ended(graceful.watch(connection)));
            continue;
        };
        let (http, router, watcher, mut stopped) = (http.clone(), router.clone(), graceful.watcher(), stopped.clone());
        tokio::spawn(async move {
            let shaken = tokio::select! {
                shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => shaken,
                // Nothing was asked yet, so nothing is lost.
                _ = stopped.changed() => return,
            };
            let Ok(Ok(stream)) = shaken else {
                tracing::debug!("a TLS handshake failed");
                return;
            };
            let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let chain: Vec<Vec<u8>> = certificates.iter().map(|der| der.to_vec()).collect();
            let certificate = Some(Certificate(Arc::new(chain)));
            let stopping = Stopping::when_dropped(stopped);
            let service = TowerToHyperService::new(with_peer(router, peer, certificate, stopping));
            let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
            ended(watcher.watch(connection)).await;
        });
    }
    drop(listener);
    drop(stopping);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(grace) => tracing::warn!("some requests did not end in time"),
    }
}

async fn ended<E: std::fmt::Display>(connection: impl Future<Output = Result<(), E>>) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection broke");
    }
}

/// The router, told on each request who is connected. `shown` is the client's certificate, empty if it has shown none; None: plain http.
fn with_peer(
    router: Router,
    peer: SocketAddr,
    shown: Option<Certificate>,
    stopping: Stopping,
) -> impl tower::Service<
    Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ 'static {
    router.map_request(move |request: Request<hyper::body::Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        zendesk_api::drop_suffix(&mut request);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(stopping.clone());
        if let Some(certificate) = &shown {
            request.extensions_mut().insert(OverTls);
            if !certificate.0.is_empty() {
                request.extensions_mut().insert(certificate.clone());
            }
        }
        request
    })
}

/// Ends on Ctrl-C or SIGTERM.
pub async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "SIGTERM cannot be listened for"),
        }
    }
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "Ctrl-C cannot be listened for");
        std::future::pending::<()>().await;
    }
}
