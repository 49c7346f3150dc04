//! A private PostgreSQL cluster for tests.
//!
//! It lives in a temporary directory, listens on a socket there and nowhere else, and is gone when the test process
//! is: a guard process waits for the end of a pipe, however that end comes, and then stops the cluster by its pid.
//! Where PostgreSQL is not installed the test fails and names the package; it never passes by doing nothing.

// This is test code, wherever it is compiled into.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a cluster that cannot be made ends its test"
)]
// Each test binary uses its own part of it, and some have it as a private module.
#![allow(dead_code, unreachable_pub, reason = "shared by several test binaries")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// The oldest major version that the log runs on, and the package that has it.
const OLDEST: u32 = 15;
const PACKAGE: &str = "postgresql-15";

/// The superuser of the cluster.
const SUPERUSER: &str = "postgres";

/// What the cluster does with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Every commit is synced, as in production.
    Durable,
    /// Nothing is synced: faster, and as good for all that does not crash the machine.
    Careless,
}

/// How many clusters of this process listen on a network address.
static LISTENING: AtomicU64 = AtomicU64::new(0);

/// A running cluster. Stopped and removed when dropped, and at the latest when the process ends.
#[derive(Debug)]
pub struct Cluster {
    home: PathBuf,
    install: Install,
    /// Waits for its standard input to end, then stops the cluster and removes `home`.
    guard: Child,
    databases: AtomicU64,
}

/// The programs, and the user they must run as: PostgreSQL refuses to be root.
#[derive(Clone, Debug)]
struct Install {
    bin: PathBuf,
    version: String,
    user: Option<(u32, u32)>,
}

impl Cluster {
    /// Makes and starts a cluster.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start(disk: Disk) -> Self {
        Self::start_with(Install::find(), disk)
    }

    /// The same with the programs in `bin`, of whatever version they are.
    ///
    /// # Panics
    /// If they do not start.
    #[must_use]
    pub fn start_in(bin: &Path, disk: Disk) -> Self {
        let install = Install::of(bin.to_owned())
            .unwrap_or_else(|| panic!("{} has no PostgreSQL that runs here", bin.display()));
        Self::start_with(install, disk)
    }

    fn start_with(install: Install, disk: Disk) -> Self {
        let home = install.new_home();
        copy(&install.template(disk), &home.join("data"), install.user);
        let cluster = Self::guarded(install, home);
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nfsync = {}\n\
             max_connections = 150\nshared_buffers = 64MB\nlog_min_messages = warning\n",
            cluster.home.display(),
            match disk {
                Disk::Durable => "on",
                Disk::Careless => "off",
            }
        );
        let conf = cluster.data().join("postgresql.conf");
        fs::write(conf, settings).unwrap();
        cluster.control(&["start"]);
        cluster
    }

    /// A standby of this cluster: it follows, and refuses to be written to.
    #[must_use]
    pub fn standby(&self) -> Self {
        let home = self.install.new_home();
        let data = home.join("data");
        self.install
            .run("pg_basebackup", |command| {
                command
                    .arg("--pgdata")
                    .arg(&data)
                    .arg("--host")
                    .arg(&self.home);
                command.args(["--username", SUPERUSER, "--write-recovery-conf"]);
                command.args(["--checkpoint=fast", "--no-sync"]);
            })
            .unwrap();
        let standby = Self::guarded(self.install.clone(), home);
        let conf = standby.data().join("postgresql.conf");
        let settings = fs::read_to_string(&conf).unwrap();
        let ours = self.home.display().to_string();
        let theirs = standby.home.display().to_string();
        fs::write(&conf, settings.replace(&ours, &theirs)).unwrap();
        standby.control(&["start"]);
        standby
    }

    fn guarded(install: Install, home: PathBuf) -> Self {
        // The group is its own, so that neither an interrupt nor the end of a test runner's group reaches it.
        const SCRIPT: &str = r#"
            trap '' INT TERM HUP
            read -r _
            pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
            if [ -n "$pid" ]; then
                kill -QUIT "$pid" 2>/dev/null
                while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
            fi
            rm -rf "$1"
        "#;
        let guard = Command::new("sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(&home)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            home,
            install,
            guard,
            databases: AtomicU64::new(0),
        }
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn control(&self, arguments: &[&str]) {
        let log = self.home.join("log");
        let done = self.install.run("pg_ctl", |command| {
            command.arg("-D").arg(self.data()).arg("-l").arg(&log);
            command.args(["-w", "-t", "120", "-s"]).args(arguments);
        });
        if let Err(error) = done {
            let log = fs::read_to_string(log).unwrap_or_default();
            panic!("{error}\n{log}");
        }
    }

    /// The directory of the socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.home.join(".s.PGSQL.5432")
    }

    /// The address of a database, for a user that need not exist yet.
    #[must_use]
    pub fn url(&self, user: &str, database: &str) -> String {
        let host = self.home.display();
        format!("postgres://{user}@localhost/{database}?host={host}")
    }

    /// Makes a new database and gives its name.
    #[must_use]
    pub fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Makes a new database and gives its address for the superuser.
    #[must_use]
    pub fn database(&self) -> String {
        self.url(SUPERUSER, &self.new_database())
    }

    /// Runs SQL as the superuser, statement by statement, and gives what it prints, unadorned.
    ///
    /// # Panics
    /// If a statement fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.install.run("psql", |command| {
            command.arg("--host").arg(&self.home);
            command.args(["--username", SUPERUSER, "--dbname", database]);
            command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        });
        String::from_utf8(output.unwrap().stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Lets the server listen on a network address of this machine as well, one that no other cluster has, and gives
    /// it.
    ///
    /// # Panics
    /// If the server does not start again with these settings.
    #[must_use]
    pub fn listen(&self) -> String {
        // All of 127.0.0.0/8 is this machine: an address for each process spares a search for a port.
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        let nth = LISTENING.fetch_add(1, Ordering::Relaxed);
        let second = 64 + (u64::from(high) + nth) % 128;
        let address = format!("127.{second}.{middle}.{low}");
        self.set(&format!("listen_addresses = '{address}'\n"));
        let rules = self.data().join("pg_hba.conf");
        let before = fs::read_to_string(&rules).unwrap();
        fs::write(&rules, format!("{before}host all all 127.0.0.0/8 trust\n")).unwrap();
        self.control(&["restart", "-m", "fast"]);
        address
    }

    /// From now on the server offers TLS on its network address, with this certificate and its key, both PEM.
    ///
    /// # Panics
    /// If the server does not start again with these settings.
    pub fn offer_tls(&self, certificate: &str, key: &str) {
        for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.data().join(name);
            fs::write(&path, pem).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            own(&path, self.install.user);
        }
        self.set("ssl = on\n");
        self.control(&["restart", "-m", "fast"]);
    }

    /// Adds lines to the settings: of two that contradict each other the later one counts.
    fn set(&self, lines: &str) {
        let conf = self.data().join("postgresql.conf");
        let settings = fs::read_to_string(&conf).unwrap();
        fs::write(&conf, settings + lines).unwrap();
    }

    /// From now on the server asks this role for its password; the others stay trusted.
    ///
    /// # Panics
    /// If the server does not take the new rules.
    pub fn ask_for_passwords(&self, role: &str) {
        let rules = self.data().join("pg_hba.conf");
        let before = fs::read_to_string(&rules).unwrap();
        fs::write(&rules, format!("local all {role} scram-sha-256\n{before}")).unwrap();
        self.control(&["reload"]);
    }

    /// Kills every process of the cluster without warning and starts it again: what a crash of the server looks
    /// like to its clients, with recovery from the write-ahead log.
    pub fn crash(&self) {
        self.control(&["restart", "-m", "immediate"]);
    }

    /// Stops the cluster without warning.
    pub fn stop(&self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    /// Starts the stopped cluster again.
    pub fn start_again(&self) {
        self.control(&["start"]);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

impl Install {
    fn find() -> Self {
        let config = std::env::var_os("PG_CONFIG").unwrap_or_else(|| "pg_config".into());
        let asked = Command::new(config).arg("--bindir").output();
        let mut places: Vec<PathBuf> = Vec::new();
        if let Ok(asked) = asked {
            places.push(String::from_utf8_lossy(&asked.stdout).trim().into());
        }
        // Debian's pg_config may come without the server it speaks of.
        if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
            places.extend(versions.flatten().map(|version| version.path().join("bin")));
        }
        let found = places
            .into_iter()
            .filter_map(Self::of)
            .find(|install| install.major().is_some_and(|major| major >= OLDEST));
        found.unwrap_or_else(|| {
            panic!(
                "this test needs a PostgreSQL server, {OLDEST} or newer: install the package {PACKAGE}, \
                 or let PG_CONFIG name the pg_config of another"
            )
        })
    }

    /// The programs in `bin`, if they are a server's.
    fn of(bin: PathBuf) -> Option<Self> {
        let asked = Command::new(bin.join("postgres")).arg("--version").output();
        let text = String::from_utf8(asked.ok()?.stdout).ok()?;
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let version = text.split_whitespace().nth(2)?.to_owned();
        let complete = bin.join("initdb").exists() && bin.join("pg_ctl").exists();
        complete.then(|| Self {
            bin,
            version,
            user: postgres_user(),
        })
    }

    fn major(&self) -> Option<u32> {
        self.version.split('.').next()?.parse().ok()
    }

    /// Runs one of the programs to its end.
    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command)) -> Result<Output, String> {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/").stdin(Stdio::null());
        // What it starts in the background must not hold a pipe of ours open: output goes to files.
        let out = tempfile::tempfile().unwrap();
        command.stdout(out.try_clone().unwrap());
        let err = tempfile::tempfile().unwrap();
        command.stderr(err.try_clone().unwrap());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        arguments(&mut command);
        let status = command.status().map_err(|error| error.to_string())?;
        let output = Output {
            status,
            stdout: text_of(out),
            stderr: text_of(err),
        };
        if status.success() {
            Ok(output)
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{program}: {status}: {said}"))
        }
    }

    /// A new directory, short enough a name for a socket in it.
    fn new_home(&self) -> PathBuf {
        let home = tempfile::Builder::new()
            .prefix("anju-pg-")
            .tempdir()
            .unwrap()
            .keep();
        if let Some((uid, gid)) = self.user {
            chown(&home, Some(uid), Some(gid)).unwrap();
        }
        assert!(
            home.join(".s.PGSQL.5432").as_os_str().len() < 104,
            "{}: too long for a socket; set TMPDIR to a shorter one",
            home.display()
        );
        home
    }

    /// The data directory of a new cluster, made once for each version: copying it is ten times faster.
    fn template(&self, disk: Disk) -> PathBuf {
        let place = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, Into::into);
        let template = place.join(format!("anju-postgres-{}-{disk:?}", self.version));
        if template.exists() {
            return template;
        }
        let home = self.new_home();
        let data = home.join("data");
        self.run("initdb", |command| {
            command.arg("--pgdata").arg(&data);
            command.args(["--auth=trust", "--username", SUPERUSER]);
            command.args(["--encoding=UTF8", "--locale=C", "--no-sync"]);
            if disk == Disk::Careless {
                command.arg("--wal-segsize=1");
            }
        })
        .unwrap();
        let copied = place.join(format!(".anju-postgres-{}", std::process::id()));
        copy(&data, &copied, None);
        // Another test process may have been faster; its template is as good.
        if fs::rename(&copied, &template).is_err() {
            let _ = fs::remove_dir_all(&copied);
        }
        let _ = fs::remove_dir_all(&home);
        template
    }
}

fn text_of(mut file: fs::File) -> Vec<u8> {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Whom to run as: nobody else, unless this is root.
fn postgres_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.trim().parse::<u32>().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
}

fn copy(from: &Path, to: &Path, owner: Option<(u32, u32)>) {
    // PostgreSQL wants its directories for itself.
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, owner);
        } else {
            fs::copy(entry.path(), &target).unwrap();
            own(&target, owner);
        }
    }
    own(to, owner);
}

fn own(path: &Path, owner: Option<(u32, u32)>) {
    if let Some((uid, gid)) = owner {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}
