package guard

import (
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
	found   awsfiles.Finding // the key in plaintext, or only whose AWS profile it is
}

// key tells one sight from another. What moves to another line is the same.
func (s sight) key() string {
	if s.found.Profile != "" || s.found.AccessKeyID != "" {
		return s.warning.Code + " " + s.found.AccessKeyID + " " + s.found.Profile
	}
	return s.warning.Code + " " + s.warning.Text
}

// find looks at everything and changes nothing. It is not whole where a file cannot
// be read: then what is missing may be there all the same.
func (g *Guard) find() (list []sight, whole bool) {
	found, lines, errs := g.read()
	for _, err := range errs {
		list = append(list, sight{warning: api.Warning{Code: "aws-file-unreadable", Severity: "warning",
			Text: "cannot tell what stands in the AWS files: " + err.Error(), Remedy: "mend it; the AWS CLI may not read the file either"}})
	}
	for _, f := range found {
		switch {
		case f.Why == nil && !g.GivenOut(f.AccessKeyID):
			list = append(list, plaintext(f, lines))
		case f.Why != nil && inProfile(lines, f.Profile):
			list = append(list, inTheWay(f))
		}
	}
	held, known := g.Daemon.Held()
	for _, l := range lines {
		w := g.line(l)
		if w == nil && known {
			w = asksFor(l, held.Profiles)
		}
		if w != nil {
			list = append(list, sight{*w, awsfiles.Finding{Profile: l.Profile}})
		}
	}
	if g.Settings().Downloads {
		for _, f := range awsfiles.Downloads(g.Downloads) {
			list = append(list, download(f))
		}
	}
	return list, len(errs) == 0
}

// read reads both files, or each by itself where one cannot be read: it must not
// hide what stands in the other.
func (g *Guard) read() (found []awsfiles.Finding, lines []awsfiles.Pointer, errs []error) {
	found, lines, err := readOf(g.Files)
	if err == nil {
		return found, lines, nil
	}
	for _, alone := range []awsfiles.Files{{Config: g.Files.Config}, {Credentials: g.Files.Credentials}} {
		f, l, err := readOf(alone)
		if err != nil {
			errs = append(errs, err)
		}
		found, lines = append(found, f...), append(lines, l...)
	}
	return found, lines, errs
}

func readOf(f awsfiles.Files) ([]awsfiles.Finding, []awsfiles.Pointer, error) {
	found, err := f.Plaintext()
	if err != nil {
		return nil, nil, err
	}
	lines, err := f.PointingTo(isOurs)
	return found, lines, err
}

// plaintext is the warning of a key that stands in an AWS profile.
func plaintext(f awsfiles.Finding, lines []awsfiles.Pointer) sight {
	at := f.Places[0]
	w := api.Warning{Code: "plaintext-key", Severity: "warning",
		Text:   fmt.Sprintf("%s:%d: access key %s of the AWS profile %s stands here in plaintext", at.File, at.Line, short(f.AccessKeyID), f.Profile),
		Remedy: "awskey init --profile " + quoted(f.Profile)}
	if inProfile(lines, f.Profile) {
		w.Code = "shadowed"
		w.Text += ", and most programs use it in place of the key that awskeyd keeps"
	}
	return sight{w, f}
}

func inProfile(lines []awsfiles.Pointer, profile string) bool {
	return slices.ContainsFunc(lines, func(l awsfiles.Pointer) bool { return l.Profile == profile })
}

// inTheWay is the warning of what awskeyd cannot keep, such as a temporary key or
// half a pair: programs meet it before our line.
func inTheWay(f awsfiles.Finding) sight {
	return sight{api.Warning{Code: "shadowed", Severity: "warning",
		Text:   fmt.Sprintf("%v; most programs meet it before the key that awskeyd keeps for the AWS profile %s", f.Why, f.Profile),
		Remedy: fmt.Sprintf("delete it from line %d of %s", f.Places[0].Line, f.Places[0].File)}, f}
}

func download(f awsfiles.Finding) sight {
	file := f.Places[0].File
	return sight{api.Warning{Code: "downloaded-key", Severity: "warning",
		Text:   fmt.Sprintf("%s: access key %s lies here in plaintext", file, short(f.AccessKeyID)),
		Remedy: "awskey add NAME --csv " + quoted(file)}, f}
}

// line says what is wrong with a line that runs our helper; nil for nothing.
func (g *Guard) line(l awsfiles.Pointer) *api.Warning {
	at := fmt.Sprintf("%s:%d: the AWS profile %s ", l.File, l.Line, l.Profile)
	path := awsfiles.Program(l.Command)
	remedy := "awskey doctor --fix writes " + g.Helper + " in its place"
	if _, err := os.Stat(path); err != nil {
		return &api.Warning{Code: "helper-missing", Severity: "error", Text: at + "runs " + path + ", which is not there", Remedy: remedy}
	}
	if !sameFile(path, g.Helper) {
		return &api.Warning{Code: "helper-moved", Severity: "warning", Text: at + "runs " + path + ", and awskeyd runs with the helper at " + g.Helper, Remedy: remedy}
	}
	return nil
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
