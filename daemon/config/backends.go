package config

import (
	"runtime"
	"slices"
)

const keyctl = "keyctl"

// Where each backend of [store] exists, the best first of each system.
var systems = []struct{ backend, system string }{
	{"secret-service", "linux"}, {"kwallet", "linux"}, {"keychain", "darwin"}, {"wincred", "windows"},
	{"pass", "linux"}, {"pass", "darwin"}, {"pass", "freebsd"},
	{"file", "linux"}, {"file", "darwin"}, {"file", "freebsd"},
	{keyctl, "linux"},
}

// Backends returns what [store] backend may say on this system, the best first.
func Backends() []string { return backendsOf(runtime.GOOS) }

func backendsOf(system string) []string {
	var names []string
	for _, s := range systems {
		if s.system == system {
			names = append(names, s.backend)
		}
	}
	return names
}

func checkBackend(s setting, system string) error {
	here := backendsOf(system)
	if slices.Contains(here, s.text) {
		return nil
	}
	var all []string
	for _, at := range systems {
		if at.backend == s.text {
			return s.at.errorf("%s is not for this system, %s; write one of %s", s, system, list(here))
		}
		all = append(all, at.backend)
	}
	return s.at.errorf("%s is unknown; %s", s, suggest(s.text, all, `write backend = "%s"`, "here are "+list(here)))
}
