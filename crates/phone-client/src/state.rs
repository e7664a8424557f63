//! Where a phone without a keystore keeps itself: one JSON file that only its owner can read.
//!
//! Owns: the file's form, its rights (0600) and that it is replaced in one move.
//! The file holds the private key: whoever can read it is this phone.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::{PhoneError, Result};
use crate::key::DeviceKeyPair;
use crate::phone::{Claim, Owner, Phone};
use crate::service::{Options, Service};

const FORM: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    form: u32,
    issuer: String,
    device: String,
    owner: Owner,
    /// PKCS#8, base64.
    key: String,
    /// The key that is to take its place, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    claim: Option<Claim>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moving: Option<String>,
}

/// A state file.
#[derive(Debug, Clone)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// The file at this path; it need not exist.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn bad(&self, why: impl std::fmt::Display) -> PhoneError {
        PhoneError::BadState { path: self.path.display().to_string(), why: why.to_string() }
    }

    /// Reads the phone that is kept here.
    ///
    /// # Errors
    /// There is none, others may read the file, or it is damaged.
    pub fn load(&self, options: Options) -> Result<Phone> {
        self.is_private()?;
        let bytes = std::fs::read(&self.path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => self.bad("no phone is enrolled here; enrol one first"),
            _ => self.bad(error),
        })?;
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| self.bad(error))?;
        if kept.form != FORM {
            return Err(self.bad("it was written by another version of this program"));
        }
        let read = |text: &String| -> Result<DeviceKeyPair> {
            let pkcs8 = STANDARD.decode(text).map_err(|_| self.bad("its key is damaged"))?;
            DeviceKeyPair::from_pkcs8(&pkcs8)
        };
        let service = Service::with(&kept.issuer, options)?;
        let mut phone = Phone::adopt(service, read(&kept.key)?, kept.device, kept.owner);
        phone.next = kept.next.as_ref().map(read).transpose()?;
        phone.claim = kept.claim;
        phone.moving = kept.moving;
        Ok(phone)
    }

    /// Keeps a phone here, in place of what was there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, phone: &Phone) -> Result<()> {
        let kept = Kept {
            form: FORM,
            issuer: phone.service().issuer().to_owned(),
            device: phone.device().to_owned(),
            owner: phone.owner().clone(),
            key: STANDARD.encode(phone.key().to_pkcs8()),
            next: phone.next.as_ref().map(|next| STANDARD.encode(next.to_pkcs8())),
            claim: phone.claim.clone(),
            moving: phone.moving.clone(),
        };
        let text = serde_json::to_vec_pretty(&kept).map_err(|error| self.bad(error))?;
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        // A left-over of a crash is in the way of `create_new`, which is what makes the rights certain.
        let _ = std::fs::remove_file(&beside);
        let write = || -> std::io::Result<()> {
            let mut file = private_file(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)
        };
        write().map_err(|error| self.bad(error))
    }

    /// Removes the file: the phone cannot sign any more.
    ///
    /// # Errors
    /// The file is there and cannot be removed.
    pub fn remove(&self) -> Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.bad(error)),
            _ => Ok(()),
        }
    }

    #[cfg(unix)]
    fn is_private(&self) -> Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        match std::fs::metadata(&self.path) {
            Ok(about) if about.permissions().mode() & 0o077 != 0 => {
                Err(self.bad("others can read it; make it readable by you alone (chmod 600)"))
            }
            _ => Ok(()),
        }
    }

    #[cfg(not(unix))]
    fn is_private(&self) -> Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        Phone::adopt(
            Service::at("https://id.example").unwrap(),
            DeviceKeyPair::generate().unwrap(),
            "dev_x".to_owned(),
            Owner { id: "acc_x".to_owned(), username: "ada".to_owned(), name: "Ada".to_owned() },
        )
    }

    #[test]
    fn a_kept_phone_is_the_same_phone() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::at(folder.path().join("phone.json"));
        let mut phone = phone();
        file.save(&phone).unwrap();
        phone.prepare_renewal().unwrap();
        phone.moving = Some("offer".to_owned());
        file.save(&phone).unwrap();
        let again = file.load(Options::default()).unwrap();
        assert_eq!(again.key().thumbprint(), phone.key().thumbprint());
        let next = |phone: &Phone| phone.next.as_ref().map(DeviceKeyPair::thumbprint);
        assert!(next(&again).is_some() && next(&again) == next(&phone));
        assert_eq!(again.moving.as_deref(), Some("offer"));
        assert_eq!(again.device(), "dev_x");
        assert_eq!(again.owner(), phone.owner());
        file.remove().unwrap();
        file.remove().unwrap();
        let missing = file.load(Options::default()).unwrap_err().to_string();
        assert!(missing.contains("no phone is enrolled here"), "{missing}");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::at(folder.path().join("phone.json"));
        file.save(&phone()).unwrap();
        let mode = std::fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        let told = file.load(Options::default()).unwrap_err().to_string();
        assert!(told.contains("chmod 600"), "{told}");
    }
}
