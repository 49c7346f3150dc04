//! A connection that does not wait: as much of the protocol as one `COPY` in one round trip takes.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Signed in without a password, over the server's socket.
pub(super) struct Line {
    stream: UnixStream,
    out: Vec<u8>,
    read: Vec<u8>,
}

impl Line {
    pub(super) async fn open(
        socket: &Path,
        user: &str,
        database: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut line = Self {
            stream: UnixStream::connect(socket).await.unwrap(),
            out: Vec::new(),
            read: Vec::new(),
        };
        let mut body = 196_608_i32.to_be_bytes().to_vec();
        let given = [("user", user), ("database", database)];
        for (name, value) in given.iter().chain(settings) {
            body.extend_from_slice(name.as_bytes());
            body.push(0);
            body.extend_from_slice(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        line.out
            .extend_from_slice(&(body.len() as i32 + 4).to_be_bytes());
        line.out.extend_from_slice(&body);
        line.exchange().await.unwrap();
        line
    }

    /// Prepares a statement under a name.
    pub(super) async fn prepare(&mut self, name: &str, sql: &str) {
        self.out.clear();
        let (name, sql) = (name.as_bytes(), sql.as_bytes());
        self.message(b'P', &[name, &[0], sql, &[0], &0_i16.to_be_bytes()]);
        self.message(b'S', &[]);
        self.exchange().await.unwrap();
    }

    /// A prepared statement with its parameters, then a prepared `COPY … FROM STDIN` with its data, as one
    /// transaction. If the first fails, the server reads over the rest.
    pub(super) async fn copy(
        &mut self,
        first: &str,
        parameters: &[Vec<u8>],
        copy: &str,
        data: &[u8],
    ) -> Result<(), String> {
        self.out.clear();
        self.execute(first, parameters);
        self.execute(copy, &[]);
        self.message(b'd', &[data]);
        self.message(b'c', &[]);
        self.message(b'S', &[]);
        self.exchange().await
    }

    fn execute(&mut self, name: &str, parameters: &[Vec<u8>]) {
        // The portal without a name; every parameter and every column in the binary format.
        let mut bind = vec![0];
        bind.extend_from_slice(name.as_bytes());
        bind.extend_from_slice(&[0, 0, 1, 0, 1]);
        bind.extend_from_slice(&(parameters.len() as i16).to_be_bytes());
        for parameter in parameters {
            bind.extend_from_slice(&(parameter.len() as i32).to_be_bytes());
            bind.extend_from_slice(parameter);
        }
        bind.extend_from_slice(&[0, 1, 0, 1]);
        self.message(b'B', &[&bind]);
        // All of its rows.
        self.message(b'E', &[&[0], &0_i32.to_be_bytes()]);
    }

    fn message(&mut self, kind: u8, parts: &[&[u8]]) {
        let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>() as i32;
        self.out.push(kind);
        self.out.extend_from_slice(&length.to_be_bytes());
        for part in parts {
            self.out.extend_from_slice(part);
        }
    }

    /// Sends, and reads up to where the server is ready again: then the transaction is committed, or failed for the
    /// reason that is given.
    async fn exchange(&mut self) -> Result<(), String> {
        self.stream.write_all(&self.out).await.unwrap();
        self.read.clear();
        let (mut at, mut failed) = (0, Ok(()));
        loop {
            while let Some((kind, next)) = message_at(&self.read, at) {
                match kind {
                    b'E' => {
                        failed = Err(String::from_utf8_lossy(&self.read[at..next]).into_owned())
                    }
                    b'Z' => return failed,
                    _ => {}
                }
                at = next;
            }
            let read = self.stream.read_buf(&mut self.read).await.unwrap();
            assert!(read > 0, "the server has hung up");
        }
    }
}

/// The kind of the message that begins there, and where the next one does, if it is there as a whole.
fn message_at(read: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = read.get(at..)?;
    let length = rest.get(1..5)?.try_into().map(i32::from_be_bytes).ok()?;
    let next = at + 1 + length as usize;
    (next <= read.len()).then(|| (rest[0], next))
}
