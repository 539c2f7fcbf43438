// Package config is the daemon's configuration: TOML, read strictly, with
// errors that name the file, the line and what to write instead, and reloaded
// while the daemon runs.
//
// It must never guess: a setting that is unknown, not built yet, or at odds
// with another is an error and not a default. It must never trust a file that
// somebody else could have written, and never quote a value that may hold a
// password.
package config

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Paths are the files that make a configuration. A file that does not exist
// says nothing.
type Paths struct {
	User   string // config.toml of the user
	System string // lies below the user's: /etc/awskeyd/config.toml; "" for none
	Home   string // folders above it are not asked who may write them
}

// PathsFor are the files for a user's configuration: /etc/awskeyd/config.toml lays
// defaults below it, where the system has such a place.
func PathsFor(user, home string) Paths {
	p := Paths{User: user, Home: home}
	if runtime.GOOS != "windows" {
		p.System = "/etc/awskeyd/config.toml"
	}
	return p
}

// Config is one whole and valid configuration. It never changes, and so is
// safe for concurrent use.
type Config struct {
	store    Store
	aws      AWS
	keys     map[string]key // by lower-case name
	rotation RotationSettings
	monitor  Monitor
	guard    Guard
	leave    time.Duration
	profiles []Profile
	lifted   bool
	prints   [2]string // of the user's file and the system's, as read
}

type key struct {
	name       string
	region     string
	rotateWith string // the name of another key, or ""
	rotation   RotationSettings
}

// Store is the table [store].
type Store struct {
	Backend        string // "" until a person has chosen one
	PassphraseFile string // for the backend file; it may stand beside another one, from or to which keys are moved
	Volatile       bool   // the backend keyctl is meant, though it forgets all at a restart of the machine; the same
	LockOn         LockOn
}

// Guard is the table [guard]: what the daemon does about keys in plaintext beside
// warning of those in the AWS files.
type Guard struct {
	Adopt     bool // take a plaintext key in by itself
	Downloads bool // look for the console's CSV among the downloads
}

// AWS is how to reach AWS for one key.
type AWS struct {
	Region      string // "" when none is written
	EndpointURL string // "" for AWS itself
	Proxy       string // may hold a password: not for logs
	NoProxy     string // hosts that are reached without it, in the form of NO_PROXY
	CABundle    string
	FIPS        bool
}

// Profile is a written profile.
type Profile struct {
	Name  string
	Key   string
	Serve string // "key"
}

// Load reads the configuration. Its errors are an *Error, an *UnsafeError or
// an error of the file system.
func Load(paths Paths) (*Config, error) {
	c, _, err := load(paths, time.Now())
	return c, err
}

// load also returns the files' fingerprints, when the configuration is bad as
// well.
func load(paths Paths, now time.Time) (*Config, [2]string, error) {
	var prints [2]string
	var first error
	whole := newLayer()
	for i := len(prints) - 1; i >= 0; i-- { // the system's, then the user's over it
		path := []string{paths.User, paths.System}[i]
		if path == "" {
			continue
		}
		data, err := readSafe(path, paths.Home)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		prints[i] = fingerprint(data, err)
		var l *layer
		if err == nil {
			l, err = parse(path, data, now)
		}
		if err != nil {
			first = err // the user's, which comes last, is the one to mend first
			continue
		}
		whole = l.over(whole)
	}
	if first != nil {
		return nil, prints, first
	}
	c, err := build(whole, now)
	if err != nil {
		return nil, prints, err
	}
	c.prints = prints
	return c, prints, nil
}

func fingerprint(data []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(data)
	return string(sum[:])
}

// build checks what only the whole configuration shows.
func build(l *layer, now time.Time) (*Config, error) {
	if err := checkStore(l.store); err != nil {
		return nil, err
	}
	c := &Config{
		store: Store{
			Backend: l.store["backend"].text, PassphraseFile: l.store["passphrase_file"].text,
			Volatile: l.store["volatile"].on, LockOn: newLockOn(l.store),
		},
		aws: AWS{
			Region: l.aws["region"].text, EndpointURL: l.aws["endpoint_url"].text, Proxy: l.aws["proxy"].text, NoProxy: l.aws["no_proxy"].text,
			CABundle: l.aws["ca_bundle"].text, FIPS: l.aws["fips"].on,
		},
		monitor: newMonitor(l.monitor),
		guard:   Guard{Adopt: l.guard["adopt"].on, Downloads: l.guard["downloads"].on},
		leave:   time.Duration(l.service["leave_after"].duration),
		keys:    map[string]key{},
	}
	if u, err := url.Parse(c.aws.EndpointURL); err == nil {
		c.lifted = isLoopback(u.Hostname())
	}
	var err error
	if c.rotation, err = resolve(l.rotation, nil, c.lifted, now); err != nil {
		return nil, err
	}
	administrators, err := l.administrators()
	if err != nil {
		return nil, err
	}
	for _, id := range sorted(l.keys) {
		k := key{name: l.keys[id].name, region: l.keys[id].table["region"].text, rotateWith: administrators[id]}
		if k.rotation, err = resolve(l.rotation, l.keys[id].table, c.lifted, now); err != nil {
			return nil, err
		}
		c.keys[id] = k
	}
	for _, p := range l.profiles {
		c.profiles = append(c.profiles, Profile{Name: p.name, Key: p.table["key"].text, Serve: "key"})
	}
	slices.SortFunc(c.profiles, func(a, b Profile) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

// checkStore lets settings for one backend stand beside another, from or to
// which keys are moved.
func checkStore(t table) error {
	if b := t["backend"]; b.text == keyctl && !t["volatile"].on {
		return b.at.errorf("%s forgets every key when the machine restarts; if that is what you want, write volatile = true below it", b)
	}
	return nil
}

// Store returns the table [store].
func (c *Config) Store() Store { return c.store }

// LeaveAfter is how long a daemon stays that a service manager would start again,
// once nobody asks for anything and nothing is to be done; 0 is for ever.
func (c *Config) LeaveAfter() time.Duration { return c.leave }

// Rotation returns the settings in force for a key, written or not.
func (c *Config) Rotation(key string) RotationSettings {
	if k, written := c.keys[strings.ToLower(key)]; written {
		return k.rotation
	}
	return c.rotation
}

// AWS returns how to reach AWS for a key: the table [aws] with the key's own
// region.
func (c *Config) AWS(key string) AWS {
	a := c.aws
	if k := c.keys[strings.ToLower(key)]; k.region != "" {
		a.Region = k.region
	}
	return a
}

// RotateWith returns the name of the key whose current version makes the calls
// to IAM for this one, "" when it makes its own. Such a key need not exist.
func (c *Config) RotateWith(key string) string { return c.keys[strings.ToLower(key)].rotateWith }

// Monitor returns the table [monitor].
func (c *Config) Monitor() Monitor { return c.monitor.clone() }

// Guard returns the table [guard].
func (c *Config) Guard() Guard { return c.guard }

// Keys returns the names that have a table [keys.NAME], in order. Whether
// there are such keys is for the store to say.
func (c *Config) Keys() []string {
	var names []string
	for _, k := range c.keys {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

// Profiles returns the written profiles in order of their names.
func (c *Config) Profiles() []Profile { return slices.Clone(c.profiles) }

// KeyOfProfile returns the key that a profile serves. A profile named like its
// key need not be written, so any other name is its own key, which need not
// exist.
func (c *Config) KeyOfProfile(name string) string {
	for _, p := range c.profiles {
		if strings.EqualFold(p.Name, name) {
			return p.Key
		}
	}
	return name
}

// LimitsLifted reports that the endpoint is on this machine, so that limits
// and relations of the rotation settings do not hold: for tests and the demo.
func (c *Config) LimitsLifted() bool { return c.lifted }

// SameStore reports whether the table [store] is the same in both. A change
// needs `awskey store migrate`.
func (c *Config) SameStore(d *Config) bool { return c.store == d.store }

// Moved returns the same configuration with another store in force.
func (c *Config) Moved(backend string) *Config {
	moved := *c
	moved.store.Backend = backend
	return &moved
}

// SameAWS reports whether the table [aws] is the same in both. A change needs
// a restart.
func (c *Config) SameAWS(d *Config) bool { return c.aws == d.aws }
