//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// The exit codes of all programs, as the design has them.
const (
	exitDone, exitFailed, exitUsage, exitNoDaemon, exitLocked = 0, 1, 2, 3, 4
	exitUnknown, exitRefused, exitAWS, exitHeld               = 5, 6, 7, 8
)

// runLimit bounds every program that a test runs to its end.
const runLimit = time.Minute

// home is a person's home with a runtime folder beside it. Every program of
// ours that runs in it finds its files, its socket and its bus there alone.
type home struct {
	t      *testing.T
	base   string     // holds all the rest, and nothing else
	dir    string     // HOME
	bin    string     // the three programs, its own
	varsMu sync.Mutex // guards vars once clients run
	vars   map[string]string

	mu      sync.Mutex
	outputs []output // what every program wrote
}

// output is what a program wrote, and how it was called.
type output struct{ program, text string }

// newHome makes an empty home. Its path is short: a socket's path may have 107
// bytes.
func newHome(t *testing.T, bin string) *home {
	t.Helper()
	return newHomeAt(t, bin, "/tmp")
}

// newHomeAt is newHome in another place than /tmp.
func newHomeAt(t *testing.T, bin, dir string) *home {
	t.Helper()
	base, err := os.MkdirTemp(dir, "awskeyd-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	h := &home{t: t, base: base, dir: filepath.Join(base, "home"), bin: ownPrograms(t, bin)}
	for _, dir := range []string{h.dir, filepath.Join(base, "run")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.vars = map[string]string{
		"HOME": h.dir,
		"USER": "tester",
		"LANG": "C.UTF-8",
		"PATH": os.Getenv("PATH"),
		// A program under the race detector would sleep for a second at its end,
		// and a client would get its lease when it is over.
		"GORACE":          "atexit_sleep_ms=0 halt_on_error=1",
		"XDG_RUNTIME_DIR": filepath.Join(base, "run"),
		// A path without a bus, and not nothing: the bus would be looked for.
		"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + base + "/no-bus",
		// The one place, so that no other daemon of this user is ever asked.
		// It also keeps the helper from starting a daemon by itself.
		"AWSKEYD_SOCKET": filepath.Join(base, "run", "awskeyd", "socket"),
	}
	return h
}

// ownPrograms are links to the programs in a folder that no other home has, so
// that a process of ours can be told by its path: only root may ask one that is
// not dumpable for its environment.
func ownPrograms(t *testing.T, bin string) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(bin), "awskeyd-e2e-own-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"awskey", "awskey-helper", "awskeyd"} {
		if err := os.Link(filepath.Join(bin, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// env is the home's environment as our packages take it.
func (h *home) env(name string) string {
	h.varsMu.Lock()
	defer h.varsMu.Unlock()
	return h.vars[name]
}

func (h *home) environ() []string {
	h.varsMu.Lock()
	defer h.varsMu.Unlock()
	var list []string
	for name, value := range h.vars {
		list = append(list, name+"="+value)
	}
	return list
}

// path is a path in the home.
func (h *home) path(elements ...string) string {
	return filepath.Join(append([]string{h.dir}, elements...)...)
}

// write makes a file of the home that only its owner may read, and the folders
// above it.
func (h *home) write(name, text string) string {
	h.t.Helper()
	path := h.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	// In one step, as good editors do: the daemon may look at any moment.
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// configure writes the configuration.
func (h *home) configure(sections ...string) {
	h.t.Helper()
	h.write(".config/awskeyd/config.toml", strings.Join(sections, "\n"))
}

const passphrase = "correct horse battery staple"

// fileStore is the configuration of the encrypted file store.
func (h *home) fileStore() string {
	h.t.Helper()
	return "[store]\nbackend = \"file\"\npassphrase_file = \"" + h.write(".passphrase", passphrase+"\n") + "\"\n"
}

// result is what became of one program.
type result struct {
	stdout, stderr string
	exit           int
	took           time.Duration
}

// run runs a program to its end.
func (h *home) run(stdin string, program string, args ...string) result {
	h.t.Helper()
	return h.runIn(h.environ(), stdin, program, args...)
}

// runIn is run in another environment.
func (h *home) runIn(environ []string, stdin string, program string, args ...string) result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = environ, h.dir, strings.NewReader(stdin)
	cmd.WaitDelay = 5 * time.Second // for a daemon that would hold the output open
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	r := result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
	if ended := new(exec.ExitError); err != nil && !errors.As(err, &ended) || ctx.Err() != nil {
		h.t.Errorf("%v: %v within %v, having said %q", cmd.Args, err, runLimit, r.stderr)
	}
	h.keep(strings.Join(cmd.Args, " "), r.stdout+r.stderr)
	return r
}

// keep remembers what a program wrote, for the search for secrets.
func (h *home) keep(program, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outputs = append(h.outputs, output{program, text})
}

// awskey runs awskey with nothing on its standard input.
func (h *home) awskey(args ...string) result {
	h.t.Helper()
	return h.run("", filepath.Join(h.bin, "awskey"), args...)
}

// do runs awskey and ends the test if it fails.
func (h *home) do(args ...string) result {
	h.t.Helper()
	r := h.awskey(args...)
	if r.exit != exitDone || r.stderr != "" {
		h.t.Fatalf("awskey %s: exit %d, %q", strings.Join(args, " "), r.exit, r.stderr)
	}
	return r
}

// unlock runs awskey unlock, which says that it waits where the machine is slow.
func (h *home) unlock(flags ...string) result {
	h.t.Helper()
	r := h.awskey(append([]string{"unlock"}, flags...)...)
	if r.exit != exitDone || r.stderr != "" && !strings.Contains(r.stderr, "waiting for your keyring") {
		h.t.Fatalf("awskey unlock: exit %d, %q", r.exit, r.stderr)
	}
	return r
}

// add takes a key in, as a script does.
func (h *home) add(name, id, secret string, flags ...string) result {
	h.t.Helper()
	return h.run(secret+"\n", filepath.Join(h.bin, "awskey"),
		append([]string{"add", name, "--access-key-id", id, "--secret-stdin"}, flags...)...)
}

// mustAdd takes a key in or ends the test. While a slow machine still derives
// the file store's key it does what awskey says then: it tries again.
func (h *home) mustAdd(name, id, secret string, flags ...string) {
	h.t.Helper()
	var r result
	eventually(h.t, 20*time.Second, func() string {
		if r = h.add(name, id, secret, flags...); r.exit == exitLocked && strings.Contains(r.stderr, "is still being opened") {
			return r.stderr
		}
		return ""
	})
	if r.exit != exitDone || r.stderr != "" {
		h.t.Fatalf("awskey add %s: exit %d, %q", name, r.exit, r.stderr)
	}
}

// helper runs the helper for a profile.
func (h *home) helper(profile string) result {
	h.t.Helper()
	return h.run("", filepath.Join(h.bin, "awskey-helper"), profile)
}

// ask gives a client of the daemon's socket to do.
func ask[T any](h *home, do func(context.Context, *api.Client) (T, error)) (T, error) {
	client := api.Dial(h.env)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	return do(ctx, client)
}

// key is a key as the daemon sees it.
func (h *home) key(name string) (api.Key, error) {
	return ask(h, func(ctx context.Context, c *api.Client) (api.Key, error) { return c.Key(ctx, name) })
}

// history is what happened to a key.
func (h *home) history(name string) []api.Event {
	h.t.Helper()
	events, err := ask(h, func(ctx context.Context, c *api.Client) ([]api.Event, error) { return c.History(ctx, name, 0) })
	if err != nil {
		h.t.Fatal(err)
	}
	return events
}

// eventually waits until look has nothing more to wish for.
func eventually(t *testing.T, limit time.Duration, look func() (missing string)) {
	t.Helper()
	if missing := within(limit, look); missing != "" {
		t.Fatalf("after %v: %s", limit, missing)
	}
}

// within is eventually for what may also fail.
func within(limit time.Duration, look func() (missing string)) (missing string) {
	for end := time.Now().Add(limit); ; {
		missing = look()
		if missing == "" || time.Now().After(end) {
			return missing
		}
		time.Sleep(25 * time.Millisecond)
	}
}
