package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestThePolicyCanBeCopied: a shell hands the command on as it is meant, and the
// document is the one that --json gives.
func TestThePolicyCanBeCopied(t *testing.T) {
	moment := time.Date(2026, 11, 22, 10, 30, 5, 999, time.FixedZone("CET", 3600))
	command := denyCommand("arn:aws:iam::123456789012:user/eng/a.b+c=d,e@f-g_h", moment)
	out, err := exec.Command("sh", "-c", "aws() { printf '%s\\n' \"$@\"; }\n"+command).Output()
	if err != nil {
		t.Fatal(err)
	}
	args := strings.SplitN(string(out), "\n", 8)
	want := []string{"iam", "put-user-policy", "--user-name", "a.b+c=d,e@f-g_h", "--policy-name", "EndOlderSessions", "--policy-document"}
	for i := range want {
		if args[i] != want[i] {
			t.Fatalf("argument %d is %q, want %q", i, args[i], want[i])
		}
	}
	var copied, given bytes.Buffer
	if err := json.Compact(&copied, []byte(args[7])); err != nil {
		t.Fatalf("%v in %s", err, args[7])
	}
	if err := json.Compact(&given, []byte(denyPolicy(moment, ""))); err != nil {
		t.Fatal(err)
	}
	const policy = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*",` +
		`"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-22T09:30:05Z"}}}}`
	if copied.String() != policy || given.String() != policy {
		t.Errorf("the command has\n%s\n--json has\n%s\nwant\n%s", copied.String(), given.String(), policy)
	}
}

func TestUserOf(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:iam::123456789012:user/alice":         "alice",
		"arn:aws:iam::123456789012:user/eng/ops/alice": "alice",
		"":                                "USER",
		"arn:aws:iam::123456789012:user/": "USER",
		"arn:aws:iam::123456789012:user/x; rm -rf $(~)": "USER",
		"arn:aws:iam::123456789012:user/a\x1b[31m":      "USER",
	} {
		if got := userOf(arn); got != want {
			t.Errorf("userOf(%q) = %q, want %q", arn, got, want)
		}
	}
}
