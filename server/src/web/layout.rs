//! The frame around every page, and the two files it loads.

use anju_engine::event::Position;
use anju_engine::log::Head;
use anju_workflows::definition::Lang;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::visit::{Visit, code};
use super::words;

pub(super) const STYLE_PATH: &str = "/style.css";
pub(super) const ICON_PATH: &str = "/icon.svg";

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");

/// Changes with the style sheet, so that browsers may keep it for good.
const STYLE_VERSION: u64 = fingerprint(STYLE.as_bytes());

/// FNV-1a: no secret, only a name for a content.
const fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

/// Which entry of the navigation a page stands under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nav {
    Progress,
    Stalled,
    Projects,
    None,
}

/// From how many records between the page and the log on its reader is told at the top: more than one batch of the
/// views, which whoever follows them applies in a moment.
const FAR: u64 = 4_096;

/// A page: everything of its frame.
pub(super) struct Page<'a> {
    pub(super) visit: &'a Visit,
    pub(super) nav: Nav,
    pub(super) title: String,
    /// Where the log stands; `None` if it could not be asked.
    pub(super) head: Option<&'a Head>,
    /// The position that the content reflects; `None` for a page without content of the log.
    pub(super) position: Option<Position>,
    pub(super) writable: bool,
}

impl Page<'_> {
    /// The answer with this content.
    pub(super) fn answer(&self, status: StatusCode, content: &Markup) -> Response {
        (status, self.render(content)).into_response()
    }

    fn render(&self, content: &Markup) -> Markup {
        let visit = self.visit;
        let tag = words::tag(visit.lang);
        html! {
            (DOCTYPE)
            html lang=(tag) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    title { (self.title) " · " (visit.pick("安居", "Anju")) }
                    link rel="icon" type="image/svg+xml" href=(ICON_PATH);
                    link rel="stylesheet" href={ (STYLE_PATH) "?v=" (format!("{STYLE_VERSION:016x}")) };
                }
                body {
                    a.skip href="#main" { (visit.pick("跳到正文", "Skip to the content")) }
                    (self.top())
                    main #main tabindex="-1" { (content) }
                    (self.bottom())
                }
            }
        }
    }

    fn top(&self) -> Markup {
        let visit = self.visit;
        let entries = [
            (Nav::Progress, "/", "进度总览", "Progress"),
            (Nav::Stalled, "/stalled", "滞后清单", "Stalled"),
            (Nav::Projects, "/projects", "项目查询", "Projects"),
        ];
        html! {
            header.top {
                div.bar {
                    a.brand href="/" {
                        span.brand-name { "安居" }
                        span.brand-sub { (visit.pick("改造计划进度与督办", "Renewal programmes: progress and supervision")) }
                    }
                    nav aria-label=(visit.pick("主导航", "Main")) {
                        ul {
                            @for (nav, href, zh, en) in entries {
                                li {
                                    a href=(href) aria-current=[(nav == self.nav).then_some("page")] { (visit.pick(zh, en)) }
                                }
                            }
                        }
                    }
                    (self.languages())
                }
            }
            @if let Some(head) = self.head.filter(|head| head.origin.simulated) {
                p.simulated {
                    strong { (visit.pick("模拟数据", "Simulated")) }
                    " "
                    (visit.pick("本日志由演示程序生成，不是真实项目的记录。", "This log was played by the demo; it is no record of real projects."))
                    @if let Some(seed) = head.origin.seed { " seed " (seed) }
                }
            }
            @if let Some((position, head)) = self.far_behind() {
                p.simulated role="status" {
                    strong { (visit.pick("数据更新中", "Catching up")) }
                    " "
                    (visit.pick("日志已有 ", "The log has ")) (head)
                    (visit.pick(" 条记录，本页目前只反映前 ", " records; this page reflects the first ")) (position)
                    (visit.pick(" 条；请稍后刷新。", " of them. Reload it in a while."))
                }
            }
        }
    }

    /// Where the page and the log stand, if there is more between them than came in the last moments.
    fn far_behind(&self) -> Option<(u64, u64)> {
        let (Position(position), head) = (self.position?, self.head?.size);
        (head.saturating_sub(position) >= FAR).then_some((position, head))
    }

    fn languages(&self) -> Markup {
        let visit = self.visit;
        html! {
            p.languages {
                @for (lang, name) in [(Lang::Zh, "中文"), (Lang::En, "English")] {
                    @if lang == visit.lang {
                        span aria-current="true" lang=(words::tag(lang)) { (name) }
                    } @else {
                        a href=(visit.with(&[("lang", Some(code(lang)))])) lang=(words::tag(lang)) hreflang=(words::tag(lang)) { (name) }
                    }
                }
            }
        }
    }

    fn bottom(&self) -> Markup {
        let visit = self.visit;
        html! {
            footer {
                @if let Some(position) = self.position {
                    p {
                        (visit.pick("本页反映日志至第 ", "This page reflects the log up to record "))
                        b #position { (position) }
                        (visit.pick(" 条记录", ""))
                        @if let Some(last) = self.head.and_then(|head| head.last_recorded_at) {
                            (visit.pick("，日志最近一次记录于 ", "; the log last recorded at "))
                            (words::instant(last)) " (UTC+8)"
                        }
                        (visit.pick("。", "."))
                    }
                }
                p {
                    @if self.writable {
                        (visit.pick("尚无登录：在本机页面上登记的内容一律以角色“经办”（clerk）记录。", "There is no login yet: what is recorded on these pages is recorded by the role “clerk”."))
                    } @else {
                        (visit.pick("只读：本服务不在本机回环地址上监听，页面不接受登记。", "Read-only: this server does not listen on a loopback address, so its pages record nothing."))
                    }
                }
            }
        }
    }
}

/// The style sheet. Its address carries its version, so it may be kept for good.
pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

/// The icon.
pub(super) async fn icon() -> Response {
    file("image/svg+xml", ICON)
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    (headers, content).into_response()
}
