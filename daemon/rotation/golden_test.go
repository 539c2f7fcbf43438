package rotation

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The folder testdata holds records as each version wrote them, and the fields and
// words of that version. They are never made anew: every later awskeyd must read
// what lies in a keychain since then. A new version adds a folder.
func golden(version int) string { return filepath.Join("testdata", fmt.Sprintf("v%d", version)) }

func TestRecordsOfEveryVersionAreRead(t *testing.T) {
	for version := 1; version <= RecordVersion; version++ {
		files, err := filepath.Glob(filepath.Join(golden(version), "*.json"))
		if err != nil || len(files) < 8 {
			t.Fatalf("of version %d there are %d records in %s, %v", version, len(files), golden(version), err)
		}
		for _, file := range files {
			t.Run(fmt.Sprintf("v%d %s", version, filepath.Base(file)), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				data = bytes.TrimSuffix(data, []byte("\n"))
				r, err := Decode(data)
				if err != nil {
					t.Fatal(err)
				}
				if name := strings.TrimSuffix(filepath.Base(file), ".json"); !strings.HasPrefix(name, string(r.Phase)) {
					t.Errorf("it is read as %s", r.Phase)
				}
				written, err := Encode(r)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Contains(written, fmt.Appendf(nil, `{"v":%d,`, RecordVersion)) {
					t.Error("it is not written anew as the present version")
				}
				if version == RecordVersion && !bytes.Equal(written, data) {
					t.Errorf("it is written as\n%s\nand was\n%s", written, data)
				}
			})
		}
	}
}

// A field, a phase or a reason that an older program does not know must come with
// a new RecordVersion: without one that program calls the record damaged, and a
// person may overwrite it there.
func TestAChangedRecordHasANewVersion(t *testing.T) {
	var words []string
	var walk func(reflect.Type, string)
	walk = func(s reflect.Type, above string) {
		for i := range s.NumField() {
			field := s.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			of := field.Type
			if of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			words = append(words, fmt.Sprintf("field %s%s %s", above, name, of.Kind()))
			if of.Kind() == reflect.Struct {
				walk(of, above+name+".")
			}
		}
	}
	walk(reflect.TypeFor[wire](), "")
	for phase := range needs {
		words = append(words, "phase "+string(phase))
	}
	words = append(words, "phase "+string(Held))
	for code := range holds {
		words = append(words, "hold "+string(code))
	}
	for _, why := range []Why{Rotated, Leaked, Orphaned, NeverProved, Asked, Dropped} {
		words = append(words, "why "+string(why))
	}
	slices.Sort(words)
	file := filepath.Join(golden(RecordVersion), "words")
	want, err := os.ReadFile(file)
	if got := strings.Join(words, "\n") + "\n"; err != nil || got != string(want) {
		t.Errorf("a record is not what %s says (%v); raise RecordVersion and keep the old files. It is now:\n%s", file, err, got)
	}
}
