//! Counts follow the standing facts.

use anju_projections::Views;
use anju_projections::progress::{Figures, ProgrammeProgress, ProgressQuery, TargetProgress};
use anju_projections::projects::ProjectQuery;
use anju_workflows::definition::Lang;
use anju_workflows::project::{Command, Status};
use jiff::civil::date;
use serde_json::json;

use crate::harness::{HANDAN, World, compound, register};

async fn handan(views: &Views) -> ProgrammeProgress {
    progress_of(views, HANDAN).await
}

async fn progress_of(views: &Views, programme: &str) -> ProgrammeProgress {
    views.catch_up().await.unwrap();
    let query = ProgressQuery {
        programme: Some(programme.to_owned()),
        lang: Lang::Zh,
    };
    views.progress(&query).await.unwrap().programmes.remove(0)
}

fn milestones(figures: &Figures) -> (u64, u64, u64) {
    (figures.started, figures.finished, figures.accepted)
}

fn target<'a>(progress: &'a ProgrammeProgress, id: &str) -> &'a TargetProgress {
    progress
        .targets
        .iter()
        .find(|target| target.id == id)
        .unwrap()
}

#[tokio::test]
async fn started_finished_and_accepted_are_never_derived_from_one_another() {
    let world = World::new().await;
    let views = world.views().await;
    let only_accepted = world.register("P1", register("congtai", vec![])).await;
    let only_finished = world.register("P2", register("congtai", vec![])).await;
    world
        .record(
            &only_accepted,
            "acceptance_result",
            json!({"result": "passed"}),
            None,
        )
        .await;
    world
        .record(&only_finished, "works_finished", json!({}), None)
        .await;
    assert_eq!(milestones(&handan(&views).await.figures), (0, 1, 1));
    // A failed acceptance is no acceptance.
    world
        .record(
            &only_finished,
            "acceptance_result",
            json!({"result": "failed"}),
            None,
        )
        .await;
    world
        .record(&only_finished, "works_started", json!({}), None)
        .await;
    let progress = handan(&views).await;
    assert_eq!(milestones(&progress.figures), (1, 1, 1));
    // Nor does the stage move by itself.
    assert_eq!(progress.by_stage["survey"], 2);
}

#[tokio::test]
async fn a_correction_and_a_void_change_every_number_made_from_the_fact() {
    let world = World::new().await;
    let views = world.views().await;
    let project = world
        .register("P1", register("congtai", vec![compound("a", Some(80))]))
        .await;
    let registered = handan(&views).await.figures;
    assert_eq!(
        (registered.households, registered.area_m2.as_deref()),
        (Some(80), Some("6400.05"))
    );

    // The survey supersedes what was registered.
    let survey = world
        .record(
            &project,
            "survey_completed",
            json!({"households": 100, "area_m2": "8000.5"}),
            None,
        )
        .await;
    let surveyed = handan(&views).await.figures;
    assert_eq!(
        (surveyed.households, surveyed.area_m2.as_deref()),
        (Some(100), Some("8000.5"))
    );
    assert_eq!(
        surveyed.buildings,
        Some(4),
        "the survey is silent on buildings: the register stands"
    );

    world
        .correct(&project, survey, json!({"households": 120}), None)
        .await;
    assert_eq!(handan(&views).await.figures.households, Some(120));
    world.void(&project, survey).await;
    assert_eq!(handan(&views).await.figures, registered);

    let accepted = world
        .record(
            &project,
            "acceptance_result",
            json!({"result": "passed"}),
            None,
        )
        .await;
    assert_eq!(handan(&views).await.figures.accepted, 1);
    world
        .correct(&project, accepted, json!({"result": "failed"}), None)
        .await;
    assert_eq!(handan(&views).await.figures.accepted, 0);

    let subsidy = world
        .record(
            &project,
            "subsidy_paid",
            json!({"amount_fen": 1_000_050}),
            None,
        )
        .await;
    world
        .record(&project, "subsidy_paid", json!({"amount_fen": 9}), None)
        .await;
    let money = handan(&views).await.money.remove(0);
    assert_eq!(
        (
            money.fact.as_str(),
            money.amount_fen.as_str(),
            money.projects
        ),
        ("subsidy_paid", "1000059", 1)
    );
    world.void(&project, subsidy).await;
    assert_eq!(handan(&views).await.money.remove(0).amount_fen, "9");
}

#[tokio::test]
async fn what_nobody_states_is_null_and_what_some_state_says_by_how_many() {
    let world = World::new().await;
    let views = world.views().await;
    world.register("P1", register("congtai", vec![])).await;
    let none = handan(&views).await.figures;
    assert_eq!(
        (none.households, none.area_m2, none.compounds),
        (None, None, None)
    );
    world
        .register("P2", register("congtai", vec![compound("a", Some(50))]))
        .await;
    world
        .register("P3", register("fuxing", vec![compound("b", None)]))
        .await;
    let some = handan(&views).await.figures;
    assert_eq!(
        (some.projects, some.households, some.known.households),
        (3, Some(50), 1)
    );
    assert_eq!((some.compounds, some.known.compounds), (Some(2), 2));
}

#[tokio::test]
async fn a_compound_that_several_projects_serve_counts_once() {
    let world = World::new().await;
    let views = world.views().await;
    world
        .register(
            "P1",
            register(
                "congtai",
                vec![compound("a", Some(50)), compound("b", Some(10))],
            ),
        )
        .await;
    world
        .register("P2", register("congtai", vec![compound("a", Some(30))]))
        .await;
    world
        .register("P3", register("fuxing", vec![compound("a", Some(20))]))
        .await;
    let progress = handan(&views).await;
    assert_eq!(progress.figures.compounds, Some(2));
    assert_eq!(
        progress.figures.households,
        Some(110),
        "each project states its part"
    );
    let area = |id: &str| {
        let area = progress
            .by_area
            .iter()
            .find(|area| area.area.as_deref() == Some(id));
        area.unwrap().figures.compounds
    };
    assert_eq!((area("congtai"), area("fuxing")), (Some(2), Some(1)));
    assert_eq!(target(&progress, "all_465").of.as_deref(), Some("2"));
}

#[tokio::test]
async fn projects_are_counted_by_stage_area_and_status_and_counted_ones_apart_from_named() {
    let world = World::new().await;
    let views = world.views().await;
    let done = world.register("P1", register("congtai", vec![])).await;
    world.register("P2", register("congtai", vec![])).await;
    let mut unnamed = register("fuxing", vec![]);
    unnamed.counted = true;
    let stopped = world.register("P3", unnamed).await;
    let left = world.register("P4", register("fuxing", vec![])).await;
    world.bring_to(&done, "completed", date(2021, 1, 4)).await;
    let cause = "flood".to_owned();
    world
        .run(&stopped, Command::Suspend { cause, note: None }, None)
        .await;
    world
        .run(&left, Command::Withdraw { note: None }, None)
        .await;

    let progress = handan(&views).await;
    let figures = &progress.figures;
    assert_eq!(
        (figures.projects, figures.named, figures.counted),
        (4, 3, 1)
    );
    let status = &figures.status;
    assert_eq!(
        (
            status.active,
            status.suspended,
            status.completed,
            status.withdrawn
        ),
        (1, 1, 1, 1)
    );
    assert_eq!(
        (progress.by_stage["survey"], progress.by_stage["completed"]),
        (3, 1)
    );
    assert_eq!(progress.by_stage.values().sum::<u64>(), figures.projects);
    assert_eq!(progress.stages.last().unwrap().name, "已完成");
    let fuxing = progress
        .by_area
        .iter()
        .find(|area| area.area.as_deref() == Some("fuxing"))
        .unwrap();
    assert_eq!(
        (fuxing.name.as_deref(), fuxing.figures.projects),
        (Some("复兴区"), 2)
    );
    assert_eq!(milestones(figures), (1, 1, 1));

    let json = serde_json::to_value(&progress).unwrap();
    assert_eq!(json["by_stage"]["completed"], 1);
    assert_eq!(
        (&json["started"], &json["status"]["withdrawn"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn refusals_are_counted_by_the_rule_that_was_missing() {
    let world = World::new().await;
    let views = world.views().await;
    let one = world.register("P1", register("congtai", vec![])).await;
    let other = world.register("P2", register("congtai", vec![])).await;
    for project in [&one, &one, &other] {
        assert!(world.advance(project).await.refusal.is_some());
    }
    world.satisfy(&one, "survey", None).await;
    assert!(world.advance(&one).await.refusal.is_none());
    let progress = handan(&views).await;
    let refusal = &progress.refusals[0];
    assert_eq!(
        (refusal.rule.as_str(), refusal.stage.as_str()),
        ("survey_done", "survey")
    );
    assert_eq!((refusal.refusals, refusal.projects), (3, 2));
    assert_eq!(refusal.name, "摸底调查已完成");
}

#[tokio::test]
async fn targets_show_what_there_is_beside_what_is_wanted() {
    let world = World::new().await;
    let views = world.views().await;
    let mut projects = Vec::new();
    for (n, area) in ["congtai", "fuxing", "fengfeng", "fengfeng", "fengfeng"]
        .iter()
        .enumerate()
    {
        let compounds = vec![compound(&format!("c{n}"), None)];
        projects.push(
            world
                .register(&format!("P{n}"), register(area, compounds))
                .await,
        );
    }
    world.on_day(date(2021, 10, 8));
    world
        .record(
            &projects[0],
            "works_finished",
            json!({}),
            Some(date(2021, 9, 30)),
        )
        .await;
    world
        .record(
            &projects[1],
            "works_finished",
            json!({}),
            Some(date(2021, 10, 1)),
        )
        .await;
    world
        .record(
            &projects[2],
            "works_finished",
            json!({}),
            Some(date(2021, 5, 1)),
        )
        .await;
    let progress = handan(&views).await;

    let main = target(&progress, "main_all_finished");
    assert_eq!(
        (main.actual.as_deref(), main.of.as_deref(), main.met),
        (Some("2"), Some("2"), Some(true))
    );
    assert_eq!(main.due, Some(date(2021, 9, 30)), "before 1 October");
    assert_eq!(main.by_due.as_deref(), Some("1"), "one was a day late");
    assert_eq!(main.required.as_ref().unwrap().text, "≥100%");

    let others = target(&progress, "others_60");
    assert_eq!(
        (others.actual.as_deref(), others.of.as_deref(), others.met),
        (Some("1"), Some("3"), Some(false))
    );

    let all = target(&progress, "all_465");
    assert_eq!((all.actual.as_deref(), all.met), (Some("3"), Some(false)));
    assert_eq!(all.required.as_ref().unwrap().text, "≥465个小区");

    // The second of three is a third short of 60 %; a withdrawn one is no part of the whole.
    world
        .record(&projects[3], "works_finished", json!({}), None)
        .await;
    assert_eq!(target(&handan(&views).await, "others_60").met, Some(true));
    world
        .run(&projects[2], Command::Withdraw { note: None }, None)
        .await;
    let others = handan(&views).await;
    assert_eq!(target(&others, "others_60").of.as_deref(), Some("2"));
    assert_eq!(target(&others, "others_60").met, Some(false), "1 of 2");
}

#[tokio::test]
async fn a_target_over_quantities_sums_them_and_is_null_while_nobody_reports() {
    let world = World::new().await;
    let views = world.views().await;
    let lanes = |area: &str| {
        let mut lanes = register(area, vec![]);
        lanes.track = Some("lanes".to_owned());
        lanes
    };
    let one = world.register("L1", lanes("congtai")).await;
    let other = world.register("L2", lanes("fuxing")).await;
    let none = handan(&views).await;
    assert_eq!(
        (
            target(&none, "lanes").actual.as_deref(),
            target(&none, "lanes").met
        ),
        (None, None)
    );
    world
        .record(&one, "quantity_completed", json!({"count": 500}), None)
        .await;
    let reported = world
        .record(&other, "quantity_completed", json!({"count": 41}), None)
        .await;
    let short = handan(&views).await;
    assert_eq!(
        (
            target(&short, "lanes").actual.as_deref(),
            target(&short, "lanes").met
        ),
        (Some("541"), Some(false))
    );
    world
        .correct(&other, reported, json!({"count": 42}), None)
        .await;
    assert_eq!(target(&handan(&views).await, "lanes").met, Some(true));
}

#[tokio::test]
async fn a_target_whose_measure_some_projects_leave_open_is_neither_met_nor_missed() {
    let world = World::new().await;
    world
        .publish_text(
            "extends: standard
id: town
name: {zh: 某镇改造, en: A town}
areas: {n: {name: {zh: 北街, en: North}}, s: {name: {zh: 南街, en: South}}}
targets:
  households:
    name: {zh: 完成两百户, en: Two hundred households}
    measure: households
    reached: finished
    count: 200
    source: test
  each_area:
    name: {zh: 各街过半, en: Half in each street}
    measure: projects
    reached: started
    at_least: 50%
    per_area: true
    source: test
",
        )
        .await;
    let views = world.views().await;
    let mut projects = Vec::new();
    for (id, area, compounds) in [
        ("T1", "n", vec![compound("a", Some(150))]),
        ("T2", "n", vec![]),
        ("T3", "s", vec![compound("b", Some(60))]),
    ] {
        let mut register = register(area, compounds);
        register.track = None;
        let project = crate::harness::id(id);
        let request = world.request(None, "clerk");
        let command = Command::Register(register);
        world
            .handler
            .execute(&project, Some("town"), &command, &request)
            .await
            .unwrap();
        projects.push(project);
    }
    for project in &projects[..2] {
        world
            .record(project, "works_finished", json!({}), None)
            .await;
        world
            .record(project, "works_started", json!({}), None)
            .await;
    }
    let town = progress_of(&views, "town").await;
    let households = target(&town, "households");
    assert_eq!(
        (
            households.actual.as_deref(),
            households.unknown,
            households.met
        ),
        (Some("150"), 1, None)
    );
    let each = target(&town, "each_area");
    assert_eq!(each.met, Some(false));
    let areas: Vec<_> = each
        .by_area
        .iter()
        .map(|area| (area.name.as_str(), area.met))
        .collect();
    assert_eq!(areas, [("北街", Some(true)), ("南街", Some(false))]);

    // Enough without the one that is silent.
    world
        .record(&projects[2], "works_finished", json!({}), None)
        .await;
    assert_eq!(
        target(&progress_of(&views, "town").await, "households").met,
        Some(true)
    );
}

#[tokio::test]
async fn projects_are_listed_page_by_page_and_found_by_the_names_of_their_compounds() {
    let world = World::new().await;
    let views = world.views().await;
    for n in 0..5 {
        let area = if n < 3 { "congtai" } else { "fuxing" };
        let compounds = vec![compound(&format!("c{n}"), Some(10))];
        world
            .register(&format!("P{n}"), register(area, compounds))
            .await;
    }
    views.catch_up().await.unwrap();
    let list = async |query: &ProjectQuery| {
        let list = views.projects(query).await.unwrap();
        let ids: Vec<String> = list
            .projects
            .iter()
            .map(|row| row.project.to_string())
            .collect();
        (ids, list.more)
    };
    let mut query = ProjectQuery {
        limit: 2,
        ..ProjectQuery::default()
    };
    assert_eq!(
        list(&query).await,
        (vec!["P0".to_owned(), "P1".to_owned()], true)
    );
    query.after = Some(crate::harness::id("P3"));
    assert_eq!(list(&query).await, (vec!["P4".to_owned()], false));
    let of = |text: &str| ProjectQuery {
        text: Some(text.to_owned()),
        ..ProjectQuery::default()
    };
    assert_eq!(list(&of("c2小区")).await.0, ["P2"]);
    assert_eq!(list(&of("老c1")).await.0, ["P1"]);
    assert_eq!(list(&of("p4")).await.0, ["P4"]);
    assert_eq!(
        list(&of("%")).await.0,
        Vec::<String>::new(),
        "no sign has a meaning of its own"
    );
    let query = ProjectQuery {
        area: Some("fuxing".to_owned()),
        stage: Some("survey".to_owned()),
        status: Some(Status::Active),
        programme: Some(HANDAN.to_owned()),
        ..ProjectQuery::default()
    };
    assert_eq!(list(&query).await.0, ["P3", "P4"]);
    let row = views.projects(&of("P0")).await.unwrap().projects.remove(0);
    assert_eq!(
        (row.stage_name.as_str(), row.area_name.as_deref()),
        ("摸底调查", Some("丛台区"))
    );
    assert_eq!(
        (row.households, row.area_m2.as_deref()),
        (Some(10), Some("800.05"))
    );
    assert_eq!(
        row.due,
        Some(date(2021, 1, 20)),
        "the first day that its later stages are due"
    );
}
