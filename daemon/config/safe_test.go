//go:build !windows

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// owned is a file as the system would show one of this owner and mode.
type owned struct {
	uid  int
	mode fs.FileMode
}

func (o owned) Name() string       { return "x" }
func (o owned) Size() int64        { return 0 }
func (o owned) Mode() fs.FileMode  { return o.mode }
func (o owned) ModTime() time.Time { return time.Time{} }
func (o owned) IsDir() bool        { return o.mode.IsDir() }
func (o owned) Sys() any           { return &syscall.Stat_t{Uid: uint32(o.uid)} }

func TestCheckOwner(t *testing.T) {
	me, stranger := os.Geteuid(), 4242
	for _, c := range []struct {
		info owned
		want string
	}{
		{owned{me, 0o600}, ""},
		{owned{0, 0o644}, ""},
		{owned{me, fs.ModeDir | 0o755}, ""},
		{owned{me, fs.ModeSymlink | 0o777}, ""},
		{owned{0, fs.ModeDir | fs.ModeSticky | 0o777}, ""}, // as /tmp
		{owned{me, 0o620}, "/a b may be written by others, so somebody else could change the configuration; type: chmod go-w '/a b'"},
		{owned{me, 0o602}, "/a b may be written by others, so somebody else could change the configuration; type: chmod go-w '/a b'"},
		{owned{0, fs.ModeDir | 0o777}, "/a b may be written by others, so somebody else could change the configuration; type: chmod go-w '/a b'"},
		{owned{me, fs.ModeSticky | 0o666}, "/a b may be written by others, so somebody else could change the configuration; type: chmod go-w '/a b'"},
		{owned{stranger, 0o600}, "/a b belongs to 4242, so somebody else could change the configuration; type: sudo chown " + userName(me) + " '/a b'"},
		{owned{stranger, fs.ModeDir | fs.ModeSticky | 0o755}, "/a b belongs to 4242, so somebody else could change the configuration; type: sudo chown " + userName(me) + " '/a b'"},
		{owned{stranger, fs.ModeSymlink | 0o777}, "/a b belongs to 4242, so somebody else could change the configuration; type: sudo chown " + userName(me) + " '/a b'"},
	} {
		got := ""
		if err := checkOwner(step{"/a b", c.info}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("uid %d %v:\n got %s\nwant %s", c.info.uid, c.info.mode, got, c.want)
		}
	}
}

// Every file, folder and link on the way is asked, on both sides of a link,
// and nothing above the home.
func TestLoadAsksTheWholeWay(t *testing.T) {
	top := t.TempDir()
	home := filepath.Join(top, "open", "home")
	for _, d := range []string{"open/home/.config", "open/home/dots/awskeyd", "elsewhere/deep"} {
		if err := os.MkdirAll(filepath.Join(top, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	inside, outside := filepath.Join(home, "dots/awskeyd/config.toml"), filepath.Join(top, "elsewhere/deep/config.toml")
	for _, f := range []string{inside, outside} {
		if err := os.WriteFile(f, []byte("[rotation]\nttl = \"2h\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../dots/awskeyd", filepath.Join(home, ".config/awskeyd")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(home, "out.toml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(top, "open"), 0o777); err != nil { // above the home
		t.Fatal(err)
	}
	for path, way := range map[string][]string{
		filepath.Join(home, ".config/awskeyd/config.toml"): {home, home + "/.config", home + "/dots", home + "/dots/awskeyd", inside},
		filepath.Join(home, "out.toml"):                    {home, filepath.Join(top, "elsewhere"), filepath.Join(top, "elsewhere/deep"), outside},
	} {
		paths := Paths{User: path, Home: home}
		if c, err := Load(paths); err != nil || c.Rotation("x").TTL != 2*time.Hour {
			t.Fatalf("%s: %v", path, err)
		}
		for _, p := range way {
			info, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(p, info.Mode().Perm()|0o020); err != nil {
				t.Fatal(err)
			}
			var unsafe *UnsafeError
			if _, err := Load(paths); !errors.As(err, &unsafe) || unsafe.Path != p || unsafe.Remedy != "chmod go-w "+p {
				t.Errorf("%s with an open %s: %v", path, p, err)
			}
			if err := os.Chmod(p, info.Mode().Perm()); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Without a home the whole way is asked.
	var unsafe *UnsafeError
	if _, err := Load(Paths{User: inside}); !errors.As(err, &unsafe) || unsafe.Path != filepath.Join(top, "open") {
		t.Errorf("%v", err)
	}
}

func TestLoadOddFiles(t *testing.T) {
	home := t.TempDir()
	at := func(name string) Paths { return Paths{User: filepath.Join(home, name), Home: home} }
	for _, name := range []string{"none", "none/none", "dangling"} {
		os.Symlink("nowhere", filepath.Join(home, "dangling"))
		if c, err := Load(at(name)); err != nil || c.Rotation("x").Every != 75*day {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(home, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "big"), make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Symlink("loop", filepath.Join(home, "loop"))
	for name, want := range map[string]string{
		"fifo":  "this is no plain file; move it away",
		".":     "this is no plain file; move it away",
		"big":   "the file is longer than 1048576 bytes, which no configuration is",
		"loop":  "too many symbolic links",
		"big/x": "not a directory",
	} {
		if _, err := Load(at(name)); err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
