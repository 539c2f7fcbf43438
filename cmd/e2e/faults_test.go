//go:build linux

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a provider of secrets answers while the keyring is locked, and when it
// is ended in the midst of a call: whether a write was done nobody knows then.
const (
	lockedForReading = "Cannot get secret of a locked object"
	lockedForWriting = "Cannot create an item in a locked collection"
	lockedForRemoval = "Cannot delete a locked item"
	goneInTheMidst   = "Message recipient disconnected from message bus without replying"
)

// keyringFaults are what each call of a keyring may answer. Locked is refused
// outright; for the rest it makes a difference whether the call was carried out.
var keyringFaults = map[string][]string{
	"keychain.getting":  {lockedForReading, goneInTheMidst},
	"keychain.setting":  {lockedForWriting, goneInTheMidst},
	"keychain.set":      {goneInTheMidst},
	"keychain.removing": {lockedForRemoval, goneInTheMidst},
	"keychain.removed":  {goneInTheMidst},
	"keychain.syncing":  {"input/output error"},
	"note.synced":       {"no space left on device"},
}

// failures are the faults at every passing of an operation: once, or for as
// long as a keyring may stay locked.
func failures(o operation, passed []string) (list []blow) {
	count := map[string]int{}
	for _, p := range passed {
		count[p]++
		for i, text := range keyringFaults[p] {
			b := blow{operation: o, point: p, nth: count[p], what: "error " + text}
			if b.until = b.nth; i == 0 && count[p]%2 == 0 {
				b.until += 5
			}
			list = append(list, b)
		}
	}
	return list
}

// Whatever the keyring answers, at whatever moment: what a person began ends
// well, by itself or upon being asked for again.
func TestWhateverTheKeyringAnswersItGoesOn(t *testing.T) {
	t.Parallel()
	bin := must(t)(steerable())
	var list []blow
	for _, o := range operations() {
		if o.failing {
			t.Run("undisturbed/"+o.name, func(t *testing.T) { list = append(list, failures(o, o.passings(t, bin))...) })
		}
	}
	if !thorough { // these are many and alike
		list = slices.DeleteFunc(list, func(b blow) bool { return b.nth%8 != 1 })
	}
	list = sample(list)
	fourAtATime(t, list, blow.String, func(t *testing.T, b blow) { b.strike(t, bin) })
	t.Logf("%d faults", len(list))
}

// A daemon that stands still, as under a laptop's lid, at any point of a rotation
// and for longer than leases and graces last, goes on as if nothing had been.
func TestFrozenAtEveryFailpointItGoesOn(t *testing.T) {
	t.Parallel()
	bin := must(t)(steerable())
	rotate := operations()[0]
	var passed map[string][]string
	t.Run("undisturbed", func(t *testing.T) { passed = map[string][]string{rotate.name: rotate.passings(t, bin)} })
	var list []blow
	for _, b := range blows(passed) {
		if b.nth == 1 {
			b.what = "stop"
			list = append(list, b)
		}
	}
	list = sample(list)
	fourAtATime(t, list, blow.String, func(t *testing.T, b blow) {
		s := b.set(t, bin)
		s.rule = b.rule()
		s.steer()
		thawed := make(chan struct{})
		go func() {
			defer close(thawed)
			s.d.thaw(t)
		}()
		b.run(s)
		<-thawed
		s.d.stop()
	})
	t.Logf("frozen at %d points", len(list))
}

// thaw waits until the daemon stands still, lets it stand longer than any lease
// is good for, and lets it go on.
func (d *daemon) thaw(t *testing.T) {
	still := within(operationLimit, func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.pid()))
		if _, rest, ok := strings.Cut(string(text), ") "); err == nil && ok && rest[0] == 'T' {
			return ""
		}
		return "process " + strconv.Itoa(d.pid()) + " runs"
	})
	if still != "" {
		t.Errorf("the point was not passed: %s", still)
		return
	}
	time.Sleep(3 * time.Second)
	d.signal(syscall.SIGCONT)
}
