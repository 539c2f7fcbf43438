package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func draw(seed uint64) (id, secret string) {
	r := rand.New(rand.NewPCG(seed, 7))
	return "AKIA" + letters(r, 16, base32Letters), letters(r, 40, base64Letters)
}

// TestAKeyIsToldOnce wherever it lies in the windows that are searched at once.
func TestAKeyIsToldOnce(t *testing.T) {
	id, secret := draw(1)
	lines := strings.Repeat("a line of no interest\n", (2*window+4*around)/22+2)
	for _, edge := range []int{0, around, window, window + around, window + 2*around, 2*window + 2*around} {
		for _, off := range []int{-4100, -4096, -4095, -100, -41, -21, -20, -4, -3, -1, 0, 1, 3, 5, 80, 4000} {
			at := edge + off
			if at < 0 || at > len(lines) {
				continue
			}
			text := lines[:at] + "\nid " + id + "\nsecret " + secret + "\n" + lines[at:]
			got := all(t, []byte(text))
			if len(got) != 1 || got[0].AccessKeyID != id || got[0].Secret.Reveal() != secret || got[0].Line != strings.Count(text[:at], "\n")+2 || got[0].SecretLine != got[0].Line+1 {
				t.Errorf("at %d%+d: %v", edge, off, got)
			}
		}
	}
}

func TestManyKeysInAFile(t *testing.T) {
	var b strings.Builder
	const keys = 8000
	for i := range keys {
		id, secret := draw(uint64(i))
		fmt.Fprintf(&b, "user%d,%s,%s\n", i, id, secret)
	}
	i := 0
	err := Text(strings.NewReader(b.String()), func(f Found) error {
		if id, secret := draw(uint64(f.Line - 1)); f.AccessKeyID != id || !f.Secret.IsZero() && f.Secret.Reveal() != secret {
			t.Fatalf("line %d: %v", f.Line, f)
		}
		f.Secret.Wipe()
		i++
		return nil
	})
	if err != nil || i < keys*999/1000 {
		t.Errorf("%d of %d, %v", i, keys, err)
	}
}

func TestAllowed(t *testing.T) {
	id, secret := draw(3)
	for _, text := range []string{
		"id = " + id + " # " + Allow + "\nsecret = " + secret + "\n",
		"id = " + id + "\nsecret = " + secret + " // " + Allow + "\n",
		"AWS_SECRET_ACCESS_KEY=" + secret + " # " + Allow + ": of the tests\n",
	} {
		if got := all(t, []byte(text)); len(got) != 0 {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := all(t, []byte("# "+Allow+"\nid = "+id+"\n")); len(got) != 1 {
		t.Errorf("the mark of another line: %v", got)
	}
}

func TestReadersThatFail(t *testing.T) {
	id, secret := draw(4)
	text := "id = " + id + "\nsecret = " + secret + "\n"
	broken := errors.New("the disk is broken")
	var got []Found
	err := Text(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), func(f Found) error { got = append(got, f); return nil })
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	enough := errors.New("enough")
	if err := Text(strings.NewReader(text+text), func(Found) error { return enough }); err != enough {
		t.Error(err)
	}
	for _, s := range corpus(t, 1) {
		var slow []Found
		if err := Text(iotest.OneByteReader(bytes.NewReader(s.data)), func(f Found) error { slow = append(slow, f); return nil }); err != nil {
			t.Fatal(err)
		}
		if fast := all(t, s.data); len(slow) != len(fast) || !slices.EqualFunc(slow, fast, func(a, b Found) bool {
			return a.AccessKeyID == b.AccessKeyID && a.Line == b.Line && a.Secret.Equal(b.Secret)
		}) {
			t.Errorf("%s/%s: byte by byte: %v, at once: %v", s.kind, s.name, slow, fast)
		}
	}
}

// FuzzText: no bytes make it fail, tell what is not there, or show a secret.
func FuzzText(f *testing.F) {
	for _, s := range corpus(f, 1) {
		f.Add(s.data)
	}
	f.Add([]byte("\xFF\xFEA\x00K"))
	f.Add([]byte("AKIA\"\\\n\"AKIA+'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Text(bytes.NewReader(data), func(k Found) error {
			if most := bytes.Count(data, []byte{'\n'}) + bytes.Count(data, []byte{'\r'}) + 1; k.Line < 1 || k.Line > most || k.SecretLine < 0 || k.SecretLine > most {
				t.Errorf("line %d and %d of %d", k.Line, k.SecretLine, most)
			}
			if (k.AccessKeyID == "") == k.Secret.IsZero() && k.AccessKeyID == "" || k.Secret.IsZero() != (k.SecretLine == 0) {
				t.Errorf("neither half: %v", k)
			}
			if k.AccessKeyID != "" && len(k.AccessKeyID) != idLen {
				t.Errorf("%q", k.AccessKeyID)
			}
			if s := k.Secret.Reveal(); s != "" && strings.Contains(fmt.Sprintf("%v %+v %#v", k, k, k), s) {
				t.Error("the secret is shown")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkText prints how long a search takes of the time of reading the same
// bytes once in search of one letter that is not there.
func BenchmarkText(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	source := strings.Repeat("func (s *server) secretOf(name string) (string, error) {\n\treturn s.store.Get(name)\n}\n", 1<<17)
	for _, c := range []struct{ name, text string }{
		{"source", source}, {"base64", letters(r, len(source), base64Letters)}, {"capitals", letters(r, len(source), base32Letters)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				if err := Text(strings.NewReader(c.text), func(Found) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
