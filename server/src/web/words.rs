//! Numbers, days and fixed words, as the pages write them.

use anju_engine::event::{SHANGHAI, Source};
use anju_projections::stalls::Lamp;
use anju_workflows::definition::{Field, FieldKind, Lang, Measure, Milestone, PlanDay};
use anju_workflows::project::Status;
use jiff::Timestamp;
use serde_json::Value;

/// The tag of a language in HTML.
pub(super) fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh-CN",
        Lang::En => "en",
    }
}

fn pick(lang: Lang, zh: &'static str, en: &'static str) -> &'static str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// Sets a Chinese text of the rules as print does: full-width punctuation after Chinese. What is quoted from a
/// source is never set: it stands as it was written.
pub(super) fn typeset(text: &str, lang: Lang) -> String {
    if lang == Lang::En {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let mut set = String::with_capacity(text.len());
    // Whether the bracket that is open here was widened, innermost last.
    let mut brackets: Vec<bool> = Vec::new();
    for (index, c) in chars.iter().enumerate() {
        let after = index > 0 && is_wide(chars[index - 1]);
        // A comma after a figure, with Chinese behind its space, is a Chinese comma too; the space goes into it.
        let before_wide = |mark: usize| {
            chars.get(mark + 2).is_some_and(|c| is_wide(*c)) && chars[mark + 1] == ' '
        };
        if *c == ' ' && index > 0 && chars[index - 1] == ',' && before_wide(index - 1) {
            continue;
        }
        let after = after || (*c == ',' && before_wide(index));
        set.push(match c {
            ',' if after => '\u{ff0c}',
            ':' if after => '\u{ff1a}',
            ';' if after => '\u{ff1b}',
            '(' => {
                let inside = chars[index + 1..].iter().take_while(|c| **c != ')');
                let wide = after || inside.clone().any(|c| is_wide(*c));
                brackets.push(wide);
                if wide { '\u{ff08}' } else { '(' }
            }
            ')' if brackets.pop() == Some(true) => '\u{ff09}',
            c => *c,
        });
    }
    set
}

/// Chinese characters and what stands among them; a closing bracket takes the place of what it closes.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}' | '”' | '“' | ')')
}

/// `12,345`.
pub(super) fn number(n: u64) -> String {
    group(&n.to_string())
}

/// A decimal with its whole part in groups of three: `1234567.80` → `1,234,567.8`.
pub(super) fn decimal(text: &str) -> String {
    match text.split_once('.') {
        Some((whole, part)) => {
            let part = part.trim_end_matches('0');
            if part.is_empty() {
                group(whole)
            } else {
                format!("{}.{part}", group(whole))
            }
        }
        None => group(text),
    }
}

fn group(digits: &str) -> String {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |rest| ("-", rest));
    let mut grouped = String::from(sign);
    for (index, c) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(c);
    }
    grouped
}

/// An amount in fen: `1,234.56 元`; from ten thousand yuan on `123.46 万元`, from a hundred million `1.2 亿元` in
/// Chinese, rounded down to two places.
pub(super) fn money(fen: &str, lang: Lang) -> String {
    let Ok(fen) = fen.parse::<i128>() else {
        return format!("{fen} fen");
    };
    let (unit, per) = match fen.unsigned_abs() {
        10_000_000_000.. if lang == Lang::Zh => (" 亿元", 10_000_000_000),
        1_000_000.. if lang == Lang::Zh => (" 万元", 1_000_000),
        _ => (pick(lang, " 元", " yuan"), 100),
    };
    let hundredths = fen * 100 / per;
    let text = format!("{}.{:02}", hundredths / 100, (hundredths % 100).abs());
    format!("{}{unit}", decimal(&text))
}

/// A share in per cent, rounded down to one place, so that 79.99 % never reads as 80 %.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "—".to_owned();
    }
    let tenths = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// An instant as people in China read it: `2021-03-11 16:05`.
pub(super) fn instant(at: Timestamp) -> String {
    SHANGHAI
        .to_datetime(at)
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}

/// The name of a status.
pub(super) fn status(status: Status, lang: Lang) -> &'static str {
    match status {
        Status::Active => pick(lang, "进行中", "active"),
        Status::Suspended => pick(lang, "已暂停", "suspended"),
        Status::Completed => pick(lang, "已完成", "completed"),
        Status::Withdrawn => pick(lang, "已退出", "withdrawn"),
    }
}

/// The name of a lamp; `None` = the calendar does not know the days it counts.
pub(super) fn lamp(lamp: Option<Lamp>, lang: Lang) -> &'static str {
    match lamp {
        Some(Lamp::Green) => pick(lang, "绿", "green"),
        Some(Lamp::Yellow) => pick(lang, "黄", "yellow"),
        Some(Lamp::Red) => pick(lang, "红", "red"),
        None => pick(lang, "未知", "unknown"),
    }
}

/// The class of a lamp in the style sheet.
pub(super) fn lamp_class(lamp: Option<Lamp>) -> &'static str {
    lamp.map_or("unknown", Lamp::as_str)
}

/// The name of a milestone.
pub(super) fn milestone(milestone: Milestone, lang: Lang) -> &'static str {
    match milestone {
        Milestone::Started => pick(lang, "开工", "started"),
        Milestone::Finished => pick(lang, "完工", "finished"),
        Milestone::Accepted => pick(lang, "验收", "accepted"),
    }
}

/// The unit of a measure.
pub(super) fn unit(measure: Measure, lang: Lang) -> &'static str {
    match measure {
        Measure::Projects => pick(lang, "个项目", "projects"),
        Measure::Compounds => pick(lang, "个小区", "compounds"),
        Measure::Households => pick(lang, "户", "households"),
        Measure::Buildings => pick(lang, "栋", "buildings"),
        Measure::AreaM2 => "㎡",
        Measure::Yuan => pick(lang, "元", "yuan"),
        Measure::Other => "",
    }
}

/// The name of a planned day.
pub(super) fn plan_day(day: PlanDay, lang: Lang) -> &'static str {
    match day {
        PlanDay::Consultation => pick(lang, "计划征求意见", "Consultation planned"),
        PlanDay::Design => pick(lang, "计划完成方案", "Design planned"),
        PlanDay::Start => pick(lang, "计划开工", "Start planned"),
        PlanDay::Finish => pick(lang, "计划完工", "Finish planned"),
        PlanDay::Acceptance => pick(lang, "计划验收", "Acceptance planned"),
    }
}

/// Why a clock was stopped.
pub(super) fn cause(cause: &str, lang: Lang) -> &str {
    match cause {
        "winter" => pick(lang, "冬季停工", "winter"),
        "flood" => pick(lang, "汛期", "flood"),
        "heat" => pick(lang, "高温", "heat"),
        "court" => pick(lang, "诉讼", "court"),
        "objection" => pick(lang, "异议处理", "objection"),
        "funds" => pick(lang, "资金未到位", "funds"),
        "other" => pick(lang, "其他", "other"),
        cause => cause,
    }
}

/// The name of a role; an unknown one stays as it is.
pub(super) fn role(role: &str, lang: Lang) -> &str {
    match role {
        "clerk" => pick(lang, "经办", "clerk"),
        "rule" => pick(lang, "规则", "rule"),
        role => role,
    }
}

/// By which way a record entered.
pub(super) fn source(source: Source, lang: Lang) -> &'static str {
    match source {
        Source::Screen => pick(lang, "录入", "screen"),
        Source::Excel => pick(lang, "表格导入", "spreadsheet"),
        Source::Phone => pick(lang, "手机", "phone"),
        Source::Interface => pick(lang, "接口", "interface"),
        Source::Rule => pick(lang, "规则", "rule"),
        Source::Simulation => pick(lang, "模拟", "simulation"),
    }
}

/// A recorded value of a field in words, with its unit.
pub(super) fn value(field: Option<&Field>, value: &Value, lang: Lang) -> String {
    let plain = || {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let Some(field) = field else { return plain() };
    let label = |code: &Value| {
        let code = code.as_str().unwrap_or_default();
        field
            .values
            .get(code)
            .map_or_else(|| code.to_owned(), |label| label.get(lang).to_owned())
    };
    match field.kind {
        FieldKind::Count => format!(
            "{}{}",
            // A year is a count that nobody writes in groups.
            if field.unit.as_deref() == Some("年") {
                plain()
            } else {
                decimal(&plain())
            },
            field
                .unit
                .as_deref()
                .map(|unit| format!(" {unit}"))
                .unwrap_or_default()
        ),
        FieldKind::Money => money(&plain(), lang),
        FieldKind::Area => format!("{} ㎡", decimal(&plain())),
        FieldKind::Length => format!("{} m", decimal(&plain())),
        FieldKind::Code => label(value),
        FieldKind::Codes => value
            .as_array()
            .into_iter()
            .flatten()
            .map(label)
            .collect::<Vec<_>>()
            .join(pick(lang, "、", ", ")),
        FieldKind::YesNo => match value.as_bool() {
            Some(true) => pick(lang, "是", "yes").to_owned(),
            Some(false) => pick(lang, "否", "no").to_owned(),
            None => plain(),
        },
        FieldKind::Day | FieldKind::Reference | FieldKind::Document | FieldKind::Lot => plain(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_texts_have_full_width_punctuation_and_figures_keep_theirs() {
        for (text, set) in [
            ("共3件,未办结1件:甲", "共3件，未办结1件：甲"),
            ("237/319(74.2%)", "237/319(74.2%)"),
            ("已免除(第12条记录)", "已免除（第12条记录）"),
            (
                "晚于今天(2021-03-20),尚未发生",
                "晚于今天（2021-03-20），尚未发生",
            ),
            (
                "完工 2021-07-11, 竣工验收 未登记",
                "完工 2021-07-11，竣工验收 未登记",
            ),
            ("1,234.56 at 16:05", "1,234.56 at 16:05"),
        ] {
            assert_eq!(typeset(text, Lang::Zh), set);
            assert_eq!(typeset(text, Lang::En), text);
        }
    }

    #[test]
    fn numbers_stand_in_groups_of_three() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(decimal("1234567.80"), "1,234,567.8");
        assert_eq!(decimal("1000.00"), "1,000");
    }

    #[test]
    fn money_is_shown_in_the_units_of_the_papers() {
        assert_eq!(money("123456", Lang::Zh), "1,234.56 元");
        assert_eq!(money("1200000000", Lang::Zh), "1,200 万元");
        assert_eq!(money("18000000000", Lang::Zh), "1.8 亿元");
        assert_eq!(money("1200000000", Lang::En), "12,000,000 yuan");
    }

    #[test]
    fn a_share_is_never_rounded_up_to_its_threshold() {
        assert_eq!(percent(7999, 10_000), "79.9%");
        assert_eq!(percent(4, 5), "80.0%");
        assert_eq!(percent(1, 0), "—");
    }
}
