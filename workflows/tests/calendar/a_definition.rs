use super::*;

#[test]
fn comes_back_from_json_with_the_same_digest() {
    let read = CalendarDefinition::from_value(definition()).unwrap();
    assert_eq!(&read, cn().definition());
    let again = Calendar::from_definition(read).unwrap();
    assert_eq!(again.digest(), cn().digest());
}

#[test]
fn has_a_digest_of_its_sorted_compact_json() {
    let sorted = r#"{"id":"x","notices":[{"holidays":[{"name":"元旦","rest":["2030-01-01"]}],"kind":"yearly","published":"2029-11-02","signed":"2029-11-01","title":"t\"","year":2030}],"title":"空"}"#;
    let definition = CalendarDefinition::from_value(serde_json::from_str(sorted).unwrap());
    let calendar = Calendar::from_definition(definition.unwrap()).unwrap();
    use sha2::{Digest, Sha256};
    let expected: String = Sha256::digest(sorted)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(calendar.digest(), expected);
}

/// Decisions in a log name this digest: whoever changes the file sees it here.
#[test]
fn that_is_built_in_has_the_digest_that_decisions_name() {
    assert_eq!(
        cn().digest(),
        "21f8f27f02ae649ef0490f08800ca7011c2a03912bc20b9f87111ed142cb17fc"
    );
}

#[test]
fn that_names_a_day_both_ways_is_refused() {
    let mut value = definition();
    value["notices"][0]["holidays"][2]["work"] = json!(["2019-10-03"]);
    let title = "国务院办公厅关于2019年部分节假日安排的通知".to_owned();
    let both = CalendarError::RestedAndWorked {
        notice: title,
        day: date(2019, 10, 3),
    };
    assert_eq!(refusal(value), both);
}

#[test]
fn that_fixes_a_year_twice_is_refused() {
    let mut value = definition();
    let again = value["notices"][0].clone();
    value["notices"].as_array_mut().unwrap().push(again);
    assert_eq!(refusal(value), CalendarError::YearFixedTwice { year: 2019 });
}

#[test]
fn that_amends_what_is_not_fixed_yet_is_refused() {
    let amendment = |year| CalendarError::AmendsUnknownYear {
        notice: "国务院办公厅关于调整2019年劳动节假期安排的通知".to_owned(),
        year,
        published: date(2019, 3, 22),
    };
    let mut value = definition();
    value["notices"].as_array_mut().unwrap().remove(0);
    assert_eq!(refusal(value), amendment(2019));
    let mut value = definition();
    value["notices"][0]["published"] = json!("2019-03-23");
    assert_eq!(refusal(value), amendment(2019));
}

#[test]
fn that_names_a_day_of_another_year_is_refused() {
    for stray in ["2018-11-30", "2020-02-01", "2029-01-01"] {
        let mut value = definition();
        value["notices"][0]["holidays"][2]["rest"] = json!([stray]);
        value["notices"][0]["holidays"][2]["statutory"] = json!([]);
        let refused = refusal(value);
        assert!(
            matches!(&refused, CalendarError::DayOfAnotherYear { year: 2019, .. }),
            "{refused}"
        );
    }
}

#[test]
fn that_marks_a_working_day_as_statutory_is_refused() {
    let mut value = definition();
    value["notices"][0]["holidays"][2]["statutory"] = json!(["2019-04-04"]);
    let refused = refusal(value);
    assert!(
        matches!(&refused, CalendarError::StatutoryNotRest { day, .. } if *day == date(2019, 4, 4))
    );
}

#[test]
fn that_cannot_be_read_is_refused_with_the_place() {
    let place = |field: &str, with: Value| {
        let mut value = definition();
        *value.pointer_mut(field).unwrap() = with;
        match refusal(value) {
            CalendarError::Shape { path, .. } => path,
            other => panic!("{other}"),
        }
    };
    let rest = "/notices/0/holidays/0/rest/0";
    let at = "notices[0].holidays[0].rest[0]";
    for bad in [
        "2019-02-29",
        "20190101",
        "2019-01-01T00:00",
        "2019-01-03..2019-01-01",
        "",
    ] {
        assert_eq!(place(rest, json!(bad)), at, "{bad}");
    }
    assert_eq!(place(rest, json!("2019-01-01..2019-02-01")), at); // 32 days
    assert_eq!(
        place("/notices/1/published", json!("soon")),
        "notices[1].published"
    );
    assert_eq!(place("/notices/1/kind", json!("rumour")), "notices[1].kind");
    for bad in [1948, 9999, i16::MIN, i16::MAX] {
        assert_eq!(
            place("/notices/1/year", json!(bad)),
            "notices[1].year",
            "{bad}"
        );
    }
    let mut value = definition();
    value["notices"][3]["wrok"] = json!([]);
    assert!(
        matches!(refusal(value), CalendarError::Shape { path, .. } if path == "notices[3].wrok")
    );
}

#[test]
fn in_yaml_is_one_document_of_plain_maps_and_lists() {
    let read = CalendarDefinition::from_yaml;
    let plain = read("id: cn\ntitle: '2026'\nnotices: []\n").unwrap();
    assert_eq!((plain.id.as_str(), plain.title.as_str()), ("cn", "2026"));
    for bad in [
        "",
        "id: [",
        "id: cn\nid: cn\ntitle: t\nnotices: []\n",
        "id: &a cn\ntitle: *a\nnotices: []\n",
        "id: !x cn\ntitle: t\nnotices: []\n",
        "id: cn\ntitle: t\nnotices: []\n---\nid: cn\n",
    ] {
        assert!(matches!(read(bad), Err(CalendarError::Yaml(_))), "{bad}");
    }
    assert!(matches!(read("id: cn\n"), Err(CalendarError::Shape { .. })));
}

#[test]
fn writes_a_span_as_it_is_read() {
    for text in [
        "2026-01-04",
        "2026-01-01..2026-01-03",
        "2018-12-30..2019-01-01",
    ] {
        let span: DaySpan = text.parse().unwrap();
        assert_eq!(span.to_string(), text);
    }
    let one: DaySpan = "2026-01-04..2026-01-04".parse().unwrap();
    assert_eq!(one.to_string(), "2026-01-04");
    assert_eq!(
        (one.first(), one.last()),
        (date(2026, 1, 4), date(2026, 1, 4))
    );
    assert_eq!(DaySpan::new(date(2026, 1, 2), date(2026, 1, 1)), None);
}
