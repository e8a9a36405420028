//! Compiles `arena/v1/*.proto` without a `protoc`: protox parses, prost generates, pbjson adds ProtoJSON.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

const FILES: [&str; 10] = [
    "arena/v1/common.proto",
    "arena/v1/telemetry.proto",
    "arena/v1/incident.proto",
    "arena/v1/plan.proto",
    "arena/v1/command.proto",
    "arena/v1/fault.proto",
    "arena/v1/status.proto",
    "arena/v1/control.proto",
    "arena/v1/evidence.proto",
    "arena/v1/alert.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=arena");
    let descriptors = protox::compile(FILES, ["."])?;
    prost_build::Config::new()
        .compile_well_known_types()
        .extern_path(".google.protobuf", "::pbjson_types")
        .btree_map(["."])
        .compile_fds(descriptors.clone())?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    pbjson_build::Builder::new()
        .register_descriptors(&descriptors.encode_to_vec())?
        .out_dir(out)
        .btree_map(["."])
        .build(&[".arena.v1"])?;
    Ok(())
}
