//go:build !windows

package keychain

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// platter tells what a crash of the machine may leave of a folder: what was forced
// to disk, and of everything else any piece. It knows files and folders by their
// inode, as a file system does: fsync of a file keeps its bytes, of a folder its
// names, and neither the other.
type platter struct {
	t       *testing.T
	base    string
	bytes   map[uint64][]byte            // of files
	names   map[uint64]map[string]uint64 // of folders
	folders map[uint64]bool
	// forgetful takes no fsync for one: what a program gets that never calls it.
	forgetful bool
}

// newPlatter takes what is there for what is on disk.
func newPlatter(t *testing.T, base string) *platter {
	t.Helper()
	d := &platter{t: t, base: base, bytes: map[uint64][]byte{}, names: map[uint64]map[string]uint64{}, folders: map[uint64]bool{}}
	err := filepath.WalkDir(base, func(path string, _ os.DirEntry, err error) error {
		d.synced(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// synced is what an fsync of a path makes durable.
func (d *platter) synced(path string) {
	if d.forgetful || !strings.HasPrefix(path, d.base) {
		return
	}
	i, folder := d.inode(path)
	if folder {
		d.names[i] = d.entries(path)
	} else {
		d.bytes[i] = d.read(path)
	}
}

func (d *platter) inode(path string) (number uint64, folder bool) {
	info, err := os.Lstat(path)
	if err != nil {
		d.t.Fatal(err)
	}
	number = info.Sys().(*syscall.Stat_t).Ino
	d.folders[number] = info.IsDir()
	return number, info.IsDir()
}

func (d *platter) read(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	return data
}

func (d *platter) entries(path string) map[string]uint64 {
	entries, err := os.ReadDir(path)
	if err != nil {
		d.t.Fatal(err)
	}
	m := map[string]uint64{}
	for _, e := range entries {
		m[e.Name()], _ = d.inode(filepath.Join(path, e.Name()))
	}
	return m
}

// crash makes a folder as the machine may find it when it is up again.
func (d *platter) crash(seed uint64) string {
	d.t.Helper()
	image := filepath.Join(d.t.TempDir(), "keys")
	now := map[uint64]string{} // where each inode is in the living folder
	err := filepath.WalkDir(d.base, func(path string, _ os.DirEntry, err error) error {
		i, _ := d.inode(path)
		now[i] = path
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	root, _ := d.inode(d.base)
	d.restore(rand.New(rand.NewPCG(seed, 0)), now, root, image)
	return image
}

func (d *platter) restore(r *rand.Rand, now map[uint64]string, inode uint64, to string) {
	if !d.folders[inode] {
		if err := os.WriteFile(to, d.content(r, now, inode), 0o600); err != nil {
			d.t.Fatal(err)
		}
		return
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		d.t.Fatal(err)
	}
	durable, living := d.names[inode], map[string]uint64{}
	if path, ok := now[inode]; ok {
		living = d.entries(path)
	}
	all := maps.Clone(living)
	maps.Copy(all, durable)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		from := durable
		if r.IntN(2) == 0 {
			from = living
		}
		if i, ok := from[name]; ok {
			d.restore(r, now, i, filepath.Join(to, name))
		}
	}
}

// content is what is left of a file: the bytes that were forced to disk, those
// that were not, a beginning of them, or their length with nothing in it.
func (d *platter) content(r *rand.Rand, now map[uint64]string, inode uint64) []byte {
	durable := d.bytes[inode]
	path, ok := now[inode]
	if !ok {
		return durable
	}
	living := d.read(path)
	if bytes.Equal(living, durable) {
		return durable
	}
	switch r.IntN(4) {
	case 0:
		return living
	case 1:
		return living[:r.IntN(len(living)+1)]
	case 2:
		cut := r.IntN(len(living) + 1)
		return append(slices.Clone(living[:cut]), make([]byte, len(living)-cut)...)
	}
	return durable
}
