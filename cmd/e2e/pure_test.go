package e2e

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// impureCalls read a clock of their own; imports alone do not tell.
var impureCalls = map[string][]string{
	"time":  {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"gronx": {"NextTick", "PrevTick"},
}

// impurities tells where a file looks at a clock or deals with goroutines.
func impurities(fset *token.FileSet, file *ast.File) []string {
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		var what string
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "starts a goroutine"
		case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			what = "deals with channels"
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(impureCalls[x.Name], n.Sel.Name) {
				what = "uses " + x.Name + "." + n.Sel.Name
			}
		}
		if what != "" {
			found = append(found, fmt.Sprintf("%s %s", fset.Position(n.Pos()), what))
		}
		return true
	})
	return found
}

// The state machine of a rotation is given the time and decides; what it may
// import is the matter of TestArrows.
func TestRotationIsPure(t *testing.T) {
	files, err := filepath.Glob("../../daemon/rotation/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no file of daemon/rotation was found (%v)", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range impurities(fset, file) {
			t.Errorf("%s; the time comes in by parameter, and the runner waits", found)
		}
	}
}

func TestImpuritiesAreFound(t *testing.T) {
	const planted = `package p
import "time"
func f(t time.Time, c chan int) time.Time {
	go f(t, c)
	c <- 1
	select {}
	_ = time.Since(t)
	return time.Now().Add(time.Second)
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "planted.go", planted, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, found := range impurities(fset, file) {
		var line, column int
		if _, err := fmt.Sscanf(found, "planted.go:%d:%d ", &line, &column); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if want := []int{3, 4, 5, 6, 7, 8}; !slices.Equal(lines, want) {
		t.Errorf("found in lines %v; planted in %v", lines, want)
	}
}
