package main

import (
	"context"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// clientProgram is one whose early versions do not run a credential_process.
type clientProgram struct {
	name, ask string
	version   *regexp.Regexp // finds what since is compared with
	what      string         // whose version that is
	since     string         // the first that runs one
	source    string
}

var clientPrograms = []clientProgram{
	{"aws", "--version", regexp.MustCompile(`botocore/([0-9.]+)`), "botocore", "1.8.0", "boto/botocore .changes/1.8.0.json"},
	{"terraform", "--version", regexp.MustCompile(`Terraform v([0-9.]+)`), "terraform", "0.11.14", "hashicorp/terraform#21120"},
}

// askWithin is for a program that tells its version: some are slow to start.
const askWithin = 5 * time.Second

// clients asks the programs that are here and are known to have been too old once.
func (d *doctor) clients(ctx context.Context) {
	for _, c := range clientPrograms {
		path, err := exec.LookPath(c.name)
		if err != nil {
			continue
		}
		within, cancel := context.WithTimeout(ctx, askWithin)
		var out []byte
		err = d.while("asking "+c.name+" for its version", func() (err error) {
			out, err = exec.CommandContext(within, path, c.ask).CombinedOutput() // version 1 of the AWS CLI told it on standard error
			return err
		})
		cancel()
		found := c.version.FindSubmatch(out)
		switch {
		case err != nil || found == nil:
			continue // broken, or another program of that name: not for us to mend
		case older(string(found[1]), c.since):
			d.say("error", "client", "update "+c.name, "%s has %s %s, which runs no credential_process; %s does", path, c.what, found[1], c.since)
		default:
			d.say("ok", "client", "", "%s is new enough to run a credential_process", path)
		}
	}
}

// older compares versions number by number.
func older(version, since string) bool {
	a, b := strings.Split(version, "."), strings.Split(since, ".")
	for i := range b {
		if i >= len(a) {
			return true
		}
		m, err := strconv.Atoi(a[i])
		n, err2 := strconv.Atoi(b[i])
		if err != nil || err2 != nil || m != n {
			return m < n
		}
	}
	return false
}
