//! The writer's statement, whose rows come as arrays, beside `COPY`: the same rows, indexes, condition and durability.
//!
//! The statement is the writer's own, asked from the server. The tables are those of a log that is thrown away.

mod line;
mod rows;

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use line::Line;
use rows::{Batch, Format};

const SIZES: [usize; 4] = [1, 32, 256, 1_024];
/// So many that each way is three times the first of a round, three times the second, and so on.
const ROUNDS: usize = 3 * WAYS.len();

/// What the writer sets that bears on a statement's plan, and the log's schema.
const SETTINGS: [(&str, &str); 5] = [
    ("search_path", "anju_log,pg_temp"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("jit", "off"),
];

#[derive(Clone, Copy, Debug)]
enum Way {
    /// The writer's statement: one round trip. That no command is known is left to the unique index.
    Unnest,
    /// The same, and it asks for each command whether it is known.
    Asking,
    /// `BEGIN` and `UPDATE`, `COPY`, its rows, `COMMIT`: the four round trips that the driver cannot do without.
    Copy(Format),
    /// `COPY` with no driver at hand: everything is sent without waiting, one round trip.
    Line,
}

const WAYS: [(Way, &str); 5] = [
    (Way::Unnest, "the writer's statement"),
    (Way::Copy(Format::Binary), "COPY binary, four round trips"),
    (Way::Copy(Format::Text), "COPY text, four round trips"),
    (Way::Line, "COPY binary, one round trip"),
    (Way::Asking, "the statement, asking for each id"),
];

/// The statement that the log's writer sends for a batch without new streams and full tiles. `append` appends one event
/// to a stream that is there.
pub(super) async fn statement(url: &str, append: impl AsyncFn()) -> Option<String> {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut conn = options.connect().await.unwrap();
    // One batch in 256 fills a tile, and now and then the writer has something else to say.
    for _ in 0..10 {
        append().await;
        let last: String = sqlx::query_scalar(
            "SELECT query FROM pg_stat_activity \
             WHERE application_name LIKE 'anju writer %' AND datname = current_database()",
        )
        .fetch_one(&mut conn)
        .await
        .unwrap();
        if last.contains("INSERT INTO record") && !last.contains("INSERT INTO tile") {
            return Some(last);
        }
    }
    None
}

struct Writer {
    statement: String,
    conn: PgConnection,
    line: Line,
}

impl Writer {
    async fn write(&mut self, way: Way, batch: &Batch<'_>) {
        match way {
            Way::Unnest => self.unnest(batch, false).await,
            Way::Asking => self.unnest(batch, true).await,
            Way::Copy(format) => self.copy(batch, format).await,
            Way::Line => self.line(batch).await.unwrap(),
        }
    }

    async fn line(&mut self, batch: &Batch<'_>) -> Result<(), String> {
        let (parameters, data) = (batch.parameters(), batch.encoded(Format::Binary));
        let line = &mut self.line;
        line.copy("move", &parameters, "copy", &data).await
    }

    async fn unnest(&mut self, batch: &Batch<'_>, asking: bool) {
        let rows = &batch.rows;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let asked: &[_] = if asking { &ids } else { &[] };
        let moved = sqlx::query(AssertSqlSafe(self.statement.as_str()))
            .bind(batch.size + rows.len() as i64)
            .bind(batch.root.to_vec())
            .bind(batch.recorded_at)
            .bind(batch.streams)
            .bind(batch.commands.to_vec())
            .bind(batch.size)
            .bind(batch.seen.to_vec())
            .bind(asked)
            .bind(rows.iter().map(|row| row.stream_no).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.revision).collect::<Vec<_>>())
            .bind(
                rows.iter()
                    .map(|row| Some(row.position))
                    .collect::<Vec<_>>(),
            )
            .bind(ids.iter().copied().map(Some).collect::<Vec<_>>())
            .bind(
                rows.iter()
                    .map(|row| Some(row.digest.as_slice()))
                    .collect::<Vec<_>>(),
            )
            .bind(rows.iter().map(|row| row.record).collect::<Vec<_>>())
            .bind("")
            .fetch_optional(&mut self.conn)
            .await
            .unwrap();
        assert!(moved.is_some(), "the head did not move");
    }

    async fn copy(&mut self, batch: &Batch<'_>, format: Format) {
        let begin = format!("BEGIN; {}", batch.move_head());
        let moved = self.conn.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await;
        assert_eq!(moved.unwrap().rows_affected(), 1, "the head did not move");
        let mut copy = self.conn.copy_in_raw(rows::copy(format)).await.unwrap();
        copy.send(batch.encoded(format)).await.unwrap();
        let copied = copy.finish().await.unwrap();
        assert_eq!(copied, batch.rows.len() as u64);
        self.conn.execute(sqlx::raw_sql("COMMIT")).await.unwrap();
    }
}

/// Writes the same rows by each way in turn, into the log's own tables and as its owner, and prints rows a second:
/// medians, and those of the ratios within a round.
pub(super) async fn compare(
    url: &str,
    socket: &Path,
    statement: String,
    records: &[String],
    time: Duration,
) {
    let options: PgConnectOptions = url.parse().unwrap();
    let database = options.get_database().unwrap();
    let mut line = Line::open(socket, options.get_username(), database, &SETTINGS).await;
    // Fails, and so ends the transaction, if the head does not move.
    let moving = "WITH moved AS (UPDATE log_head \
         SET size = $1, root = $2, recorded_at = $3, streams = $4, commands = $5 \
         WHERE id = 1 AND size = $6 AND root = $7 RETURNING size) \
         SELECT 1 / count(*) FROM moved";
    line.prepare("move", moving).await;
    line.prepare("copy", rows::copy(Format::Binary)).await;
    let conn = options.clone().options(SETTINGS).connect().await.unwrap();
    let mut writer = Writer {
        statement,
        conn,
        line,
    };
    writer.agree(records).await;

    let mut rates = vec![vec![Vec::new(); WAYS.len()]; SIZES.len()];
    for round in 0..ROUNDS {
        let (mut size, mut root) = writer.empty().await;
        for (rates, count) in rates.iter_mut().zip(SIZES) {
            for turn in 0..WAYS.len() {
                let way = (round + turn) % WAYS.len();
                let (mut rows, mut spent) = (0, Duration::ZERO);
                while spent < time {
                    let batch = Batch::next(size, root, count, records);
                    let start = Instant::now();
                    writer.write(WAYS[way].0, &batch).await;
                    spent += start.elapsed();
                    rows += count;
                    (size, root) = (size + count as i64, batch.root);
                }
                rates[way].push(rows as f64 / spent.as_secs_f64());
            }
        }
        assert_eq!(writer.stored().await.0, size);
    }

    println!(
        "rows/s on one connection, and as a ratio to the first: medians, and the middle half of the ratios"
    );
    for (rates, count) in rates.iter().zip(SIZES) {
        println!("batches of {count}");
        for (way, (_, name)) in rates.iter().zip(WAYS) {
            let ratios: Vec<_> = way.iter().zip(&rates[0]).map(|(a, b)| a / b).collect();
            let (rate, ratio) = (quantile(way, 0.5), quantile(&ratios, 0.5));
            let (lower, upper) = (quantile(&ratios, 0.25), quantile(&ratios, 0.75));
            println!("  {name:<37} {rate:9.0}   {ratio:.2}   {lower:.2}-{upper:.2}");
        }
    }
}

impl Writer {
    /// Every way must leave the same rows and the same head, and one that does not wait nothing if the head has moved.
    async fn agree(&mut self, records: &[String]) {
        let (size, root) = self.empty().await;
        let batch = Batch::next(size, root, 1_000, records);
        let mut left = Vec::new();
        for (way, _) in WAYS {
            self.empty().await;
            self.write(way, &batch).await;
            left.push(self.stored().await);
        }
        assert_eq!(left[0].0, 1_000);
        assert!(left.iter().all(|stored| *stored == left[0]), "{left:?}");
        let late = Batch::next(size, root, 1_000, records);
        let failed = self.line(&late).await.unwrap_err();
        assert!(failed.contains("division by zero"), "{failed}");
        assert_eq!(self.stored().await, left[0]);
    }

    /// Empties the log down to where nothing is written yet, and gives its size and root.
    async fn empty(&mut self) -> (i64, [u8; 32]) {
        let root = [0; 32];
        let sql = format!(
            "TRUNCATE record; UPDATE log_head SET size = 0, root = '{}'",
            rows::hex(&root)
        );
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        self.conn.execute(sql).await.unwrap();
        self.conn.execute("VACUUM log_head").await.unwrap();
        self.conn.execute("CHECKPOINT").await.unwrap();
        (0, root)
    }

    /// How many rows there are, as the head says and as counted, and a digest of all.
    async fn stored(&mut self) -> (i64, String) {
        let (head, rows, digest) = sqlx::query_as::<_, (i64, i64, String)>(
            "SELECT max(size), (SELECT count(*) FROM record), md5(min(log_head::text) || \
             (SELECT string_agg(md5(record::text), '' ORDER BY position) FROM record)) FROM log_head",
        )
        .fetch_one(&mut self.conn)
        .await
        .unwrap();
        assert_eq!(head, rows);
        (rows, digest)
    }
}

fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = at * (sorted.len() - 1) as f64;
    let (lower, upper) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    lower + (upper - lower) * at.fract()
}
