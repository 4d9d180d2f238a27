//! `deskwire import`: reads files of a shop's things, many rows in one transaction, and tells which were refused and why.
//!
//! Each batch is written together with how far the file has come: a process that is killed at any time goes on where the
//! last batch ended, and neither loses a row nor takes one twice.

mod columns;
mod kind;
mod report;
mod rows;

use std::{
    fs::File,
    io::{IsTerminal, Read},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, bail};
use deskwire_chat::{Clock, SystemClock};
use deskwire_protocol::order::{Editor, EditorKind};
use deskwire_store::{ImportFile, Store};
use deskwire_workbench::{ImportStep, Intake};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

pub(crate) use kind::Kind;
use rows::{Batch, Rows};

use crate::{cli::ImportArgs, config::Settings, output, secret, serve};

/// Rows of one transaction: enough that its cost is shared, few enough that messages do not wait for it.
const BATCH: usize = 1_000;

/// `deskwire import`
pub(crate) async fn run(args: &ImportArgs, settings: &Settings) -> anyhow::Result<()> {
    // What is wrong with a name is told before anything is written.
    let files = args
        .files
        .iter()
        .map(|path| Ok((path.as_path(), kind_of(path, args.kind)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    secret::make_data_dir(&settings.data_dir)?;
    let store = serve::open_store(settings).await?;
    let intake = Intake::new(store.clone(), Arc::new(SystemClock), &settings.workbench()?);
    let mut report = report::Report::new(args.report.as_deref())?;
    let mut refused = 0;
    for (path, kind) in files {
        let outcome = import(&store, &intake, args, path, kind).await;
        let (digest, progress) = outcome.with_context(|| path.display().to_string())?;
        refused += progress.refused;
        report.refusals(&store, &args.shop, path, kind, &digest).await?;
        output::line(&format!(
            "{}: {} {} taken, {} refused",
            path.display(),
            progress.accepted,
            kind.name(),
            progress.refused
        ))?;
    }
    report.finish()?;
    store.close().await?;
    if refused == 0 { Ok(()) } else { Err(Refused(refused).into()) }
}

/// Not everything was taken, and the report says what was not.
#[derive(Debug, thiserror::Error)]
#[error("{0} rows were refused, all others are taken")]
pub(crate) struct Refused(u64);

fn kind_of(path: &Path, said: Option<Kind>) -> anyhow::Result<Kind> {
    if let Some(kind) = said {
        return Ok(kind);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    Kind::ALL.into_iter().find(|kind| name.starts_with(kind.name())).with_context(|| {
        format!(
            "{}: what is in it? Name it so that it begins with its kind, as orders.csv, or say --kind",
            path.display()
        )
    })
}

/// Reads a file to its end; by what it is known, and what came of it in all.
async fn import(
    store: &Store,
    intake: &Intake,
    args: &ImportArgs,
    path: &Path,
    kind: Kind,
) -> anyhow::Result<(String, ImportFile)> {
    let shop_id = &args.shop;
    let (digest, size) = digest_of(path)?;
    if args.again {
        store.forget_import(shop_id, kind.name(), &digest).await?;
    }
    let now = SystemClock.now();
    let mut progress = store.begin_import(shop_id, kind.name(), &digest, now).await?;
    let bar = bar(path, size, progress.byte_offset);
    let mut rows = Rows::open(path, kind, &progress)?;
    let editor = Editor {
        kind: EditorKind::Import,
        id: path.file_name().unwrap_or_default().to_string_lossy().chars().take(128).collect(),
        name: "deskwire import".into(),
    };
    let mut batch = rows.read(BATCH)?;
    while let Some(Batch { documents, lines, unreadable, from, to, line }) = batch {
        let refused = unreadable.len() as u64;
        let step =
            ImportStep { kind: kind.name(), digest: digest.clone(), from, to, line, lines, unreadable };
        // The next batch is taken apart while this one is written.
        let next = tokio::task::spawn_blocking(move || {
            let next = rows.read(BATCH);
            (rows, next)
        });
        let outcomes = match intake.import(shop_id, &editor, &documents, &step).await {
            Ok(outcomes) => outcomes,
            Err(deskwire_workbench::WorkbenchError::Store(error)) if error.is_collision() => {
                bail!(
                    "someone else is importing the same file into this shop: let them end, then call this again"
                )
            }
            Err(error) => {
                return Err(error).context("nothing of the rest is taken; call this again to go on");
            }
        };
        let taken = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
        progress.accepted += taken;
        progress.refused += refused + (outcomes.len() as u64 - taken);
        bar.set_position(to);
        let (read, next) = next.await.context("a row could not be taken apart")?;
        (rows, batch) = (read, next?);
    }
    bar.finish_and_clear();
    Ok((digest, progress))
}

/// On a terminal only.
fn bar(path: &Path, size: u64, done: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size).with_position(done);
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    {
        bar.set_style(style);
    }
    bar.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    bar
}

/// By its content: a file of another name is the same, and one that was changed is another.
fn digest_of(path: &Path) -> anyhow::Result<(String, u64)> {
    let mut file = File::open(path).context("cannot be read")?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).context("cannot be read")?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
    let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    Ok((digest, size))
}
