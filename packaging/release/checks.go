package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// isReady refuses to release what CHANGELOG.md does not tell of, and what was not
// built by the Go that everybody else will take to build it again.
func (r *release) isReady() error {
	changes, err := r.changes()
	if err != nil {
		return err
	}
	if changes[0].unreleased {
		return fmt.Errorf("CHANGELOG.md still calls what is new unreleased; write ## %s (%s) there, commit, and move the tag",
			r.version, r.date.Format(time.DateOnly))
	}
	if changes[0].version != r.version {
		return fmt.Errorf("CHANGELOG.md begins with %s, not with %s; write what is new below ## %s (%s), commit, and move the tag",
			changes[0].version, r.version, r.version, r.date.Format(time.DateOnly))
	}
	versions, err := os.ReadFile(filepath.Join(r.root, ".ci", "versions"))
	if err != nil {
		return err
	}
	_, want, _ := strings.Cut(string(versions), "\nGO_VERSION=")
	want, _, _ = strings.Cut(want, "\n")
	have, err := r.run(goEnv(target{}), "go", "env", "GOVERSION")
	if err != nil {
		return err
	}
	if have = strings.TrimSpace(have); have != "go"+want {
		return fmt.Errorf("this is %s, and .ci/versions names go%s, by which others build it again; type: make release", have, want)
	}
	return nil
}

// foundVulnerabilities is what govulncheck ends with when there are some.
const foundVulnerabilities = 3

// scan asks Go's database for vulnerabilities in what we call.
func (r *release) scan() error {
	if r.unscanned {
		r.say("NOT LOOKED at for known vulnerabilities, as -unscanned says")
		return nil
	}
	scanner := filepath.Join(r.tmp, "govulncheck")
	if err := r.goTool(target{}, "-C", "packaging/release", "build", "-o", scanner, "golang.org/x/vuln/cmd/govulncheck"); err != nil {
		return err
	}
	args := []string{"-C", r.root}
	for _, name := range programs {
		args = append(args, "./cmd/"+name)
	}
	out, err := exec.Command(scanner, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	exit := new(exec.ExitError)
	switch {
	case err == nil:
		r.say("govulncheck knows of no vulnerability that we call")
		return nil
	case errors.As(err, &exit) && exit.ExitCode() == foundVulnerabilities:
		return fmt.Errorf("govulncheck found vulnerabilities; raise the modules that it names\n%s", text)
	}
	return fmt.Errorf("govulncheck could not look: %w; release where https://vuln.go.dev can be reached, or add UNSCANNED=1\n%s", err, text)
}
