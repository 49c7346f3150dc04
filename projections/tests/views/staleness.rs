//! Every answer says how fresh it is, and a fresher one can be waited for.

use std::sync::Arc;
use std::time::Duration;

use anju_engine::event::Position;
use anju_projections::ViewError;
use anju_projections::progress::ProgressQuery;
use anju_projections::stalls::StallQuery;
use tokio::sync::watch;

use crate::harness::{World, compound, register};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_answer_carries_the_position_it_reflects_and_nothing_after_it() {
    let world = World::new().await;
    let views = world.views().await;
    let before = views.catch_up().await.unwrap();
    world.register("P1", register("congtai", vec![])).await;
    let progress = views.progress(&ProgressQuery::default()).await.unwrap();
    assert_eq!(progress.position, before);
    assert_eq!(progress.programmes[0].figures.projects, 0);
    let after = views.catch_up().await.unwrap();
    let progress = views.progress(&ProgressQuery::default()).await.unwrap();
    assert_eq!(
        (progress.position, progress.programmes[0].figures.projects),
        (after, 1)
    );
    assert_eq!(
        views
            .stalled(&StallQuery::default())
            .await
            .unwrap()
            .position,
        after
    );
}

#[tokio::test]
async fn at_least_brings_the_views_to_a_position_that_the_log_has() {
    let world = World::new().await;
    let views = world.views().await;
    let project = world.register("P1", register("congtai", vec![])).await;
    let position = Position(world.state(&project).await.position);
    assert_eq!(views.at_least(position, PATIENCE).await.unwrap(), position);
}

#[tokio::test]
async fn at_least_waits_for_a_position_that_the_log_does_not_have_yet() {
    let world = Arc::new(World::new().await);
    let views = Arc::new(world.views().await);
    let next = Position(views.catch_up().await.unwrap().0 + 1);
    let waiting = tokio::spawn({
        let views = views.clone();
        async move { views.at_least(next, PATIENCE).await }
    });
    world
        .register("P1", register("congtai", vec![compound("a", None)]))
        .await;
    assert_eq!(waiting.await.unwrap().unwrap(), next);
}

#[tokio::test]
async fn at_least_says_where_the_views_stand_when_its_patience_ends() {
    let world = World::new().await;
    let views = world.views().await;
    let reached = views.catch_up().await.unwrap();
    let asked = Position(reached.0 + 1);
    let behind = views
        .at_least(asked, Duration::from_millis(1))
        .await
        .unwrap_err();
    assert!(
        matches!(&behind, ViewError::Behind { asked: a, reached: r, .. } if (*a, *r) == (asked, reached)),
        "{behind}"
    );
    assert!(behind.is_retryable());
}

#[tokio::test]
async fn following_views_come_after_each_append_and_stop_when_told() {
    let world = World::new().await;
    let views = Arc::new(world.views().await);
    let (stop, stopped) = watch::channel(false);
    let following = tokio::spawn({
        let views = views.clone();
        async move { views.follow(stopped).await }
    });
    for n in 0..5 {
        let project = world
            .register(&format!("P{n}"), register("congtai", vec![]))
            .await;
        let position = Position(world.state(&project).await.position);
        views.at_least(position, PATIENCE).await.unwrap();
    }
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();
    let progress = views.progress(&ProgressQuery::default()).await.unwrap();
    assert_eq!(progress.programmes[0].figures.projects, 5);
}

#[tokio::test]
async fn a_rebuild_answers_from_the_old_views_until_the_new_ones_are_whole() {
    let world = World::new().await;
    let views = Arc::new(world.views().await);
    for n in 0..40 {
        world
            .register(&format!("P{n}"), register("congtai", vec![]))
            .await;
    }
    let whole = views.catch_up().await.unwrap();
    let rebuilding = tokio::spawn({
        let views = views.clone();
        async move { views.rebuild().await }
    });
    while !rebuilding.is_finished() {
        let progress = views.progress(&ProgressQuery::default()).await.unwrap();
        assert_eq!(
            (progress.position, progress.programmes[0].figures.projects),
            (whole, 40)
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(rebuilding.await.unwrap().unwrap(), whole);
}
