package scan_test

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"text/template"
	"unicode/utf16"

	"github.com/rogpeppe/go-internal/txtar"
)

// A second corpus, written before the finder by somebody who did not see it, nor the
// first: access keys as people leave them, and what only looks like one.
// No key stands in the repository itself: each is made up when the tests run,
// from a generator whose seed is the file's name.

//go:embed testdata/second
var placements embed.FS

// A sample is one file of the corpus.
type sample struct {
	kind, name string
	data       []byte
	keys       []placed // all that are in it
}

// A placed access key is a label: what must be found, and where.
type placed struct {
	id, secret  string // empty: that half is not there
	first, last int    // lines; more than one where a wrapped block hides the id
}

// corpus reads the placements, a file of them a kind. Each draw has other keys.
func corpus(t testing.TB, draw uint64) []sample {
	t.Helper()
	entries, err := placements.ReadDir("testdata/second")
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	for _, e := range entries {
		raw, err := placements.ReadFile(path.Join("testdata/second", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.TrimSuffix(e.Name(), ".txtar")
		for _, f := range txtar.Parse(raw).Files {
			all = append(all, render(t, kind, f, draw))
		}
	}
	return all
}

// Marks around the place of an id, or of what hides one, while a sample is made.
const markBegin, markEnd = "\uE000", "\uE001"

func render(t testing.TB, kind string, f txtar.File, draw uint64) sample {
	t.Helper()
	words := strings.Fields(f.Name)
	s := sample{kind: kind, name: words[0]}
	made := map[string]*placed{}
	var order []string
	key := func(name string) *placed {
		k := made[name]
		if k == nil {
			k = &placed{}
			made[name] = k
			order = append(order, name)
		}
		return k
	}
	random := func(name, what string) *rand.Rand {
		h := fnv.New64a()
		fmt.Fprint(h, kind, "/", f.Name, " ", name, " ", what)
		return rand.New(rand.NewPCG(h.Sum64(), draw))
	}
	mark := func(name, text string) string { return markBegin + name + "\uE002" + text + markEnd }
	id := func(prefix string) func(string) string {
		return func(name string) string {
			k := key(name)
			k.id = prefix + letters(random(name, "id"), 16, base32Letters)
			return mark(name, k.id)
		}
	}
	hidden := func(encode func(string) string) func(string) string {
		return func(text string) string {
			plain, names := unmarked(text)
			encoded := encode(plain)
			for _, name := range names {
				encoded = mark(name, encoded)
			}
			return encoded
		}
	}
	funcs := template.FuncMap{
		"id": id("AKIA"), "sid": id("ASIA"),
		"secret": func(name string) string {
			k := key(name)
			k.secret = letters(random(name, "secret"), 40, base64Letters)
			return k.secret
		},
		"lone": func(name string) string {
			k := key(name)
			k.secret = letters(random(name, "secret"), 40, base64Letters)
			return mark(name, k.secret)
		},
		"base64": hidden(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
		"wrap": func(width int, text string) string {
			return hidden(func(s string) string {
				return strings.Join(chunks(base64.StdEncoding.EncodeToString([]byte(s)), width), "\n")
			})(text)
		},
		"urlencode": url.QueryEscape,
		"slashes":   func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
		"unicode":   func(s string) string { return strings.NewReplacer("/", `\u002f`, "+", `\u002B`).Replace(s) },
		"cut": func(s string, n int) string {
			if before, _, yes := strings.Cut(s, "\uE002"); yes {
				return s[:len(before)+len("\uE002")+n] + markEnd
			}
			return s[:n]
		},
		"rest": func(s string, n int) string {
			plain, _ := unmarked(s)
			return plain[n:]
		},
		// print without text/template's spaces between operands that are no strings.
		"print": func(parts ...string) string { return strings.Join(parts, "") },
	}
	tpl, err := template.New(f.Name).Delims("‹", "›").Funcs(funcs).Parse(string(f.Data))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := tpl.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	s.data = locate(out.String(), made)
	for _, name := range order {
		s.keys = append(s.keys, *made[name])
	}
	for _, how := range words[1:] {
		s.data = dressed(s.data, how)
	}
	return s
}

var marked = regexp.MustCompile("\uE000([a-z0-9]+)\uE002")

// unmarked returns a text without marks, and the names they had.
func unmarked(text string) (plain string, names []string) {
	for _, m := range marked.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return strings.ReplaceAll(marked.ReplaceAllString(text, ""), markEnd, ""), names
}

// locate takes the marks out and notes the lines where they were.
func locate(text string, made map[string]*placed) []byte {
	var out strings.Builder
	var open []string
	line := 1
	for text != "" {
		switch m := marked.FindStringSubmatchIndex(text); {
		case m != nil && m[0] == 0:
			name := text[m[2]:m[3]]
			open = append(open, name)
			if made[name].first == 0 {
				made[name].first = line
			}
			text = text[m[1]:]
		case strings.HasPrefix(text, markEnd):
			made[open[len(open)-1]].last = line
			open = open[:len(open)-1]
			text = text[len(markEnd):]
		default:
			if text[0] == '\n' {
				line++
			}
			out.WriteByte(text[0])
			text = text[1:]
		}
	}
	return []byte(out.String())
}

// dressed writes a text as some programs do.
func dressed(data []byte, how string) []byte {
	switch how {
	case "bom":
		return append([]byte("\xEF\xBB\xBF"), data...)
	case "crlf":
		return bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	case "cr":
		return bytes.ReplaceAll(data, []byte("\n"), []byte("\r"))
	case "utf16le", "utf16be":
		var order binary.AppendByteOrder = binary.LittleEndian
		if how == "utf16be" {
			order = binary.BigEndian
		}
		out := order.AppendUint16(nil, 0xFEFF)
		for _, u := range utf16.Encode([]rune(string(data))) {
			out = order.AppendUint16(out, u)
		}
		return out
	case "binary": // the lines of the label count its newlines only
		out := bytes.Repeat([]byte{0, 1, 2, 0xFF}, 300)
		out = append(out, data...)
		return append(out, bytes.Repeat([]byte{0, 0x80}, 300)...)
	default:
		panic("nobody knows how to write " + how)
	}
}

const (
	base32Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	hexLetters    = "0123456789abcdef"
)

var wordLetters = base64Letters[:62]

func letters(r *rand.Rand, n int, of string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[r.IntN(len(of))]
	}
	return string(b)
}

func chunks(s string, width int) (all []string) {
	for len(s) > width {
		all, s = append(all, s[:width]), s[width:]
	}
	return append(all, s)
}
