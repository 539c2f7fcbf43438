//go:build !windows

package keychain

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
)

var fileSeed = flag.Uint64("file.seed", 0, "of the crashes of the file store; 0 draws one")

// chance draws what a test of crashes does, and says how to have it again.
func chance(t *testing.T) *rand.Rand {
	seed := *fileSeed
	for seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test -run '^%s$' ./store/keychain -file.seed %d", seed, t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// ledger is what each record may hold: the last write that was done, or the one
// that was under way when everything ended.
type ledger struct {
	done  map[string]int
	maybe map[string]int // 0: none
	last  int
}

func newLedger() *ledger { return &ledger{done: map[string]int{}, maybe: map[string]int{}} }

// payload is as long as a record of a rotation, so that a write of it can tear.
func payload(n int) []byte {
	return []byte(strconv.Itoa(n) + strings.Repeat(" ", 900) + strconv.Itoa(n))
}

func (l *ledger) check(name string, got []byte) (n int, err error) {
	n, _ = strconv.Atoi(strings.Fields(string(got) + " 0")[0])
	if string(got) != string(payload(n)) || n != l.done[name] && (n != l.maybe[name] || n == 0) {
		return 0, fmt.Errorf("%s holds %.10q…, want %d or, if it is not 0, %d", name, got, l.done[name], l.maybe[name])
	}
	return n, nil
}

// settle reads every record, as a daemon does at its start, and takes what it
// holds for done.
func (l *ledger) settle(ctx context.Context, s *store.Store) error {
	if _, err := s.Names(ctx); err != nil { // also ends what was half done
		return err
	}
	for name := range l.done {
		r, err := s.Load(ctx, name)
		if err != nil {
			return err
		}
		n, err := l.check(name, r.Payload)
		if err != nil {
			return err
		}
		l.done[name], l.maybe[name] = n, 0
	}
	for name := range l.maybe {
		if _, ok := l.done[name]; ok {
			continue
		}
		switch r, err := s.Load(ctx, name); { // it was being added
		case errors.Is(err, store.ErrAbsent):
			delete(l.maybe, name)
		case err != nil:
			return err
		default:
			if l.done[name], err = l.check(name, r.Payload); err != nil {
				return err
			}
			l.maybe[name] = 0
		}
	}
	return nil
}

// write adds or saves one of a few records, having announced it; confirm notes
// that it is done.
func (l *ledger) write(ctx context.Context, s *store.Store, r *rand.Rand, announce func(name string)) (confirm func(), err error) {
	name := "key" + strconv.Itoa(r.IntN(4))
	l.last++
	l.maybe[name] = l.last
	announce(name)
	do := s.Save
	if _, there := l.done[name]; !there {
		do = s.Add
	}
	return func() { l.done[name], l.maybe[name] = l.last, 0 }, do(ctx, name, payload(l.last))
}

// observed tells of every change of an item once it was made.
type observed struct {
	keyring.Keyring
	changed func()
}

func (o observed) Set(i keyring.Item) error {
	defer o.changed()
	return o.Keyring.Set(i)
}

func (o observed) Remove(key string) error {
	defer o.changed()
	return o.Keyring.Remove(key)
}

// crashes lives many lives over one store: each ends in a crash of the machine
// at some write or fsync, and what may be left of the folder is the next one's
// world. The first error is that of a record that was lost.
func crashes(t *testing.T, r *rand.Rand, lives int, forgetful bool) (writes int, err error) {
	t.Cleanup(func() { testOnlySync = func(string) error { return nil } })
	world := filepath.Join(t.TempDir(), "keys")
	openFile(t, fileConfig(world, "right")).Close()
	l := newLedger()
	for life := range lives {
		k, err := Open(fileConfig(world, "right"))
		if err != nil {
			return writes, fmt.Errorf("life %d: %w", life, err)
		}
		s := store.New(k, store.Identity{Machine: "m", Instance: strconv.Itoa(life)})
		if err := l.settle(t.Context(), s); err != nil {
			return writes, fmt.Errorf("life %d: %w", life, errors.Join(err, k.Close()))
		}
		// What a machine is booted from is on disk.
		d := newPlatter(t, world)
		d.forgetful = forgetful
		image, left := "", 1+r.IntN(24)
		event := func() {
			if left--; left == 0 {
				image = d.crash(r.Uint64())
			}
		}
		k.ring = observed{k.ring, func() { writes++; event() }}
		testOnlySync = func(path string) error {
			event()
			d.synced(path)
			event()
			return nil
		}
		for image == "" {
			confirm, err := l.write(t.Context(), s, r, func(string) {})
			if err != nil {
				return writes, errors.Join(err, k.Close())
			}
			if image == "" { // else it was under way when the machine went down
				confirm()
			}
		}
		testOnlySync = func(string) error { return nil }
		if err := k.Close(); err != nil {
			return writes, err
		}
		os.RemoveAll(world)
		world = image
	}
	return writes, nil
}

// The file system loses what was not forced to disk, again and again, at every
// moment of a write: every record reads back whole.
func TestAMachineThatCrashesLosesNoRecord(t *testing.T) {
	writes, err := crashes(t, chance(t), lives, false)
	t.Logf("%d crashes of the machine in the midst of %d writes of items", lives, writes)
	if err != nil {
		t.Error(err)
	}
}

// And it would be found if the fsyncs were missing.
func TestAStoreThatForcesNothingToDiskIsFound(t *testing.T) {
	_, err := crashes(t, chance(t), 40*lives, true)
	if err == nil {
		t.Fatal("nothing was lost")
	}
	t.Log(err)
}
