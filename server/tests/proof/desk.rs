//! A folder with a store, and the binary run in it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// What the binary answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs `anju` in the folder, in English unless the arguments say otherwise.
    pub(crate) fn run(&self, args: &[&str]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_anju"))
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("ANJU_STORE")
            .env("ANJU_LANG", "en")
            .output()
            .unwrap();
        Answer {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The JSON that a command answers with this code.
    pub(crate) fn json(&self, args: &[&str], code: i32) -> Value {
        let args = if args.contains(&"--json") {
            args.to_vec()
        } else {
            [args, &["--json"]].concat()
        };
        let answer = self.run(&args);
        assert_eq!(answer.code, code, "{args:?}: {answer:?}");
        serde_json::from_str(&answer.out).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    pub(crate) fn ok(&self, args: &[&str]) -> Value {
        self.json(args, 0)
    }

    /// The reason why a command has not verified something.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let told = self.json(args, 1);
        assert_eq!(told["ok"], false, "{args:?}");
        assert!(!told["what"].as_str().unwrap().is_empty(), "{args:?}");
        told["reason"].as_str().unwrap().to_owned()
    }

    /// A project with two facts, a stage passed and a refused advance.
    pub(crate) fn project(&self) {
        self.ok(&[
            "register",
            "p1",
            "--programme",
            "handan-2021",
            "--name",
            "长江花园",
            "--area",
            "congtai",
            "--households",
            "319",
            "--at",
            "2021-01-05",
        ]);
        self.ok(&["record", "p1", "survey_completed", "--at", "2021-01-10"]);
        self.ok(&["advance", "p1", "--at", "2021-01-12"]);
        self.fact(237, "2021-01-18");
        let refused = self.run(&["advance", "p1", "--at", "2021-01-19"]);
        assert_eq!(refused.code, 1, "{refused:?}");
    }

    pub(crate) fn fact(&self, households: u32, day: &str) {
        let value = format!("asked_households={households}");
        self.ok(&["record", "p1", "consultation_result", &value, "--at", day]);
    }

    /// The key pair `k` and `k.pub`.
    pub(crate) fn key(&self) {
        self.ok(&["key", "new", "--out", "k"]);
    }

    /// A whole copy of a database, without its write-ahead log.
    pub(crate) fn keep(&self, database: &str, copy: &str) {
        let copy = self.path(copy);
        self.sql_in(database, &format!("VACUUM INTO '{}'", copy.display()));
    }

    pub(crate) fn put_back(&self, copy: &str, database: &str) {
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(self.path(&format!("{database}{suffix}")));
        }
        std::fs::copy(self.path(copy), self.path(database)).unwrap();
        for views in ["anju.views.db", "anju.views.db-wal", "anju.views.db-shm"] {
            let _ = std::fs::remove_file(self.path(views));
        }
    }

    /// Changes the log behind its back.
    pub(crate) fn sql(&self, statement: &str) {
        self.sql_in("anju.db", statement);
    }

    fn sql_in(&self, database: &str, statement: &str) {
        use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.path(database));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut conn = options.connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut conn)
                .await
                .unwrap();
            conn.close().await.unwrap();
        });
    }
}
