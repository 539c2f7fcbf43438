//go:build unix

package helper

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fakeDaemon is what the test binary does when it is called awskeyd: it writes
// down under the home what it was given, then serves until the test ends it.
func fakeDaemon() int {
	home := os.Getenv("HOME")
	var report strings.Builder
	fmt.Fprintf(&report, "argv %q\n", os.Args)
	for _, v := range os.Environ() {
		fmt.Fprintf(&report, "env %s\n", v)
	}
	dir, _ := os.Getwd()
	fmt.Fprintf(&report, "cwd %s\n", dir)
	session, _, _ := syscall.Syscall(syscall.SYS_GETSID, 0, 0, 0)
	fmt.Fprintf(&report, "pid %d\nsession %d\n", os.Getpid(), session)
	for fd := range 256 {
		if target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
			fmt.Fprintf(&report, "fd %d %s\n", fd, target)
		}
	}
	log, err := os.OpenFile(filepath.Join(home, "report"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	if _, err := log.WriteString(report.String()); err != nil {
		return 1
	}
	l, err := net.Listen("unix", filepath.Join(os.Getenv("XDG_STATE_HOME"), "awskeyd", "socket"))
	if err != nil {
		return 1
	}
	// Should the test die, nothing stays behind for long.
	time.AfterFunc(2*time.Minute, func() { l.Close() })
	for {
		conn, err := l.Accept()
		if err != nil {
			return 0
		}
		go func() {
			defer conn.Close()
			readRequest(conn)
			conn.Write([]byte(good("")))
		}()
	}
}

// stage is a folder with an awskeyd in it and a home beside it.
type stage struct{ bin, home, state string }

func newStage(t *testing.T) stage {
	t.Helper()
	dir := short(t)
	s := stage{filepath.Join(dir, "bin"), filepath.Join(dir, "home"), filepath.Join(dir, "home", "state")}
	for _, d := range []string{s.bin, s.home} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s stage) install(t *testing.T, awskeyd string) {
	t.Helper()
	data, err := os.ReadFile(awskeyd)
	if err != nil {
		t.Fatal(err)
	}
	s.script(t, string(data))
}

func (s stage) script(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.bin, "awskeyd"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (s stage) environ() []string {
	return []string{"HOME=" + s.home, "XDG_STATE_HOME=" + s.state, "XDG_RUNTIME_DIR=" + s.home + "/run"}
}

func (s stage) env(name string) string {
	for _, v := range s.environ() {
		if variable(v) == name {
			return v[len(name)+1:]
		}
	}
	return ""
}

func (s stage) program() (string, error) { return filepath.Join(s.bin, "awskey-helper"), nil }

// report returns what the fake daemons wrote, by the first word of each line.
func (s stage) report(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open(filepath.Join(s.home, "report"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	report := map[string][]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		report[word] = append(report[word], rest)
	}
	return report
}

// endDaemons ends every daemon that was started here.
func (s stage) endDaemons(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(s.home, "report")); err != nil {
		return
	}
	for _, pid := range s.report(t)["pid"] {
		var n int
		fmt.Sscan(pid, &n)
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
}

// realHelper builds the program as it is shipped.
func (s stage) realHelper(t *testing.T) string {
	t.Helper()
	path := filepath.Join(s.bin, "awskey-helper")
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/awskeyd/awskeyd/cmd/awskey-helper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// TestStartThroughTheProgram starts a daemon the way an SDK makes it happen:
// captured output, a foreign working directory, descriptors and variables that
// the daemon has no business with.
func TestStartThroughTheProgram(t *testing.T) {
	s := newStage(t)
	self, _ := os.Executable()
	s.install(t, self)
	path := s.realHelper(t)
	t.Cleanup(func() { s.endDaemons(t) })
	link := filepath.Join(s.home, "linked-helper")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(link, "work")
	cmd.Dir = s.home
	cmd.ExtraFiles = []*os.File{w, r}
	cmd.Env = append(s.environ(), "USER=ann", "LANG=C.UTF-8", "DBUS_SESSION_BUS_ADDRESS=unix:path=/x", "XDG_DATA_HOME=/d",
		"PATH=/nowhere", "LD_PRELOAD=", "AWS_PROFILE=work", "AWS_SECRET_ACCESS_KEY=CANARY", "HTTPS_PROXY=http://p", "SHELL=/bin/sh")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// Run returns when the output pipes have no writer left: a daemon that held
	// one would keep us here.
	if err := cmd.Run(); err != nil || stdout.String() != goodBody || stderr.String() != "" {
		t.Fatalf("%v, output %q, error %q", err, stdout.String(), stderr.String())
	}
	w.Close()
	// With a writer left, this read would have to wait.
	fd := int(r.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if n, err := syscall.Read(fd, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the daemon holds a pipe that the helper was handed: %d, %v", n, err)
	}

	report := s.report(t)
	if want := fmt.Sprintf("[%q %q]", filepath.Join(s.bin, "awskeyd"), "run"); report["argv"][0] != want {
		t.Errorf("started as %s, want %s", report["argv"][0], want)
	}
	wantEnv := append(s.environ(), "GODEBUG=clobberfree=1", "USER=ann", "LANG=C.UTF-8", "DBUS_SESSION_BUS_ADDRESS=unix:path=/x", "XDG_DATA_HOME=/d")
	slices.Sort(wantEnv)
	slices.Sort(report["env"])
	if !slices.Equal(report["env"], wantEnv) {
		t.Errorf("environment %q, want %q", report["env"], wantEnv)
	}
	if report["cwd"][0] != "/" {
		t.Errorf("working directory %s", report["cwd"][0])
	}
	if report["session"][0] != report["pid"][0] {
		t.Errorf("pid %s lies in session %s", report["pid"][0], report["session"][0])
	}
	null := 0
	for _, fd := range report["fd"] {
		number, target, _ := strings.Cut(fd, " ")
		switch {
		case number <= "2" && len(number) == 1 && target == os.DevNull:
			null++
		case strings.HasPrefix(target, "anon_inode:"), strings.HasPrefix(target, "/sys/fs/cgroup/"): // the fake's own Go runtime
		default:
			t.Errorf("descriptor %s is open on %s", number, target)
		}
	}
	if null != 3 && len(report["fd"]) > 0 {
		t.Errorf("descriptors %q, want three on the null device", report["fd"])
	}
}

// TestStartThousand: a thousand helpers at once end with one daemon and a
// thousand answers.
func TestStartThousand(t *testing.T) {
	s := newStage(t)
	self, _ := os.Executable()
	s.install(t, self)
	path := s.realHelper(t)
	t.Cleanup(func() { s.endDaemons(t) })

	const count = 1000
	var wait sync.WaitGroup
	failures := make(chan string, count)
	for range count {
		wait.Go(func() {
			cmd := exec.Command(path, "work")
			cmd.Env = s.environ()
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil || stdout.String() != goodBody || stderr.String() != "" {
				failures <- fmt.Sprintf("%v, output %q, error %q", err, stdout.String(), stderr.String())
			}
		})
	}
	wait.Wait()
	close(failures)
	if len(failures) > 0 {
		t.Errorf("%d of %d were not answered; one of them: %s", len(failures), count, <-failures)
	}
	if got := s.report(t)["pid"]; len(got) != 1 {
		t.Errorf("%d daemons were started", len(got))
	}
}

func TestStartRules(t *testing.T) {
	foreign := "/" // root's, for anybody else
	if os.Geteuid() == 0 {
		foreign = short(t)
		if err := os.Chown(foreign, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, s stage)
		environ []string
		want    string
	}{
		{"steered", nil, []string{"AWSKEYD_CONFIG=/x"}, "AWSKEYD_CONFIG is set"},
		{"steered by what we do not know", nil, []string{"AWSKEYD_X="}, "AWSKEYD_X is set"},
		{"stopped", func(t *testing.T, s stage) {
			state := filepath.Join(s.state, "awskeyd")
			if err := os.MkdirAll(state, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(StopMarker(state), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, nil, "it has been stopped"},
		{"home of another", nil, []string{"HOME=" + foreign}, "the home folder " + foreign + " belongs to uid"},
		{"home missing", nil, []string{"HOME=/nonexistent"}, "the home folder /nonexistent cannot be looked at"},
		{"state of another", nil, []string{"XDG_STATE_HOME=" + foreign}, "the state folder " + foreign + " belongs to uid"},
		{"state below another's", nil, []string{"XDG_STATE_HOME=" + foreign + "/a/b"}, "the state folder " + foreign + " belongs to uid"},
		{"no awskeyd beside", func(t *testing.T, s stage) { os.Remove(filepath.Join(s.bin, "awskeyd")) }, []string{"PATH=" + "/bin"}, "there is no program "},
		{"awskeyd is no program", func(t *testing.T, s stage) { os.Chmod(filepath.Join(s.bin, "awskeyd"), 0o600) }, nil, "there is no program "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.script(t, "#!/bin/sh\n: > '"+s.home+"/ran'\n")
			if tt.prepare != nil {
				tt.prepare(t, s)
			}
			environ := append(slices.Clone(tt.environ), s.environ()...)
			env := func(name string) string {
				for _, v := range environ {
					if variable(v) == name {
						return v[len(name)+1:]
					}
				}
				return ""
			}
			conn, err := start(env, environ, s.program, Now()+second)
			if !errors.Is(err, ErrNoDaemon) || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("%v, %v; want %q", conn, err, tt.want)
			}
			if _, err := os.Stat(s.home + "/ran"); err == nil {
				t.Error("it was started all the same")
			}
		})
	}
}

// TestStartFailsFast: a daemon that ends at once (bad configuration, say) is
// reported at once; the test would otherwise outlive its own time limit.
func TestStartFailsFast(t *testing.T) {
	s := newStage(t)
	s.script(t, "#!/bin/sh\nexit 2\n")
	if _, err := start(s.env, s.environ(), s.program, Now()+60*minute); !errors.Is(err, ErrNoDaemon) || !strings.Contains(err.Error(), "ended as soon as it was started") {
		t.Error(err)
	}
}

// TestStartSecondDaemon: one that ended because another daemon was faster is
// no failure while the other comes up.
func TestStartSecondDaemon(t *testing.T) {
	s := newStage(t)
	s.script(t, fmt.Sprintf("#!/bin/sh\nexit %d\n", ExitHeld))
	_, err := start(s.env, s.environ(), s.program, Now()+200*millisecond)
	if !errors.Is(err, ErrNoDaemon) || !strings.Contains(err.Error(), "not ready yet") {
		t.Error(err)
	}
}

// TestStartAfterAnother: who waited for a starter whose daemon failed does not try
// in turn, or a thousand helpers would start a thousand daemons. If the starter
// was killed, or its time was up, one of them goes on in its place.
func TestStartAfterAnother(t *testing.T) {
	for _, c := range []struct{ left, want string }{
		{startFailed, "did not come up"},
		{"", "ended as soon as it was started"},
	} {
		s := newStage(t)
		s.script(t, "#!/bin/sh\n: > '"+s.home+"/ran'\nexit 1\n")
		state := filepath.Join(s.state, "awskeyd")
		if err := os.MkdirAll(state, 0o700); err != nil {
			t.Fatal(err)
		}
		lock, err := lockStart(filepath.Join(state, "start.lock"))
		if err != nil || lock == nil {
			t.Fatal(lock, err)
		}
		looks := 0
		env := func(name string) string {
			if name == "AWSKEYD_SOCKET" { // asked for once in every look for the socket
				if looks++; looks == 3 {
					lock.leave(c.left)
					lock.close()
				}
			}
			return s.env(name)
		}
		if _, err := start(env, s.environ(), s.program, Now()+60*minute); !errors.Is(err, ErrNoDaemon) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.left, err)
		}
		if _, err := os.Stat(s.home + "/ran"); (err == nil) != (c.left == "") {
			t.Errorf("%q: started: %v", c.left, err == nil)
		}
	}
}
