package passphrase

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// What pinentry speaks: the Assuan protocol, lines of text. The client of
// another project that would have done (twpayne/go-pinentry) is not to be had
// through every module proxy, and this much of it is small. See the libassuan
// manual, "Server responses".
const (
	maxLine   = 1000 // bytes with their end: LINELENGTH of libassuan
	maxSecret = 2048 // bytes of an answer
	maxLines  = 1000 // of comments and status before one
)

// refusal is an error that the other side reports: a code of libgpg-error.
type refusal int

func (r refusal) Error() string { return fmt.Sprintf("it answers with error %d", int(r)) }

// The codes, without their source in the upper bits (gpg-error.h): canceled,
// not confirmed, fully canceled; timeout.
func (r refusal) canceled() bool {
	return r&0xffff == 99 || r&0xffff == 114 || r&0xffff == 198
}
func (r refusal) timeout() bool { return r&0xffff == 62 }

var (
	errGarbage = errors.New("it does not speak as pinentry does")
	errGone    = errors.New("it ended without an answer")
)

// talk is one conversation.
type talk struct {
	in  io.Writer
	out io.Reader

	buf   [maxLine]byte
	held  int // bytes in buf
	taken int // of them, those of the last line
}

// wipe forgets what was read. Lines must not be used after it.
func (t *talk) wipe() { clear(t.buf[:]); t.held, t.taken = 0, 0 }

// line returns the next line without its end, valid until the next call.
func (t *talk) line() ([]byte, error) {
	n := copy(t.buf[:], t.buf[t.taken:t.held])
	clear(t.buf[n:t.held])
	t.held, t.taken = n, 0
	for {
		if at := bytes.IndexByte(t.buf[:t.held], '\n'); at >= 0 {
			t.taken = at + 1
			return t.buf[:at], nil
		}
		if t.held == len(t.buf) {
			return nil, errGarbage
		}
		n, err := t.out.Read(t.buf[t.held:])
		t.held += n
		if n == 0 && err != nil {
			return nil, errGone
		}
	}
}

// ask sends a command and returns the data of the answer, appended to data.
func (t *talk) ask(command string, data []byte) ([]byte, error) {
	if _, err := io.WriteString(t.in, command+"\n"); err != nil {
		return data, errGone
	}
	return t.answer(data)
}

func (t *talk) answer(data []byte) ([]byte, error) {
	for range maxLines {
		line, err := t.line()
		if err != nil {
			return data, err
		}
		word, rest, _ := bytes.Cut(line, []byte(" "))
		switch string(word) {
		case "OK":
			return data, nil
		case "ERR":
			number, _, _ := bytes.Cut(rest, []byte(" "))
			code, err := strconv.ParseUint(string(number), 10, 32)
			if err != nil {
				return data, errGarbage
			}
			return data, refusal(code)
		case "D":
			if data, err = decode(data, rest); err != nil {
				return data, err
			}
		case "S", "#":
		default:
			if !bytes.HasPrefix(line, []byte("#")) {
				return data, errGarbage // an INQUIRE too: nothing of ours is to be asked for
			}
		}
	}
	return data, errGarbage
}

// decode appends what a line of data says; data does not grow beyond its room.
func decode(data, line []byte) ([]byte, error) {
	for len(line) > 0 {
		c, n := line[0], 1
		if c == '%' {
			if len(line) < 3 {
				return data, errGarbage
			}
			high, low := nibble(line[1]), nibble(line[2])
			if high > 15 || low > 15 {
				return data, errGarbage
			}
			c, n = high<<4|low, 3
		}
		if len(data) == cap(data) {
			return data, errGarbage
		}
		data, line = append(data, c), line[n:]
	}
	return data, nil
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// encode makes a text fit for a line of a command.
func encode(text string) string {
	var b bytes.Buffer
	for _, c := range []byte(text) {
		if c == '%' || c < ' ' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
