use super::{broken, said};
use crate::support::sound_with;

#[test]
fn a_deadline_is_due_in_exactly_one_way() {
    let line =
        "error due: give one of `on`, `after` and `plan`; remove an inherited one with `null`";
    broken("due: {on: Y-03-31}", "due: {}", &[("|due: {}", line)]);
    broken(
        "due: {on: Y-03-31}",
        "due: {on: Y-03-31, plan: consultation}",
        &[("|due: {on: Y-03-31", line)],
    );
}

#[test]
fn days_are_counted_from_exactly_one_known_thing() {
    let line = "error after: give one of `entered` and `fact`";
    let from = "after: {entered: design, days: 30, kind: working}";
    broken(
        from,
        "after: {days: 30, kind: working}",
        &[("|after: {days: 30", line)],
    );
    broken(
        from,
        "after: {entered: design, fact: {any_of: [consent]}, days: 30, kind: working}",
        &[("|after: {entered", line)],
    );
    broken(
        from,
        "after: {entered: desing, days: 30, kind: working}",
        &[(
            "|desing",
            "error unknown_stage: there is no stage `desing`; did you mean `design`?",
        )],
    );
    broken(
        from,
        "after: {fact: {any_of: [consnt]}, days: 30, kind: working}",
        &[(
            "|consnt",
            "error unknown_fact: there is no fact type `consnt`; did you mean `consent`?",
        )],
    );
    broken(
        from,
        "after: {entered: works, days: 30, kind: working}",
        &[(
            "entered: |works",
            "error entered_later: `works` is entered after `design` is left: nothing to count from",
        )],
    );
}

#[test]
fn what_meets_a_deadline_is_known() {
    broken(
        "met_by: {any_of: [finished]}",
        "met_by: {any_of: [finish]}",
        &[(
            "|finish]}}\n      cleared",
            "error unknown_fact: there is no fact type `finish`; did you mean `finished`?",
        )],
    );
}

#[test]
fn a_window_begins_before_it_ends() {
    broken(
        "from: Y-02,",
        "from: Y-04,",
        &[(
            "|Y-04,",
            "error window_order: the window begins on Y-04, after it ends on Y-03-31",
        )],
    );
    // Due before 1 March is due in February.
    broken(
        "from: Y-02, due: {on: Y-03-31}",
        "from: 2021-03-01, due: {on: Y-03-01}, bound: before",
        &[
            (
                "|2021-03-01",
                "error window_order: the window begins on 2021-03-01, after it ends on Y-03-01",
            ),
            (
                "on: |Y-03-01",
                "warning rest_day: due on 2021-02-28, a day of rest",
            ),
        ],
    );
    broken(
        "from: Y-02, due: {on: Y-03-31}",
        "from: Y-03-31, due: {on: Y-03-31}",
        &[],
    );
}

#[test]
fn a_masked_year_makes_every_day_of_it_unknown() {
    let line = |day: &str| {
        format!(
            "warning year_unknown: the programme's year is not bound: {day} is unknown and starts no deadline; bind `year.value`"
        )
    };
    broken(
        "year: {value: 2021}\n",
        "",
        &[
            ("from: |Y-02", &line("Y-02")),
            ("on: |Y-03-31", &line("Y-03-31")),
            ("on: |Y-11-30", &line("Y-11-30")),
            ("day: |Y-03}", &line("Y-03")),
            ("due: |Y-10-01", &line("Y-10-01")),
        ],
    );
}

#[test]
fn a_masked_year_does_not_hide_windows_out_of_order() {
    let text = sound_with("year: {value: 2021}\n", "").replace("from: Y-02,", "from: Y-04,");
    let found = super::problems(&text);
    assert!(
        found.iter().any(|problem| problem.code == "window_order"),
        "{found:?}"
    );
    // Against a fixed day nothing can be said.
    let text = sound_with("year: {value: 2021}\n", "").replace("from: Y-02,", "from: 2030-01,");
    assert!(
        super::problems(&text)
            .iter()
            .all(|problem| problem.code == "year_unknown")
    );
}

#[test]
fn a_day_over_before_the_document_was_issued_is_told() {
    broken(
        "issued: 2021-01-20",
        "issued: 2021-04-01",
        &[(
            "on: |Y-03-31",
            "warning before_issue: due on 2021-03-31, before the document was issued on 2021-04-01",
        )],
    );
    // On the very day is not before it.
    broken("issued: 2021-01-20", "issued: 2021-03-31", &[]);
}

#[test]
fn a_day_of_rest_is_told_by_the_calendar_of_this_build() {
    broken(
        "on: Y-03-31",
        "on: Y-05-01",
        &[(
            "|Y-05-01",
            "warning rest_day: due on 2021-05-01, a day of rest",
        )],
    );
    // A Sunday on which everybody works.
    broken("on: Y-03-31", "on: Y-04-25", &[]);
    // Nobody means the last day when they write a month.
    broken("on: Y-03-31", "on: Y-02", &[]);
    // No calendar, no guess.
    broken("on: Y-03-31", "on: 2099-05-01", &[]);
}

#[test]
fn a_later_stage_that_is_due_before_an_earlier_one_is_told() {
    let text = sound_with(
        "due: {after: {fact: {any_of: [finished]}, days: 60, kind: natural}}",
        "due: {on: Y-03-30}",
    );
    said(
        &text,
        &[(
            "on: |Y-03-30",
            "warning deadline_order: due on Y-03-30, before `consulted` of the earlier stage `consultation` (Y-03-31)",
        )],
    );
    // Other projects, or met by a fact: no order to keep.
    said(
        &text.replace(
            "due: {on: Y-03-30}",
            "due: {on: Y-03-30}, applies: {tracks: [lift]}",
        ),
        &[],
    );
    said(
        &text.replace(
            "due: {on: Y-03-30}",
            "due: {on: Y-03-30}, met_by: {any_of: [started]}",
        ),
        &[],
    );
}

#[test]
fn deadlines_are_compared_only_where_both_days_are_known_in_the_same_way() {
    let told = |text: &str| {
        super::problems(text)
            .iter()
            .filter(|problem| problem.code == "deadline_order")
            .count()
    };
    let after = "due: {after: {fact: {any_of: [finished]}, days: 60, kind: natural}}";
    let masked = sound_with(after, "due: {on: Y-03-30}").replace("year: {value: 2021}\n", "");
    assert_eq!(told(&masked), 1);
    assert_eq!(
        told(
            &masked
                .replace("on: Y-03-31", "on: 2021-03-31")
                .replace("on: Y-03-30", "on: 2021-03-30")
        ),
        1
    );
    assert_eq!(told(&masked.replace("on: Y-03-30", "on: 1999-03-30")), 0);
    // Two deadlines of one stage have no order.
    let same = sound_with(after, "due: {on: Y-04-30}").replace(
        ", met_by: {any_of: [finished]}}\n      cleared",
        "}\n      cleared",
    );
    assert_eq!(told(&same), 0);
}

#[test]
fn a_year_is_assumed_once_with_a_basis_and_only_while_no_notice_has_fixed_it() {
    let rest = "as: weekdays, assumed_on: 2026-11-20";
    let text = sound_with(
        "language: 1\n",
        &format!(
            "language: 1
assume_calendar:
  a: {{year: 2026, {rest}, basis: said so}}
  b: {{year: 2030, {rest}, basis: ' '}}
  c: {{year: 2030, {rest}, basis: said so}}
  d: {{year: 123, {rest}, basis: said so}}
"
        ),
    );
    said(
        &text,
        &[
            (
                "a: {year: |2026",
                "warning assumed_in_vain: a notice has fixed 2026: the assumption is of no effect",
            ),
            ("basis: |' '", "error blank_text: the text is blank"),
            (
                "c: {year: |2030",
                "error year_assumed_twice: 2030 is assumed twice",
            ),
            (
                "d: {year: |123",
                "error bad_year: 123 is not a year from 1949 to 9998",
            ),
        ],
    );
}
