package filewatch

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Where no events come (network homes, no watches left) the files are looked at
// once a minute all the same.
func TestWithoutEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		looks := make(chan time.Time, 10)
		began := time.Now()
		go watch(ctx, nil, nil, func() bool { looks <- time.Now(); return true }, nil)
		for n := range 4 {
			if at := <-looks; at.Sub(began) != time.Duration(n)*time.Minute {
				t.Errorf("look %d came after %v", n, at.Sub(began))
			}
		}
		cancel()
	})
}

// Only where every folder is watched, and lies on this machine, all is heard of.
func TestWhereAllIsHeardOf(t *testing.T) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	go drain(notify, make(chan struct{}, 1))
	defer notify.Close()
	here := t.TempDir()
	for name, c := range map[string]struct {
		notify  *fsnotify.Watcher
		folders []string
		all     bool
	}{
		"watched":           {notify, []string{here}, tells(here)},
		"one is not there":  {notify, []string{here, filepath.Join(here, "none")}, false},
		"no watches at all": {nil, []string{here}, false},
	} {
		if got := arm(c.notify, func() []string { return c.folders }); got != c.all {
			t.Errorf("%s: %v", name, got)
		}
	}
	if tells("/proc") || tells(filepath.Join(here, "none")) {
		t.Error("a folder is trusted of which nobody tells")
	}
}

// Who is not well is looked at once a minute, else there is time.
func TestHowLongNobodyLooks(t *testing.T) {
	for _, c := range []struct {
		heard, well bool
		wait        time.Duration
	}{{true, true, rarely}, {true, false, reread}, {false, true, reread}, {false, false, reread}} {
		if got := pause(c.heard, c.well); got != c.wait {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// A folder that is never quiet is looked at in the end.
func TestSettleEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		changed := make(chan struct{}, 1)
		go func() {
			for ctx.Err() == nil {
				select {
				case changed <- struct{}{}:
				default:
				}
				time.Sleep(debounce / 2)
			}
		}()
		began := time.Now()
		if !settle(ctx, changed) || time.Since(began) > longest*debounce {
			t.Errorf("it settled after %v", time.Since(began))
		}
		cancel()
		if settle(ctx, make(chan struct{})) {
			t.Error("it settles though it is to end")
		}
		time.Sleep(debounce) // whoever made it busy ends
	})
}

// What changes is told, in a folder that is there and in one that is still to come.
func TestWatch(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, ".aws", "config")
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, nil, func() []string { return Folders(path) }, func() bool {
			text, _ := os.ReadFile(path) // none yet is a sight like another
			seen <- string(text)
			return true
		})
	}()
	await := func(want string) {
		t.Helper()
		late := time.After(20 * time.Second) // and well before the rereading
		for {
			select {
			case got := <-seen:
				if got == want {
					return
				}
			case <-late:
				t.Fatalf("%q is not told", want)
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	await("")
	must(os.Mkdir(filepath.Dir(path), 0o700))
	must(os.WriteFile(path, []byte("made"), 0o600))
	await("made")
	must(os.WriteFile(path+".new", []byte("renamed over"), 0o600))
	must(os.Rename(path+".new", path))
	await("renamed over")
	must(os.RemoveAll(filepath.Dir(path)))
	await("")
	must(os.Mkdir(filepath.Dir(path), 0o700))
	must(os.WriteFile(path, []byte("back"), 0o600))
	await("back")
	dotfiles := filepath.Join(home, "dotfiles")
	must(os.Mkdir(dotfiles, 0o700))
	must(os.Rename(path, filepath.Join(dotfiles, "aws")))
	must(os.Symlink("../dotfiles/aws", path))
	await("back")
	must(os.WriteFile(filepath.Join(dotfiles, "new"), []byte("of the link's end"), 0o600))
	must(os.Rename(filepath.Join(dotfiles, "new"), filepath.Join(dotfiles, "aws")))
	await("of the link's end")
	cancel()
	<-ended
}

func TestFolders(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"a", "b", "c"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"a/one": "../b/two", "b/two": filepath.Join(home, "c", "end"), "a/round": "round", "linked": "a", "b/up": "../linked/../c/./end"} {
		if err := os.Symlink(to, filepath.Join(home, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"a/plain":       "a",
		"a/one":         "a b c",
		"linked/one":    " a b c",
		"linked/plain":  " a",
		"a/../b/plain":  "b",
		"b/up":          "b  c",
		"linked/no/one": " a",
		"a/round":       "a",
		"none/at/all":   "",
		"a/none/at/all": "a",
	} {
		var got []string
		for _, folder := range Folders(filepath.Join(home, path)) {
			name, err := filepath.Rel(home, folder)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.TrimPrefix(name, "."))
		}
		if !slices.Equal(got, strings.Split(want, " ")) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
