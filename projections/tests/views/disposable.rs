//! Views hold nothing that the log does not.

use anju_engine::event::Position;
use anju_projections::{ViewError, Views};

use crate::harness::{World, content, tamper};

async fn played() -> (World, Views) {
    let world = World::new().await;
    let views = world.views().await;
    world.play(&views, async |_| {}).await;
    (world, views)
}

#[tokio::test]
async fn views_kept_week_by_week_equal_views_made_at_once_and_views_rebuilt() {
    let (world, views) = played().await;
    let kept = content(&world.path("views.db")).await;
    assert!(
        kept.iter().any(|row| row.starts_with("escalation:")),
        "the play must escalate"
    );
    assert!(
        kept.iter().any(|row| row.starts_with("refusal:")),
        "the play must refuse"
    );

    let at_once = Views::open(&world.path("other.db"), world.handler.clone())
        .await
        .unwrap();
    let reached = at_once.catch_up().await.unwrap();
    assert_eq!(reached.0, world.handler.log().head().await.unwrap().size);
    assert_eq!(content(&world.path("other.db")).await, kept);

    assert_eq!(views.rebuild().await.unwrap(), reached);
    assert_eq!(content(&world.path("views.db")).await, kept);
    assert!(!world.path("views.db.rebuild").exists());
}

#[tokio::test]
async fn deleted_views_come_back_with_the_same_content() {
    let (world, views) = played().await;
    let before = content(&world.path("views.db")).await;
    drop(views);
    for name in ["views.db", "views.db-wal", "views.db-shm"] {
        let _ = std::fs::remove_file(world.path(name));
    }
    world.views().await.catch_up().await.unwrap();
    assert_eq!(content(&world.path("views.db")).await, before);
}

#[tokio::test]
async fn the_same_commands_make_the_same_views_on_every_backend() {
    let (memory, _views) = played().await;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = World::on_sqlite(&folder.path().join("log.db")).await;
    let views = sqlite.views().await;
    sqlite.play(&views, async |_| {}).await;
    assert_eq!(
        content(&sqlite.path("views.db")).await,
        content(&memory.path("views.db")).await
    );
}

#[tokio::test]
async fn views_that_two_processes_share_are_those_of_one() {
    let world = World::new().await;
    let one = world.views().await;
    let other = world.views().await;
    let mut turn = 0;
    world
        .play(&one, async |_| {
            turn += 1;
            if turn % 2 == 0 {
                // Steps by `one` before and after: each finds rows it has not written.
                other.catch_up().await.unwrap();
            }
        })
        .await;
    assert_eq!(
        one.position().await.unwrap(),
        other.catch_up().await.unwrap()
    );
    let alone = Views::open(&world.path("alone.db"), world.handler.clone())
        .await
        .unwrap();
    alone.catch_up().await.unwrap();
    assert_eq!(
        content(&world.path("views.db")).await,
        content(&world.path("alone.db")).await
    );
}

#[tokio::test]
async fn views_of_another_log_are_emptied_and_filled_from_this_one() {
    let (world, views) = played().await;
    drop(views);
    let other = World::of("anju.test/2").await;
    let views = Views::open(&world.path("views.db"), other.handler.clone())
        .await
        .unwrap();
    assert_eq!(views.position().await.unwrap(), Position(0));
    views.catch_up().await.unwrap();
    let fresh = other.views().await;
    fresh.catch_up().await.unwrap();
    assert_eq!(
        content(&world.path("views.db")).await,
        content(&other.path("views.db")).await
    );
}

#[tokio::test]
async fn views_with_another_root_ahead_of_the_log_or_of_another_version_are_filled_anew() {
    let (world, views) = played().await;
    let whole = content(&world.path("views.db")).await;
    drop(views);
    for wrong in [
        "UPDATE reached SET root = zeroblob(32); DELETE FROM deadline;",
        "UPDATE reached SET position = position + 1; DELETE FROM deadline;",
        "UPDATE reached SET version = 99; DELETE FROM deadline;",
        "PRAGMA user_version = 99; DROP TABLE deadline;",
        "DELETE FROM reached; DELETE FROM deadline;",
    ] {
        tamper(&world.path("views.db"), wrong).await;
        let views = world.views().await;
        assert_eq!(views.position().await.unwrap(), Position(0), "{wrong}");
        views.catch_up().await.unwrap();
        assert_eq!(content(&world.path("views.db")).await, whole, "{wrong}");
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("log.db");
    let world = World::on_sqlite(&store).await;
    let text = world.path("notes.txt");
    std::fs::write(
        &text,
        "not a database, but somebody's notes, longer than a header of SQLite is: ".repeat(20),
    )
    .unwrap();
    for path in [store, text] {
        let before = std::fs::read(&path).unwrap();
        let refused = Views::open(&path, world.handler.clone()).await;
        assert!(
            matches!(refused, Err(ViewError::NotViews { .. })),
            "{path:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), before, "{path:?}");
    }
    assert!(world.handler.log().verify(&|_, _| {}).await.is_ok());
}

#[test]
fn views_stand_beside_the_store_unless_another_file_is_named() {
    let beside = Views::default_path(std::path::Path::new("data/anju-demo.db"));
    assert_eq!(beside, std::path::Path::new("data/anju-demo.views.db"));
}
