//! Whose turn it is, and in which year.

use super::{Definition, Placement, ProgrammeYear, Responsible};

impl Definition {
    /// The units that lead a stage for a project, in the order of their ids; if none leads, all that have a part.
    #[must_use]
    pub fn responsible_units(&self, stage: &str, placement: &Placement) -> Vec<String> {
        let with_a_part: Vec<&Responsible> = self
            .stages
            .get(stage)
            .into_iter()
            .flat_map(|stage| stage.responsible.values())
            .filter(|responsible| self.applies(&responsible.applies, placement))
            .collect();
        let leads: Vec<String> = with_a_part
            .iter()
            .filter(|responsible| responsible.role == "lead")
            .map(|responsible| responsible.unit.clone())
            .collect();
        if leads.is_empty() {
            with_a_part
                .into_iter()
                .map(|responsible| responsible.unit.clone())
                .collect()
        } else {
            leads
        }
    }

    /// Binds the programme's year where the text masks it, and marks it as assumed. A year that the text gives stays.
    pub fn assume_year(&mut self, value: i16) {
        let year = self.year.get_or_insert(ProgrammeYear {
            value: None,
            assumed: false,
            quote: None,
        });
        if year.value.is_none() {
            year.value = Some(value);
            year.assumed = true;
        }
    }
}
