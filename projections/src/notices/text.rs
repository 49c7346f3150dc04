//! The paper a notice is, in Chinese: title, number, addressees, matter, basis, demand, signature.

use std::fmt::Write as _;

use anju_workflows::definition::Definition;
use jiff::civil::Date;

use super::{Notice, NoticeKind};

/// Writes the paper. `raised_on`: the day the step was taken, also for its withdrawal.
pub(super) fn paper(definition: &Definition, notice: &Notice, raised_on: Date) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let withdrawal = notice.kind == NoticeKind::Withdrawn;
    if notice.draft {
        line("【拟稿,须经签发】");
    }
    line(&if withdrawal {
        format!("关于撤回《{}》的通知", notice.form)
    } else {
        notice.form.clone()
    });
    line(&format!("编号:{}", number(notice)));
    line("");
    line(&format!("主送:{}", addressees(notice)));
    line("");
    if withdrawal {
        line(&format!(
            "    {}就{}发出的《{}》(事项:{}),因其后登记的事实表明该事项在期限内已完成,现予撤回。原件不再作为督办依据,请勿据此回复。",
            day(raised_on),
            subject(notice),
            notice.form,
            notice.rule_name,
        ));
    } else {
        line(&format!("    事由:{}", matter(notice)));
        line(&format!("    依据:{}", basis(definition, notice)));
        line(&format!("    要求:{}", demand(notice)));
        if let Some(reply_by) = notice.reply_by {
            line(&format!(
                "    办复期限:请于{}前(含当日)书面答复办理情况。",
                day(reply_by)
            ));
        }
    }
    line("");
    line(&signature(definition, notice));
    line(&day(notice.on));
    text
}

/// The number: programme, project, deadline, visit and run of the ladder, step. The same on every rebuild.
fn number(notice: &Notice) -> String {
    let key = &notice.key;
    let mut rule = key.deadline.clone();
    if let Some(order) = key.order {
        let _ = write!(rule, "#{order}");
    } else if let Some(lot) = &key.lot {
        let _ = write!(rule, "@{lot}");
    }
    let mut number = format!(
        "{}/{}/{rule}-{}-{}-{}",
        notice.programme, notice.project, key.visit, key.run, key.step
    );
    if notice.kind == NoticeKind::Withdrawn {
        number.push_str("/撤回");
    }
    number
}

fn addressees(notice: &Notice) -> String {
    if notice.to.is_empty() {
        "(计划未载明责任单位)".to_owned()
    } else {
        notice.to.join("、")
    }
}

fn subject(notice: &Notice) -> String {
    let mut subject = String::new();
    if let Some(area) = &notice.area_name {
        subject.push_str(area);
    }
    let _ = write!(subject, "“{}”项目({}", notice.name, notice.project);
    if !notice.compounds.is_empty() {
        let _ = write!(subject, ",涉及小区:{}", notice.compounds.join("、"));
    }
    subject.push(')');
    subject
}

fn matter(notice: &Notice) -> String {
    let mut matter = format!(
        "{}现处于{}阶段,按{}应于{}前(含当日)完成“{}”",
        subject(notice),
        notice.stage_name,
        notice.programme_name,
        day(notice.due),
        notice.rule_name,
    );
    if notice.overdue_days > 0 {
        let working = match notice.overdue_working_days {
            Some(days) => format!("其中工作日{days}天"),
            None => "工作日天数因缺少放假安排暂无法计算".to_owned(),
        };
        let _ = write!(
            matter,
            ";截至{}尚未完成,已逾期{}天({working})。",
            day(notice.on),
            notice.overdue_days
        );
    } else if notice.on == notice.due {
        matter.push_str(",期限今日届满。");
    } else {
        matter.push_str(",期限临近,尚未完成。");
    }
    matter
}

fn basis(definition: &Definition, notice: &Notice) -> String {
    let title = definition
        .source
        .as_ref()
        .map_or(notice.programme_name.as_str(), |source| {
            source.title.as_str()
        });
    if notice.rule_quote.is_empty() {
        format!("《{title}》。")
    } else {
        format!("《{title}》:“{}”", notice.rule_quote)
    }
}

fn demand(notice: &Notice) -> String {
    let task = &notice.rule_name;
    if notice.overdue_days > 0 {
        format!(
            "请立即查明滞后原因,明确整改措施、责任人和完成时限,尽快完成“{task}”,并在系统中登记办理事实。"
        )
    } else {
        format!("请抓紧办理,按期完成“{task}”,并在系统中登记办理事实。")
    }
}

/// The issuer of the programme; where its text names none, the programme itself.
fn signature(definition: &Definition, notice: &Notice) -> String {
    definition
        .source
        .as_ref()
        .and_then(|source| source.issuer.clone())
        .unwrap_or_else(|| notice.programme_name.clone())
}

fn day(day: Date) -> String {
    format!("{}年{}月{}日", day.year(), day.month(), day.day())
}
