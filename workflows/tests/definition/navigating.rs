//! Which rules meet a project, and where its stages lead.

use anju_workflows::definition::{Applies, Bound, Definition, Placement};
use jiff::civil::date;

use crate::support::{SOUND, read, sound_with};

fn sound() -> Definition {
    read(SOUND).unwrap().definition
}

fn placed(track: Option<&str>, area: Option<&str>, category: Option<&str>) -> Placement {
    Placement {
        track: track.map(str::to_owned),
        area: area.map(str::to_owned),
        category: category.map(str::to_owned),
    }
}

fn only(tracks: &[&str], areas: &[&str], groups: &[&str], categories: &[&str]) -> Applies {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Applies {
        tracks: owned(tracks),
        areas: owned(areas),
        groups: owned(groups),
        categories: owned(categories),
    }
}

#[test]
fn every_list_that_is_not_empty_must_hold_the_projects_word() {
    let definition = sound();
    let project = placed(Some("full"), Some("hz_xh"), Some("big"));
    for (applies, meets) in [
        (only(&[], &[], &[], &[]), true),
        (only(&["full"], &[], &[], &[]), true),
        (only(&["lift", "full"], &[], &[], &["big"]), true),
        (only(&["lift"], &[], &[], &["big"]), false),
        (only(&["full"], &[], &[], &["small"]), false),
        (only(&[], &["hz_xh"], &["main"], &[]), true),
        (only(&[], &["hz_xh"], &["other"], &[]), false),
        (only(&[], &["elsewhere"], &["main"], &[]), false),
    ] {
        assert_eq!(definition.applies(&applies, &project), meets, "{applies:?}");
    }
}

#[test]
fn a_project_without_a_word_meets_only_rules_that_ask_for_none() {
    let definition = sound();
    let nowhere = Placement::default();
    assert!(definition.applies(&Applies::default(), &nowhere));
    for applies in [
        only(&["full"], &[], &[], &[]),
        only(&[], &["hz"], &[], &[]),
        only(&[], &[], &["main"], &[]),
        only(&[], &[], &[], &["big"]),
    ] {
        assert!(!definition.applies(&applies, &nowhere), "{applies:?}");
    }
}

#[test]
fn an_area_stands_for_those_below_it_and_not_for_those_above() {
    let definition = sound();
    let in_xihu = placed(None, Some("hz_xh"), None);
    let in_hangzhou = placed(None, Some("hz"), None);
    assert!(definition.applies(&only(&[], &["hz"], &[], &[]), &in_xihu));
    assert!(!definition.applies(&only(&[], &["hz_xh"], &[], &[]), &in_hangzhou));
    // Xihu is in the main group; that says nothing of the rest of Hangzhou.
    assert!(!definition.applies(&only(&[], &[], &["main"], &[]), &in_hangzhou));
}

#[test]
fn groups_are_inherited_from_the_areas_above() {
    let text = sound_with("en: Hangzhou}}", "en: Hangzhou}, groups: [province]}");
    let definition = read(&text).unwrap().definition;
    let applies = only(&[], &[], &["province"], &[]);
    assert!(definition.applies(&applies, &placed(None, Some("hz_xh"), None)));
}

#[test]
fn a_circle_of_areas_ends_and_an_unknown_area_stands_for_itself() {
    let text = sound_with("en: Hangzhou}}", "en: Hangzhou}, parent: hz_xh}");
    let definition = read(&text).unwrap().definition;
    assert_eq!(definition.area_lineage("hz"), ["hz", "hz_xh"]);
    assert_eq!(definition.area_lineage("elsewhere"), ["elsewhere"]);
    let elsewhere = placed(None, Some("elsewhere"), None);
    assert!(definition.applies(&only(&[], &["elsewhere"], &[], &[]), &elsewhere));
    assert!(!definition.applies(&only(&[], &["hz"], &[], &[]), &elsewhere));
}

#[test]
fn a_project_goes_through_the_stages_that_meet_it_by_order() {
    let definition = sound();
    let ids = |track: Option<&str>| {
        definition
            .stages_in_order(&placed(track, None, None))
            .into_iter()
            .map(|(id, _)| id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(Some("full")), ["consultation", "design", "works"]);
    assert_eq!(ids(Some("lift")), ["consultation", "works"]);
    assert_eq!(ids(None), ["consultation", "works"]);
    assert_eq!(
        definition.first_stage(&Placement::default()),
        Some("consultation")
    );
}

#[test]
fn the_next_stage_is_the_next_that_meets_the_project_and_the_end_after_the_last() {
    let definition = sound();
    let (full, lift) = (
        placed(Some("full"), None, None),
        placed(Some("lift"), None, None),
    );
    assert_eq!(definition.next_stages("consultation", &full), ["design"]);
    assert_eq!(definition.next_stages("consultation", &lift), ["works"]);
    assert_eq!(definition.next_stages("works", &full), ["completed"]);
    assert!(definition.next_stages("nowhere", &full).is_empty());
    // A project that was moved out of its stage's track still goes on from where it stands.
    assert_eq!(definition.next_stages("design", &lift), ["works"]);
}

#[test]
fn named_next_stages_are_those_that_meet_the_project_in_the_order_named() {
    let text = sound_with(
        "    order: 1\n",
        "    order: 1\n    next: [completed, works, design, nowhere]\n",
    );
    let definition = read(&text).unwrap().definition;
    assert_eq!(
        definition.next_stages("consultation", &placed(Some("full"), None, None)),
        ["completed", "works", "design"]
    );
    assert_eq!(
        definition.next_stages("consultation", &placed(Some("lift"), None, None)),
        ["completed", "works"]
    );
}

#[test]
fn before_a_day_ends_on_the_day_before_it() {
    let first = date(2021, 10, 1);
    assert_eq!(Bound::By.last_day(first), first);
    assert_eq!(Bound::Before.last_day(first), date(2021, 9, 30));
    assert_eq!(
        Bound::Before.last_day(jiff::civil::Date::MIN),
        jiff::civil::Date::MIN
    );
}

#[test]
fn the_requirements_of_a_stage_are_those_for_leaving_it() {
    let definition = sound();
    let ids: Vec<&str> = definition
        .requirements("consultation")
        .map(|(id, _)| id)
        .collect();
    assert_eq!(ids, ["agreed_share", "notice"]);
    assert_eq!(definition.requirements("nowhere").count(), 0);
}
