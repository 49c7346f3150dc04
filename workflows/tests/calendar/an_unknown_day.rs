use super::*;

#[test]
fn is_one_of_a_year_without_a_notice() {
    for y in [2017, 2018, 2027, 2028] {
        let named_by_2019 = |day: &Date| *day >= date(2018, 12, 29) && y == 2018;
        for day in year(y).filter(|day| !named_by_2019(day)) {
            assert_eq!(cn().is_working_day(day), None, "{day}");
            assert_eq!(cn().roll(day), None, "{day}");
            assert_eq!(cn().known_through(day), None, "{day}");
        }
    }
    assert_eq!(cn().known_through(date(2026, 11, 20)), Some(LAST));
}

#[test]
fn is_not_one_that_the_notice_of_the_next_year_names() {
    assert_eq!(cn().is_working_day(date(2018, 12, 28)), None);
    assert_eq!(cn().is_working_day(date(2018, 12, 29)), Some(true)); // a Saturday
    assert_eq!(cn().is_working_day(date(2018, 12, 31)), Some(false)); // a Monday
    let new_year = cn()
        .named(date(2022, 12, 31))
        .map(|named| named.notice.year);
    assert_eq!(new_year, Some(2023));
}

#[test]
fn makes_a_due_day_unknown_only_if_the_count_needs_it() {
    let last_working = date(2026, 12, 31);
    assert_eq!(
        cn().add(date(2026, 12, 30), 1, DayKind::Working),
        Some(last_working)
    );
    assert_eq!(cn().add(date(2026, 12, 30), 2, DayKind::Working), None);
    assert_eq!(cn().add(LAST, 1, DayKind::Working), None);
    assert_eq!(cn().add(LAST, 1, DayKind::Rolled), None);
    assert_eq!(cn().add(LAST, 1, DayKind::Natural), Some(date(2027, 1, 1)));
    // 1 January 2027 is unknown itself, but the day before it is not.
    let before = cn().add(date(2027, 1, 1), -1, DayKind::Working);
    assert_eq!(before, Some(last_working));
    // The start is not counted, so it need not be known: 29 December 2018 is worked.
    let first = cn().add(date(2018, 12, 28), 1, DayKind::Working);
    assert_eq!(first, Some(date(2018, 12, 29)));
    assert_eq!(cn().add(date(2018, 12, 27), 1, DayKind::Working), None);
    assert_eq!(cn().add(date(2018, 12, 29), -1, DayKind::Working), None);
    assert_eq!(cn().add(date(2019, 3, 1), -100, DayKind::Working), None);
}

#[test]
fn makes_a_count_across_it_unknown() {
    assert_eq!(
        cn().working_days_between(date(2026, 12, 1), date(2027, 1, 1)),
        None
    );
    assert_eq!(
        cn().working_days_between(date(2027, 1, 1), date(2026, 12, 1)),
        None
    );
    assert_eq!(
        cn().working_days_between(date(2018, 12, 1), date(2019, 1, 10)),
        None
    );
    assert_eq!(
        cn().working_days_between(date(2018, 12, 28), date(2019, 1, 2)),
        Some(2)
    );
    assert_eq!(
        cn().working_days_between(date(2030, 1, 1), date(2031, 1, 1)),
        None
    );
    assert_eq!(
        cn().working_days_between(date(2030, 1, 1), date(2030, 1, 1)),
        Some(0)
    );
}

#[test]
fn parts_the_known_days_on_either_side_of_it() {
    let mut value = definition();
    value["notices"]
        .as_array_mut()
        .unwrap()
        .retain(|notice| notice["year"] != 2024);
    let definition = CalendarDefinition::from_value(value).unwrap();
    let gap = Calendar::from_definition(definition).unwrap();
    assert_eq!(gap.is_working_day(date(2023, 12, 29)), Some(true));
    assert_eq!(gap.is_working_day(date(2024, 6, 3)), None);
    assert_eq!(gap.is_working_day(date(2025, 1, 2)), Some(true));
    assert_eq!(
        gap.known_through(date(2020, 1, 1)),
        Some(date(2023, 12, 31))
    );
    assert_eq!(gap.add(date(2023, 12, 28), 2, DayKind::Working), None);
    assert_eq!(gap.add(date(2025, 1, 3), -2, DayKind::Working), None);
    assert_eq!(
        gap.add(date(2025, 1, 3), -1, DayKind::Working),
        Some(date(2025, 1, 2))
    );
    assert_eq!(
        gap.working_days_between(date(2023, 12, 1), date(2025, 1, 3)),
        None
    );
    assert_eq!(gap.roll(date(2023, 12, 30)), None);
}

#[test]
fn is_every_day_of_a_calendar_without_notices() {
    let nothing = cn().version_as_known(date(2018, 12, 5));
    assert_eq!(nothing.definition().notices, []);
    assert_eq!(nothing.is_working_day(date(2019, 3, 1)), None);
    assert_eq!(nothing.add(date(2019, 3, 1), 1, DayKind::Working), None);
    let same_day = nothing.add(date(2019, 3, 1), 0, DayKind::Natural);
    assert_eq!(same_day, Some(date(2019, 3, 1)));
}
