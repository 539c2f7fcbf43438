package daemon

import (
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsapi"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/keys"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

func (d *Daemon) current() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

// settings are a key's, as the configuration in force has them at this moment.
func (d *Daemon) settings(key string) rotation.Settings {
	s := d.current().Rotation(key)
	return rotation.Settings{
		Every: s.Every, Schedule: s.Schedule, TTL: s.TTL, Prove: s.Prove, Settle: s.Settle,
		Grace: s.Grace, ImportedGrace: s.ImportedGrace, Monitor: s.Monitor,
	}
}

// monitor is where to look for trouble besides last-used data, as the
// configuration in force has it at this moment.
func (d *Daemon) monitor() keys.Monitor { return keys.Monitor(d.current().Monitor()) }

// rotateWith is the key whose user makes the calls to IAM for a key; "" when it
// is the key's own.
func (d *Daemon) rotateWith(key string) string { return d.current().RotateWith(key) }

// profiles are those that the configuration writes, and one named like its key
// for every other key.
func (d *Daemon) profiles(names []string) []api.Profile {
	list := []api.Profile{}
	written := map[string]bool{}
	for _, p := range d.current().Profiles() {
		list = append(list, api.Profile{Name: p.Name, Key: p.Key, Serve: p.Serve})
		written[strings.ToLower(p.Name)] = true
	}
	for _, name := range names {
		if !written[strings.ToLower(name)] {
			list = append(list, api.Profile{Name: name, Key: name, Serve: "key"})
		}
	}
	slices.SortFunc(list, func(a, b api.Profile) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// awsFor fixes [aws] as it is now: a change of it needs a restart, since a
// record belongs to the endpoint it was added through. With d.mu held.
func (d *Daemon) awsFor() func(string) (keys.AWS, error) {
	fixed := d.inForce()
	return func(key string) (keys.AWS, error) {
		d.worked()
		a := fixed.AWS(key)
		c, err := awsapi.New(awsapi.Config{Region: a.Region, EndpointURL: a.EndpointURL, Proxy: a.Proxy, NoProxy: a.NoProxy, CABundle: a.CABundle, FIPS: a.FIPS, Version: api.Version()})
		if err != nil {
			return nil, err
		}
		return keys.IAM{Client: c, Monitor: d.monitor}, nil
	}
}

// endpointFor is the endpoint in force. With d.mu held.
func (d *Daemon) endpointFor() func(string) string {
	fixed := d.inForce()
	return func(key string) string { return fixed.AWS(key).EndpointURL }
}
