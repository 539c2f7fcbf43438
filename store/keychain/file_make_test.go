//go:build !windows

package keychain

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/secret"
)

func fileConfig(base, passphrase string) Config {
	return Config{Backend: File, Folder: base, Passphrase: func() (secret.Value, error) { return secret.New(passphrase), nil }}
}

func openFile(t *testing.T, c Config) *Keychain {
	t.Helper()
	k, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func denies(t *testing.T, c Config, kind error, says ...string) {
	t.Helper()
	k, err := Open(c)
	if err == nil {
		k.Close()
		t.Fatalf("it opens; want %v", kind)
	}
	for _, s := range append(says, kind.Error()) {
		if !strings.Contains(err.Error(), s) {
			t.Fatalf("%v; want %q in it", err, s)
		}
	}
	if !errors.Is(err, kind) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v; want %v", err, kind)
	}
}

// oldFolder is one as the library alone makes it: items under the passphrase.
func oldFolder(t *testing.T, base, passphrase string, items map[string]string) {
	t.Helper()
	if err := os.MkdirAll(base, 0o700); err != nil {
		t.Fatal(err)
	}
	ring, err := openRing(base, secret.New(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(items)) {
		if err := ring.Set(keyring.Item{Key: prefix + name, Data: []byte(items[name])}); err != nil {
			t.Fatal(err)
		}
	}
}

func holds(t *testing.T, k *Keychain, items map[string]string) {
	t.Helper()
	for name, want := range items {
		if got, err := k.Get(t.Context(), name); err != nil || string(got) != want {
			t.Fatalf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func namesIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

var someItems = map[string]string{"_sentinel": sentinelText, "work.a": "two", "work.b": "three"}

func TestAnOldFolderIsMadeStronger(t *testing.T) {
	base := filepath.Join(t.TempDir(), "keys")
	oldFolder(t, base, "right", someItems)
	torn := filepath.Join(base, prefix+"torn.a")
	if err := os.WriteFile(torn, []byte("eyJhbGciOiJQQkVTM"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := namesIn(t, base)
	denies(t, fileConfig(base, "wrong"), store.ErrDenied, "does not open "+base)
	if got := namesIn(t, base); !slices.Equal(got, append([]string{lockName}, before...)) {
		t.Fatalf("a wrong passphrase made %q of %q", got, before)
	}
	for range 2 { // the second time there is nothing to do
		k := openFile(t, fileConfig(base, "right"))
		holds(t, k, someItems)
		if _, err := k.Get(t.Context(), "torn.a"); !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("what was torn is %v", err)
		}
		k.Close()
		if got := namesIn(t, base); !slices.Equal(got, []string{lockName, itemsName}) {
			t.Fatalf("left in the folder: %q", got)
		}
	}
	// The passphrase alone opens no item any more.
	ring, err := openRing(filepath.Join(base, itemsName), secret.New("right"))
	if err != nil {
		t.Fatal(err)
	}
	if item, err := ring.Get(prefix + "work.a"); err == nil {
		t.Fatalf("the passphrase itself opens %s", item.Key)
	}
	denies(t, fileConfig(base, "wrong"), store.ErrDenied, "does not open")
}

// An awskeyd that knows nothing of items/ may have been run in between.
func TestWhatAnOldAwskeydWroteSinceStays(t *testing.T) {
	base := filepath.Join(t.TempDir(), "keys")
	openFile(t, fileConfig(base, "right")).Close()
	oldFolder(t, base, "right", someItems)
	later := time.Now().Add(time.Hour)
	path := filepath.Join(base, prefix+"work.a")
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	earlier := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(base, prefix+"work.b"), earlier, earlier); err != nil {
		t.Fatal(err)
	}
	openFile(t, fileConfig(base, "right"))
	if got := namesIn(t, base); slices.Contains(got, prefix+"work.b") || !slices.Contains(got, prefix+"work.a") {
		t.Errorf("left in the folder: %q", got)
	}
}

// errCut ends a making where a power cut would.
var errCut = errors.New("the power is cut")

// Cut short at any fsync, with what was not forced to disk kept or lost, the
// next start finds every item, and a new folder is either there or not begun.
func TestMakingIsSafeAtAnyCrash(t *testing.T) {
	for name, items := range map[string]map[string]string{"old": someItems, "new": nil} {
		cuts := 0
		for n := 1; ; n++ {
			base := filepath.Join(t.TempDir(), "keys")
			oldFolder(t, base, "right", items)
			disk := newPlatter(t, base)
			seen := 0
			testOnlySync = func(path string) error {
				if !strings.HasPrefix(path, base) { // the folders above it
					return nil
				}
				if seen++; seen == n {
					return errCut
				}
				disk.synced(path)
				return nil
			}
			k, err := Open(fileConfig(base, "right"))
			testOnlySync = func(string) error { return nil }
			if err == nil {
				k.Close()
				break
			}
			cuts++
			images := []string{base} // a process that is killed loses nothing
			for seed := range uint64(2) {
				images = append(images, disk.crash(seed))
			}
			for i, image := range images {
				k, err := Open(fileConfig(image, "right"))
				if err != nil {
					t.Fatalf("%s, cut at fsync %d, image %d: %v", name, n, i, err)
				}
				holds(t, k, items)
				if err := k.Set(t.Context(), "more.a", []byte("x")); err != nil {
					t.Fatal(err)
				}
				k.Close()
			}
		}
		if want := 4 + max(0, len(items)-1); cuts < want { // each item, sentinel, key, both folders
			t.Errorf("%s: cut at %d points, there are at least %d", name, cuts, want)
		}
	}
}

func TestAKeyThatIsGoneIsNotMadeAnew(t *testing.T) {
	base := filepath.Join(t.TempDir(), "keys")
	k := openFile(t, fileConfig(base, "right"))
	if err := k.Set(t.Context(), "work.a", []byte("one")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(base, itemsName, keyName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	// While it is open, and at the next start.
	if _, err := k.Get(t.Context(), "work.a"); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
	k.Close()
	asked := fileConfig(base, "right")
	asked.Passphrase = func() (secret.Value, error) { t.Error("a person is asked for nothing"); return secret.Value{}, errCut }
	asked.NewPassphrase = asked.Passphrase
	denies(t, asked, store.ErrDamaged, path, "backup")
	for _, file := range []string{"", string(whole[:len(whole)/2]), strings.Repeat("x", maxKeyFile+1), strings.Replace(string(whole), " 1 64 1 ", " 1 104857600 1 ", 1)} {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		denies(t, asked, store.ErrDamaged, path, "backup")
	}
	os.Remove(path)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	denies(t, asked, store.ErrDamaged, path, "backup")
	os.Remove(path)
	if err := os.WriteFile(path, summed("awskeyd-key 2 what may come x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	denies(t, asked, store.ErrUnavailable, path, "newer")
	if got := namesIn(t, filepath.Join(base, itemsName)); !slices.Equal(got, []string{keyName, prefix + "_sentinel", prefix + "work.a"}) {
		t.Errorf("refusing made %q", got)
	}

	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	k = openFile(t, fileConfig(base, "right"))
	holds(t, k, map[string]string{"work.a": "one"})
	k.Close()

	// The key of another folder, with the same passphrase.
	if err := os.WriteFile(path, wrapKey(newKey(), secret.New("right"), keyCost), 0o600); err != nil {
		t.Fatal(err)
	}
	denies(t, fileConfig(base, "right"), store.ErrDamaged, "not of the key beside them", "one backup")
	if err := os.Chmod(filepath.Join(base, itemsName), 0o750); err != nil {
		t.Fatal(err)
	}
	denies(t, asked, store.ErrDenied, "chmod 700 "+filepath.Join(base, itemsName))
}

// A new passphrase is asked for where there is none yet, and there alone.
func TestANewPassphraseIsAskedForOnce(t *testing.T) {
	base := filepath.Join(t.TempDir(), "keys")
	c := fileConfig(base, "old")
	c.NewPassphrase = func() (secret.Value, error) { return secret.Value{}, fmt.Errorf("%w: nobody answers", store.ErrDenied) }
	denies(t, c, store.ErrDenied, "nobody answers")
	c.NewPassphrase = func() (secret.Value, error) { return secret.New("new"), nil }
	openFile(t, c).Close()
	denies(t, c, store.ErrDenied, "does not open") // Passphrase is asked, and says "old"
	openFile(t, fileConfig(base, "new")).Close()

	old := filepath.Join(t.TempDir(), "keys")
	oldFolder(t, old, "old", someItems)
	c.Folder = old
	openFile(t, c)
}

// The system says of an fsync after one that failed that all is well.
func TestAFailedFsyncIsNotTriedAgain(t *testing.T) {
	k := openFile(t, fileConfig(filepath.Join(t.TempDir(), "keys"), "right"))
	f := k.back.(*folder)
	t.Cleanup(func() { testOnlySync = func(string) error { return nil } })
	for _, name := range []string{"first.a", "work.a"} { // the first sync of a process forces everything
		if err := k.Set(t.Context(), name, []byte("one")); err != nil {
			t.Fatal(err)
		}
		testOnlySync = func(path string) error {
			if strings.HasSuffix(path, name) {
				return errCut
			}
			return nil
		}
		if err := k.Sync(t.Context()); err == nil {
			t.Fatal("a failed fsync is none")
		}
		before, err := os.Stat(filepath.Join(f.path, prefix+name))
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Sync(t.Context()); err != nil {
			t.Fatalf("%s is forced to disk as if nothing had failed: %v", name, err)
		}
		after, err := os.Stat(filepath.Join(f.path, prefix+name))
		if err != nil || os.SameFile(before, after) {
			t.Fatalf("%s is still the file whose fsync failed: %v", name, err)
		}
		holds(t, k, map[string]string{name: "one"})
		if got := namesIn(t, f.path); slices.Contains(got, againName) {
			t.Errorf("left: %q", got)
		}
	}
}

// A store in a folder whose name is not on disk is on no disk.
func TestNewFoldersAreForcedToDisk(t *testing.T) {
	top := t.TempDir()
	base := filepath.Join(top, "a", "b", "keys")
	synced := map[string]bool{}
	testOnlySync = func(path string) error { synced[path] = true; return nil }
	t.Cleanup(func() { testOnlySync = func(string) error { return nil } })
	c := fileConfig(base, "right")
	c.Passphrase = nil // a start that goes no further
	denies(t, c, store.ErrLocked)
	for _, folder := range []string{base, filepath.Dir(base), filepath.Join(top, "a"), top} {
		if !synced[folder] {
			t.Errorf("%s is not forced to disk", folder)
		}
	}
	if synced[filepath.Dir(top)] {
		t.Error("folders that were there before are forced to disk")
	}
}
