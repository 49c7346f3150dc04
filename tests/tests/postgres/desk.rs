//! A folder with a database of its own: the binary is run there as a user runs it, with `ANJU_STORE` naming the database.

use std::process::Command;
use std::sync::OnceLock;

use anju_tests::cli::{Answer, Desk, answer};
use anju_tests::cluster::{Cluster, Disk};
use serde_json::Value;

/// The cluster that the tests of this file share.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(Disk::Careless))
}

/// A desk whose store is in a database.
pub struct Office {
    pub desk: Desk,
    /// The database.
    pub database: String,
    /// Its address, for whoever the desk connects as.
    pub store: String,
}

impl Office {
    /// An empty database, used by its owner.
    pub fn new() -> Self {
        let database = cluster().new_database();
        let store = cluster().url("postgres", &database);
        Self {
            desk: Desk::new(),
            database,
            store,
        }
    }

    /// A database that its owner has set up, used by the application's role.
    pub fn set_up() -> Self {
        let mut office = Self::new();
        roles();
        let database = &office.database;
        cluster().sql(
            database,
            &format!("GRANT CREATE ON DATABASE {database} TO anju_owner"),
        );
        office.store = cluster().url("anju_owner", database);
        office.ok(&["store", "init", "--role", "anju_app"]);
        office.store = cluster().url("anju_app", &office.database);
        office
    }

    /// The binary, to run in the desk's folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.desk.command(args);
        command
            .env("ANJU_STORE", &self.store)
            .env("ANJU_STATE", self.desk.path("state"));
        command
    }

    pub fn run(&self, args: &[&str]) -> Answer {
        answer(&self.command(args).output().unwrap())
    }

    /// Runs a command that must end with this code.
    pub fn ends(&self, code: i32, args: &[&str]) -> Answer {
        let answer = self.run(args);
        assert_eq!(
            answer.code, code,
            "anju {args:?}\n{}{}",
            answer.out, answer.err
        );
        answer
    }

    pub fn ok(&self, args: &[&str]) -> String {
        self.ends(0, args).out
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        serde_json::from_str(&self.ok(&args)).unwrap()
    }

    /// The id of the first event that a command appended.
    pub fn event(&self, args: &[&str]) -> String {
        self.json(args)["events"][0]["event"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, sql: &str) -> String {
        cluster().sql(&self.database, sql)
    }
}

/// The owner of logs, and the role that serves them.
pub fn roles() {
    static ROLES: OnceLock<()> = OnceLock::new();
    ROLES.get_or_init(|| {
        for role in ["anju_owner", "anju_app", "anju_stranger"] {
            cluster().sql("postgres", &format!("CREATE ROLE {role} LOGIN"));
        }
    });
}
