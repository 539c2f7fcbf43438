package guard

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
)

// A sight is one thing that is wrong.
type sight struct {
	warning api.Warning
	found   awsfiles.Finding // where it is a whole key
}

// key tells one sight from another. A key that moves to another line is the same.
func (s sight) key() string {
	if s.found.AccessKeyID != "" {
		return s.warning.Code + " " + s.found.AccessKeyID + " " + s.found.Profile
	}
	return s.warning.Code + " " + s.warning.Text
}

// find looks at everything. It changes nothing.
func (g *Guard) find(ctx context.Context) []sight {
	var list []sight
	unreadable := func(err error) {
		list = append(list, sight{warning: api.Warning{Code: "aws-file-unreadable", Severity: "warning",
			Text: "cannot tell what stands in the AWS files: " + err.Error(), Remedy: "mend the line; the AWS CLI may not read the file either"}})
	}
	lines, err := g.Files.PointingTo(isOurs)
	if err != nil {
		unreadable(err)
		return list
	}
	found, err := g.Files.Plaintext()
	if err != nil {
		unreadable(err)
		return list
	}
	for _, f := range found {
		if f.Why == nil && !g.GivenOut(f.AccessKeyID) {
			list = append(list, plaintext(f, lines))
		}
	}
	names, known := g.profiles(ctx, len(lines) > 0)
	for _, l := range lines {
		w := g.line(l)
		if w == nil && known {
			w = asksFor(l, names)
		}
		if w != nil {
			list = append(list, sight{warning: *w})
		}
	}
	if g.Settings().Downloads {
		for _, f := range awsfiles.Downloads(g.Downloads) {
			list = append(list, sight{found: f, warning: api.Warning{Code: "downloaded-key", Severity: "warning",
				Text: fmt.Sprintf("%s: access key %s lies here in plaintext", f.Places[0].File, short(f.AccessKeyID)), Remedy: "awskey init takes it in and deletes the file"}})
		}
	}
	return list
}

// plaintext is the warning of a key that stands in an AWS profile.
func plaintext(f awsfiles.Finding, lines []awsfiles.Pointer) sight {
	at := f.Places[0]
	w := api.Warning{Code: "plaintext-key", Severity: "warning",
		Text:   fmt.Sprintf("%s:%d: access key %s of the AWS profile %s stands here in plaintext", at.File, at.Line, short(f.AccessKeyID), f.Profile),
		Remedy: "awskey init --profile " + quoted(f.Profile)}
	if slices.ContainsFunc(lines, func(l awsfiles.Pointer) bool { return l.Profile == f.Profile }) {
		w.Code = "shadowed"
		w.Text += ", and most programs use it in place of the key that awskeyd keeps"
	}
	return sight{w, f}
}

// line says what is wrong with a line that runs our helper; nil for nothing.
func (g *Guard) line(l awsfiles.Pointer) *api.Warning {
	at := fmt.Sprintf("%s:%d: the AWS profile %s ", l.File, l.Line, l.Profile)
	path := awsfiles.Program(l.Command)
	profile, _ := awsfiles.Ours(l.Command)
	if _, err := os.Stat(path); err != nil {
		return &api.Warning{Code: "helper-missing", Severity: "error", Text: at + "runs " + path + ", which is not there", Remedy: "awskey add " + profile + " --write, or write " + g.Helper + " in its place"}
	}
	if !sameFile(path, g.Helper) {
		return &api.Warning{Code: "helper-moved", Severity: "warning", Text: at + "runs " + path + ", and awskeyd runs with the helper at " + g.Helper, Remedy: "write " + g.Helper + " in its place"}
	}
	return nil
}

// profiles are those that the daemon serves; not known while the store is not open.
func (g *Guard) profiles(ctx context.Context, wanted bool) (list []api.Profile, known bool) {
	if !wanted {
		return nil, false
	}
	status, err := g.Daemon.Status(ctx)
	return status.Profiles, err == nil && status.Daemon.Store.State == "ready"
}

// asksFor is the warning of a line that asks for a profile that is not there.
func asksFor(l awsfiles.Pointer, names []api.Profile) *api.Warning {
	profile, _ := awsfiles.Ours(l.Command)
	if slices.ContainsFunc(names, func(p api.Profile) bool { return strings.EqualFold(p.Name, profile) }) {
		return nil
	}
	return &api.Warning{Code: "no-such-profile", Severity: "warning",
		Text:   fmt.Sprintf("%s:%d: the AWS profile %s asks for %s, and there is no such key", l.File, l.Line, l.Profile, profile),
		Remedy: "awskey add " + profile + ", or delete the line"}
}

func isOurs(command string) bool {
	_, ours := awsfiles.Ours(command)
	return ours
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, other)
}

// short is how a person reads an access key id.
func short(id string) string {
	if len(id) <= 8 {
		return id
	}
	return id[:4] + "…" + id[len(id)-4:]
}

// quoted is a name as a shell takes it for one word.
func quoted(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-@:/+=,", r))
	}) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
