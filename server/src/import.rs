//! Facts and projects from .csv and .xlsx files, row by row.
//!
//! Good rows are recorded, bad ones are listed with every cell that is wrong. A row is one command whose id follows
//! from what the row says (see `identity`), so a file that is imported again records nothing twice. What each column
//! means stands in `docs/import.md`.
//!
//! ```text
//! bytes → file → csv | xlsx → sheet → header → merge → plan (entry; projects, facts, ledger) → carry | preview → report
//! ```

mod carry;
mod csv;
mod door;
mod entry;
mod facts;
mod file;
#[cfg(test)]
mod fuzz;
mod header;
mod identity;
mod item;
mod ledger;
mod merge;
mod names;
mod number;
mod plan;
mod preview;
mod projects;
mod report;
mod sheet;
mod titles;
mod unreadable;
mod words;
mod xlsx;

use crate::app::{Failure, actor};
use crate::cli::args::ImportArgs;
use crate::cli::{Opener, Out};
use door::Door;
use item::{Fate, Warning, pick};
use plan::{NotPlanned, Planner, Understood};
use report::Report;

/// Imports a file: records what its rows say, or only says what it would record.
///
/// # Errors
/// [`Failure::Usage`] if the file cannot be read as tables, before a store is opened or made; [`Failure::Refused`]
/// if some rows are bad, once they are told; any other failure if the store failed, once it is told how far it came.
pub async fn run(args: ImportArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let actor = actor(
        &args.by.role,
        args.by.unit.as_deref(),
        None,
        args.by.person.as_deref(),
    )?;
    if args.by.command_id.is_some() {
        return Err(Failure::usage(
            "--command-id 不用于导入:每行的命令编号由该行内容得出",
            "--command-id does not go with import: each row has its own id, which follows from what it says",
        ));
    }
    let path = args.file.display().to_string();
    let name = args
        .file
        .file_name()
        .map_or_else(|| path.clone(), |name| name.to_string_lossy().into_owned());
    let sheets = tokio::task::spawn_blocking({
        let (file, name) = (args.file.clone(), name.clone());
        move || file::tables(&file::read(&file)?, &name)
    })
    .await
    .unwrap_or_else(|_| {
        Err(unreadable::Unreadable::Damaged {
            detail: "reader".to_owned(),
        })
    });
    let Understood {
        sheets,
        mut warnings,
    } = sheets
        .and_then(|sheets| plan::understand(sheets, out.lang))
        .map_err(|error| error.of(&path))?;

    let mut door = Door::open(opener, args.dry_run).await?;
    let (today, origin) = (door.today().await?, door.origin().await?);
    let mut planner = Planner::new(&mut door, out.lang, args.programme.clone(), today, origin);
    planner.plan(sheets).await.map_err(|error| match error {
        NotPlanned::Unreadable(error) => error.of(&path),
        NotPlanned::Store(failure) => failure,
    })?;
    let Planner {
        mut items,
        warnings: found,
        entered,
        ..
    } = planner;
    warnings.extend(found);

    let carried = if args.dry_run {
        carry::preview(&mut door, &mut items, &actor, out.lang).await
    } else {
        for programme in &entered {
            door.publish(programme).await?;
        }
        carry::carry_out(&door, &mut items, &actor, out.lang).await
    };
    warnings.extend(void_again(&items, &carried.fates, out));

    let report = Report {
        position: door.position().await?,
        file: &name,
        dry_run: args.dry_run,
        items: &items,
        fates: &carried.fates,
        warnings: &warnings,
    };
    if !out.json {
        tell(&warnings, out);
    }
    let json = if out.json {
        report.json()
    } else {
        serde_json::Value::Null
    };
    out.answer(&json, || report.text(out));
    match carried.stopped {
        Some(failure) => {
            eprintln!(
                "{}",
                out.pick(
                    "导入中断。再次导入同一文件即可继续:已登记的行不会重复登记。",
                    "The import stopped. Import the same file again to go on: rows that are recorded are not recorded twice.",
                )
            );
            Err(failure)
        }
        None if report.bad() > 0 => Err(Failure::Refused),
        None => Ok(()),
    }
}

/// Rows that are in the log, but as facts that were declared void since: importing them again does not revive them.
fn void_again(items: &[item::Item], fates: &[Fate], out: &Out) -> Vec<Warning> {
    items
        .iter()
        .zip(fates)
        .filter(|(_, fate)| matches!(fate, Fate::Already { void: true, .. }))
        .map(|(item, _)| Warning {
            sheet: item.sheet.to_string(),
            cell: Some(sheet::cell_name(0, item.row)),
            message: pick(
                out.lang,
                "此行登记过,其后已作废;再次导入不会恢复,如需登记请用 anju record",
                "this row was recorded and declared void since; importing it again does not revive it: use anju record",
            ),
        })
        .collect()
}

fn tell(warnings: &[Warning], out: &Out) {
    for warning in warnings {
        let place = match &warning.cell {
            Some(cell) => format!("{}!{cell}", warning.sheet),
            None => warning.sheet.clone(),
        };
        eprintln!(
            "{}",
            out.pick(
                format!("注意 {place}:{}", warning.message),
                format!("note {place}: {}", warning.message)
            )
        );
    }
}
