//! Definitions at hand while an answer is made, and the names they give.

use std::collections::HashMap;
use std::sync::Arc;

use anju_workflows::definition::{COMPLETED, Definition, Lang, Quote};
use anju_workflows::handler::Handler;
use anju_workflows::project::event::EscalationRaised;

use crate::ViewError;

/// The definitions an answer has needed so far, by digest.
pub(crate) struct Names<'a> {
    handler: &'a Handler,
    known: HashMap<String, Arc<Definition>>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(handler: &'a Handler) -> Self {
        Self {
            handler,
            known: HashMap::new(),
        }
    }

    /// The definition of a programme by its digest.
    pub(crate) async fn definition(
        &mut self,
        programme: &str,
        digest: &str,
    ) -> Result<Arc<Definition>, ViewError> {
        if let Some(definition) = self.known.get(digest) {
            return Ok(definition.clone());
        }
        let definition = self.handler.library().definition(programme, digest).await?;
        self.known.insert(digest.to_owned(), definition.clone());
        Ok(definition)
    }
}

/// The name of a stage; of one that the definition does not have, its id.
#[must_use]
pub fn stage_name(definition: &Definition, stage: &str, lang: Lang) -> String {
    if stage == COMPLETED {
        return match lang {
            Lang::Zh => "已完成",
            Lang::En => "Completed",
        }
        .to_owned();
    }
    definition
        .stages
        .get(stage)
        .map_or_else(|| stage.to_owned(), |stage| stage.name.get(lang).to_owned())
}

/// The name of an area.
pub(crate) fn area_name(definition: &Definition, area: Option<&str>, lang: Lang) -> Option<String> {
    let area = area?;
    Some(
        definition
            .areas
            .get(area)
            .map_or_else(|| area.to_owned(), |area| area.name.get(lang).to_owned()),
    )
}

/// The name of a step of the ladder.
pub(crate) fn step_name(definition: &Definition, ladder: &str, lang: Lang) -> String {
    definition
        .ladder
        .get(ladder)
        .map_or_else(|| ladder.to_owned(), |step| step.name.get(lang).to_owned())
}

/// The name of a deadline; of one that the definition does not have, its id.
#[must_use]
pub fn deadline_name(definition: &Definition, id: &str, lang: Lang) -> String {
    deadline_names(definition, id, lang).0
}

/// A deadline's name and the phrase it comes from.
pub(crate) fn deadline_names(definition: &Definition, id: &str, lang: Lang) -> (String, String) {
    definition
        .stages
        .values()
        .find_map(|stage| stage.deadlines.get(id))
        .map_or_else(
            || (id.to_owned(), String::new()),
            |deadline| {
                (
                    deadline.name.get(lang).to_owned(),
                    phrase(deadline.quote.as_ref(), deadline.source.as_deref()),
                )
            },
        )
}

/// What is due: the name of a deadline with that of the lot that answers for it, or an order with what it is about; and
/// the phrase it comes from.
pub(crate) fn rule_names(
    definition: &Definition,
    id: &str,
    part: Part<'_>,
    lang: Lang,
) -> (String, String) {
    if let Some((number, about)) = part.order {
        let known = definition
            .orders
            .as_ref()
            .and_then(|orders| orders.about.get(about));
        let word = definition.about_word(about, lang);
        let name = match lang {
            Lang::Zh => format!("派单 #{number}({word})"),
            Lang::En => format!("order #{number} ({word})"),
        };
        let source = known
            .map(|known| phrase(known.quote.as_ref(), known.source.as_deref()))
            .unwrap_or_default();
        return (name, source);
    }
    let (name, source) = deadline_names(definition, id, lang);
    match part.lot {
        Some(lot) => (
            match lang {
                Lang::Zh => format!("{name}({lot})"),
                Lang::En => format!("{name} ({lot})"),
            },
            source,
        ),
        None => (name, source),
    }
}

/// What of a project is due, if not the project itself.
#[derive(Clone, Copy, Default)]
pub(crate) struct Part<'a> {
    /// The name of a lot.
    pub(crate) lot: Option<&'a str>,
    /// The number of an order, and what it is about.
    pub(crate) order: Option<(u32, &'a str)>,
}

impl<'a> Part<'a> {
    /// What a step was taken for.
    pub(crate) fn of_step(raised: &'a EscalationRaised) -> Self {
        Self {
            lot: raised.lot_name.as_deref(),
            order: raised.key.order.zip(raised.about.as_deref().or(Some(""))),
        }
    }
}

/// The phrase of the text, or the law.
pub(crate) fn phrase(quote: Option<&Quote>, source: Option<&str>) -> String {
    match (quote, source) {
        (Some(quote), _) => quote.joined(),
        (None, Some(source)) => source.to_owned(),
        (None, None) => String::new(),
    }
}
