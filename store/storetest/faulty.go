package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/awskeyd/awskeyd/store"
)

// Fault is what goes wrong with one call of a Faulty keychain.
type Fault int

// The faults of a Set. A Remove knows OK, Refused, Lost and Landed; a Sync OK
// and Refused; both take the others for Landed.
const (
	OK      Fault = iota
	Refused       // an error, and nothing was sent
	Lost          // outcome unknown; it never lands
	Landed        // outcome unknown; it has landed
	Torn          // outcome unknown; half of it has landed
	Late          // outcome unknown; it lands when Land is called
	LieTorn       // called done and read back as such, but half of it has landed
	LieLost       // called done and read back as such, but nothing has landed
)

// Op is the kind of a call.
type Op int

// The calls of store.Items that change something.
const (
	Set Op = iota
	Remove
	Sync
)

// ErrCrashed is what every call answers from a planned crash on, in place of
// the silence that a dead program would hear.
var ErrCrashed = errors.New("the program is dead by now")

// Faulty is a keychain in memory that fails as it is told to. Set its fields
// before use; the methods are safe for concurrent use.
type Faulty struct {
	Memory
	// Plan, if set, is asked before every call that changes something.
	Plan func(op Op, item string) Fault

	mu      sync.Mutex
	down    error
	steps   int // changing calls left until the crash
	crash   bool
	late    []write
	lies    map[string][]byte // what the next Get of an item answers
	durable map[string][]byte // what a power loss leaves; nil value: not there
}

type write struct {
	item string
	data []byte
}

// NewFaulty returns an empty keychain without faults.
func NewFaulty() *Faulty { return &Faulty{lies: map[string][]byte{}, durable: map[string][]byte{}} }

// Down lets every call fail with err, such as store.ErrLocked, having done
// nothing; nil ends it.
func (f *Faulty) Down(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
}

// CrashAfter lets the program die once n more changing calls have been carried
// out: everything after fails with ErrCrashed until Restart.
func (f *Faulty) CrashAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crash, f.steps = true, n
}

// Restart ends a crash, planned or happened. Late writes stay under way, as
// they do in a real keychain.
func (f *Faulty) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crash, f.down = false, nil
	clear(f.lies)
}

// Land lets every late write land, in order.
func (f *Faulty) Land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.late {
		f.change(w.item, w.data)
	}
	f.late = nil
}

// Outstanding returns the items that have a late write under way.
func (f *Faulty) Outstanding() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var items []string
	for _, w := range f.late {
		items = append(items, w.item)
	}
	return items
}

// PowerLoss undoes, item by item, what was not forced to disk unless keep says
// that it got there by itself.
func (f *Faulty) PowerLoss(keep func(item string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, item := range slices.Sorted(maps.Keys(f.durable)) {
		if !keep(item) {
			f.Poke(item, f.durable[item])
		}
	}
	clear(f.durable)
}

// change does a write and notes what a power loss would leave instead.
func (f *Faulty) change(item string, data []byte) {
	if _, noted := f.durable[item]; !noted {
		old, _ := f.Peek(item)
		f.durable[item] = old
	}
	f.Poke(item, data)
}

// step counts one changing call and asks the plan, which may look at f.
func (f *Faulty) step(ctx context.Context, op Op, item string) (Fault, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := f.alive(true); err != nil {
		return 0, err
	}
	if f.Plan == nil {
		return OK, nil
	}
	return f.Plan(op, item), nil
}

func (f *Faulty) alive(changing bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.down != nil:
		return f.down
	case f.crash && f.steps == 0:
		return ErrCrashed
	case f.crash && changing:
		f.steps--
	}
	return nil
}

// Get implements store.Items.
func (f *Faulty) Get(ctx context.Context, name string) ([]byte, error) {
	if err := f.alive(false); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if lie, ok := f.lies[name]; ok {
		delete(f.lies, name)
		return lie, nil
	}
	return f.Memory.Get(ctx, name)
}

// Set implements store.Items.
func (f *Faulty) Set(ctx context.Context, name string, data []byte) error {
	fault, err := f.step(ctx, Set, name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(data) > store.MaxRecord {
		return fmt.Errorf("%w: %d bytes", store.ErrTooLarge, len(data))
	}
	data = append([]byte{}, data...)
	switch fault {
	case OK:
		f.change(name, data)
		return nil
	case Refused:
		return fmt.Errorf("%w (planned)", store.ErrLocked)
	case Landed:
		f.change(name, data)
	case Torn, LieTorn:
		f.change(name, f.tear(name, data))
	case Late:
		f.late = append(f.late, write{name, data})
	}
	if fault == LieTorn || fault == LieLost {
		f.lies[name] = data
		return nil
	}
	return fmt.Errorf("%w: %w (planned)", store.ErrUnknown, store.ErrHung)
}

// tear is half of the new over what was there.
func (f *Faulty) tear(name string, data []byte) []byte {
	old, _ := f.Peek(name)
	half := data[:len(data)/2]
	if len(old) > len(half) {
		return append(half, old[len(half):]...)
	}
	return half
}

// Remove implements store.Items.
func (f *Faulty) Remove(ctx context.Context, name string) error {
	fault, err := f.step(ctx, Remove, name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.Peek(name); !ok {
		return store.ErrAbsent
	}
	switch fault {
	case Refused:
		return fmt.Errorf("%w (planned)", store.ErrLocked)
	case OK:
		f.change(name, nil)
		return nil
	case Lost:
	default:
		f.change(name, nil)
	}
	return fmt.Errorf("%w: %w (planned)", store.ErrUnknown, store.ErrHung)
}

// Sync implements store.Items.
func (f *Faulty) Sync(ctx context.Context) error {
	fault, err := f.step(ctx, Sync, "")
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault == Refused {
		return fmt.Errorf("%w: the disk is full (planned)", store.ErrUnavailable)
	}
	clear(f.durable)
	return nil
}
