// SPDX-License-Identifier: Apache-2.0
//! The objects of Kubernetes in a file.

use crate::check::find::File;
use crate::check::place::Place;

/// All of one kind, those in lists included.
pub fn of_kind<'a>(file: &'a File, kind: &str) -> Vec<Place<'a>> {
    let roots = file.documents.iter().map(Place::root);
    let all = roots.flat_map(|root| {
        let items: Vec<_> = root.list("items").collect();
        if items.is_empty() { vec![root] } else { items }
    });
    all.filter(|object| object.text_at("kind") == Some(kind)).collect()
}

pub fn namespace<'a>(object: &Place<'a>) -> Option<&'a str> {
    object.get("metadata")?.text_at("namespace")
}

pub fn name<'a>(object: &Place<'a>) -> Option<&'a str> {
    object.get("metadata")?.text_at("name")
}
