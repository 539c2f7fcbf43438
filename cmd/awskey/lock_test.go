package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

// TestUnlockWaitsUntilCtrlC: it says that it waits, and ends with nothing done.
func TestUnlockWaitsUntilCtrlC(t *testing.T) {
	f := ready()
	f.status.Daemon.Store.State = "asks"
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	in := newInside(t, f, null, null, write, nil)
	exit := in.start("unlock")
	text := make([]byte, 4096)
	n, err := read.Read(text) // the note comes by itself
	if err != nil || !strings.Contains(string(text[:n]), "waiting for your keyring") {
		t.Errorf("it says %q %v", text[:n], err)
	}
	in.cancel()
	select {
	case code := <-exit:
		n, _ = read.Read(text)
		if code != helper.ExitFailed || !strings.Contains(string(text[:n]), "stopped before the answer came") {
			t.Errorf("after Ctrl-C: exit %d, %q", code, text[:n])
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Ctrl-C does not end it")
	}
	write.Close()
}
