package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A slot of a record is one item of the keychain: a header line and the payload.
//
//	awskeyd1 NAME SLOT SEQ MACHINE INSTANCE SUM\n
//	payload
//
// SUM is the last field of the first line in every version of the format and
// covers all the rest, so that only a whole envelope of a newer version is
// taken for one, and a flipped bit in the version is damage like any other.
//
// What tells of a move to another store (see migrate.go) has the version 1m: a
// program that knows of none refuses it as newer and leaves it alone.
const (
	magic       = "awskeyd"
	version     = "1"
	versionMove = version + "m"

	idLength  = 32 // characters of machine and instance
	sumLength = 32 // hex characters of SHA-256: 128 bits against accidents, not against forgers
	seqLimit  = 1 << 62

	maxHeader = len(magic+version+" ") + maxName + len(" a ") + 20 + 1 + idLength + 1 + idLength + 1 + sumLength + 1
)

// MaxPayload is the largest payload of a record in bytes: what a header with
// the longest name, number and ids leaves of MaxRecord.
const MaxPayload = MaxRecord - maxHeader

const maxName = 64

type envelope struct {
	name     string // of the record, lower case
	slot     slot
	seq      uint64
	machine  string
	instance string
	payload  []byte
	move     bool // it tells of a move: a record that was moved, an index with a mark
}

// encode never fails for an envelope whose fields are valid; the caller has
// checked names, ids and size.
func (e envelope) encode() []byte {
	v := version
	if e.move {
		v = versionMove
	}
	head := strings.Join([]string{magic + v, e.name, e.slot.String(), strconv.FormatUint(e.seq, 10), e.machine, e.instance}, " ") + " "
	out := make([]byte, 0, len(head)+sumLength+1+len(e.payload))
	out = append(out, head...)
	out = append(out, sum([]byte(head), e.payload)...)
	out = append(out, '\n')
	return append(out, e.payload...)
}

func sum(head, payload []byte) string {
	h := sha256.New()
	h.Write(head)
	h.Write([]byte{'\n'})
	h.Write(payload)
	return hex.EncodeToString(h.Sum(nil))[:sumLength]
}

// decode takes any bytes and returns a copy of what they hold. Its errors wrap
// ErrDamaged or ErrNewer and never carry a byte of the payload.
func decode(data []byte) (envelope, error) {
	line, payload, ok := bytes.Cut(data, []byte{'\n'})
	if !bytes.HasPrefix(data, []byte(magic)) {
		return envelope{}, ErrStranger
	}
	at := bytes.LastIndexByte(line, ' ')
	if !ok || at < 0 || string(line[at+1:]) != sum(line[:at+1], payload) {
		return envelope{}, damaged("its checksum does not fit")
	}
	f := strings.Split(string(line[:at]), " ")
	v := strings.TrimPrefix(f[0], magic)
	if v != version && v != versionMove {
		return envelope{}, fmt.Errorf("%w (format %q)", ErrNewer, v)
	}
	if len(f) != 6 {
		return envelope{}, damaged("its header is not complete")
	}
	seq, err := strconv.ParseUint(f[3], 10, 64)
	if err != nil || seq == 0 || seq >= seqLimit || strconv.FormatUint(seq, 10) != f[3] {
		return envelope{}, damaged("its number is out of range")
	}
	sl, ok := parseSlot(f[2])
	if !ok || !recordName(f[1]) || !validID(f[4]) || !validID(f[5]) {
		return envelope{}, damaged("its header is not valid")
	}
	return envelope{f[1], sl, seq, f[4], f[5], bytes.Clone(payload), v == versionMove}, nil
}

func damaged(why string) error { return fmt.Errorf("%w: %s", ErrDamaged, why) }

// torn reports whether bytes that do not decode may be the beginning of an
// envelope of ours, rather than something of somebody else.
func torn(data []byte) bool {
	return bytes.HasPrefix(data, []byte(magic)) || bytes.HasPrefix([]byte(magic), data)
}

func validID(s string) bool {
	if s == "" || len(s) > idLength {
		return false
	}
	for _, c := range []byte(s) {
		if !alphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// shortID makes a header field of any text: the text itself where it fits, else
// a hash of it.
func shortID(s string) string {
	if validID(s) {
		return s
	}
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])[:idLength]
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// ValidName reports whether a text can be the name of a key:
// [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
func ValidName(s string) bool {
	if s == "" || len(s) > maxName || !alphanumeric(s[0]) {
		return false
	}
	for _, c := range []byte(s) {
		if !alphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// recordName is ValidName in lower case, or one of the store's own names, which
// begin with "_" so that no key can ever be called so.
func recordName(s string) bool {
	return strings.ToLower(s) == s && ValidName(strings.TrimPrefix(s, "_")) && len(s) <= maxName
}

func checkName(name string) error {
	if ValidName(name) {
		return nil
	}
	return errors.New("a name begins with a letter or digit and has at most 64 letters, digits, dots, dashes and underscores")
}
