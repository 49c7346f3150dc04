use super::*;

#[test]
fn of_may_2019_moves_a_due_day_from_the_day_it_was_made() {
    let before = cn().version_as_known(date(2019, 3, 21));
    let after = cn().version_as_known(date(2019, 3, 22));
    let due = |calendar: &Calendar, n| calendar.add(date(2019, 4, 26), n, DayKind::Working);
    // Before: 29, 30 April, 2, 3 May. After: Sunday 28, 29, 30 April, Sunday 5 May.
    assert_eq!(due(&before, 4), Some(date(2019, 5, 3)));
    assert_eq!(due(&after, 4), Some(date(2019, 5, 5)));
    assert_eq!(before.is_working_day(date(2019, 4, 28)), Some(false));
    assert_eq!(after.is_working_day(date(2019, 4, 28)), Some(true));
    assert_ne!(before.digest(), after.digest());
}

#[test]
fn of_february_2020_counts_from_its_publication_not_from_its_date() {
    let signed = cn().version_as_known(date(2020, 1, 26));
    let published = cn().version_as_known(date(2020, 1, 27));
    let due = |calendar: &Calendar| calendar.add(date(2020, 1, 22), 2, DayKind::Working);
    assert_eq!(due(&signed), Some(date(2020, 1, 31)));
    assert_eq!(due(&published), Some(date(2020, 2, 3)));
    // Saturday 1 February: first worked for the break, then part of it.
    assert_eq!(signed.is_working_day(date(2020, 2, 1)), Some(true));
    assert_eq!(published.is_working_day(date(2020, 2, 1)), Some(false));
}

#[test]
fn leaves_the_other_days_as_they_were() {
    let before = cn().version_as_known(date(2020, 1, 26));
    let changed = days(FIRST, date(2020, 12, 31))
        .filter(|day| before.is_working_day(*day) != cn().is_working_day(*day));
    assert_eq!(
        changed.collect::<Vec<_>>(),
        [date(2020, 1, 31), date(2020, 2, 1)]
    );
}

#[test]
fn knows_no_year_before_its_notice() {
    let known = cn().version_as_known(date(2025, 11, 3));
    assert_eq!(known.add(date(2025, 12, 30), 3, DayKind::Working), None);
    assert_eq!(
        known.known_through(date(2025, 11, 3)),
        Some(date(2025, 12, 31))
    );
    let known = cn().version_as_known(date(2025, 11, 4));
    assert_eq!(
        known.add(date(2025, 12, 30), 3, DayKind::Working),
        Some(date(2026, 1, 5))
    );
}

#[test]
fn known_today_is_the_whole_calendar() {
    assert_eq!(cn().version_as_known(date(2026, 1, 1)), cn());
    assert_eq!(
        cn().version_as_known(date(2026, 1, 1)).digest(),
        cn().digest()
    );
}

#[test]
fn counts_by_its_publication_wherever_the_notice_stands_in_the_file() {
    let mut value = definition();
    value["notices"].as_array_mut().unwrap().reverse();
    let definition = CalendarDefinition::from_value(value).unwrap();
    let reversed = Calendar::from_definition(definition).unwrap();
    for day in days(FIRST, LAST) {
        assert_eq!(
            reversed.is_working_day(day),
            cn().is_working_day(day),
            "{day}"
        );
    }
}

#[test]
fn published_last_decides_even_if_it_was_signed_first() {
    let mut value = definition();
    // Signed before the yearly notice for 2026, made public after it.
    value["notices"].as_array_mut().unwrap().push(json!({
        "year": 2026, "kind": "amendment", "title": "made up for this test",
        "signed": "2025-11-03", "published": "2025-11-05",
        "holidays": [{"name": "元旦", "work": ["2026-01-02"]}],
    }));
    let definition = CalendarDefinition::from_value(value).unwrap();
    let calendar = Calendar::from_definition(definition).unwrap();
    assert_eq!(cn().is_working_day(date(2026, 1, 2)), Some(false));
    assert_eq!(calendar.is_working_day(date(2026, 1, 2)), Some(true));
}

#[test]
fn of_the_same_day_as_the_yearly_notice_comes_after_it() {
    let notice = |kind: &str, off: &str| {
        json!({
            "year": 2030, "kind": kind, "title": "made up for this test",
            "signed": "2029-11-01", "published": "2029-11-01",
            "holidays": [{"name": "元旦", "rest": [off], "work": []}],
        })
    };
    let mut amendment = notice("amendment", "2030-01-01");
    amendment["holidays"][0] = json!({"name": "元旦", "work": ["2030-01-01"]});
    let notices = [amendment, notice("yearly", "2030-01-01")];
    let value = json!({"id": "x", "title": "x", "notices": notices});
    let definition = CalendarDefinition::from_value(value).unwrap();
    let calendar = Calendar::from_definition(definition).unwrap();
    assert_eq!(calendar.is_working_day(date(2030, 1, 1)), Some(true));
}

#[test]
fn a_new_notice_may_set_late_december_of_the_year_before() {
    let mut value = definition();
    value["notices"].as_array_mut().unwrap().push(json!({
        "year": 2027, "kind": "yearly", "title": "made up for this test",
        "signed": "2026-12-01", "published": "2026-12-01",
        "holidays": [{"name": "元旦", "rest": ["2026-12-31..2027-01-02"], "work": ["2026-12-26"]}],
    }));
    let definition = CalendarDefinition::from_value(value).unwrap();
    let next = Calendar::from_definition(definition).unwrap();
    let due = |calendar: &Calendar, n| calendar.add(date(2026, 12, 25), n, DayKind::Working);
    assert_eq!(due(&cn(), 4), Some(date(2026, 12, 31)));
    assert_eq!(due(&next, 4), Some(date(2026, 12, 30)));
    assert_eq!(due(&next, 5), Some(date(2027, 1, 4)));
    assert_eq!(next.version_as_known(date(2026, 11, 30)), cn());
}
