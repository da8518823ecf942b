// SPDX-License-Identifier: Apache-2.0
//! The HTTP connection manager that a plugin is in: its filters and its routes.

use super::Subject;
use crate::check::place::{Place, Step};

pub struct Manager<'a> {
    place: Place<'a>,
    /// The plugin's index among the filters.
    pub index: usize,
    /// The listener's, where the plugin is in one.
    pub listener: Option<Place<'a>>,
}

impl<'a> Manager<'a> {
    /// `None` where it is somewhere else: in a manifest, or delivered as an extension.
    pub fn around(subject: &Subject<'a>) -> Option<Self> {
        let steps = &subject.plugin.steps;
        let is_list =
            |step: &Step| matches!(step, Step::Key(key) if key == "http_filters" || key == "httpFilters");
        let at = steps.iter().position(is_list)?;
        let Some(Step::Index(index)) = steps.get(at + 1) else { return None };
        let root = subject.document()?;
        let is_chain =
            |step: &Step| matches!(step, Step::Key(key) if key == "filter_chains" || key == "filterChains");
        let chain = steps.iter().position(is_chain);
        let listener = chain.and_then(|at| root.follow(steps.get(..at)?));
        Some(Self { place: root.follow(steps.get(..at)?)?, index: *index, listener })
    }

    pub fn filters(&self) -> impl Iterator<Item = Place<'a>> {
        self.place.list("http_filters")
    }

    /// The routes that are in the file.
    pub fn route_config(&self) -> Option<Place<'a>> {
        self.place.get("route_config")
    }

    pub fn virtual_hosts(&self) -> impl Iterator<Item = Place<'a>> {
        self.route_config().into_iter().flat_map(|config| config.list("virtual_hosts"))
    }

    pub fn routes(&self) -> impl Iterator<Item = Place<'a>> {
        self.virtual_hosts().flat_map(|host| host.list("routes"))
    }
}
