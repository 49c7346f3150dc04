//! What an error of the database means to whoever gets it.

mod tls;

use std::sync::Arc;

use crate::log::ReadError;
use crate::log::growth::Replaced;
use crate::log::options::OpenError;
use crate::log::writer::StoreError;

use super::place::Address;

/// The errors that a caller would do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The line or the server is gone, or going: connect again.
    Lost,
    /// The transaction lost against another one and left no trace: do it again.
    Again,
    /// A lock was not to be had in time.
    Busy,
    DiskFull,
    Permission,
    /// The server does not let the role in.
    SignIn,
    /// No encrypted line to the server, which the address demands.
    Tls,
    /// The server is, or has become, a replica.
    Replica,
    NoDatabase,
    /// The tables are not those of a log.
    Tables,
    /// The server found its own files damaged, or a row is not what the table promises.
    Damaged,
    Closed,
    Other,
}

pub(super) fn fault(error: &sqlx::Error) -> Fault {
    if tls::trouble(error).is_some() {
        return Fault::Tls;
    }
    let code = match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut => {
            return Fault::Lost;
        }
        sqlx::Error::PoolClosed => return Fault::Closed,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => return Fault::Damaged,
        sqlx::Error::Database(error) => error.code(),
        _ => return Fault::Other,
    };
    // Source: https://www.postgresql.org/docs/15/errcodes-appendix.html
    match code.as_deref().unwrap_or_default() {
        // Shut down, crashed, starting, timed out while idle; no room for another connection.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300" => Fault::Lost,
        code if code.starts_with("08") => Fault::Lost,
        "40001" | "40P01" => Fault::Again,
        "55P03" | "57014" => Fault::Busy,
        "53100" => Fault::DiskFull,
        "42501" => Fault::Permission,
        code if code.starts_with("28") => Fault::SignIn,
        "25006" => Fault::Replica,
        "3D000" => Fault::NoDatabase,
        "3F000" | "42P01" | "42703" | "42883" => Fault::Tables,
        code if code.starts_with("XX") => Fault::Damaged,
        _ => Fault::Other,
    }
}

pub(super) fn open_error(place: &Address, error: sqlx::Error) -> OpenError {
    let path = place.path();
    if let Some(what) = tls::trouble_at(place, &error) {
        return OpenError::Tls {
            path,
            what,
            source: Box::new(error),
        };
    }
    match fault(&error) {
        Fault::Lost => OpenError::Unreachable {
            path,
            source: Box::new(error),
        },
        Fault::Busy => OpenError::Busy { path },
        Fault::DiskFull => OpenError::DiskFull { path },
        Fault::Permission => OpenError::Permission { path },
        Fault::SignIn => OpenError::SignIn {
            path,
            source: Box::new(error),
        },
        Fault::Replica => OpenError::Replica { path },
        Fault::NoDatabase => OpenError::NoDatabase { path },
        Fault::Tables | Fault::Damaged => OpenError::Corrupt {
            path,
            what: error.to_string(),
        },
        // TLS is looked at above.
        Fault::Tls | Fault::Again | Fault::Closed | Fault::Other => OpenError::Unavailable {
            path,
            source: Box::new(error),
        },
    }
}

/// An error while something at or after `position` was read.
pub(super) fn read_error(position: u64, error: sqlx::Error) -> ReadError {
    match fault(&error) {
        Fault::Closed => ReadError::Closed,
        Fault::Damaged | Fault::Tables => ReadError::Corrupt {
            position,
            what: error.to_string(),
        },
        _ => ReadError::Unavailable(Box::new(error)),
    }
}

pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match fault(&error) {
        Fault::Busy => StoreError::Busy,
        Fault::DiskFull => StoreError::DiskFull,
        _ => StoreError::Failed(Arc::new(error)),
    }
}

/// The error of an answer that did not come.
pub(super) fn silence() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "the database server did not answer in time",
    ))
}

/// What a failed read means to a writer.
pub(super) fn failed(error: ReadError) -> StoreError {
    match error {
        ReadError::Replaced { known, found } => StoreError::Replaced(Replaced { known, found }),
        ReadError::Unavailable(source) => match source.downcast::<sqlx::Error>() {
            Ok(error) => store_error(*error),
            Err(source) => StoreError::Failed(Arc::from(source)),
        },
        other => StoreError::Failed(Arc::new(other)),
    }
}

/// What is wrong with the store, if it is the store and not the log.
pub(super) fn fault_of(error: &ReadError) -> Option<Fault> {
    let ReadError::Unavailable(source) = error else {
        return None;
    };
    source.downcast_ref().map(fault)
}
