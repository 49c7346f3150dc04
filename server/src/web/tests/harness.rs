//! A server with a store, and the plainest of clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anju_engine::event::{OccurredAt, Source};
use anju_engine::log::{EventLog, Origin};
use anju_engine::{CreateOptions, LogOptions, SimulatedClock, SqliteLog};
use anju_workflows::definition::Lang;
use anju_workflows::handler::Outcome;
use anju_workflows::project::Command;
use anju_workflows::project::command::Register;
use anju_workflows::project::event::{Compound, ProjectId};
use anju_workflows::project::fields::parse_day;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, Failure, Store, actor};
use crate::web::{bind, show_on};

/// A running server.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) app: Arc<App>,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) folder: TempDir,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Failure>>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The value of an attribute of the first input with this name.
    pub(super) fn hidden(&self, form: &str, name: &str) -> String {
        let from = self
            .body
            .find(form)
            .unwrap_or_else(|| panic!("no {form} in {}", self.body));
        let marker = format!("name=\"{name}\" value=\"");
        let at = self.body[from..].find(&marker).expect("the input is there") + from + marker.len();
        self.body[at..].split('"').next().unwrap().to_owned()
    }

    #[track_caller]
    pub(super) fn shows(&self, text: &str) {
        assert!(
            self.body.contains(text),
            "{text:?} is not on the page:\n{}",
            self.body
        );
    }

    #[track_caller]
    pub(super) fn hides(&self, text: &str) {
        assert!(
            !self.body.contains(text),
            "{text:?} is on the page:\n{}",
            self.body
        );
    }
}

/// The options of the tests' logs: their clock leaps, and that is meant.
pub(super) fn options() -> LogOptions {
    LogOptions {
        confirm_clock: true,
        ..LogOptions::default()
    }
}

/// The first instant of the tests: the morning of 20 March 2021, when the plan's first deadlines have passed.
pub(super) const NOW: &str = "2021-03-20T01:00:00Z";

impl Server {
    /// A server on a loopback port, with the plan of Handan published.
    pub(super) async fn start() -> Self {
        Self::start_on("127.0.0.1:0", Origin::real("anju.test/web"), options()).await
    }

    pub(super) async fn start_on(address: &str, origin: Origin, options: LogOptions) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(SimulatedClock::new(NOW.parse().unwrap()));
        let path = folder.path().join("anju.db");
        let log = SqliteLog::create(&path, CreateOptions::new(origin), options, clock.clone())
            .await
            .unwrap();
        let app = Arc::new(App::over(
            Store::at(path),
            Arc::new(log.into()),
            clock.clone(),
            Lang::Zh,
        ));
        app.programme("handan-2021").await.unwrap();
        let listener = bind(address.parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(show_on(app.clone(), listener, stopped));
        Self {
            address,
            app,
            clock,
            folder,
            stop,
            task,
        }
    }

    /// Ends the server and gives back what it ended with.
    pub(super) async fn end(self) -> Result<(), Failure> {
        self.stop.send(true).unwrap();
        tokio::time::timeout(Duration::from_secs(20), self.task)
            .await
            .expect("it ends")
            .unwrap()
    }

    pub(super) fn now(&self, instant: &str) {
        self.clock.set(instant.parse().unwrap());
    }

    /// How many records the log has.
    pub(super) async fn size(&self) -> u64 {
        self.app.log.head().await.unwrap().size
    }

    pub(super) async fn register(&self, id: &str, name: &str) -> Outcome {
        self.execute(
            id,
            Some("handan-2021"),
            Command::Register(Register {
                name: name.to_owned(),
                area: Some("congtai".to_owned()),
                track: Some("old-compounds".to_owned()),
                category: None,
                compounds: vec![Compound {
                    id: id.to_owned(),
                    name: name.to_owned(),
                    aliases: vec!["老院".to_owned()],
                    households: Some(319),
                    buildings: Some(12),
                    area_m2: Some("25600.5".to_owned()),
                }],
                plan: BTreeMap::new(),
                adopt: None,
                counted: false,
                batch: None,
            }),
            "2021-01-04",
        )
        .await
    }

    pub(super) async fn record(
        &self,
        id: &str,
        fact: &str,
        fields: serde_json::Value,
        day: &str,
    ) -> Outcome {
        let serde_json::Value::Object(fields) = fields else {
            panic!("an object");
        };
        let command = Command::Record {
            fact: fact.to_owned(),
            fields,
            documents: Vec::new(),
            note: None,
        };
        self.execute(id, None, command, day).await
    }

    pub(super) async fn execute(
        &self,
        id: &str,
        programme: Option<&str>,
        command: Command,
        day: &str,
    ) -> Outcome {
        let request = self.app.request(
            actor("clerk", None, None, None).unwrap(),
            Source::Screen,
            None,
            Some(OccurredAt::on(parse_day(day).unwrap())),
        );
        self.app
            .handler
            .execute(&ProjectId::new(id).unwrap(), programme, &command, &request)
            .await
            .unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Sends a form as a browser does from one of our own pages.
    pub(super) async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let origin = format!("http://{}", self.address);
        self.post_from(
            path,
            pairs,
            &[("Origin", &origin), ("Sec-Fetch-Site", "same-origin")],
        )
        .await
    }

    pub(super) async fn post_from(
        &self,
        path: &str,
        pairs: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = crate::web::visit::address("", pairs.iter().copied());
        let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.ask("POST", path, &all, body.trim_start_matches('?'))
            .await
    }

    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let host = self.address.to_string();
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str(&format!("Host: {host}\r\n"));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let reachable = SocketAddr::new([127, 0, 0, 1].into(), self.address.port());
        let mut stream = TcpStream::connect(reachable).await.unwrap();
        // A server that refuses a body early may close while we still send it.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        parse(&String::from_utf8(bytes).unwrap())
    }
}

fn parse(text: &str) -> Answer {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer in {text:?}"));
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}
