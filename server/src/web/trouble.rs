//! What a reader sees when a page cannot be shown.

use anju_engine::event::Position;
use anju_projections::ViewError;
use anju_workflows::handler::HandleError;
use anju_workflows::project::decide::CommandError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::html;

use super::Shared;
use super::layout::{Nav, Page};
use super::visit::Visit;
use crate::app::Failure;

/// Why a page is not shown: one variant per thing its reader would do differently.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no such page.
    NoSuchPage,
    /// There is no such project.
    NoSuchProject(String),
    /// There is such a project, but not on the day that is asked.
    NotThen(String),
    /// There is no such programme.
    NoSuchProgramme(String),
    /// The page is not asked for that way.
    NotAllowed,
    /// The address carries a value that cannot be read: what it is, and its value.
    BadValue {
        /// What it is, in Chinese and English.
        what: (&'static str, &'static str),
        /// As given.
        value: String,
    },
    /// The form is larger than a form can be, or not a form.
    BadForm(StatusCode),
    /// The request names a host that is not this server.
    WrongHost,
    /// The form was not sent from our own pages.
    ForeignForm,
    /// The pages do not write on this address.
    ReadOnly,
    /// It took too long.
    TooSlow,
    /// The views, or the log itself, have not reached the position that was asked for.
    Behind {
        /// What was asked for.
        asked: Position,
        /// What the page would reflect.
        reached: Position,
    },
    /// Something behind the pages failed.
    Failure(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::View(ViewError::UnknownProject(id)) => Self::NoSuchProject(id),
            Failure::View(ViewError::NotYet { project, .. }) => Self::NotThen(project),
            Failure::View(ViewError::Behind { asked, reached, .. }) => {
                Self::Behind { asked, reached }
            }
            Failure::View(ViewError::UnknownProgramme(id))
            | Failure::Handle(HandleError::UnknownProgramme(id)) => Self::NoSuchProgramme(id),
            Failure::Handle(HandleError::Command(CommandError::NotRegistered { project })) => {
                Self::NoSuchProject(project)
            }
            other => Self::Failure(other),
        }
    }
}

impl From<HandleError> for Trouble {
    fn from(error: HandleError) -> Self {
        Failure::from(error).into()
    }
}

impl From<ViewError> for Trouble {
    fn from(error: ViewError) -> Self {
        Failure::from(error).into()
    }
}

impl Trouble {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPage
            | Self::NoSuchProject(_)
            | Self::NotThen(_)
            | Self::NoSuchProgramme(_) => StatusCode::NOT_FOUND,
            Self::NotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadValue { .. } => StatusCode::BAD_REQUEST,
            Self::BadForm(status) => *status,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignForm | Self::ReadOnly => StatusCode::FORBIDDEN,
            Self::TooSlow | Self::Behind { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failure(failure) if failure.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failure(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What happened and what to do, in Chinese and English. Names of files and inner errors stay in the server's log.
    fn words(&self) -> (String, String) {
        let fixed = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
        match self {
            Self::NoSuchPage => fixed("没有这个页面。", "There is no such page."),
            Self::NoSuchProject(id) => (
                format!("没有编号为“{id}”的项目。"),
                format!("There is no project {id:?}."),
            ),
            Self::NotThen(id) => (
                format!("在所问的日期，项目“{id}”尚未登记，或日志尚不知道它。"),
                format!(
                    "On the day that is asked, project {id:?} was not registered, or not known to the log yet."
                ),
            ),
            Self::NoSuchProgramme(id) => (
                format!("没有编号为“{id}”的改造计划。"),
                format!("There is no programme {id:?}."),
            ),
            Self::NotAllowed => fixed(
                "这个地址不能这样访问。",
                "This address is not asked for in that way.",
            ),
            Self::BadValue {
                what: (zh, en),
                value,
            } => {
                let shown: String = value.chars().take(60).collect();
                (
                    format!("{zh}“{shown}”不对。"),
                    format!("{shown:?} is not {en}."),
                )
            }
            Self::BadForm(StatusCode::PAYLOAD_TOO_LARGE) => (
                format!(
                    "表单过大（最多{} KiB），未登记。",
                    super::MAX_FORM_BYTES / 1024
                ),
                format!(
                    "The form is too large (at most {} KiB); nothing was recorded.",
                    super::MAX_FORM_BYTES / 1024
                ),
            ),
            Self::BadForm(_) => fixed(
                "表单无法读取，未登记。请返回页面重新填写。",
                "The form could not be read; nothing was recorded. Go back to the page and fill it in again.",
            ),
            Self::WrongHost => fixed(
                "请求的主机名不是本服务。请使用启动时显示的地址。",
                "The request names a host that is not this server. Use the address printed at the start.",
            ),
            Self::ForeignForm => fixed(
                "表单不是从本站页面提交的，未登记。请打开项目页面再提交。",
                "The form was not sent from a page of this site; nothing was recorded. Open the project's page and send it from there.",
            ),
            Self::ReadOnly => fixed(
                "本服务不在本机回环地址上监听，页面只读，未登记。",
                "This server does not listen on a loopback address, so its pages are read-only; nothing was recorded.",
            ),
            Self::TooSlow => fixed(
                "处理超时。请稍后重试；同一表单重复提交只登记一次。",
                "It took too long. Try again in a moment; a form sent twice is recorded once.",
            ),
            Self::Behind { asked, reached } => (
                format!("页面目前反映日志至第 {reached} 条记录，尚未到第 {asked} 条。请稍后重试。"),
                format!(
                    "The pages reflect the log up to record {reached}, not yet position {asked}. Try again in a moment."
                ),
            ),
            Self::Failure(failure) if failure.is_passing() => fixed(
                "数据库正忙，请稍后重试。同一表单重复提交只登记一次。",
                "The store is busy. Try again in a moment; a form sent twice is recorded once.",
            ),
            Self::Failure(_) => fixed(
                "服务器内部出错，原因已写入服务器日志。",
                "Something failed inside the server; the reason is in the server's log.",
            ),
        }
    }

    /// The page that says so, in the reader's language.
    pub(super) async fn page(self, site: &Shared, visit: &Visit) -> Response {
        if let Self::Failure(failure) = &self {
            tracing::error!(%failure, path = %visit.path, "page not shown");
        }
        let status = self.status();
        let (zh, en) = self.words();
        // The head says only what the frame needs; without it the frame stands all the same.
        let head = site.head().await.ok();
        let page = Page {
            visit,
            nav: Nav::None,
            title: (visit.pick("无法显示", "Not shown")).to_owned(),
            head: head.as_ref(),
            position: None,
            writable: site.writable,
        };
        let mut response = page.answer(
            status,
            &html! {
                div.trouble {
                    p.status-code { (status.as_u16()) }
                    h1 { (visit.pick("无法显示", "Not shown")) }
                    p { (visit.pick(&zh, &en)) }
                    p {
                        a href="/" { (visit.pick("返回首页", "Back to the first page")) }
                    }
                }
            },
        );
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
