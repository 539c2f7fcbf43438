package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is what the manual says of one setting.
type Setting struct {
	Table   string // such as [store] or [keys.NAME]; empty above the tables
	Name    string
	Example string // as it can be written
	Default string // what holds where it is not written; empty for nothing
	Text    string
}

// Settings are all that a file may write, in the order of the manual. What
// [keys.NAME] takes of [rotation] is told there alone.
func Settings() []Setting {
	all := []Setting{{"", "version", fmt.Sprint("version = ", version), "1", described["version"]}}
	for _, t := range tableNames {
		label := "[" + t + "]"
		if t == "keys" || t == "profiles" {
			label = "[" + t + ".NAME]"
		}
		for _, name := range schema[t] {
			if t == "keys" && slices.Contains(rotationSettings, name) {
				continue
			}
			all = append(all, Setting{label, name, name + " = " + example(name), byDefault(name), explained(t, name)})
		}
	}
	return all
}

func isSwitch(name string) bool {
	return slices.Contains([]string{"fips", "volatile", "adopt", "downloads"}, name)
}

func example(name string) string {
	if rule, isList := lists[name]; isList {
		return rule.example
	}
	if isSwitch(name) {
		return "true"
	}
	return strconv.Quote(examples[name])
}

// byDefault is what holds where nothing at all is written.
func byDefault(name string) string {
	if _, isList := lists[name]; isList {
		return "[]"
	}
	durations := map[string]time.Duration{
		"every": defaultEvery, "ttl": defaultTTL, "prove": defaultProve, "settle": defaultSettle,
		"grace": defaultGrace, "imported_grace": defaultImportedGrace, "monitor": defaultMonitor,
	}
	switch d, is := durations[name]; {
	case is:
		return strconv.Quote(Duration(d).String())
	case isSwitch(name):
		return "false"
	case name == "serve":
		return `"key"`
	}
	return ""
}

// explained is the text of a setting with its limits.
func explained(table, name string) string {
	text := described[table+"."+name]
	if table != "rotation" {
		return text
	}
	for _, l := range limits {
		if l.name == name {
			text += " " + strings.ToUpper(l.why[:1]) + l.why[1:] + "."
		}
	}
	return text
}

// described is what each setting is for. A test holds it against the schema.
var described = map[string]string{
	"version": `The version of this format. An awskeyd that is older than the file refuses it as a whole and goes on with what it had. Without the line it is 1.`,

	"store.backend":         `Where the keys are kept: "secret-service", "kwallet", "pass", "file" or "keyctl" on Linux, "keychain", "pass" or "file" on macOS, "pass" or "file" on FreeBSD, "wincred" on Windows. awskey init and awskey add ask for it and write it down; awskey store migrate moves the keys and changes it. Nothing is ever tried in its place.`,
	"store.passphrase_file": `For "file": a file that holds the passphrase and that nobody else can read. Without it the passphrase comes from the systemd credential awskeyd-passphrase, or a person is asked through pinentry.`,
	"store.volatile":        `For "keyctl", which forgets every key when the machine restarts: says that this is what you want.`,
	"store.lock_on":         `Upon what every secret in memory is forgotten and nothing is handed out: "sleep" and "screen-lock" until that is over (Linux, as logind tells it), "idle 30m" until awskey unlock, when nothing has asked for credentials for so long.`,

	"aws.region":       `The region whose STS is asked, and the partition. It may stand below [keys.NAME] too. Without it the partition follows from the key.`,
	"aws.endpoint_url": `Another address in place of AWS. Plain http is for this machine alone. A key remembers the address it was added through; under another one it is handed out and makes no call.`,
	"aws.proxy":        `The proxy on the way to AWS. A service inherits no HTTPS_PROXY; awskey service install writes it here.`,
	"aws.no_proxy":     `The hosts that are reached without the proxy, in the form of NO_PROXY.`,
	"aws.ca_bundle":    `A file of certificates to trust in place of the system's, such as those of a proxy that looks inside.`,
	"aws.fips":         `Uses the FIPS endpoints of AWS.`,

	"rotation.every":          `From one rotation to the next. Not beside schedule.`,
	"rotation.schedule":       `When rotations are due, as a cron line of five fields in local time. Not beside every. Rotations are at least 1d apart.`,
	"rotation.ttl":            `How long a program may keep what it was given, before it must ask again.`,
	"rotation.prove":          `How long a new access key must work at AWS before it is handed out.`,
	"rotation.settle":         `What is added to the end of the last credentials of the old access key.`,
	"rotation.grace":          `From the switch to the deactivation of the old access key, at least; never shorter than ttl and settle. Without the line it is a quarter of every, if that is less.`,
	"rotation.imported_grace": `The same for an access key that others may hold a copy of, since it was taken in or given out. Without the line it is half of every, if that is less.`,
	"rotation.monitor":        `From the deactivation of the old access key to its deletion. Without the line it is a quarter of every, if that is less. A grace and monitor must be over before the next rotation is due.`,

	"monitor.regions":   `Regions whose CloudTrail is asked for uses of the old access key, beside us-east-1.`,
	"monitor.log_group": `A CloudWatch Logs group that holds a CloudTrail, by name or ARN: calls that fail since the deactivation stop the deletion.`,
	"monitor.alarms":    `CloudWatch alarms on failed or unauthorized calls, by name or ARN: one that goes off since the deactivation stops the deletion.`,

	"guard.adopt":     `Takes a key that is pasted in plaintext into the AWS files in by itself. Without it awskey status warns of the key.`,
	"guard.downloads": `Looks among the downloads for the CSV in which the AWS console gives an access key, and warns of it.`,

	"service.leave_after": `How long after the last request the service ends, where systemd holds its socket and starts it again: only while no rotation is under way or due within two hours. Without it the service stays. While it is away nobody watches the AWS files.`,

	"keys.region":      `The region of this key, in place of the one of [aws].`,
	"keys.rotate_with": `A profile of another IAM user's key, which makes the calls to IAM in place of this one: for users who may not manage their own access keys.`,

	"profiles.key":   `The key that the profile hands out. A profile that is named like its key need not be written.`,
	"profiles.serve": `What is handed out: "key" is the access key itself, which works for every API and without a network.`,
}
