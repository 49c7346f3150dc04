//! The socket: connections with limits, and an end that lets running answers finish.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::app::Failure;

/// How many connections are open at once; more wait in the queue of the system.
const CONNECTIONS: usize = 256;

/// By when the head of a request must have come; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// How long one connection lasts at most: a reader that takes nothing must not hold its place for ever.
const CONNECTION_LIFE: Duration = Duration::from_secs(600);

/// How long running answers get when the server ends.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `shutdown` says true or its sender is gone; then running answers finish, for at most [`GRACE`].
pub(super) async fn run(
    listener: TcpListener,
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        let Some((stream, slot)) = accepted else {
            break;
        };
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let answer = tower::ServiceExt::oneshot(router.clone(), request.map(Body::new));
            async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            match tokio::time::timeout(CONNECTION_LIFE, connection).await {
                Ok(Ok(())) => {}
                // A reader that goes away is its own business.
                Ok(Err(error)) => tracing::debug!(%error, "connection ended"),
                Err(_) => tracing::debug!("connection cut off"),
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some answers were still running and were cut off");
    }
}

/// A connection with its slot; `None` if the semaphore was closed, which nobody does.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, slot)),
            Err(error) => {
                // Out of file handles, mostly: others must end before another can begin.
                tracing::warn!(%error, "no connection could be taken");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Why an address could not be listened on.
pub(super) fn failed(address: &str, error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        return Failure::Store {
            zh: format!(
                "地址 {address} 已被占用（是否已有 anju serve 在运行？）。请结束它，或用 --listen 指定其他端口"
            ),
            en: format!(
                "address {address} is taken (is another anju serve running?). End it, or name another with --listen"
            ),
        };
    }
    Failure::Store {
        zh: format!("无法在 {address} 上监听：{error}"),
        en: format!("cannot listen on {address}: {error}"),
    }
}
