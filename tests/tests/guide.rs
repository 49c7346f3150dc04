//! The guide is walked as its reader walks it: every file is written, every command typed, in an empty folder.

use anju_tests::cli::Desk;
use anju_tests::tour::walk;

fn guide() -> String {
    let path = format!("{}/../docs/guide.md", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_guide_leads_from_an_empty_folder_to_a_running_programme() {
    let desk = Desk::new();
    let said = walk(&guide(), &desk);
    assert!(said.len() >= 20, "{} commands", said.len());
    let after = |command: &str| {
        &said
            .iter()
            .find(|(typed, _)| typed.starts_with(command))
            .unwrap_or_else(|| panic!("the guide has no command {command}"))
            .1
    };
    // What the page quotes is what the reader sees.
    let page = guide();
    let quoted = |text: &str| {
        assert!(page.contains(text), "the guide does not say {text:?}");
    };
    let error = after("anju programme lint plan.yaml --lang en");
    let line = error
        .lines()
        .find(|line| line.contains("asked_household"))
        .unwrap();
    quoted(line.trim());
    let change = after("anju programme diff ourcity-2021@newest");
    let line = change.lines().find(|line| line.contains("≥2/3")).unwrap();
    quoted(line.trim());
    let refused = after("anju advance p1 --at 2021-01-16");
    assert!(
        refused.contains("237/319") && refused.contains("19"),
        "{refused}"
    );
    // The pictures are there.
    for picture in ["plan.svg", "calendar.svg"] {
        let text = std::fs::read_to_string(desk.path(picture)).unwrap();
        assert!(text.starts_with("<svg "), "{picture}");
    }
}
