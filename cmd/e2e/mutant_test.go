//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// hasty is what takes the place of the gates before a deactivation: none.
const hasty = `{
	if r.Victim.Decided {
		return deactivate(r, m, s, n)
	}
	return decided(r)
}`

// A build that deactivates the old key at the switch is found out by the very
// test that the true one passes.
func TestADeactivationAtTheSwitchIsNoticed(t *testing.T) {
	t.Parallel()
	bin := must(t)(build("0", "-overlay", overlay(t, "daemon/rotation/ending.go", "decideDraining", hasty)))
	h := newHome(t, bin)
	h.onFailure(t)
	e := play{keys: []string{"work"}, rotations: 6, tillFirst: true, limit: 2 * time.Minute}.run(t, h, h.fileStore())
	e.report(t)
	if len(e.refused) == 0 {
		t.Error("nobody was refused")
	}
	for _, flaw := range e.flaws() {
		t.Log("found: ", flaw)
	}
}

// overlay writes a file for go build -overlay that gives one function of a
// source file another body.
func overlay(t *testing.T, file, function, body string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../..", file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := replaceBody(source, function, body)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	dir := t.TempDir()
	replacement, list := filepath.Join(dir, "replacement.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: replacement}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{replacement: changed, list: text} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func replaceBody(source []byte, function, body string) ([]byte, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == function {
			from, to := fset.Position(f.Body.Pos()).Offset, fset.Position(f.Body.End()).Offset
			return []byte(string(source[:from]) + body + string(source[to:])), nil
		}
	}
	return nil, fmt.Errorf("it has no function %s: the test's mutation must follow it", function)
}
