package register

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// label is the name of the service for launchd.
const label = "io.github.awskeyd"

// Plist returns the text that launchd reads. home is the user's folder.
func Plist(s Service, home string) string {
	var b strings.Builder
	text := func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes all
		return b.String()
	}
	log := text(filepath.Join(home, "Library", "Logs", "awskeyd.log"))
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>%s</string>
	<key>ProgramArguments</key>
	<array>
		<string>%s</string>
		<string>run</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>10</integer>
	<key>ExitTimeOut</key>
	<integer>45</integer>
	<key>ProcessType</key>
	<string>Adaptive</string>
	<key>Umask</key>
	<integer>63</integer>
	<key>StandardOutPath</key>
	<string>%s</string>
	<key>StandardErrorPath</key>
	<string>%s</string>
`, label, text(s.Program), log, log)
	b.WriteString("\t<key>EnvironmentVariables</key>\n\t<dict>\n")
	// Freed memory is overwritten; without this variable the program begins twice.
	for _, v := range append([]string{"GODEBUG=clobberfree=1"}, s.Environ...) {
		name, value, _ := strings.Cut(v, "=")
		fmt.Fprintf(&b, "\t\t<key>%s</key>\n\t\t<string>%s</string>\n", text(name), text(value))
	}
	b.WriteString("\t</dict>\n</dict>\n</plist>\n")
	return b.String()
}

type launchd struct {
	home   string
	domain string // such as gui/501
	path   string // of the plist
	run    runner
	pause  time.Duration // between two tries to load what is just being unloaded
}

func newLaunchd(home string, uid int, run runner) *launchd {
	return &launchd{
		home: home, domain: "gui/" + strconv.Itoa(uid), run: run, pause: 200 * time.Millisecond,
		path: filepath.Join(home, "Library", "LaunchAgents", label+".plist"),
	}
}

func (m *launchd) target() string { return m.domain + "/" + label }

func (m *launchd) ctl(ctx context.Context, args ...string) error {
	_, err := m.run(ctx, "launchctl", args...)
	return err
}

func (m *launchd) loaded(ctx context.Context) (text string, ok bool) {
	text, err := m.run(ctx, "launchctl", "print", m.target())
	return text, err == nil
}

func (m *launchd) Install(ctx context.Context, s Service) (changed bool, err error) {
	if err := s.check(); err != nil {
		return false, err
	}
	text := Plist(s, m.home)
	if old, err := os.ReadFile(m.path); err != nil || string(old) != text {
		if err := os.MkdirAll(filepath.Dir(m.path), 0o755); err != nil {
			return false, err
		}
		if err := replace(m.path, text); err != nil {
			return false, err
		}
		changed = true
		if err := m.unload(ctx); err != nil { // what is loaded keeps the old text
			return changed, err
		}
	}
	return changed, m.ctl(ctx, "enable", m.target())
}

func (m *launchd) Uninstall(ctx context.Context) error {
	if err := m.unload(ctx); err != nil {
		return err
	}
	if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Listen does nothing: launchd gives its sockets only to programs written in C.
func (m *launchd) Listen(context.Context) error { return nil }

func (m *launchd) Start(ctx context.Context) error {
	if err := m.ctl(ctx, "enable", m.target()); err != nil {
		return err
	}
	if _, ok := m.loaded(ctx); ok {
		return m.ctl(ctx, "kickstart", m.target())
	}
	return m.load(ctx)
}

// Stop disables it as well, or it would begin at the next login.
func (m *launchd) Stop(ctx context.Context) error {
	if err := m.ctl(ctx, "disable", m.target()); err != nil {
		return err
	}
	return m.unload(ctx)
}

func (m *launchd) Restart(ctx context.Context) error {
	if _, ok := m.loaded(ctx); !ok {
		return m.Start(ctx)
	}
	return m.ctl(ctx, "kickstart", "-k", m.target())
}

// load tries for a while: launchd refuses what it has not quite unloaded yet.
func (m *launchd) load(ctx context.Context) error {
	for tries := 0; ; tries++ {
		err := m.ctl(ctx, "bootstrap", m.domain, m.path)
		if err == nil || tries == 25 || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(m.pause):
		}
	}
}

func (m *launchd) unload(ctx context.Context) error {
	if _, ok := m.loaded(ctx); !ok {
		return nil
	}
	return m.ctl(ctx, "bootout", m.target())
}

var (
	launchdPID     = regexp.MustCompile(`(?m)^\s*pid = (\d+)$`)
	launchdProgram = regexp.MustCompile(`(?m)^\s*program = (.+)$`)
)

func (m *launchd) State(ctx context.Context) (State, error) {
	s := State{Manager: "launchd"}
	if _, err := os.Stat(m.path); err == nil {
		s.File, s.Installed = m.path, true
	}
	text, loaded := m.loaded(ctx)
	if found := launchdPID.FindStringSubmatch(text); found != nil {
		s.PID, _ = strconv.Atoi(found[1])
	}
	if found := launchdProgram.FindStringSubmatch(text); found != nil {
		s.Program = found[1]
	}
	s.Running = loaded && s.PID > 0
	disabled, err := m.run(ctx, "launchctl", "print-disabled", m.domain)
	if err != nil {
		return s, err
	}
	// "io.github.awskeyd" => disabled (once: true)
	for _, line := range strings.Split(disabled, "\n") {
		if strings.Contains(line, `"`+label+`"`) && (strings.HasSuffix(line, "disabled") || strings.HasSuffix(line, "true")) {
			return s, nil
		}
	}
	s.Enabled = s.Installed
	return s, nil
}
