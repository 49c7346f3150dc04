//! `anju demo`: real programmes and project lists, their years played under a simulated clock by a seeded population.
//! The same seed makes the same log, to the byte, on every machine; a demo that was killed goes on where it stopped.

mod agent;
mod cast;
mod dice;
mod facts;
mod kinds;
mod player;
mod summary;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anju_engine::event::SHANGHAI;
use anju_engine::log::{AnyLog, EventLog, Origin};
use anju_engine::{CreateOptions, LogOptions, SimulatedClock};
use anju_workflows::definition::Lang;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;
use tokio::net::TcpListener;

use crate::app::{App, Failure, Store};
use crate::cli::args::DemoArgs;
use crate::cli::{Opener, Out};
use player::Player;

/// Plays, sums up, verifies, and shows the pages.
pub async fn run(args: DemoArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let programmes = if args.files.is_empty() {
        cast::builtin()?
    } else {
        cast::from_files(&args.files, args.seed)?
    };
    let fingerprint = cast::fingerprint(&programmes, args.seed);
    let (log, clock) = open(&opener.store, &fingerprint, args.seed).await?;
    opener.closes(log.clone());
    let dynamic: Arc<dyn EventLog> = log.clone();
    let started = std::time::Instant::now();
    let (mut player, span) = Player::start(dynamic, clock.clone(), programmes, args.seed).await?;
    let days = facts::days_between(span.first, span.last) + 1;
    let bar = progress_bar(u64::try_from(days).unwrap_or(0));
    player.play(span, &bar).await?;
    bar.finish_and_clear();
    drop(player);
    let app = Arc::new(App::over(opener.store.clone(), log, clock, out.lang));
    let played = started.elapsed();
    summary::tell(&app, out, span, played).await?;
    if args.no_serve {
        return Ok(());
    }
    let listener = listen(args.listen, out).await?;
    crate::web::show_on(app, listener, crate::web::interrupts()).await
}

/// The address asked for; if somebody listens there already, the next free one: a demo that has been played is shown.
async fn listen(address: SocketAddr, out: &Out) -> Result<TcpListener, Failure> {
    let failed = |source: std::io::Error| Failure::Store {
        zh: format!("无法监听 {address}:{source}"),
        en: format!("cannot listen on {address}: {source}"),
    };
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            eprintln!(
                "{}",
                out.pick(
                    format!("{address} 已被占用,改用另一个端口"),
                    format!("{address} is taken, another port is used"),
                )
            );
            TcpListener::bind((address.ip(), 0)).await.map_err(failed)
        }
        bound => bound.map_err(failed),
    }
}

fn progress_bar(days: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(days), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Opens the demo's log, or makes it. A log that is not this demo's is left alone.
async fn open(
    store: &Store,
    fingerprint: &str,
    seed: u64,
) -> Result<(Arc<AnyLog>, Arc<SimulatedClock>), Failure> {
    let name = format!("anju.demo/{fingerprint}");
    let start = SHANGHAI
        .to_timestamp(Date::constant(2000, 1, 1).at(9, 0, 0, 0))
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let clock = Arc::new(SimulatedClock::new(start));
    let create = CreateOptions::new(Origin::simulated(name.clone(), seed));
    let log = store
        .open_or_create(create, LogOptions::default(), clock.clone())
        .await?;
    let origin = log.origin();
    if !origin.simulated {
        return Err(Failure::usage(
            format!("{store} 是真实日志,演示不写入其中;请用 --store 指明另一个位置"),
            format!("{store} is a real log and the demo does not touch it; name another --store"),
        ));
    }
    if origin.name != name {
        return Err(Failure::usage(
            format!("{store} 是另一次演示(种子或计划不同);请删除它,或用 --store 指明另一个位置"),
            format!(
                "{store} holds another demo (another seed or other programmes); delete it or name another --store"
            ),
        ));
    }
    Ok((Arc::new(log), clock))
}

/// A language's word for yes.
fn yes(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "通过",
        Lang::En => "verified",
    }
}
