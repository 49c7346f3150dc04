//! A private PostgreSQL for one bench: in the bench's folder, on a socket and nowhere else, with every commit synced as
//! in production, and gone with this process, however it ends.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use uuid::Uuid;

use crate::app::Failure;

/// The oldest major version that the log runs on.
const OLDEST: u32 = 15;

/// How long it may take to start, in seconds.
const PATIENCE: &str = "120";

/// The superuser of the cluster.
const SUPERUSER: &str = "postgres";

/// A running cluster.
pub(super) struct Cluster {
    socket: PathBuf,
    /// Waits for its standard input to end, then stops the cluster and removes the folder of the socket.
    guard: Child,
}

/// The programs, and whom to run them as: PostgreSQL refuses to be root.
struct Install {
    bin: PathBuf,
    user: Option<(u32, u32)>,
}

fn failed(what: &str, detail: impl std::fmt::Display) -> Failure {
    Failure::Store {
        zh: format!("无法为测量启动 PostgreSQL({what}:{detail})。可用 --no-postgres 跳过"),
        en: format!(
            "no PostgreSQL could be started to be measured ({what}: {detail}). Leave it out with --no-postgres"
        ),
    }
}

impl Cluster {
    /// Makes and starts a cluster below `folder`; `None` if PostgreSQL is not installed, or an older one.
    pub(super) fn start(folder: &Path) -> Result<Option<Self>, Failure> {
        let Some(install) = Install::find() else {
            return Ok(None);
        };
        let data = folder.join("postgres");
        // The name of a socket may only have some hundred characters.
        let short = Uuid::new_v4().simple().to_string();
        let socket = std::env::temp_dir().join(format!("anju-pg-{}", &short[..8]));
        for made in [&data, &socket] {
            std::fs::create_dir(made).map_err(|error| failed("mkdir", error))?;
            if let Some((uid, gid)) = install.user {
                chown(made, Some(uid), Some(gid)).map_err(|error| failed("chown", error))?;
            }
        }
        let guard = guard(&data, &socket).map_err(|error| failed("sh", error))?;
        let cluster = Self { socket, guard };
        install.run("initdb", |command| {
            command.arg("--pgdata").arg(&data);
            command.args(["--auth=trust", "--username", SUPERUSER]);
            command.args(["--encoding=UTF8", "--locale=C"]);
        })?;
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 150\n",
            cluster.socket.display()
        );
        // Added to what initdb wrote: everything else is as PostgreSQL comes.
        let conf = data.join("postgresql.conf");
        std::fs::read_to_string(&conf)
            .and_then(|written| std::fs::write(&conf, written + &settings))
            .map_err(|error| failed("postgresql.conf", error))?;
        install.run("pg_ctl", |command| {
            command.arg("-D").arg(&data).arg("-l").arg(data.join("log"));
            command.args(["-w", "-t", PATIENCE, "-s", "start"]);
        })?;
        Ok(Some(cluster))
    }

    /// The address of its first database.
    pub(super) fn url(&self) -> String {
        let host = self.socket.display();
        format!("postgres://{SUPERUSER}@localhost/postgres?host={host}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// A shell that waits for the end of its standard input, which comes however this process ends.
fn guard(data: &Path, socket: &Path) -> std::io::Result<Child> {
    const SCRIPT: &str = r#"
        trap '' INT TERM HUP
        read -r _
        pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
        if [ -n "$pid" ]; then
            kill -QUIT "$pid" 2>/dev/null
            while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
        fi
        rm -rf "$1" "$2"
    "#;
    Command::new("sh")
        .args(["-c", SCRIPT, "guard"])
        .args([data, socket])
        .current_dir("/")
        // A group of its own: an interrupt of ours does not reach it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

impl Install {
    fn find() -> Option<Self> {
        let config = std::env::var_os("PG_CONFIG").unwrap_or_else(|| "pg_config".into());
        let mut places: Vec<PathBuf> = Vec::new();
        if let Ok(asked) = Command::new(config).arg("--bindir").output() {
            places.push(String::from_utf8_lossy(&asked.stdout).trim().into());
        }
        // Debian's pg_config may come without the server it speaks of.
        if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
            places.extend(versions.flatten().map(|version| version.path().join("bin")));
        }
        let bin = places.into_iter().find(|bin| {
            let asked = Command::new(bin.join("postgres")).arg("--version").output();
            let text = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned());
            let major = text.ok().and_then(|text| major(&text));
            let complete = bin.join("initdb").exists() && bin.join("pg_ctl").exists();
            complete && major.is_some_and(|major| major >= OLDEST)
        })?;
        Some(Self {
            bin,
            user: somebody_else(),
        })
    }

    /// Runs one of the programs to its end.
    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command)) -> Result<(), Failure> {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/").stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        arguments(&mut command);
        // What it leaves running must not hold a pipe of ours open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(program, status)),
            Err(error) => Err(failed(program, error)),
        }
    }
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    version.split(['.', 'b', 'r']).next()?.parse().ok()
}

/// Whom to run as: nobody else, unless this is root.
fn somebody_else() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let Output { stdout, .. } = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8_lossy(&stdout).trim().parse::<u32>().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_server_says_of_itself() {
        let said = [
            "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
            "postgres (PostgreSQL) 18.1",
            "postgres (PostgreSQL) 19beta1",
            "nothing",
        ];
        assert_eq!(said.map(major), [Some(15), Some(18), Some(19), None]);
    }
}
