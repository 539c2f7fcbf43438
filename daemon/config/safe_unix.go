//go:build !windows

package config

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

func checkOwner(s step) error {
	stat, ok := s.info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: the system does not tell its owner", s.path)
	}
	me := os.Geteuid()
	if stat.Uid != 0 && int(stat.Uid) != me {
		return &UnsafeError{s.path, "belongs to " + userName(int(stat.Uid)), fmt.Sprintf("sudo chown %s %s", userName(me), quote(s.path))}
	}
	mode := s.info.Mode()
	switch {
	case mode&fs.ModeSymlink != 0: // its mode means nothing
	case mode.Perm()&0o022 == 0:
	// In a sticky folder such as /tmp others can add, but neither move nor
	// remove what is not theirs; and what comes next is asked for its owner.
	case mode.IsDir() && mode&fs.ModeSticky != 0:
	default:
		return &UnsafeError{s.path, "may be written by others", "chmod go-w " + quote(s.path)}
	}
	return nil
}

// checkPrivate refuses a file that others can read. What belongs to root and to
// its group is root's to see to: so systemd gives a credential to a service of
// the system, whose user an access list lets in.
func checkPrivate(file step) error {
	stat, ok := file.info.Sys().(*syscall.Stat_t)
	mode := file.info.Mode().Perm()
	if mode&0o077 == 0 || ok && stat.Uid == 0 && stat.Gid == 0 && mode&0o037 == 0 {
		return nil
	}
	return &UnsafeError{file.path, "can be read by others", "chmod 600 " + quote(file.path)}
}

func userName(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return u.Username
	}
	return strconv.Itoa(id)
}

// quote makes a path fit for a shell.
func quote(path string) string {
	for _, r := range path {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '/' || r == '.' || r == '_' || r == '-') {
			return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
		}
	}
	return path
}
