package history

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

func TestFullDiskThenRoomAgain(t *testing.T) {
	h := Open(t.TempDir())
	if err := os.Symlink("/dev/full", h.path(0)); err != nil {
		t.Fatal(err)
	}
	c := h.Subscribe(t.Context())
	if err := h.Append(event(1, "work")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error is %v", err)
	}
	if e := <-c; e != event(1, "work") {
		t.Errorf("the event stream got %v", e)
	}
	if err := os.Remove(h.path(0)); err != nil {
		t.Fatal(err)
	}
	add(t, h, event(2, "work"))
	if got := query(t, h, "", 0); len(got) != 1 || got[0] != event(2, "work") {
		t.Errorf("%v", got)
	}
}
