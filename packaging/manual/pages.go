package main

import (
	"fmt"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/config"
)

// The names of the pages. That of the configuration is made of its folder and its
// file, since config.toml alone would be anybody's.
const (
	awskey   = "awskey"
	awskeyd  = "awskeyd"
	helper   = "awskey-helper"
	settings = "awskeyd-config.toml"
)

var sections = map[string]string{awskey: "1", awskeyd: "1", helper: "1", settings: "5"}

func pages(s said) []*page {
	return []*page{awskeyPage(s.awskey), awskeydPage(s), helperPage(s), settingsPage()}
}

// awskeyPage holds all verbs: whoever looks for a flag searches one page, and an
// older one of a verb that is gone is never left behind.
func awskeyPage(c commandLine) *page {
	p := newPage(awskey, "1", strings.TrimSuffix(strings.TrimPrefix(c.About, "awskey "), "."))
	p.heading("Synopsis")
	p.line(bold("awskey") + "\n.br\n" + bold("awskey") + " " + typed("VERB") + " [" + typed("NAME") + "] [" + typed("FLAGS") + "]")
	p.heading("Description")
	p.text(`awskey asks the service, ` + ref(awskeyd) + `, over its socket and says the answer in plain words.
Without a verb it shows how things stand, or how to begin.

A key is the access key of one IAM user under a name. The service holds it in the
keychain of the system, replaces it on a schedule, and hands it to the AWS CLI and
every SDK through ` + ref(helper) + `.`)
	p.heading("Verbs")
	for _, v := range c.Verbs {
		p.term(typed(v.Use), v.Short+".")
	}
	p.heading("Flags of every verb")
	p.flags(c.Flags)
	p.term(bold("-h")+", "+bold("--help"), "say what the verb does")
	p.heading("Each verb")
	for _, v := range c.Verbs {
		p.sub("awskey " + v.Use)
		p.text(v.Text)
		p.flags(v.Flags)
		p.code(v.Example)
	}
	p.exitStatus(c.ExitCodes)
	p.heading("Environment")
	p.places()
	p.term(bold("NO_COLOR"), "If it is set to anything, nothing is coloured.")
	p.files()
	p.heading("Examples")
	p.code(c.Example)
	p.seeAlso("aws(1)")
	return p
}

func awskeydPage(s said) *page {
	u := usageOf(s.awskeyd)
	p := newPage(awskeyd, "1", strings.TrimSuffix(strings.TrimPrefix(u.about, "awskeyd "), "."))
	p.heading("Synopsis")
	for n, line := range u.lines {
		if n > 0 {
			p.line(".br")
		}
		p.line(typed(line.command))
	}
	p.heading("Description")
	p.text(`awskeyd is the service. It alone touches the keychain and AWS; it hands access keys to
` + ref(helper) + ` and is steered with ` + ref(awskey) + `.
It replaces each key on its schedule: a new one is made and stored, proved at AWS,
handed out in place of the old one, and the old one is deactivated and deleted once
nobody can be using it any more. Killed at any moment it goes on where it was.

One runs for each user. It answers that user alone, as the kernel tells it.
` + ref(helper) + ` starts one where none is running.`)
	p.heading("Commands")
	for _, line := range u.lines {
		p.term(typed(line.command), line.text+".")
	}
	p.heading("Signals")
	p.term(bold("SIGTERM")+", "+bold("SIGINT"), "It takes no new requests, sees those under way through, stores an access key that was just made, for at most 30 seconds, and ends.")
	p.exitStatus(s.awskey.ExitCodes)
	p.heading("Environment")
	p.places()
	p.term(bold("XDG_DATA_HOME"), "The folder above that of the file store.")
	p.term(bold("CREDENTIALS_DIRECTORY"), "Where systemd puts the credential awskeyd-passphrase, the passphrase of the file store.")
	p.term(bold("DBUS_SESSION_BUS_ADDRESS")+", "+bold("DBUS_SYSTEM_BUS_ADDRESS"), "Where the keyring and the login manager are found.")
	p.term(bold("PASSWORD_STORE_DIR"), "The password store of the store pass.")
	p.text(`The variables of the AWS CLI and the SDKs never steer it, nor do the AWS files.`)
	p.files()
	p.heading("Examples")
	p.code(u.example)
	p.seeAlso()
	return p
}

func helperPage(s said) *page {
	usage := strings.TrimSpace(strings.TrimPrefix(s.helper, helper+": "))
	usage, _, _ = strings.Cut(strings.TrimPrefix(usage, "usage: "), " (")
	p := newPage(helper, "1", "answers credential_process with the credentials of one profile")
	p.heading("Synopsis")
	p.line(typed(usage))
	p.heading("Description")
	p.text(`The AWS CLI and every SDK run it where a profile of the AWS config file says so. It
asks ` + ref(awskeyd) + `, starts it if none is running, and prints the answer as they expect
it. Nobody types it but to see whether it works.

It prints one JSON object and nothing else, or nothing and one line on standard
error that says what was wrong and what to type. Either takes less than four
seconds. The object carries an ` + "`Expiration`" + `, upon which a program asks again: so it
has the new access key before the old one ends.

` + "PROFILE is the name of a key, or of a profile of " + ref(settings) + ".")
	p.exitStatus(s.awskey.ExitCodes)
	p.heading("Environment")
	p.places()
	p.text(`Where one of these is set, no service is started.`)
	p.files()
	p.heading("Examples")
	p.text(`In the AWS config file, as ` + "awskey add --write" + ` writes it:`)
	p.code("[profile work]\ncredential_process = /usr/local/bin/awskey-helper work")
	p.text("Whether it works:")
	p.code("aws --profile work sts get-caller-identity")
	p.seeAlso("aws(1)")
	return p
}

// exampleSettings is a file that is taken as it stands.
const exampleSettings = `version = 1

[store]
backend = "secret-service"
lock_on = ["screen-lock", "idle 8h"]

[aws]
region = "eu-west-1"

[rotation]
every = "30d"

[keys.work]
schedule = "0 10 1 * *"

[keys.ci]
rotate_with = "boss"

[profiles.backup]
key = "work"
`

func settingsPage() *page {
	p := newPage(settings, "5", "the settings of awskeyd")
	p.heading("Description")
	p.text(`The file is TOML. Nothing has to be written: awskey init and awskey add ask for the
store and write it down, and that is all that awskeyd ever writes into it.

A setting that is unknown, misspelt or at odds with another is an error that names
the line and what to write instead. Edits are taken while the service runs, but for
[store] and [aws], which need a restart; while the file is bad, the last good one stays
in force. awskey doctor looks at it too.

The file and every folder above it, up to the home, must belong to the user or to
root, and nobody else may write them. A file for all users lies below the user's:
what the user writes counts. A list is one value, and is replaced as a whole.

A duration is written like "75d", "12h" or "1d12h"; the units are d, h, m, s and ms. A
name of a key or profile has up to 64 letters, digits, dots, dashes and underscores,
begins with a letter or digit, and is the same whether its letters are small or
capital.`)
	p.heading("Settings")
	table := ""
	for _, s := range config.Settings() {
		if s.Table != table {
			table = s.Table
			p.sub(table)
			switch table {
			case "[rotation]":
				p.text("The defaults of every key. Each may stand below [keys.NAME] too, for that key alone.")
			case "[keys.NAME]":
				p.text("For one key; also every setting of [rotation].")
			case "[monitor]":
				p.text("Where to look for somebody who misses the old access key, besides what IAM tells of its last use.")
			case "[guard]":
				p.text("What is done about keys in plaintext.")
			}
		}
		text := s.Text
		if s.Default != "" {
			text += " Default: " + s.Default + "."
		}
		p.term(bold(s.Example), text)
	}
	p.heading("Environment")
	p.term(bold("AWSKEYD_CONFIG"), "Another file, by its whole path.")
	p.files()
	p.heading("Examples")
	p.code(exampleSettings)
	p.seeAlso()
	return p
}

// places are the variables that say where everything lies.
func (p *page) places() {
	p.term(bold("AWSKEYD_CONFIG"), "The configuration file, by its whole path.")
	p.term(bold("AWSKEYD_STATE"), "The folder of history, lock and log.")
	p.term(bold("AWSKEYD_SOCKET"), "The socket, which is then looked for nowhere else.")
	p.term(bold("HOME")+", "+bold("XDG_CONFIG_HOME")+", "+bold("XDG_STATE_HOME")+", "+bold("XDG_RUNTIME_DIR"), "Where these lie otherwise.")
}

func (p *page) files() {
	p.heading("Files")
	for _, f := range []struct{ path, mac, text string }{
		{"~/.config/awskeyd/config.toml", "~/Library/Application Support/awskeyd/config.toml", "The settings; see " + ref(settings) + "."},
		{"/etc/awskeyd/config.toml", "", "Defaults of the machine, below the user's."},
		{"~/.local/state/awskeyd/", "~/Library/Application Support/awskeyd/", "History, log and lock. Never a secret."},
		{"~/.local/share/awskeyd/keys/", "~/Library/Application Support/awskeyd/keys/", "The file store, if that is where the keys are kept: encrypted."},
		{"$XDG_RUNTIME_DIR/awskeyd/socket", "~/Library/Application Support/awskeyd/socket", "The socket, in a folder of its own that is the user's alone."},
	} {
		text := f.text
		if f.mac != "" {
			text += " On macOS " + f.mac + "."
		}
		p.term(`\fI`+escaped(f.path)+`\fR`, text)
	}
}

func (p *page) flags(list []flagLine) {
	for _, f := range list {
		name := bold("--" + f.Name)
		if f.Letter != "" {
			name = bold("-"+f.Letter) + ", " + name
		}
		if f.Takes != "" {
			name += ` \fI` + escaped(f.Takes) + `\fR`
		}
		p.term(name, f.Text)
	}
}

func (p *page) exitStatus(codes []string) {
	p.heading("Exit status")
	for n, means := range codes {
		p.term(bold(fmt.Sprint(n)), means)
	}
}

// ref names another page.
func ref(name string) string { return name + "(" + sections[name] + ")" }

func (p *page) seeAlso(more ...string) {
	p.heading("See also")
	var list []string
	for _, name := range []string{awskey, awskeyd, helper, settings} {
		if name != p.name {
			list = append(list, ref(name))
		}
	}
	p.text(strings.Join(append(list, more...), ", "))
}

// usage is what a program says of itself without cobra.
type usage struct {
	about   string
	lines   []struct{ command, text string }
	example string
}

func usageOf(text string) (u usage) {
	about, rest, _ := strings.Cut(text, "\n\nUsage:\n")
	lines, example, _ := strings.Cut(rest, "\n\nExample:\n")
	u.about, u.example = about, example
	for line := range strings.SplitSeq(lines, "\n") {
		command, text, _ := strings.Cut(strings.TrimSpace(line), "  ")
		u.lines = append(u.lines, struct{ command, text string }{command, strings.TrimSpace(text)})
	}
	return u
}
