//! Finds the binaries under test, and refuses one that is older than the sources it is made of.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

const BUILD: &str = "cargo build --workspace --all-targets";

/// The path of a binary of this workspace: beside the test that asks. `DESKWIRE_BIN` names another `deskwire`, whatever its age.
pub fn binary(name: &str) -> PathBuf {
    if let Some(named) = env::var_os("DESKWIRE_BIN").filter(|_| name == "deskwire") {
        return named.into();
    }
    let test = env::current_exe().expect("a test knows its own path");
    let directory = test.parent().and_then(Path::parent).expect("tests are in TARGET/PROFILE/deps");
    let binary = directory.join(name);
    assert!(binary.is_file(), "{} is not built: {BUILD}", binary.display());
    if let Some(newer) = newer_source(&binary) {
        panic!("{} is older than {newer}, so it is not what would be tested: {BUILD}", binary.display());
    }
    binary
}

/// A source that has changed since the binary was built. Cargo leaves the list of its sources beside it.
fn newer_source(binary: &Path) -> Option<String> {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    let built = modified(binary).ok()?;
    let sources = fs::read_to_string(binary.with_extension("d")).ok()?;
    let (_, sources) = sources.split_once(": ")?;
    // A source that is gone is a change too, but one that the next build notices by itself.
    sources
        .split_whitespace()
        .find(|source| modified(Path::new(source)).is_ok_and(|at| at > built))
        .map(str::to_owned)
}
