// SPDX-License-Identifier: Apache-2.0
//! The software bill of materials: which crates are linked into the module, as CycloneDX 1.5.
//!
//! It has no serial number, which would be another one each time, and no time but the commit's.

use anyhow::{Context, Result, anyhow};
use cargo_metadata::{Package, PackageId};
use cyclonedx_bom::models::component::Classification;
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::prelude::*;

use super::blob::sha256;
use super::crates::{Crates, FILTER};
use super::module::Module;
use super::workshop::Compiler;

/// The bill for a module, as JSON.
pub fn sbom(crates: &Crates, module: &Module, compiler: &Compiler, created: Option<&str>) -> Result<Vec<u8>> {
    let linked = crates.linked(&module.linked);
    let library = standard_library(compiler)?;
    let library_reference = library.bom_ref.clone().unwrap_or_default();
    let (mut components, mut dependencies, mut filter) = (vec![library], Vec::new(), None);
    for (package, uses) in &linked {
        let mut uses: Vec<_> = uses.iter().filter_map(|id| reference_of(&linked, id)).collect();
        uses.push(library_reference.clone());
        uses.sort();
        dependencies.push(Dependency { dependency_ref: reference(package), dependencies: uses });
        let mut component = component(package)?;
        if package.name == FILTER {
            component.component_type = Classification::Application;
            let content = HashValue(sha256(&module.bytes));
            component.hashes = Some(Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content }]));
            filter = Some(component);
        } else {
            components.push(component);
        }
    }
    let metadata = Metadata {
        timestamp: created.map(|time| DateTime::try_from(time.to_owned())).transpose()?,
        component: Some(filter.context("the module is linked without the filter")?),
        ..Metadata::default()
    };
    let bill = Bom {
        serial_number: None,
        metadata: Some(metadata),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    };
    let mut json = Vec::new();
    bill.output_as_json_v1_5(&mut json).map_err(|error| anyhow!("the SBOM as JSON: {error}"))?;
    json.push(b'\n');
    Ok(json)
}

fn component(package: &Package) -> Result<Component> {
    let version = package.version.to_string();
    let mut component =
        Component::new(Classification::Library, &package.name, &version, Some(reference(package)));
    component.description = package.description.as_deref().map(|text| NormalizedString::new(text.trim()));
    component.purl = Some(Purl::new("cargo", &package.name, &version)?);
    component.licenses = package.license.as_deref().map(licence).transpose()?;
    Ok(component)
}

/// Compiled with the compiler, and linked into every module.
fn standard_library(compiler: &Compiler) -> Result<Component> {
    let purl = Purl::new("generic", "rust-std", &compiler.release)?;
    let mut library =
        Component::new(Classification::Library, "rust-std", &compiler.release, Some(purl.to_string()));
    library.description = Some(NormalizedString::new("The Rust standard library"));
    library.purl = Some(purl);
    library.licenses = Some(licence("MIT OR Apache-2.0")?);
    Ok(library)
}

/// Old crates have a slash for OR.
fn licence(text: &str) -> Result<Licenses> {
    let expression =
        SpdxExpression::parse_lax(text.to_owned()).map_err(|error| anyhow!("licence {text:?}: {error}"))?;
    Ok(Licenses(vec![LicenseChoice::Expression(expression)]))
}

fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn reference_of(linked: &[(&Package, Vec<&PackageId>)], id: &PackageId) -> Option<String> {
    linked.iter().find(|(package, _)| package.id == *id).map(|(package, _)| reference(package))
}
