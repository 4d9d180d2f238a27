//! The secret that signs tokens: made once, kept in the data directory for its owner's eyes only.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, bail};
use deskwire_chat::{Chance as _, SystemChance};

/// The least length of a secret: that of HS256's hash.
pub(crate) const SECRET_BYTES: usize = 32;

const FILE: &str = "token-secret";

/// Makes the data directory, if it is not there, for its owner alone.
pub(crate) fn make_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .with_context(|| format!("the data directory {} cannot be made", data_dir.display()))
}

/// The secret in the data directory, if there is one.
pub(crate) fn read(data_dir: &Path) -> anyhow::Result<Option<String>> {
    let path = data_dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("the token secret {} cannot be read", path.display()));
        }
    };
    let secret = text.trim();
    if secret.len() < SECRET_BYTES {
        bail!("the token secret in {} is shorter than {SECRET_BYTES} bytes", path.display());
    }
    let mode = fs::metadata(&path)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "others can read the token secret: chmod 600 it");
    }
    Ok(Some(secret.to_owned()))
}

/// The secret in the data directory, made now if there is none. Processes that race all get the same one: a whole
/// file is put in place by a hard link, which fails where another was quicker.
pub(crate) fn read_or_make(data_dir: &Path) -> anyhow::Result<String> {
    if let Some(secret) = read(data_dir)? {
        return Ok(secret);
    }
    make_data_dir(data_dir)?;
    let path = data_dir.join(FILE);
    let draft = data_dir.join(format!("{FILE}.{:016x}", SystemChance.number()));
    let placed = write_draft(&draft).and_then(|()| fs::hard_link(&draft, &path));
    let removed = fs::remove_file(&draft);
    match placed {
        Ok(()) => removed?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(error).with_context(|| format!("the token secret {} cannot be made", path.display()));
        }
    }
    // The name must outlive a crash, or tokens given out before it would be void after it.
    fs::File::open(data_dir)?.sync_all()?;
    read(data_dir)?.with_context(|| format!("the token secret {} has gone", path.display()))
}

fn write_draft(draft: &Path) -> io::Result<()> {
    let mut bytes = [0; SECRET_BYTES];
    SystemChance.fill(&mut bytes);
    let mut text = String::with_capacity(2 * SECRET_BYTES + 1);
    for byte in bytes {
        text += &format!("{byte:02x}");
    }
    text.push('\n');
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("a/b");
        assert_eq!(read(&data_dir).unwrap(), None);
        let secret = read_or_make(&data_dir).unwrap();
        assert_eq!(secret.len(), 2 * SECRET_BYTES);
        assert_eq!(read_or_make(&data_dir).unwrap(), secret);
        assert_eq!(read(&data_dir).unwrap(), Some(secret));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data_dir), mode(&data_dir.join(FILE))), (0o700, 0o600));
    }

    #[test]
    fn racing_processes_agree_on_one_secret_and_leave_no_drafts() {
        let dir = tempfile::tempdir().unwrap();
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..16).map(|_| scope.spawn(|| read_or_make(dir.path()).unwrap())).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_that_is_too_short_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "short\n").unwrap();
        assert!(read_or_make(dir.path()).unwrap_err().to_string().contains("shorter than 32 bytes"));
    }
}
