package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/awsfiles"
)

// rotationBegun is how the first rotation of a key stands at the end of init.
type rotationBegun struct {
	key, phase, hold string
}

// show prints the plan as a person reads it.
func (i *initing) show(p *initPlan) {
	for n, m := range p.keys {
		if n == 0 {
			i.printf("Found in plaintext:\n\n")
		}
		from := strings.Join(m.scrub, ", ")
		if from == "" {
			from = "no AWS profile"
		}
		i.printf("  %s  %s\n", short(m.key.AccessKeyID), printable(from))
		i.printf("             IAM user %s, account %s; to be kept as %s\n", printable(lastWord(m.user)), account(m.user), m.name)
	}
	for n, l := range p.left {
		if n == 0 {
			i.headline(len(p.keys) > 0, "Left alone:")
		}
		i.printf("%s", wrapped(l.Text, "  "))
	}
	i.showChanges(p.changes)
	for n, path := range p.copies {
		if n == 0 {
			i.headline(true, "Files that repeat these keys, to be deleted:")
		}
		i.printf("  %s\n", printable(i.tilde(path)))
	}
	for n, place := range p.shells {
		if n == 0 {
			i.headline(true, "Lines for you to delete, since start-up files are never edited:")
		}
		i.printf("  %s:%d\n", printable(i.tilde(place.File)), place.Line)
	}
	if p.environ {
		i.headline(true, "The environment beats every AWS profile. Type, or begin a new shell:")
		i.printf("  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN\n")
	}
	for n, name := range p.rotate {
		if n == 0 {
			i.headline(len(p.keys)+len(p.left) > 0, "First rotation of:")
		}
		i.printf("  %s\n", name)
	}
	if p.manager != nil {
		i.headline(len(p.keys)+len(p.left)+len(p.rotate) > 0, "The service is registered with "+p.managers+", and begins when you log in.")
	}
	if p.nothing() {
		i.headline(len(p.left) > 0, "No access key to take in.")
		i.printf("  awskey add NAME  takes one in that stands nowhere yet\n")
	}
}

// headline begins a part of the plan, with an empty line after another part.
func (a *app) headline(after bool, text string) {
	if after {
		a.printf("\n")
	}
	a.printf("%s\n\n", text)
}

func (a *app) showChanges(changes []awsfiles.Change) {
	file := ""
	for _, c := range changes {
		if c.File != file {
			file = c.File
			a.headline(true, "In "+printable(a.tilde(file))+":")
		}
		if c.Old != "" {
			a.printf("  %s\n", a.colour(red, fmt.Sprintf("%4d - %s", c.Line, printable(c.Old))))
		}
		if c.New != "" || c.Old == "" {
			a.printf("  %s\n", strings.TrimRight(fmt.Sprintf("%4d + %s", c.Line, printable(c.New)), " "))
		}
	}
}

// tilde shortens the home in a text that begins with a path.
func (a *app) tilde(text string) string {
	if rest, ok := strings.CutPrefix(text, a.home()+string(filepath.Separator)); ok && a.home() != "" {
		return "~" + string(filepath.Separator) + rest
	}
	return text
}

// initDocument is the answer of init --json: what is to be done, or was.
type initDocument struct {
	DryRun    bool           `json:"dry_run"`
	Keys      []initKey      `json:"keys"`
	LeftAlone []leftAlone    `json:"left_alone"`
	Changes   []initChange   `json:"changes"`
	Delete    []string       `json:"delete"`
	Lines     []initLine     `json:"lines_for_you"`
	Rotations []initRotation `json:"rotations"`
	Service   string         `json:"service,omitempty"` // the manager that it is registered with
}

type initKey struct {
	Name        string   `json:"name"`
	AccessKeyID string   `json:"access_key_id"`
	UserARN     string   `json:"user_arn"`
	AWSProfiles []string `json:"aws_profiles"`
}

type initChange struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

type initLine struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

type initRotation struct {
	Key   string `json:"key"`
	Phase string `json:"phase,omitempty"`
	Hold  string `json:"hold,omitempty"`
}

// document is the plan, and what has come of it.
func (p *initPlan) document(dryRun bool) initDocument {
	d := initDocument{
		DryRun: dryRun, Keys: []initKey{}, LeftAlone: append([]leftAlone{}, p.left...), Changes: []initChange{},
		Delete: append([]string{}, p.copies...), Lines: []initLine{}, Rotations: []initRotation{}, Service: p.managers,
	}
	for _, m := range p.keys {
		d.Keys = append(d.Keys, initKey{m.name, m.key.AccessKeyID, m.user, m.profiles})
	}
	for _, c := range p.changes {
		d.Changes = append(d.Changes, initChange(c))
	}
	for _, l := range p.shells {
		d.Lines = append(d.Lines, initLine(l))
	}
	for _, name := range p.rotate {
		r := initRotation{Key: name}
		if at := slices.IndexFunc(p.begun, func(b rotationBegun) bool { return b.key == name }); at >= 0 {
			r.Phase, r.Hold = p.begun[at].phase, p.begun[at].hold
		}
		d.Rotations = append(d.Rotations, r)
	}
	return d
}
