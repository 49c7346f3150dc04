//! One rule at a time, in a programme with the facts that the kinds of requirement need.

use anju_workflows::definition::{Definition, Lang, lint, parse};
use anju_workflows::project::Command;
use anju_workflows::requirement::explain;
use serde_json::{Value, json};

use super::scene::{Scene, register};

/// The programme with its rule written in YAML. It must lint without an error.
pub(crate) fn programme(rule: &str) -> Definition {
    let text = include_str!("kinds.yaml").replace("RULE", rule);
    let parsed = parse(&text, "kinds.yaml", &|_| None)
        .unwrap_or_else(|problems| panic!("{rule}: {problems:#?}"));
    let errors: Vec<String> = lint(&parsed)
        .into_iter()
        .filter(|problem| problem.is_error())
        .map(|problem| problem.to_string())
        .collect();
    assert!(errors.is_empty(), "{rule}: {errors:#?}");
    parsed.definition
}

/// A project of 199 households in that programme, registered on 1 March 2022.
pub(crate) fn given(rule: &str) -> Scene {
    let mut scene = Scene::new(&programme(rule));
    let mut project = register("none", Some(199));
    project.area = None;
    project.track = Some("full".to_owned());
    scene.given("2022-03-01", &Command::Register(project));
    scene
}

/// Facts by day, each recorded on its day.
pub(crate) fn and(scene: &mut Scene, facts: &[(&str, &str, Value)]) {
    for (day, fact, fields) in facts {
        scene.fact(day, fact, fields.clone());
    }
}

/// Whether the rule is met on a day, and what is said of it in Chinese and in English.
pub(crate) fn told(scene: &Scene, on: &str) -> (bool, [String; 2]) {
    let judgement = scene.judged(on, "rule");
    let line = |lang| explain(&scene.definition, "work", &judgement, lang).line(lang);
    // Recorded and read back, a judgement is the same.
    let recorded = serde_json::to_value(&judgement).unwrap();
    assert_eq!(
        serde_json::from_value::<anju_workflows::requirement::Judgement>(recorded).unwrap(),
        judgement
    );
    (judgement.met, [line(Lang::Zh), line(Lang::En)])
}

/// Only whether it is met.
pub(crate) fn met(scene: &Scene, on: &str) -> bool {
    told(scene, on).0
}

const NAME: &str = "name: {zh: 条件, en: Rule}";

mod a_vote {
    use super::*;

    const LAW: &str = "
        name: {zh: 条件, en: Rule}
        source: 民法典 278
        vote:
          of: vote
          where: {round: 2}
          bases:
            area: {name: {zh: 面积, en: area}, voted: voted_m2, agreed: agreed_m2, electorate: roll.area_m2}
            heads: {name: {zh: 人数, en: heads}, voted: voted, agreed: agreed, electorate: roll.owners, electorate_where: {round: 2}}
          quorum: {at_least: 2/3}
          consent: {more_than: 1/2}";

    fn roll() -> (&'static str, &'static str, Value) {
        (
            "2022-03-02",
            "roll",
            json!({"round": 2, "owners": 150, "area_m2": "12000"}),
        )
    }

    fn vote(round: u32, heads: [u32; 2], area: [&str; 2]) -> Value {
        json!({
            "round": round, "voted": heads[0], "agreed": heads[1],
            "voted_m2": area[0], "agreed_m2": area[1],
        })
    }

    #[test]
    fn needs_both_bases_and_reports_both() {
        let mut scene = given(LAW);
        and(
            &mut scene,
            &[
                roll(),
                ("2022-03-20", "vote", vote(2, [100, 60], ["9000", "4500"])),
            ],
        );
        let (met, [zh, en]) = told(&scene, "2022-03-21");
        assert!(!met, "half of the area is not more than half");
        assert_eq!(
            zh,
            "条件:实际 面积:参与9000/12000(75.0%),同意4500/9000(50.0%);\
             人数:参与100/150(66.6%),同意60/100(60.0%),\
             要求 参与≥2/3且参与者同意>50%(面积、人数须同时达到)"
        );
        assert_eq!(
            en,
            "Rule: actual area: turnout 9000/12000(75.0%), in favour 4500/9000(50.0%); \
             heads: turnout 100/150(66.6%), in favour 60/100(60.0%), \
             required turnout ≥2/3 and consent of those voting >50% (area and heads, all at once)"
        );
        and(
            &mut scene,
            &[(
                "2022-03-22",
                "vote",
                vote(2, [100, 60], ["9000", "4500.01"]),
            )],
        );
        assert!(super::met(&scene, "2022-03-22"));
    }

    #[test]
    fn without_a_quorum_on_one_base_has_not_taken_place() {
        let mut scene = given(LAW);
        and(
            &mut scene,
            &[
                roll(),
                ("2022-03-20", "vote", vote(2, [99, 99], ["12000", "12000"])),
            ],
        );
        assert!(
            !met(&scene, "2022-03-21"),
            "99 of 150 are less than two thirds"
        );
        and(
            &mut scene,
            &[("2022-03-21", "vote", vote(2, [100, 99], ["8000", "8000"]))],
        );
        assert!(met(&scene, "2022-03-21"), "two thirds itself suffice");
    }

    #[test]
    fn of_another_round_does_not_count() {
        let mut scene = given(LAW);
        and(
            &mut scene,
            &[
                roll(),
                (
                    "2022-03-20",
                    "vote",
                    vote(1, [150, 150], ["12000", "12000"]),
                ),
            ],
        );
        assert!(!met(&scene, "2022-03-21"));
    }

    #[test]
    fn with_more_voters_than_owners_is_no_vote() {
        let mut scene = given(LAW);
        and(
            &mut scene,
            &[
                roll(),
                ("2022-03-20", "vote", vote(2, [151, 151], ["9000", "9000"])),
            ],
        );
        let (met, [zh, _]) = told(&scene, "2022-03-21");
        assert!(!met);
        assert!(zh.contains("151/150(100.6%,多于总数,数据有误)"), "{zh}");
    }

    #[test]
    fn collected_building_by_building_is_added_up() {
        let mut scene = given(&LAW.replace("bases:", "tally: sum\n          bases:"));
        and(
            &mut scene,
            &[
                roll(),
                ("2022-03-20", "vote", vote(2, [60, 50], ["5000", "4000"])),
                ("2022-03-21", "vote", vote(2, [60, 50], ["5000", "4000"])),
            ],
        );
        assert!(!met(&scene, "2022-03-20"));
        assert!(met(&scene, "2022-03-21"));
    }

    #[test]
    fn of_the_whole_electorate_counts_who_stayed_away() {
        let rule = "{name: {zh: 条件, en: Rule}, vote: {of: vote, of_electorate: true, consent: {at_least: 90%},
            bases: {heads: {name: {zh: 户数, en: households}, agreed: agreed, electorate: roll.owners}}}}";
        let mut scene = given(rule);
        and(
            &mut scene,
            &[
                roll(),
                ("2022-03-20", "vote", vote(1, [134, 134], ["1", "1"])),
            ],
        );
        assert!(!met(&scene, "2022-03-21"), "134 of 150 are 89.3 %");
        and(
            &mut scene,
            &[("2022-03-21", "vote", vote(1, [135, 135], ["1", "1"]))],
        );
        assert!(met(&scene, "2022-03-21"));
    }

    #[test]
    fn without_a_roll_says_what_is_missing() {
        let mut scene = given(LAW);
        and(
            &mut scene,
            &[("2022-03-20", "vote", vote(2, [100, 60], ["9000", "5000"]))],
        );
        let (met, [zh, _]) = told(&scene, "2022-03-21");
        assert!(!met);
        assert!(zh.contains("参与100/?"), "{zh}");
    }
}

mod a_window {
    use super::*;

    fn rule(window: &str) -> String {
        format!(
            "{{{NAME}, share: {{of: signed.households, over: project.households, at_least: 95%, tally: sum, unit: 户}}, window: {window}}}"
        )
    }

    const SIGNING: &str = "{from: {after: {fact: {any_of: [notice]}, days: 0, kind: natural}}, to: {after: {fact: {any_of: [notice]}, days: 60, kind: natural}}, brings_into_force: [signed]}";

    fn signing(households: u32) -> Value {
        json!({"households": households})
    }

    #[test]
    fn is_reached_on_the_day_the_running_figures_reach_it_and_brings_the_papers_into_force() {
        let mut scene = given(&rule(SIGNING));
        and(
            &mut scene,
            &[
                ("2022-03-10", "notice", json!({})),
                ("2022-03-12", "signed", signing(100)),
                ("2022-04-02", "signed", signing(89)),
            ],
        );
        let (met, [zh, en]) = told(&scene, "2022-04-10");
        assert!(!met, "189 of 199 are 94.9 %, not 95 %");
        assert_eq!(
            zh,
            "条件:实际 189/199(94.9%),期内尚未达到,未生效,要求 ≥95%(2022-03-10至2022-05-09,期内达到即成)"
        );
        assert_eq!(
            en,
            "Rule: actual 189/199(94.9%), not reached yet, not in force, \
             required ≥95% (from 2022-03-10 to 2022-05-09, at any moment in it)"
        );
        and(
            &mut scene,
            &[
                ("2022-04-20", "signed", signing(1)),
                ("2022-04-25", "signed", signing(3)),
            ],
        );
        let (met, [zh, _]) = told(&scene, "2022-06-30");
        assert!(met);
        assert_eq!(
            zh,
            "条件:实际 190/199(95.4%),2022-04-20达到,4份自2022-04-20起生效,要求 ≥95%(2022-03-10至2022-05-09,期内达到即成)"
        );
    }

    #[test]
    fn does_not_count_what_happened_before_it_opened_or_after_it_closed() {
        let mut scene = given(&rule(SIGNING));
        and(
            &mut scene,
            &[
                ("2022-03-05", "signed", signing(150)),
                ("2022-03-10", "notice", json!({})),
                ("2022-03-12", "signed", signing(150)),
            ],
        );
        assert!(!met(&scene, "2022-03-20"));
        // The last day belongs to the period; the day after it does not.
        and(&mut scene, &[("2022-05-10", "signed", signing(49))]);
        let (met, [zh, _]) = told(&scene, "2022-05-11");
        assert!(!met);
        assert!(zh.contains("150/199(75.3%),期满未达到,未生效"), "{zh}");
        let last = scene.fact("2022-05-09", "signed", signing(49));
        assert!(super::met(&scene, "2022-05-11"), "{last:?}");
    }

    #[test]
    fn that_has_not_opened_yet_or_is_not_known_is_not_met() {
        let mut scene = given(&rule(SIGNING));
        and(&mut scene, &[("2022-03-05", "signed", signing(199))]);
        let (met, [zh, _]) = told(&scene, "2022-03-06");
        assert!(!met);
        assert!(zh.contains("期限起算事项未登记"), "{zh}");
        let mut scene = given(&rule("{from: {on: Y-06}, to: {on: Y-07}}"));
        and(&mut scene, &[("2022-03-05", "signed", signing(199))]);
        let (met, [_, en]) = told(&scene, "2022-03-06");
        assert!(!met);
        assert!(en.contains("the window has not begun"), "{en}");
        assert!(en.contains("from 2022-06-01 to 2022-07-31"), "{en}");
    }

    #[test]
    fn judged_at_its_end_waits_for_it_and_takes_the_figures_of_the_last_day() {
        let rule = format!(
            "{{{NAME}, share: {{of: progress.households, over: project.households, at_least: 80%}}, window: {{from: {{on: Y-03-10}}, to: {{on: Y-04-01}}, bound: before, judged: at_end}}}}"
        );
        let mut scene = given(&rule);
        and(&mut scene, &[("2022-03-12", "progress", signing(180))]);
        let (met, [zh, _]) = told(&scene, "2022-03-31");
        assert!(!met);
        assert!(zh.contains("期限未满"), "{zh}");
        assert!(super::met(&scene, "2022-04-01"));
        // Some withdrew before the end: what stands at the end counts.
        and(&mut scene, &[("2022-03-30", "progress", signing(150))]);
        assert!(!super::met(&scene, "2022-04-01"));
        // When it is judged as it is reached, the withdrawal comes too late.
        let reached = rule.replace(", judged: at_end", "");
        let mut scene = given(&reached);
        and(
            &mut scene,
            &[
                ("2022-03-12", "progress", signing(180)),
                ("2022-03-30", "progress", signing(150)),
            ],
        );
        assert!(super::met(&scene, "2022-04-01"));
    }

    #[test]
    fn on_days_that_no_notice_has_fixed_says_so() {
        let window = "{to: {after: {fact: {any_of: [notice]}, days: 1500, kind: working}}}";
        let mut scene = given(&rule(window));
        and(&mut scene, &[("2022-03-10", "notice", json!({}))]);
        let (met, [zh, _]) = told(&scene, "2022-03-11");
        assert!(!met);
        assert!(zh.contains("工作日历尚未发布"), "{zh}");
    }

    #[test]
    fn around_a_sum_and_a_number_of_facts_works_the_same() {
        for rule in [
            format!(
                "{{{NAME}, sum: {{of: signed.households, at_least: 150}}, window: {{from: {{on: Y-03-10}}, to: {{on: Y-04-01}}}}}}"
            ),
            format!(
                "{{{NAME}, fact: {{any_of: [signed], at_least: 2}}, window: {{from: {{on: Y-03-10}}, to: {{on: Y-04-01}}}}}}"
            ),
        ] {
            let mut scene = given(&rule);
            and(
                &mut scene,
                &[
                    ("2022-03-09", "signed", signing(100)),
                    ("2022-03-11", "signed", signing(100)),
                ],
            );
            assert!(!met(&scene, "2022-03-12"), "{rule}");
            and(&mut scene, &[("2022-04-01", "signed", signing(100))]);
            assert!(met(&scene, "2022-04-30"), "{rule}");
        }
    }
}

mod procedures {
    use super::*;

    const RULE: &str = "
        name: {zh: 条件, en: Rule}
        procedures:
          a_review: {name: {zh: 财评, en: review}, done: {any_of: [review]}, waived: {when: latest.estimate.amount_fen < 40000000, basis: 四十万元以下免评}}
          b_permit: {name: {zh: 许可, en: permit}, done: {any_of: [permit]}, waived: {by: {any_of: [waiver], where: {what: permit}}, basis: 限额以下工程}}
          c_filing: {name: {zh: 质监, en: filing}, done: {any_of: [filing]}, applies: {tracks: [full]}}
          d_light: {name: {zh: 承诺, en: promise}, done: {any_of: [notice]}, applies: {tracks: [light]}}";

    #[test]
    fn come_in_any_order_and_each_shows_its_state() {
        let mut scene = given(RULE);
        and(&mut scene, &[("2022-03-09", "filing", json!({}))]);
        let (met, [zh, en]) = told(&scene, "2022-03-10");
        assert!(!met);
        assert_eq!(
            zh,
            "条件:实际 财评未办,许可未办,质监已办(2022-03-09),要求 办妥财评、许可、质监(不分先后)"
        );
        assert_eq!(
            en,
            "Rule: actual review missing, permit missing, filing done 2022-03-09, \
             required done, in any order: review, permit, filing"
        );
        and(
            &mut scene,
            &[
                ("2022-03-10", "permit", json!({})),
                ("2022-03-08", "review", json!({})),
            ],
        );
        assert!(super::met(&scene, "2022-03-10"));
    }

    #[test]
    fn are_waived_by_a_fact_or_by_a_figure_with_the_basis() {
        let mut scene = given(RULE);
        and(
            &mut scene,
            &[
                ("2022-03-09", "filing", json!({})),
                ("2022-03-10", "waiver", json!({"what": "permit"})),
                ("2022-03-10", "estimate", json!({"amount_fen": 40_000_000})),
            ],
        );
        assert!(
            !met(&scene, "2022-03-11"),
            "400 000 yuan are not less than 400 000"
        );
        and(
            &mut scene,
            &[("2022-03-11", "estimate", json!({"amount_fen": 39_999_999}))],
        );
        let (met, [zh, _]) = told(&scene, "2022-03-11");
        assert!(met);
        assert!(
            zh.contains("财评免办(依据:四十万元以下免评),许可免办(依据:限额以下工程)"),
            "{zh}"
        );
    }

    #[test]
    fn a_waiver_for_another_procedure_waives_nothing() {
        let mut scene = given(RULE);
        and(
            &mut scene,
            &[
                ("2022-03-08", "review", json!({})),
                ("2022-03-09", "filing", json!({})),
                ("2022-03-10", "waiver", json!({"what": "review"})),
            ],
        );
        assert!(!met(&scene, "2022-03-11"));
    }
}

mod conditions {
    use super::*;

    const RULE: &str = "{name: {zh: 条件, en: Rule}, conditions: {
        approval: {any_of: [approval], where: {result: conditional}},
        set: condition_set, discharged: condition_met, key: condition, before_field: before, before: built}}";

    #[test]
    fn are_each_discharged_before_the_stage_that_they_name() {
        let mut scene = given(RULE);
        and(
            &mut scene,
            &[
                ("2022-03-05", "approval", json!({"result": "conditional"})),
                (
                    "2022-03-05",
                    "condition_set",
                    json!({"condition": "排水", "before": "built"}),
                ),
                (
                    "2022-03-05",
                    "condition_set",
                    json!({"condition": "绿化", "before": "opened"}),
                ),
                ("2022-03-05", "condition_set", json!({"condition": "消防"})),
            ],
        );
        let (met, [zh, en]) = told(&scene, "2022-03-06");
        assert!(!met);
        assert_eq!(
            zh,
            "条件:实际 2项条件,未落实2项:排水、消防;另有1项在以后阶段前落实,要求 进入“施工”前落实全部附加条件"
        );
        assert!(
            en.contains("2 conditions, 2 open: 排水, 消防; 1 due before a later stage"),
            "{en}"
        );
        and(
            &mut scene,
            &[
                ("2022-03-07", "condition_met", json!({"condition": "排水"})),
                ("2022-03-07", "condition_met", json!({"condition": "消防"})),
            ],
        );
        assert!(super::met(&scene, "2022-03-08"), "the third is due later");
    }

    #[test]
    fn approved_under_conditions_that_nobody_recorded_is_not_met() {
        let mut scene = given(RULE);
        and(
            &mut scene,
            &[("2022-03-05", "approval", json!({"result": "conditional"}))],
        );
        let (met, [zh, _]) = told(&scene, "2022-03-06");
        assert!(!met);
        assert!(zh.contains("有条件通过,但没有登记条件"), "{zh}");
        // Approved without conditions afterwards, it stands without them.
        and(
            &mut scene,
            &[("2022-03-07", "approval", json!({"result": "passed"}))],
        );
        assert!(super::met(&scene, "2022-03-08"));
    }
}

mod an_inspection {
    use super::*;

    const RULE: &str = "{name: {zh: 条件, en: Rule}, inspection: {of: checked, item: item, items: [fire, water], result: result, passed: [ok], rectified: repaired}}";

    fn item(item: &str, result: &str) -> Value {
        json!({"item": item, "result": result})
    }

    #[test]
    fn of_an_item_that_failed_is_repeated_after_its_rectification() {
        let mut scene = given(RULE);
        and(
            &mut scene,
            &[
                ("2022-03-05", "checked", item("fire", "bad")),
                ("2022-03-05", "checked", item("water", "ok")),
            ],
        );
        let (met, [zh, en]) = told(&scene, "2022-03-06");
        assert!(!met);
        assert_eq!(
            zh,
            "条件:实际 1/2项合格,不合格待整改:消防,要求 逐项合格;不合格项整改后复验合格"
        );
        assert!(
            en.contains("1 of 2 items passed, failed, not rectified: fire safety"),
            "{en}"
        );
        and(
            &mut scene,
            &[("2022-03-08", "repaired", json!({"item": "fire"}))],
        );
        let (_, [zh, _]) = told(&scene, "2022-03-08");
        assert!(zh.contains("已整改待复验:消防"), "{zh}");
        and(&mut scene, &[("2022-03-09", "checked", item("fire", "ok"))]);
        let (met, [zh, _]) = told(&scene, "2022-03-09");
        assert!(met);
        assert!(zh.contains("2/2项合格,复验1项"), "{zh}");
    }

    #[test]
    fn that_passes_again_without_a_rectification_does_not_count() {
        let mut scene = given(RULE);
        and(
            &mut scene,
            &[
                ("2022-03-05", "checked", item("fire", "bad")),
                ("2022-03-05", "checked", item("water", "ok")),
                ("2022-03-09", "checked", item("fire", "ok")),
            ],
        );
        let (met, [zh, _]) = told(&scene, "2022-03-09");
        assert!(!met);
        assert!(zh.contains("复验合格但无整改记录:消防"), "{zh}");
        // The rectification is recorded late, dated when it happened: the pass after it counts.
        scene.given_known(
            "2022-03-12",
            "2022-03-07",
            &super::super::scene::record("repaired", json!({"item": "fire"})),
        );
        assert!(super::met(&scene, "2022-03-12"));
    }

    #[test]
    fn leaves_no_item_out() {
        let mut scene = given(RULE);
        and(
            &mut scene,
            &[("2022-03-05", "checked", item("water", "ok"))],
        );
        let (met, [zh, _]) = told(&scene, "2022-03-06");
        assert!(!met);
        assert!(zh.contains("未验:消防"), "{zh}");
    }

    #[test]
    fn that_fails_again_is_rectified_again() {
        let mut scene = given(RULE);
        and(
            &mut scene,
            &[
                ("2022-03-05", "checked", item("water", "ok")),
                ("2022-03-05", "checked", item("fire", "bad")),
                ("2022-03-06", "repaired", json!({"item": "fire"})),
                ("2022-03-07", "checked", item("fire", "bad")),
                ("2022-03-08", "checked", item("fire", "ok")),
            ],
        );
        assert!(!met(&scene, "2022-03-08"));
    }
}

mod an_expression {
    use super::*;

    #[test]
    fn is_recorded_with_its_inputs_and_explained_by_its_message() {
        let mut scene = given(
            "{name: {zh: 条件, en: Rule}, expression: {cel: 'latest.estimate.amount_fen <= project.households * 2000000 && on >= \"2022-03-10\"',
              message: {zh: 户均概算不超过两万元, en: at most 20 000 yuan per household}}}",
        );
        and(
            &mut scene,
            &[("2022-03-05", "estimate", json!({"amount_fen": 398_000_001}))],
        );
        let (met, [zh, en]) = told(&scene, "2022-03-10");
        assert!(!met);
        assert_eq!(
            zh,
            "条件:实际 概算金额=398000001,总户数=199,生效日期=2022-03-10,要求 户均概算不超过两万元"
        );
        assert!(
            en.ends_with("required at most 20 000 yuan per household"),
            "{en}"
        );
        and(
            &mut scene,
            &[("2022-03-06", "estimate", json!({"amount_fen": 398_000_000}))],
        );
        assert!(super::met(&scene, "2022-03-10"));
        assert!(!super::met(&scene, "2022-03-09"));
    }

    #[test]
    fn without_an_input_is_unmet_and_names_it() {
        let scene = given(
            "{name: {zh: 条件, en: Rule}, expression: {cel: latest.estimate.area_mm2 > 1000000, message: {zh: 面积大于一平方米, en: more than a square metre}}}",
        );
        let (met, [zh, _]) = told(&scene, "2022-03-10");
        assert!(!met);
        assert!(zh.contains("未登记改造面积(mm²)"), "{zh}");
    }

    #[test]
    fn cites_the_facts_that_it_read() {
        let mut scene = given(
            "{name: {zh: 条件, en: Rule}, expression: {cel: sum(all.paid.amount_fen) >= 300, message: {zh: 三元, en: three yuan}}}",
        );
        and(
            &mut scene,
            &[
                ("2022-03-05", "paid", json!({"amount_fen": 100})),
                ("2022-03-05", "notice", json!({})),
                ("2022-03-06", "paid", json!({"amount_fen": 200})),
            ],
        );
        let judgement = scene.judged("2022-03-07", "rule");
        assert!(judgement.met);
        assert_eq!(judgement.cites.len(), 2);
    }
}

mod a_publicity {
    use super::*;

    fn rule(days: &str) -> String {
        format!(
            "{{{NAME}, publicity: {{posted: {{any_of: [posted]}}, removed: {{any_of: [removed]}}, {days}, channels: [wall, web], channel_field: channel, objections: {{opened: objection, closed: answer, key: matter}}}}}}"
        )
    }

    fn channel(channel: &str) -> Value {
        json!({"channel": channel})
    }

    #[test]
    fn runs_from_the_channel_posted_last_in_natural_working_and_rolled_days() {
        // 2022-09-29 is a Thursday; 1 to 7 October are days off, 8 and 9 October are worked.
        for (days, last, after) in [
            ("days: 5", "2022-10-04", "2022-10-05"),
            ("days: 5, count_first_day: true", "2022-10-03", "2022-10-04"),
            ("days: 5, kind: working", "2022-10-11", "2022-10-12"),
            (
                "days: 5, kind: working, count_first_day: true",
                "2022-10-10",
                "2022-10-11",
            ),
            ("days: 5, kind: rolled", "2022-10-08", "2022-10-09"),
        ] {
            let mut scene = given(&rule(days));
            and(
                &mut scene,
                &[
                    ("2022-09-26", "posted", channel("wall")),
                    ("2022-09-29", "posted", channel("web")),
                ],
            );
            let (met, [zh, _]) = told(&scene, last);
            assert!(!met, "{days}: the last day belongs to the period");
            assert!(zh.contains(&format!("至{last}期满")), "{days}: {zh}");
            assert!(super::met(&scene, after), "{days}");
        }
    }

    #[test]
    fn of_a_channel_taken_down_before_the_last_was_posted_stands_no_more() {
        let mut scene = given(&rule("days: 5"));
        and(
            &mut scene,
            &[
                ("2022-03-01", "posted", channel("wall")),
                ("2022-03-02", "removed", channel("wall")),
                ("2022-03-03", "posted", channel("web")),
            ],
        );
        let (met, [zh, _]) = told(&scene, "2022-03-20");
        assert!(!met);
        assert!(zh.contains("2022-03-02提前撤下"), "{zh}");
        and(&mut scene, &[("2022-03-10", "posted", channel("wall"))]);
        assert!(
            !super::met(&scene, "2022-03-15"),
            "posted again, it begins again"
        );
        assert!(super::met(&scene, "2022-03-16"));
    }

    #[test]
    fn in_one_channel_only_names_the_other() {
        let mut scene = given(&rule("days: 5"));
        and(&mut scene, &[("2022-03-01", "posted", channel("wall"))]);
        let (met, [zh, _]) = told(&scene, "2022-03-20");
        assert!(!met);
        assert!(zh.contains("缺公示渠道:web"), "{zh}");
    }

    #[test]
    fn with_an_objection_waits_for_its_answer() {
        let mut scene = given(&rule("days: 5"));
        and(
            &mut scene,
            &[
                ("2022-03-01", "posted", channel("wall")),
                ("2022-03-01", "posted", channel("web")),
                ("2022-03-03", "objection", json!({"matter": "一号"})),
            ],
        );
        assert!(!met(&scene, "2022-03-20"));
        and(
            &mut scene,
            &[("2022-03-10", "answer", json!({"matter": "一号"}))],
        );
        assert!(met(&scene, "2022-03-20"));
    }
}

mod an_upper_bound {
    use super::*;

    #[test]
    fn of_a_share_is_kept_exactly() {
        for (bound, at, over) in [
            ("at_most: 20%", true, false),
            ("less_than: 20%", false, false),
        ] {
            let mut scene = given(&format!(
                "{{{NAME}, share: {{of: paid.amount_fen, over: estimate.amount_fen, tally: sum, over_tally: latest, {bound}}}}}"
            ));
            and(
                &mut scene,
                &[
                    ("2022-03-01", "estimate", json!({"amount_fen": 500})),
                    ("2022-03-02", "estimate", json!({"amount_fen": 1000})),
                    ("2022-03-03", "paid", json!({"amount_fen": 199})),
                ],
            );
            assert!(met(&scene, "2022-03-04"), "{bound}: 199 of 1000");
            and(
                &mut scene,
                &[("2022-03-05", "paid", json!({"amount_fen": 1}))],
            );
            assert_eq!(met(&scene, "2022-03-05"), at, "{bound}: 200 of 1000");
            and(
                &mut scene,
                &[("2022-03-06", "paid", json!({"amount_fen": 1}))],
            );
            assert_eq!(met(&scene, "2022-03-06"), over, "{bound}: 201 of 1000");
        }
    }

    #[test]
    fn of_a_sum_is_kept_for_each_household() {
        let mut scene = given(&format!(
            "{{{NAME}, sum: {{of: paid.amount_fen, at_least: 100, at_most: 500, per: project.households}}}}"
        ));
        and(
            &mut scene,
            &[("2022-03-03", "paid", json!({"amount_fen": 99_500}))],
        );
        let (met, [zh, _]) = told(&scene, "2022-03-04");
        assert!(met);
        assert!(zh.contains("要求 199元—995元"), "{zh}");
        and(
            &mut scene,
            &[("2022-03-05", "paid", json!({"amount_fen": 1}))],
        );
        assert!(!super::met(&scene, "2022-03-05"));
    }
}

#[test]
fn a_deadline_says_whether_its_first_day_counts() {
    use anju_workflows::project::deadline::open_deadlines;
    for (counted, due) in [
        ("", "2022-03-11"),
        (", count_first_day: true", "2022-03-10"),
    ] {
        let text = include_str!("kinds.yaml")
            .replace("      rule: RULE\n", "      rule: {name: {zh: 条件, en: Rule}, fact: {any_of: [notice]}}\n")
            .replace(
                "    exit:\n",
                &format!("    deadlines: {{ten: {{name: {{zh: 十日, en: Ten days}}, due: {{after: {{entered: work, days: 10, kind: natural{counted}}}}}}}}}\n    exit:\n"),
            );
        let definition = parse(&text, "kinds.yaml", &|_| None).unwrap().definition;
        let mut scene = Scene::new(&definition);
        let mut project = register("none", Some(199));
        project.area = None;
        scene.given("2022-03-01", &Command::Register(project));
        let open = open_deadlines(&scene.definition, &scene.calendar, scene.state());
        assert_eq!(open[0].due.to_string(), due, "{counted}");
    }
}
