use anju_workflows::project::Command;
use anju_workflows::project::command::Register;
use anju_workflows::project::decide::CommandError;

use super::scene::{HANDAN, SANYUAN, Scene, advance, record, register};

#[test]
fn a_project_starts_in_the_first_stage_of_its_track() {
    let scene = Scene::handan();
    assert_eq!(scene.state().stage, "survey");
    assert_eq!(
        scene.state().registered.track.as_deref(),
        Some("old-compounds")
    );
}

#[test]
fn a_project_that_must_name_its_track_is_told_the_tracks() {
    let scene = Scene::new(&SANYUAN);
    let error = scene
        .when(
            "2022-05-10",
            &Command::Register(Register {
                area: None,
                ..register("x", None)
            }),
        )
        .unwrap_err();
    assert!(
        matches!(&error, CommandError::TrackNeeded { known } if known.contains(&"2022-implementation".to_owned())),
        "{error}"
    );
}

#[test]
fn an_unknown_area_is_refused_with_the_known_ones() {
    let scene = Scene::new(&HANDAN);
    let error = scene
        .when("2021-01-04", &Command::Register(register("congtei", None)))
        .unwrap_err();
    assert!(error.to_string().contains("congtai"), "{error}");
}

#[test]
fn a_running_project_is_adopted_in_the_stage_it_stands_in() {
    let mut scene = Scene::new(&HANDAN);
    let command = Command::Register(Register {
        adopt: Some("construction".to_owned()),
        ..register("congtai", None)
    });
    scene.given("2021-05-01", &command);
    assert_eq!(scene.state().stage, "construction");
    assert!(scene.state().registered.adopted);
}

#[test]
fn an_id_is_registered_once() {
    let scene = Scene::handan();
    let error = scene
        .when("2021-01-05", &Command::Register(register("congtai", None)))
        .unwrap_err();
    assert_eq!(
        error,
        CommandError::AlreadyRegistered {
            project: "p1".to_owned()
        }
    );
}

#[test]
fn nothing_can_be_asked_of_a_project_that_is_not_registered() {
    let scene = Scene::new(&HANDAN);
    assert!(matches!(
        scene.when("2021-01-05", &advance()),
        Err(CommandError::NotRegistered { .. })
    ));
}

#[test]
fn a_fact_of_tomorrow_is_refused() {
    let scene = Scene::handan();
    let error = scene
        .when_known(
            "2021-01-05",
            "2021-01-06",
            &record("works_started", serde_json::json!({})),
        )
        .unwrap_err();
    assert!(matches!(error, CommandError::InTheFuture { .. }));
}

#[test]
fn a_name_that_holds_a_phone_number_does_not_enter_the_log() {
    let scene = Scene::new(&HANDAN);
    let command = Command::Register(Register {
        name: "某小区 13812345678".to_owned(),
        ..register("congtai", None)
    });
    let error = scene.when("2021-01-04", &command).unwrap_err();
    assert!(error.to_string().contains("phone"), "{error}");
}
