package scan

import "regexp"

// A view is a text in another form, with the place of each of its bytes.
type view struct {
	text []byte
	from []int
}

func (v *view) put(c byte, from int) {
	v.text = append(v.text, c)
	v.from = append(v.from, from)
}

func (v view) item(i, n int, id bool) item {
	return item{text: string(v.text[i:n]), at: v.from[i], to: v.from[n-1] + 1, id: id}
}

// escaped are the ways of writing the letters of a secret, and of what may stand
// beside it, in JSON and in addresses.
var escaped = []struct {
	text   string
	letter byte
}{
	{`\/`, '/'}, {`\u002f`, '/'}, {`\u002F`, '/'}, {`%2F`, '/'}, {`%2f`, '/'},
	{`\u002b`, '+'}, {`\u002B`, '+'}, {`%2B`, '+'}, {`%2b`, '+'},
	{`\"`, '"'}, {`\n`, '\n'}, {`\r`, '\n'}, {`\t`, '\t'},
}

// escapes is a text with its escaped letters as they are meant.
func escapes(text []byte) view {
	v := view{make([]byte, 0, len(text)), make([]int, 0, len(text))}
	for i := 0; i < len(text); {
		n, c := 1, text[i]
		if c == '\\' || c == '%' {
			for _, e := range escaped {
				if len(text)-i >= len(e.text) && string(text[i:i+len(e.text)]) == e.text {
					n, c = len(e.text), e.letter
					break
				}
			}
		}
		v.put(c, i)
		i += n
	}
	return v
}

// seam is where a string ends and its other half begins, in the languages of the
// corpus, or a line that goes on.
var seam = regexp.MustCompile("[\"'`][ \t]*[+.&]?[ \t]*[_\\\\]?[ \t]*\r?\n?[ \t]*[+.&]?[ \t]*[\"'`]" + `|\\\r?\n[ \t]*`)

// joined is a text without its seams.
func joined(text []byte) view {
	plain := escapes(text)
	v := view{make([]byte, 0, len(text)), make([]int, 0, len(text))}
	at := 0
	for _, s := range append(seam.FindAllIndex(plain.text, -1), []int{len(plain.text), len(plain.text)}) {
		v.text = append(v.text, plain.text[at:s[0]]...)
		v.from = append(v.from, plain.from[at:s[0]]...)
		at = s[1]
	}
	return v
}
