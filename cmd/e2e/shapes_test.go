//go:build linux

package e2e

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles/shapes"
	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// cliShapes are those for which the AWS CLIs are started in a run that is not
// thorough. Each start costs a second, and boto3, which reads the files by the same
// library, reads them all.
var cliShapes = []string{"windows", "name-with-slash", "same-key-in-both"}

// The AWS files of more than a hundred people go in and out again by the whole
// programs: each byte is where it should be, and every client of AWS signs with the
// right key before, between and after.
func TestShapesMoveInAndOut(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	h.onFailure(t)
	s := newAWS(t, awstest.Options{})
	h.configure(awsSettings(s), h.fileStore())
	h.start()
	words := keysOf(s)
	words["HELPER"] = filepath.Join(h.bin, "awskey-helper")
	clients := signers(t, h, s)
	all, err := shapes.All()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() string { // the store's key is derived only once
		if r := h.awskey("list"); r.exit != exitDone {
			return r.stderr
		}
		return ""
	})
	for _, shape := range all {
		t.Run(shape.Name, func(t *testing.T) {
			m := &shapeMove{t: t, h: h, aws: s, shape: shape, words: words}
			for _, c := range clients {
				if !c.slow || thorough || slices.Contains(cliShapes, shape.Name) {
					m.clients = append(m.clients, c)
				}
			}
			m.inAndOut()
		})
	}
}

// keysOf makes the keys of the shapes' people.
func keysOf(s *awstest.Server) shapes.Words {
	words := shapes.Words{}
	for _, who := range shapes.People {
		name := strings.ToLower(who)
		switch who {
		case "TEMP":
			session := s.IssueSession("alice", false, 12*time.Hour)
			words["TEMP"], words["TEMP SECRET"], words["TOKEN"] = session.ID, session.Secret, session.Token
			continue
		case "ROOT":
			name = awstest.Root
		default:
			s.CreateUser(name, "", awstest.Rotator())
		}
		words[who], words[who+" SECRET"] = s.IssueKey(name)
	}
	return words
}

// shapeMove is the way of one shape in and out.
type shapeMove struct {
	t       *testing.T
	h       *home
	aws     *awstest.Server
	shape   *shapes.Shape
	words   shapes.Words
	clients []signer
}

func (m *shapeMove) inAndOut() {
	m.t.Helper()
	for _, folder := range []string{".aws", "dotfiles"} {
		if err := os.RemoveAll(m.h.path(folder)); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := m.shape.Lay(m.h.dir, m.words); err != nil {
		m.t.Fatal(err)
	}
	profiles := m.profiles()
	before := m.before(profiles)

	said, _ := m.shape.File("in", m.words)
	shown := m.runs(strings.HasPrefix(said, "refused:"), "init", "--yes", "--no-rotate")
	again := strings.Count(strings.Join(strings.Fields(shown), " "), "stands here a second time; delete the line yourself")
	if want := len(standsStill.FindAllString(said, -1)); again != want {
		m.t.Errorf("init names %d lines that repeat a secret, and there are %d:\n%s", again, want, shown)
	}
	m.files("in")
	m.same(before, m.sign(profiles), "after init")

	refused, _ := m.shape.File("out", m.words)
	m.runs(strings.HasPrefix(refused, "refused:"), "eject", "--yes")
	m.files("out")
	m.same(before, m.sign(profiles), "after eject")
	if refused != "" { // then the keys are served still
		m.forget()
	}
}

// forget takes out of the store what eject left there.
func (m *shapeMove) forget() {
	m.t.Helper()
	status, err := ask(m.h, func(ctx context.Context, c *api.Client) (api.Status, error) { return c.Status(ctx) })
	if err != nil {
		m.t.Fatal(err)
	}
	for _, k := range status.Keys {
		m.runs(false, "remove", k.Name, "--force", "--yes")
	}
}

// standsStill is what a shape says of a secret in a line that stays.
var standsStill = regexp.MustCompile(`(?m)^the secret of \S+ still stands at .*:\d+$`)

func (m *shapeMove) runs(fails bool, args ...string) (shown string) {
	m.t.Helper()
	r := m.h.awskey(args...)
	if (r.exit != exitDone) != fails {
		m.t.Fatalf("awskey %s: exit %d\n%s%s", strings.Join(args, " "), r.exit, r.stdout, r.stderr)
	}
	for _, who := range shapes.People {
		if strings.Contains(r.stdout+r.stderr, m.words[who+" SECRET"]) {
			m.t.Errorf("awskey %s shows a secret", args[0])
		}
	}
	return r.stdout
}

// files holds both files against what the shape says of them.
func (m *shapeMove) files(step string) {
	m.t.Helper()
	for _, name := range []string{"config", "credentials"} {
		want, ok := m.shape.Want(name, step, m.words)
		got, err := os.ReadFile(m.h.path(".aws", name))
		if ok && err != nil || string(got) != want { // one that we made stays, empty
			m.t.Errorf("%s: %s is %v and\n%q\nand not\n%q", step, name, err, got, want)
		}
	}
}

var anyHeader = regexp.MustCompile(`(?m)^[\s\x{feff}]*\[\s*(?:profile\s+)?"?([^\]"]+?)"?\s*\]`)

// profiles are the AWS profiles that the files may be meant to have.
func (m *shapeMove) profiles() []string {
	names := map[string]bool{}
	for _, file := range []string{"config", "credentials"} {
		text, _ := m.shape.File(file, m.words)
		for _, match := range anyHeader.FindAllStringSubmatch(text, -1) {
			names[match[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// sign lets every client sign for every AWS profile, a slow one only for those that
// move.
func (m *shapeMove) sign(profiles []string) map[string]signed {
	all := map[string]signed{}
	for _, c := range m.clients {
		for _, profile := range profiles {
			if !c.slow || m.movedKey(profile) != "" {
				all[c.name+" for "+profile] = c.with(m.aws, profile)
			}
		}
	}
	return all
}

// before is sign for the files as they were. The AWS CLIs, which read them by the
// library under boto3, are taken to have signed as that did.
func (m *shapeMove) before(profiles []string) map[string]signed {
	quick := *m
	quick.clients = slices.DeleteFunc(slices.Clone(m.clients), func(c signer) bool { return c.slow })
	all := quick.sign(profiles)
	for _, c := range m.clients {
		for _, profile := range profiles {
			if c.slow && m.movedKey(profile) != "" {
				all[c.name+" for "+profile] = all["boto3 for "+profile]
			}
		}
	}
	return all
}

// movedKey is the access key id that moves from an AWS profile, "" for none.
func (m *shapeMove) movedKey(profile string) string {
	said, _ := m.shape.File("in", m.words)
	moved := regexp.MustCompile(`(?m)^moved ` + regexp.QuoteMeta(profile) + `, (\S+) at `).FindStringSubmatch(said)
	if moved == nil {
		return ""
	}
	return moved[1]
}

// same holds what AWS saw against what it saw before anything was changed. A client
// that had no key may have one now: the one that moved, and no other.
func (m *shapeMove) same(before, now map[string]signed, when string) {
	m.t.Helper()
	for who, was := range before {
		_, profile, _ := strings.Cut(who, " for ")
		switch is := now[who]; {
		case was.ids != "" && was != is:
			m.t.Errorf("%s, %s signed with %q (%v) and had with %q (%v)", when, who, is.ids, is.ok, was.ids, was.ok)
		case was.ids == "" && is.ids != "" && is.ids != m.movedKey(profile):
			m.t.Errorf("%s, %s signed with %q and had no key", when, who, is.ids)
		}
	}
}
