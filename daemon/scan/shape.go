package scan

import (
	"encoding/base64"
	"math/bits"
	"strings"
)

const idLen, secretLen = 20, 40

func isBase32(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '2' && c <= '7' }

// setOf is a set of bytes.
func setOf(s string) (set [256]bool) {
	for i := range len(s) {
		set[s[i]] = true
	}
	return set
}

const lettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var alnums, words, base64s, base64URLs = setOf(lettersAndDigits), setOf(lettersAndDigits + "_"), setOf(lettersAndDigits + "+/"), setOf(lettersAndDigits + "+/-_")

func isAlnum(c byte) bool     { return alnums[c] }
func isWord(c byte) bool      { return words[c] }
func isBase64(c byte) bool    { return base64s[c] }
func isBase64URL(c byte) bool { return base64URLs[c] }

// hasID says whether b begins with an id: AKIA and 16 of base32, or ASIA.
func hasID(b []byte) bool {
	if len(b) < idLen || string(b[:4]) != "AKIA" && string(b[:4]) != "ASIA" {
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
	"FAKE", "TEST", "YOUR", "KEYID", "KEY", "THIS", "NOTAREAL", "REAL", "HERE", "MOCK", "INVALID", "NOT", "VALUE", "REPLACE", "WITH"}

// walks are the orders in which keys are typed by who needs just some.
var walks = []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "234567", "QWERTYUIOPASDFGHJKLZXCVBNM"}

// common are the pairs of letters that most of English is made of.
const common = "TH HE IN ER AN RE ND ON EN AT OU ED HA TO OR IT IS HI ES NG ST AR TE SE ME VE AL NT TI AS LE IO IC EA UR CE DE"

// isProse says whether letters are words, as behind ASIA in a name of a region:
// five common pairs stand in them, where letters that are drawn have less than one.
func isProse(letters string) bool {
	n := 0
	for i := 1; i < len(letters); i++ {
		if letters[i] < 'A' {
			return false
		}
		if strings.Contains(common, letters[i-1:i+1]) {
			n++
		}
	}
	return n > 4
}

// steps are the letters that follow each other in a walk, forth or back.
var steps = func() map[[2]byte]bool {
	set := map[[2]byte]bool{}
	for _, w := range walks {
		for i := 1; i < len(w); i++ {
			set[[2]byte{w[i-1], w[i]}], set[[2]byte{w[i], w[i-1]}] = true, true
		}
	}
	return set
}()

// isPlaceholder says whether an id stands for one: words, one or few letters again
// and again, alphabets. Of drawn ids less than one in 20,000 is such.
func isPlaceholder(id string) bool {
	tail, seen, walked, spelt := id[4:], uint64(0), 0, 0
	for i := range len(tail) {
		seen |= 1 << (tail[i] - '2')
		if i > 0 && (tail[i] == tail[i-1] || steps[[2]byte{tail[i-1], tail[i]}]) {
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
	return id[1] == 'S' && isProse(tail) || bits.OnesCount64(seen) < 6 || walked > 9 || spelt > 6
}

// isSecret says whether 40 characters look drawn: letters of both cases, and
// digits, in no order. Hashes, paths, names in code and base64 of text do not. Of drawn
// secrets one in 2,000 is missed, and less where the name speaks for it.
func isSecret(s []byte, named bool) bool {
	var lower, upper, digit, changes, least = 0, 0, 0, 0, 14
	var seen [2]uint64
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
		seen[c>>6] |= 1 << (c & 63)
		if *kind++; kind != before && before != nil {
			changes++
		}
		before = kind
	}
	if named {
		least = 12
	} else if digit == 0 {
		least = 16
	}
	return lower > 0 && upper > 0 && changes >= least && bits.OnesCount64(seen[0])+bits.OnesCount64(seen[1]) > 15 && !isText(s) &&
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

var nameSeams = strings.NewReplacer("_", "", "-", "", ".", "")

// isAWSName says whether a name in lower case is one of a secret of AWS, whatever
// its style: aws_secret_access_key, SecretAccessKey, AWS_SECRET, cloud.aws.secretKey.
func isAWSName(name string) bool {
	name = nameSeams.Replace(name)
	if !strings.Contains(name, "aws") && !strings.Contains(name, "amazon") {
		return name == "secretaccesskey" || name == "s3secretaccesskey"
	}
	return strings.HasSuffix(name, "secret") || strings.Contains(name, "secretkey") || strings.Contains(name, "secretaccesskey")
}
