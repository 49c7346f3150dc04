//! What an import has done, told: as JSON row by row, or as a summary and a table of what is wrong.

use serde_json::{Value, json};

use super::item::{Fate, Item, Warning};
use crate::cli::Out;
use crate::output::Table;

/// What an import has done.
pub(super) struct Report<'a> {
    pub position: u64,
    pub file: &'a str,
    pub dry_run: bool,
    pub items: &'a [Item],
    pub fates: &'a [Fate],
    pub warnings: &'a [Warning],
}

impl Report<'_> {
    fn count(&self, of: impl Fn(&Fate) -> bool) -> usize {
        self.fates.iter().filter(|fate| of(fate)).count()
    }

    /// How many entries are bad.
    pub(super) fn bad(&self) -> usize {
        self.count(|fate| matches!(fate, Fate::Bad(_)))
    }

    fn rows(&self) -> impl Iterator<Item = (&Item, &Fate)> {
        self.items.iter().zip(self.fates)
    }

    /// The whole as JSON.
    pub(super) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows().map(|(item, fate)| row(item, fate)).collect();
        let mut json = json!({
            "position": self.position,
            "file": self.file,
            "dry_run": self.dry_run,
            "recorded": self.count(|fate| matches!(fate, Fate::Recorded { .. })),
            "already": self.count(|fate| matches!(fate, Fate::Already { .. })),
            "bad": self.bad(),
            "warnings": self.warnings,
            "rows": rows,
        });
        if let Some(object) = json.as_object_mut() {
            if self.dry_run {
                let would = self.count(|fate| matches!(fate, Fate::WouldRecord));
                object.insert("would_record".to_owned(), would.into());
            }
            let not_tried = self.count(|fate| matches!(fate, Fate::NotTried));
            if not_tried > 0 {
                object.insert("not_tried".to_owned(), not_tried.into());
            }
        }
        json
    }

    /// The whole as text.
    pub(super) fn text(&self, out: &Out) -> String {
        let mut text = String::new();
        if self.dry_run {
            let mut table = Table::new(match out.lang {
                anju_workflows::definition::Lang::Zh => ["工作表", "行", "结果", "项目", "内容"],
                anju_workflows::definition::Lang::En => {
                    ["sheet", "row", "status", "project", "what"]
                }
            });
            for (item, fate) in self.rows() {
                table.row([
                    &*item.sheet,
                    &item.row.to_string(),
                    &status(fate, out),
                    &item.project,
                    &item.what,
                ]);
            }
            if !table.is_empty() {
                text.push_str(&table.render());
                text.push('\n');
            }
        }
        text.push_str(&self.bad_rows(out));
        text.push_str(&self.summary(out));
        text
    }

    fn bad_rows(&self, out: &Out) -> String {
        let mut table = Table::new(match out.lang {
            anju_workflows::definition::Lang::Zh => ["工作表", "行", "单元格", "列", "值", "问题"],
            anju_workflows::definition::Lang::En => {
                ["sheet", "row", "cell", "column", "value", "problem"]
            }
        });
        for (item, fate) in self.rows() {
            let Fate::Bad(problems) = fate else { continue };
            for problem in problems {
                table.row([
                    &*item.sheet,
                    &item.row.to_string(),
                    &problem.cell,
                    &problem.column,
                    &problem.value,
                    &problem.message,
                ]);
            }
        }
        if table.is_empty() {
            return String::new();
        }
        let head = out.pick(
            "以下各行有误,未登记:\n",
            "These rows are wrong and were not recorded:\n",
        );
        format!("{head}{}\n", table.render())
    }

    fn summary(&self, out: &Out) -> String {
        let recorded = self.count(|fate| matches!(fate, Fate::Recorded { .. }));
        let would = self.count(|fate| matches!(fate, Fate::WouldRecord));
        let already = self.count(|fate| matches!(fate, Fate::Already { .. }));
        let not_tried = self.count(|fate| matches!(fate, Fate::NotTried));
        let bad = self.bad();
        let mut text = if self.dry_run {
            out.pick(
                format!("{}(试运行,未写入):将登记{would}条,已登记过{already}条,有误{bad}条", self.file),
                format!("{} (dry run, nothing written): {would} would be recorded, {already} already recorded, {bad} bad", self.file),
            )
        } else {
            out.pick(
                format!(
                    "{}:登记{recorded}条,已登记过{already}条,有误{bad}条",
                    self.file
                ),
                format!(
                    "{}: {recorded} recorded, {already} already recorded, {bad} bad",
                    self.file
                ),
            )
        };
        if not_tried > 0 {
            text.push_str(&out.pick(
                format!(",未执行{not_tried}条"),
                format!(", {not_tried} not tried"),
            ));
        }
        text.push('\n');
        text
    }
}

fn row(item: &Item, fate: &Fate) -> Value {
    let mut row = json!({
        "sheet": &*item.sheet,
        "row": item.row,
        "status": word(fate),
        "project": item.project,
        "what": item.what,
    });
    if let Some(object) = row.as_object_mut() {
        match fate {
            Fate::Recorded { event, position } => {
                object.insert("event".to_owned(), event.as_str().into());
                object.insert("position".to_owned(), (*position).into());
            }
            Fate::Already { event, void } => {
                object.insert("event".to_owned(), event.as_str().into());
                if *void {
                    object.insert("void".to_owned(), true.into());
                }
            }
            Fate::Bad(problems) => {
                object.insert("problems".to_owned(), json!(problems));
            }
            Fate::WouldRecord | Fate::NotTried => {}
        }
    }
    row
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Recorded { .. } => "recorded",
        Fate::Already { .. } => "already",
        Fate::WouldRecord => "would_record",
        Fate::Bad(_) => "bad",
        Fate::NotTried => "not_tried",
    }
}

fn status(fate: &Fate, out: &Out) -> String {
    match fate {
        Fate::Recorded { .. } => out.pick("已登记", "recorded"),
        Fate::Already { .. } => out.pick("已登记过", "already"),
        Fate::WouldRecord => out.pick("将登记", "would record"),
        Fate::Bad(_) => out.pick("有误", "bad"),
        Fate::NotTried => out.pick("未执行", "not tried"),
    }
}
