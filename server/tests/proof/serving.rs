//! A server that is given a key signs checkpoints by itself.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::desk::Desk;

/// `anju serve`, and what it says on standard error, line by line.
struct Server {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Server {
    fn start(desk: &Desk, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_anju"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .current_dir(desk.path(""))
            .env_remove("ANJU_STORE")
            .env("ANJU_LANG", "en")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, said }
    }

    /// The size of the next checkpoint that it says it has signed; `None` when it has ended.
    fn signed(&mut self) -> Option<u64> {
        self.said.by_ref().find_map(|line| {
            let line = line.unwrap();
            let rest = line.strip_prefix("checkpoint of ")?;
            rest.split(' ').next()?.parse().ok()
        })
    }

    /// Asks it to end, as an operator does, and waits until it has.
    fn end(&self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(desk: &Desk) -> u64 {
    desk.ok(&["verify", "--json"])["size"].as_u64().unwrap()
}

#[test]
fn a_server_with_a_key_signs_at_its_interval_and_at_its_end() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    let mut server = Server::start(&desk, &["--key", "k", "--checkpoint-every", "1s"]);
    // The first does not wait.
    let first = size(&desk);
    assert_eq!(server.signed(), Some(first));
    // What another process appends is signed when the interval is over.
    desk.fact(300, "2021-01-22");
    let second = size(&desk);
    assert_eq!(server.signed(), Some(second));
    for signed in [first, second] {
        let kept = format!("anju.checkpoints/{signed}.txt");
        let line = ["verify", "--against", &kept, "--key", "k.pub", "--json"];
        assert_eq!(desk.ok(&line)["against"]["size"], signed);
    }
    server.end();
    assert_eq!(server.signed(), None);
    assert!(server.child.wait().unwrap().success());

    // An interval that is never over: what has come since is signed at the end.
    let mut server = Server::start(&desk, &["--key", "k", "--checkpoint-every", "1000h"]);
    desk.fact(310, "2021-01-23");
    let third = size(&desk);
    let mut signed = server.signed().into_iter().collect::<Vec<_>>();
    server.end();
    signed.extend(std::iter::from_fn(|| server.signed()));
    assert_eq!(signed.last(), Some(&third), "{signed:?}");
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn a_server_is_not_started_with_a_key_that_cannot_sign_for_its_log() {
    let desk = Desk::new();
    desk.project();
    desk.ok(&["key", "new", "--out", "other", "--name", "anju.local/other"]);
    let refused = desk.run(&["serve", "--listen", "127.0.0.1:0", "--key", "other"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("anju.local/other"), "{refused:?}");
    for (args, says) in [
        (&["--key", "nowhere"][..], "nowhere"),
        (&["--checkpoint-every", "1h"][..], "--key"),
        (&["--key", "other", "--checkpoint-every", "0s"][..], "30s"),
        (&["--key", "other", "--checkpoint-every", "soon"][..], "30s"),
    ] {
        let refused = desk.run(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        assert_eq!(refused.code, 2, "{args:?}: {refused:?}");
        assert!(refused.err.contains(says), "{args:?}: {refused:?}");
    }
}

/// Signing two histories would convict the keeper: it is said each time, and nothing is signed.
#[test]
fn a_server_over_an_older_copy_signs_nothing_and_says_so() {
    let desk = Desk::new();
    desk.project();
    desk.key();
    desk.keep("anju.db", "older.db");
    desk.fact(300, "2021-01-22");
    desk.ok(&["checkpoint", "--key", "k", "--json"]);
    let signed = size(&desk);
    desk.put_back("older.db", "anju.db");
    let mut server = Server::start(&desk, &["--key", "k"]);
    let told = server
        .said
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains("not verified"));
    let told = told.unwrap();
    assert!(told.contains(&signed.to_string()), "{told}");
    server.end();
    assert_eq!(server.signed(), None);
}
