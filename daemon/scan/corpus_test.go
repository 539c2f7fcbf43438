package scan

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// The corpus is made of templates, one file a kind, so that nothing in the
// repository looks like a live key to anybody's scanner. The marks in them are
// filled with keys that are drawn from a seed:
//
//	{{id}} {{temp}} {{secret}} {{lone}}  an access key id, a temporary one, the secret of that id, a secret without an id
//	{{id2}} {{secret2}}                  those of a second key, and so on
//	{{secret[:20]}} {{secret|url}}       a part of it; dressed, see wrappings
//	{{junk b64 64}} {{noise 9}} {{nul 9}} {{byte 7}} {{bom}}  what stands around them
//	{{base64}}…{{/base64}}               encoded as a whole; {{base64:64,2}} in lines of 64, each 2 blanks in
//
// An id that begins here is expected on this line, and with its secret where that
// stands in the same document.
//
//go:embed testdata/*.txtar
var templates embed.FS

// document is a file as people have it.
type document struct {
	kind, name string
	text       []byte
	want       []placement
}

// placement is an access key that stands in a document.
type placement struct {
	id, secret string // "" for a lone secret; "" where none stands beside the id
	line       int
}

var (
	fileMark = regexp.MustCompile(`(?m)^-- (.+) --\n`)
	mark     = regexp.MustCompile(`\{\{(/?)([a-z]+\d*[a-z]*)(?::([\d,]+))?(?:\[(\d*):(\d*)\])?(?:\|([a-z]+))?((?: [a-z0-9]+)*)\}\}`)
)

func corpus(t testing.TB, seed uint64) []document {
	t.Helper()
	files, err := templates.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var all []document
	for _, file := range files {
		data, err := templates.ReadFile(path.Join("testdata", file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.TrimSuffix(file.Name(), ".txtar")
		names := fileMark.FindAllSubmatchIndex(data, -1)
		for i, at := range names {
			end := len(data)
			if i+1 < len(names) {
				end = names[i+1][0]
			}
			d := document{kind: kind, name: string(data[at[2]:at[3]])}
			d.fill(t, string(data[at[1]:end]), seed)
			all = append(all, d)
		}
	}
	return all
}

// wrappings are the ways in which a secret is written.
var wrappings = map[string]func(string) string{
	"":    func(s string) string { return s },
	"url": url.QueryEscape,
	"urllower": func(s string) string {
		return strings.NewReplacer("/", "%2f", "+", "%2b").Replace(s)
	},
	"slash":   func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
	"unicode": func(s string) string { return strings.NewReplacer("/", `\u002F`, "+", `\u002b`).Replace(s) },
	"entity":  func(s string) string { return strings.NewReplacer("/", "&#x2F;", "+", "&#43;").Replace(s) },
	"reverse": func(s string) string { b := []byte(s); slices.Reverse(b); return string(b) },
}

// block is text with the ids that begin in it.
type block struct {
	open string
	arg  string
	text []byte
	ids  map[int]string // offset in text → the mark's name
}

func (d *document) fill(t testing.TB, template string, seed uint64) {
	t.Helper()
	random := newRandom(fmt.Sprint(d.kind, "/", d.name, "/", seed))
	drawn := map[string]string{}
	draw := func(name string) string {
		if drawn[name] == "" {
			switch strings.TrimRight(name, "0123456789") {
			case "id":
				drawn[name] = "AKIA" + random.of(base32, 16)
			case "temp":
				drawn[name] = "ASIA" + random.of(base32, 16)
			default:
				drawn[name] = random.secret()
			}
		}
		return drawn[name]
	}
	stack := []*block{{ids: map[int]string{}}}
	last := 0
	for _, m := range mark.FindAllStringSubmatchIndex(template, -1) {
		top := stack[len(stack)-1]
		top.text = append(top.text, template[last:m[0]]...)
		last = m[1]
		sub := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return template[m[2*i]:m[2*i+1]]
		}
		name, args := sub(2), strings.Fields(sub(7))
		switch base := strings.TrimRight(name, "0123456789"); {
		case sub(1) == "/":
			if len(stack) == 1 || top.open != name {
				t.Fatalf("%s: %s/%s is closed and was not opened", d.kind, d.name, name)
			}
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].append(encode(t, top))
		case slices.Contains([]string{"base64", "base64url", "utf16le", "utf16be", "utf16raw", "crlf"}, name):
			stack = append(stack, &block{open: name, arg: sub(3), ids: map[int]string{}})
		case slices.Contains([]string{"id", "temp", "secret", "lone"}, base):
			value := draw(name)
			from, to := 0, len(value)
			if sub(4) != "" {
				from, _ = strconv.Atoi(sub(4))
			}
			if sub(5) != "" {
				to, _ = strconv.Atoi(sub(5))
			}
			if begin := len(chop(top.text)) - from; base == "secret" {
			} else if from == 0 {
				top.ids[len(top.text)] = name
			} else if begin >= 0 && string(top.text[begin:begin+from]) == value[:from] {
				top.ids[begin] = name
			}
			top.text = append(top.text, wrappings[sub(6)](value[from:to])...)
		default:
			top.text = append(top.text, random.junk(t, name, args)...)
		}
	}
	if len(stack) != 1 {
		t.Fatalf("%s: %s is not closed", d.kind, d.name)
	}
	whole := stack[0]
	d.text = append(whole.text, template[last:]...)
	if bytes.Contains(d.text, []byte("{{/")) || bytes.Contains(d.text, []byte("{{id")) || bytes.Contains(d.text, []byte("{{secret")) {
		t.Fatalf("%s: a mark is left in %s", d.kind, d.name)
	}
	for _, at := range slices.Sorted(maps.Keys(whole.ids)) {
		name := whole.ids[at]
		p := placement{id: drawn[name], line: 1 + bytes.Count(d.text[:at], []byte("\n"))}
		if strings.HasPrefix(name, "lone") {
			p.id, p.secret = "", drawn[name]
		} else {
			p.secret = drawn["secret"+strings.TrimLeft(name, "idtemp")]
		}
		d.want = append(d.want, p)
	}
}

// chop leaves off what joins two parts of a string: an id is expected where its
// first part stands.
func chop(text []byte) []byte { return bytes.TrimRight(text, "\"'+. \\\n\t") }

func (p *block) append(text []byte, ids map[int]string) {
	for at, name := range ids {
		p.ids[len(p.text)+at] = name
	}
	p.text = append(p.text, text...)
}

// encode is the text of a block and where its ids stand in that.
func encode(t testing.TB, p *block) ([]byte, map[int]string) {
	t.Helper()
	var out []byte
	var at func(int) int
	switch p.open {
	case "base64", "base64url":
		coding := base64.StdEncoding
		if p.open == "base64url" {
			coding = base64.RawURLEncoding
		}
		flat := coding.AppendEncode(nil, p.text)
		out, at = flat, func(i int) int { return i / 3 * 4 }
		if width, indent := 0, 0; p.arg != "" {
			_, err := fmt.Sscanf(p.arg+",0", "%d,%d", &width, &indent)
			if err != nil {
				t.Fatal(err)
			}
			glue := "\n" + strings.Repeat(" ", indent)
			var lines [][]byte
			for line := range slices.Chunk(flat, width) {
				lines = append(lines, line)
			}
			out = bytes.Join(lines, []byte(glue))
			at = func(i int) int { i = i / 3 * 4; return i + i/width*len(glue) }
		}
	case "crlf":
		out = bytes.ReplaceAll(p.text, []byte("\n"), []byte("\r\n"))
		at = func(i int) int { return i + bytes.Count(p.text[:i], []byte("\n")) }
	default:
		little := p.open != "utf16be"
		wide := func(text []byte) []byte {
			var b []byte
			for _, u := range utf16.Encode([]rune(string(text))) {
				if little {
					b = append(b, byte(u), byte(u>>8))
				} else {
					b = append(b, byte(u>>8), byte(u))
				}
			}
			return b
		}
		first := "\ufeff"
		if p.open == "utf16raw" {
			first = ""
		}
		out = wide([]byte(first + string(p.text)))
		at = func(i int) int { return len(wide([]byte(first + string(p.text[:i])))) }
	}
	ids := map[int]string{}
	for i, name := range p.ids {
		ids[at(i)] = name
	}
	return out, ids
}

const (
	base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	hex    = "0123456789abcdef"
	alnum  = upper + lower + digits
	code64 = alnum + "+/"
)

// random draws what stands in documents, the same for the same seed.
type random struct{ *rand.Rand }

func newRandom(seed string) random {
	return random{rand.New(rand.NewChaCha8(sha256.Sum256([]byte(seed))))}
}

func (r random) of(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func (r random) secret() string { return r.of(code64, 40) }

func (r random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (r random) junk(t testing.TB, what string, args []string) string {
	t.Helper()
	number := func(i int) int {
		n, err := strconv.Atoi(args[i])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch what {
	case "bom":
		return "\ufeff"
	case "nul":
		return strings.Repeat("\x00", number(0))
	case "byte":
		return string([]byte{byte(number(0))})
	case "noise":
		return string(r.bytes(number(0)))
	case "junk":
		alphabet := map[string]string{"hex": hex, "b64": code64, "upper": upper, "alnum": alnum}[args[0]]
		return r.of(alphabet, number(1))
	}
	t.Fatalf("there is no mark {{%s}}", what)
	return ""
}

// TestTheCorpusIsLarge keeps the promise that the numbers rest on.
func TestTheCorpusIsLarge(t *testing.T) {
	kinds, placements := map[string]bool{}, 0
	for _, d := range corpus(t, 1) {
		if len(d.want) == 0 {
			t.Errorf("%s: no access key stands in %s", d.kind, d.name)
		}
		kinds[d.kind] = true
		placements += len(d.want)
	}
	alike := 0
	for _, l := range lookAlikes(1) {
		alike += l.n
	}
	t.Logf("%d placements in %d kinds of files, %d look-alikes", placements, len(kinds), alike)
	if len(kinds) < 30 || placements < 250 || alike < 2000 {
		t.Errorf("%d kinds, %d placements, %d look-alikes: some were lost", len(kinds), placements, alike)
	}
}
