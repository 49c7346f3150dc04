//! A definition as readers see it.

use anju_workflows::definition::{BUILTIN_PROGRAMMES, Lang, mermaid, parse_builtin, show_text};

use crate::support::{SOUND, read, sound_with};

/// The sound programme as text; its digest, which changes with the model, is checked and left out.
fn shown(lang: Lang) -> String {
    let definition = read(SOUND).unwrap().definition;
    let text = show_text(&definition, lang);
    assert!(text.contains(&definition.digest()), "{text}");
    text.replace(&definition.digest(), "…")
}

#[test]
fn a_programme_is_shown_in_chinese() {
    insta::assert_snapshot!(shown(Lang::Zh));
}

#[test]
fn a_programme_is_shown_in_english() {
    insta::assert_snapshot!(shown(Lang::En));
}

#[test]
fn a_programme_whose_year_is_masked_is_shown_with_its_days_unknown() {
    let text = sound_with("year: {value: 2021}\n", "");
    let shown = show_text(&read(&text).unwrap().definition, Lang::Zh);
    assert!(shown.contains("年度：未定"), "{shown}");
    assert!(shown.contains("Y-03-31（年度未定）"), "{shown}");
    assert!(shown.contains("Y-11-30（年度未定） 之前"), "{shown}");
}

#[test]
fn every_programme_of_this_build_is_shown_with_every_rule_in_words() {
    for name in BUILTIN_PROGRAMMES {
        let definition = parse_builtin(name).unwrap().definition;
        for lang in [Lang::Zh, Lang::En] {
            let shown = show_text(&definition, lang);
            for (stage, id, requirement) in definition
                .stages
                .values()
                .flat_map(|stage| stage.exit.iter().map(move |(id, rule)| (stage, id, rule)))
            {
                let asks = definition.describe_requirement(requirement, lang);
                assert!(!asks.trim().is_empty(), "{name}: {id} of {stage:?}");
                let squeezed = asks.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(shown.contains(&squeezed), "{name}: {squeezed}");
            }
        }
    }
}

#[test]
fn the_diagram_names_who_takes_which_way() {
    insta::assert_snapshot!(mermaid(&read(SOUND).unwrap().definition, Lang::Zh), @r#"
    stateDiagram-v2
      state "意见征集" as s_consultation
      state "方案设计" as s_design
      state "施工" as s_works
      [*] --> s_consultation
      s_consultation --> s_design : 综合整治
      s_consultation --> s_works : 其他、加装电梯
      s_design --> s_works
      s_works --> [*]
      s_design --> s_consultation : 重新征集
    "#);
}

#[test]
fn no_name_breaks_out_of_the_diagram() {
    let text = sound_with(
        "name: {zh: 施工, en: Works}",
        "name: {zh: \"</pre><script>\\\";\\n[*] --> x: {#35;}%%\", en: Works}",
    );
    let diagram = mermaid(&read(&text).unwrap().definition, Lang::Zh);
    assert!(
        diagram.contains("  state \"#60;/pre#62;#60;script#62;#34;#59; #91;#42;#93; --#62; x#58; #123;#35;35#59;#125;#37;#37;\" as s_works\n"),
        "{diagram}"
    );
    assert_eq!(
        diagram.lines().count(),
        mermaid(&read(SOUND).unwrap().definition, Lang::Zh)
            .lines()
            .count()
    );
}
