//! What is told of each size, and the table of all of them.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::report::met;
use crate::cli::Out;
use crate::cli::args::GrowsOn;
use crate::output::Table;

/// What was measured at one size.
#[derive(Debug, Serialize)]
pub(super) struct Stage {
    pub(super) events: u64,
    pub(super) projects: u64,
    /// Each figure of ours with its control's and the ratio of the two: per second.
    pub(super) rows: Vec<Row>,
    /// Bytes of the log's file or tables for each event, and of its canonical record.
    pub(super) stored_bytes: f64,
    pub(super) record_bytes: f64,
    pub(super) views_bytes: f64,
    /// How many events a second went in, and through the read models.
    pub(super) filled_per_second: f64,
    pub(super) projected_per_second: f64,
    /// From the start of `anju serve` until one project's page is answered, then until the list of stalled projects is, in
    /// seconds, and its memory after every page was asked.
    pub(super) cold_start_seconds: Option<f64>,
    pub(super) cold_stalled_seconds: Option<f64>,
    pub(super) memory_mib: Option<u64>,
    pub(super) verify_per_second: f64,
}

/// One figure beside its control.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) ours: f64,
    pub(super) control: f64,
    pub(super) ratio: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

/// Every row, in order: id, Chinese, English.
pub(super) const ROWS: [(&str, &str, &str); 6] = [
    (
        "append_1",
        "追加,1 个在途(对照:一行一事务)",
        "append, 1 in flight (raw: one row a transaction)",
    ),
    (
        "append_32",
        "追加,32 个在途(对照:一行一事务)",
        "append, 32 in flight (raw: one row a transaction)",
    ),
    (
        "project_load",
        "读取并折叠一个项目(对照:读出各行)",
        "load and fold one project (raw: select its rows)",
    ),
    (
        "stalled",
        "滞后查询,全部(对照:裸表查询)",
        "question: what is stalled, all of it (raw: select as many rows)",
    ),
    (
        "stalled_page",
        "滞后查询,一页连同各区县计数(对照:裸表查一页并分组计数)",
        "question: a page of it, with the counts by area (raw: select a page, group and count)",
    ),
    (
        "progress",
        "进度查询(对照:裸表分组求和)",
        "question: progress (raw: group and sum)",
    ),
];

/// A target in words, and whether it is met.
type Judged = Option<(String, bool)>;

/// How many times dearer, beside its control, a row may be at the top than at the bottom.
const DEARER: f64 = 1.3;
/// How many times its canonical record an event may take on the disk.
const STORED: f64 = 2.0;
/// In how many seconds a server that starts on the log answers.
const STARTS_IN: f64 = 2.0;

/// How many times more each row costs, beside its control, at the top than at the bottom; none with one size.
fn dearer(stages: &[Stage], row: usize) -> Option<f64> {
    let [bottom, .., top] = stages else {
        return None;
    };
    Some(bottom.rows.get(row)?.ratio / top.rows.get(row)?.ratio)
}

/// What is wanted of the growth, and whether it is met: of each row from the bottom to the top, of the rest at the top.
pub(super) fn targets(stages: &[Stage]) -> Vec<Value> {
    let judged = |id: &str, value: f64, target: f64| json!({ "id": id, "value": value, "target": target, "met": value <= target });
    let rows = ROWS.iter().enumerate();
    let mut told: Vec<Value> = rows
        .filter_map(|(n, (id, ..))| Some(judged(id, dearer(stages, n)?, DEARER)))
        .collect();
    if let Some(top) = stages.last() {
        let stored = top.stored_bytes / top.record_bytes;
        told.push(judged("stored_bytes", stored, STORED));
        told.extend(
            top.cold_start_seconds
                .map(|took| judged("cold_start_seconds", took, STARTS_IN)),
        );
    }
    told
}

/// The table of all sizes; the targets of bytes and of the start are judged at the top.
pub(super) fn table(out: &Out, on: GrowsOn, stages: &[Stage]) -> String {
    let mut heads = vec![match on {
        GrowsOn::Sqlite => out.pick("测量(SQLite)", "measurement, on SQLite"),
        GrowsOn::Postgres => out.pick("测量(PostgreSQL)", "measurement, on PostgreSQL"),
    }];
    for stage in stages {
        heads.push(out.pick(
            format!("{} 个事件", stage.events),
            format!("{} events", stage.events),
        ));
        heads.push(out.pick("对照", "raw"));
        heads.push(out.pick("比值", "ratio"));
    }
    heads.push(out.pick("末/首(倍)", "dearer at the top"));
    heads.push(out.pick("目标", "target"));
    heads.push(String::new());
    let mut table = Table::new(heads);
    for (n, (_, zh, en)) in ROWS.iter().enumerate() {
        let mut cells = vec![out.pick(*zh, *en)];
        for stage in stages {
            match stage.rows.get(n) {
                Some(row) => cells.extend([
                    format!("{}/s", figure(row.ours)),
                    format!("{}/s", figure(row.control)),
                    format!("{:.3}", row.ratio),
                ]),
                None => cells.extend([String::new(), String::new(), String::new()]),
            }
        }
        match dearer(stages, n) {
            Some(dearer) => cells.extend([
                format!("{dearer:.2}"),
                format!("≤ {DEARER}"),
                met(out, dearer <= DEARER),
            ]),
            None => cells.extend([String::new(), String::new(), String::new()]),
        }
        table.row(cells);
    }
    let top = stages.last();
    let mut judged = |zh: &str, en: &str, of: &dyn Fn(&Stage) -> String, target: Judged| {
        let mut cells = vec![out.pick(zh, en)];
        for stage in stages {
            cells.extend([of(stage), String::new(), String::new()]);
        }
        cells.push(String::new());
        match target {
            Some((target, reached)) => cells.extend([target, met(out, reached)]),
            None => cells.extend([String::new(), String::new()]),
        }
        table.row(cells);
    };
    let stored = top.map(|s| {
        (
            format!("≤ {STORED}×"),
            s.stored_bytes <= STORED * s.record_bytes,
        )
    });
    let started = top
        .and_then(|s| s.cold_start_seconds)
        .map(|took| (format!("≤ {STARTS_IN} s"), took <= STARTS_IN));
    judged("项目", "projects", &|s| s.projects.to_string(), None);
    judged(
        "每个事件在盘上(字节)",
        "an event on the disk, bytes",
        &|s| {
            format!(
                "{:.0} ({:.2}×)",
                s.stored_bytes,
                s.stored_bytes / s.record_bytes
            )
        },
        stored,
    );
    judged(
        "其中规范记录(字节)",
        "its canonical record, bytes",
        &|s| format!("{:.0}", s.record_bytes),
        None,
    );
    judged(
        "视图,每个事件(字节)",
        "read models, bytes an event",
        &|s| format!("{:.0}", s.views_bytes),
        None,
    );
    judged(
        "写入",
        "filled",
        &|s| format!("{}/s", figure(s.filled_per_second)),
        None,
    );
    judged(
        "视图跟进",
        "read models caught up",
        &|s| format!("{}/s", figure(s.projected_per_second)),
        None,
    );
    judged(
        "校验",
        "verify",
        &|s| format!("{}/s", figure(s.verify_per_second)),
        None,
    );
    let seconds =
        |of: Option<f64>| of.map_or_else(|| "?".to_owned(), |seconds| format!("{seconds:.2}"));
    judged(
        "anju serve 启动至项目页应答(秒)",
        "anju serve: start to a project's page, s",
        &|s| seconds(s.cold_start_seconds),
        started,
    );
    judged(
        "随后至滞后清单(秒)",
        "and to the stalled list after it, s",
        &|s| seconds(s.cold_stalled_seconds),
        None,
    );
    judged(
        "其内存(MiB)",
        "its memory, MiB",
        &|s| {
            s.memory_mib
                .map_or_else(|| "?".to_owned(), |mib| mib.to_string())
        },
        None,
    );
    table.render()
}

/// Small figures with decimals, large ones without.
fn figure(number: f64) -> String {
    if number < 10.0 {
        format!("{number:.2}")
    } else {
        format!("{number:.0}")
    }
}

/// What has to be known of a log on PostgreSQL.
pub(super) fn about_postgres(out: &Out, version: &str) -> String {
    out.pick(
        format!(
            "PostgreSQL {version},日志自成一库,对照表在同库另一模式中,仅一个唯一索引(流,版本);测量前已 VACUUM (ANALYZE)\n\
             视图总是本机的 SQLite 文件:滞后、进度两项及其对照均在 SQLite 上;内存只计 anju serve,不计数据库\n"
        ),
        format!(
            "PostgreSQL {version}; the log in a database of its own, the raw table in another schema of that with one unique \
             index (stream, revision); VACUUM (ANALYZE) before anything is measured\n\
             the read models are SQLite files of this machine wherever the log is: the questions stalled and progress and \
             what they are compared with are on SQLite; memory is that of anju serve, without the database's\n"
        ),
    )
}
