//! The inputs of a form, with what was typed and what was wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use anju_workflows::definition::{FactType, Field, FieldKind, Lang};
use anju_workflows::project::fields::parse_day;
use jiff::civil::Date;
use maud::{Markup, html};

use super::{Draft, FIELD, Place};
use crate::web::visit::Visit;

/// The messages beside an input, and the id that names them to it.
fn errors(id: &str, messages: &[&str]) -> Markup {
    html! {
        @if !messages.is_empty() {
            p.error id={ (id) "-error" } {
                @for (index, message) in messages.iter().enumerate() {
                    @if index > 0 { br; }
                    (message)
                }
            }
        }
    }
}

/// What was wrong, above the form, with ways to each place.
pub(in crate::web) fn summary(visit: &Visit, draft: &Draft) -> Markup {
    html! {
        @if !draft.problems.is_empty() {
            div.problems role="alert" {
                p { strong { (visit.pick("未登记，请改正：", "Not recorded. Please mend:")) } }
                ul {
                    @for (place, message) in &draft.problems {
                        li {
                            @match place {
                                Place::Field(key) => a href={ "#f-" (key) } { (message) },
                                Place::Occurred => a href="#occurred" { (message) },
                                Place::Note => a href="#note" { (message) },
                                Place::Whole => (message),
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The inputs of a fact type: those it requires first, then those that rules look at, then by their keys. `lots`:
/// the lots that a fact may name, with their names.
pub(in crate::web) fn inputs(
    visit: &Visit,
    kind: &FactType,
    draft: &Draft,
    looked_at: &BTreeSet<String>,
    lots: &BTreeMap<String, String>,
) -> Markup {
    // A project without lots has none to name.
    let mut fields: Vec<(&String, &Field)> = kind
        .fields
        .iter()
        .filter(|(_, field)| field.kind != FieldKind::Lot || !lots.is_empty())
        .collect();
    fields.sort_by_key(|(key, field)| (!field.required, !looked_at.contains(*key)));
    html! {
        div.inputs {
            @for (key, field) in fields { (input(visit, key, field, draft, lots)) }
        }
    }
}

/// Whether an input takes the whole width of the form.
fn is_broad(kind: FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::Reference | FieldKind::Document | FieldKind::Codes
    )
}

fn input(
    visit: &Visit,
    key: &str,
    field: &Field,
    draft: &Draft,
    lots: &BTreeMap<String, String>,
) -> Markup {
    let id = format!("f-{key}");
    let name = format!("{FIELD}{key}");
    let messages = draft.at(&Place::Field(key.to_owned()));
    let invalid = (!messages.is_empty()).then_some("true");
    let hint = hint(visit, field);
    let described = described(&id, hint.is_some(), !messages.is_empty());
    let label = field.name.get(visit.lang);
    let required = html! {
        @if field.required { span.required { (visit.pick("必填", "required")) } }
    };
    if field.kind == FieldKind::Codes {
        return html! {
            fieldset.field.broad id=(id) aria-describedby=[described] {
                legend { (label) " " (required) }
                @for (code, text) in &field.values {
                    label.check {
                        input type="checkbox" name=(name) value=(code) checked[draft.has(key, code)];
                        " " (text.get(visit.lang))
                    }
                }
                (errors(&id, &messages))
            }
        };
    }
    let text = draft.text(key);
    html! {
        div.field.broad[is_broad(field.kind)].invalid[invalid.is_some()] {
            label for=(id) { (label) " " (required) }
            @match field.kind {
                FieldKind::Code => select id=(id) name=(name) required[field.required] aria-invalid=[invalid] aria-describedby=[described] {
                    option value="" { (visit.pick("请选择", "choose")) }
                    @for (code, label) in &field.values {
                        option value=(code) selected[text == *code] { (label.get(visit.lang)) }
                    }
                },
                FieldKind::Lot => select id=(id) name=(name) required[field.required] aria-invalid=[invalid] aria-describedby=[described] {
                    option value="" { (visit.pick("整个项目", "the whole project")) }
                    @for (lot, name) in lots {
                        option value=(lot) selected[text == *lot] { (name) }
                    }
                },
                FieldKind::YesNo => select id=(id) name=(name) required[field.required] aria-invalid=[invalid] aria-describedby=[described] {
                    option value="" { (visit.pick("未填", "not given")) }
                    option value="yes" selected[matches!(text.as_str(), "yes" | "true")] { (visit.pick("是", "yes")) }
                    option value="no" selected[matches!(text.as_str(), "no" | "false")] { (visit.pick("否", "no")) }
                },
                FieldKind::Day => (day_input(&id, &name, &text, field.required, invalid, described.as_deref(), None)),
                kind => span.with-unit {
                    input id=(id) name=(name) type="text" inputmode=(mode(kind)) value=(text) autocomplete="off"
                        maxlength=(if kind == FieldKind::Reference { "100" } else { "64" })
                        required[field.required] aria-invalid=[invalid] aria-describedby=[described];
                    @if let Some(unit) = unit(visit.lang, field) { span.unit { (unit) } }
                },
            }
            @if let Some(hint) = &hint { p.hint id={ (id) "-hint" } { (hint) } }
            (errors(&id, &messages))
        }
    }
}

fn described(id: &str, hint: bool, error: bool) -> Option<String> {
    let mut ids = Vec::new();
    if hint {
        ids.push(format!("{id}-hint"));
    }
    if error {
        ids.push(format!("{id}-error"));
    }
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn mode(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Count => "numeric",
        FieldKind::Money | FieldKind::Area | FieldKind::Length => "decimal",
        _ => "text",
    }
}

fn unit(lang: Lang, field: &Field) -> Option<&str> {
    match field.kind {
        FieldKind::Count => field.unit.as_deref(),
        FieldKind::Money => Some(match lang {
            Lang::Zh => "元",
            Lang::En => "yuan",
        }),
        FieldKind::Area => Some("㎡"),
        FieldKind::Length => Some("m"),
        _ => None,
    }
}

fn hint(visit: &Visit, field: &Field) -> Option<&'static str> {
    match field.kind {
        FieldKind::Money => Some(match visit.lang {
            Lang::Zh => "可写 1234.56、12万元、1.5亿元",
            Lang::En => "for example 1234.56, 12万元, 1.5亿元",
        }),
        FieldKind::Area => Some(match visit.lang {
            Lang::Zh => "可写 12000.5 或 1.2万",
            Lang::En => "for example 12000.5 or 1.2万",
        }),
        FieldKind::Length => Some(match visit.lang {
            Lang::Zh => "可写 850 或 1.2公里",
            Lang::En => "for example 850 or 1.2km",
        }),
        FieldKind::Reference => Some(match visit.lang {
            Lang::Zh => "不得填写姓名、电话、证件号码",
            Lang::En => "no names, phone or ID numbers",
        }),
        FieldKind::Document => Some(match visit.lang {
            Lang::Zh => "文件的 SHA-256（64位十六进制）",
            Lang::En => "the file's SHA-256, 64 hex digits",
        }),
        _ => None,
    }
}

/// An input for a day. What is typed and is no day stays visible: an input of type `date` would show nothing.
fn day_input(
    id: &str,
    name: &str,
    text: &str,
    required: bool,
    invalid: Option<&str>,
    described: Option<&str>,
    latest: Option<Date>,
) -> Markup {
    let day = parse_day(text);
    let value = day.map_or_else(|| text.to_owned(), |day| day.to_string());
    let kind = if text.is_empty() || day.is_some() {
        "date"
    } else {
        "text"
    };
    html! {
        input id=(id) name=(name) type=(kind) value=(value) max=[latest] required[required]
            aria-invalid=[invalid] aria-describedby=[described];
    }
}

/// A day of a form that has no other place for what was wrong than above it.
pub(in crate::web) fn day(id: &str, name: &str, text: &str, latest: Option<Date>) -> Markup {
    day_input(id, name, text, false, None, None, latest)
}

/// The day it happened, at most today.
pub(in crate::web) fn occurred(visit: &Visit, draft: &Draft, today: Date) -> Markup {
    let messages = draft.at(&Place::Occurred);
    let invalid = (!messages.is_empty()).then_some("true");
    let described = described("occurred", false, invalid.is_some());
    html! {
        div.field.invalid[invalid.is_some()] {
            label for="occurred" { (visit.pick("发生日期", "Day it happened")) }
            (day_input("occurred", "occurred", &draft.occurred, false, invalid, described.as_deref(), Some(today)))
            (errors("occurred", &messages))
        }
    }
}

/// The day a transition takes effect, at most today.
pub(in crate::web) fn effective(draft: Option<&Draft>, today: Date) -> Markup {
    let typed = draft.map_or_else(|| today.to_string(), |draft| draft.occurred.clone());
    let invalid = draft
        .is_some_and(|draft| !draft.at(&Place::Occurred).is_empty())
        .then_some("true");
    day_input(
        "effective",
        "occurred",
        &typed,
        false,
        invalid,
        None,
        Some(today),
    )
}

/// The note.
pub(in crate::web) fn note(visit: &Visit, draft: &Draft) -> Markup {
    let messages = draft.at(&Place::Note);
    let invalid = (!messages.is_empty()).then_some("true");
    let described = described("note", true, invalid.is_some());
    html! {
        div.field.invalid[invalid.is_some()] {
            label for="note" { (visit.pick("备注", "Note")) }
            textarea #note name="note" rows="2" aria-invalid=[invalid] aria-describedby=[described] { (draft.note) }
            p.hint #note-hint {
                (about_notes(visit))
            }
            (errors("note", &messages))
        }
    }
}

/// Where a note is kept.
pub(in crate::web) fn about_notes(visit: &Visit) -> &'static str {
    visit.pick(
        "备注存于可删除的备注库，日志只记其摘要。",
        "Notes are kept apart and can be erased; the log holds only a digest.",
    )
}
