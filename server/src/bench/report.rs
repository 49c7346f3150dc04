//! The table, and the same as JSON.

use serde_json::{Value, json};

use super::machine::Machine;
use super::measure::{Board, median};
use super::targets::{BEST_STORE, TARGETS, Target};
use crate::cli::Out;
use crate::output::Table;

/// In what a measurement is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Of these, more is better.
    RecordsPerSecond,
    CommandsPerSecond,
    ProjectsPerSecond,
    /// How long a question takes; more is worse.
    Milliseconds,
    Bytes,
    Projects,
}

impl Unit {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::RecordsPerSecond => ("条/秒", "records/s"),
            Self::CommandsPerSecond => ("命令/秒", "commands/s"),
            Self::ProjectsPerSecond => ("项目/秒", "projects/s"),
            Self::Milliseconds => ("毫秒", "ms"),
            Self::Bytes => ("字节", "bytes"),
            Self::Projects => ("项目", "projects"),
        }
    }
}

/// One line of the table.
struct Line {
    id: &'static str,
    zh: &'static str,
    en: &'static str,
    unit: Unit,
    /// The lines it is compared with, the plainest first.
    controls: &'static [&'static str],
}

const fn line(
    id: &'static str,
    unit: Unit,
    controls: &'static [&'static str],
    zh: &'static str,
    en: &'static str,
) -> Line {
    Line {
        id,
        zh,
        en,
        unit,
        controls,
    }
}

/// Every line, the limits of the machine first.
const LINES: &[Line] = &[
    line(
        "file_1",
        Unit::RecordsPerSecond,
        &[],
        "裸文件:逐条追加并同步",
        "plain file: append, sync each record",
    ),
    line(
        "file_100",
        Unit::RecordsPerSecond,
        &[],
        "裸文件:每百条同步",
        "plain file: sync each 100 records",
    ),
    line(
        "sha256",
        Unit::RecordsPerSecond,
        &[],
        "SHA-256,单核",
        "SHA-256, one core",
    ),
    line(
        "json",
        Unit::RecordsPerSecond,
        &[],
        "serde_json 解码,单核,内存中",
        "serde_json decoding, one core, from memory",
    ),
    line(
        "event_decode",
        Unit::RecordsPerSecond,
        &["json"],
        "事件解码,单核,内存中",
        "decoding into events, one core, from memory",
    ),
    line(
        "sqlite_pool_1",
        Unit::RecordsPerSecond,
        &[],
        "裸 SQLite:一行一事务,连接池",
        "raw SQLite: one row a transaction, pool",
    ),
    line(
        "sqlite_1",
        Unit::RecordsPerSecond,
        &[],
        "裸 SQLite:一行一事务,专用连接",
        "raw SQLite: one row a transaction, own connection",
    ),
    line(
        "sqlite_direct_1",
        Unit::RecordsPerSecond,
        &[],
        "裸 SQLite:一行一事务,不经往返",
        "raw SQLite: one row a transaction, no round trips",
    ),
    line(
        "sqlite_100",
        Unit::RecordsPerSecond,
        &[],
        "裸 SQLite:百行一事务,逐行插入",
        "raw SQLite: 100 rows a transaction, row by row",
    ),
    line(
        "sqlite_direct_100",
        Unit::RecordsPerSecond,
        &[],
        "裸 SQLite:百行一事务,一条语句",
        "raw SQLite: 100 rows a transaction, in one statement",
    ),
    line(
        "append_1",
        Unit::RecordsPerSecond,
        &["sqlite_1", "sqlite_direct_1"],
        "追加:1 个客户端",
        "append: 1 in flight",
    ),
    line(
        "append_8",
        Unit::RecordsPerSecond,
        &["sqlite_1", "sqlite_direct_1"],
        "追加:8 个客户端",
        "append: 8 in flight",
    ),
    line(
        "append_32",
        Unit::RecordsPerSecond,
        &["sqlite_1", "sqlite_direct_1"],
        "追加:32 个客户端",
        "append: 32 in flight",
    ),
    line(
        "append_256",
        Unit::RecordsPerSecond,
        &["sqlite_100", "sqlite_direct_100"],
        "追加:256 个客户端",
        "append: 256 in flight",
    ),
    line(
        "raw_command",
        Unit::CommandsPerSecond,
        &[],
        "裸 SQLite:读 50 行、插一行,8 个客户端",
        "raw SQLite: select 50 rows, insert one, 8 clients",
    ),
    line(
        "command_cold",
        Unit::CommandsPerSecond,
        &["raw_command"],
        "读取 50 个事件、判断、追加,8 个客户端,无状态缓存",
        "load 50 events, decide, append, 8 clients, no state kept",
    ),
    line(
        "command_warm",
        Unit::CommandsPerSecond,
        &["raw_command"],
        "判断、追加,8 个客户端,有状态缓存",
        "the same with states kept",
    ),
    line(
        "replay",
        Unit::RecordsPerSecond,
        &["json", "event_decode"],
        "重放:依次解码全部事件",
        "replay: every event decoded, in order",
    ),
    line(
        "verify",
        Unit::RecordsPerSecond,
        &["json", "event_decode"],
        "校验:读取、哈希、重新推导",
        "verify: read, hash, derive again",
    ),
    line(
        "stored_bytes",
        Unit::Bytes,
        &["record_bytes"],
        "每个事件在盘上",
        "an event on the disk",
    ),
    line(
        "record_bytes",
        Unit::Bytes,
        &[],
        "其中规范记录",
        "its canonical record",
    ),
    line(
        "envelope_bytes",
        Unit::Bytes,
        &["record_bytes"],
        "记录中的信封",
        "the envelope in the record",
    ),
    line(
        "pg_row_1",
        Unit::RecordsPerSecond,
        &[],
        "裸 PostgreSQL:一行一事务,1 个连接",
        "raw PostgreSQL: one row a transaction, 1 connection",
    ),
    line(
        "pg_row_32",
        Unit::RecordsPerSecond,
        &[],
        "裸 PostgreSQL:一行一事务,32 个连接",
        "raw PostgreSQL: one row a transaction, 32 connections",
    ),
    line(
        "pg_copy",
        Unit::RecordsPerSecond,
        &[],
        "裸 PostgreSQL:COPY",
        "raw PostgreSQL: COPY",
    ),
    line(
        "pg_append_1",
        Unit::RecordsPerSecond,
        &["pg_row_1"],
        "PostgreSQL 追加:1 个客户端",
        "PostgreSQL append: 1 in flight",
    ),
    line(
        "pg_append_32",
        Unit::RecordsPerSecond,
        &["pg_row_1", "pg_row_32"],
        "PostgreSQL 追加:32 个客户端",
        "PostgreSQL append: 32 in flight",
    ),
    line(
        "pg_append_64",
        Unit::RecordsPerSecond,
        &[],
        "PostgreSQL 追加:64 个客户端,一台服务器",
        "PostgreSQL append: 64 in flight, one server",
    ),
    line(
        "pg_append_256",
        Unit::RecordsPerSecond,
        &["pg_copy"],
        "PostgreSQL 追加:256 个客户端",
        "PostgreSQL append: 256 in flight",
    ),
    line(
        "pg_two",
        Unit::RecordsPerSecond,
        &["pg_append_64"],
        "PostgreSQL 追加:两台服务器各 32 个客户端",
        "PostgreSQL append: two servers, 32 in flight each",
    ),
    line(
        "pg_replay",
        Unit::RecordsPerSecond,
        &["json"],
        "PostgreSQL 重放",
        "PostgreSQL replay: every event decoded, in order",
    ),
    line(
        "pg_verify",
        Unit::RecordsPerSecond,
        &["json"],
        "PostgreSQL 校验",
        "PostgreSQL verify: read, hash, derive again",
    ),
    line(
        "pg_stored_bytes",
        Unit::Bytes,
        &["record_bytes"],
        "PostgreSQL 每个事件在盘上",
        "an event in PostgreSQL",
    ),
    line(
        "project_load",
        Unit::ProjectsPerSecond,
        &[],
        "读取并折叠一个项目",
        "load and fold one project",
    ),
    line(
        "views",
        Unit::RecordsPerSecond,
        &[],
        "视图:由日志重建",
        "read models: made from the log",
    ),
    line(
        "stalled",
        Unit::Milliseconds,
        &[],
        "查询:滞后项目",
        "question: what is stalled",
    ),
    line(
        "due",
        Unit::Milliseconds,
        &[],
        "查询:到期督办",
        "question: which steps are due",
    ),
    line(
        "projects",
        Unit::Projects,
        &[],
        "查询所及项目",
        "projects asked about",
    ),
    line("late", Unit::Projects, &[], "其中滞后", "of them stalled"),
];

/// With what settings the figures were made.
pub(super) struct Settings {
    pub(super) events: u64,
    pub(super) runs: u32,
    pub(super) streams: u64,
    pub(super) seconds: f64,
    /// Which PostgreSQL, or why none.
    pub(super) postgres: Result<String, NoPostgres>,
}

/// Why no PostgreSQL was measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum NoPostgres {
    LeftOut,
    NotInstalled,
}

/// Prints everything.
pub(super) fn print(
    out: &Out,
    board: &Board,
    machine: &Machine,
    settings: &Settings,
    memory: Option<u64>,
) {
    let json = json!({
        "machine": machine,
        "events": settings.events,
        "runs": settings.runs,
        "streams": settings.streams,
        "seconds": round(settings.seconds),
        "postgres": settings.postgres.as_ref().ok(),
        "peak_memory_mib": memory,
        "best_store_32": {
            "target": round(BEST_STORE),
            "ours": board.ratio("append_32", "sqlite_1").map(round),
            "met": board.ratio("append_32", "sqlite_1").map(|ours| ours > BEST_STORE),
        },
        "rows": LINES.iter().filter_map(|line| row(line, board)).collect::<Vec<_>>(),
    });
    out.answer(&json, || text(out, board, machine, settings, memory));
}

/// A line's figure: the median of the runs, per second or as it is.
fn figure(line: &Line, board: &Board) -> Option<f64> {
    match line.unit {
        Unit::Milliseconds => board.waits(line.id).map(|waits| waits.p50_ms),
        _ => median(board.rates(line.id)),
    }
}

fn row(line: &Line, board: &Board) -> Option<Value> {
    let waits = board.waits(line.id);
    let target = TARGETS.iter().find(|target| target.row == line.id);
    let ratios: serde_json::Map<String, Value> = line
        .controls
        .iter()
        .filter_map(|control| {
            Some((
                (*control).to_owned(),
                json!(round(board.ratio(line.id, control)?)),
            ))
        })
        .collect();
    Some(json!({
        "id": line.id,
        "name": line.en,
        "value": round(figure(line, board)?),
        "unit": line.unit.words().1,
        "count": board.count(line.id),
        "runs": board.rates(line.id).into_iter().map(round).collect::<Vec<_>>(),
        "p50_ms": waits.map(|w| round(w.p50_ms)),
        "p99_ms": waits.map(|w| round(w.p99_ms)),
        "ratios": ratios,
        "target": target.map(|target| target.ratio),
        "target_of": target.map(|target| target.control),
        "met": target.and_then(|target| Some(target.met(board.ratio(line.id, target.control)?))),
    }))
}

/// Three decimals are more than any of this is known to.
fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn text(
    out: &Out,
    board: &Board,
    machine: &Machine,
    settings: &Settings,
    memory: Option<u64>,
) -> String {
    let pick = |zh: &str, en: &str| out.pick(zh, en);
    let mut table = Table::new([
        pick("测量", "measurement"),
        pick("次数", "n"),
        pick("结果", "result"),
        pick("单位", "unit"),
        "p50 ms".to_owned(),
        "p99 ms".to_owned(),
        pick("比值", "ratio"),
        pick("对照", "compared with"),
        pick("目标", "target"),
        String::new(),
    ]);
    for line in LINES {
        let Some(figure) = figure(line, board) else {
            continue;
        };
        let waits = board.waits(line.id);
        let (zh, en) = line.unit.words();
        let timed = !matches!(line.unit, Unit::Bytes | Unit::Projects);
        let mut compared = line.controls.iter().filter_map(|id| {
            let control = LINES.iter().find(|line| line.id == *id)?;
            let ratio = board.ratio(line.id, id)?;
            let target = TARGETS
                .iter()
                .find(|target| target.row == line.id && target.control == *id);
            Some([
                format!("{ratio:.2}"),
                pick(control.zh, control.en),
                target.map(Target::words).unwrap_or_default(),
                target
                    .map(|target| met(out, target.met(ratio)))
                    .unwrap_or_default(),
            ])
        });
        let [ratio, control, target, reached] = compared.next().unwrap_or_default();
        table.row([
            pick(line.zh, line.en),
            board
                .count(line.id)
                .filter(|_| timed)
                .map(grouped)
                .unwrap_or_default(),
            if line.unit == Unit::Milliseconds {
                format!("{figure:.2}")
            } else {
                grouped(figure)
            },
            pick(zh, en),
            waits
                .map(|w| format!("{:.2}", w.p50_ms))
                .unwrap_or_default(),
            waits
                .map(|w| format!("{:.2}", w.p99_ms))
                .unwrap_or_default(),
            ratio,
            control,
            target,
            reached,
        ]);
        for compared in compared {
            let mut cells = vec![String::new(); 6];
            cells.extend(compared);
            table.row(cells);
        }
    }
    let mut text = table.render();
    text.push('\n');
    if let Some(ours) = board.ratio("append_32", "sqlite_1") {
        let reached = met(out, ours > BEST_STORE);
        text.push_str(&out.pick(
            format!(
                "32 个客户端追加与裸 SQLite 一行一事务之比:本系统 {ours:.2},最好的专用事件库 {BEST_STORE:.1}(另行测得,非本次):{reached}\n"
            ),
            format!(
                "append with 32 in flight, to raw SQLite with one row a transaction: ours {ours:.2}, the best dedicated store \
                 {BEST_STORE:.1} (measured elsewhere, not in this run): {reached}\n"
            ),
        ));
    }
    text.push_str(&about(out, machine, settings, memory));
    text
}

/// Whether a target is reached, in words.
pub(super) fn met(out: &Out, met: bool) -> String {
    if met {
        out.pick("达到", "met")
    } else {
        out.pick("未达到", "missed")
    }
}

/// What it was measured on.
pub(super) fn machine_line(out: &Out, machine: &Machine) -> String {
    let unknown = || "?".to_owned();
    let cpu = machine.cpu.clone().unwrap_or_else(unknown);
    let kernel = machine.kernel.clone().unwrap_or_else(unknown);
    let filesystem = machine.filesystem.clone().unwrap_or_else(unknown);
    let held = machine
        .memory_mib
        .map_or_else(unknown, |mib| mib.to_string());
    let load = machine.load.clone().unwrap_or_else(unknown);
    let Machine { cores, sqlite, .. } = machine;
    out.pick(
        format!(
            "机器:{cores} 核 {cpu},内存 {held} MiB,内核 {kernel},文件系统 {filesystem},SQLite {sqlite},开始时负载 {load}\n"
        ),
        format!(
            "machine: {cores} cores {cpu}, {held} MiB, kernel {kernel}, filesystem {filesystem}, SQLite {sqlite}, load at the start {load}\n"
        ),
    )
}

fn about(out: &Out, machine: &Machine, settings: &Settings, memory: Option<u64>) -> String {
    let peak = memory.map_or_else(|| "?".to_owned(), |mib| mib.to_string());
    let Settings {
        runs,
        streams,
        seconds,
        ..
    } = settings;
    let mut text = machine_line(out, machine);
    text.push_str(&out.pick(
        format!(
            "{runs} 轮交错测量取中位数,比值为同轮之比;{streams} 个事件流,每次追加都核对版本;共 {seconds:.0} 秒,内存峰值 {peak} MiB\n\
             对照表只有(序号,记录)两列,记录相同;同为 WAL、synchronous=FULL,同经 sqlx(每个连接一个线程)\n"
        ),
        format!(
            "medians of {runs} interleaved runs, ratios within a run; {streams} streams, the version checked at each append; \
             {seconds:.0} s in all, {peak} MiB at the peak\n\
             the raw table has the same records and nothing else (position, record); WAL, synchronous=FULL and sqlx \
             (a thread for each connection) on both sides\n"
        ),
    ));
    text.push_str(&match &settings.postgres {
        Ok(version) => out.pick(
            format!("PostgreSQL {version},提交均落盘;对照表为(序号,流,版本,记录)\n"),
            format!(
                "PostgreSQL {version}, every commit synced; its raw table has (position, stream, revision, record)\n"
            ),
        ),
        Err(NoPostgres::LeftOut) => out.pick(
            "未测 PostgreSQL(--no-postgres)\n",
            "PostgreSQL was left out (--no-postgres)\n",
        ),
        Err(NoPostgres::NotInstalled) => out.pick(
            "未测 PostgreSQL:请安装 postgresql(15 或更新),或用 --postgres URL 指明一台\n",
            "PostgreSQL was not measured: install the package postgresql (15 or newer), or name a server with --postgres URL\n",
        ),
    });
    text.push_str(&warnings(out, machine));
    text
}

/// Why the figures may mean nothing.
pub(super) fn warnings(out: &Out, machine: &Machine) -> String {
    let mut text = String::new();
    if machine.volatile() {
        text.push_str(&out.pick(
            "注意:此目录在内存中,同步不落盘,持久化的数字不作数;请用 --dir 指明磁盘上的目录\n",
            "note: this folder is in memory, a sync reaches no disk and the durable figures mean nothing; name one on a disk with --dir\n",
        ));
    }
    if !machine.optimised {
        text.push_str(&out.pick(
            "注意:这是未经优化的构建,数字不作数;请用 --release 构建\n",
            "note: this build is not optimised and its figures mean nothing; build it with --release\n",
        ));
    }
    text
}

/// A number with groups of three digits; small ones with decimals.
fn grouped(number: f64) -> String {
    if number.abs() < 10.0 && number.fract() != 0.0 {
        return format!("{number:.2}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped_by_three_digits() {
        let shown = [0.0, 7.25, 12.0, 999.6, 12_345.4, 1_234_567.0].map(grouped);
        assert_eq!(shown, ["0", "7.25", "12", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn every_target_is_of_one_ratio_of_one_line() {
        for target in TARGETS {
            let line = LINES.iter().find(|line| line.id == target.row);
            assert!(
                line.is_some_and(|line| line.controls.contains(&target.control)),
                "{}",
                target.row
            );
            let of = TARGETS.iter().filter(|other| other.row == target.row);
            assert_eq!(of.count(), 1, "{}", target.row);
        }
    }

    #[test]
    fn every_line_is_compared_with_a_line_that_is_there() {
        for line in LINES {
            let found = |id: &str| LINES.iter().filter(|other| other.id == id).count();
            assert_eq!(found(line.id), 1, "{}", line.id);
            assert!(
                line.controls.iter().all(|control| found(control) == 1),
                "{}",
                line.id
            );
        }
    }
}
