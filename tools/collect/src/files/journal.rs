// SPDX-License-Identifier: Apache-2.0
//! The thread that keeps exchanges. What comes while the disk is busy is committed together, so that one wait for the disk serves
//! many; each exchange is kept once, however often it comes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::seen::Seen;
use super::store::Store;
use crate::protocol::Id;

/// What is committed together at most, but for a single order that is larger.
const GROUP: usize = 8 << 20;
/// How often it looks after a segment's age.
const LOOK: Duration = Duration::from_millis(500);

/// An exchange as it is to be written.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: Id,
    pub bytes: Bytes,
}

/// Why nothing of an order was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// The disk has no room.
    Full,
    /// The disk fails, or the program ends.
    Failed(String),
}

/// A handle on the thread. What is on its way is bounded by those who send: each waits for its answer.
#[derive(Debug)]
pub struct Journal {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    bytes: Arc<AtomicU64>,
    segments: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Order {
    items: Vec<Item>,
    reply: oneshot::Sender<Result<Vec<bool>, NotKept>>,
}

impl Journal {
    /// Without a store it only tells what comes again.
    pub fn start(store: Option<Store>, seen: Seen) -> io::Result<Self> {
        let (orders, received) = channel();
        let (bytes, segments) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let writer =
            Writer { store, seen, bytes: bytes.clone(), segments: segments.clone(), is_failing: false };
        writer.measure();
        let work = move || writer.run(&received);
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(work)?;
        Ok(Self { orders: Some(orders), thread: Some(thread), bytes, segments })
    }

    /// Keeps exchanges, all or none. Says of each whether it is new.
    ///
    /// # Errors
    /// None was kept.
    pub async fn keep(&self, items: Vec<Item>) -> Result<Vec<bool>, NotKept> {
        let gone = || NotKept::Failed("the program ends".to_owned());
        let (reply, answer) = oneshot::channel();
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(Order { items, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Segments on disk.
    pub fn segments(&self) -> u64 {
        self.segments.load(Ordering::Relaxed)
    }
}

impl Drop for Journal {
    /// Waits until everything is written and closed.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer {
    store: Option<Store>,
    seen: Seen,
    bytes: Arc<AtomicU64>,
    segments: Arc<AtomicU64>,
    is_failing: bool,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(self.pause()) {
                Ok(first) => self.commit(group(first, orders)),
                Err(RecvTimeoutError::Timeout) => {
                    self.store.iter_mut().for_each(Store::rotate);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.measure();
        }
        if let Some(store) = self.store.take() {
            store.close();
        }
    }

    fn pause(&self) -> Duration {
        let rotation = self.store.as_ref().and_then(Store::rotation);
        let until = rotation.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
        until.map_or(LOOK, |until| until.clamp(Duration::from_millis(1), LOOK))
    }

    fn commit(&mut self, orders: Vec<Order>) {
        let mut bytes = Vec::new();
        let mut new = Vec::new();
        let mut answers = Vec::new();
        for order in orders {
            let fresh: Vec<bool> = order.items.iter().map(|item| self.seen.insert(item.id)).collect();
            for (item, _) in order.items.iter().zip(&fresh).filter(|(_, fresh)| **fresh) {
                bytes.extend_from_slice(&item.bytes);
                new.push(item.id);
            }
            answers.push((order.reply, fresh));
        }
        let kept = match &mut self.store {
            Some(store) if !bytes.is_empty() => store.commit(&bytes),
            _ => Ok(()),
        };
        self.report(kept.as_ref().err());
        let failure = kept.err().map(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => NotKept::Full,
            _ => NotKept::Failed(error.to_string()),
        });
        if failure.is_some() {
            new.iter().for_each(|id| self.seen.remove(id));
        }
        for (reply, fresh) in answers {
            // Who does not wait any more sends it again.
            let _ = reply.send(failure.clone().map_or(Ok(fresh), Err));
        }
    }

    /// One line when it begins to fail, and one when it works again.
    fn report(&mut self, error: Option<&io::Error>) {
        match error {
            Some(error) if !self.is_failing => {
                eprintln!("exchanges cannot be kept, and are refused: {error}")
            }
            None if self.is_failing => eprintln!("exchanges are kept again"),
            _ => {}
        }
        self.is_failing = error.is_some();
    }

    fn measure(&self) {
        if let Some(store) = &self.store {
            self.bytes.store(store.bytes(), Ordering::Relaxed);
            self.segments.store(store.segments() as u64, Ordering::Relaxed);
        }
    }
}

fn group(first: Order, orders: &Receiver<Order>) -> Vec<Order> {
    let size = |order: &Order| order.items.iter().map(|item| item.bytes.len()).sum::<usize>();
    let mut bytes = size(&first);
    let mut group = vec![first];
    while bytes < GROUP
        && let Ok(order) = orders.try_recv()
    {
        bytes += size(&order);
        group.push(order);
    }
    group
}
