// SPDX-License-Identifier: Apache-2.0
//! What the demo runs on: both versions of the service, an Envoy with the filter and one without.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use harness::client::Http1;
use harness::{Bootstrap, Envoy};

use crate::catalogue::Code;
use crate::service::Service;

/// The mirror's timeout in the demo.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// The listener whose mirror has the name `tenth`.
const TENTH: &str = "tenth";
/// Likewise, with all requests copied and their answers compared.
pub const CANDIDATE: &str = "candidate";

pub struct Stage {
    pub v1: Service,
    pub v2: Service,
    pub envoy: Envoy,
    /// The same Envoy configuration without the filter, as the measure.
    unmirrored: Envoy,
}

impl Stage {
    pub async fn set() -> Result<Self> {
        println!("Building the filter and starting Envoy …");
        let start = Instant::now();
        let v1 = Service::start("v1", Code::V1).await?;
        let v2 = Service::start("v2", Code::V2).await?;
        let bootstrap = || Bootstrap::shipped().primary(v1.upstream.addr()).shadow(v2.upstream.addr());
        let mirrored = bootstrap()
            .plugin(mirror("v2", 100))
            .extra_listener(TENTH, mirror(TENTH, 10))
            .extra_listener(CANDIDATE, compared(CANDIDATE));
        let (envoy, unmirrored) =
            tokio::try_join!(Envoy::start(mirrored), Envoy::start(bootstrap().without_filter()))?;
        println!(
            "Ready after {:.1} s: Envoy on envoy/envoy.yaml, ports chosen by the system.",
            start.elapsed().as_secs_f32()
        );
        println!("v1 answers users, v2 gets copies.\n");
        Ok(Self { v1, v2, envoy, unmirrored })
    }

    /// A client whose requests are all copied.
    pub fn client(&self) -> Http1 {
        Http1::new(self.envoy.address())
    }

    /// A client of whose requests a tenth is copied.
    pub fn tenth(&self) -> Http1 {
        Http1::new(self.envoy.address_of(TENTH))
    }

    /// A client whose requests are all copied, and their answers compared.
    pub fn candidate(&self) -> Http1 {
        Http1::new(self.envoy.address_of(CANDIDATE))
    }

    /// A client whose requests pass through an Envoy without the filter.
    pub fn unmirrored(&self) -> Http1 {
        Http1::new(self.unmirrored.address())
    }

    /// Keeps everything up until Ctrl-C.
    pub async fn serve(&self) -> Result<()> {
        let listener = self.envoy.address();
        let admin = self.envoy.admin();
        println!("Try, in another terminal:\n");
        println!("  curl -s '{}'", url(listener, "/search?q=lamp"));
        println!("  curl -s -d '{{\"q\": \"lamp\"}}' '{}'", url(listener, "/search"));
        println!(
            "  for i in $(seq 1000); do curl -s '{}' >/dev/null; done   # a tenth is copied",
            url(self.envoy.address_of(TENTH), "/search")
        );
        println!("  curl -s {} | grep ^shadow_", url(admin, "/stats/prometheus"));
        println!(
            "\nEnvoy's admin is at {}. What v2 is asked appears here. Ctrl-C ends it.\n",
            url(admin, "/")
        );
        let watch = async {
            let mut seen = 0;
            loop {
                let requests = self.v2.upstream.requests();
                for request in requests.iter().skip(seen) {
                    let authority = request.authority.as_deref().unwrap_or("");
                    let marker = request.header("x-shadow-mirror").unwrap_or("none");
                    println!("v2 ◄ {} {authority}{} x-shadow-mirror: {marker}", request.method, request.path);
                }
                seen = requests.len();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = watch => {}
            result = tokio::signal::ctrl_c() => result?,
        }
        println!("\nStopped.");
        Ok(())
    }
}

fn mirror(name: &str, percentage: u8) -> String {
    let timeout = TIMEOUT.as_millis();
    format!(
        r#"{{"mirrors": [{{"name": "{name}", "cluster": "shadow", "percentage": {percentage}, "timeout": "{timeout}ms", "breaker": "off"}}]}}"#
    )
}

fn compared(name: &str) -> String {
    format!(
        r#"{{"mirrors": [{{"name": "{name}", "cluster": "shadow", "compare": {{"body": "json", "ignore": ["/served_by"]}}}}]}}"#
    )
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}
