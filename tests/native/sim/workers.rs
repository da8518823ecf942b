// SPDX-License-Identifier: Apache-2.0
//! Several workers of one Envoy: a VM in a thread each, with shared data in common. Their clocks move together.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{SharedData, Sim};

type Job = Box<dyn FnOnce(&mut Sim) + Send>;

pub struct Workers {
    process: SharedData,
    config: String,
    now: Duration,
    workers: Vec<Worker>,
}

struct Worker {
    /// `None`: it crashed.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    pub fn new(count: usize, config: impl ToString) -> Self {
        let (process, config, now) = (SharedData::default(), config.to_string(), Duration::from_secs(1));
        let workers = (0..count).map(|_| Worker::start(&process, &config, now)).collect();
        Self { process, config, now, workers }
    }

    pub fn process(&self) -> &SharedData {
        &self.process
    }

    /// Has one worker do something.
    pub fn on<T: Send + 'static>(&self, index: usize, act: impl FnOnce(&mut Sim) -> T + Send + 'static) -> T {
        let result = self.workers[index].ask(act);
        result.recv().expect("the worker's thread failed")
    }

    /// Has all of them do something at the same time.
    pub fn each<T: Send + 'static>(&self, act: impl Fn(&mut Sim) -> T + Clone + Send + 'static) -> Vec<T> {
        let ask = |worker: &Worker| {
            let act = act.clone();
            worker.ask(move |sim| act(sim))
        };
        let results: Vec<_> = self.workers.iter().map(ask).collect();
        results.into_iter().map(|result| result.recv().expect("a worker's thread failed")).collect()
    }

    /// Moves time on, by 10 ms at a time.
    pub fn advance(&mut self, by: Duration) {
        const STEP: Duration = Duration::from_millis(10);
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(STEP);
            self.each(move |sim| sim.advance(step));
            left -= step;
        }
        self.now += by;
    }

    /// Copies under way, over all workers.
    pub fn in_flight(&self) -> usize {
        self.each(|sim| sim.unanswered().len()).into_iter().sum()
    }

    /// A worker's VM is gone without a word, and another takes its place. How many copies were under way there.
    pub fn crash(&mut self, index: usize) -> usize {
        let in_flight = self.on(index, |sim| sim.unanswered().len());
        self.workers[index].end(|sim| {
            std::mem::forget(std::mem::replace(
                sim,
                Sim::with_config(r#"{"mirrors": [{"cluster": "none", "percentage": 0}]}"#),
            ))
        });
        self.workers[index] = Worker::start(&self.process, &self.config, self.now);
        in_flight
    }
}

impl Worker {
    fn start(process: &SharedData, config: &str, now: Duration) -> Self {
        let (jobs, queue): (Sender<Job>, Receiver<Job>) = channel();
        let (process, config) = (process.clone(), config.to_owned());
        let thread = std::thread::spawn(move || {
            let mut sim = Sim::beside(&process, config, now);
            queue.into_iter().for_each(|job| job(&mut sim));
        });
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    fn ask<T: Send + 'static>(&self, act: impl FnOnce(&mut Sim) -> T + Send + 'static) -> Receiver<T> {
        let (answer, result) = channel();
        let job: Job = Box::new(move |sim| {
            // Nobody waits any more if the test has failed.
            let _ = answer.send(act(sim));
        });
        self.jobs.as_ref().expect("a living worker").send(job).expect("the worker's thread failed");
        result
    }

    fn end(&mut self, act: impl FnOnce(&mut Sim) + Send + 'static) {
        drop(self.ask(act));
        self.jobs = None;
        self.thread.take().into_iter().for_each(|thread| thread.join().expect("the worker's thread failed"));
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.workers.iter_mut().for_each(|worker| worker.end(|_| {}));
        }
    }
}
