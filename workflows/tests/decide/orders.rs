//! Orders: dispatched, answered, closed by another unit, opened again, extended in time, and late with a ladder.

use anju_workflows::project::Command;
use anju_workflows::project::ProjectEvent;
use anju_workflows::project::command::{LotCommand, OrderCommand};
use anju_workflows::project::deadline::all_open;
use anju_workflows::project::decide::{CommandError, OrderError};
use anju_workflows::project::escalation::due_steps;
use anju_workflows::requirement::Evidence;
use serde_json::json;

use super::lots::{building, pass};
use super::scene::{Scene, day, unmet};

fn dispatch(about: &str, due: Option<&str>, lot: Option<&str>) -> Command {
    Command::Order(OrderCommand::Dispatch {
        to: "第一建筑公司".to_owned(),
        about: about.to_owned(),
        due: due.map(day),
        lot: lot.map(str::to_owned),
        note: None,
    })
}

fn close(order: u32) -> Command {
    Command::Order(OrderCommand::Close {
        order,
        documents: Vec::new(),
        note: None,
    })
}

fn reopen(order: u32, due: Option<&str>) -> Command {
    Command::Order(OrderCommand::Reopen {
        order,
        due: due.map(day),
        note: None,
    })
}

fn extend(order: u32, due: &str) -> Command {
    Command::Order(OrderCommand::Extend {
        order,
        due: day(due),
        note: None,
    })
}

/// A project in construction with two sections, asked by the supervision station.
fn site() -> Scene {
    let mut scene = building(&["A", "B"]);
    scene.unit = Some("质量监督站".to_owned());
    scene
}

fn refused(error: OrderError) -> CommandError {
    CommandError::Order(error)
}

#[test]
fn an_order_gets_the_next_number_and_a_due_day_by_the_definition() {
    let mut scene = site();
    // Seven working days after Monday 29 April 2024: the May holiday and its make-up days are counted.
    scene.given("2024-04-29", &dispatch("quality", None, Some("A")));
    scene.given("2024-04-29", &dispatch("safety", Some("2024-05-06"), None));
    let orders = &scene.state().orders;
    assert_eq!(orders.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        orders[&1].due,
        scene
            .calendar
            .add(
                day("2024-04-29"),
                7,
                anju_workflows::calendar::DayKind::Working
            )
            .unwrap()
    );
    assert_eq!(orders[&2].due, day("2024-05-06"));
}

#[test]
fn what_an_order_is_about_and_where_is_known_to_the_definition_and_the_project() {
    let scene = site();
    assert!(matches!(
        scene.when("2024-05-01", &dispatch("qualty", Some("2024-05-10"), None)),
        Err(CommandError::Unknown { value, .. }) if value == "qualty"
    ));
    assert!(matches!(
        scene.when("2024-05-01", &dispatch("quality", Some("2024-05-10"), Some("Z"))),
        Err(CommandError::Unknown { value, .. }) if value == "Z"
    ));
    assert_eq!(
        scene.when("2024-05-01", &dispatch("quality", Some("2024-04-30"), None)),
        Err(refused(OrderError::DueTooEarly {
            due: day("2024-04-30"),
            day: day("2024-05-01"),
        }))
    );
}

#[test]
fn an_order_without_a_due_day_is_refused_where_the_definition_gives_none() {
    let mut scene = Scene::handan();
    scene.unit = Some("督查室".to_owned());
    assert_eq!(
        scene.when("2021-01-05", &dispatch("noise", None, None)),
        Err(refused(OrderError::DueNeeded))
    );
    // Any programme dispatches orders: without a list of its own, about any code.
    scene.given("2021-01-05", &dispatch("noise", Some("2021-01-12"), None));
    assert_eq!(scene.state().orders[&1].about, "noise");
}

#[test]
fn the_unit_under_an_order_cannot_close_it_and_the_refusal_names_both() {
    let mut scene = site();
    scene.given("2024-05-01", &dispatch("quality", None, None));
    scene.unit = Some(" 第一建筑 公司".to_owned());
    let error = scene.when("2024-05-02", &close(1)).unwrap_err();
    assert_eq!(
        error,
        refused(OrderError::BySubject {
            order: 1,
            subject: "第一建筑公司".to_owned(),
            unit: "第一建筑 公司".to_owned(),
        })
    );
    assert_eq!(
        error.message(anju_workflows::definition::Lang::Zh),
        "派单 #1 的承办单位是“第一建筑公司”,不能由“第一建筑 公司”自行销号,须由其他单位核实"
    );
    scene.unit = None;
    assert_eq!(
        scene.when("2024-05-02", &close(1)),
        Err(refused(OrderError::UnitNeeded { order: 1 }))
    );
    scene.unit = Some("质量监督站".to_owned());
    scene.given("2024-05-02", &close(1));
    assert_eq!(
        scene.state().orders[&1].closed_on(),
        Some(day("2024-05-02"))
    );
    assert_eq!(
        scene.when("2024-05-03", &close(1)),
        Err(refused(OrderError::IsClosed {
            order: 1,
            on: day("2024-05-02"),
        }))
    );
}

#[test]
fn a_number_that_is_no_order_is_refused_with_those_there_are() {
    let mut scene = site();
    assert_eq!(
        scene.when("2024-05-02", &close(1)),
        Err(refused(OrderError::NoSuchOrder {
            order: 1,
            dispatched: 0,
        }))
    );
    scene.given("2024-05-01", &dispatch("quality", None, None));
    assert_eq!(
        scene.when("2024-05-02", &reopen(7, None)),
        Err(refused(OrderError::NoSuchOrder {
            order: 7,
            dispatched: 1,
        }))
    );
}

#[test]
fn a_reopened_order_is_open_again_with_a_new_run_of_its_ladder() {
    let mut scene = site();
    scene.given("2024-05-06", &dispatch("quality", Some("2024-05-10"), None));
    assert_eq!(
        scene.when("2024-05-07", &reopen(1, None)),
        Err(refused(OrderError::IsOpen { order: 1 }))
    );
    scene.given("2024-05-09", &close(1));
    assert_eq!(
        scene.when("2024-05-08", &reopen(1, None)),
        Err(CommandError::BeforePrevious {
            day: day("2024-05-08"),
            previous: day("2024-05-09"),
        })
    );
    scene.given("2024-05-20", &reopen(1, Some("2024-05-27")));
    let order = &scene.state().orders[&1];
    assert_eq!(
        (order.due, order.run, order.closed_on()),
        (day("2024-05-27"), 1, None)
    );
}

#[test]
fn more_time_is_given_only_if_it_was_asked_for_before_the_due_day_was_over() {
    let mut scene = site();
    scene.given("2024-05-06", &dispatch("quality", Some("2024-05-10"), None));
    assert_eq!(
        scene.when("2024-05-11", &extend(1, "2024-05-20")),
        Err(refused(OrderError::TooLate {
            order: 1,
            due: day("2024-05-10"),
            day: day("2024-05-11"),
        }))
    );
    assert_eq!(
        scene.when("2024-05-10", &extend(1, "2024-05-10")),
        Err(CommandError::NotLater {
            due: day("2024-05-10"),
            current: day("2024-05-10"),
        })
    );
    scene.given("2024-05-10", &extend(1, "2024-05-20"));
    assert_eq!(scene.state().orders[&1].due, day("2024-05-20"));
    assert_eq!(scene.state().orders[&1].run, 1);
}

#[test]
fn an_order_past_its_day_runs_a_ladder_of_its_own_to_its_unit() {
    let mut scene = site();
    scene.given(
        "2024-05-06",
        &dispatch("quality", Some("2024-05-10"), Some("A")),
    );
    scene.given("2024-05-06", &dispatch("safety", Some("2024-05-10"), None));
    let groups = all_open(&scene.definition, &scene.calendar, scene.state());
    let orders: Vec<Option<u32>> = groups.iter().map(|group| group[0].order_number).collect();
    assert_eq!(orders, [None, None, None, Some(1), Some(2)]);
    let on = day("2024-05-13");
    let due = due_steps(&scene.definition, &scene.calendar, scene.state(), on);
    let keys: Vec<(Option<u32>, Option<&str>, u32)> = due
        .iter()
        .map(|due| (due.key.order, due.key.lot.as_deref(), due.key.step))
        .collect();
    assert_eq!(keys, [(Some(1), Some("A"), 1), (Some(2), None, 1)]);
    for due in due {
        let decision = scene
            .when(
                "2024-05-13",
                &Command::Escalate {
                    key: due.key.clone(),
                },
            )
            .unwrap();
        let ProjectEvent::EscalationRaised(raised) = &decision.events[0].0 else {
            panic!("no step was taken")
        };
        assert_eq!(raised.to, ["第一建筑公司", "街道分管负责人"]);
        scene.given("2024-05-13", &Command::Escalate { key: due.key });
    }
    assert_eq!(
        due_steps(&scene.definition, &scene.calendar, scene.state(), on),
        []
    );
}

#[test]
fn a_step_for_an_order_that_had_been_closed_in_time_is_withdrawn() {
    let mut scene = site();
    scene.given("2024-05-06", &dispatch("quality", Some("2024-05-10"), None));
    let due = due_steps(
        &scene.definition,
        &scene.calendar,
        scene.state(),
        day("2024-05-13"),
    );
    scene.given(
        "2024-05-13",
        &Command::Escalate {
            key: due[0].key.clone(),
        },
    );
    let decision = scene
        .when_known("2024-05-14", "2024-05-09", &close(1))
        .unwrap();
    assert!(matches!(
        decision.events.as_slice(),
        [
            (ProjectEvent::OrderClosed(_), _),
            (ProjectEvent::EscalationWithdrawn(withdrawn), _)
        ] if withdrawn.key.order == Some(1)
    ));
}

#[test]
fn a_stopped_clock_moves_the_due_day_of_an_order() {
    let mut scene = site();
    scene.given("2024-05-06", &dispatch("quality", Some("2024-05-20"), None));
    scene.given(
        "2024-05-08",
        &Command::Suspend {
            cause: "flood".to_owned(),
            note: None,
        },
    );
    scene.given("2024-05-18", &Command::Resume { note: None });
    let groups = all_open(&scene.definition, &scene.calendar, scene.state());
    assert_eq!(groups.last().unwrap()[0].due, day("2024-05-30"));
}

#[test]
fn open_orders_of_a_lot_close_its_gate_and_not_that_of_another() {
    let mut scene = site();
    for lot in ["A", "B"] {
        scene.fact("2024-05-01", "works_started", json!({"lot": lot}));
        scene.fact("2024-06-01", "works_finished", json!({"lot": lot}));
    }
    scene.given(
        "2024-06-02",
        &dispatch("quality", Some("2024-06-20"), Some("A")),
    );
    // About what the gate does not ask.
    scene.given(
        "2024-06-02",
        &dispatch("progress", Some("2024-06-20"), Some("B")),
    );
    let refusal = scene
        .when("2024-06-03", &pass("A"))
        .unwrap()
        .refusal
        .unwrap();
    let orders = refusal
        .judgements
        .iter()
        .find(|judgement| judgement.rule == "orders_closed")
        .unwrap();
    assert!(!orders.met);
    assert_eq!(
        orders.evidence,
        Evidence::Orders {
            dispatched: 1,
            open: vec![1],
        }
    );
    assert_eq!(scene.when("2024-06-03", &pass("B")).unwrap().refusal, None);
    scene.given("2024-06-05", &close(1));
    assert_eq!(scene.when("2024-06-05", &pass("A")).unwrap().refusal, None);
    // The day before, it was not closed yet.
    let before = scene
        .when_known("2024-06-05", "2024-06-04", &pass("A"))
        .unwrap();
    assert!(before.refusal.is_some());
}

#[test]
fn the_project_cannot_leave_while_any_order_is_open() {
    let mut scene = site();
    for lot in ["A", "B"] {
        scene.fact("2024-05-01", "works_started", json!({"lot": lot}));
        scene.fact("2024-06-01", "works_finished", json!({"lot": lot}));
        scene.given("2024-06-02", &pass(lot));
    }
    scene.given("2024-06-03", &super::scene::advance());
    scene.given(
        "2024-06-04",
        &dispatch("residents", Some("2024-06-20"), Some("B")),
    );
    let decision = scene.when("2024-06-05", &super::scene::advance()).unwrap();
    assert!(unmet(&decision).contains(&"every_order_closed".to_owned()));
    assert_eq!(
        scene.words("2024-06-05", "every_order_closed").1,
        "共1件,未销号1件:#1"
    );
    let gone = Command::Lot(LotCommand::Withdraw {
        lot: "B".to_owned(),
        note: None,
    });
    scene.given("2024-06-06", &gone);
    // A section that leaves does not take its open order with it.
    let decision = scene.when("2024-06-07", &super::scene::advance()).unwrap();
    assert!(unmet(&decision).contains(&"every_order_closed".to_owned()));
}
