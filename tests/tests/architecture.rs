//! The arrows of dependency, as ARCHITECTURE.md draws them, held against what Cargo knows.

#![expect(clippy::unwrap_used, reason = "the functions that tests share fail as tests do: by a panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Each room of the house, and the rooms that its code may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("deskwire-protocol", &[]),
    ("deskwire-store", &["deskwire-protocol"]),
    ("deskwire-chat", &["deskwire-protocol", "deskwire-store"]),
    ("deskwire-workbench", &["deskwire-chat", "deskwire-protocol", "deskwire-store"]),
    // The store too: it hands over the caller's scope, and is asked whether it is ready.
    ("deskwire-gateway", &["deskwire-chat", "deskwire-protocol", "deskwire-store", "deskwire-workbench"]),
    // A client like any other: what it knows of the server is the contract.
    ("deskwire-load", &["deskwire-protocol"]),
    (
        "deskwire-server",
        &[
            "deskwire-chat",
            "deskwire-gateway",
            "deskwire-load",
            "deskwire-protocol",
            "deskwire-store",
            "deskwire-workbench",
        ],
    ),
];

/// What only one room knows about.
const KNOWN_TO: &[(&str, &[&str])] = &[
    ("sea-orm", &["deskwire-store"]),
    ("sea-orm-migration", &["deskwire-store"]),
    ("axum", &["deskwire-gateway"]),
    ("hyper", &["deskwire-gateway"]),
    ("hyper-util", &["deskwire-gateway"]),
    ("jsonwebtoken", &["deskwire-gateway"]),
    ("redis", &["deskwire-chat"]),
    ("clap", &["deskwire-server"]),
    ("figment", &["deskwire-server"]),
    ("hdrhistogram", &["deskwire-load"]),
    ("toml", &["deskwire-load"]),
];

/// Two versions of one of these would compile, and then not meet.
const ONE_VERSION: &[&str] = &[
    "axum",
    "hyper",
    "rustls",
    "sea-orm",
    "serde",
    "sqlx-core",
    "tokio",
    "tokio-tungstenite",
    "tungstenite",
];

#[test]
fn every_room_names_only_the_rooms_below_it() {
    let metadata = metadata();
    let drawn: BTreeMap<_, BTreeSet<_>> =
        ARROWS.iter().map(|(room, below)| (*room, below.iter().copied().collect())).collect();
    for package in metadata.workspace_packages() {
        // Tests and the benchmark may name whatever they look at.
        let Some(allowed) = drawn.get(package.name.as_str()) else {
            assert!(is_onlooker(&package.name), "{} is in no drawing", package.name);
            continue;
        };
        for below in dependencies(&metadata, package.name.as_str()) {
            assert!(
                !below.starts_with("deskwire-") || allowed.contains(below.as_str()),
                "{} must not know {below}",
                package.name
            );
        }
    }
}

#[test]
fn what_only_one_room_knows_is_known_to_no_other() {
    let metadata = metadata();
    for package in metadata.workspace_packages().iter().filter(|package| !is_onlooker(&package.name)) {
        for dependency in dependencies(&metadata, package.name.as_str()) {
            if let Some((_, rooms)) = KNOWN_TO.iter().find(|(known, _)| *known == dependency) {
                assert!(
                    rooms.contains(&package.name.as_str()),
                    "{} must not know {dependency}",
                    package.name
                );
            }
        }
    }
}

#[test]
fn the_contract_needs_neither_runtime_nor_server_nor_database() {
    let metadata = metadata();
    let nodes = &metadata.resolve.as_ref().unwrap().nodes;
    let name = |id: &cargo_metadata::PackageId| metadata[id].name.to_string();
    let mut waiting: Vec<_> = nodes.iter().filter(|node| name(&node.id) == "deskwire-protocol").collect();
    let mut reached = BTreeSet::new();
    while let Some(node) = waiting.pop() {
        let normal = |kind: &cargo_metadata::DepKindInfo| kind.kind == DependencyKind::Normal;
        for dependency in node.deps.iter().filter(|dependency| dependency.dep_kinds.iter().any(normal)) {
            if reached.insert(name(&dependency.pkg)) {
                waiting.extend(nodes.iter().find(|node| node.id == dependency.pkg));
            }
        }
    }
    for foreign in ["tokio", "axum", "hyper", "sea-orm", "sqlx-core", "redis"] {
        assert!(!reached.contains(foreign), "{foreign}");
    }
}

#[test]
fn there_is_one_version_of_what_must_meet() {
    let metadata = metadata();
    for name in ONE_VERSION {
        let versions: BTreeSet<_> = metadata
            .packages
            .iter()
            .filter(|package| package.name.as_str() == *name)
            .map(|package| &package.version)
            .collect();
        assert_eq!(versions.len(), 1, "{name}: {versions:?}");
    }
}

#[test]
fn every_source_file_opens_by_saying_what_it_does() {
    let metadata = metadata();
    let mut directories: Vec<_> =
        metadata.workspace_packages().iter().map(|p| p.manifest_path.parent().unwrap().join("src")).collect();
    let mut silent = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension() == Some("rs") && !fs::read_to_string(&path).unwrap().starts_with("//!")
            {
                silent.push(path);
            }
        }
    }
    assert!(silent.is_empty(), "{silent:?}");
}

fn metadata() -> Metadata {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).other_options(["--offline".to_owned()]).exec().unwrap()
}

/// Whether the package looks at the house and is no room of it.
fn is_onlooker(package: &str) -> bool {
    package.contains("-test") || package == "deskwire-bench"
}

/// The names of what a package's code (not its tests) depends on.
fn dependencies(metadata: &Metadata, package: &str) -> Vec<String> {
    let package = metadata.packages.iter().find(|candidate| candidate.name.as_str() == package).unwrap();
    let own = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    own.map(|dependency| dependency.name.clone()).collect()
}
