use super::*;

#[test]
fn agrees_with_the_python_peer_on_every_day() {
    let fixture = include_str!("../fixtures/chinesecalendar-1.11.0.txt");
    let mut compared = 0;
    for line in fixture.lines().filter(|line| !line.starts_with('#')) {
        let (peer_year, letters) = line.split_once(' ').unwrap();
        let peer_year = peer_year.parse().unwrap();
        assert_eq!(letters.len(), year(peer_year).count());
        for (day, letter) in year(peer_year).zip(letters.chars()) {
            assert_eq!(cn().is_working_day(day), Some(letter == 'W'), "{day}");
            compared += 1;
        }
    }
    assert_eq!(compared, 2_922);
}

#[test]
fn agrees_with_the_rust_peer_as_far_as_it_answers() {
    let mut compared = 0;
    for day in days(FIRST, date(2026, 12, 25)) {
        let ymd = (day.year() as u16, day.month() as u8, day.day() as u8);
        let peer = chinese_holiday::chinese_holiday(ymd);
        assert_eq!(cn().is_working_day(day), Some(peer.is_workday()), "{day}");
        compared += 1;
    }
    assert_eq!(compared, 2_916);
}

#[test]
fn has_the_published_number_of_working_days_in_each_year() {
    let counts = [250, 249, 250, 249, 249, 251, 248, 248];
    for (y, count) in (2019..).zip(counts) {
        let worked = year(y)
            .filter(|day| cn().is_working_day(*day) == Some(true))
            .count();
        assert_eq!(worked, count, "{y}");
        let between = cn().working_days_between(date(y - 1, 12, 31), date(y, 12, 31));
        assert_eq!(between, Some(count as i64), "{y}");
    }
}

#[test]
fn of_2026_has_the_six_make_up_days_of_the_notice() {
    let made_up = |day: &Date| cn().named(*day).is_some_and(|named| named.working);
    let expected = [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)];
    let expected: Vec<_> = expected.iter().map(|(m, d)| date(2026, *m, *d)).collect();
    assert_eq!(year(2026).filter(made_up).collect::<Vec<_>>(), expected);
}

#[test]
fn names_every_day_off_and_who_decided_it() {
    let named = |day| {
        let calendar = cn();
        let named = calendar.named(day)?;
        let number = named.notice.number.clone().unwrap();
        Some((
            named.working,
            named.statutory,
            named.holiday.to_owned(),
            number,
        ))
    };
    let in_2026 = |working, statutory, holiday: &str| {
        Some((
            working,
            statutory,
            holiday.to_owned(),
            "国办发明电〔2025〕7号".to_owned(),
        ))
    };
    assert_eq!(named(date(2026, 2, 14)), in_2026(true, false, "春节"));
    assert_eq!(named(date(2026, 2, 15)), in_2026(false, false, "春节"));
    assert_eq!(named(date(2026, 2, 16)), in_2026(false, true, "春节"));
    assert_eq!(named(date(2026, 2, 24)), None);
    // The weekend inside the break is named too, an ordinary one is not.
    assert_eq!(named(date(2026, 10, 3)), in_2026(false, true, "国庆节"));
    assert_eq!(named(date(2026, 11, 21)), None);
    let amended = named(date(2019, 5, 2)).unwrap();
    assert_eq!(amended.3, "国办发明电〔2019〕3号");
}

#[test]
fn has_the_statutory_days_of_the_law() {
    let statutory = |y| {
        let is = |day: &Date| cn().named(*day).is_some_and(|named| named.statutory);
        year(y).filter(is).count()
    };
    // Eleven until 2024 and thirteen from 2025; in 2020 Mid-Autumn fell on 1 October.
    let counts: Vec<_> = (2019..=2026).map(statutory).collect();
    assert_eq!(counts, [11, 10, 11, 11, 11, 11, 13, 13]);
}

#[test]
fn gives_every_year_one_yearly_notice_with_its_source() {
    let calendar = cn();
    let notices = &calendar.definition().notices;
    let yearly = notices
        .iter()
        .filter(|notice| notice.kind == NoticeKind::Yearly);
    assert_eq!(
        yearly.map(|notice| notice.year).collect::<Vec<_>>(),
        Vec::from_iter(2019..=2026)
    );
    for notice in notices {
        assert!(notice.signed <= notice.published, "{}", notice.title);
        assert!(
            notice.title.contains(&notice.year.to_string()),
            "{}",
            notice.title
        );
        let address = notice.address.as_deref().unwrap();
        assert!(
            address.starts_with("https://www.gov.cn/zhengce/"),
            "{address}"
        );
        // The number carries the year in which the notice was signed.
        let signed = format!("国办发明电〔{}〕", notice.signed.year());
        assert!(
            notice.number.as_deref().unwrap().starts_with(&signed),
            "{}",
            notice.title
        );
    }
}
