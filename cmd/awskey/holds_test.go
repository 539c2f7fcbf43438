package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// everyHold is one hold of each code and, where its words differ, of each phase.
var everyHold = []rotation.Hold{
	{Code: rotation.SecondKey, Phase: rotation.Steady, ID: "AKIASTRANGER00009999"},
	{Code: rotation.UsedElsewhere, Phase: rotation.Draining, ID: oldID, About: "s3 in eu-west-1"},
	{Code: rotation.OrphanUsed, Phase: rotation.Creating, ID: oldID, About: "sts in us-east-1"},
	{Code: rotation.AuthFailures, Phase: rotation.Monitoring, ID: oldID, About: "the alarm failed-logins"},
	{Code: rotation.Reactivated, Phase: rotation.Deleting, ID: oldID},
	{Code: rotation.RolledBack, Phase: rotation.Proving, ID: newID},
	{Code: rotation.RolledBack, Phase: rotation.Draining, ID: oldID},
	{Code: rotation.CurrentDead, Phase: rotation.Draining, ID: oldID},
	{Code: rotation.NeverProves, Phase: rotation.Steady},
	{Code: rotation.NeverProves, Phase: rotation.Draining, ID: oldID, About: "the security token included in the request is invalid"},
	{Code: rotation.AccessDenied, Phase: rotation.Creating, About: "not authorized to perform iam:CreateAccessKey"},
	{Code: rotation.MFARequired, Phase: rotation.Steady, About: "not authorized to perform iam:ListAccessKeys with an explicit deny in an identity-based policy"},
	{Code: rotation.UserGone, Phase: rotation.Steady, About: "the user with name alice cannot be found"},
	{Code: rotation.ClockDoubt, Phase: rotation.Draining, ID: oldID, About: "2026-11-29T09:30:00Z"},
	{Code: rotation.StoreChanged, Phase: rotation.Steady, About: "another program wrote it"},
	{Code: rotation.Emptied, Phase: rotation.Steady},
	{Code: rotation.EndpointChanged, Phase: rotation.Steady, About: "http://127.0.0.1:4599"},
	{Code: rotation.OtherMachine, Phase: rotation.Steady},
}

const oldID = "AKIAIOSFODNN7OLDONE1"

// key is the service's document of a key that is held so.
func key(h rotation.Hold) api.Key {
	created := testNow.Add(-12 * 24 * time.Hour)
	k := api.Key{Name: "work", UserARN: goodARN, AccessKeyID: goodID, Phase: "held", CreatedAt: &created}
	r := rotation.Record{Current: rotation.Version{ID: goodID}, Hold: &h, Phase: rotation.Held}
	switch {
	case h.Phase == rotation.Proving:
		r.Next = &rotation.Version{ID: newID}
		k.Next = &api.Next{AccessKeyID: newID}
	case h.ID == oldID:
		k.Previous = &api.Previous{AccessKeyID: oldID, Status: "Active"}
		if h.Code == rotation.AuthFailures || h.Code == rotation.CurrentDead {
			k.Previous.Status = "Inactive"
		}
		if h.Code != rotation.OrphanUsed {
			r.Previous = &rotation.Version{ID: oldID}
		}
	}
	k.Hold = &api.Hold{Code: string(h.Code), Text: h.Text(), Choices: r.Choices(h), Phase: string(h.Phase)}
	return k
}

// TestEveryHoldReadsWell writes down what a person sees of each hold, in the
// service's own words. A change of those is read here before anybody else does.
func TestEveryHoldReadsWell(t *testing.T) {
	var all bytes.Buffer
	for _, h := range everyHold {
		f := ready()
		f.status.Keys = []api.Key{key(h)}
		status, resolve := output(t, f, "status", "work"), output(t, f, "resolve", "work")
		if !strings.HasSuffix(status, "\n\n"+resolve) {
			t.Errorf("status ends otherwise than resolve begins:\n%s\n%s", status, resolve)
		}
		all.WriteString("$ awskey status work\n" + status + "\n")
		for line := range strings.Lines(status) {
			if utf8.RuneCountInString(line) > columns+1 {
				t.Errorf("a line of more than %d columns: %s", columns, line)
			}
			for _, jargon := range []string{"version", "lease", "served", "victim", "drain", "slot"} {
				if strings.Contains(line, jargon) {
					t.Errorf("%q is no word for a person: %s", jargon, line)
				}
			}
		}
		for _, c := range key(h).Hold.Choices {
			if choice(key(h).Hold, c) == "" {
				t.Errorf("nothing tells what %s does to a hold %s", c, h.Code)
			}
		}
	}
	golden(t, "holds.golden", all.Bytes())
}

// output is what one command line prints; it must end well.
func output(t *testing.T, f *fake, args ...string) string {
	t.Helper()
	r, w, err := os.Pipe() // which holds more than any of them prints
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	code := <-newInside(t, f, null(t), w, w, nil).start(args...)
	w.Close()
	text, err := io.ReadAll(r)
	if code != 0 || err != nil {
		t.Fatalf("awskey %q: exit code %d, %v\n%s", args, code, err, text)
	}
	return string(text)
}

// TestNoHoldIsForgotten finds the codes in their source: a new one belongs into
// the list above.
func TestNoHoldIsForgotten(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../daemon/rotation/hold.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if name, isCode := typeName(spec); !ok || !isCode || name != "Code" {
			return true
		}
		for _, v := range spec.Values {
			code, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found++
			if !slices.ContainsFunc(everyHold, func(h rotation.Hold) bool { return string(h.Code) == code }) {
				t.Errorf("the hold %s is shown nowhere", code)
			}
		}
		return true
	})
	if found < 16 {
		t.Errorf("only %d codes were found", found)
	}
}

func typeName(spec *ast.ValueSpec) (string, bool) {
	if spec == nil {
		return "", false
	}
	id, ok := spec.Type.(*ast.Ident)
	if !ok {
		return "", false
	}
	return id.Name, true
}

// golden compares with what was written down, or writes it down with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		shown := filepath.Join(t.TempDir(), name)
		write(t, shown, string(got))
		diff, _ := exec.Command("diff", "-u", path, shown).CombinedOutput()
		t.Errorf("what is shown has changed; if it reads well, go test ./cmd/awskey -update writes it down\n%s", diff)
	}
}
