package main

import (
	"fmt"
	"regexp"
	"strings"
)

// page is one manual page in the making, in the macros of man(7).
type page struct {
	name, section string
	body          strings.Builder
}

// newPage begins with what whatis(1) reads.
func newPage(name, section, does string) *page {
	p := &page{name: name, section: section}
	p.heading("Name")
	p.line(escaped(name) + ` \- ` + escaped(does))
	return p
}

// unbroken keeps commands and names, of which the text is full, from being broken
// at a hyphen: the request holds until the next macro, which takes the register up.
const unbroken = ".nr HY 0\n.nh\n.ad l\n"

func (p *page) file() string { return p.name + "." + p.section }

func (p *page) bytes(date string) []byte {
	head := fmt.Sprintf(".TH %s %s %s awskeyd %s\n%s", quoted(strings.ToUpper(p.name)), p.section, quoted(date), quoted("awskeyd manual"), unbroken)
	return []byte(head + p.body.String())
}

func (p *page) line(text string) { p.body.WriteString(text + "\n") }

func (p *page) heading(text string) { p.line(".SH " + quoted(strings.ToUpper(text))) }

// sub begins a section of a section.
func (p *page) sub(text string) { p.line(".SS " + quoted(text)) }

// text writes paragraphs, which an empty line parts.
func (p *page) text(text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		p.line(".PP")
		p.flowing(paragraph)
	}
}

func (p *page) flowing(paragraph string) {
	for line := range strings.Lines(paragraph) {
		if line = strings.TrimSpace(line); line != "" {
			p.line(prose(line))
		}
	}
}

// term writes an entry of a list; its name is roff already.
func (p *page) term(name, text string) {
	p.line(".TP")
	p.line(name)
	p.flowing(text)
}

// code writes lines as they are, without what they have in common before them.
func (p *page) code(lines string) {
	p.line(".PP\n.RS 4\n.EX")
	for line := range strings.Lines(strings.TrimRight(lines, "\n")) {
		line = strings.TrimPrefix(strings.TrimRight(line, "\n"), "  ")
		p.line(escaped(line))
	}
	p.line(".EE\n.RE")
}

// escaped lets roff print a text as it is: no sign has a meaning of its own, and
// none is made a prettier one that cannot be copied and typed.
func escaped(text string) string {
	var b strings.Builder
	if strings.HasPrefix(text, ".") {
		b.WriteString(`\&`) // no request
	}
	for _, r := range text {
		switch r {
		case '\\':
			b.WriteString(`\e`)
		case '-':
			b.WriteString(`\-`)
		case '\'':
			b.WriteString(`\(aq`)
		case '`':
			b.WriteString(`\(ga`)
		case '^':
			b.WriteString(`\(ha`)
		case '~':
			b.WriteString(`\(ti`)
		case '"':
			b.WriteString(`\(dq`)
		case '…': // which a terminal of few letters does not have
			b.WriteString("...")
		default:
			if r > '~' {
				fmt.Fprintf(&b, `\[u%04X]`, r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// quoted is one argument of a macro.
func quoted(text string) string { return `"` + escaped(text) + `"` }

func bold(text string) string { return `\fB` + escaped(text) + `\fR` }

var (
	flags = regexp.MustCompile(`(^|[ (])(--[a-z][a-z-]*[a-z])`)
	names = regexp.MustCompile(`[A-Z][A-Z:]*|[^A-Z]+`)
)

// prose is escaped with its flags in bold.
func prose(text string) string {
	var b strings.Builder
	rest := text
	for at := flags.FindStringSubmatchIndex(rest); at != nil; at = flags.FindStringSubmatchIndex(rest) {
		if before := rest[:at[4]]; before != "" {
			b.WriteString(escaped(before))
		}
		b.WriteString(bold(rest[at[4]:at[5]]))
		rest = rest[at[5]:]
	}
	return b.String() + escaped(rest)
}

// typed is a command with what stands for something else in italics.
func typed(command string) string {
	var b strings.Builder
	for _, part := range names.FindAllString(command, -1) {
		if part[0] >= 'A' && part[0] <= 'Z' {
			b.WriteString(`\fI` + escaped(part) + `\fR`)
			continue
		}
		b.WriteString(bold(part))
	}
	return b.String()
}
