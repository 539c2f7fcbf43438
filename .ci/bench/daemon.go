//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/secret"
)

// whole is the life of one daemon: its start, its work, its rest.
func (b *bench) whole() error {
	h, err := b.home("one")
	if err != nil {
		return err
	}
	defer h.close()
	defer func() { b.figures = append(b.figures, h.figures...) }()
	cmd, _, err := h.start(h.says)
	if err != nil {
		return err
	}
	if err := h.add("work"); err != nil {
		end(cmd)
		return err
	}
	end(cmd)
	if err := h.starts(); err != nil {
		return err
	}
	if err := h.activated(); err != nil {
		return err
	}
	if cmd, _, err = h.start(h.answers, asUnit); err != nil {
		return err
	}
	defer func() { end(cmd) }()
	pid := cmd.Process.Pid
	time.Sleep(echo) // until it rests
	before, parts := resident(pid)
	h.note(figure{Name: "idle daemon before work, resident", Unit: "MiB", Median: before, Why: parts})
	if _, err := timed(10000, h.answers); err != nil {
		return err
	}
	if err := h.rotates(); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	if err := h.rests(pid); err != nil {
		return err
	}
	return h.cold() // its fifty keys would be in every figure above
}

// starts takes the time of the daemon's start and of the store's own reading in turn:
// that is a derivation of a key on all processors, whose time differs more from one
// minute to the next than what is ours takes.
func (h *home) starts() error {
	var reading, first, ours, byHand []time.Duration
	for range 10 {
		read, err := timed(1, func() error { _, err := h.reads(); return err })
		if err != nil {
			return err
		}
		cmd, took, err := h.start(h.answers, asUnit)
		if err != nil {
			return err
		}
		end(cmd)
		reading, first, ours = append(reading, read...), append(first, took), append(ours, took-read[0])
		if cmd, took, err = h.start(h.answers); err != nil {
			return err
		}
		end(cmd)
		byHand = append(byHand, took)
	}
	h.note(spread("the file store's own reading of one key", reading, "ms", time.Millisecond))
	h.note(spread("daemon's start to first credential, as a unit starts it", first, "ms", time.Millisecond))
	h.atMost(spread("daemon's start to first credential, beyond the store's reading just before", ours, "ms", time.Millisecond), 40, "other work on the machine")
	hand := spread("daemon's start to first credential, by hand", byHand, "ms", time.Millisecond)
	hand.Why = "the program begins twice, since Go reads clobberfree once, before main"
	h.note(hand)
	return nil
}

// reads is what any reader of the file store takes for one key.
func (h *home) reads() (store.Record, error) {
	k, err := h.open()
	if err != nil {
		return store.Record{}, err
	}
	defer k.Close()
	return store.New(k, store.Identity{}).Load(context.Background(), "work")
}

func (h *home) open() (*keychain.Keychain, error) {
	return keychain.Open(keychain.Config{Backend: "file", Folder: filepath.Join(h.dir, ".local", "share", "awskeyd", "keys"), Home: h.dir,
		Passphrase: func() (secret.Value, error) { return secret.New(passphrase), nil }})
}

// activated is a helper whose request a service manager holds until the daemon,
// which it starts for it, takes the socket over.
func (h *home) activated() error {
	var times []time.Duration
	for range 5 {
		_ = os.Remove(h.socket())
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.socket(), Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		file, err := l.File()
		if err != nil {
			return err
		}
		began := time.Now()
		asks := h.command(h.program(helper), "work")
		daemon := h.command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" run`, h.program("awskeyd"))
		daemon.Env = append(daemon.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=awskeyd.socket", asUnit)
		daemon.ExtraFiles = []*os.File{file}
		err = daemon.Start()
		if err == nil {
			err = asks.Run()
			times = append(times, time.Since(began))
			end(daemon)
		}
		file.Close()
		l.Close()
		_ = os.Remove(h.socket())
		if err != nil {
			return fmt.Errorf("socket activation: %w", err)
		}
	}
	f := spread("helper's answer through socket activation", times, "ms", time.Millisecond)
	f.Why = "a shell, the daemon's start, the store's reading and the helper, together"
	h.note(f)
	return nil
}

// rotates waits for one whole rotation.
func (h *home) rotates() error {
	ctx := context.Background()
	before, err := h.client.Key(ctx, "work")
	if err == nil {
		_, err = h.client.Rotate(ctx, "work", api.RotateRequest{})
	}
	if err != nil {
		return err
	}
	return h.until(2*time.Minute, func() error {
		time.Sleep(100 * time.Millisecond)
		k, err := h.client.Key(ctx, "work")
		if err == nil && (k.AccessKeyID == before.AccessKeyID || k.Phase != "steady" || k.Previous != nil) {
			err = fmt.Errorf("the rotation has come to %s", k.Phase)
		}
		return err
	})
}

// thousand starts a daemon whose store holds 1,000 keys, copies of one.
func (b *bench) thousand() error {
	// In memory, if there is such a folder: filling the store forces three files
	// of each key to the disk, which takes minutes on a busy one.
	shm, err := os.MkdirTemp("/dev/shm", "awskeyd-bench-")
	if err == nil {
		defer os.RemoveAll(shm)
		err = os.Symlink(b.program(""), filepath.Join(shm, "programs"))
	}
	if err != nil {
		shm = b.dir
	}
	h, err := (&bench{dir: shm}).home("many")
	if err != nil {
		return err
	}
	defer h.close()
	cmd, _, err := h.start(h.says)
	if err != nil {
		return err
	}
	err = h.add("work")
	end(cmd)
	if err != nil {
		return err
	}
	record, err := h.reads()
	if err != nil {
		return err
	}
	k, err := h.open()
	if err != nil {
		return err
	}
	all := store.New(k, store.Identity{Machine: record.Machine, Instance: "bench"})
	for i := 1; i < 1000 && err == nil; i++ {
		err = all.Add(context.Background(), fmt.Sprintf("key%d", i), record.Payload)
	}
	k.Close()
	if err != nil {
		return err
	}
	var starts []time.Duration
	for range 3 {
		cmd, took, err := h.start(h.answers, asUnit)
		if err != nil {
			return err
		}
		starts = append(starts, took)
		end(cmd)
	}
	b.atMost(spread("start to first credential with 1,000 keys", starts, "ms", time.Millisecond), 1000, "the names of all are read before; who is asked for comes first then. The keys lie in memory (/dev/shm), where there is such a folder")
	return nil
}
