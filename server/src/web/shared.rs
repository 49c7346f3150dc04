//! Pieces that several pages use.

use anju_projections::stalls::Lamp;
use anju_workflows::definition::{Lang, source_text};
use maud::{Markup, html};

use super::visit::Visit;
use super::words;

/// A main heading: in the reader's language, with the other one small beside it.
pub(super) fn heading(visit: &Visit, zh: &str, en: &str) -> Markup {
    html! { h1 { (both(visit, zh, en)) } }
}

/// A heading of a part of a page.
pub(super) fn part(visit: &Visit, zh: &str, en: &str) -> Markup {
    html! { h2 { (both(visit, zh, en)) } }
}

fn both(visit: &Visit, zh: &str, en: &str) -> Markup {
    let (first, other, tag) = match visit.lang {
        Lang::Zh => (zh, en, words::tag(Lang::En)),
        Lang::En => (en, zh, words::tag(Lang::Zh)),
    };
    html! { (first) " " small lang=(tag) { (other) } }
}

/// A lamp: a colour and its word.
pub(super) fn lamp(lamp: Option<Lamp>, lang: Lang) -> Markup {
    html! { span class={ "lamp lamp-" (words::lamp_class(lamp)) } { (words::lamp(lamp, lang)) } }
}

/// A lamp with how many projects it stands for.
pub(super) fn lamp_count(of: Option<Lamp>, count: u64, lang: Lang) -> Markup {
    html! { span class={ "lamp lamp-" (words::lamp_class(of)) } { (words::lamp(of, lang)) " " (words::number(count)) } }
}

/// A bar of shares that add up to `whole`, without style attributes (the content security policy has none).
pub(super) fn bar(label: &str, whole: u64, parts: &[(usize, u64, &str)]) -> Markup {
    let mut x = 0_u64;
    let scaled: Vec<(usize, u64, u64, String)> = parts
        .iter()
        .filter(|(_, count, _)| *count > 0 && whole > 0)
        .map(|(shade, count, name)| {
            let from = x * 1000 / whole;
            x += count;
            (
                *shade,
                from,
                x * 1000 / whole - from,
                format!("{name} {count}"),
            )
        })
        .collect();
    html! {
        svg.shares viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.shares-ground x="0" y="0" width="1000" height="16" {}
            @for (shade, from, width, title) in &scaled {
                rect class={ "shade-" (shade) } x=(from) y="0" width=(width) height="16" { title { (title) } }
            }
        }
    }
}

/// The choices of a filter; the first one asks for everything.
pub(super) struct Choice<'a> {
    /// The key in the query.
    pub(super) key: &'a str,
    /// Its label.
    pub(super) label: &'a str,
    /// Values with their names.
    pub(super) values: Vec<(String, String)>,
}

/// A select of a filter form.
pub(super) fn select(visit: &Visit, choice: &Choice<'_>) -> Markup {
    let asked = visit.asked(choice.key);
    let id = format!("filter-{}", choice.key);
    let known = asked.is_none_or(|asked| choice.values.iter().any(|(value, _)| value == asked));
    html! {
        div.filter {
            label for=(id) { (choice.label) }
            select id=(id) name=(choice.key) {
                option value="" { (visit.pick("全部", "All")) }
                @if let Some(asked) = asked.filter(|_| !known) {
                    option value=(asked) selected { (asked) }
                }
                @for (value, name) in &choice.values {
                    option value=(value) selected[asked == Some(value.as_str())] { (name) }
                }
            }
        }
    }
}

/// A cell of a table that becomes a card on a narrow screen: its column is named on it there. The roles are given
/// because the style sheet takes the table apart, and some readers then forget that it is one.
pub(super) fn cell(class: &str, label: &str, content: &Markup) -> Markup {
    html! { td role="cell" class=[(!class.is_empty()).then_some(class)] data-label=(label) { (content) } }
}

/// The head of such a table.
pub(super) fn columns(names: &[(&str, &str)]) -> Markup {
    html! {
        thead role="rowgroup" {
            tr role="row" {
                @for (class, name) in names {
                    th role="columnheader" scope="col" class=[(!class.is_empty()).then_some(*class)] { (name) }
                }
            }
        }
    }
}

/// Where a rule comes from: the words of its text in quotation marks, or the law that is named for it.
pub(super) fn source(visit: &Visit, text: &str, quoted: bool) -> Markup {
    html! {
        @if text.is_empty() {
        } @else if quoted {
            span.source title=(text) lang=(words::tag(Lang::Zh)) { "“" (text) "”" }
        } @else {
            span.source {
                (visit.pick("依据：", "Source: "))
                (source_text(text, visit.lang))
            }
        }
    }
}

/// What a day is without one.
pub(super) fn day(day: Option<jiff::civil::Date>) -> Markup {
    html! {
        @match day {
            Some(day) => time { (day) },
            None => span.none { "—" },
        }
    }
}
