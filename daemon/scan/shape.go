package scan

import (
	"bytes"
	"regexp"
	"strings"
)

// The shapes are those of IAM's unique ids and of what CreateAccessKey answers;
// AWS documents the prefixes (IAM reference, reference_identifiers) and neither
// alphabet nor length, which have not changed since 2006.
const (
	idLen     = 20
	secretLen = 40

	longTerm  = "AKIA" // what an id begins with
	temporary = "ASIA"
)

func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return isUpper(c) || isLower(c) || isDigit(c) }
func isBase32(c byte) bool { return isUpper(c) || '2' <= c && c <= '7' }
func isBase64(c byte) bool { return base64Digits[c] }

var base64Digits = func() (is [256]bool) {
	for c := range 256 {
		is[c] = isLetter(byte(c)) || c == '+' || c == '/'
	}
	return is
}()

// placeholders are words that no id has by chance: one of five letters stands in
// one id of two million.
var placeholders = []string{"EXAMPLE", "XXXX", "SAMPLE", "PLACEHOLDER", "REPLACE", "CHANGEME", "YOUR", "FAKE", "DUMMY", "TEST", "REDACTED", "ACCESSKEY"}

// plausibleID reports whether what has an id's shape may be one that AWS made:
// at random, and so neither a word of a person nor a row of the alphabet.
func plausibleID(id string) bool {
	random := id[len(longTerm):]
	for _, p := range placeholders {
		if strings.Contains(random, p) {
			return false
		}
	}
	seen, row := map[byte]bool{}, 1
	for i := range len(random) {
		seen[random[i]] = true
		if i > 0 && random[i] == random[i-1]+1 {
			if row++; row >= 5 {
				return false
			}
		} else {
			row = 1
		}
	}
	return len(seen) >= 7
}

// capitalWord reports whether an id is likely to be words in capital letters,
// such as ASIAPACIFICSOUTHEAST: those have no digits, and vowels everywhere. One
// real id of two hundred is taken for that, if no secret stands by it.
func capitalWord(id string) bool {
	if strings.ContainsAny(id, "234567") {
		return false
	}
	run := 0
	for i := range len(id) {
		if run++; strings.IndexByte("AEIOUY", id[i]) >= 0 {
			run = 0
		} else if run > 4 {
			return false
		}
	}
	return true
}

// plausibleSecret reports whether what has a secret's shape is as random as one:
// no hash in hexadecimal, no path, no name.
func plausibleSecret(s []byte) bool {
	var seen [256]bool
	upper, lower, digits, distinct, words := 0, 0, 0, 0, 0
	for i, c := range s {
		if !seen[c] {
			seen[c] = true
			distinct++
		}
		switch {
		case isUpper(c):
			upper++
		case isDigit(c):
			digits++
		case isLower(c):
			lower++
			if i > 0 && isLower(s[i-1]) {
				words++ // six of them are usual, and two dozen in a path
			}
		}
	}
	return upper >= 4 && lower >= 4 && digits >= 1 && distinct >= 18 && words <= 20 && !bytes.Contains(s, []byte("EXAMPLE"))
}

var secretsName = regexp.MustCompile(`(?i)aws[\w. -]{0,24}secret|secret[_.-]?access[_.-]?key`)

// namesSecret reports whether a line speaks of a secret access key of AWS.
func namesSecret(line []byte) bool { return secretsName.Match(line) }
