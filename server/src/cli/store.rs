//! Setting up a store.

use anju_engine::log::EventLog;
use anju_engine::{CreateOptions, LogOptions, Origin, PostgresLog};
use serde_json::json;

use super::args::{InitArgs, StoreArgs, StoreTask};
use super::{Opener, Out};
use crate::app::{App, Failure, Mode, new_origin};

pub async fn run(args: StoreArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    match args.task {
        StoreTask::Init(args) => init(args, opener, out).await,
    }
}

async fn init(args: InitArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let store = &opener.store;
    if args.role.is_some() && store.database().is_none() {
        return Err(Failure::usage(
            format!("{store} 是文件,没有角色;--role 只用于 PostgreSQL"),
            format!("{store} is a file and has no roles; --role goes with PostgreSQL"),
        ));
    }
    let before = opener.open_if_any().await?;
    let created = before.is_none();
    let app = match before {
        Some(app) => app,
        None => make(args.origin.clone(), opener).await?,
    };
    let origin = app.log.origin().name.clone();
    if let Some(asked) = args.origin.filter(|asked| *asked != origin) {
        return Err(Failure::usage(
            format!("{store} 中已有日志 {origin},不能改名为 {asked}"),
            format!("{store} holds the log {origin} already; it cannot be renamed to {asked}"),
        ));
    }
    if let Some(address) = store.database() {
        if let Some(role) = &args.role {
            PostgresLog::grant(address.url(), role, &LogOptions::default()).await?;
        }
        if let Some(beside) = app.beside().await? {
            beside.make(args.role.as_deref()).await?;
        }
    }
    let position = app.log.head().await?.size;
    let json = json!({
        "position": position,
        "store": store.to_string(),
        "origin": origin,
        "created": created,
        "role": args.role,
    });
    out.answer(&json, || {
        let mut text = if created {
            out.pick(
                format!("{store}:新建日志 {origin}\n"),
                format!("{store}: made the log {origin}\n"),
            )
        } else {
            out.pick(
                format!("{store}:已有日志 {origin},共 {position} 条记录\n"),
                format!("{store}: holds the log {origin}, {position} records\n"),
            )
        };
        if let Some(role) = &args.role {
            text.push_str(&out.pick(
                format!("角色 {role} 可读取和追加,不能修改已有记录。服务器请以该角色连接\n"),
                format!("the role {role} can read and add, and cannot alter what was recorded; let the servers connect as it\n"),
            ));
        }
        text
    });
    app.log.close().await;
    Ok(())
}

/// Makes the log, under the name that was asked for.
async fn make(origin: Option<String>, opener: &Opener) -> Result<App, Failure> {
    let origin = origin.map_or_else(new_origin, Origin::real);
    let clock = std::sync::Arc::new(anju_engine::SystemClock);
    let create = CreateOptions::new(origin);
    let log = opener
        .store
        .open_or_create(create, LogOptions::default(), clock)
        .await?;
    log.close().await;
    opener.open(Mode::Existing).await
}
