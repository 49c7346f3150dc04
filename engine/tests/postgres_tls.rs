//! TLS to the database server, with certificates made for the test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::path::{Path, PathBuf};

use anju_engine::{EventLog, Expected, LogOptions, OpenError, PostgresLog, TlsTrouble};
use cluster::{Cluster, Disk};
use common::{clock, command, create};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, PEM.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// A certificate for a host, until the end of a year.
    fn sign(&self, host: &str, until: i32) -> Signed {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Its own certificate as a file.
    fn file(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, self.0.pem()).unwrap();
        path
    }
}

fn options() -> LogOptions {
    LogOptions {
        max_clock_skew: None,
        ..LogOptions::default()
    }
}

async fn open(url: &str) -> Result<PostgresLog, OpenError> {
    PostgresLog::open(url, options(), clock()).await
}

/// What is in the way of TLS at this address.
async fn trouble(url: &str) -> TlsTrouble {
    match open(url).await {
        Err(OpenError::Tls { what, .. }) => what,
        Err(other) => panic!("{url}: {other:?}"),
        Ok(_) => panic!("{url} was opened"),
    }
}

/// How many connections to a database are encrypted, and how many not, but for the one that asks.
fn lines(cluster: &Cluster, database: &str) -> String {
    cluster.sql(
        database,
        "SELECT count(*) FILTER (WHERE ssl) || ' ' || count(*) FILTER (WHERE NOT ssl) \
         FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
}

/// A cluster that offers TLS with a certificate signed for the address at which it listens, or another host.
fn cluster(authority: &Authority, host: Option<&str>, until: i32) -> (Cluster, String) {
    let cluster = Cluster::start(Disk::Careless);
    // Which address it gets is known only when it listens.
    let address = cluster.listen();
    let signed = authority.sign(host.unwrap_or(&address), until);
    cluster.offer_tls(&signed.certificate, &signed.key);
    (cluster, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verified_server_is_written_to_over_encrypted_lines_alone_and_any_other_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (root, other) = (
        ours.file(folder.path(), "ours.pem"),
        theirs.file(folder.path(), "theirs.pem"),
    );
    let (cluster, address) = cluster(&ours, None, 2099);
    let database = cluster.new_database();
    let with =
        |parameters: String| format!("postgres://postgres@{address}/{database}?{parameters}");
    let verified =
        |mode: &str, root: &Path| with(format!("sslmode={mode}&sslrootcert={}", root.display()));

    let url = verified("verify-full", &root);
    let log = PostgresLog::create(&url, create(), options(), clock())
        .await
        .unwrap();
    log.append(command(1, "x", Expected::Any, 3)).await.unwrap();
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, 4);
    let (encrypted, plain) = {
        let lines = lines(&cluster, &database);
        let (encrypted, plain) = lines.split_once(' ').unwrap();
        (encrypted.parse::<u32>().unwrap(), plain.to_owned())
    };
    // The writer, the readers, and whoever listens for others.
    assert!(encrypted >= 2, "{encrypted}");
    assert_eq!(plain, "0");
    log.close().await;

    // Nobody whom the machine trusts has signed it; nor has the other authority.
    assert_eq!(
        trouble(&with("sslmode=verify-full".to_owned())).await,
        TlsTrouble::UnknownIssuer
    );
    for mode in ["verify-full", "verify-ca"] {
        assert_eq!(
            trouble(&verified(mode, &other)).await,
            TlsTrouble::UnknownIssuer
        );
    }
    // Encrypted, but to whom? That is all these ask for.
    for mode in ["require", "prefer"] {
        let log = open(&with(format!("sslmode={mode}"))).await.unwrap();
        assert_eq!(log.head().await.unwrap().size, 4);
        assert!(lines(&cluster, &database).ends_with(" 0"), "{mode}");
        log.close().await;
    }
    let missing = folder.path().join("missing.pem");
    assert_eq!(
        trouble(&verified("verify-full", &missing)).await,
        TlsTrouble::File
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_host_or_of_another_time_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new();
    let root = ours.file(folder.path(), "ours.pem");
    let at = |address: &str, mode: &str| {
        format!(
            "postgres://postgres@{address}/postgres?sslmode={mode}&sslrootcert={}",
            root.display()
        )
    };
    let (elsewhere, address) = cluster(&ours, Some("db.example"), 2099);
    assert_eq!(
        trouble(&at(&address, "verify-full")).await,
        TlsTrouble::OtherHost
    );
    // Only the signature is asked for: there is no log, but that is another matter.
    let opened = open(&at(&address, "verify-ca")).await;
    assert!(
        matches!(opened, Err(OpenError::NotFound { .. })),
        "{opened:?}"
    );
    drop(elsewhere);
    let (_expired, address) = cluster(&ours, None, 2021);
    assert_eq!(
        trouble(&at(&address, "verify-full")).await,
        TlsTrouble::NotValidNow
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_where_it_is_demanded_and_used_where_it_is_not() {
    let cluster = Cluster::start(Disk::Careless);
    let address = cluster.listen();
    let database = cluster.new_database();
    let url = |mode: &str| format!("postgres://postgres@{address}/{database}?sslmode={mode}");
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_eq!(trouble(&url(mode)).await, TlsTrouble::NotOffered);
    }
    let preferred = url("prefer");
    let log = PostgresLog::create(&preferred, create(), options(), clock());
    log.await.unwrap().close().await;
}
