package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestRoutes holds the table against the Service interface (every method has
// one route, and asking it reaches that method), against what its comment
// says, and against the documents' own words.
func TestRoutes(t *testing.T) {
	var table []string
	for _, route := range routes() {
		events := make(chan Event)
		close(events)
		f := &fake{events: events}
		s := &server{svc: f, log: quiet(), stopping: make(chan struct{}), work: make(chan struct{}, 1)}
		s.mux = newMux(s)
		path := strings.NewReplacer("{profile}", "work", "{name}", "work").Replace(route.path)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(route.method, "http://localhost"+path, http.NoBody))
		calls := f.took()
		if w.Code != http.StatusOK || len(calls) != 1 {
			t.Errorf("%s %s: status %d, calls %q", route.method, path, w.Code, calls)
			continue
		}
		method, _, _ := strings.Cut(calls[0], "[")
		query := ""
		if method == "History" {
			query = "?key=&limit="
		}
		table = append(table, strings.Join([]string{route.method, route.path + query, method}, " "))
	}

	var methods, reached []string
	for m := range reflect.TypeFor[Service]().Methods() {
		methods = append(methods, m.Name)
	}
	for _, line := range table {
		reached = append(reached, strings.Fields(line)[2])
	}
	slices.Sort(reached)
	if !slices.Equal(methods, reached) {
		t.Errorf("methods of Service: %q\nmethods reached:    %q", methods, reached)
	}
	if documented := documentedRoutes(t); !slices.Equal(documented, table) {
		t.Errorf("the comment says\n%s\nthe table is\n%s", strings.Join(documented, "\n"), strings.Join(table, "\n"))
	}
}

// documentedRoutes reads the table in the comment of routes.
func documentedRoutes(t *testing.T) (lines []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "routes.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "routes" {
			for line := range strings.Lines(f.Doc.Text()) {
				if strings.Contains(line, "/v1/") {
					lines = append(lines, strings.Join(strings.Fields(line), " "))
				}
			}
		}
	}
	return lines
}
