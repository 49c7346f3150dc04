use anju_workflows::project::Command;
use anju_workflows::project::command::Register;
use anju_workflows::project::deadline::{governing, open_deadlines};

use super::scene::{Scene, day, register};

fn due_of(scene: &Scene) -> (String, String) {
    let open = governing(&scene.definition, &scene.calendar, scene.state()).unwrap();
    (open.id, open.due.to_string())
}

#[test]
fn the_earliest_unmet_deadline_of_this_and_later_stages_governs() {
    assert_eq!(
        due_of(&Scene::handan()),
        ("consultation_by_plan".to_owned(), "2021-01-20".to_owned())
    );
    assert_eq!(
        due_of(&Scene::handan_in("approval")),
        ("city_review".to_owned(), "2021-01-31".to_owned())
    );
}

#[test]
fn before_the_first_of_october_means_the_last_day_of_september() {
    let scene = Scene::handan_in("construction");
    assert_eq!(
        due_of(&scene),
        ("works_main".to_owned(), "2021-09-30".to_owned())
    );
}

#[test]
fn a_rule_for_the_main_districts_does_not_bind_the_others() {
    let mut scene = Scene::new(&super::scene::HANDAN);
    scene.given(
        "2021-05-01",
        &Command::Register(Register {
            adopt: Some("construction".to_owned()),
            ..register("weixian", None)
        }),
    );
    let ids: Vec<String> = open_deadlines(&scene.definition, &scene.calendar, scene.state())
        .into_iter()
        .map(|open| open.id)
        .collect();
    assert!(
        ids.contains(&"works_other".to_owned()) && !ids.contains(&"works_main".to_owned()),
        "{ids:?}"
    );
}

#[test]
fn a_deadline_that_had_passed_at_adoption_is_late_at_adoption_and_counts_from_there() {
    let mut scene = Scene::new(&super::scene::HANDAN);
    scene.given("2021-03-12", &Command::Register(register("congtai", None)));
    let open = governing(&scene.definition, &scene.calendar, scene.state()).unwrap();
    assert!(open.late_at_adoption);
    assert_eq!(open.counts_from, day("2021-03-12"));
    assert_eq!(open.overdue_days(day("2021-03-12")), 51);
}

#[test]
fn a_stop_of_the_clock_moves_the_due_day_by_its_length() {
    let mut scene = Scene::handan_in("construction");
    scene.given(
        "2021-07-20",
        &Command::Suspend {
            cause: "flood".to_owned(),
            note: None,
        },
    );
    scene.given("2021-08-04", &Command::Resume { note: None });
    assert_eq!(due_of(&scene).1, "2021-10-15");
}

#[test]
fn an_extension_replaces_the_due_day() {
    let mut scene = Scene::handan_in("construction");
    let extend = |due: &str| Command::Extend {
        deadline: "works_main".to_owned(),
        due: day(due),
        note: None,
    };
    assert!(scene.when("2021-09-01", &extend("2021-09-30")).is_err());
    scene.given("2021-09-01", &extend("2021-10-20"));
    assert_eq!(
        due_of(&scene),
        ("works_main".to_owned(), "2021-10-20".to_owned())
    );
}

#[test]
fn a_deadline_met_by_a_fact_is_met_on_the_day_of_the_fact() {
    let mut scene = Scene::handan_in("construction");
    scene.fact("2021-09-20", "works_finished", serde_json::json!({}));
    assert_eq!(due_of(&scene).0, "accepted");
}

#[test]
fn a_stop_after_an_extension_moves_the_extended_day_and_one_before_it_does_not() {
    let mut scene = Scene::handan_in("construction");
    let stop = |scene: &mut Scene, from: &str, until: &str| {
        scene.given(
            from,
            &Command::Suspend {
                cause: "flood".to_owned(),
                note: None,
            },
        );
        scene.given(until, &Command::Resume { note: None });
    };
    stop(&mut scene, "2021-07-01", "2021-07-11");
    assert_eq!(due_of(&scene).1, "2021-10-10");
    scene.given(
        "2021-08-01",
        &Command::Extend {
            deadline: "works_main".to_owned(),
            due: day("2021-10-20"),
            note: None,
        },
    );
    assert_eq!(due_of(&scene).1, "2021-10-20");
    stop(&mut scene, "2021-09-01", "2021-09-06");
    assert_eq!(due_of(&scene).1, "2021-10-25");
}
