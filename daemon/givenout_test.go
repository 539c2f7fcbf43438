package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// What was given out is remembered over a restart, until it is taken in again.
func TestGivenOutIsRemembered(t *testing.T) {
	dir := t.TempDir()
	open := func() *givenOut {
		t.Helper()
		g, err := openGivenOut(dir)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := open()
	for _, id := range []string{"AKIAONE", "AKIATWO", "AKIAONE"} {
		if err := g.add(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := open().drop("AKIATWO"); err != nil {
		t.Fatal(err)
	}
	if g = open(); !g.has("AKIAONE") || g.has("AKIATWO") {
		t.Errorf("remembered: %q", g.list)
	}
	for n := range mostGivenOut + 5 {
		if err := g.add(fmt.Sprintf("AKIA%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	if g = open(); len(g.list) != mostGivenOut || g.has("AKIAONE") {
		t.Errorf("%d are remembered", len(g.list))
	}
	later := "AKIALATER 2031-01-01 from a newer awskeyd"
	if err := os.WriteFile(filepath.Join(dir, "given-out"), []byte("AKIAONE\n"+later+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if g = open(); !g.has("AKIALATER") || g.add("AKIALATER") != nil || g.drop("AKIAONE") != nil {
		t.Errorf("of a newer file %q is read", g.list)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "given-out")); err != nil || string(text) != later+"\n" {
		t.Errorf("of a newer file %q is left, %v", text, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := g.add("AKIALOST"); err == nil || g.has("AKIALOST") {
		t.Error("what could not be written is taken for remembered")
	}
	if err := os.MkdirAll(filepath.Join(dir, "given-out"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := openGivenOut(dir); err == nil {
		t.Error("what cannot be read is taken for nothing")
	}
}
