use super::*;

#[test]
fn gives_the_due_days_worked_out_by_hand() {
    let due = |start, n, kind| cn().add(start, n, kind).unwrap();
    // A naive Monday to Friday would say 16 October.
    assert_eq!(
        due(date(2026, 9, 18), 20, DayKind::Working),
        date(2026, 10, 22)
    );
    assert_eq!(
        due(date(2026, 1, 19), 30, DayKind::Natural),
        date(2026, 2, 18)
    );
    assert_eq!(
        due(date(2026, 1, 19), 30, DayKind::Rolled),
        date(2026, 2, 24)
    );
    assert_eq!(
        due(date(2026, 9, 18), 15, DayKind::Rolled),
        date(2026, 10, 8)
    );
    // A last day that is a make-up Saturday or Sunday is a working day and stays.
    assert_eq!(
        due(date(2026, 9, 10), 10, DayKind::Rolled),
        date(2026, 9, 20)
    );
}

#[test]
fn no_days_after_a_day_is_that_day_even_a_rest_day() {
    let rest = date(2026, 10, 1);
    assert_eq!(cn().add(rest, 0, DayKind::Natural), Some(rest));
    assert_eq!(cn().add(rest, 0, DayKind::Working), Some(rest));
    assert_eq!(cn().add(rest, 0, DayKind::Rolled), Some(date(2026, 10, 8)));
}

#[test]
fn backwards_from_a_rest_day_starts_at_the_last_working_day_before() {
    let before = |n| cn().add(date(2026, 10, 5), n, DayKind::Working);
    assert_eq!(before(-1), Some(date(2026, 9, 30)));
    assert_eq!(before(-4), Some(date(2026, 9, 24))); // over the Mid-Autumn weekend
    let rolled = cn().add(date(2026, 10, 12), -7, DayKind::Rolled);
    assert_eq!(rolled, Some(date(2026, 10, 8))); // forward, also when counted backwards
}

#[test]
fn beyond_the_last_date_there_is_gives_none() {
    for kind in [DayKind::Natural, DayKind::Working, DayKind::Rolled] {
        for n in [i32::MIN, i32::MAX] {
            assert_eq!(cn().add(date(2026, 1, 5), n, kind), None, "{n} {kind:?}");
        }
        assert_eq!(cn().add(Date::MAX, 1, kind), None, "{kind:?}");
        assert_eq!(cn().add(Date::MIN, -1, kind), None, "{kind:?}");
    }
    assert_eq!(cn().working_days_between(Date::MIN, Date::MAX), None);
    assert_eq!(cn().working_days_between(Date::MAX, Date::MIN), None);
}

#[test]
fn kinds_have_the_names_used_in_definitions() {
    let names = json!(["natural", "working", "rolled"]);
    let kinds = vec![DayKind::Natural, DayKind::Working, DayKind::Rolled];
    assert_eq!(serde_json::to_value(&kinds).unwrap(), names);
    assert_eq!(
        serde_json::from_value::<Vec<DayKind>>(names).unwrap(),
        kinds
    );
}

/// Any day of the known years.
fn any_day() -> impl Strategy<Value = Date> {
    (0..2_922).prop_map(|n| cn().add(FIRST, n, DayKind::Natural).unwrap())
}

proptest! {
    #[test]
    fn adding_working_days_agrees_with_walking_day_by_day(start in any_day(), n in 1..300_i32) {
        let worked = |day: &Date| cn().is_working_day(*day) == Some(true);
        let ahead = days(start.tomorrow().unwrap(), LAST).filter(worked).nth(n as usize - 1);
        prop_assert_eq!(cn().add(start, n, DayKind::Working), ahead);
        let behind: Vec<_> = days(date(2018, 12, 29), start.yesterday().unwrap()).filter(worked).collect();
        let behind = behind.iter().rev().nth(n as usize - 1).copied();
        prop_assert_eq!(cn().add(start, -n, DayKind::Working), behind);
    }

    #[test]
    fn working_days_between_start_and_due_are_those_added(start in any_day(), n in 0..600_i32) {
        if let Some(due) = cn().add(start, n, DayKind::Working) {
            prop_assert_eq!(cn().working_days_between(start, due), Some(n.into()));
            prop_assert!(n == 0 || cn().is_working_day(due) == Some(true));
        }
        // Backwards it holds from a working day only: (due, start] then includes the start.
        if let (Some(due), Some(true)) = (cn().add(start, -n, DayKind::Working), cn().is_working_day(start)) {
            prop_assert_eq!(cn().working_days_between(start, due), Some((-n).into()));
        }
    }

    #[test]
    fn counts_add_up_whatever_the_order_of_the_days(a in any_day(), b in any_day(), c in any_day()) {
        let count = |from, to| cn().working_days_between(from, to).unwrap();
        prop_assert_eq!(count(a, b) + count(b, c), count(a, c));
        prop_assert_eq!(count(a, b), -count(b, a));
    }

    #[test]
    fn a_later_start_or_a_longer_period_never_ends_earlier(
        a in any_day(), b in any_day(), n in 0..400_i32, m in 0..400_i32,
    ) {
        let ((a, b), (n, m)) = ((a.min(b), a.max(b)), (n.min(m), n.max(m)));
        for kind in [DayKind::Natural, DayKind::Working, DayKind::Rolled] {
            if let (Some(early), Some(late)) = (cn().add(a, n, kind), cn().add(b, m, kind)) {
                prop_assert!(early <= late, "{kind:?}: {early} {late}");
            }
        }
    }

    #[test]
    fn rolling_stops_at_the_first_working_day(day in any_day()) {
        let worked = |day: &Date| cn().is_working_day(*day) == Some(true);
        let rolled = cn().roll(day);
        prop_assert_eq!(rolled, days(day, LAST).find(worked));
        prop_assert_eq!(rolled.and_then(|day| cn().roll(day)), rolled);
    }
}
