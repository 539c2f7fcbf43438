package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store/failpoint"
)

// eachKind names the constants whose values complete a point of failpoint.Each:
// their type, in package rotation, and those that never come there.
var eachKinds = map[string]struct {
	kind   string
	except []string
}{
	"key.saving":   {kind: "Phase"},
	"key.saved":    {kind: "Phase"},
	"key.told":     {kind: "Phase"},
	"aws.asking":   {kind: "Verb", except: []string{"wait", "save", "reload", "note"}},
	"aws.answered": {kind: "Verb", except: []string{"wait", "save", "reload", "note"}},
}

// The list of all points says what the source says.
func TestEveryFailpointIsListed(t *testing.T) {
	kinds := constants(t, "../../daemon/rotation")
	called := map[string]string{}
	for _, c := range failpointCalls(t, "../..") {
		point, err := strconv.Unquote(c.point)
		if err != nil {
			t.Errorf("%s: the point's name is no constant", c.at)
			continue
		}
		points := []string{point}
		if c.function == "Each" {
			each, known := eachKinds[point]
			if !known || len(kinds[each.kind]) == 0 {
				t.Errorf("%s: eachKinds does not say what completes %s", c.at, point)
			}
			points = nil
			for _, kind := range kinds[each.kind] {
				if !slices.Contains(each.except, kind) {
					points = append(points, point+"."+kind)
				}
			}
		}
		for _, p := range points {
			if at, twice := called[p]; twice {
				t.Errorf("%s is called at %s and at %s: a test could not tell which it was", p, at, c.at)
			}
			called[p] = c.at
			if !slices.Contains(failpoint.All, p) {
				t.Errorf("%s: failpoint.All lacks %s", c.at, p)
			}
		}
	}
	for _, p := range failpoint.All {
		if called[p] == "" {
			t.Errorf("failpoint.All has %s, which is called nowhere", p)
		}
	}
	t.Logf("%d points", len(failpoint.All))
}

type failpointCall struct{ at, function, point string }

// failpointCalls finds every call in the source of the programs.
func failpointCalls(t *testing.T, root string) (calls []failpointCall) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "failpoint" || strings.HasPrefix(e.Name(), ".") && path != root):
			return filepath.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok {
				if x, ok := f.X.(*ast.Ident); ok && x.Name == "failpoint" && len(call.Args) > 0 {
					c := failpointCall{at: fset.Position(call.Pos()).String(), function: f.Sel.Name}
					if name, ok := call.Args[0].(*ast.BasicLit); ok {
						c.point = name.Value
					}
					calls = append(calls, c)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// constants are the values of a package's typed text constants, by type.
func constants(t *testing.T, dir string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			kind, ok := spec.Type.(*ast.Ident)
			text, isText := spec.Values[0].(*ast.BasicLit)
			if ok && isText && text.Kind == token.STRING {
				if value, err := strconv.Unquote(text.Value); err == nil {
					values[kind.Name] = append(values[kind.Name], value)
				}
			}
			return true
		})
	}
	return values
}
