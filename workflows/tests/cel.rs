//! Expressions: what they may say, what they mean, and that none of them runs away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anju_workflows::definition::{Definition, parse_builtin};
use anju_workflows::requirement::cel::{
    COST_LIMIT, Failure, Input, MAX_DEPTH, MAX_LENGTH, MAX_PARTS, Problem, Program, Value,
};
use proptest::prelude::*;

static STANDARD: LazyLock<Definition> =
    LazyLock::new(|| parse_builtin("standard").unwrap().definition);

fn read(text: &str) -> Result<Program, Problem> {
    Program::read(text, &STANDARD)
}

fn with(text: &str, inputs: &BTreeMap<Input, Value>) -> Result<bool, Failure> {
    let program = read(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
    let outcome = program.evaluate(inputs);
    assert!(outcome.cost > 0 && outcome.cost <= COST_LIMIT + 1);
    outcome.result
}

fn alone(text: &str) -> Result<bool, Failure> {
    with(text, &BTreeMap::new())
}

fn said(text: &str) -> String {
    let problem = read(text).expect_err(text);
    format!("{}: {}", problem.at, problem.en)
}

#[test]
fn arithmetic_is_that_of_whole_numbers() {
    for (text, holds) in [
        ("1 + 2 * 3 == 7", true),
        ("(1 + 2) * 3 == 9", true),
        ("7 / 2 == 3 && -7 / 2 == -3", true),
        ("7 % 3 == 1 && -7 % 3 == -1", true),
        ("10 - 3 - 2 == 5", true),
        ("2 < 3 && 3 <= 3 && !(3 < 3)", true),
        ("--1 == 1", true),
        ("true ? false : true", false),
        ("false ? false : true ? true : false", true),
    ] {
        assert_eq!(alone(text), Ok(holds), "{text}");
    }
}

#[test]
fn what_leaves_64_bits_or_divides_by_nothing_has_no_result() {
    let most = i64::MAX;
    for (text, failure) in [
        (format!("{most} + 1 > 0"), Failure::Overflow),
        (format!("-{most} - 2 < 0"), Failure::Overflow),
        (format!("{most} * 2 > 0"), Failure::Overflow),
        (format!("-(-{most} - 1) > 0"), Failure::Overflow),
        (format!("(-{most} - 1) / -1 > 0"), Failure::Overflow),
        ("1 / 0 > 0".to_owned(), Failure::DivisionByZero),
        ("1 % 0 > 0".to_owned(), Failure::DivisionByZero),
        ("[1, 2][2] > 0".to_owned(), Failure::NoSuchItem),
        ("[1, 2][-1] > 0".to_owned(), Failure::NoSuchItem),
        (
            "days_between('2021-02-30', '2021-03-01') > 0".to_owned(),
            Failure::NotADay,
        ),
    ] {
        assert_eq!(alone(&text), Err(failure), "{text}");
    }
}

#[test]
fn a_side_that_decides_hides_the_failure_of_the_other() {
    assert_eq!(alone("1 / 0 > 0 || true"), Ok(true));
    assert_eq!(alone("true || 1 / 0 > 0"), Ok(true));
    assert_eq!(alone("1 / 0 > 0 && false"), Ok(false));
    assert_eq!(alone("1 / 0 > 0 || false"), Err(Failure::DivisionByZero));
    assert_eq!(alone("[0, 1].exists(x, 1 / x == 1)"), Ok(true));
    assert_eq!(alone("[1, 0].all(x, 1 / x == 2)"), Ok(false));
    assert_eq!(
        alone("[0].all(x, 1 / x == 1)"),
        Err(Failure::DivisionByZero)
    );
}

#[test]
fn lists_and_texts_have_their_functions() {
    for text in [
        "3 in [1, 2, 3] && !(4 in [1, 2, 3]) && !(1 in [])",
        "size([1, 2]) == 2 && size('三户') == 2 && [1].size() == 1",
        "[1, 2, 3].all(x, x > 0) && [].all(x, x)",
        "[1, 2, 3].exists(x, x == 2) && ![1].exists(x, x == 2)",
        "[1, 2, 2].exists_one(x, x == 1) && ![2, 2].exists_one(x, x == 2)",
        "[1, 2, 3].filter(x, x > 1) == [2, 3]",
        "[1, 2].map(x, x * 2) == [2, 4]",
        "[[1], [2, 3]].all(x, size(x) > 0 && x.all(y, y > 0))",
        "[1] + [2] == [1, 2] && 'a' + 'b' == 'ab'",
        "'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c')",
        "'2021-03-09' < '2021-10-01' && \"it's\" == 'it\\'s'",
        "sum([1, 2, 3]) == 6 && sum([]) == 0",
        "days_between('2021-02-27', '2021-03-01') == 2",
        "1 == 1 // a remark\n && true",
    ] {
        assert_eq!(alone(text), Ok(true), "{text}");
    }
}

#[test]
fn names_are_those_of_the_definition() {
    let inputs = BTreeMap::from([
        (Input::Counter("households".to_owned()), Value::Int(319)),
        (Input::Counter("area_m2".to_owned()), Value::Int(12_500_000)),
        (
            Input::Word("track".to_owned()),
            Value::Text("core".to_owned()),
        ),
        (Input::On, Value::Text("2021-06-01".to_owned())),
        (Input::Count("works_started".to_owned()), Value::Int(1)),
        (
            Input::Day("works_started".to_owned()),
            Value::Text("2021-05-01".to_owned()),
        ),
        (
            Input::Latest("design_completed".to_owned(), "estimate_fen".to_owned()),
            Value::Int(1_000),
        ),
        (
            Input::All("resident_contribution".to_owned(), "amount_fen".to_owned()),
            Value::List(vec![Value::Int(400), Value::Int(600)]),
        ),
    ]);
    for text in [
        "project.households == 319 && project.area_mm2 == 12500000",
        "project.track == 'core' && on > day.works_started",
        "days_between(day.works_started, on) == 31 && count.works_started == 1",
        "sum(all.resident_contribution.amount_fen) == latest.design_completed.estimate_fen",
        "all.resident_contribution.amount_fen.all(f, f >= 400)",
        "has(project.households) && !has(project.buildings)",
    ] {
        assert_eq!(with(text, &inputs), Ok(true), "{text}");
    }
    assert_eq!(
        with("project.buildings > 0", &inputs),
        Err(Failure::Missing(Input::Counter("buildings".to_owned())))
    );
}

#[test]
fn what_it_cannot_say_is_refused_with_its_place() {
    for (text, line) in [
        (
            "project.households > 0.5",
            "21: only whole numbers: no fractions, no exponents",
        ),
        (
            "1e3 > 0",
            "0: only whole numbers: no fractions, no exponents",
        ),
        (
            "1u > 0",
            "0: a number is followed by no letter: whole numbers, in decimal digits",
        ),
        (
            "0x10 > 0",
            "0: a number is followed by no letter: whole numbers, in decimal digits",
        ),
        (
            "9223372036854775808 > 0",
            "0: the number 9223372036854775808 does not fit 64 bits",
        ),
        (
            "'a'.matches('(a+)+$')",
            "4: no patterns (matches): use contains, startsWith, endsWith or `in`",
        ),
        (
            "timestamp('2021-01-01T00:00:00Z') > 0",
            "0: no clock and no instants: days are texts, compared with `<`, counted with days_between",
        ),
        (
            "double(1) > 0",
            "0: no conversions (double): only whole numbers, booleans, texts and lists",
        ),
        (
            "{'a': 1} == {}",
            "0: there are no maps: only whole numbers, booleans, texts and lists",
        ),
        (
            "null == null",
            "0: there is no null; has(…) tells whether something is there",
        ),
        (
            "b'a' == b'a'",
            "0: texts with the prefix `b` are not supported",
        ),
        (
            "project.houses > 0",
            "0: there is no part of a project `houses`",
        ),
        (
            "latest.survey.households > 0",
            "0: there is no fact type `survey`",
        ),
        (
            "latest.survey_completed.household > 0",
            "0: there is no field `household`",
        ),
        (
            "latest.survey_completed.area_m2 > 0",
            "0: there is no field `area_m2`",
        ),
        (
            "latest.survey_completed > 0",
            "0: expected latest.survey_completed.field",
        ),
        ("projects.households > 0", "0: there is no name `projects`"),
        ("lenght([1]) > 0", "0: there is no function `lenght`"),
        (
            "project.households",
            "0: the expression must be true or false; this is int",
        ),
        (
            "project.households == 'a'",
            "22: expected int here, found string",
        ),
        ("[1, 'a'] == [1]", "4: expected int here, found string"),
        ("1 && true", "0: expected bool here, found int"),
        (
            "size(1) > 0",
            "5: `size` takes a text or a list; this is int",
        ),
        ("size() > 0", "0: `size` takes 1 arguments, not 0"),
        ("[1].all(x, x)", "11: expected bool here, found int"),
        ("1 +", "3: the expression is broken here"),
        ("(1 == 1", "7: expected `)` here"),
        ("1 == 1 1", "7: the expression is broken here"),
        ("'a", "0: the text has no closing quote"),
        ("1 = 1", "2: `=` cannot stand here"),
        (
            "has(1)",
            "0: has(…) takes a name, such as has(latest.fact.field)",
        ),
        ("x.all(x, x)", "0: there is no name `x`"),
        ("", "0: the expression is broken here"),
    ] {
        assert_eq!(said(text), line, "{text}");
    }
}

#[test]
fn what_is_too_long_too_deep_or_has_too_many_parts_is_refused() {
    let long = format!("'{}' == ''", "x".repeat(MAX_LENGTH));
    assert!(said(&long).contains("the limit is"));
    let deep = format!("{}true{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert!(said(&deep).contains("levels deep"));
    let nots = format!("{}true", "!".repeat(MAX_DEPTH + 1));
    assert!(said(&nots).contains("levels deep"));
    let parts = vec!["1"; MAX_PARTS].join("+") + "==1";
    assert!(said(&parts).contains("more than"));
    let nested = "[1].all(a, [1].all(b, [1].all(c, c == a)))";
    assert!(said(nested).contains("walks through lists"));
}

#[test]
fn what_would_run_away_ends_at_the_cost_limit() {
    let many = Value::List((0..2_000).map(Value::Int).collect());
    let inputs = BTreeMap::from([(
        Input::All("resident_contribution".to_owned(), "amount_fen".to_owned()),
        many,
    )]);
    let list = "all.resident_contribution.amount_fen";
    for text in [
        format!("{list}.all(a, {list}.all(b, a + b >= 0))"),
        format!("size({list}.map(a, {list})) > 0"),
        format!("size({list} + {list} + {list} + {list} + {list} + {list}) > 0"),
        format!("{list}.all(a, !(a in {list}) || true)"),
        // A cost that is hidden by the other side is still paid.
        format!("{list}.all(a, {list}.all(b, a == b)) || {list}.all(a, {list}.exists(b, a == b))"),
    ] {
        let begun = Instant::now();
        assert_eq!(with(&text, &inputs), Err(Failure::TooDear), "{text}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{text}");
    }
}

#[test]
fn what_is_tried_is_the_same_every_time() {
    let program =
        read("project.households >= 30 && latest.survey_completed.build_year < 2000").unwrap();
    let sampled = program.sample(&STANDARD);
    assert_eq!(sampled, program.sample(&STANDARD));
    let holds = sampled.holds.unwrap();
    assert_eq!(program.evaluate(&holds).result, Ok(true));
    assert_eq!(program.evaluate(&sampled.fails.unwrap()).result, Ok(false));
    let never = read("project.households < 0").unwrap();
    assert!(never.sample(&STANDARD).holds.is_none());
}

/// Expressions by their grammar, with constants only, so that another implementation can read them too.
fn ints(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        (0_i64..20).prop_map(|number| number.to_string()),
        Just(i64::MAX.to_string()),
    ];
    leaf.prop_recursive(depth, 24, 2, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop_oneof!["\\+", "-", "\\*", "/", "%"],
                inner.clone()
            )
                .prop_map(|(a, sign, b)| format!("({a} {sign} {b})")),
            inner.clone().prop_map(|a| format!("(-{a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}][0]")),
            inner.prop_map(|a| format!("size([1, {a}])")),
        ]
    })
    .boxed()
}

fn bools() -> BoxedStrategy<String> {
    let compare = (
        ints(2),
        prop_oneof!["==", "!=", "<", "<=", ">", ">="],
        ints(2),
    )
        .prop_map(|(a, sign, b)| format!("{a} {sign} {b}"));
    let leaf = prop_oneof![
        compare,
        Just("true".to_owned()),
        Just("false".to_owned()),
        (
            "[a-c]{0,3}",
            prop_oneof!["contains", "startsWith", "endsWith"],
            "[a-c]{0,2}"
        )
            .prop_map(|(a, name, b)| format!("'{a}'.{name}('{b}')")),
        (ints(1), ints(1), ints(1)).prop_map(|(a, b, c)| format!("{a} in [{b}, {c}]")),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (
                prop_oneof!["all", "exists", "exists_one"],
                ints(1),
                ints(1),
                inner
            )
                .prop_map(|(name, a, b, body)| format!("[{a}, {b}, 1].{name}(x, x > 2 && {body})")),
        ]
    })
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_letters_end_in_an_answer(text in ".{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn any_tokens_end_in_an_answer(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", "[", "]", ".", ",", "?", ":", "!", "-", "+", "*", "/", "%", "&&", "||", "==", "<", "in",
                "1", "'a'", "true", "x", "project", "households", "all", "latest", "survey_completed", "has", "size",
            ]),
            0..80,
        )
    ) {
        if let Ok(program) = read(&tokens.join(" ")) {
            let outcome = program.evaluate(&BTreeMap::new());
            prop_assert!(outcome.cost <= COST_LIMIT + 1);
            let _ = program.sample(&STANDARD);
        }
    }

    #[test]
    fn what_is_read_means_the_same_to_another_implementation(text in bools()) {
        // What is too deep for us is nothing to compare.
        if let Ok(program) = read(&text) {
            let ours = program.evaluate(&BTreeMap::new()).result;
            let theirs = cel::Program::compile(&text).unwrap().execute(&cel::Context::default());
            match (ours, theirs) {
                (Ok(ours), Ok(cel::Value::Bool(theirs))) => prop_assert_eq!(ours, theirs, "{}", text),
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "{}: {:?} and {:?}", text, ours, theirs),
            }
        }
    }
}
