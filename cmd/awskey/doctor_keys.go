package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// environment looks at the variables that beat or move the AWS profiles (AWS SDKs
// and tools reference guide, "Environment variables").
func (d *doctor) environment(context.Context) {
	from := len(d.said)
	var set []string
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		if d.env(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) > 0 {
		d.say("warning", "env-key", "unset "+strings.Join(set, " "), "%s in this shell beat%s every AWS profile", strings.Join(set, ", "), map[bool]string{true: "s", false: ""}[len(set) == 1])
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		profile := d.env(name)
		if profile == "" {
			continue
		}
		if there, err := d.files.Has(profile); err == nil && !there {
			d.say("error", "env-profile", "unset "+name+", or give it the name of one that is there", "%s names the AWS profile %s, and there is no such", name, profile)
		}
	}
	for _, x := range []struct{ name, path string }{{"AWS_CONFIG_FILE", d.files.Config}, {"AWS_SHARED_CREDENTIALS_FILE", d.files.Credentials}} {
		if d.env(x.name) == "" {
			continue
		}
		if _, err := os.Stat(x.path); err != nil {
			d.say("warning", "env-file", "unset "+x.name+", or make the file", "%s names %s, which is not there", x.name, x.path)
		}
	}
	if len(d.said) == from {
		d.say("ok", "environment", "", "no variable of this shell stands in the way")
	}
}

// oldest is the age that AWS's own rule allows (AWS Config, access-keys-rotated).
const oldest = 90 * 24 * time.Hour

// keysHere says how each key stands.
func (d *doctor) keysHere(context.Context) {
	if d.status == nil {
		return
	}
	for _, k := range d.status.Keys {
		switch {
		case k.Hold != nil:
			d.say("warning", "held", "awskey resolve "+k.Name, "%s is held: %s", k.Name, k.Hold.Text)
		case k.Paused:
			d.say("warning", "paused", "awskey resume "+k.Name, "%s is paused and is not rotated", k.Name)
		case k.CreatedAt != nil && d.now().Sub(*k.CreatedAt) > oldest:
			d.say("warning", "old-key", "awskey rotate "+k.Name, "%s: access key %s is %s old; AWS's rule is 90 days", k.Name, short(k.AccessKeyID), age(k.CreatedAt, d.now()))
		default:
			d.say("ok", "key", "", "%s: access key %s, %s old, %s", k.Name, short(k.AccessKeyID), age(k.CreatedAt, d.now()), phase(k, d.now()))
		}
	}
	for _, w := range d.status.Warnings {
		if elsewhere(w) {
			continue
		}
		d.say(w.Severity, w.Code, w.Remedy, "%s", w.Text)
	}
}

// elsewhere tells the warnings of the service that another check has said.
func elsewhere(w api.Warning) bool {
	switch w.Code {
	case "plaintext-key", "shadowed", "helper-missing", "helper-moved", "no-such-profile", "aws-file-unreadable", "locked", "bad-config":
		return true
	}
	return w.Severity == "info" || strings.HasPrefix(w.Code, "store-")
}

// keysAtAWS has the service ask AWS about each key. What is the same for all, such
// as the clock, is said once.
func (d *doctor) keysAtAWS(ctx context.Context) {
	if d.status == nil || d.status.Daemon.Store.State != "ready" {
		return
	}
	said := map[string]bool{}
	for _, k := range d.status.Keys {
		if unborn(k) {
			continue
		}
		var checked api.Checked
		err := d.while("asking AWS about "+k.Name, func() (err error) {
			checked, err = d.daemon.Check(ctx, k.Name)
			return err
		})
		if err != nil {
			if exitOf(err) != helper.ExitHeld {
				e := asError(err)
				d.say("error", "aws", e.Remedy, "%s: %s", k.Name, e.Message)
			}
			continue
		}
		for _, c := range checked.Checks {
			if !said[c.Text] {
				said[c.Text] = true
				d.said = append(d.said, c)
			}
		}
	}
}
