//go:build !windows

package passphrase

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/store"
)

// script is a pinentry that does as it is told, for what a real one cannot be
// made to do.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pinentry")
	// A process that is forked meanwhile would have it open for writing until it
	// executes its own program, and no other could execute this one (golang/go#22315).
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// answers is one that answers questions in turn and says what it was told.
func answers(t *testing.T, lines ...string) (program, heard string) {
	t.Helper()
	heard = filepath.Join(t.TempDir(), "heard")
	given := write(t, filepath.Join(t.TempDir(), "given"), strings.Join(lines, "\n")+"\n", 0o600)
	return script(t, `exec 3<'`+given+`'
echo OK Pleased to meet you
while read -r line; do
	echo "$line" >>'`+heard+`'
	case $line in
	OPTION*) echo ERR 83886254 Unknown option '<Pinentry>'; continue ;;
	GETPIN) read -r answer <&3 && echo "$answer" ;;
	esac
	case $answer in ERR*) answer=; continue ;; esac
	echo OK
done`), heard
}

func TestPinentryFaults(t *testing.T) {
	const ok = "echo OK; while read -r line; do case $line in GETPIN) break;; esac; echo OK; done; "
	for name, c := range map[string]struct {
		script string
		kind   error
		says   string
	}{
		"dismissed":        {ok + "echo ERR 83886179 Operation cancelled", store.ErrDenied, "dismissed; type: awskey unlock"},
		"not confirmed":    {ok + "echo ERR 83886194 Not confirmed", store.ErrDenied, "dismissed"},
		"timed out":        {ok + "echo ERR 83886142 Timeout", store.ErrLocked, "nobody answered"},
		"no terminal":      {ok + "echo ERR 83918950 Inappropriate ioctl for device", store.ErrLocked, "cannot ask for its passphrase here"},
		"dies":             {ok + "echo D SECRET", store.ErrLocked, "ended without an answer"},
		"killed":           {ok + "echo D SECRET; kill -9 $$", store.ErrLocked, "ended without an answer"},
		"never begins":     {"exit 1", store.ErrLocked, "ended without an answer"},
		"garbage":          {"echo SECRET, hello", store.ErrLocked, "does not speak as pinentry does"},
		"garbage for data": {ok + "echo 'D SECRET%'; echo OK", store.ErrLocked, "does not speak as pinentry does"},
		"a long line":      {ok + "head -c 5000 /dev/zero | tr '\\0' x; sleep 30", store.ErrLocked, "does not speak as pinentry does"},
		"no end":           {ok + "while echo D SECRET; do :; done", store.ErrLocked, "does not speak as pinentry does"},
		"asks":             {ok + "echo INQUIRE SECRET; sleep 30", store.ErrLocked, "does not speak as pinentry does"},
		"ignores SIGTERM":  {"trap '' TERM; " + ok + "echo ERR 1; while :; do sleep 1; done", store.ErrLocked, "error 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, Sources{Ask: true, pinentry: script(t, c.script)}, c.kind, c.says)
		})
	}
	refuses(t, Sources{Ask: true, pinentry: "/nonexistent/pinentry"}, store.ErrLocked, "/nonexistent/pinentry cannot ask", "no such file", "passphrase_file")
}

// One that never answers is given up with the context, also if it has left its
// output to somebody who lives on.
func TestPinentryThatHangs(t *testing.T) {
	for name, text := range map[string]string{
		"at once": "exec sleep 600", "later": "echo OK; exec sleep 600", "a child does": "echo OK; sleep 30; echo OK",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := Sources{Ask: true, pinentry: script(t, text)}.Get(ctx)
			if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "nobody answered") {
				t.Error(err)
			}
			ctx, cancel = context.WithCancel(t.Context())
			go cancel()
			if _, err := (Sources{Ask: true, pinentry: script(t, text)}).Get(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

func TestANewPassphraseIsTypedTwice(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  string
		says  []string
	}{
		"the same twice":     {[]string{"D SECRET", "D SECRET"}, "SECRET", nil},
		"with odd bytes":     {[]string{"D 1%25%0A", "D 1%25%0a"}, "1%\n", nil},
		"different at first": {[]string{"D SECRET", "D SECRETS", "D two", "D two"}, "two", []string{"two different"}},
		"empty at first":     {[]string{"D", "D two", "D two"}, "two", []string{"It is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			program, heard := answers(t, c.lines...)
			v, err := Sources{Ask: true, pinentry: program}.New(t.Context())
			if err != nil || v.Reveal() != c.want {
				t.Fatalf("%q, %v", v.Reveal(), err)
			}
			told, err := os.ReadFile(heard)
			for _, text := range append(c.says, "SETDESC Choose a passphrase", "SETPROMPT The same again:", "SETTITLE awskeyd") {
				if err != nil || !strings.Contains(string(told), text) {
					t.Errorf("it was told\n%s\nand not %q (%v)", told, text, err)
				}
			}
			if strings.Contains(string(told), "SECRET") {
				t.Errorf("it was told the secret:\n%s", told)
			}
		})
	}
	for name, c := range map[string]struct {
		lines []string
		kind  error
		says  string
	}{
		"never the same": {[]string{"D 1", "D SECRET", "D 2", "D SECRET", "D 3", "D SECRET", "D 4", "D 4"}, store.ErrLocked, "no passphrase was chosen"},
		"always empty":   {[]string{"D", "D", "D", "D 4", "D 4"}, store.ErrLocked, "no passphrase was chosen"},
		"dismissed":      {[]string{"D SECRET", "ERR 83886179 Operation cancelled"}, store.ErrDenied, "dismissed"},
	} {
		t.Run(name, func(t *testing.T) {
			program, _ := answers(t, c.lines...)
			v, err := Sources{Ask: true, pinentry: program}.New(t.Context())
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "SECRET") || !v.IsZero() {
				t.Errorf("%v", err)
			}
		})
	}
}

// An old passphrase is asked for once, an empty one is for the store to refuse.
func TestAPassphraseIsAskedForOnce(t *testing.T) {
	program, heard := answers(t, "D")
	v, err := Sources{Ask: true, pinentry: program}.Get(t.Context())
	if err != nil || !v.IsZero() {
		t.Fatal(err)
	}
	if told, _ := os.ReadFile(heard); strings.Count(string(told), "GETPIN") != 1 {
		t.Errorf("it was told\n%s", told)
	}
}

func TestPinentryIsLookedForInFixedPlaces(t *testing.T) {
	t.Setenv("PATH", filepath.Dir(script(t, "")))
	kept := folders
	t.Cleanup(func() { folders = kept })
	for _, f := range folders {
		if !filepath.IsAbs(f) {
			t.Error(f)
		}
	}
	empty, here := t.TempDir(), filepath.Dir(script(t, ""))
	if err := os.WriteFile(filepath.Join(empty, "pinentry"), nil, 0o600); err != nil { // nothing that runs
		t.Fatal(err)
	}
	folders = []string{empty}
	refuses(t, Sources{Ask: true}, store.ErrLocked, "no pinentry", "passphrase_file")
	folders = []string{empty, here}
	if path, err := find(); err != nil || path != filepath.Join(here, "pinentry") {
		t.Errorf("%s, %v", path, err)
	}
}
