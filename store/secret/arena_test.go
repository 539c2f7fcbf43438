package secret

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func free() int {
	arena.mu.Lock()
	defer arena.mu.Unlock()
	return len(arena.free)
}

// collected waits until at least n slots are free.
func collected(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); free() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d slots are free, %d were", free(), n)
		}
		runtime.GC()
	}
}

func TestWhatNobodyRefersToIsWiped(t *testing.T) {
	open()
	before := free()
	slot := func() []byte {
		v := New(strings.Repeat("s", 40))
		defer runtime.KeepAlive(v)
		return v.held().b[:slotSize]
	}()
	collected(t, before)
	arena.mu.Lock() // as who wiped it did
	defer arena.mu.Unlock()
	if !bytes.Equal(slot, make([]byte, slotSize)) {
		t.Error("the bytes of a Value that is gone are still there")
	}
}

func TestMoreThanTheArenaHolds(t *testing.T) {
	open()
	before := free()
	var all []Value
	for range 2 * arenaSize / slotSize {
		all = append(all, New("somewhere else then"))
	}
	all = append(all, New(strings.Repeat("l", slotSize+1)), New(""))
	for _, v := range all[:len(all)-2] {
		if v.Reveal() != "somewhere else then" {
			t.Fatal("a Value is not what was put in")
		}
	}
	if all[len(all)-2].Len() != slotSize+1 || !all[len(all)-1].IsZero() {
		t.Error("a long or an empty Value is not what was put in")
	}
	all = nil
	collected(t, before)
}

func TestAReaderBesideWipeGetsAllOrNothing(t *testing.T) {
	text := strings.Repeat("w", 40)
	for range 200 {
		v := New(text)
		var both sync.WaitGroup
		both.Go(v.Wipe)
		both.Go(func() {
			if got := v.Reveal(); got != text && got != "" {
				t.Errorf("half a secret: %q", got)
			}
		})
		both.Wait()
		if !v.IsZero() || len(v.RevealTo(nil)) != 0 {
			t.Fatal("something is left after Wipe")
		}
	}
}
