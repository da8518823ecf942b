// SPDX-License-Identifier: Apache-2.0
//! The root context: configures, ticks, gets the answers, and ends when its copies have settled.

use std::rc::Rc;

use log::{error, info};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, MetricType};

use super::OnInvalid;
use super::host;
use super::shared::Shared;
use super::stream::Stream;
use crate::config::Config;
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

    /// Ends the root once its copies have settled, if the host waits for that.
    fn end_if_settled(&mut self) {
        if self.ending && self.shared.is_idle() {
            self.ending = false;
            self.shared.rest();
            host::done();
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, _body: usize, _trailers: usize) {
        self.shared.settle(token, headers);
        self.end_if_settled();
    }

    fn on_done(&mut self) -> bool {
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

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let config = Config::parse(&host::plugin_configuration(size));
        match &config {
            Ok(config) => config.mirrors.iter().for_each(|mirror| info!("mirroring {mirror}")),
            Err(faults) => faults.iter().for_each(|fault| error!("{fault}")),
        }
        if config.is_err() && self.on_invalid == OnInvalid::Refuse {
            error!("the configuration is invalid and refused");
            return false;
        }
        if config.is_err() {
            error!("the configuration is invalid: nothing is mirrored until it is mended");
        }
        let invalid = metrics::config_invalid(&host::plugin_name());
        if let Some(id) = host::define_metric(MetricType::Gauge, &invalid) {
            host::record_metric(id, config.is_err().into());
        }
        self.shared.configure(config.ok());
        true
    }

    fn on_tick(&mut self) {
        self.shared.tick();
        self.end_if_settled();
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.shared.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
