//go:build !windows

package keychain

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/awskeyd/awskeyd/store"
)

// A process ends after the rename that puts a store in force and before that is
// on disk. The next one must see to that before it calls a write done.
func TestAMakingThatWasCutShortIsForcedToDiskByTheNext(t *testing.T) {
	for seed := range uint64(32) {
		world := filepath.Join(t.TempDir(), "keys")
		if err := os.Mkdir(world, 0o700); err != nil {
			t.Fatal(err)
		}
		d := newPlatter(t, world)
		killed := errors.New("killed")
		testOnlySync = func(path string) error {
			if path == world {
				return killed
			}
			d.synced(path)
			return nil
		}
		t.Cleanup(func() { testOnlySync = func(string) error { return nil } })
		if _, err := Open(fileConfig(world, "right")); err == nil {
			t.Fatal("it opens")
		}
		testOnlySync = func(path string) error { d.synced(path); return nil }
		k := openFile(t, fileConfig(world, "right"))
		s := store.New(k, store.Identity{Machine: "m", Instance: "1"})
		if err := s.Add(t.Context(), "work", []byte("SECRET")); err != nil {
			t.Fatal(err)
		}
		image := d.crash(seed)
		testOnlySync = func(string) error { return nil }
		s = store.New(openFile(t, fileConfig(image, "right")), store.Identity{Machine: "m", Instance: "2"})
		if r, err := s.Load(t.Context(), "work"); err != nil || string(r.Payload) != "SECRET" {
			t.Fatalf("seed %d: a record that was stored is lost: %v", seed, err)
		}
	}
}
