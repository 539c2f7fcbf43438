package register

import (
	"context"
	_ "embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The names of the units. The service needs the socket; the timer brings the
// service back, should it have left while nothing was to be done.
const (
	serviceUnit = "awskeyd.service"
	socketUnit  = "awskeyd.socket"
	timerUnit   = "awskeyd.timer"
)

var units = []string{socketUnit, timerUnit, serviceUnit}

// Packaged is where a distribution's package puts the units for every user.
const Packaged = "/usr/lib/systemd/user"

//go:embed awskeyd.service
var serviceText string

//go:embed awskeyd.socket
var socketText string

//go:embed awskeyd.timer
var timerText string

// Units returns the text of every systemd unit by its name. Where s says no more
// than the program, it is the text that packages bring for every user.
func Units(s Service) map[string]string {
	socket, state := s.Socket, s.State
	if socket == "" {
		socket = "%t/awskeyd/socket"
	}
	if state == "" {
		state = "%h/.local/state/awskeyd"
	}
	environ := ""
	for _, v := range s.Environ {
		environ += "Environment=" + quoted(v) + "\n"
	}
	fill := strings.NewReplacer(
		"@PROGRAM@", quoted(s.Program), "@SOCKET@", socket, "@MARKER@", state+"/stopped", "@ENVIRON@\n", environ).Replace
	return map[string]string{serviceUnit: fill(serviceText), socketUnit: fill(socketText), timerUnit: fill(timerText)}
}

// quoted is a word as systemd.syntax(7) has it, with its specifiers switched off.
func quoted(word string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "\n", `\n`).Replace(word)
	if escaped == word && !strings.ContainsAny(word, " \t'") {
		return word
	}
	return `"` + escaped + `"`
}

type systemd struct {
	home     string
	folder   string // of the user's own units
	packaged string
	runtime  string // XDG_RUNTIME_DIR
	run      runner
}

func (m *systemd) ctl(ctx context.Context, args ...string) error {
	_, err := m.run(ctx, "systemctl", append([]string{"--user"}, args...)...)
	return err
}

func (m *systemd) Install(ctx context.Context, s Service) (changed bool, err error) {
	if err := s.check(); err != nil {
		return false, err
	}
	if s.State == filepath.Join(m.home, ".local", "state", "awskeyd") {
		s.State = "" // as packages have it
	}
	texts := Units(s)
	socketChanged := false
	for _, name := range units {
		wrote, err := m.write(name, texts[name])
		if err != nil {
			return changed, err
		}
		changed = changed || wrote
		socketChanged = socketChanged || wrote && name == socketUnit
	}
	// Also where nothing was written: a run that was cut off may have done that.
	if err := m.ctl(ctx, "daemon-reload"); err != nil {
		return changed, err
	}
	if socketChanged { // an open socket keeps its old address until it is closed
		if err := m.ctl(ctx, "stop", socketUnit, serviceUnit); err != nil {
			return changed, err
		}
	}
	return changed, m.ctl(ctx, append([]string{"enable"}, units...)...)
}

// write leaves alone what a package brought, if it says the same.
func (m *systemd) write(name, text string) (wrote bool, err error) {
	path := filepath.Join(m.folder, name)
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = os.ReadFile(filepath.Join(m.packaged, name))
	}
	if err == nil && string(old) == text {
		return false, nil
	}
	if err := os.MkdirAll(m.folder, 0o755); err != nil {
		return false, err
	}
	return true, replace(path, text)
}

func (m *systemd) Uninstall(ctx context.Context) error {
	stopped := m.Stop(ctx)
	if err := m.ctl(ctx, append([]string{"disable"}, units...)...); err != nil && stopped == nil {
		return err
	}
	for _, name := range units {
		if err := os.Remove(filepath.Join(m.folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// The folders that are empty now were perhaps made by us; others' stay.
	_ = os.Remove(m.folder)
	_ = os.Remove(filepath.Dir(m.folder))
	if m.runtime != "" {
		_ = os.Remove(filepath.Join(m.runtime, "awskeyd"))
	}
	_ = m.ctl(ctx, append([]string{"reset-failed"}, units...)...) // it fails where nothing had
	return m.ctl(ctx, "daemon-reload")
}

func (m *systemd) Listen(ctx context.Context) error {
	// A socket whose program had failed too often has failed with it.
	_ = m.ctl(ctx, append([]string{"reset-failed"}, units...)...)
	return m.ctl(ctx, "start", socketUnit, timerUnit)
}

func (m *systemd) Start(ctx context.Context) error {
	if err := m.Listen(ctx); err != nil {
		return err
	}
	return m.ctl(ctx, "start", serviceUnit)
}

func (m *systemd) Stop(ctx context.Context) error {
	return m.ctl(ctx, "stop", socketUnit, timerUnit, serviceUnit)
}

func (m *systemd) Restart(ctx context.Context) error {
	if err := m.Listen(ctx); err != nil {
		return err
	}
	return m.ctl(ctx, "restart", serviceUnit)
}

func (m *systemd) State(ctx context.Context) (State, error) {
	s := State{Manager: "systemd"}
	service, err := m.properties(ctx, serviceUnit)
	if err != nil {
		return s, err
	}
	socket, err := m.properties(ctx, socketUnit)
	if err != nil {
		return s, err
	}
	s.File = service["FragmentPath"]
	s.Installed = service["LoadState"] == "loaded"
	s.Enabled = strings.HasPrefix(service["UnitFileState"], "enabled") || strings.HasPrefix(socket["UnitFileState"], "enabled")
	s.Running = service["ActiveState"] == "active" || service["ActiveState"] == "reloading"
	s.Listening = socket["ActiveState"] == "active"
	s.PID, _ = strconv.Atoi(service["MainPID"])
	// { path=/usr/bin/awskeyd ; argv[]=… }
	if _, rest, ok := strings.Cut(service["ExecStart"], "path="); ok {
		s.Program, _, _ = strings.Cut(rest, " ; ")
	}
	return s, nil
}

func (m *systemd) properties(ctx context.Context, unit string) (map[string]string, error) {
	out, err := m.run(ctx, "systemctl", "--user", "show", "--property=LoadState,UnitFileState,ActiveState,MainPID,FragmentPath,ExecStart", unit)
	if err != nil {
		return nil, err
	}
	p := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if name, value, ok := strings.Cut(line, "="); ok {
			p[name] = value
		}
	}
	return p, nil
}
