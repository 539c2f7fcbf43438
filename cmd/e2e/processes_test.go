//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// processIDs are the processes of the machine.
func processIDs() (ids []string) {
	entries, _ := os.ReadDir("/proc") // without /proc there is none, which every user of it notices
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids
}

// processes are those that run the home's programs or were started with its
// HOME, each by its id and the words it was called with. A process that has ended
// and was not waited for yet has neither.
func (h *home) processes() (list []string) {
	for _, pid := range processIDs() {
		environ, _ := os.ReadFile(filepath.Join("/proc", pid, "environ")) // of ours only root may read it
		words, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		ours := bytes.HasPrefix(words, []byte(h.bin+"/")) || bytes.Contains(append([]byte{0}, environ...), []byte("\x00HOME="+h.dir+"\x00"))
		if err == nil && len(words) > 0 && ours {
			list = append(list, pid+" "+strings.ReplaceAll(strings.TrimRight(string(words), "\x00"), "\x00", " "))
		}
	}
	return list
}

// Without a bus address the keyring library would call dbus-launch, which
// leaves a bus behind at each start of a program (godbus, conn_other.go).
func TestNoProcessIsLeftBehind(t *testing.T) {
	h := newHome(t, binaries(t))
	shim, called := h.path("shim"), h.path("called")
	// What the real one would leave: a process that nobody ends.
	script := h.write("shim/dbus-launch", "#!/bin/sh\necho \"$0 $*\" >>'"+called+"'\nsleep 300 >/dev/null 2>&1 &\necho DBUS_SESSION_BUS_ADDRESS=unix:path="+h.base+"/launched\necho DBUS_SESSION_BUS_PID=$!\n")
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	h.vars["PATH"] = shim + ":" + h.vars["PATH"]

	t.Run("the count finds one", func(t *testing.T) {
		h.run("", script)
		left := h.processes()
		if len(left) != 1 || !strings.Contains(left[0], "sleep 300") {
			t.Fatalf("of the planted process this was found: %q", left)
		}
		id, _, _ := strings.Cut(left[0], " ")
		pid, err := strconv.Atoi(id)
		if err != nil {
			t.Fatal(err)
		}
		p, err := os.FindProcess(pid)
		if err == nil {
			err = p.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, 10*time.Second, func() string { return strings.Join(h.processes(), ", ") })
		if err := os.Remove(called); err != nil {
			t.Fatal(err)
		}
	})

	aws := newAWSWithAlice(t)
	for name, store := range map[string]string{"file": h.fileStore(), "keyring": keyringStore, "none": ""} {
		for _, bus := range []string{"no address", "empty", "dead"} {
			t.Run(name+", "+bus, func(t *testing.T) {
				switch bus {
				case "no address":
					delete(h.vars, "DBUS_SESSION_BUS_ADDRESS")
				case "empty":
					h.vars["DBUS_SESSION_BUS_ADDRESS"] = ""
				case "dead":
					h.vars["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=" + h.base + "/no-bus"
				}
				h.configure(store, awsSettings(aws.Server))
				d := h.start()
				h.do("status")
				if name == "file" && bus == "no address" {
					h.mustAdd("work", aws.id, aws.secret)
				}
				if running := h.processes(); len(running) != 1 {
					t.Errorf("while the daemon runs there are %q", running)
				}
				d.stop()
				if left := h.processes(); len(left) > 0 {
					t.Errorf("left behind: %q", left)
				}
			})
		}
	}
	h.run("", filepath.Join(h.bin, "awskeyd"), "version")
	h.do("version")
	if text, err := os.ReadFile(called); err == nil {
		t.Errorf("dbus-launch was called:\n%s", text)
	}
	if left := h.processes(); len(left) > 0 {
		t.Errorf("left behind at the end: %q", left)
	}
	t.Log(fmt.Sprint(3*3, " starts, no dbus-launch, no process left"))
}
