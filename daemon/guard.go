package daemon

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/daemon/guard"
)

// newGuard makes the guard of the AWS files of the home that the daemon runs in; nil
// where there is no home.
func (d *Daemon) newGuard() *guard.Guard {
	home := d.env("HOME")
	if runtime.GOOS == "windows" {
		home = d.env("USERPROFILE")
	}
	if !filepath.IsAbs(home) {
		return nil
	}
	return guard.New(guard.Options{
		Files: awsfiles.Locate(d.env, home), Downloads: filepath.Join(home, "Downloads"), Helper: besides("awskey-helper"),
		Daemon: guarded{d}, Tell: d.tell, GivenOut: d.out.has,
		Settings: func() guard.Settings { return guard.Settings(d.current().Guard()) },
		Notify: func(ctx context.Context, title, text string) {
			if err := notify(ctx, d.env, title, text); err != nil {
				d.log.Info("no notification was shown", "error", err)
			}
		},
	})
}

// guarded is what the guard may ask of the daemon.
type guarded struct{ *Daemon }

// Held are the keys and profiles, from memory.
func (d guarded) Held() (guard.Held, bool) {
	d.worked() // the files that are looked at hold secrets
	d.mu.Lock()
	set := d.set
	d.mu.Unlock()
	if set == nil {
		return guard.Held{}, false
	}
	list := set.List()
	names := make([]string, 0, len(list))
	for _, k := range list {
		names = append(names, k.Name)
	}
	return guard.Held{Keys: list, Profiles: d.profiles(names)}, set.Trouble() == nil
}

// lookAround has the guard look again soon: what it compares the files with has
// changed. It never waits.
func (d *Daemon) lookAround() {
	if d.guard != nil {
		d.guard.Look()
	}
}

// besides is the path of a program of ours in the folder of this one.
func besides(name string) string {
	self, err := os.Executable()
	if real, err2 := filepath.EvalSymlinks(self); err == nil && err2 == nil {
		self = real
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(filepath.Dir(self), name)
}

// guardEnds is how long a stop waits for the guard: a home on a network that hangs
// must not keep the daemon from ending.
const guardEnds = 3 * time.Second

// mindFiles runs the guard until ctx ends.
func (d *Daemon) mindFiles(ctx context.Context) {
	if d.guard == nil {
		return
	}
	ended := make(chan struct{})
	go func() { // left behind, if at all, in a process that is about to end
		defer close(ended)
		d.guard.Run(ctx)
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	select {
	case <-ended:
	case <-time.After(guardEnds):
		d.log.Warn("looking at the AWS files hangs; awskeyd ends all the same")
	}
}

// guardWarnings are what the guard has seen last.
func (d *Daemon) guardWarnings() []api.Warning {
	if d.guard == nil {
		return nil
	}
	return d.guard.Warnings()
}
