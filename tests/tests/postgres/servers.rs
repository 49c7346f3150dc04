//! Several servers on one database: what is due is done once, and what one records the others show.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Instant;

use anju_tests::changes::{Changes, PATIENCE};
use serde_json::Value;
use sqlx::Connection;
use sqlx::postgres::PgListener;

use crate::desk::{Office, cluster};

/// A plan whose ladder has one step, due on the due day itself: what is late when it is adopted is due at once.
pub const AT_ONCE: &str = "extends: handan-2021
id: at-once
name: {zh: 试行计划, en: Trial plan}
ladder:
  pre_reminder: null
  reminder: null
  urging: null
  interview: null
  bulletin: null
  listed: null
  supervision: {step: 1, days: 0, kind: natural, signed: false}
";

/// `anju serve` in a process of its own, with folders of its own.
struct Server {
    child: Child,
    name: &'static str,
    address: String,
}

impl Server {
    fn start(office: &Office, name: &'static str) -> Self {
        let mut child = office
            .command(&["serve", "--listen", "127.0.0.1:0", "--every", "1"])
            .args(["--spool", &format!("notices-{name}")])
            .env("ANJU_STATE", office.desk.path(&format!("state-{name}")))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| {
                Some(
                    line.strip_prefix("http://")?
                        .trim_end_matches('/')
                        .to_owned(),
                )
            })
            .expect("a server says where it is");
        // What else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            name,
            address,
        }
    }

    /// A page: status and text.
    fn page(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    /// The folder of its read models.
    fn state(&self, office: &Office) -> PathBuf {
        office.desk.path(&format!("state-{}", self.name))
    }

    fn spool(&self) -> String {
        format!("notices-{}", self.name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line to the database, by which it tells when notices were written.
struct Told {
    runtime: tokio::runtime::Runtime,
    listener: Option<PgListener>,
}

impl Drop for Told {
    fn drop(&mut self) {
        // A listener gives its connection back to a task.
        let _inside = self.runtime.enter();
        drop(self.listener.take());
    }
}

impl Told {
    /// From now on nothing that is told is missed. `url` is for a superuser.
    fn by(url: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(async {
            let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(
                "CREATE OR REPLACE FUNCTION public.told() RETURNS trigger LANGUAGE plpgsql AS \
                 $$BEGIN PERFORM pg_notify('told', ''); RETURN NULL; END$$; \
                 CREATE OR REPLACE TRIGGER told AFTER INSERT OR UPDATE ON anju_log_beside.outbox \
                 EXECUTE FUNCTION public.told()",
            )
            .execute(&mut conn)
            .await
            .unwrap();
            conn.close().await.unwrap();
            let mut listener = PgListener::connect(url).await.unwrap();
            listener.listen("told").await.unwrap();
            listener
        });
        Self {
            runtime,
            listener: Some(listener),
        }
    }

    fn of(office: &Office) -> Self {
        Self::by(&cluster().url("postgres", &office.database))
    }

    /// Waits until it is so, asking again each time that notices were written.
    fn until(&mut self, what: &str, mut so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !so() {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let listener = self.listener.as_mut().unwrap();
            let told = self
                .runtime
                .block_on(async { tokio::time::timeout(left, listener.recv()).await });
            assert!(told.is_ok(), "not in time: {what}");
            told.unwrap().unwrap();
        }
    }
}

fn register(office: &Office, id: &str) -> u64 {
    let done = office.json(&[
        "register",
        id,
        "--programme",
        "at-once",
        "--name",
        "某小区",
        "--area",
        "congtai",
    ]);
    done["position"].as_u64().unwrap()
}

/// For each project, how many notices of it were written into all of the folders together.
fn notices(office: &Office, folders: &[String]) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(office.desk.path(folder)) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.ends_with(".json") && !name.starts_with('.') {
                let notice: Value =
                    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                let project = notice["project"].as_str().unwrap().to_owned();
                *count.entry(project).or_default() += 1;
            }
        }
    }
    count
}

/// Up to where every notice is written, by the database's account.
fn mark(office: &Office) -> u64 {
    let mark = office.sql("SELECT coalesce(max(position), 0) FROM anju_log_beside.outbox");
    mark.parse().unwrap()
}

fn head(office: &Office) -> u64 {
    office
        .sql("SELECT size FROM anju_log.log_head")
        .parse()
        .unwrap()
}

#[test]
fn of_two_servers_and_others_who_look_each_due_step_is_one_event_and_one_notice() {
    let office = Office::set_up();
    std::fs::write(office.desk.path("plan.yaml"), AT_ONCE).unwrap();
    office.ok(&["programme", "publish", "plan.yaml"]);
    let mut projects: Vec<String> = (1..=6).map(|n| format!("p{n}")).collect();
    for id in &projects {
        register(&office, id);
    }
    let mut told = Told::of(&office);
    // Nobody watches yet: two processes look at the very same steps, beside two servers that start.
    let looks: Vec<_> = ["x", "y"]
        .map(|name| {
            office
                .command(&["watch", "--once", "--spool", &format!("notices-{name}")])
                .env("ANJU_STATE", office.desk.path(&format!("state-{name}")))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .into_iter()
        .collect();
    let mut a = Some(Server::start(&office, "a"));
    let mut b = Some(Server::start(&office, "b"));
    for mut look in looks {
        assert!(look.wait().unwrap().success());
    }
    let folders: Vec<String> = ["a", "b", "x", "y"]
        .map(|name| format!("notices-{name}"))
        .into();
    let mut all_told = |projects: &[String]| {
        told.until("every late project has its notice", || {
            notices(&office, &folders).len() == projects.len() && mark(&office) == head(&office)
        });
    };
    all_told(&projects);
    // Work goes on while both serve: one of them sees to it.
    let late = ["p7", "p8"];
    for id in late {
        register(&office, id);
        projects.push(id.to_owned());
    }
    all_told(&projects);
    // The one that watches dies without a word; the other takes over, and repeats nothing.
    let by_a = notices(&office, &[a.as_ref().unwrap().spool()]);
    let watcher = if late.iter().all(|id| by_a.contains_key(*id)) {
        &mut a
    } else {
        &mut b
    };
    drop(watcher.take());
    register(&office, "p9");
    projects.push("p9".to_owned());
    all_told(&projects);
    let written = notices(&office, &folders);
    for id in &projects {
        assert_eq!(written.get(id), Some(&1), "{id}: {written:?}");
        let replay = office.json(&["replay", id]);
        assert_eq!(replay["escalations"].as_array().unwrap().len(), 1, "{id}");
    }
    let last = office.json(&["watch", "--once", "--spool", "notices-z"]);
    assert_eq!(last["raised"].as_array().unwrap().len(), 0);
    assert_eq!(last["notices"], 0);
    office.ok(&["verify"]);
}

#[test]
fn what_one_server_records_the_pages_of_the_other_show() {
    let office = Office::set_up();
    std::fs::write(office.desk.path("plan.yaml"), AT_ONCE).unwrap();
    office.ok(&["programme", "publish", "plan.yaml"]);
    register(&office, "p1");
    let mut told = Told::of(&office);
    let a = Server::start(&office, "a");
    let b = Server::start(&office, "b");
    told.until("nothing is due any more", || mark(&office) == head(&office));
    // The reader comes first: the other server is woken while it waits for a position that is not there yet.
    let next = head(&office) + 1;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| b.page(&format!("/project/p2?at_least={next}")));
        // Its question is on its way; b answers others meanwhile.
        assert_eq!(b.page("/healthz").0, 200);
        assert_eq!(register(&office, "p2"), next);
        let (status, page) = waiting.join().unwrap();
        assert_eq!(status, 200, "{page}");
        assert!(page.contains("p2"));
    });
    let changes = [&a, &b].map(|server| Changes::of(&server.state(&office)));
    // The read models of a server follow by themselves, without a page being asked for.
    let position = office.json(&[
        "record",
        "p1",
        "survey_completed",
        "buildings=3",
        "--at",
        "2021-02-01",
    ])["position"]
        .as_u64()
        .unwrap();
    for (server, changes) in [&a, &b].into_iter().zip(changes) {
        changes.until("the views follow", || {
            reached(&office, server.name) >= position
        });
        let (status, page) = server.page(&format!("/project/p1?at_least={position}"));
        assert_eq!(status, 200);
        assert!(page.contains(&position.to_string()), "{page}");
    }
    // A position that does not come is told, in the reader's language.
    let (status, page) = a.page("/?at_least=soon&lang=en");
    assert_eq!(status, 400, "{page}");
    let beyond = head(&office) + 1_000;
    let (status, page) = a.page(&format!("/?at_least={beyond}&lang=en"));
    assert_eq!(status, 503, "{page}");
    assert!(
        page.contains(&format!("not yet position {beyond}")),
        "{page}"
    );
}

/// How far the read models of a server are.
fn reached(office: &Office, name: &str) -> u64 {
    let folder = office.desk.path(&format!("state-{name}"));
    let Ok(mut entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let Some(file) = entries.find_map(|entry| {
        let path = entry.unwrap().path();
        path.to_str()?.ends_with(".views.db").then_some(path)
    }) else {
        return 0;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite:{}?mode=ro", file.display());
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        let position: Option<i64> = sqlx::query_scalar("SELECT position FROM reached")
            .fetch_optional(&pool)
            .await
            .unwrap_or_default();
        pool.close().await;
        position.unwrap_or_default().unsigned_abs()
    })
}

#[test]
fn a_server_outlives_a_restart_of_its_database() {
    let cluster = anju_tests::cluster::Cluster::start(anju_tests::cluster::Disk::Careless);
    let mut office = Office::new();
    office.store = cluster.database();
    office.ok(&["store", "init"]);
    std::fs::write(office.desk.path("plan.yaml"), AT_ONCE).unwrap();
    office.ok(&["programme", "publish", "plan.yaml"]);
    register(&office, "p1");
    let mut told = Told::by(&office.store);
    let a = Server::start(&office, "a");
    let folders = [a.spool()];
    told.until("the first notice", || notices(&office, &folders).len() == 1);
    cluster.stop();
    let (status, _) = a.page("/");
    assert_eq!(status, 503);
    let gone = office.ends(3, &["stalled", "--lang", "en"]);
    assert!(gone.err.contains("cannot be reached"), "{}", gone.err);
    cluster.start_again();
    let mut told = Told::by(&office.store);
    register(&office, "p2");
    told.until("the ladder is watched again", || {
        notices(&office, &folders).len() == 2
    });
    assert_eq!(a.page("/project/p2").0, 200);
}
