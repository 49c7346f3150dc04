//! The pages: programmes and progress, one programme with its rules, the stalled list, the projects, and one project with its form.
//!
//! Plain HTML made on the server: no script, one style sheet, one icon, all served by this binary. Every page says
//! which position of the log it reflects. The pages write through the same handler as the command line; there is no
//! login, so they only write while the server listens on a loopback address (see `docs/design/web.md`).

mod form;
mod guard;
mod layout;
mod listen;
mod programme;
mod progress;
mod project;
mod projects;
mod shared;
mod stalled;
mod trouble;
mod visit;
mod words;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anju_engine::event::Position;
use anju_engine::log::{EventLog, Head};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::{App, Failure};
use crate::cli::Out;
use crate::cli::args::ServeArgs;
use crate::proof::Keeper;
use trouble::Trouble;
use visit::Visit;

/// The largest form that is read, in bytes.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// What every page needs.
struct Site {
    app: Arc<App>,
    /// The address it listens on.
    address: SocketAddr,
    /// Whether the pages may write: only on a loopback address.
    writable: bool,
}

impl Site {
    async fn head(&self) -> Result<Head, Failure> {
        Ok(self.app.log.head().await?)
    }

    /// That the views, which stand at `reached`, know no such programme: it may only not have come to them yet.
    async fn no_such_programme(&self, id: String, reached: Position) -> Trouble {
        match self.head().await {
            Ok(head) if head.size > reached.0 => Trouble::Behind {
                asked: Position(head.size),
                reached,
            },
            Ok(_) => Trouble::NoSuchProgramme(id),
            Err(failure) => failure.into(),
        }
    }
}

type Shared = Arc<Site>;

/// The role the forms act as while there is no login.
const fn submit_role() -> &'static str {
    "clerk"
}

/// Serves the pages until Ctrl-C; with `--spool`, watches the ladder and writes the notices as well; with `--key`, signs
/// checkpoints.
///
/// # Errors
/// [`Failure::Store`] if the address cannot be listened on; a key that cannot sign for this log; whatever stops the
/// watching.
pub async fn serve(app: App, args: ServeArgs) -> Result<(), Failure> {
    let app = Arc::new(app);
    let keeper = match &args.key {
        None => None,
        Some(path) => {
            let out = Out {
                lang: app.lang,
                json: false,
            };
            let signer = crate::proof::signer(path, &app, &out)?;
            Some(Keeper::new(Arc::new(signer), args.checkpoint_every))
        }
    };
    let listener = bind(args.listen).await?;
    let stopped = interrupts();
    let pages = show_on(app.clone(), listener, stopped.clone());
    let ladder = async {
        match &args.spool {
            Some(spool) => {
                let every = Duration::from_secs(args.every);
                crate::watch::watch_forever(&app, spool, every, stopped.clone()).await
            }
            None => Ok(()),
        }
    };
    let proof = async {
        if let Some(keeper) = keeper {
            crate::proof::keep_forever(&app, keeper, stopped.clone()).await;
        }
        Ok(())
    };
    // A part that fails ends the others; a part that ends well waits for them.
    tokio::try_join!(pages, ladder, proof).map(|_| ())
}

/// Says true when somebody asks this process to end: Ctrl-C, or on Unix a polite signal.
#[must_use]
pub fn interrupts() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        interrupted().await;
        // Nobody listening any more is what is wanted.
        let _ = stop.send(true);
    });
    stopped
}

/// Shows the pages of a store on an address until `shutdown` says true (or its sender is gone).
///
/// # Errors
/// [`Failure::Store`] if the address cannot be listened on.
pub async fn show(
    app: Arc<App>,
    address: SocketAddr,
    shutdown: watch::Receiver<bool>,
) -> Result<(), Failure> {
    show_on(app, bind(address).await?, shutdown).await
}

/// The same on a socket that listens already: its address is known before the pages are up.
///
/// # Errors
/// [`Failure::Store`] if the socket does not tell its address.
pub async fn show_on(
    app: Arc<App>,
    listener: TcpListener,
    shutdown: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let address = listener
        .local_addr()
        .map_err(|error| listen::failed("?", &error))?;
    let site = Arc::new(Site {
        app,
        address,
        writable: address.ip().is_loopback(),
    });
    if !site.writable {
        eprintln!(
            "注意:{address} 不是本机回环地址。页面尚无登录,因此只读,不接受登记。\n\
             warning: {address} is not a loopback address. The pages have no login yet, so they are read-only here."
        );
    }
    eprintln!("http://{address}/");
    let follower = tokio::spawn(follow(site.clone(), shutdown.clone()));
    listen::run(listener, router(site), shutdown).await;
    follower.abort();
    Ok(())
}

/// Listens on an address.
///
/// # Errors
/// [`Failure::Store`] naming the address if it is taken or not of this machine.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| listen::failed(&address.to_string(), &error))
}

/// Keeps the views near the end of the log, so that a page seldom has to catch up itself.
async fn follow(site: Shared, shutdown: watch::Receiver<bool>) {
    let followed = match site.app.views_as_they_stand().await {
        Ok(views) => views.follow(shutdown).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = followed {
        // Every page catches up by itself and tells its reader if it cannot.
        tracing::warn!(%failure, "the views are not followed");
    }
}

/// Ctrl-C, or on Unix a polite end.
async fn interrupted() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ctrl_c => {}
            () = terminated => {}
        }
    }
    #[cfg(not(unix))]
    ctrl_c.await;
}

fn router(site: Shared) -> Router {
    Router::new()
        .route("/", get(progress::page))
        .route("/programme/{id}", get(programme::page))
        .route("/stalled", get(stalled::page))
        .route("/projects", get(projects::page))
        .route("/project/{id}", get(project::page))
        .route("/project/{id}/record", post(project::record))
        .route("/project/{id}/advance", post(project::advance))
        .route("/project/{id}/order", post(project::order))
        .route("/healthz", get(health))
        .route(layout::STYLE_PATH, get(layout::style))
        .route(layout::ICON_PATH, get(layout::icon))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(axum::middleware::from_fn_with_state(
            site.clone(),
            guard::guard,
        ))
        .with_state(site)
}

/// `ok` and the position of the log, or 503: for those who watch the server.
async fn health(State(site): State<Shared>) -> Response {
    match site.head().await {
        Ok(head) => (
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            format!("ok {}\n", head.size),
        )
            .into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "log not readable\n").into_response(),
    }
}

async fn not_found(State(site): State<Shared>, visit: Visit) -> Response {
    Trouble::NoSuchPage.page(&site, &visit).await
}

async fn not_allowed(State(site): State<Shared>, visit: Visit) -> Response {
    Trouble::NotAllowed.page(&site, &visit).await
}
