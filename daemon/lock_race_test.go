package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/history"
)

// TestNoScreenUndoesWhatAPersonLocksJustNow: the screen is unlocked while awskey
// lock runs.
func TestNoScreenUndoesWhatAPersonLocksJustNow(t *testing.T) {
	dir := t.TempDir()
	env := func(n string) string {
		switch n {
		case "HOME":
			return dir
		case "AWSKEYD_STATE":
			return dir
		case "AWSKEYD_CONFIG":
			return filepath.Join(dir, "config.toml")
		}
		return ""
	}
	os.WriteFile(filepath.Join(dir, "config.toml"), []byte("[store]\nbackend = \"file\"\n"), 0o600)
	f, err := findFiles(env)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(f.configs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		d := &Daemon{log: slog.New(slog.DiscardHandler), history: history.Open(dir), files: f, config: cfg, forgets: make(chan struct{}, 1), nudge: make(chan struct{}, 1), locked: byScreen,
			keychains: Keychains{Open: func(context.Context, string, KeychainOptions) (Keychain, error) { return nil, errors.New("no") }}}
		_ = d.mark(byScreen)
		var both sync.WaitGroup
		both.Go(func() { d.unlockedBy(t.Context(), byScreen) })
		both.Go(func() { _ = d.lock(byPerson) })
		both.Wait()
		if d.lockedBy() != byPerson || readMark(dir) != byPerson {
			t.Fatalf("%d: what a person locked is %q, mark %q", i, d.lockedBy(), readMark(dir))
		}
	}
}
