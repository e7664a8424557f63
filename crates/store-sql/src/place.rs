//! The file a database lies in.
//!
//! Owns: its making (mode 0600), the refusal of network file systems, and temporary places.
//! Not here: what is in it (`schema`).

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use store::{Result, StoreError};

/// File systems whose locks and memory maps cannot carry SQLite's write-ahead log.
const NETWORK: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb2",
    "smb3",
    "smbfs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.ceph",
    "fuse.s3fs",
    "fuse.rclone",
    "9p",
    "afs",
    "ceph",
    "lustre",
    "glusterfs",
];

/// Makes the file if it is not there; refuses a place that cannot keep promises.
pub(crate) fn prepare(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let shown = path.display();
    let folder = folder.canonicalize().map_err(|why| {
        StoreError::Unavailable(format!("the folder of the database {shown} cannot be opened: {why}"))
    })?;
    // A link leads to where the data is.
    let real = path.canonicalize().unwrap_or(folder);
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    if let Some(kind) = network_file_system(&mounts, &real) {
        return Err(StoreError::Unavailable(format!(
            "the database {shown} lies on a network file system ({kind}), where SQLite loses data; \
             put it on a local disk"
        )));
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(why) => Err(StoreError::Unavailable(format!("the database {shown} cannot be made: {why}"))),
    }
}

/// The kind of the file system of `path`, if it is a network's: the mount with the longest matching point
/// decides, of equal ones the last.
fn network_file_system(mountinfo: &[u8], path: &Path) -> Option<&'static str> {
    let mut best: Option<(usize, &[u8])> = None;
    for line in mountinfo.split(|byte| *byte == b'\n') {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let (Some(point), Some(dash)) = (fields.get(4), fields.iter().position(|field| *field == b"-"))
        else {
            continue;
        };
        let Some(kind) = fields.get(dash + 1) else { continue };
        let point = PathBuf::from(std::ffi::OsStr::from_bytes(&unescaped(point)));
        let depth = point.components().count();
        if path.starts_with(&point) && best.is_none_or(|(deepest, _)| depth >= deepest) {
            best = Some((depth, kind));
        }
    }
    let (_, kind) = best?;
    NETWORK.iter().copied().find(|name| name.as_bytes() == kind)
}

/// Undoes the octal escapes of proc(5): `\040` is a blank.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let code = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        if let Some(code) = code {
            plain.push(code);
            rest = &tail[3..];
        } else {
            plain.push(*first);
            rest = tail;
        }
    }
    plain
}

/// A folder of our own that goes when it is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn make() -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let base = std::env::temp_dir();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let folder = base.join(format!("latchbolt-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
                Err(why) => {
                    return Err(StoreError::Unavailable(format!("no temporary folder can be made: {why}")));
                }
            }
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("latchbolt.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(why) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %why, "A temporary database could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"22 1 254:0 / / rw - ext4 /dev/vda rw\n\
        30 22 0:30 / /srv rw,relatime shared:1 - nfs4 server:/srv rw\n\
        31 30 0:31 / /srv/local\\040disk rw - xfs /dev/vdb rw\n\
        32 22 0:32 / /host rw - 9p host rw\n";

    #[test]
    fn the_deepest_mount_decides() {
        let kind = |path: &str| network_file_system(MOUNTS, Path::new(path));
        assert_eq!(kind("/var/lib/latchbolt"), None);
        assert_eq!(kind("/srv/latchbolt"), Some("nfs4"));
        assert_eq!(kind("/srv/local disk/latchbolt"), None);
        assert_eq!(kind("/srvx"), None);
        assert_eq!(kind("/host/data"), Some("9p"));
    }

    #[test]
    fn a_later_mount_on_the_same_point_covers_the_earlier() {
        let covered = b"1 0 0:1 / /a rw - ext4 x rw\n2 1 0:2 / /a rw - cifs y rw\n";
        assert_eq!(network_file_system(covered, Path::new("/a/b")), Some("cifs"));
    }

    #[test]
    fn a_missing_folder_is_said() {
        let refused = prepare(Path::new("/nowhere/at/all/latchbolt.db"));
        assert!(matches!(refused, Err(StoreError::Unavailable(text)) if text.contains("/nowhere/at/all")));
    }
}
