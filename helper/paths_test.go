package helper

import (
	"slices"
	"testing"
)

func TestPaths(t *testing.T) {
	tests := []struct {
		system  string
		env     map[string]string
		config  string
		state   string
		sockets []string
	}{
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_RUNTIME_DIR": "/run/user/1000"},
			"/home/ann/.config/awskeyd/config.toml", "/home/ann/.local/state/awskeyd",
			[]string{"/run/user/1000/awskeyd/socket", "/home/ann/.local/state/awskeyd/socket"}},
		{"linux", map[string]string{"HOME": "/home/ann/", "XDG_RUNTIME_DIR": "/tmp/run/", "XDG_CONFIG_HOME": "/c/", "XDG_STATE_HOME": "/s"},
			"/c/awskeyd/config.toml", "/s/awskeyd",
			[]string{"/tmp/run/awskeyd/socket", "/run/user/1000/awskeyd/socket", "/s/awskeyd/socket"}},
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_RUNTIME_DIR": "run", "XDG_CONFIG_HOME": "c", "XDG_STATE_HOME": "s"},
			"/home/ann/.config/awskeyd/config.toml", "/home/ann/.local/state/awskeyd",
			[]string{"/run/user/1000/awskeyd/socket", "/home/ann/.local/state/awskeyd/socket"}},
		{"linux", nil, "", "", []string{"/run/user/1000/awskeyd/socket"}},
		{"linux", map[string]string{"HOME": "ann"}, "", "", []string{"/run/user/1000/awskeyd/socket"}},
		{"linux", map[string]string{"AWSKEYD_CONFIG": "/x/c.toml", "AWSKEYD_STATE": "/x/s/", "AWSKEYD_SOCKET": "/x/sock"},
			"/x/c.toml", "/x/s", []string{"/x/sock"}},
		{"linux", map[string]string{"AWSKEYD_CONFIG": "c.toml", "AWSKEYD_STATE": "s", "HOME": "/home/ann"},
			"", "", []string{"/run/user/1000/awskeyd/socket"}},
		{"freebsd", map[string]string{"HOME": "/home/ann"},
			"/home/ann/.config/awskeyd/config.toml", "/home/ann/.local/state/awskeyd",
			[]string{"/run/user/1000/awskeyd/socket", "/home/ann/.local/state/awskeyd/socket"}},
		{"darwin", map[string]string{"HOME": "/Users/ann", "XDG_RUNTIME_DIR": "/run", "XDG_CONFIG_HOME": "/c"},
			"/Users/ann/Library/Application Support/awskeyd/config.toml", "/Users/ann/Library/Application Support/awskeyd",
			[]string{"/Users/ann/Library/Application Support/awskeyd/socket"}},
		{"windows", map[string]string{"APPDATA": `C:\Users\ann\AppData\Roaming`, "LOCALAPPDATA": `C:\Users\ann\AppData\Local`},
			`C:\Users\ann\AppData\Roaming\awskeyd\config.toml`, `C:\Users\ann\AppData\Local\awskeyd`,
			[]string{`\\.\pipe\awskeyd-1000`}},
		{"windows", nil, "", "", []string{`\\.\pipe\awskeyd-1000`}},
	}
	for _, tt := range tests {
		env := func(name string) string { return tt.env[name] }
		if got, err := configFile(tt.system, env); got != tt.config || (err == nil) != (tt.config != "") {
			t.Errorf("%s %v: configuration %q, %v; want %q", tt.system, tt.env, got, err, tt.config)
		}
		if got, err := stateDir(tt.system, env); got != tt.state || (err == nil) != (tt.state != "") {
			t.Errorf("%s %v: state %q, %v; want %q", tt.system, tt.env, got, err, tt.state)
		}
		if got := socketCandidates(tt.system, env, "1000"); !slices.Equal(got, tt.sockets) {
			t.Errorf("%s %v: sockets %q; want %q", tt.system, tt.env, got, tt.sockets)
		}
	}
}

func TestLine(t *testing.T) {
	long := make([]byte, 4*maxLine)
	for i := range long {
		long[i] = 'a'
	}
	tests := map[string]string{
		"plain; text":            "plain; text",
		"two\r\nlines":           "two  lines",
		"\x1b[2Jcleared\u009b\a": " [2Jcleared? ",
		"/home/jörg\xff":         "/home/j?rg?",
		"\u202eright to left":    "?right to left",
		string(long):             string(long[:maxLine-3]) + "...",
		string(long[:maxLine]):   string(long[:maxLine]),
	}
	for in, want := range tests {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestValidName(t *testing.T) {
	for _, name := range []string{"a", "work", "9", "A.b_c-d", string(make64('x'))} {
		if !ValidName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{"", "-a", ".a", "_a", "a b", "a/b", "a%2e", "a\n", "a\x00", "é", "a\r\nHost: x", string(make64('x')) + "x"} {
		if ValidName(name) {
			t.Errorf("%q is accepted", name)
		}
	}
}

func make64(c byte) []byte {
	b := make([]byte, 64)
	for i := range b {
		b[i] = c
	}
	return b
}
