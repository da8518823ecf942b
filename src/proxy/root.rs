// SPDX-License-Identifier: Apache-2.0
//! The root context: configures, ticks, gets the answers, and ends when its copies have settled.

use std::rc::Rc;

use super::OnInvalid;
use super::host::{self, Level};
use super::shared::Shared;
use super::stream::Stream;
use crate::config::Config;
use crate::ledger::Kind;
use crate::metrics;

pub struct Root {
    on_invalid: OnInvalid,
    shared: Rc<Shared>,
    /// The host asked the root to end, and copies were still under way.
    ending: bool,
}

impl Root {
    pub fn new(id: u32, on_invalid: OnInvalid) -> Self {
        Self { on_invalid, shared: Rc::new(Shared::new(id)), ending: false }
    }

    /// Ends the root once its copies have settled, if the host waits for that. Whether it has ended.
    fn end_if_settled(&mut self) -> bool {
        let ends = self.ending && self.shared.is_idle();
        if ends {
            self.shared.rest();
            host::done();
        }
        ends
    }

    /// The context of a stream under this configuration.
    pub fn stream(&self) -> Stream {
        Stream::new(self.shared.clone())
    }

    /// Takes the plugin's configuration, which has `size` bytes. False has the host refuse it.
    pub fn configure(&mut self, size: usize) -> bool {
        let config = Config::parse(&host::plugin_configuration(size));
        match &config {
            Ok(config) => {
                config
                    .mirrors
                    .iter()
                    .for_each(|mirror| host::log(Level::Info, &format!("mirroring {mirror}")));
            }
            Err(faults) => faults.iter().for_each(|fault| host::log(Level::Error, &fault.to_string())),
        }
        if config.is_err() && self.on_invalid == OnInvalid::Refuse {
            host::log(Level::Error, "the configuration is invalid and refused");
            return false;
        }
        if config.is_err() {
            host::log(Level::Error, "the configuration is invalid: nothing is mirrored until it is mended");
        }
        let invalid = metrics::config_invalid(&host::plugin_name());
        if let Some(id) = host::define_metric(Kind::Gauge, &invalid) {
            host::record_metric(id, config.is_err().into());
        }
        self.shared.configure(config.ok());
        true
    }

    /// Whether the root has ended with that.
    pub fn tick(&mut self) -> bool {
        self.shared.tick();
        self.end_if_settled()
    }

    /// The shadow answered a copy, or Envoy did for it; without headers if the answer broke off. Whether the root has ended
    /// with that.
    pub fn answered(&mut self, token: u32, headers: usize, body: usize) -> bool {
        self.shared.settle(token, headers, body);
        self.end_if_settled()
    }

    /// The host asks the root to end. Whether it has.
    pub fn done(&mut self) -> bool {
        self.ending = !self.shared.is_idle();
        if self.ending {
            // With a new VM to come Envoy does not wait, and ends this one without asking again.
            self.shared.flush_as_if_last();
        } else {
            self.shared.rest();
        }
        !self.ending
    }
}
