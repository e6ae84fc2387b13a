//! Detection of network file systems, on which SQLite cannot use a write-ahead log.

use std::path::Path;

/// Whether a file is on a network file system, according to the kernel.
pub(super) fn is_on_network(path: &Path) -> bool {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a 32-bit magic")]
    rustix::fs::statfs(folder).is_ok_and(|about| is_network_magic(about.f_type as u32))
}

/// Whether `statfs` returns this number for a network file system. Source: statfs(2) and the
/// kernel's `magic.h`.
fn is_network_magic(magic: u32) -> bool {
    // NFS, SMB, SMB2, CIFS, AFS, Ceph, 9P, FUSE (sshfs and the like), OCFS2, GFS2.
    const NETWORK: [u32; 10] = [
        0x6969,
        0x517b,
        0xfe53_4d42,
        0xff53_4d42,
        0x5346_414f,
        0x00c3_6400,
        0x0102_1997,
        0x6573_5546,
        0x7461_636f,
        0x0116_1970,
    ];
    NETWORK.contains(&magic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_get_a_rollback_journal() {
        // NFS, SMB2, CIFS and sshfs; then ext4, XFS, Btrfs, tmpfs, ZFS and overlayfs.
        for magic in [0x6969, 0xfe53_4d42, 0xff53_4d42, 0x6573_5546] {
            assert!(is_network_magic(magic), "{magic:#x}");
        }
        for magic in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x2fc1_2fc1, 0x794c_7630] {
            assert!(!is_network_magic(magic), "{magic:#x}");
        }
    }
}
