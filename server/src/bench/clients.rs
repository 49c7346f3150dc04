//! Several clients at once, each waiting for its answer before it asks again.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::measure::{Sample, now};
use crate::app::Failure;

/// Lets so many clients take the jobs, one after another from one queue, and tells how long all of it took and how
/// long each job waited. The first failure ends it.
///
/// The queue keeps the clients together: a job is begun when all but `clients` of those before it are done.
pub(super) async fn run<J, W, F>(clients: usize, jobs: Vec<J>, work: W) -> Result<Sample, Failure>
where
    J: Send + 'static,
    W: Fn(J) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send,
{
    let count = jobs.len();
    let queue = Arc::new(Mutex::new(jobs.into_iter()));
    let start = now();
    let mut under_way = JoinSet::new();
    for _ in 0..clients.max(1) {
        let (work, queue) = (work.clone(), Arc::clone(&queue));
        under_way.spawn(async move {
            let mut waits: Vec<Duration> = Vec::with_capacity(count / clients.max(1) + 1);
            // Nothing that holds the lock can panic.
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some(job) = next() {
                let asked = now();
                work(job).await?;
                waits.push(now() - asked);
            }
            Ok::<_, Failure>(waits)
        });
    }
    let mut waits = Vec::with_capacity(count);
    while let Some(ended) = under_way.join_next().await {
        let share = ended.map_err(|error| Failure::Store {
            zh: format!("测量中断:{error}"),
            en: format!("a client of the measurement has stopped: {error}"),
        })?;
        waits.extend(share?);
    }
    Ok(Sample::since(start, count).with_waits(waits))
}
