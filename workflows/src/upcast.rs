//! The steps between the schema versions of our events: `docs/design/schema.md` says when there is a new one.

use std::sync::LazyLock;

use anju_engine::upcast::Upcasters;

static UPCASTERS: LazyLock<Upcasters> = LazyLock::new(Upcasters::new);

/// The steps of this build. Every type is still at version 1: a field that may be absent was enough so far.
///
/// A new version of a type is one more line here: `.with("fact_recorded", fact_recorded::to_2)`. Lines are added at the
/// end and never taken away, for the events they lift stay in the log.
#[must_use]
pub fn upcasters() -> &'static Upcasters {
    &UPCASTERS
}
