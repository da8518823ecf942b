// SPDX-License-Identifier: Apache-2.0
//! What all tests here share.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::control_plane::ControlPlane;
use crate::images::Images;
use crate::kubectl::Kubectl;
use crate::tools::{Tools, run};

pub struct World {
    pub tools: Tools,
    pub plane: ControlPlane,
    pub images: Images,
}

/// No pods, so no tokens for certificates.
const PLAIN_TEXT: &str = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: DISABLE}}
";

impl World {
    /// Starts it, with the files of the control plane in `directory`.
    pub async fn start(directory: &Path) -> Result<Self> {
        let tools = Tools::get()?;
        // Both mostly wait: the one for Cargo, the other for istiod.
        let (images, plane) =
            tokio::try_join!(Images::serve(&tools), ControlPlane::start(&tools, directory))?;
        let world = Self { tools, plane, images };
        for namespace in ["shop", "shadow-demo"] {
            world.kubectl().run(&["create", "namespace", namespace])?;
        }
        world.kubectl().apply(PLAIN_TEXT)?;
        Ok(world)
    }

    pub fn kubectl(&self) -> &Kubectl {
        &self.plane.kubectl
    }

    /// `istioctl validate` of a file.
    pub fn validate(&self, file: &PathBuf) -> Result<String> {
        run(self.tools.command("istioctl").args(["validate", "-f"]).arg(file))
    }

    /// Takes away what a test may have left: it shares namespaces with the others, as the manifests name them.
    pub fn clear(&self) -> Result<()> {
        const KINDS: &str = "wasmplugins,trafficextensions,gateways.networking.istio.io,virtualservices,sidecars,\
                             destinationrules,serviceentries,workloadentries,services";
        // In one go. The API server's own service is in the namespace that is left out.
        let selector = "--field-selector=metadata.namespace!=default";
        self.kubectl().run(&["delete", KINDS, "--all-namespaces", selector]).map(drop)
    }

    pub async fn stop(self) -> Result<()> {
        self.plane.stop().await
    }
}
