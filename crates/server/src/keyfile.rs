//! The wrapping key: given by the configuration, or kept in a file of its own (SEC-190).
//!
//! Owns: making the file (0600, in one move, on disk before it is used) and refusing one that others can
//! read. Not here: what the key wraps (`jose::seal`, `provider::keys`).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jose::seal::MasterKey;

use crate::config::keys::{Settings, parse_key};
use crate::failure::Failure;

/// The wrapping key: the given one, else the one of the file, which is made when there is no database
/// yet.
///
/// # Errors
/// The file is missing although the database is there, others can read it, or it holds no key.
pub fn wrapping_key(settings: &Settings, database: &Path) -> Result<MasterKey, Failure> {
    let file = match settings {
        Settings::Given(key) => return Ok(MasterKey::new(**key)),
        Settings::File(Some(file)) => file.clone(),
        Settings::File(None) => database.with_extension("key"),
    };
    match read(&file)? {
        Some(key) => Ok(MasterKey::new(key)),
        None if database.exists() => Err(Failure::new(format!(
            "The database {} is there but its wrapping key {} is not. Restore the key, or give it by LATCHBOLT__KEYS__WRAPPING_KEY.",
            database.display(),
            file.display()
        ))),
        None => make(&file).map(MasterKey::new),
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
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        Ok(file) => file,
        // Another process was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return read(path)?.ok_or_else(|| failed(error));
        }
        Err(error) => return Err(failed(error)),
    };
    file.write_all(STANDARD.encode(key).as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    file.sync_all().map_err(failed)?;
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
        let settings = Settings::File(None);
        let made = wrapping_key(&settings, &database).unwrap();
        let again = wrapping_key(&settings, &database).unwrap();
        assert_eq!(made.subkey("test"), again.subkey("test"));
        let file = folder.path().join("latchbolt.key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
            let refused = wrapping_key(&settings, &database).err().unwrap();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
    }

    #[test]
    fn sec_190_a_lost_key_is_never_replaced_silently() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("latchbolt.db");
        std::fs::write(&database, b"").unwrap();
        let refused = wrapping_key(&Settings::File(None), &database).err().unwrap();
        assert!(refused.to_string().contains("Restore the key"), "{refused}");
        assert!(!folder.path().join("latchbolt.key").exists());
    }
}
