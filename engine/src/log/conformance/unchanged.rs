//! What an append rests on besides the streams it appends to.

use super::*;
use crate::event::Position;
use crate::log::{InvalidAppend, MAX_UNCHANGED, Unchanged};

fn last(name: &str, revision: Option<u64>) -> Unchanged {
    Unchanged {
        stream: stream(name),
        revision: revision.map(Revision),
    }
}

/// Command `n`: one event for one stream, which rests on others.
fn resting(n: u128, name: &str, unchanged: Vec<Unchanged>) -> AppendRequest {
    AppendRequest {
        unchanged,
        ..single(n, name, Expected::Any)
    }
}

/// Each of the other streams must be where it was said to be, or not be there, and then nothing of it moves.
pub async fn what_an_append_rests_on_must_be_as_it_was(backend: &dyn Backend) {
    let log = open(backend).await;
    log.append(several(1, "rule", 2)).await.unwrap();
    for wrong in [None, Some(0), Some(2), Some(u64::MAX)] {
        let answer = log.append(resting(2, "a", vec![last("rule", wrong)])).await;
        let Err(AppendError::Conflict { stream, actual, .. }) = answer else {
            panic!("{wrong:?}: {answer:?}");
        };
        assert_eq!((stream.as_str(), actual), ("rule", Some(Revision(1))));
    }
    let other = last("other", Some(0));
    let answer = log.append(resting(3, "a", vec![last("rule", Some(1)), other]));
    let answer = answer.await;
    assert!(
        matches!(&answer, Err(AppendError::Conflict { stream, actual: None, .. }) if stream.as_str() == "other"),
        "{answer:?}"
    );
    let both = vec![last("rule", Some(1)), last("other", None)];
    let appended = log.append(resting(4, "a", both)).await.unwrap();
    assert_eq!(appended.first, Position(4));
    let revision = |name: &str| {
        let name = stream(name);
        let log = &log;
        async move { log.stream_revision(&name).await.unwrap() }
    };
    assert_eq!(revision("rule").await, Some(Revision(1)));
    assert_eq!(revision("other").await, None);
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, 4);
}

/// What came before in the same batch counts: one that rests on a stream is refused after one that has moved it.
pub async fn an_append_of_the_same_batch_may_take_away_what_another_rests_on(
    backend: &dyn Backend,
) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    let rest = |revision| vec![last("rule", revision)];
    let requests = [
        resting(1, "a", rest(None)),
        single(2, "rule", Expected::NoStream),
        resting(3, "b", rest(None)),
        resting(4, "c", rest(Some(0))),
        single(5, "rule", at(0)),
        resting(6, "d", rest(Some(0))),
        resting(7, "e", rest(Some(1))),
    ];
    let mut waiting = Vec::new();
    for request in requests {
        waiting.push(enqueue(&*log, request).await.ok().unwrap());
    }
    hold.send_replace(false);
    let answers = futures::future::join_all(waiting).await;
    let first: Vec<_> = answers
        .into_iter()
        .map(|answer| match answer {
            Ok(appended) => Some(appended.first.0),
            Err(AppendError::Conflict { stream, .. }) if stream.as_str() == "rule" => None,
            Err(other) => panic!("{other}"),
        })
        .collect();
    let landed = [Some(2), Some(3), None, Some(4), Some(5), None, Some(6)];
    assert_eq!(first, landed);
}

/// The outcome of a command stands, whatever has become of what it rested on.
pub async fn a_repeat_does_not_ask_again_what_it_rested_on(backend: &dyn Backend) {
    let log = open(backend).await;
    let asked = resting(1, "a", vec![last("rule", None)]);
    let appended = log.append(asked.clone()).await.unwrap();
    log.append(single(2, "rule", Expected::NoStream))
        .await
        .unwrap();
    let again = log.append(asked).await.unwrap();
    assert!(again.repeated);
    assert_eq!((again.first, again.last), (appended.first, appended.last));
}

/// A stream stands once in a request, and there are not too many of them.
pub async fn what_an_append_rests_on_is_named_once_and_bounded(backend: &dyn Backend) {
    let log = open(backend).await;
    for unchanged in [
        vec![last("a", None)],
        vec![last("b", None), last("b", Some(1))],
    ] {
        let name = unchanged[0].stream.clone();
        let answer = log.append(resting(1, "a", unchanged)).await;
        assert!(
            matches!(&answer, Err(AppendError::Invalid(InvalidAppend::StreamTwice(twice))) if *twice == name),
            "{answer:?}"
        );
    }
    let many = |count| (0..count).map(|n| last(&format!("s-{n}"), None)).collect();
    let answer = log.append(resting(1, "a", many(MAX_UNCHANGED + 1))).await;
    assert!(
        matches!(
            answer,
            Err(AppendError::Invalid(InvalidAppend::TooManyUnchanged { count, limit }))
                if count == limit + 1 && limit == MAX_UNCHANGED
        ),
        "{answer:?}"
    );
    log.append(resting(1, "a", many(MAX_UNCHANGED)))
        .await
        .unwrap();
}

/// Two that rest on what the other moves: only one of them lands, however they race.
pub async fn of_two_that_rest_on_each_others_streams_one_lands(backend: &dyn Backend) {
    let log = open(backend).await;
    let mut at = [None, None];
    for n in 0..20_u128 {
        let left = resting(2 * n + 1, "left", vec![last("right", at[1])]);
        let right = resting(2 * n + 2, "right", vec![last("left", at[0])]);
        let (left, right) = futures::join!(log.append(left), log.append(right));
        let landed = match (&left, &right) {
            (Ok(_), Err(AppendError::Conflict { .. })) => &mut at[0],
            (Err(AppendError::Conflict { .. }), Ok(_)) => &mut at[1],
            other => panic!("round {n}: {other:?}"),
        };
        *landed = Some(landed.map_or(0, |revision| revision + 1));
    }
    assert_eq!(size(&*log).await, 21);
}
