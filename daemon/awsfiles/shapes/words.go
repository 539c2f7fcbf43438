package shapes

import (
	"regexp"
	"strings"
)

// Words are what stands in the shapes for keys, which a test may make at an
// emulator: <ALICE> for an access key id and <ALICE SECRET> for its secret. What
// an editor would change or not show has words of its own.
type Words map[string]string

// People have the keys of the shapes. TEMP's is temporary, ROOT's an account's.
var People = []string{"ALICE", "BOB", "CAROL", "DAVE", "TEMP", "ROOT"}

// Helper is the path in the shapes' lines of ours.
const Helper = "/usr/bin/awskey-helper"

// MadeUp are keys of the right form that nobody has.
func MadeUp() Words {
	return Words{
		"ALICE": "AKIAQ3ALICE7WORKKEY2", "ALICE SECRET": "alice/Made+Up0123456789abcdefghijklmnopq",
		"BOB": "AKIAQ3BOBS7OTHERKEY2", "BOB SECRET": "bob/Made+Up0123456789abcdefghijklmnopqrs",
		"CAROL": "AKIAQ3CAROLS5KEY2DEV", "CAROL SECRET": "carol/Made+Up0123456789abcdefghijklmnopq",
		"DAVE": "AKIAQ3DAVES7PRODKEY2", "DAVE SECRET": "dave/Made+Up0123456789abcdefghijklmnopqr",
		"TEMP": "ASIAQ3TEMPORARYKEY27", "TEMP SECRET": "temp/Made+Up0123456789abcdefghijklmnopqr",
		"ROOT": "AKIAQ3ROOTSACCESSKEY", "ROOT SECRET": "root/Made+Up0123456789abcdefghijklmnopqr",
		"HELPER": Helper,
	}
}

// fixed words are the same in every test.
var fixed = Words{
	"BOM": "\ufeff", "CR": "\r", "TAB": "\t", "SP": " ", "FC": "\xfc",
	"LONG":  strings.Repeat("abcdefghijklmnopqrstuvwxyz012345", 1<<11),
	"TOKEN": "IQoJb3JpZ2luX2VjEJr//////////wEaCWV1LXdlc3QtMSJHMEUCIQDnobodysToken==",
}

// end stands where a file ends without a line ending.
const end = "<EOF>\n"

var word = regexp.MustCompile(`<[A-Z ]+>`)

// Fill puts the words in.
func (w Words) Fill(text string) string {
	text = strings.TrimSuffix(text, end)
	return word.ReplaceAllStringFunc(text, func(s string) string {
		name := s[1 : len(s)-1]
		if value, ok := w[name]; ok {
			return value
		}
		if value, ok := fixed[name]; ok {
			return value
		}
		return s
	})
}

var lastSpace = regexp.MustCompile(`(?m) $`)

// Hide is the inverse of Fill, as far as a text is one of a shape.
func (w Words) Hide(text string) string {
	missing := !strings.HasSuffix(text, "\n")
	text = lastSpace.ReplaceAllString(text, "<SP>")
	for _, words := range []Words{fixed, w} {
		for name, value := range words {
			if name != "SP" {
				text = strings.ReplaceAll(text, value, "<"+name+">")
			}
		}
	}
	if missing {
		text += end
	}
	return text
}
