//go:build unix

package helper

import "syscall"

// What package os does, as far as it is needed here, without what begins with
// it before main. Like os, each tries again when a signal came in between, which
// some file systems let through.

func again(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

// stat follows links.
func stat(path string) (info syscall.Stat_t, err error) {
	err = again(func() error { return syscall.Stat(path, &info) })
	return info, err
}

// look tells whether there is something at path, be it a link to nowhere.
func look(path string) error {
	var info syscall.Stat_t
	return again(func() error { return syscall.Lstat(path, &info) })
}

func isKind(info syscall.Stat_t, kind uint32) bool { return uint32(info.Mode)&syscall.S_IFMT == kind }

// open returns a descriptor that no child keeps.
func open(path string, flags int, mode uint32) (fd int, err error) {
	err = again(func() error {
		fd, err = syscall.Open(path, flags|syscall.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

// makeFolder makes a folder and those above it, as far as they are missing.
func makeFolder(path string, mode uint32) error {
	make := func() error { return syscall.Mkdir(path, mode) }
	err := again(make)
	if err == syscall.ENOENT && path != "/" {
		if err = makeFolder(parent(path), mode); err == nil {
			err = again(make)
		}
	}
	// What is there already, or was made by another program meanwhile, is good;
	// a file system that is read only does not say that it is there.
	if info, e := stat(path); err != nil && e == nil {
		if isKind(info, syscall.S_IFDIR) {
			return nil
		}
		return syscall.ENOTDIR
	}
	return err
}

func readlink(path string) (string, error) {
	for size := 256; ; size *= 2 {
		b := make([]byte, size)
		var n int
		err := again(func() (err error) {
			n, err = syscall.Readlink(path, b)
			return err
		})
		if err != nil {
			return "", err
		}
		if n < size {
			return string(b[:n]), nil
		}
	}
}
