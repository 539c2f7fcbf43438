package filewatch

import "golang.org/x/sys/unix"

// tells reports whether the kernel hears of all that is written in a folder. Of what
// another machine writes into a file system on a network, or who serves one of FUSE,
// it does not (inotify(7)); so only those are trusted that lie on this machine alone.
func tells(folder string) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return false
	}
	switch uint32(s.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.RAMFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC, unix.ECRYPTFS_SUPER_MAGIC, unix.REISERFS_SUPER_MAGIC, zfs, bcachefs:
		return true
	}
	return false
}

// Of those whose kernel modules are not Linux's own, or new.
const (
	zfs      = 0x2fc12fc1
	bcachefs = 0xca451a4e
)
