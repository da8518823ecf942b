// SPDX-License-Identifier: Apache-2.0
//! The root context: configures, ticks, gets the answers, and ends when its copies have settled.

use std::rc::Rc;

use super::OnInvalid;
use super::answer::Brought;
use super::imports::{self, Buffer, MetricType};
use super::shared::Shared;
use super::stream::Stream;
use super::trouble::{Asked, checked};
use crate::config::Config;
use crate::telemetry;
use crate::time::Moment;

#[derive(Default)]
pub struct Root {
    on_invalid: OnInvalid,
    shared: Rc<Shared>,
    /// The host asked the root to end, and copies were still under way.
    ending: bool,
}

impl Root {
    pub fn new(on_invalid: OnInvalid) -> Self {
        Self { on_invalid, ..Self::default() }
    }

    /// Ends the root once its copies have settled, if the host waits for that. Whether it has ended.
    fn end_if_settled(&mut self) -> bool {
        let ends = self.ending && self.shared.is_idle();
        if ends {
            self.shared.rest();
            checked(Asked::Done, imports::done());
        }
        ends
    }

    /// The context of a stream under this configuration.
    pub fn stream(&self) -> Stream {
        Stream::new(self.shared.clone())
    }

    /// Takes the plugin's configuration, which has `size` bytes. False has the host refuse it.
    pub fn configure(&mut self, size: usize) -> bool {
        let config = match imports::buffer(Buffer::PluginConfiguration, size) {
            Ok(bytes) => Config::parse(&bytes),
            // Envoy says so where there are 0 bytes.
            Err(status) if size > 0 => {
                log::error!("Envoy did not hand over the configuration ({status})");
                Err(Vec::new())
            }
            Err(_) => Config::parse(&[]),
        };
        match &config {
            Ok(config) => config.mirrors.iter().for_each(|mirror| log::info!("mirroring {mirror}")),
            Err(faults) => faults.iter().for_each(|fault| log::error!("{fault}")),
        }
        if config.is_err() && self.on_invalid == OnInvalid::Refuse {
            log::error!("the configuration is invalid and refused");
            return false;
        }
        if config.is_err() {
            log::error!("the configuration is invalid: nothing is mirrored until it is fixed");
        }
        let name = checked(Asked::PluginName, imports::property("plugin_name"));
        let name = name.map(|name| String::from_utf8_lossy(&name).into_owned());
        let shown = name.as_deref().unwrap_or("unknown");
        let gauge = imports::define_metric(MetricType::Gauge, &telemetry::config_invalid(shown));
        if let Some(id) = checked(Asked::DefineMetric, gauge) {
            checked(Asked::UpdateMetric, imports::record_metric(id, config.is_err().into()));
        }
        let root = checked(Asked::RootId, imports::property("plugin_root_id"));
        self.shared
            .pools
            .name(name.zip(root).map(|(name, root)| (name, String::from_utf8_lossy(&root).into_owned())));
        self.shared.configure(config.ok());
        true
    }

    /// Whether the sums were told, and whether the root has ended with that.
    pub fn tick(&mut self) -> (bool, bool) {
        (self.shared.tick(), self.end_if_settled())
    }

    pub fn now(&self) -> Moment {
        self.shared.now()
    }

    /// Whether the VM holds so much that slow requests must give way.
    pub fn is_short(&self) -> bool {
        self.shared.with_worker(|worker| worker.budget().is_short()).unwrap_or(false)
    }

    /// Looks after this root from the callback of another. Whether it is of no more use: the host asked it to end, and
    /// nothing is under way any more.
    pub fn look_after(&mut self, now: Moment) -> bool {
        self.shared.look_after(now, self.ending);
        let ends = self.ending && self.shared.is_idle();
        if ends {
            self.shared.leave();
        }
        ends
    }

    /// The shadow answered a copy, or Envoy did for it; without headers if the answer broke off. Whether the root has ended
    /// with that.
    pub fn answered(&mut self, token: u32, brought: Brought) -> bool {
        self.shared.settle(token, brought);
        self.end_if_settled()
    }

    /// The host asks the root to end. Whether it has.
    pub fn done(&mut self) -> bool {
        // The host may end the root before another tick: then nobody would send them.
        self.shared.send_all();
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
