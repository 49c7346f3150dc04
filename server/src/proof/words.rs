//! What does not hold, in words: for people in their language, for programs as a reason that does not change.

use anju_engine::bundle::BundleError;
use anju_engine::checkpoint::{
    CompareError, FolderError, KeyError, NoteError, SignError, TakeError,
};
use anju_engine::tiles::ExportError;
use anju_workflows::definition::Lang;
use anju_workflows::publish::hex;
use serde_json::json;

use crate::app::Failure;
use crate::cli::Out;

/// Something is not proved. Exit code 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// One word for programs.
    pub(super) reason: &'static str,
    /// Where in the log, if there is one such place: the first position that is, or may be, bad.
    pub(super) position: Option<u64>,
    pub(super) zh: String,
    pub(super) en: String,
}

impl Refusal {
    pub(super) fn new(reason: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            reason,
            position: None,
            zh: zh.into(),
            en: en.into(),
        }
    }

    pub(super) fn at(self, position: u64) -> Self {
        Self {
            position: Some(position),
            ..self
        }
    }

    /// Tells it, in JSON on standard output or in words on standard error.
    pub(super) fn tell(self, out: &Out) -> Failure {
        let what = out.pick(self.zh, self.en);
        if out.json {
            let json = json!({
                "ok": false,
                "reason": self.reason,
                "position": self.position,
                "what": what,
            });
            out.answer(&json, String::new);
        } else {
            let not_verified = match out.lang {
                Lang::Zh => "校验未通过:",
                Lang::En => "not verified: ",
            };
            eprintln!("{not_verified}{what}");
        }
        Failure::Refused
    }
}

/// What a note is called.
#[derive(Clone, Copy)]
pub(super) enum Which {
    Checkpoint,
    Statement,
}

impl Which {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Checkpoint => ("签名树头", "the checkpoint"),
            Self::Statement => ("完整性声明", "the statement of completeness"),
        }
    }
}

pub(super) fn note(which: Which, error: &NoteError) -> Refusal {
    let (zh, en) = which.words();
    match error {
        NoteError::Malformed { what } => Refusal::new(
            "malformed",
            format!("{zh}格式不对({what})。请核对文件是否完整、未经编辑"),
            format!(
                "{en} is malformed ({what}). Make sure that the file is whole and was not edited"
            ),
        ),
        NoteError::UnknownKey { key, signed_by } => Refusal::new(
            "unknown_key",
            format!(
                "{zh}不是由密钥 {key} 签署,而是由 {} 签署。请向日志的管理者索取正确的公钥",
                signed_by.join("、")
            ),
            format!(
                "{en} is not signed by {key}, but by {}. Ask the keeper of the log for the right public key",
                signed_by.join(", ")
            ),
        ),
        NoteError::BadSignature { key } => Refusal::new(
            "bad_signature",
            format!("{zh}上 {key} 的签名与内容不符:内容或签名被改动过"),
            format!(
                "the signature of {key} does not fit {en}: its text or the signature was changed"
            ),
        ),
    }
}

/// A log that is not one that has only grown since a checkpoint.
pub(super) fn compared(error: CompareError) -> Result<Refusal, Failure> {
    Ok(match error {
        CompareError::OtherLog { checkpoint, log } => Refusal::new(
            "other_log",
            format!("签名树头属于另一个日志({checkpoint}),本日志是 {log}"),
            format!("the checkpoint is of another log ({checkpoint}), this one is {log}"),
        ),
        CompareError::Shorter { checkpoint, log } => Refusal::new(
            "rolled_back",
            format!("签署树头时日志有 {checkpoint} 条记录,现在只有 {log} 条:末尾被截去,或换成了旧副本"),
            format!("the log had {checkpoint} records when the checkpoint was signed, it has {log} now: its end was cut off, or an older copy was put in its place"),
        )
        .at(log + 1),
        CompareError::Rewritten { size, checkpoint, log } => Refusal::new(
            "root_mismatch",
            format!("前 {size} 条记录不是当时签署的记录:签名树头的根哈希为 {},日志为 {}", hex(&checkpoint), hex(&log)),
            format!("the first {size} records are not those that were signed: the checkpoint has the root {}, the log {}", hex(&checkpoint), hex(&log)),
        )
        .at(1),
        CompareError::Read(error) => return Err(error.into()),
    })
}

/// Why no checkpoint was signed.
pub(super) fn taken(error: TakeError, out: &Out) -> Failure {
    match error {
        TakeError::Contradicts { size, source } => match compared(source) {
            Ok(refusal) => Refusal {
                zh: format!("日志与先前签署的 {size} 条记录的签名树头矛盾,不再签署。{}", refusal.zh),
                en: format!("the log contradicts the checkpoint of size {size} that was signed before; nothing is signed. {}", refusal.en),
                ..refusal
            }
            .tell(out),
            Err(failure) => failure,
        },
        TakeError::Head { size } => Refusal::new(
            "root_mismatch",
            "日志头的根哈希不是其记录的根哈希,不签署。请运行 anju verify",
            "the head of the log is not that of its records; nothing is signed. Run anju verify",
        )
        .at(size)
        .tell(out),
        TakeError::Origin(error) => Failure::usage(
            format!("日志的名称不能写入签名树头:{error}"),
            format!("the log's origin cannot stand in a checkpoint: {error}"),
        ),
        TakeError::Read(error) => error.into(),
        TakeError::Sign(error) => sign(&error),
        TakeError::Folder(error) => folder(error),
    }
}

pub(super) fn sign(error: &SignError) -> Failure {
    Failure::Store {
        zh: format!("密钥 {} 未能签名:{}", error.name, error.source),
        en: error.to_string(),
    }
}

pub(super) fn folder(error: FolderError) -> Failure {
    match error {
        FolderError::File { path, source } => Failure::File {
            path: path.display().to_string(),
            source,
        },
        FolderError::Malformed { path, source } => Failure::Store {
            zh: format!(
                "{} 不是签名树头({source})。请查明原因后将其移走",
                path.display()
            ),
            en: format!(
                "{} is no checkpoint ({source}). Find out why, then move it away",
                path.display()
            ),
        },
        FolderError::Taken { path } => Failure::Store {
            zh: format!(
                "{} 已保存同一大小的另一个签名树头,请查明原因",
                path.display()
            ),
            en: format!(
                "{} holds another checkpoint of the same size; find out why",
                path.display()
            ),
        },
    }
}

/// A text that is no key. Says nothing of what it holds.
pub(super) fn bad_key(which: &str, error: &KeyError) -> Failure {
    let zh = match error {
        KeyError::Name(name) => format!("密钥名“{name}”不可用:不能为空,不能含空白、控制字符或加号"),
        KeyError::Malformed { expected } => format!("不是密钥,应为 {expected}"),
        KeyError::Private => "这是私钥。请使用旁边的公钥(.pub),私钥须保密".to_owned(),
        KeyError::Public => "这是公钥,不能签名。请使用私钥文件".to_owned(),
        KeyError::Algorithm { name, algorithm } => {
            format!("密钥 {name} 的签名类型 {algorithm:#04x} 本版本不认识")
        }
        KeyError::Id { name, id } => format!("密钥 {name} 与编号 {id:08x} 不符,有字符写错"),
        KeyError::Randomness(error) => format!("本机没有可用的随机数:{error}"),
    };
    Failure::usage(format!("{which}:{zh}"), format!("{which}: {error}"))
}

pub(super) fn exported(error: ExportError, out: &Out) -> Failure {
    let refused = |prefix: (String, String), source| match compared(source) {
        Ok(refusal) => Refusal {
            zh: format!("{}{}", prefix.0, refusal.zh),
            en: format!("{}{}", prefix.1, refusal.en),
            ..refusal
        }
        .tell(out),
        Err(failure) => failure,
    };
    match error {
        ExportError::Checkpoint(source) => refused(Default::default(), source),
        ExportError::Contradicts { path, source } => refused(
            (
                format!("{} 处的导出与本日志矛盾。", path.display()),
                format!(
                    "{} holds an export that this log contradicts. ",
                    path.display()
                ),
            ),
            source,
        ),
        ExportError::Older { path, there, size } => Failure::usage(
            format!(
                "{} 已有 {there} 条记录的导出,本次只有 {size} 条。请用 --key 导出现状,或换一个文件夹",
                path.display()
            ),
            format!(
                "{} holds an export of {there} records, this one would have {size}. Export the log as it is now with --key, or into another folder",
                path.display()
            ),
        ),
        ExportError::Foreign { path } => Failure::usage(
            format!(
                "{} 不是签名树头:该文件夹不是日志导出,请换一个",
                path.display()
            ),
            format!(
                "{} is no checkpoint: the folder holds something else; name another",
                path.display()
            ),
        ),
        ExportError::Root { size } => Refusal::new(
            "root_mismatch",
            format!("前 {size} 条记录与日志自身的根哈希不符。请运行 anju verify"),
            format!("the first {size} records do not have the log's own root. Run anju verify"),
        )
        .at(1)
        .tell(out),
        ExportError::Read(error) => error.into(),
        ExportError::File { path, source } => Failure::File {
            path: path.display().to_string(),
            source,
        },
    }
}

/// Why a bundle is not believed, or not made.
pub(super) fn bundled(error: BundleError) -> Result<Refusal, Failure> {
    Ok(match error {
        BundleError::Malformed { what } => Refusal::new(
            "malformed",
            format!("文件不是证据包,或被改动过({what})"),
            format!("this is no bundle, or it was changed ({what})"),
        ),
        BundleError::Newer { format } => Refusal::new(
            "newer_format",
            format!("证据包格式为第 {format} 版,本版本只能读到第 {} 版。请用更新的 anju 校验", anju_engine::bundle::FORMAT),
            format!("the bundle is of format {format}, this build reads {}. Verify it with a newer anju", anju_engine::bundle::FORMAT),
        ),
        BundleError::Note { which, source } => note(
            if which == "statement" { Which::Statement } else { Which::Checkpoint },
            &source,
        ),
        BundleError::OtherLog { expected, found } => Refusal::new(
            "other_log",
            format!("证据包属于另一个日志({found}),应为 {expected}"),
            format!("the bundle is of another log ({found}), not of {expected}"),
        ),
        BundleError::NotInLog { position, source } => Refusal::new(
            "not_in_log",
            format!("第 {position} 条记录不是日志中的记录:其证明不成立({source})"),
            format!("the record of position {position} is not the log's: its proof does not hold ({source})"),
        )
        .at(position),
        BundleError::Record { index, what } => Refusal::new(
            "bad_record",
            format!("证据包中第 {index} 条不是记录,或位置不对({what})"),
            format!("number {index} of the bundle is no record, or stands where it must not ({what})"),
        ),
        BundleError::NewerRecord { what, .. } => Refusal::new(
            "newer_format",
            format!("有记录由更新的版本写入(不认识 {what})。请用更新的 anju 校验"),
            format!("a record was written by a newer build (unknown {what}). Verify it with a newer anju"),
        ),
        BundleError::Gap { stream, expected, found } => Refusal::new(
            "gap",
            format!("{stream} 缺少第 {expected} 号事件(其后是第 {found} 号)"),
            format!("{stream} misses its event {expected} (event {found} follows)"),
        ),
        BundleError::Incomplete { stream, stated, found } => Refusal::new(
            "incomplete",
            format!("密钥声明 {stream} 此时有 {stated} 条事件,证据包中有 {found} 条"),
            format!("the key has stated {stated} events of {stream} at this checkpoint, the bundle has {found}"),
        ),
        BundleError::StatementOfAnother { about } => Refusal::new(
            "statement_of_another",
            format!("完整性声明说的是另一事项:{about}"),
            format!("the statement of completeness is about {about}"),
        ),
        BundleError::NoSuchStream { stream, size } => Refusal::new(
            "no_such_stream",
            format!("日志的前 {size} 条记录中没有 {stream}"),
            format!("{stream} has no event among the first {size} records"),
        ),
        BundleError::Checkpoint(error) => return compared(error),
        BundleError::Read(error) => return Err(error.into()),
        BundleError::Sign(error) => return Err(sign(&error)),
    })
}
