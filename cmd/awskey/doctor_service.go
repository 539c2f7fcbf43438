package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/helper"
)

// programs looks whether the three lie in one folder: the helper starts only the
// service beside itself.
func (d *doctor) programs(context.Context) {
	self, err := d.executable()
	if real, err2 := filepath.EvalSymlinks(self); err == nil && err2 == nil {
		self = real
	}
	missing := ""
	for _, name := range []string{"awskeyd", "awskey-helper"} {
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		path := filepath.Join(filepath.Dir(self), name)
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
			missing += " " + path
		}
	}
	if missing != "" {
		d.say("error", "programs", "install awskey, awskeyd and awskey-helper in one folder", "missing, or not to be run:%s", missing)
		return
	}
	d.say("ok", "programs", "", "awskey, awskeyd and awskey-helper lie in %s", filepath.Dir(self))
}

// configuration reads it as the service does.
func (d *doctor) configuration(context.Context) {
	path, err := helper.ConfigFile(d.env)
	if err != nil {
		d.say("error", "config", "set HOME", "cannot tell where the configuration is: %v", err)
		return
	}
	c, err := config.Load(config.PathsFor(path, d.home()))
	if err != nil {
		d.say("error", "config", "mend it; the last good configuration stays in force while the service runs", "%v", err)
		return
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		d.say("ok", "config", "", "there is no %s, and none is needed", path)
	} else {
		d.say("ok", "config", "", "%s can be read, and nobody else can write it", path)
	}
	d.proxies(c)
}

// proxies compares what this shell is told of the way to AWS with what the service
// is told, which inherits nothing of it.
func (d *doctor) proxies(c *config.Config) {
	aws := c.AWS("")
	for _, x := range []struct{ setting, value string }{{"proxy", aws.Proxy}, {"ca_bundle", aws.CABundle}} {
		for _, variable := range map[string][]string{"proxy": {"HTTPS_PROXY", "https_proxy"}, "ca_bundle": {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}}[x.setting] {
			if d.env(variable) != "" && x.value == "" {
				d.say("warning", x.setting, "write "+x.setting+" = \"…\" below [aws] in the configuration, if it is meant for AWS", "%s is set in this shell, and the service does not inherit it", variable)
				break
			}
		}
	}
}

// registration looks whether the system starts the service. Where it starts none,
// programs do.
func (d *doctor) registration(ctx context.Context) {
	if d.steered() {
		return
	}
	s, err := d.serviceNow(ctx)
	switch {
	case err != nil:
		e := asError(err)
		d.say("warning", "service", e.Remedy, "%s", e.Message)
	case s.Manager == "" || s.Stopped: // that it was stopped is said below
	case !s.Installed:
		d.say("warning", "service", "awskey service install", "the service is not registered with %s: it begins when a program asks for a key, and rotates no key before", s.Manager)
	case !s.Enabled:
		d.say("warning", "service", "awskey service install", "the service is registered with %s, but does not begin when you log in", s.Manager)
	default:
		d.say("ok", "service", "", "the service is registered with %s", s.Manager)
	}
}

// service starts it where it does not run, as the first request of a program would.
func (d *doctor) service(ctx context.Context) {
	if state, err := helper.StateDir(d.env); err == nil {
		if _, err := os.Stat(helper.StopMarker(state)); err == nil {
			d.say("warning", "stopped", "awskey service start", "the service was stopped by a person, so that no program starts it")
			return
		}
	}
	if err := d.awake(); err != nil {
		e := asError(err)
		d.say("error", "daemon", e.Remedy, "%s", e.Message)
		return
	}
	status, err := d.opened(ctx)
	if err != nil {
		e := asError(err)
		d.say("error", "daemon", e.Remedy, "%s", e.Message)
		return
	}
	d.status = &status
	if own := api.Version(); status.Daemon.Version != own {
		d.say("warning", "version", "awskey service restart", "the service is of version %s, awskey of %s", status.Daemon.Version, own)
		return
	}
	d.say("ok", "daemon", "", "the service answers, version %s", status.Daemon.Version)
}

// opened is the status once a service that was just started has opened its store.
func (d *doctor) opened(ctx context.Context) (api.Status, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(opensWithin); ; {
		status, err := d.daemon.Status(ctx)
		opening := err == nil && status.Daemon.Store.State == "none" && status.Daemon.Store.Backend != ""
		if !opening || time.Now().After(late) {
			return status, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return status, nil
		}
	}
}

// socket looks at the folders that others must not get into.
func (d *doctor) socket(context.Context) {
	if runtime.GOOS == "windows" {
		return // a pipe has no folder
	}
	for _, path := range helper.SocketCandidates(d.env) {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if err := helper.CheckFolder(filepath.Dir(path)); err != nil {
			e := asError(err)
			d.say("error", "socket", e.Remedy, "%s", e.Message)
			return
		}
		d.say("ok", "socket", "", "the socket %s is yours alone", path)
		return
	}
}

// store says how the keychain is, in the service's own words.
func (d *doctor) store(context.Context) {
	if d.status == nil {
		return
	}
	store := d.status.Daemon.Store
	switch store.State {
	case "ready":
		d.say("ok", "store", "", "the store %s is open", store.Backend)
		return
	case "none":
		if store.Backend == "" {
			d.say("warning", "store", "awskey store list shows what can keep keys here", "no store is chosen yet")
			return
		}
	}
	for _, w := range d.status.Warnings {
		if w.Code == "store-"+store.State || w.Code == "locked" {
			d.say("error", "store", w.Remedy, "%s", w.Text)
			return
		}
	}
	d.say("error", "store", "awskey status says more", "the store %s is %s", store.Backend, store.State)
}
