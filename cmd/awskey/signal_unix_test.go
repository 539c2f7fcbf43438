//go:build unix

package main

import (
	"syscall"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// The other tests of Ctrl-C end a context; here it is the signal itself.
func TestCtrlCIsHeard(t *testing.T) {
	f := &fake{past: []api.Event{{Time: testNow, Key: "work", Event: "added", Text: "taken in"}}}
	out, w := pipes(t)
	awskey := newInside(t, f, null(t), w, null(t), nil)
	exit := make(chan int, 1)
	go func() { exit <- awskey.app.main([]string{"history", "--follow"}) }()
	wantLine(t, out, "taken in") // so the signal is caught by now
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := <-exit; code != helper.ExitOK {
		t.Errorf("exit code %d", code)
	}
}
