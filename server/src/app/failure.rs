//! What can go wrong, in the user's words, with the exit code it has.

mod open;

use anju_engine::OpenError;
use anju_engine::event::WordError;
use anju_engine::log::sqlite::LeaseError;
use anju_engine::log::{AppendError, InvalidAppend, ReadError, VerifyError};
use anju_projections::ViewError;
use anju_workflows::definition::{Lang, Problem};
use anju_workflows::handler::HandleError;
use anju_workflows::publish::PublishedError;

use super::{NoStateFolder, Store};
use crate::beside::BesideError;
use crate::notes::{MAX_NOTE, NotesError};

/// What can go wrong at the edges.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no store yet.
    #[error("there is no store at {0}")]
    NoStore(Store),
    /// The store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The lease of the watching process could not be read or written.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// A command was not carried out.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// A read model failed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The notes failed.
    #[error(transparent)]
    Notes(#[from] NotesError),
    /// What stands beside the log in its database failed.
    #[error(transparent)]
    Beside(#[from] BesideError),
    /// A programme file has errors.
    #[error("the programme file has {} problem(s)", .0.len())]
    Definition(Vec<Problem>),
    /// Bad usage, in Chinese and English.
    #[error("{en}")]
    Usage {
        /// Chinese.
        zh: String,
        /// English.
        en: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something was refused and has been reported already.
    #[error("refused")]
    Refused,
    /// The log is not what it was.
    #[error(transparent)]
    NotVerified(#[from] VerifyError),
    /// Anything else, in Chinese and English: the store failed.
    #[error("{en}")]
    Store {
        /// Chinese.
        zh: String,
        /// English.
        en: String,
    },
}

impl Failure {
    /// Bad usage.
    pub fn usage(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Usage {
            zh: zh.into(),
            en: en.into(),
        }
    }

    /// The exit code: 1 refused or not verified, 2 bad usage, 3 store failure.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused | Self::NotVerified(VerifyError::Altered { .. }) => 1,
            Self::Handle(HandleError::Command(_) | HandleError::Migration(_)) => 1,
            Self::Handle(HandleError::Published(PublishedError::Unreadable { .. })) => 1,
            Self::Handle(HandleError::Append(
                AppendError::CommandReused { .. } | AppendError::Conflict { .. },
            ))
            | Self::Handle(HandleError::Contended(_)) => 1,
            Self::View(ViewError::UnknownProject(_) | ViewError::NotYet { .. }) => 1,
            Self::Usage { .. }
            | Self::Definition(_)
            | Self::View(ViewError::UnknownProgramme(_) | ViewError::Word(_))
            | Self::NoStore(_)
            | Self::Notes(NotesError::TooLong { .. })
            | Self::Handle(
                HandleError::UnknownProgramme(_)
                | HandleError::Word(_)
                | HandleError::Append(AppendError::Invalid(_)),
            ) => 2,
            _ => 3,
        }
    }

    /// Whether the same may succeed in a moment: the store was busy, or out of reach.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::View(ViewError::Handle(HandleError::Read(ReadError::Unavailable(_)))) => true,
            Self::View(error) => error.is_retryable(),
            Self::Lease(_)
            | Self::Read(ReadError::Unavailable(_))
            | Self::Notes(
                NotesError::Store { .. } | NotesError::Beside(BesideError::Failed { .. }),
            )
            | Self::Beside(BesideError::Failed { .. })
            | Self::Handle(
                HandleError::Contended(_) | HandleError::Read(ReadError::Unavailable(_)),
            ) => true,
            Self::Handle(HandleError::Append(error)) => {
                error.is_retryable()
                    || matches!(
                        error,
                        AppendError::ClockJumped { .. }
                            | AppendError::ClockSkew { .. }
                            | AppendError::Closed
                    )
            }
            _ => false,
        }
    }

    /// The failure in words: what happened, and what to do.
    #[must_use]
    pub fn message(&self, lang: Lang) -> String {
        let (zh, en) = self.both();
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn both(&self) -> (String, String) {
        match self {
            Self::NoStore(store) => (
                format!(
                    "{store} 处没有日志。请先登记项目(anju register)、导入(anju import)或运行演示(anju demo),或用 --store 指明位置"
                ),
                format!(
                    "there is no log at {store}. Register a project (anju register), import (anju import), run the demo (anju demo), or name another with --store"
                ),
            ),
            Self::Handle(error) => handle(error),
            Self::Usage { zh, en } | Self::Store { zh, en } => (zh.clone(), en.clone()),
            Self::File { path, source } => (
                format!("文件 {path}:{source}"),
                format!("file {path}: {source}"),
            ),
            Self::Definition(problems) => {
                let lines = |lang: Lang| {
                    problems
                        .iter()
                        .map(|problem| problem.render(lang))
                        .collect::<Vec<_>>()
                        .join("\n")
                };
                (lines(Lang::Zh), lines(Lang::En))
            }
            Self::NotVerified(VerifyError::Altered { position, what }) => (
                format!(
                    "校验未通过:第{position}条记录起与原记录不符({what})。请保留原件备查,从备份恢复后再校验"
                ),
                format!(
                    "not verified: from position {position} on the log is not what was recorded ({what}). Keep it as evidence, restore the log from a backup and verify that"
                ),
            ),
            Self::NotVerified(VerifyError::Read(error)) | Self::Read(error) => read(error),
            Self::Refused => ("未通过".to_owned(), "refused".to_owned()),
            Self::Open(error) => open::open(error),
            Self::Lease(error) => lease(error),
            Self::View(error) => view(error),
            Self::Notes(error) => notes(error),
            Self::Beside(error) => beside(error),
        }
    }
}

impl From<NoStateFolder> for Failure {
    fn from(_: NoStateFolder) -> Self {
        Self::usage(
            "找不到存放本机视图和签名树头的目录(XDG_STATE_HOME 和 HOME 均未设置),请用 --state 指明",
            "there is no folder for this machine's read models and checkpoints (neither XDG_STATE_HOME nor HOME is set); name one with --state",
        )
    }
}

fn lease(error: &LeaseError) -> (String, String) {
    let zh = match error {
        LeaseError::Busy => "值守租约正被另一进程修改,请稍后重试".to_owned(),
        LeaseError::Unavailable(source) => format!("值守租约出错:{source}"),
    };
    (zh, error.to_string())
}

fn notes(error: &NotesError) -> (String, String) {
    let zh = match error {
        NotesError::TooLong { length } => format!("备注有 {length} 字,最多 {MAX_NOTE} 字"),
        NotesError::Store { path, source } => format!("备注库 {} 出错:{source}", path.display()),
        NotesError::Beside(error) => return beside(error),
    };
    (zh, error.to_string())
}

fn beside(error: &BesideError) -> (String, String) {
    let zh = match error {
        BesideError::NotSetUp {
            place,
            schema,
            role,
        } => format!(
            "{place}:角色 {role} 无权使用备注和通知所在的模式 {schema}。请由其所有者授权:anju store init --role {role}"
        ),
        BesideError::Failed { place, source } => {
            format!("{place}:备注和通知所在的数据库出错({source}),请稍后重试")
        }
    };
    (zh, error.to_string())
}

fn handle(error: &HandleError) -> (String, String) {
    match error {
        HandleError::Command(error) => (error.message(Lang::Zh), error.message(Lang::En)),
        HandleError::Migration(refused) => (refused.message(Lang::Zh), refused.message(Lang::En)),
        HandleError::Published(PublishedError::Unreadable {
            what,
            digest,
            detail,
        }) => {
            let zh = match *what {
                "calendar" => "日历",
                _ => "流程定义",
            };
            (
                format!("{zh} {digest} 无法读取({detail})。是否由更新的版本写入?请使用更新的 anju"),
                format!(
                    "{what} {digest} could not be read ({detail}). Was it written by a newer build? Use a newer anju"
                ),
            )
        }
        HandleError::UnknownProgramme(programme) => (
            format!("改造计划“{programme}”尚未发布。发布:anju programme publish 文件"),
            format!(
                "programme {programme:?} is not published in this log; publish it: anju programme publish FILE"
            ),
        ),
        HandleError::Word(WordError { what, value, .. }) => (
            format!("{what}的值“{value}”不对:{error}"),
            error.to_string(),
        ),
        HandleError::Append(error) => append(error),
        HandleError::Read(error) => read(error),
        HandleError::Contended(project) => (
            format!("项目“{project}”正被他人修改,请重试"),
            error.to_string(),
        ),
        other => (format!("日志出错:{other}"), other.to_string()),
    }
}

fn view(error: &ViewError) -> (String, String) {
    let zh = match error {
        ViewError::UnknownProject(project) => format!("项目“{project}”尚未登记"),
        ViewError::NotYet {
            project,
            as_of,
            as_known,
        } => format!("项目“{project}”截至 {as_of}(按 {as_known} 时已知)尚未登记"),
        ViewError::UnknownProgramme(programme) => format!("日志中没有改造计划“{programme}”"),
        ViewError::Busy => "视图正被另一进程更新,请稍后重试".to_owned(),
        ViewError::Handle(error) => return handle(error),
        ViewError::Read(error) => return read(error),
        other => format!("视图出错:{other}。可删除视图文件,它会按日志重建"),
    };
    (zh, error.to_string())
}

fn append(error: &AppendError) -> (String, String) {
    let zh = match error {
        AppendError::CommandReused { command_id } => {
            format!("命令编号{command_id}已用于另一条命令,请换一个")
        }
        AppendError::Busy => "数据库正忙(另一进程正在写入),请稍后重试".to_owned(),
        AppendError::Overloaded { .. } => "写入队列已满,请稍后重试".to_owned(),
        AppendError::Replaced { known, found } => replaced(*known, *found),
        AppendError::ReadOnly => "日志以只读方式打开,不能写入".to_owned(),
        AppendError::DiskFull => "磁盘已满,请清理后重试;没有写入任何内容".to_owned(),
        AppendError::ClockJumped { last, now } => {
            format!("本机时钟为{now},日志最后记录于{last}。请校正时钟;确认无误则加 --confirm-clock")
        }
        AppendError::ClockSkew { offset } => format!(
            "本机时钟与数据库服务器的时钟相差 {offset:#}(正数为本机较快),最多允许 2 秒;没有写入任何内容。请校正本机时钟(如启用 NTP)后重试"
        ),
        AppendError::Unavailable(source) => {
            format!("数据库出错({source}),不知是否已写入;请用同一命令编号(--command-id)重试")
        }
        AppendError::Invalid(InvalidAppend::Simulation { log, .. }) if *log == "simulated" => {
            "这是模拟日志,不能写入真实事件".to_owned()
        }
        AppendError::Invalid(InvalidAppend::Simulation { .. }) => {
            "这是真实日志,不能写入模拟事件".to_owned()
        }
        other => format!("写入失败:{other}"),
    };
    let en = match error {
        AppendError::ClockJumped { .. } => format!("{error} (--confirm-clock)"),
        AppendError::ClockSkew { .. } => {
            format!(
                "{error}, for example by NTP, and try again; at most 2 s are allowed, and nothing was recorded"
            )
        }
        other => other.to_string(),
    };
    (zh, en)
}

fn replaced(known: u64, found: Option<u64>) -> String {
    let found = found.map_or_else(
        || "日志文件已被更换或移走".to_owned(),
        |found| format!("现有 {found} 条,且与原记录不相接"),
    );
    format!(
        "日志在运行中被替换:原有 {known} 条记录,{found}。请停止所有服务,用 anju verify --against 核对签名树头,再重新启动"
    )
}

fn read(error: &ReadError) -> (String, String) {
    let zh = match error {
        ReadError::Corrupt { position, what } => {
            format!("日志第{position}条记录已损坏({what}),请从备份恢复并用 anju verify 核对")
        }
        ReadError::Newer { position, what } => {
            format!("日志第{position}条记录由更新版本的安居写成(本版本不认识{what}),请使用新版本")
        }
        ReadError::Beyond { asked, size } => format!("日志只有 {size} 条记录,没有第 {asked} 条"),
        ReadError::Replaced { known, found } => replaced(*known, *found),
        ReadError::Closed => "日志已关闭".to_owned(),
        ReadError::Unavailable(source) => format!("数据库出错({source}),请稍后重试"),
    };
    (zh, error.to_string())
}
