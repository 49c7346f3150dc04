//! `anju calendar`: a new year's notice is data. Check it, publish it, show what is known.

use std::path::{Path, PathBuf};

use anju_engine::log::EventLog;
use anju_workflows::calendar::{Calendar, CalendarFile, Notice, NoticeKind};
use anju_workflows::definition::Lang;
use anju_workflows::publish::CALENDAR_STREAM;
use clap::{Args, Subcommand};
use jiff::civil::{Date, Weekday, date};
use serde_json::{Value, json};

use super::programme::read_text;
use super::{Opener, Out};
use crate::app::{App, Failure, Mode};

#[derive(Debug, Args)]
pub struct CalendarArgs {
    #[command(subcommand)]
    pub task: CalendarTask,
}

#[derive(Debug, Subcommand)]
pub enum CalendarTask {
    /// Check a calendar file: its form, and whether its notices agree
    Lint {
        /// The file, as YAML
        file: PathBuf,
    },
    /// Publish the notices of a file into the log: added to those it has
    Publish {
        /// The file, as YAML: one new notice, or a whole calendar
        file: PathBuf,
        /// The file is the whole calendar: notices that it does not have are taken back
        #[arg(long)]
        replace: bool,
        /// Only say what would be known
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the calendar: the notices, or one year day by day
    Show {
        /// The year
        year: Option<i16>,
    },
}

pub async fn run(args: CalendarArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    match args.task {
        CalendarTask::Lint { file } => lint(&file, out),
        CalendarTask::Publish {
            file,
            replace,
            dry_run,
        } => publish(&file, replace, dry_run, opener, out).await,
        CalendarTask::Show { year } => show(year, opener, out).await,
    }
}

/// A calendar file.
pub(super) fn read_calendar(file: &Path) -> Result<CalendarFile, Failure> {
    let text = read_text(file)?;
    CalendarFile::parse(&text, &file.display().to_string()).map_err(Failure::Definition)
}

fn lint(file: &Path, out: &Out) -> Result<(), Failure> {
    let shown = file.display();
    let problems = match read_calendar(file) {
        // A file with one new notice is sound by itself, too; whether it fits the log is said when it is published.
        Ok(read) => read.whole().err().unwrap_or_default(),
        Err(Failure::Definition(problems)) => problems,
        Err(other) => return Err(other),
    };
    let json = json!({
        "file": shown.to_string(),
        "ok": problems.is_empty(),
        "problems": problems,
    });
    out.answer(&json, || {
        let mut text: String = problems
            .iter()
            .map(|problem| problem.render(out.lang) + "\n")
            .collect();
        if problems.is_empty() {
            text.push_str(&out.pick(
                format!("{shown}:没有错误\n"),
                format!("{shown}: no errors\n"),
            ));
        }
        text
    });
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::Refused)
    }
}

async fn publish(
    file: &Path,
    replace: bool,
    dry_run: bool,
    opener: &Opener,
    out: &Out,
) -> Result<(), Failure> {
    let read = read_calendar(file)?;
    let app = opener
        .open(if dry_run {
            Mode::Existing
        } else {
            Mode::OrCreate
        })
        .await?;
    let before = app.handler.library().calendar().await?;
    let after = match replace {
        true => read.whole(),
        false => read.added_to(&before),
    }
    .map_err(Failure::Definition)?;
    let has = |calendar: &Calendar, notice: &Notice| calendar.definition().notices.contains(notice);
    let difference = |of: &Calendar, other: &Calendar| -> Vec<Notice> {
        let notices = of.definition().notices.iter();
        notices
            .filter(|notice| !has(other, notice))
            .cloned()
            .collect()
    };
    let (added, taken) = (difference(&after, &before), difference(&before, &after));
    let new = if dry_run {
        false
    } else {
        let request = app.own_request();
        app.handler
            .publish_calendar(&after, &request)
            .await?
            .is_some()
    };
    let json = json!({
        "position": app.log.head().await?.size,
        "digest": after.digest(),
        "before": before.digest(),
        "new": new,
        "dry_run": dry_run,
        "added": added.iter().map(notice_json).collect::<Vec<_>>(),
        "taken_back": taken.iter().map(notice_json).collect::<Vec<_>>(),
        "known_years": years(&after),
    });
    out.answer(&json, || {
        let digest = after.digest();
        let short = digest.get(..12).unwrap_or(digest);
        let mut text = match (new, dry_run) {
            (true, _) => out.pick(
                format!("已发布日历 {short}\n"),
                format!("published calendar {short}\n"),
            ),
            (false, true) => out.pick(
                "演练,未写入任何内容\n",
                "only looked: nothing was written\n",
            ),
            (false, false) => out.pick(
                format!("日历 {short} 已是最新\n"),
                format!("calendar {short} is the newest already\n"),
            ),
        };
        for (mark, notices) in [("+", &added), ("-", &taken)] {
            for notice in notices {
                text.push_str(&format!("  {mark} {}\n", notice_line(notice)));
            }
        }
        text.push_str(&known_line(&after, out));
        text
    });
    Ok(())
}

/// The newest calendar of the log; without a log the one that comes with this build.
async fn newest(opener: &Opener) -> Result<(Calendar, &'static str), Failure> {
    let app: App = match opener.open(Mode::Existing).await {
        Err(Failure::NoStore(_)) => return Ok((Calendar::builtin(), "builtin")),
        opened => opened?,
    };
    let stream = anju_engine::event::StreamId::new(CALENDAR_STREAM)
        .map_err(anju_workflows::handler::HandleError::from)?;
    let published = app.log.stream_revision(&stream).await?.is_some();
    let calendar = app.handler.library().calendar().await?;
    Ok((
        (*calendar).clone(),
        if published { "log" } else { "builtin" },
    ))
}

async fn show(year: Option<i16>, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let (calendar, source) = newest(opener).await?;
    let Some(year) = year else {
        let notices = &calendar.definition().notices;
        let json = json!({
            "digest": calendar.digest(),
            "source": source,
            "known_years": years(&calendar),
            "notices": notices.iter().map(notice_json).collect::<Vec<_>>(),
        });
        out.answer(&json, || {
            let mut text = format!("{} {}\n", calendar.definition().title, calendar.digest());
            for notice in notices {
                text.push_str(&format!("  {}\n", notice_line(notice)));
            }
            text.push_str(&known_line(&calendar, out));
            text
        });
        return Ok(());
    };
    if !(1..=9999).contains(&year) {
        return Err(Failure::usage(
            format!("没有 {year} 年"),
            format!("there is no year {year}: expected 1 to 9999"),
        ));
    }
    let days = days_of(year);
    let unknown = days
        .iter()
        .filter(|day| calendar.is_working_day(**day).is_none())
        .count();
    let working = days
        .iter()
        .filter(|day| calendar.is_working_day(**day) == Some(true))
        .count();
    let named: Vec<Value> = days
        .iter()
        .filter_map(|day| {
            let named = calendar.named(*day)?;
            Some(json!({
                "day": day.to_string(),
                "working": named.working,
                "statutory": named.statutory,
                "holiday": named.holiday,
                "notice": named.notice.title,
                "number": named.notice.number,
            }))
        })
        .collect();
    let known = unknown == 0;
    let json = json!({
        "year": year,
        "digest": calendar.digest(),
        "source": source,
        "known": known,
        "unknown_days": unknown,
        "working_days": known.then_some(working),
        "days": named,
    });
    out.answer(&json, || {
        let mut text = if known {
            out.pick(
                format!("{year} 年:工作日 {working} 天,休息日 {} 天\n", days.len() - working),
                format!("{year}: {working} working days, {} days off\n", days.len() - working),
            )
        } else {
            out.pick(
                format!("{year} 年:未知。没有国务院办公厅的通知({unknown} 天未定),不作推测;通知公布后:anju calendar publish 文件\n"),
                format!("{year}: unknown. No notice has fixed it ({unknown} days), and nothing is guessed; when there is one: anju calendar publish FILE\n"),
            )
        };
        for day in &days {
            if let Some(named) = calendar.named(*day) {
                let mark = match (named.working, named.statutory) {
                    (true, _) => out.pick("班", "worked"),
                    (false, true) => out.pick("休(法定)", "off (statutory)"),
                    (false, false) => out.pick("休", "off"),
                };
                let number = named.notice.number.as_deref().unwrap_or(&named.notice.title);
                text.push_str(&format!(
                    "  {day} {}  {mark}  {}  {number}\n",
                    weekday(*day, out.lang),
                    named.holiday
                ));
            }
        }
        text
    });
    Ok(())
}

fn days_of(year: i16) -> Vec<Date> {
    std::iter::successors(Some(date(year, 1, 1)), |day| day.tomorrow().ok())
        .take_while(|day| day.year() == year)
        .collect()
}

fn weekday(day: Date, lang: Lang) -> &'static str {
    let (zh, en) = match day.weekday() {
        Weekday::Monday => ("周一", "Mon"),
        Weekday::Tuesday => ("周二", "Tue"),
        Weekday::Wednesday => ("周三", "Wed"),
        Weekday::Thursday => ("周四", "Thu"),
        Weekday::Friday => ("周五", "Fri"),
        Weekday::Saturday => ("周六", "Sat"),
        Weekday::Sunday => ("周日", "Sun"),
    };
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// The years that a yearly notice has fixed.
fn years(calendar: &Calendar) -> Vec<i16> {
    let mut years: Vec<i16> = calendar
        .definition()
        .notices
        .iter()
        .filter(|notice| notice.kind == NoticeKind::Yearly)
        .map(|notice| notice.year)
        .collect();
    years.sort_unstable();
    years
}

fn known_line(calendar: &Calendar, out: &Out) -> String {
    let years: Vec<String> = years(calendar).iter().map(i16::to_string).collect();
    let list = years.join(", ");
    out.pick(
        format!("已知年份:{list};其余年份未知\n"),
        format!("known years: {list}; every other is unknown\n"),
    )
}

fn notice_json(notice: &Notice) -> Value {
    json!({
        "year": notice.year,
        "kind": notice.kind,
        "title": notice.title,
        "number": notice.number,
        "published": notice.published.to_string(),
        "address": notice.address,
    })
}

fn notice_line(notice: &Notice) -> String {
    format!(
        "{}  {}  {}",
        notice.published,
        notice.title,
        notice.number.as_deref().unwrap_or("")
    )
    .trim_end()
    .to_owned()
}
