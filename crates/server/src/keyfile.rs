//! The wrapping key: given by the configuration, or kept in a file of its own (SEC-190).
//!
//! Owns: making the file (0600, in one move, on disk before it is used) and refusing one that others can
//! read. Not here: what the key wraps (`jose::seal`, `provider::keys`).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jose::seal::MasterKey;
use provider::keys::KeysUnusable;

use crate::commands;
use crate::config::keys::{SHARED, Source, parse_key};
use crate::failure::Failure;

/// Tells the drafts of one process apart.
static DRAFTS: AtomicU32 = AtomicU32::new(0);

/// What the key belongs to.
#[derive(Debug, Clone, Copy)]
pub enum Database<'a> {
    /// A file; the key is kept beside it unless another place is named.
    File(&'a Path),
    /// A server.
    Server {
        /// Where, without a password.
        shown: &'a str,
        /// Some node was started with a wrapping key before.
        has_key: bool,
    },
}

/// A wrapping key.
pub struct Wrapping {
    /// The key.
    pub key: MasterKey,
    /// The file that was made for it just now.
    pub made: Option<PathBuf>,
}

/// The wrapping key: the given one, else the one of the file, which is made when the database is new.
///
/// # Errors
/// The file is missing although the database was used with a key, others can read it, or it holds no key.
pub fn wrapping_key(source: &Source, database: Database<'_>) -> Result<Wrapping, Failure> {
    let kept = |key: [u8; 32]| Wrapping { key: MasterKey::new(key), made: None };
    let file = match (source, database) {
        (Source::Given(key), _) => return Ok(kept(**key)),
        (Source::File(Some(file)), _) => file.clone(),
        (Source::File(None), Database::File(database)) => database.with_extension("key"),
        (Source::File(None), Database::Server { .. }) => return Err(Failure::new(SHARED)),
    };
    if let Some(key) = read(&file)? {
        return Ok(kept(key));
    }
    let (shown, is_used) = match database {
        Database::File(path) => (path.display().to_string(), path.exists()),
        Database::Server { shown, has_key } => (shown.to_owned(), has_key),
    };
    if is_used {
        return Err(Failure::new(format!(
            "The database {shown} is there but its wrapping key {} is not. Restore the key, or give it by LATCHBOLT__KEYS__WRAPPING_KEY.",
            file.display()
        )));
    }
    let key = make(&file)?;
    Ok(Wrapping { key: MasterKey::new(key), made: Some(file) })
}

/// The wrapping key of a file that is to take another one's place, and whether it was made just now.
///
/// # Errors
/// Others can read the file, it holds no key, or it cannot be made.
pub fn another(file: &Path) -> Result<([u8; 32], bool), Failure> {
    match read(file)? {
        Some(key) => Ok((key, false)),
        None => Ok((make(file)?, true)),
    }
}

/// The database was begun with another wrapping key than this node's. A file that was made for it just now, while
/// another node made its own, goes again.
#[must_use]
pub fn another_key(made: Option<&Path>) -> Failure {
    match made {
        Some(file) if std::fs::remove_file(file).is_ok() => Failure::new(format!(
            "Another node began this database with a wrapping key of its own. Copy its key file to {}, or give all nodes the same by LATCHBOLT__KEYS__WRAPPING_KEY.",
            file.display()
        )),
        _ => commands::keys::unusable(KeysUnusable::WrongMasterKey),
    }
}

fn read(path: &Path) -> Result<Option<[u8; 32]>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!(
            "Cannot read the wrapping key {}: {error}. Check its owner and rights.",
            path.display()
        ))
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(Failure::new(format!(
            "The wrapping key {} is not a file. Set keys.key_file.",
            path.display()
        )));
    }
    if others_can_read(&about) {
        return Err(Failure::new(format!(
            "Others can read the wrapping key {0}. Take their rights away: chmod 600 {0}",
            path.display()
        )));
    }
    let mut text = String::new();
    Read::by_ref(&mut file).take(1024).read_to_string(&mut text).map_err(failed)?;
    parse_key(&text).map(Some).map_err(|why| Failure::new(format!("{}: {why}", path.display())))
}

#[cfg(unix)]
fn others_can_read(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn others_can_read(_about: &std::fs::Metadata) -> bool {
    false
}

fn make(path: &Path) -> Result<[u8; 32], Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!(
            "Cannot make the wrapping key {}: {error}. Check the folder and its rights.",
            path.display()
        ))
    };
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).map_err(|error| {
        Failure::new(format!("The system gives no random bytes: {error}. Check /dev/urandom."))
    })?;
    // Written under another name and then linked: who finds the file finds a whole key, and of several that make
    // it one wins.
    let draft =
        path.with_extension(format!("key.{}.{}", std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed)));
    // Left over by a process of the same number that was killed.
    let _ = std::fs::remove_file(&draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft).map_err(failed)?;
    let written = file
        .write_all(STANDARD.encode(key).as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&draft, path));
    let _ = std::fs::remove_file(&draft);
    match written {
        Ok(()) => {}
        // Another process was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return read(path)?.ok_or_else(|| failed(error));
        }
        Err(error) => return Err(failed(error)),
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // The name is on disk, too, before anything is sealed with the key.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_190_a_key_file_is_made_for_its_owner_alone_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("latchbolt.db");
        let settings = Source::File(None);
        let made = wrapping_key(&settings, Database::File(&database)).unwrap();
        let again = wrapping_key(&settings, Database::File(&database)).unwrap();
        assert_eq!(made.key.subkey("test"), again.key.subkey("test"));
        let file = folder.path().join("latchbolt.key");
        assert_eq!((made.made, again.made), (Some(file.clone()), None));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
            let refused = wrapping_key(&settings, Database::File(&database)).err().unwrap();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
    }

    #[test]
    fn sec_190_a_lost_key_is_never_replaced_silently() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("latchbolt.db");
        std::fs::write(&database, b"").unwrap();
        let refused = wrapping_key(&Source::File(None), Database::File(&database)).err().unwrap();
        assert!(refused.to_string().contains("Restore the key"), "{refused}");
        let named = Source::File(Some(folder.path().join("latchbolt.key")));
        let server = |has_key| Database::Server { shown: "postgres://db/latchbolt", has_key };
        let refused = wrapping_key(&named, server(true)).err().unwrap();
        assert!(refused.to_string().contains("Restore the key"), "{refused}");
        assert!(!folder.path().join("latchbolt.key").exists());
        assert!(wrapping_key(&named, server(false)).unwrap().made.is_some(), "a new database");
    }

    #[test]
    fn sec_190_a_key_that_came_too_late_goes_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("latchbolt.key");
        let server = Database::Server { shown: "postgres://db/latchbolt", has_key: false };
        let made = wrapping_key(&Source::File(Some(file.clone())), server).unwrap().made;
        let refused = another_key(made.as_deref()).to_string();
        assert!(refused.contains("Copy its key file") && !file.exists(), "{refused}");
        assert!(another_key(None).to_string().contains("wrapping key is not the one"));
    }

    #[test]
    fn of_many_that_make_the_key_file_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("latchbolt.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| make(&file).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}
