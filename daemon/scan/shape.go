package scan

import (
	"encoding/base64"
	"strings"
)

const idLen, secretLen = 20, 40

func isBase32(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '2' && c <= '7' }
func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
func isBase64(c byte) bool { return isAlnum(c) || c == '+' || c == '/' }
func isWord(c byte) bool   { return isAlnum(c) || c == '_' }

// hasID says whether b begins with an id: AKIA and 16 of base32, or ASIA.
func hasID(b []byte) bool {
	if len(b) < idLen || !isFirst(b[0], b[1]) || b[2] != 'I' || b[3] != 'A' {
		return false
	}
	for _, c := range b[4:idLen] {
		if !isBase32(c) {
			return false
		}
	}
	return true
}

// madeUp are words of which people make an id that is none. EXAMPLE alone is
// enough: the ids of AWS's documentation end in it.
var madeUp = []string{"EXAMPLE", "ACCESS", "SECRET", "PLACEHOLDER", "REDACTED", "SAMPLE", "DUMMY", "REMOVED", "CHANGEME",
	"FAKE", "TEST", "YOUR", "KEYID", "KEY", "THIS", "NOTAREAL", "REAL", "HERE", "MOCK", "INVALID", "NOT", "VALUE"}

// walks are the orders in which keys are typed by who needs just some.
var walks = []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "234567", "QWERTYUIOPASDFGHJKLZXCVBNM"}

// isPlaceholder says whether an id stands for one: words, one or few letters again
// and again, alphabets. Of drawn ids less than one in 100,000 is such.
func isPlaceholder(id string) bool {
	tail, seen, walked, spelt := id[4:], map[byte]bool{}, 0, 0
	for i := range len(tail) {
		seen[tail[i]] = true
		if i > 0 && isStep(tail[i-1], tail[i]) {
			walked++
		}
	}
	for rest := tail; rest != ""; {
		n := 1
		for _, word := range madeUp {
			if strings.HasPrefix(rest, word) {
				n = max(n, len(word))
			}
		}
		if n > 1 {
			spelt += n
		}
		rest = rest[n:]
	}
	return len(seen) < 6 || walked > 7 || spelt > 6
}

// isStep says whether b comes after a in a walk, forth or back, or again.
func isStep(a, b byte) bool {
	if a == b {
		return true
	}
	for _, w := range walks {
		i, j := strings.IndexByte(w, a), strings.IndexByte(w, b)
		if i >= 0 && j >= 0 && (i-j == 1 || j-i == 1) {
			return true
		}
	}
	return false
}

// isSecret says whether 40 characters look drawn: letters of both cases and digits
// in no order. Hashes, paths, names in code and base64 of text do not. Of drawn
// secrets one in 500 is missed, and less where the name speaks for it.
func isSecret(s []byte, named bool) bool {
	var lower, upper, digit, changes, least = 0, 0, 0, 0, 15
	seen := map[byte]bool{}
	var before *int
	for _, c := range s {
		var kind *int
		switch {
		case c >= 'a' && c <= 'z':
			kind = &lower
		case c >= 'A' && c <= 'Z':
			kind = &upper
		case c >= '0' && c <= '9':
			kind = &digit
		default:
			continue // of a path as of a secret
		}
		seen[c] = true
		if *kind++; kind != before && before != nil {
			changes++
		}
		before = kind
	}
	if named {
		least, digit = 12, digit+1
	}
	return lower > 0 && upper > 0 && digit > 0 && changes >= least && len(seen) > 15 && !isText(s) &&
		!strings.Contains(string(s), "EXAMPLE")
}

// isText says whether s is base64 of what a person can read.
func isText(s []byte) bool {
	plain, err := base64.StdEncoding.AppendDecode(nil, s)
	for _, c := range plain {
		if c < ' ' && c != '\n' && c != '\t' || c > '~' {
			return false
		}
	}
	return err == nil
}

// looksDrawn says whether a run beside an id makes it a part of longer base64.
func looksDrawn(run []byte) bool {
	if len(run) < 12 {
		return false
	}
	var lower, upper bool
	for _, c := range run {
		lower, upper = lower || c >= 'a' && c <= 'z', upper || c >= 'A' && c <= 'Z'
	}
	return lower && upper
}

// isAWSName says whether a name is one of a secret of AWS, whatever its style:
// aws_secret_access_key, SecretAccessKey, AWS_SECRET, cloud.aws.secretKey.
func isAWSName(name string) bool {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
	if !strings.Contains(name, "secret") {
		return false
	}
	for _, whose := range []string{"aws", "amazon"} {
		if strings.Contains(name, whose) {
			return true
		}
	}
	return name == "secretaccesskey" || name == "s3secretaccesskey"
}
