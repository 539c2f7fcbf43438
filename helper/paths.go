package helper

import "runtime"

// ConfigFile returns where the configuration lies: AWSKEYD_CONFIG, else
// awskeyd/config.toml in the folder the system keeps for that.
func ConfigFile(env Env) (string, error) {
	return configFile(runtime.GOOS, env)
}

// StateDir returns the folder of history, lock and logs: AWSKEYD_STATE, else
// awskeyd in the folder the system keeps for that. It holds no secret.
func StateDir(env Env) (string, error) {
	return stateDir(runtime.GOOS, env)
}

// SocketCandidates returns the addresses where the daemon may listen, best
// first: AWSKEYD_SOCKET alone if it is set, else the system's own list. The
// daemon takes the first it can use and clients try them in the same order.
// It is empty where the environment names no place at all.
func SocketCandidates(env Env) []string {
	return socketCandidates(runtime.GOOS, env, userID())
}

// StopMarker returns the file whose presence keeps the daemon from being
// started on its own: the person has stopped it.
func StopMarker(stateDir string) string {
	return join(runtime.GOOS, stateDir, "stopped")
}

func configFile(system string, env Env) (string, error) {
	if path := env("AWSKEYD_CONFIG"); path != "" {
		return absolute(system, "AWSKEYD_CONFIG", path)
	}
	dir, err := folder(system, env, "XDG_CONFIG_HOME", "/.config", "APPDATA")
	if err != nil {
		return "", err
	}
	return join(system, dir, "awskeyd", "config.toml"), nil
}

func stateDir(system string, env Env) (string, error) {
	if path := env("AWSKEYD_STATE"); path != "" {
		return absolute(system, "AWSKEYD_STATE", path)
	}
	dir, err := folder(system, env, "XDG_STATE_HOME", "/.local/state", "LOCALAPPDATA")
	if err != nil {
		return "", err
	}
	return join(system, dir, "awskeyd"), nil
}

func socketCandidates(system string, env Env, user string) []string {
	if path := env("AWSKEYD_SOCKET"); path != "" {
		return []string{path}
	}
	if system == "windows" {
		if user == "" {
			return nil
		}
		return []string{`\\.\pipe\awskeyd-` + user}
	}
	var list []string
	best, other := runtimeSockets(system, env, user)
	if best != "" {
		list = append(list, best)
	}
	if other != "" {
		list = append(list, other)
	}
	if state, err := stateDir(system, env); err == nil {
		list = append(list, state+"/socket")
	}
	return list
}

// runtimeSockets are those of the candidates that lie outside of the home, as far
// as there are any.
func runtimeSockets(system string, env Env, user string) (best, other string) {
	if system == "darwin" {
		return "", ""
	}
	usual := "/run/user/" + user
	if dir := trimSlash(env("XDG_RUNTIME_DIR")); isAbsolute(system, dir) && dir != usual {
		return dir + "/awskeyd/socket", usual + "/awskeyd/socket"
	}
	return usual + "/awskeyd/socket", ""
}

// folder returns the user's folder for one kind of file: the XDG variable or
// its default under the home, ~/Library/Application Support on macOS, the
// named variable on Windows.
func folder(system string, env Env, xdg, fallback, windows string) (string, error) {
	if system == "windows" {
		return absolute(system, windows, env(windows))
	}
	// The XDG base directory specification bids us ignore a relative path.
	if dir := env(xdg); system != "darwin" && isAbsolute(system, dir) {
		return trimSlash(dir), nil
	}
	home, err := absolute(system, "HOME", env("HOME"))
	if err != nil {
		return "", err
	}
	if system == "darwin" {
		return home + "/Library/Application Support", nil
	}
	return home + fallback, nil
}

// absolute returns path, the value of a variable, if it is of use from any
// working directory.
func absolute(system, name, path string) (string, error) {
	if path == "" {
		return "", &Error{Exit: ExitUsage, Code: "environment", Message: name + " is not set"}
	}
	if !isAbsolute(system, path) {
		return "", &Error{Exit: ExitUsage, Code: "environment", Message: name + " must be an absolute path, not " + path}
	}
	return trimSlash(path), nil
}

func isAbsolute(system, path string) bool {
	if system == "windows" {
		return len(path) >= 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/') || len(path) > 2 && path[:2] == `\\`
	}
	return len(path) > 0 && path[0] == '/'
}

func join(system string, parts ...string) string {
	separator := "/"
	if system == "windows" {
		separator = `\`
	}
	path := parts[0]
	for _, part := range parts[1:] {
		path += separator + part
	}
	return path
}

func trimSlash(path string) string {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path
}
