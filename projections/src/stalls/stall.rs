//! How one project is stalled: by its deadlines and its definition.

use anju_workflows::calendar::{Calendar, DayKind};
use anju_workflows::definition::{Definition, Lang, Placement};
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::ProjectId;
use jiff::civil::Date;

use super::{Lamp, StalledProject};
use crate::names::{Part, area_name, deadline_names, rule_names, stage_name, step_name};
use crate::rows::{DeadlineLine, PartLine};

/// A project, as far as its stall is shown.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) project: ProjectId,
    pub(super) programme: String,
    pub(super) definition: String,
    pub(super) name: String,
    pub(super) placement: Placement,
    pub(super) stage: String,
    pub(super) since: Date,
}

impl From<ProjectState> for Subject {
    fn from(state: ProjectState) -> Self {
        let placement = state.placement();
        Self {
            project: state.id,
            programme: state.registered.programme,
            definition: state.registered.definition,
            name: state.registered.name,
            placement,
            stage: state.stage,
            since: state.since,
        }
    }
}

/// How a project is stalled on a day; `None` if it is not.
pub(super) fn stall(
    definition: &Definition,
    calendar: &Calendar,
    subject: Subject,
    line: &DeadlineLine,
    as_of: Date,
    lang: Lang,
) -> Option<StalledProject> {
    let due = line.first.due;
    let overdue_days = line.first.overdue_days(as_of);
    if overdue_days == 0 {
        return None;
    }
    let overdue_working_days = calendar.working_days_between(due, as_of);
    let (mut lot, mut lot_name, mut order) = (None, None, None);
    let mut responsible = definition.responsible_units(&subject.stage, &subject.placement);
    let (rule_name, rule_source) = match &line.part {
        None => deadline_names(definition, &line.first.id, lang),
        Some(PartLine::Lot { lot: id, name }) => {
            lot = Some(id.clone());
            lot_name = Some(name.clone());
            deadline_names(definition, &line.first.id, lang)
        }
        Some(PartLine::Order {
            order: number,
            to,
            about,
            lot: id,
            lot_name: name,
        }) => {
            order = Some(*number);
            lot.clone_from(id);
            lot_name.clone_from(name);
            responsible = vec![to.clone()];
            let part = Part {
                lot: None,
                order: Some((*number, about)),
            };
            rule_names(definition, &line.first.id, part, lang)
        }
    };
    let highest = line.highest.as_ref();
    Some(StalledProject {
        area_name: area_name(definition, subject.placement.area.as_deref(), lang),
        stage_name: stage_name(definition, &subject.stage, lang),
        since: subject.since,
        due,
        overdue_days,
        overdue_working_days,
        lamp: lamp(definition, calendar, due, as_of),
        responsible,
        rule: line.first.id.clone(),
        rule_name,
        rule_stage: line.first.stage.clone(),
        rule_source,
        late_at_adoption: line.first.late_at_adoption,
        other_overdue: line
            .others
            .iter()
            .filter(|other| other.overdue_days(as_of) > 0)
            .map(|other| other.id.clone())
            .collect(),
        highest_step: highest.map(|(step, _)| *step),
        highest_step_name: highest.map(|(_, ladder)| step_name(definition, ladder, lang)),
        project: subject.project,
        name: subject.name,
        programme: subject.programme,
        area: subject.placement.area,
        stage: subject.stage,
        lot,
        lot_name,
        order,
    })
}

/// The lamp of a due day, by the definition's thresholds. `None`: they count working days that are not known.
pub(super) fn lamp(
    definition: &Definition,
    calendar: &Calendar,
    due: Date,
    as_of: Date,
) -> Option<Lamp> {
    let lamps = &definition.lamps;
    // A threshold of n days is reached n days after the due day; rolled days move that day itself.
    let reached = |days: u32| -> Option<bool> {
        let days = i32::try_from(days).ok()?;
        match lamps.kind {
            DayKind::Working => Some(calendar.working_days_between(due, as_of)? >= i64::from(days)),
            kind => Some(calendar.add(due, days, kind)? <= as_of),
        }
    };
    Some(if reached(lamps.red)? {
        Lamp::Red
    } else if reached(lamps.yellow)? {
        Lamp::Yellow
    } else {
        Lamp::Green
    })
}
