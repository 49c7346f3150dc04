//! Programme files at the command line: schema, show, diff, lint against a store.

use std::fs;

use anju_tests::cli::Desk;

const PLAN: &str =
    "extends: standard\nid: town-2021\nname: {zh: 某镇, en: Town}\nyear: {value: 2021}\n";

#[test]
fn the_schema_and_the_reference_are_printed_as_they_are_kept() {
    let desk = Desk::new();
    let kept = |file: &str| {
        fs::read_to_string(format!("{}/../docs/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    assert_eq!(
        desk.ok(&["programme", "schema"]),
        kept("programme.schema.json")
    );
    assert_eq!(desk.ok(&["programme", "reference"]), kept("reference.md"));
}

#[test]
fn two_programmes_are_told_apart_in_words_and_the_same_ones_are_the_same() {
    let desk = Desk::new();
    assert!(
        desk.ok(&["programme", "diff", "handan-2021", "handan-2021"])
            .contains("两者相同")
    );
    let apart = desk.run(&[
        "programme",
        "diff",
        "standard",
        "handan-2021",
        "--lang",
        "en",
    ]);
    assert_eq!(apart.code, 1);
    assert!(
        apart
            .out
            .contains("+ added requirement “At least 80 % of the households consulted”"),
        "{}",
        apart.out
    );
    assert_eq!(apart.err, "");
    let json = desk.refused(&["programme", "diff", "standard", "handan-2021"]);
    assert_eq!(json["same"], false);
    assert_eq!(json["old"]["id"], "standard");
    assert!(json["changes"].as_array().unwrap().len() > 10);
}

#[test]
fn versions_of_the_log_are_compared_by_the_beginning_of_their_digest() {
    let desk = Desk::new();
    fs::write(desk.path("plan.yaml"), PLAN).unwrap();
    let first = desk.json(&["programme", "publish", "plan.yaml"])["published"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(
        desk.path("plan.yaml"),
        format!("{PLAN}lamps: {{red: 20}}\n"),
    )
    .unwrap();
    let second = desk.json(&["programme", "publish", "plan.yaml"])["published"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let (a, b) = (
        format!("town-2021@{}", &first[..8]),
        format!("town-2021@{}", &second[..8]),
    );
    let apart = desk.run(&["programme", "diff", &a, &b]);
    assert_eq!(apart.code, 1);
    assert!(apart.out.contains("亮灯：红灯 10 → 20"), "{}", apart.out);
    // The newest of the log, and the file, are the second.
    assert_eq!(desk.run(&["programme", "diff", &b, "town-2021"]).code, 0);
    assert_eq!(desk.run(&["programme", "diff", &b, "plan.yaml"]).code, 0);
    // A version that is not there is named, with those that are.
    let none = desk.run(&[
        "programme",
        "diff",
        "town-2021@00000000",
        "plan.yaml",
        "--lang",
        "en",
    ]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains(&first[..12]), "{}", none.err);
}

#[test]
fn a_programme_is_drawn_into_files_and_its_rules_stand_in_both_languages() {
    let desk = Desk::new();
    let shown = desk.ok(&[
        "programme",
        "show",
        "handan-2021",
        "--svg",
        "machine.svg",
        "--windows",
        "windows.svg",
    ]);
    assert_eq!(
        shown, "",
        "who asks for a picture has asked for nothing else"
    );
    let machine = fs::read_to_string(desk.path("machine.svg")).unwrap();
    for words in [
        "<title ",
        "<desc ",
        "居民意见征集",
        "Resident consultation",
        "2021-01-20",
    ] {
        assert!(machine.contains(words), "{words}");
    }
    // Drawn again, on any day, the picture is the same.
    let _ = desk.ok(&["programme", "show", "handan-2021", "--svg", "again.svg"]);
    assert_eq!(fs::read_to_string(desk.path("again.svg")).unwrap(), machine);
    assert!(
        fs::read_to_string(desk.path("windows.svg"))
            .unwrap()
            .contains("<title ")
    );
    let rules = desk.ok(&["programme", "show", "handan-2021", "--rules"]);
    let row = rules
        .lines()
        .find(|line| line.contains("consulted_80"))
        .unwrap();
    assert!(
        row.contains("征求80%以上居民意见") && row.contains("households consulted"),
        "{row}"
    );
    let unwritable = desk.run(&[
        "programme",
        "show",
        "handan-2021",
        "--svg",
        "no/such/folder.svg",
    ]);
    assert!(unwritable.code != 0 && unwritable.err.contains("no/such/folder.svg"));
}

#[test]
fn lint_names_the_rules_that_no_stored_history_ever_met_and_only_where_a_store_is_given() {
    let desk = Desk::new();
    fs::write(desk.path("plan.yaml"), PLAN).unwrap();
    desk.ok(&["programme", "publish", "plan.yaml"]);
    for project in ["p1", "p2"] {
        desk.ok(&[
            "register",
            project,
            "--programme",
            "town-2021",
            "--name",
            "某小区",
            "--at",
            "2021-01-04",
        ]);
    }
    desk.ok(&[
        "record",
        "p1",
        "survey_completed",
        "households=10",
        "--at",
        "2021-01-05",
    ]);
    let told = |args: &[&str]| {
        let out = desk.json(args);
        out["files"][0]["problems"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|problem| problem["code"] == "never_met")
            .map(|problem| problem["path"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let with_store = [
        "programme",
        "lint",
        "plan.yaml",
        "--store",
        "sqlite:./anju.db",
    ];
    // One of the two has its survey: the rule is met, and nobody came to the other stages.
    assert_eq!(told(&with_store), Vec::<String>::new());
    // A rule that asks for what no project has.
    let rule = "stages:\n  survey:\n    exit:\n      listed: {name: {zh: 已入库, en: Listed}, fact: {any_of: [reserve_listed]}}\n";
    fs::write(desk.path("plan.yaml"), format!("{PLAN}{rule}")).unwrap();
    assert_eq!(told(&with_store), ["stages.survey.exit.listed"]);
    assert_eq!(
        told(&["programme", "lint", "plan.yaml"]),
        Vec::<String>::new()
    );
    // It is a warning: the file may be published all the same.
    assert_eq!(desk.run(&with_store).code, 0);
    // A store that is not there is named, not taken for an empty one.
    let none = desk.run(&[
        "programme",
        "lint",
        "plan.yaml",
        "--store",
        "sqlite:./none.db",
    ]);
    assert!(
        none.code != 0 && none.err.contains("none.db"),
        "{}",
        none.err
    );
}

#[test]
fn a_file_that_cannot_be_a_programme_is_refused_with_reason_line_and_column() {
    let desk = Desk::new();
    let cases: &[(&str, &[u8], &str)] = &[
        (
            "self.yaml",
            b"extends: ./self.yaml\n",
            "self.yaml:1:10: error: `extends` runs in a circle: self.yaml -> self.yaml",
        ),
        (
            "a.yaml",
            b"extends: ./b.yaml\n",
            "b.yaml:1:10: error: `extends` runs in a circle: a.yaml -> b.yaml -> a.yaml",
        ),
        ("b.yaml", b"extends: ./a.yaml\n", ""),
        (
            "newer.yaml",
            b"extends: standard\nlanguage: 2\nwonders: 1\n",
            "newer.yaml:2:11: error: the language version is 2; this build understands up to 1 (expected: 1); use a newer anju",
        ),
        (
            "utf16.yaml",
            b"\xff\xfee\0x\0",
            "utf16.yaml:1:1: error: the file is encoded as UTF-16, not UTF-8; save it as UTF-8",
        ),
        (
            "gbk.yaml",
            b"id: x\nname: \xb8\xc4\xd4\xec\xbc\xc6\xbb\xae\n",
            "gbk.yaml:2:7: error: the file looks like GBK / GB18030, not UTF-8; save it as UTF-8",
        ),
        (
            "above.yaml",
            b"extends: ./gbk.yaml\n",
            "gbk.yaml:2:7: error: the file looks like GBK / GB18030, not UTF-8; save it as UTF-8",
        ),
        ("nul.yaml", b"id: \0\n", "nul.yaml:1:5: error:"),
        (
            "gone.yaml",
            b"extends: ./nowhere.yaml\n",
            "gone.yaml:1:10: error: there is no file `nowhere.yaml`",
        ),
    ];
    for (file, bytes, _) in cases {
        fs::write(desk.path(file), bytes).unwrap();
    }
    for (file, _, line) in cases {
        for task in ["lint", "publish"] {
            let answer = desk.run(&["--lang", "en", "programme", task, file]);
            assert!(answer.code != 0, "{task} {file}");
            let told = format!("{}{}", answer.out, answer.err);
            assert!(told.contains(line), "{task} {file}: {told}");
        }
    }
    assert!(!desk.path("anju.db").exists(), "nothing was published");
}
