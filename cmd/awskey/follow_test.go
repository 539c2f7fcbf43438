package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// pipes are the two ends of something that awskey writes to.
func pipes(t *testing.T) (*bufio.Reader, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil { // a failure, never a hang
		t.Fatal(err)
	}
	return bufio.NewReader(r), w
}

func wantLine(t *testing.T, from *bufio.Reader, want string) {
	t.Helper()
	line, err := from.ReadString('\n')
	if err != nil || !strings.Contains(line, want) {
		t.Fatalf("got line %q (%v), want one with %q", line, err, want)
	}
}

func null(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestHistoryFollowsUntilCtrlC(t *testing.T) {
	f := &fake{past: []api.Event{{Time: testNow, Key: "work", Event: "added", Text: "taken in"}}}
	out, w := pipes(t)
	awskey := newInside(t, f, null(t), w, null(t), nil)
	exit := awskey.start("history", "WORK", "--follow")
	wantLine(t, out, "work: taken in") // so the stream is open
	f.mu.Lock()
	f.tell(api.Event{Time: testNow, Key: "other", Event: "added", Text: "not asked for"})
	f.tell(api.Event{Time: testNow, Key: "work", Event: "paused", Text: "paused by hand"})
	f.mu.Unlock()
	wantLine(t, out, "work: paused by hand")
	awskey.cancel()
	if code := <-exit; code != helper.ExitOK {
		t.Errorf("exit code %d after Ctrl-C", code)
	}
}

func TestCtrlCEndsOnlyTheWaiting(t *testing.T) {
	for work, args := range map[string][]string{
		"the rotation":                 {"rotate", "forever", "--wait"},
		"the making of the access key": {"add", "forever", "--create", "--with", "boss"},
		"the rollback":                 {"rollback", "forever", "--wait"},
	} {
		t.Run(args[0], func(t *testing.T) {
			f := ready()
			f.status.Keys = []api.Key{{Name: "boss", AccessKeyID: "AKIAAAAAAAAAAAAA1111", Phase: "steady"}}
			switch args[0] {
			case "rotate":
				f.status.Keys = append(f.status.Keys, api.Key{Name: "forever", AccessKeyID: "AKIAAAAAAAAAAAAA2222", Phase: "steady"})
			case "rollback":
				f.status.Keys = append(f.status.Keys, api.Key{Name: "forever", AccessKeyID: "AKIAAAAAAAAAAAAA2222", Phase: "draining", Previous: &api.Previous{AccessKeyID: oldID, Status: "Inactive"}})
			}
			out, stdout := pipes(t)
			told, stderr := pipes(t)
			awskey := newInside(t, f, null(t), stdout, stderr, nil)
			exit := awskey.start(args...)
			for line := ""; !strings.Contains(line, "2026-11-22 "); { // the first step
				var err error
				if line, err = out.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			awskey.cancel()
			if code := <-exit; code != helper.ExitFailed {
				t.Errorf("exit code %d after Ctrl-C", code)
			}
			wantLine(t, told, "awskey: stopped waiting; "+work+" of forever goes on in the service; awskey status forever shows how far it is")
		})
	}
}

func TestLogsFollowAcrossReplacement(t *testing.T) {
	out, w := pipes(t)
	awskey := newInside(t, &fake{}, null(t), w, null(t), nil)
	log := filepath.Join(awskey.app.env("AWSKEYD_STATE"), logName)
	write(t, log, "one\n")
	exit := awskey.start("logs", "--follow")
	wantLine(t, out, "one")
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "two\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	wantLine(t, out, "two")
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, log, "three\n")
	wantLine(t, out, "three")
	write(t, log, "4\n") // cut short in place
	wantLine(t, out, "4")
	awskey.cancel()
	if code := <-exit; code != helper.ExitOK {
		t.Errorf("exit code %d after Ctrl-C", code)
	}
}

func TestCtrlCInTheMiddleOfARequest(t *testing.T) {
	told, stderr := pipes(t)
	awskey := newInside(t, &fake{}, null(t), null(t), stderr, nil)
	exit := awskey.start("policy", "hangs")
	awskey.cancel()
	if code := <-exit; code != helper.ExitFailed {
		t.Errorf("exit code %d after Ctrl-C", code)
	}
	wantLine(t, told, "awskey: stopped before the answer came; awskey status shows how things stand")
}

func TestAFullDiskIsAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Logf("no /dev/full here: a closed file stands for it")
		full = null(t)
		full.Close()
	}
	told, stderr := pipes(t)
	awskey := newInside(t, &fake{}, null(t), full, stderr, nil)
	if code := <-awskey.start("list"); code != helper.ExitFailed {
		t.Errorf("exit code %d where the answer could not be written", code)
	}
	wantLine(t, told, "awskey: could not write the answer: ")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
