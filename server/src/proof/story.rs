//! A project's events in words, with nothing but its definition.

use anju_engine::event::RecordedEvent;
use anju_workflows::definition::{COMPLETED, Definition, Lang};
use anju_workflows::project::ProjectEvent;
use anju_workflows::project::event::{FactRecorded, Transition};
use anju_workflows::requirement::explain;
use serde_json::Value;

/// The name of a stage; of one that the definition does not have, its id.
pub(super) fn stage(definition: &Definition, id: &str, lang: Lang) -> String {
    if id == COMPLETED {
        return pick(lang, "已完成", "completed").to_owned();
    }
    definition
        .stages
        .get(id)
        .map_or_else(|| id.to_owned(), |stage| stage.name.get(lang).to_owned())
}

fn pick<'t>(lang: Lang, zh: &'t str, en: &'t str) -> &'t str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// The requirements that an event found unmet, each with its numbers.
pub(super) fn unmet(event: &RecordedEvent, definition: &Definition, lang: Lang) -> Vec<String> {
    let read = ProjectEvent::read(event);
    let Ok(
        ProjectEvent::TransitionAccepted(asked)
        | ProjectEvent::TransitionRefused(asked)
        | ProjectEvent::LotPassed(asked)
        | ProjectEvent::LotRefused(asked),
    ) = read
    else {
        return Vec::new();
    };
    let unmet = asked.judgements.iter().filter(|judgement| !judgement.met);
    unmet
        .map(|judgement| explain(definition, &asked.from, judgement, lang).line(lang))
        .collect()
}

/// One event in one line.
pub(super) fn line(event: &RecordedEvent, definition: &Definition, lang: Lang) -> String {
    let word = |zh, en| pick(lang, zh, en);
    let Ok(read) = ProjectEvent::read(event) else {
        return event.kind.as_str().to_owned();
    };
    match read {
        ProjectEvent::ProjectRegistered(registered) => format!(
            "{} {} · {}",
            word("登记", "registered"),
            registered.name,
            stage(definition, &registered.stage, lang)
        ),
        ProjectEvent::FactRecorded(recorded) | ProjectEvent::OtherFact(recorded) => {
            fact(&recorded, definition, lang)
        }
        ProjectEvent::FactCorrected(corrected) => format!(
            "{} {} {}",
            word("更正", "corrected"),
            corrected.event,
            values(&corrected.fields)
        ),
        ProjectEvent::FactVoided(voided) => format!("{} {}", word("作废", "void"), voided.event),
        ProjectEvent::TransitionAccepted(asked) if asked.returned => {
            transition(word("退回", "returned"), &asked, definition, lang)
        }
        ProjectEvent::TransitionAccepted(asked) => {
            transition(word("通过", "accepted"), &asked, definition, lang)
        }
        ProjectEvent::TransitionRefused(asked) => {
            transition(word("未通过", "refused"), &asked, definition, lang)
        }
        ProjectEvent::ProjectSuspended(stop) => {
            let cause = stop.cause.unwrap_or_default();
            format!("{} {cause}", word("暂停", "suspended"))
        }
        ProjectEvent::ProjectResumed(_) => word("恢复", "resumed").to_owned(),
        ProjectEvent::ProjectWithdrawn(_) => word("退出计划", "withdrawn").to_owned(),
        ProjectEvent::DeadlineExtended(extended) => format!(
            "{} {} → {}",
            word("延期", "extended"),
            extended.deadline,
            extended.due
        ),
        ProjectEvent::EscalationRaised(raised) => {
            let name = definition.ladder.get(&raised.ladder);
            let name = name.map_or(&*raised.ladder, |step| step.name.get(lang));
            format!("{name} · {} {}", raised.key.deadline, raised.due)
        }
        ProjectEvent::EscalationWithdrawn(withdrawn) => {
            format!("{} {}", word("撤回督办", "step withdrawn"), withdrawn.event)
        }
        ProjectEvent::EscalationAcknowledged(known) => {
            format!("{} {}", word("签收", "acknowledged"), known.event)
        }
        ProjectEvent::DefinitionMigrated(migrated) => {
            let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
            format!(
                "{} {} → {}",
                word("迁移到新版本", "went over to another version"),
                short(&migrated.from),
                short(&migrated.to)
            )
        }
        ProjectEvent::LotDeclared(lot) => {
            format!(
                "{} {} {}",
                word("设立标段", "lot declared"),
                lot.lot,
                lot.name
            )
        }
        ProjectEvent::LotCorrected(lot) => {
            format!("{} {}", word("更正标段", "lot corrected"), lot.lot)
        }
        ProjectEvent::LotWithdrawn(lot) => {
            format!("{} {}", word("标段退出", "lot withdrawn"), lot.lot)
        }
        ProjectEvent::LotPassed(asked) => {
            lot(word("标段通过", "lot passed"), &asked, definition, lang)
        }
        ProjectEvent::LotRefused(asked) => {
            lot(word("标段未通过", "lot refused"), &asked, definition, lang)
        }
        ProjectEvent::ProjectCarriedOver(carried) => format!(
            "{} {} → {} · {}",
            word("结转", "carried over"),
            carried
                .from
                .map(|year| year.to_string())
                .unwrap_or_default(),
            carried.to,
            carried.basis
        ),
        ProjectEvent::OpeningBalanceAccepted(balance) => {
            let sums: Vec<String> = balance
                .sums
                .iter()
                .map(|(fact, fields)| format!("{fact} {}", values(fields)))
                .collect();
            format!("{} {}", word("期初数", "opening balance"), sums.join(" "))
        }
        ProjectEvent::OrderDispatched(order) => format!(
            "{} #{} → {} · {} {}",
            word("派单", "order"),
            order.order,
            order.to,
            definition.about_word(&order.about, lang),
            order.due
        ),
        ProjectEvent::OrderReplied(order) => {
            format!("{} #{}", word("派单回复", "order answered"), order.order)
        }
        ProjectEvent::OrderClosed(order) => {
            format!(
                "{} #{} · {}",
                word("派单销号", "order closed"),
                order.order,
                order.by
            )
        }
        ProjectEvent::OrderReopened(order) => {
            format!(
                "{} #{}",
                word("派单重开", "order opened again"),
                order.order
            )
        }
        ProjectEvent::OrderExtended(order) => format!(
            "{} #{} → {}",
            word("派单延期", "order extended"),
            order.order,
            order.due
        ),
    }
}

fn fact(recorded: &FactRecorded, definition: &Definition, lang: Lang) -> String {
    let name = definition
        .facts
        .get(&recorded.fact)
        .map_or(&*recorded.fact, |kind| kind.name.get(lang));
    let mut line = format!("{name} {}", values(&recorded.fields));
    for document in &recorded.documents {
        let digest = document.get(..12).unwrap_or(document);
        line.push_str(&format!(" [{} {digest}…]", pick(lang, "文件", "document")));
    }
    line.trim_end().to_owned()
}

fn values(fields: &anju_engine::event::Data) -> String {
    let mut pairs: Vec<String> = fields
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        })
        .collect();
    // Whatever order the map keeps: the same line on every machine.
    pairs.sort();
    pairs.join(" ")
}

fn lot(word: &str, asked: &Transition, definition: &Definition, lang: Lang) -> String {
    let lot = asked.lot.as_deref().unwrap_or_default();
    format!("{word} {lot} · {}", stage(definition, &asked.from, lang))
}

fn transition(word: &str, asked: &Transition, definition: &Definition, lang: Lang) -> String {
    format!(
        "{word} {} → {}",
        stage(definition, &asked.from, lang),
        stage(definition, &asked.to, lang)
    )
}
