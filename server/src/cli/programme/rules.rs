//! The rules of a programme, in both languages side by side.

use anju_workflows::definition::{Definition, Lang};

use crate::output::Table;

/// Every requirement, by stage, in Chinese and English, with the words it comes from.
pub(super) fn table(definition: &Definition) -> String {
    let mut stages: Vec<_> = definition.stages.iter().collect();
    stages.sort_by_key(|(id, stage)| (stage.order, *id));
    let mut table = Table::new(["阶段 stage", "id", "条件", "requirement", "依据 source"]);
    for (_, stage) in stages {
        for (id, rule) in &stage.exit {
            let line = |lang: Lang| {
                let name = rule.name.get(lang);
                let asks = definition.describe_requirement(rule, lang);
                let warns = match (rule.severity.is_block(), lang) {
                    (true, _) => "",
                    (false, Lang::Zh) => "（仅提示）",
                    (false, Lang::En) => " (warns only)",
                };
                match lang {
                    Lang::Zh => format!("{name}：{asks}{warns}"),
                    Lang::En => format!("{name}: {asks}{warns}"),
                }
            };
            let mut source = rule
                .quote
                .as_ref()
                .map(|quote| format!("“{}”", quote.joined()))
                .unwrap_or_default();
            if let Some(law) = &rule.source {
                if !source.is_empty() {
                    source.push(' ');
                }
                source.push_str(law);
            }
            table.row([
                format!("{} {}", stage.name.zh, stage.name.en),
                id.clone(),
                line(Lang::Zh),
                line(Lang::En),
                source.split_whitespace().collect::<Vec<_>>().join(" "),
            ]);
        }
    }
    table.render()
}
