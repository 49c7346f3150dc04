//! Keys: made into files, read from files. A private key goes nowhere else.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anju_engine::checkpoint::{Ed25519Signer, VerifierKey, is_key_name};
use serde_json::json;

use super::words::bad_key;
use super::{KeyArgs, KeyTask, NewKeyArgs};
use crate::app::{App, Failure};
use crate::cli::{Opener, Out};

/// `anju key new`.
pub async fn key(args: KeyArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let KeyTask::New(args) = args.task;
    let name = name(&args, opener).await?;
    let public_path = beside(&args.out);
    for path in [&args.out, &public_path] {
        if path.exists() {
            return Err(exists(path));
        }
    }
    let signer = Ed25519Signer::generate(&name).map_err(|error| bad_key("--name", &error))?;
    let public = signer.verifier().to_string();
    write_new(&args.out, &signer.to_secret_text(), 0o600)?;
    write_new(&public_path, &public, 0o644)?;
    let (private_file, public_file) = (args.out.display(), public_path.display());
    let json = json!({
        "key": public,
        "name": name,
        "private": private_file.to_string(),
        "public": public_file.to_string(),
    });
    out.answer(&json, || {
        eprintln!(
            "{}",
            out.pick(
                format!("私钥:{private_file}(仅本人可读,不要放入备份以外的任何地方)\n公钥:{public_file}(请交给审计人员)"),
                format!("private key: {private_file} (only you can read it; it belongs nowhere but in a backup)\npublic key: {public_file} (give it to the auditors)"),
            )
        );
        format!("{public}\n")
    });
    Ok(())
}

/// The name as given, the origin of the log, or the file's name where there is no log yet.
async fn name(args: &NewKeyArgs, opener: &Opener) -> Result<String, Failure> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    let name = match opener.open_if_any().await? {
        Some(app) => app.log.origin().name.clone(),
        None => {
            let file = args.out.file_name().and_then(|name| name.to_str());
            file.unwrap_or_default().to_owned()
        }
    };
    if is_key_name(&name) {
        Ok(name)
    } else {
        Err(Failure::usage(
            format!("“{name}”不能作密钥名,请用 --name 指定(不含空白和加号)"),
            format!(
                "{name:?} cannot be a key's name; give one with --name (without spaces and '+')"
            ),
        ))
    }
}

fn beside(private: &Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn exists(path: &Path) -> Failure {
    let path = path.display();
    Failure::usage(
        format!("{path} 已存在,不覆盖密钥文件"),
        format!("{path} exists; a key file is never overwritten"),
    )
}

/// Writes a file that must not exist, with these permissions from its first byte on.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let failed = |source| Failure::File {
        path: path.display().to_string(),
        source,
    };
    let mut file = options.open(path).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => failed(source),
    })?;
    file.write_all(format!("{text}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

/// The private key of a file.
fn read_private(path: &Path, out: &Out) -> Result<Ed25519Signer, Failure> {
    let text = read_text(path, "--key")?;
    let signer = text
        .parse()
        .map_err(|error| bad_key(&path.display().to_string(), &error))?;
    #[cfg(unix)]
    warn_if_readable(path, out);
    #[cfg(not(unix))]
    let _ = out;
    Ok(signer)
}

#[cfg(unix)]
fn warn_if_readable(path: &Path, out: &Out) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
    if mode & 0o077 != 0 {
        let path = path.display();
        eprintln!(
            "{}",
            out.pick(
                format!("提示:他人可读取私钥文件 {path},请执行 chmod 600"),
                format!("note: others can read the private key {path}; run chmod 600 on it"),
            )
        );
    }
}

/// The private key of a file, for the log of this store.
///
/// # Errors
/// A key whose name is that of another log does not sign for this one: see [`names_a_log`].
pub fn signer(path: &Path, app: &App, out: &Out) -> Result<Ed25519Signer, Failure> {
    let signer = read_private(path, out)?;
    let (name, origin) = (signer.verifier().name(), &app.log.origin().name);
    if names_a_log(name) && name != origin {
        return Err(Failure::usage(
            format!(
                "密钥 {name} 属于另一个日志,本日志是 {origin}。请为本日志生成密钥:anju key new --out 文件"
            ),
            format!(
                "the key {name} is of another log, this one is {origin}. Make a key for this one: anju key new --out FILE"
            ),
        ));
    }
    Ok(signer)
}

/// Whether a key's name is the name of a log: with a slash, as origins are written. Such a key vouches for that log
/// alone. A plain name is that of a person or an office, who may keep several logs.
pub(super) fn names_a_log(name: &str) -> bool {
    name.contains('/')
}

/// A public key: as written, or from the file that holds it.
pub(super) fn verifier(text: &str) -> Result<VerifierKey, Failure> {
    match text.parse::<VerifierKey>() {
        Ok(key) => Ok(key),
        Err(error) if !Path::new(text).is_file() => Err(bad_key("--key", &error)),
        Err(_) => read_text(Path::new(text), "--key")?
            .parse()
            .map_err(|error| bad_key(text, &error)),
    }
}

/// The text of a file that was named on the command line; that it cannot be read is the caller's to mend.
pub(super) fn read_text(path: &Path, option: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        Failure::usage(
            format!("{option}:无法读取 {path}({error})"),
            format!("{option}: cannot read {path} ({error})"),
        )
    })
}
