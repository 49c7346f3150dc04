//! The programmes that come with this build.

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
