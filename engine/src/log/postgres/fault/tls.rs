//! Why there is no TLS connection.

use std::io::ErrorKind;

use rustls::{CertificateError, Error as TlsError};

use crate::log::options::TlsTrouble;
use crate::log::postgres::place::Address;

/// What an error says of TLS; `None` if it is of something else, such as a line that broke.
pub(super) fn trouble(error: &sqlx::Error) -> Option<TlsTrouble> {
    match error {
        // The driver's words for a server that answers no to the question: it has no type for them.
        sqlx::Error::Tls(source) if source.to_string().contains("does not support TLS") => {
            Some(TlsTrouble::NotOffered)
        }
        sqlx::Error::Tls(source) => Some(
            source
                .downcast_ref::<TlsError>()
                .and_then(of_handshake)
                .unwrap_or(TlsTrouble::Handshake),
        ),
        // What fails in the handshake comes as a failed reading of the socket.
        sqlx::Error::Io(error) => of_handshake(error.get_ref()?.downcast_ref()?),
        _ => None,
    }
}

/// The same at the address that was connected to, which may name files.
pub(super) fn trouble_at(place: &Address, error: &sqlx::Error) -> Option<TlsTrouble> {
    let unread = matches!(error, sqlx::Error::Io(error) if matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::IsADirectory
    ));
    // A socket that is not there is not found either; a host by name or number never is.
    if unread && place.names_certificates() && !place.is_local_socket() {
        return Some(TlsTrouble::File);
    }
    trouble(error)
}

fn of_handshake(error: &TlsError) -> Option<TlsTrouble> {
    match error {
        TlsError::InvalidCertificate(error) => Some(match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsTrouble::UnknownIssuer
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsTrouble::OtherHost
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsTrouble::NotValidNow,
            _ => TlsTrouble::Certificate,
        }),
        TlsError::AlertReceived(_)
        | TlsError::PeerIncompatible(_)
        | TlsError::NoCertificatesPresented
        | TlsError::UnsupportedNameType => Some(TlsTrouble::Handshake),
        _ => None,
    }
}
