//! Projects by their names. A name is compared whole, never by likeness: 长江花园 and 长江新花园 are two places.

use std::collections::HashMap;

use anju_workflows::project::event::{Compound, ProjectId};

/// A project that a name may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub project: ProjectId,
    pub programme: String,
    pub area: Option<String>,
}

/// Names, and who bears them.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By the project's own name.
    own: HashMap<String, Vec<Named>>,
    /// By the name or a former name of one of its compounds.
    other: HashMap<String, Vec<Named>>,
}

impl Names {
    /// Takes a project in.
    pub(super) fn add(&mut self, named: &Named, name: &str, compounds: &[Compound]) {
        put(&mut self.own, name, named);
        for compound in compounds {
            for other in std::iter::once(&compound.name).chain(&compound.aliases) {
                put(&mut self.other, other, named);
            }
        }
    }

    /// The projects that a name means, within a programme if one is given: by their own name if there are any, else
    /// by their compounds'.
    pub(super) fn find(&self, name: &str, programme: Option<&str>) -> Vec<&Named> {
        let within = |map: &'_ HashMap<String, Vec<Named>>| -> Vec<usize> {
            map.get(name)
                .into_iter()
                .flatten()
                .enumerate()
                .filter(|(_, named)| programme.is_none_or(|programme| named.programme == programme))
                .map(|(at, _)| at)
                .collect()
        };
        for map in [&self.own, &self.other] {
            let found = within(map);
            if !found.is_empty() {
                return map
                    .get(name)
                    .map(|all| found.into_iter().filter_map(|at| all.get(at)).collect())
                    .unwrap_or_default();
            }
        }
        Vec::new()
    }
}

fn put(map: &mut HashMap<String, Vec<Named>>, name: &str, named: &Named) {
    let all = map.entry(name.trim().to_owned()).or_default();
    if !all.contains(named) {
        all.push(named.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::default();
        for (id, programme, area, name, alias) in [
            ("r1", "beilun-2019", "xinqi", "长江花园", ""),
            ("r2", "beilun-2019", "xiapu", "长江新花园", ""),
            ("e38", "beilun-2019", "daqi", "新华园", "新花园"),
            ("e39", "beilun-2019", "xinqi", "中心花园", ""),
            ("h1", "handan-2021", "congtai", "中心花园", ""),
        ] {
            let named = Named {
                project: ProjectId::new(id).unwrap(),
                programme: programme.to_owned(),
                area: Some(area.to_owned()),
            };
            let compound = Compound {
                id: id.to_owned(),
                name: name.to_owned(),
                aliases: if alias.is_empty() {
                    vec![]
                } else {
                    vec![alias.to_owned()]
                },
                households: None,
                buildings: None,
                area_m2: None,
            };
            names.add(&named, name, &[compound]);
        }
        names
    }

    fn found<'a>(names: &'a Names, name: &str, programme: Option<&str>) -> Vec<&'a str> {
        names
            .find(name, programme)
            .into_iter()
            .map(|named| named.project.as_str())
            .collect()
    }

    #[test]
    fn a_name_means_only_what_bears_exactly_this_name() {
        let names = names();
        assert_eq!(found(&names, "长江花园", None), ["r1"]);
        assert_eq!(found(&names, "长江", None), [""; 0]);
        assert_eq!(found(&names, "新花园", None), ["e38"]);
    }

    #[test]
    fn a_name_borne_twice_is_told_apart_by_its_programme() {
        let names = names();
        assert_eq!(found(&names, "中心花园", None), ["e39", "h1"]);
        assert_eq!(found(&names, "中心花园", Some("handan-2021")), ["h1"]);
    }
}
