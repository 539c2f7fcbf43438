//go:build !windows

package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A watch is a running Watch with what it tells.
type watch struct {
	t     *testing.T
	home  string
	paths Paths
	told  chan told
}

type told struct {
	c   *Config
	err error
}

// newWatch lays files out in a home of its own and watches them. It returns
// when the first configuration is told, so what follows can only come through
// events: the rereading is a minute away.
func newWatch(t *testing.T, layOut func(w *watch)) *watch {
	t.Helper()
	w := &watch{t: t, home: t.TempDir(), told: make(chan told, 100)}
	w.paths = Paths{User: filepath.Join(w.home, "config", "config.toml"), Home: w.home}
	w.must(os.Mkdir(filepath.Join(w.home, "config"), 0o700))
	layOut(w)
	w.run(func(ctx context.Context, tell func(*Config, error)) { Watch(ctx, w.paths, nil, tell) })
	w.wait("the first configuration", func(x told) bool { return x.err == nil })
	return w
}

func (w *watch) run(watch func(context.Context, func(*Config, error))) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watch(ctx, func(c *Config, err error) { w.told <- told{c, err} })
	}()
	w.t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			w.t.Error("Watch does not end with its context")
		}
	})
}

func (w *watch) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watch) at(name string) string { return filepath.Join(w.home, name) }

func (w *watch) write(name, text string) {
	w.t.Helper()
	w.must(os.WriteFile(w.at(name), []byte(text), 0o600))
}

// over writes a file as most editors do.
func (w *watch) over(name, text string) {
	w.t.Helper()
	w.write(name+"~", text)
	w.must(os.Rename(w.at(name+"~"), w.at(name)))
}

func (w *watch) link(to, name string) {
	w.t.Helper()
	w.must(os.Symlink(to, w.at(name+"~")))
	w.must(os.Rename(w.at(name+"~"), w.at(name)))
}

func ttl(hours int) string { return fmt.Sprintf("[rotation]\nttl = \"%dh\"\n", hours) }

// wait takes what is told until it is what was meant; a save may be told in
// more than one step.
func (w *watch) wait(what string, meant func(told) bool) {
	w.t.Helper()
	deadline := time.After(20 * time.Second)
	var last told
	for {
		select {
		case last = <-w.told:
			if meant(last) {
				return
			}
		case <-deadline:
			w.t.Fatalf("%s was not told; the last word was %v %v", what, last.c, last.err)
		}
	}
}

func (w *watch) waitTTL(hours int) {
	w.t.Helper()
	w.wait(ttl(hours), func(x told) bool {
		return x.err == nil && x.c.Rotation("x").TTL == time.Duration(hours)*time.Hour
	})
}

func (w *watch) waitError(part string) {
	w.t.Helper()
	w.wait(part, func(x told) bool { return x.c == nil && x.err != nil && strings.Contains(x.err.Error(), part) })
}

func plainFile(w *watch) { w.write("config/config.toml", ttl(1)) }

func TestWatchEditInPlace(t *testing.T) {
	w := newWatch(t, plainFile)
	for hours := 2; hours < 5; hours++ {
		w.write("config/config.toml", ttl(hours))
		w.waitTTL(hours)
	}
}

func TestWatchRenameOver(t *testing.T) {
	w := newWatch(t, plainFile)
	for hours := 2; hours < 5; hours++ {
		w.over("config/config.toml", ttl(hours))
		w.waitTTL(hours)
	}
}

func TestWatchMonitorAndRotateWith(t *testing.T) {
	w := newWatch(t, plainFile)
	w.over("config/config.toml", ttl(1)+"[monitor]\nregions = [\"eu-west-1\"]\nalarms = [\"a\"]\n")
	w.wait("[monitor]", func(x told) bool {
		return x.err == nil && len(x.c.Monitor().Regions) == 1 && len(x.c.Monitor().Alarms) == 1
	})
	w.over("config/config.toml", ttl(1)+"[monitor]\nalarms = []\n[keys.a]\nrotate_with = \"boss\"\n")
	w.wait("rotate_with", func(x told) bool {
		return x.err == nil && len(x.c.Monitor().Regions) == 0 && len(x.c.Monitor().Alarms) == 0 && x.c.RotateWith("a") == "boss"
	})
	w.over("config/config.toml", ttl(1)+"[keys.a]\nrotate_with = \"a\"\n")
	w.waitError("is a profile of this very key")
}

func TestWatchLinkSwitched(t *testing.T) {
	w := newWatch(t, func(w *watch) {
		w.must(os.MkdirAll(w.at("a"), 0o700))
		w.must(os.MkdirAll(w.at("b"), 0o700))
		w.write("a/file", ttl(1))
		w.write("b/file", ttl(2))
		w.link("../a/file", "config/config.toml")
	})
	w.link("../b/file", "config/config.toml")
	w.waitTTL(2)
	w.over("b/file", ttl(3)) // the new target's folder is watched now
	w.waitTTL(3)
	w.link(w.at("a/file"), "config/config.toml")
	w.waitTTL(1)
}

func TestWatchLinkTarget(t *testing.T) {
	w := newWatch(t, func(w *watch) {
		w.must(os.MkdirAll(w.at("dots/deep"), 0o700))
		w.write("dots/deep/file", ttl(1))
		w.link("deep/file", "dots/middle")
		w.link("../dots/middle", "config/config.toml")
	})
	w.over("dots/deep/file", ttl(2))
	w.waitTTL(2)
	w.write("dots/deep/file", ttl(3))
	w.waitTTL(3)
	w.write("dots/other", ttl(4))
	w.link("other", "dots/middle") // a link in the middle
	w.waitTTL(4)
}

func TestWatchLinkedFolder(t *testing.T) {
	w := newWatch(t, func(w *watch) {
		w.must(os.Remove(w.at("config")))
		for n, name := range []string{"one", "two"} {
			w.must(os.Mkdir(w.at(name), 0o700))
			w.write(name+"/config.toml", ttl(n+1))
		}
		w.link("one", "config")
	})
	w.link("two", "config")
	w.waitTTL(2)
	w.over("two/config.toml", ttl(5))
	w.waitTTL(5)
}

func TestWatchDeletedAndMadeAgain(t *testing.T) {
	w := newWatch(t, plainFile)
	w.must(os.Remove(w.at("config/config.toml")))
	w.waitError("config.toml: the file is gone; what it said stays in force until it is back or awskeyd is restarted")
	w.write("config/config.toml", ttl(1)) // the same bytes end the trouble
	w.waitTTL(1)
	w.must(os.Rename(w.at("config"), w.at("away"))) // the folder as well
	w.waitError("is gone")
	w.must(os.Mkdir(w.at("config"), 0o700))
	w.write("config/config.toml", ttl(2))
	w.waitTTL(2)
}

func TestWatchFileThatComesLater(t *testing.T) {
	w := newWatch(t, func(w *watch) { w.must(os.Remove(w.at("config"))) })
	w.must(os.Mkdir(w.at("config"), 0o700))
	w.write("config/config.toml", ttl(2))
	w.waitTTL(2)
}

func TestWatchDanglingLinkGetsItsFile(t *testing.T) {
	w := newWatch(t, func(w *watch) {
		w.must(os.Mkdir(w.at("dots"), 0o700))
		w.link("../dots/file", "config/config.toml")
	})
	w.write("dots/file", ttl(2))
	w.waitTTL(2)
}

func TestWatchBadThenGood(t *testing.T) {
	w := newWatch(t, plainFile)
	w.over("config/config.toml", "[rotation]\nttl = \"2 hours\"\n")
	w.waitError(`config.toml:2: [rotation] ttl = "2 hours": a duration is written like "2h"; write ttl = "2h"`)
	w.over("config/config.toml", ttl(1)) // back to what is in force: told, so that the warning can go
	w.waitTTL(1)
	w.over("config/config.toml", ttl(2))
	w.waitTTL(2)
}

func TestWatchUnsafe(t *testing.T) {
	w := newWatch(t, plainFile)
	w.must(os.Chmod(w.at("config"), 0o770))
	w.over("config/config.toml", ttl(2))
	w.wait("unsafe", func(x told) bool { return errors.As(x.err, new(*UnsafeError)) })
	w.must(os.Chmod(w.at("config"), 0o700))
	w.over("config/config.toml", ttl(3))
	w.waitTTL(3)
}

// Other files in the folder are no news, however many.
func TestWatchOtherFiles(t *testing.T) {
	w := newWatch(t, plainFile)
	for i := range 3000 { // more than a queue of events holds
		name := fmt.Sprint("config/other", i%50)
		w.write(name, "x")
		w.must(os.Remove(w.at(name)))
	}
	w.over("config/config.toml", ttl(2))
	if first := <-w.told; first.err != nil || first.c.Rotation("x").TTL != 2*time.Hour {
		t.Errorf("told %v %v", first.c, first.err)
	}
}

func TestWatchSystemFile(t *testing.T) {
	w := &watch{t: t, home: t.TempDir(), told: make(chan told, 100)}
	w.must(os.Mkdir(w.at("etc"), 0o700))
	w.write("etc/config.toml", ttl(1))
	w.paths = Paths{User: w.at("none/config.toml"), System: w.at("etc/config.toml"), Home: w.home}
	w.run(func(ctx context.Context, tell func(*Config, error)) { Watch(ctx, w.paths, nil, tell) })
	w.waitTTL(1) // nothing was in force, so what there is is told
	w.over("etc/config.toml", ttl(2))
	w.waitTTL(2)
}

func TestWatchTellsWhatChangedSinceLoad(t *testing.T) {
	w := &watch{t: t, home: t.TempDir(), told: make(chan told, 100)}
	w.write("config.toml", ttl(1))
	w.paths = Paths{User: w.at("config.toml"), Home: w.home}
	last, err := Load(w.paths)
	w.must(err)
	w.write("config.toml", ttl(2))
	w.run(func(ctx context.Context, tell func(*Config, error)) { Watch(ctx, w.paths, last, tell) })
	w.waitTTL(2)
}
