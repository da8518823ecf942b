// SPDX-License-Identifier: Apache-2.0
//! Prints the path of an Envoy of the pinned version; fetches one if there is none.

fn main() -> anyhow::Result<()> {
    println!("{}", harness::envoy::binary::find()?.display());
    Ok(())
}
