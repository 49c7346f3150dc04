//! The programmes that come with this build.

use super::Lang;

macro_rules! programmes {
    ($($name:literal),* $(,)?) => {
        /// The names that [`builtin`] knows, `standard` first.
        pub const BUILTIN_PROGRAMMES: &[&str] = &[$($name),*];

        /// The text of a programme that comes with this build, and the name of its file for messages.
        #[must_use]
        pub fn builtin(name: &str) -> Option<(&'static str, &'static str)> {
            match name {
                $($name => Some((
                    include_str!(concat!("../../programmes/", $name, ".yaml")),
                    concat!("programmes/", $name, ".yaml"),
                )),)*
                _ => None,
            }
        }
    };
}

programmes![
    "standard",
    "beilun-2019",
    "sanyuan-2022",
    "liandu-2021",
    "guizhou-province",
    "anhui-province-1411",
    "anqing-city-174",
    "anhui-province-871",
    "guangxi-city",
    "handan-2021",
];

/// How definitions name a rule that no law or text asks for.
const OWN_RULE: &str = "Anju default";

/// The source of a rule as it is shown: what is our own choice is said in the reader's language.
#[must_use]
pub fn source_text(source: &str, lang: Lang) -> &str {
    match (source, lang) {
        (OWN_RULE, Lang::Zh) => "安居默认规则",
        (OWN_RULE, Lang::En) => "a default of Anju",
        _ => source,
    }
}
