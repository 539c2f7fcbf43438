package main

import (
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// What takes its time is said in a line that is gone in the end.
func TestAWaitIsShownAtATerminal(t *testing.T) {
	s, tty := terminal(t, 20)
	f := ready()
	f.status.Keys = []api.Key{{Name: "work", AccessKeyID: goodID, Phase: "steady"}}
	f.mu.Lock() // the service takes its time
	exit := newInside(t, f, tty, tty, tty, map[string]string{"TERM": "xterm"}).start("pause", "work")
	s.until("\r\x1b[Kwaiting f…e service") // as much as the terminal has room for
	f.mu.Unlock()
	if code := <-exit; code != helper.ExitOK {
		t.Errorf("exit code %d", code)
	}
	s.until("work")
	if seen := s.seen.String(); !strings.Contains(seen, "service\r\x1b[K") || strings.HasSuffix(seen, "service") {
		t.Errorf("the line stays: %q", seen)
	}
}

func TestAWaitIsShownNowhereElse(t *testing.T) {
	_, tty := terminal(t, 80)
	for name, a := range map[string]*app{
		"a dumb terminal": {stderr: tty, env: func(string) string { return "dumb" }},
		"no terminal":     {stderr: null(t), env: func(string) string { return "xterm" }},
	} {
		if p := a.waits(func() string { return "" }); p != nil {
			p.end()
			t.Errorf("%s: it is shown", name)
		}
	}
	a := &app{stderr: tty, env: func(string) string { return "xterm" }}
	first := a.waits(func() string { return "first" })
	if a.waits(func() string { return "second" }) != nil {
		t.Error("two are shown at once")
	}
	first.end()
	if again := a.waits(func() string { return "again" }); again == nil {
		t.Error("none is shown any more")
	} else {
		again.end()
	}
	for path, shown := range map[string]bool{"/v1/status": true, "/v1/unlock": false, "/v1/store/backend": false} { // where a keyring may ask on this terminal
		end := a.forService(path)
		if got := a.progress.Load() != nil; got != shown {
			t.Errorf("%s: it is shown: %v", path, got)
		}
		end()
	}
}
