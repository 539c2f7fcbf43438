package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// kept reads a keychain of testdata: what the first version of the format wrote, at
// rest and at each step of a move. They are never made anew: every later awskeyd
// must read what lies in a keychain since then. A new format adds a folder.
func kept(t *testing.T, name string) *storetest.Faulty {
	t.Helper()
	f := storetest.NewFaulty()
	files, err := filepath.Glob(filepath.Join("testdata", "v1", name, "*.[ab]"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is nothing in testdata of %s, %v", name, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		f.Poke(filepath.Base(file), data)
	}
	return f
}

// keeper is who wrote them, as far as it matters: on the same machine.
func keeper(f *storetest.Faulty) *store.Store {
	return store.New(f, store.Identity{Machine: "0123456789abcdef", Instance: "now"})
}

const keptWork = "{\"second\":\"two lines\nof it\"}"

func TestRecordsOfTheFirstVersionAreRead(t *testing.T) {
	for _, name := range []string{"still", "arrived"} {
		f := kept(t, name)
		s := keeper(f)
		names, err := s.Names(ctx)
		must(t, err)
		if !slices.Equal(names, []string{"ci-robot", "Work"}) {
			t.Fatalf("%s names %q", name, names)
		}
		load(t, s, "ci-robot", "other", true)
		r := load(t, s, "work", keptWork, true)
		if r.Name != "Work" || r.Machine != "0123456789abcdef" || r.Instance != "fedcba9876543210" || r.Foreign {
			t.Errorf("%s: %+v", name, r)
		}
		must(t, s.Save(ctx, "work", []byte("written on")))
		must(t, s.Rename(ctx, "work", "job"))
		must(t, s.Remove(ctx, "ci-robot"))
		load(t, keeper(f), "job", "written on", true)
		for _, item := range f.List() { // what is written is of the present version, whatever was there
			if data, _ := f.Peek(item); !strings.HasPrefix(string(data), "awskeyd1 ") {
				t.Errorf("%s is not written anew: %.12q", item, data)
			}
		}
	}
}

// A move that the first version began is seen through, or undone.
func TestMovesOfTheFirstVersionAreRead(t *testing.T) {
	move := func(from, to *storetest.Faulty) store.Move {
		return store.Move{From: keeper(from), FromName: "file", To: keeper(to), ToName: "secret-service"}
	}
	t.Run("before the switch", func(t *testing.T) {
		from := kept(t, "moving")
		s := keeper(from)
		_, err := s.Names(ctx)
		must(t, err)
		load(t, s, "work", keptWork, true)
		must(t, s.Save(ctx, "work", []byte("it stays")))
		if at := s.Mark(); at != (store.Mark{Stage: store.Clearing, Other: "secret-service"}) {
			t.Errorf("%+v", at)
		}
		var away *store.Elsewhere
		if _, err := keeper(kept(t, "filling")).Names(ctx); !errors.As(err, &away) || away.Store != "file" || !away.Copy {
			t.Errorf("the copy: %v", err)
		}
	})
	for _, to := range []string{"filling", "clearing"} {
		t.Run("after it, "+to, func(t *testing.T) {
			from, to := kept(t, "moved"), kept(t, to)
			m := move(from, to)
			must(t, m.Arrive(ctx))
			must(t, m.Clear(ctx))
			load(t, keeper(to), "work", keptWork, true)
			if items := from.List(); !slices.Equal(items, []string{"_index1.a", "_index1.b"}) {
				t.Errorf("left are %q", items)
			}
		})
	}
	var away *store.Elsewhere
	if _, err := keeper(kept(t, "left")).Names(ctx); !errors.As(err, &away) || away.Store != "secret-service" {
		t.Errorf("what was left: %v", err)
	}
}
