//go:build !windows

package keychain

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store"
)

// Variables by which a test tells itself, begun once more, what to be.
const (
	writerFolder = "AWSKEYD_TEST_WRITER"
	writerFrom   = "AWSKEYD_TEST_WRITER_FROM"
)

// writer is the process to be killed: it writes records until then, and says
// before each what it is about to write and after it that it is done.
func writer(ctx context.Context, folder string, said io.Writer) error {
	k, err := Open(fileConfig(folder, "right"))
	if err != nil {
		return err
	}
	s := store.New(k, store.Identity{Machine: "m", Instance: strconv.Itoa(os.Getpid())})
	names, err := s.Names(ctx)
	if err != nil {
		return err
	}
	l := newLedger()
	for _, name := range names {
		if _, err := s.Load(ctx, name); err != nil {
			return err
		}
		l.done[name] = 0
	}
	l.last, err = strconv.Atoi(os.Getenv(writerFrom))
	r := rand.New(rand.NewPCG(uint64(l.last), 1))
	for err == nil {
		var confirm func()
		announce := func(name string) { fmt.Fprintln(said, "try", name, l.last) }
		if confirm, err = l.write(ctx, s, r, announce); err == nil {
			confirm()
			fmt.Fprintln(said, "done")
		}
	}
	return err
}

// killed lets writers write and be killed until so many items were written in
// all. After each kill crash says where the store is found again.
func killed(t *testing.T, test, world string, crash func() string) {
	if folder := os.Getenv(writerFolder); folder != "" {
		t.Fatal(writer(t.Context(), folder, os.Stdout))
	}
	r := chance(t)
	openFile(t, fileConfig(world, "right")).Close()
	l := newLedger()
	kills, writes := 0, 0
	for ; writes < killWrites; kills++ {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
		cmd.Env = append(os.Environ(), writerFolder+"="+world, writerFrom+"="+strconv.Itoa(l.last), "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		left, under := 1+r.IntN(40), ""
		for lines := bufio.NewScanner(out); lines.Scan(); left-- {
			var name string
			var n int
			switch _, err := fmt.Sscanf(lines.Text(), "try %s %d", &name, &n); {
			case err == nil:
				under, l.last = name, n
				l.maybe[name] = n
			case lines.Text() == "done":
				l.done[under], l.maybe[under] = l.last, 0
				writes += 2
			default:
				t.Fatalf("the writer says %q", lines.Text())
			}
			if left == 0 { // what it says until it is dead counts too
				time.Sleep(time.Duration(r.IntN(30)) * time.Millisecond)
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || left >= 0 {
			t.Fatalf("the writer ended by itself: %v", err)
		}
		world = crash()
		k, err := Open(fileConfig(world, "right"))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.settle(t.Context(), store.New(k, store.Identity{Machine: "m", Instance: "judge"})); err != nil {
			t.Fatalf("after kill %d: %v", kills+1, err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("killed %d times in the midst of %d writes of items; %d records are whole", kills, writes, len(l.done))
}

func TestKilledInTheMidstOfWrites(t *testing.T) {
	world := filepath.Join(t.TempDir(), "keys")
	killed(t, t.Name(), world, func() string { return world })
}
