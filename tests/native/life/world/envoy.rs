// SPDX-License-Identifier: Apache-2.0
//! What Envoy does by itself or is told to: time, clusters, host calls that fail, roots that end.

use std::time::Duration;

use super::World;
use crate::life::answers::ShadowEnd;
use crate::life::model::Broken;
use crate::life::spec::ConfigSpec;
use crate::life::step::{AnswerKind, ClusterState};
use crate::sim::Root;

/// So long until all that can wait has ended: the longest timeout, and what is left to a host that answers late.
const LONG: Duration = Duration::from_secs(20);

impl World {
    /// Moves time on. Envoy ends each copy at its timeout.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.sim.now() + by;
        loop {
            let due = self.in_flight.iter().map(|(token, sent)| (sent.deadline, *token)).min();
            let Some((deadline, token)) = due.filter(|(deadline, _)| *deadline <= end) else { break };
            self.sim.advance(deadline.saturating_sub(self.sim.now()));
            let grpc = self.in_flight[&token].grpc;
            let timeout = if grpc { AnswerKind::GrpcTimeout } else { AnswerKind::OfEnvoy(504) };
            self.answer(token, timeout, "1", b"upstream request timeout");
        }
        self.sim.advance(end - self.sim.now());
        self.around.now = self.sim.now();
    }

    pub(super) fn tick(&mut self) {
        // The copies were decided on before.
        let now = self.around.now;
        self.sim.tick();
        self.around.now = now;
    }

    pub(super) fn set_broken(&mut self, broken: Option<Broken>) {
        self.sim.fail_nothing();
        self.around.broken = broken;
        let calls: &[&str] = match broken {
            None => &[],
            Some(Broken::RequestHeaders) => &["header_map 0"],
            Some(Broken::RequestBody) => &["buffer 0"],
            Some(Broken::PrimaryHeaders) => &["header_map 2", "header 2"],
            Some(Broken::PrimaryBody) => &["buffer 1"],
            Some(Broken::ShadowHeaders) => &["header_map 6", "header 6"],
            Some(Broken::ShadowBody) => &["buffer 4"],
            Some(Broken::PrimaryTrailers) => &["header 3"],
            Some(Broken::ShadowTrailers) => &["header 7"],
            Some(Broken::Call) => &["http_call"],
            Some(Broken::WallClock) => &["clock 0"],
            Some(Broken::FilterState) => &["set_property"],
            Some(Broken::Log) => &["log"],
        };
        calls.iter().for_each(|call| self.sim.fail(call));
        // What the worker knows of the time was asked before.
        self.advance(Duration::from_secs(1));
    }

    pub(super) fn set_cluster(&mut self, name: &str, state: ClusterState) {
        self.sim.add_cluster(name);
        self.around.refusals.remove(name);
        match state {
            ClusterState::There => {}
            ClusterState::Empty => {
                self.sim.empty_cluster(name);
                self.around.refusals.insert(name.into(), "rejected");
            }
            ClusterState::Unknown => {
                self.sim.forget_cluster(name);
                self.around.refusals.insert(name.into(), "unknown_cluster");
            }
        }
    }

    /// As Envoy does: the last stream of a root is gone before it is asked to end. Another one may then end without a word.
    pub(super) fn end_root(&mut self, root: Root) -> bool {
        while let Some(index) = self.streams.iter().position(|open| open.root == root) {
            let open = self.streams.swap_remove(index);
            self.gone(open);
        }
        // Answers that wait to be compared would be lost with the other root.
        self.advance(Duration::from_millis(2));
        self.roots.remove(&root);
        let ended = self.sim.end_root(root);
        let open: Vec<u32> = self.sim.unanswered().iter().map(|copy| copy.token).collect();
        let lost: Vec<u32> = self.in_flight.keys().copied().filter(|token| !open.contains(token)).collect();
        for token in lost {
            let sent = self.in_flight.remove(&token).expect("in flight");
            self.model.settle(sent, ShadowEnd::Failed("timeout"), self.sim.now());
        }
        ended
    }

    /// Everything ends, and what was counted is what the model says, and nothing else.
    pub fn settle(mut self) {
        self.set_broken(None);
        while let Some(open) = self.streams.pop() {
            self.around.now = self.sim.now();
            self.gone(open);
        }
        self.advance(LONG);
        assert!(self.in_flight.is_empty());
        for policy in self.roots.values().flatten() {
            let open = policy.gates.iter().enumerate().filter(|(_, gate)| gate.borrow().is_open());
            open.for_each(|(index, _)| self.model.count(index, "breaker_open"));
        }
        self.model.close();
        for index in 0..4 {
            let name = ConfigSpec::name(index);
            let expected = self.model.counts.remove(&name).unwrap_or_default();
            assert_eq!(self.sim.counted(&name), expected, "{name}");
        }
        let told: Vec<String> = self.sim.filter_state().into_iter().map(|(_, names)| names).collect();
        assert_eq!(told, self.model.annotations);
        for root in self.roots.keys().copied().collect::<Vec<_>>() {
            assert!(self.end_root(root), "nothing is left to wait for");
        }
        self.sim.assert_all_settled();
        assert_eq!(self.sim.metric("shadow_breaker_open", &[]), 0);
    }
}
