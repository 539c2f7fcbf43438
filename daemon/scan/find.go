// Package scan finds access keys that stand in texts: in files of any kind, and
// in the objects of a repository. Its tests hold it against a labelled corpus of
// access keys as people leave them and of what only looks like one.
//
// It must never show a secret, ask AWS, or change what it reads.
package scan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"

	"github.com/awskeyd/awskeyd/store/secret"
)

// Found is an access key that stands in a text.
type Found struct {
	AccessKeyID string       // empty: a secret by itself, which its name tells
	Line        int          // from 1: where the id begins, or a secret by itself
	Secret      secret.Value // that goes with the id; zero: none stands near it
	SecretLine  int          // 0: there is none
}

// Fingerprint tells this access key from others, and shows nothing of its secret.
func (f Found) Fingerprint() string {
	if f.AccessKeyID != "" {
		return f.AccessKeyID
	}
	sum := sha256.Sum256([]byte("awskey scan " + f.Secret.Reveal())) // 240 random bits: nobody guesses them from it
	return hex.EncodeToString(sum[:16])
}

// Allow is the mark that, anywhere on the line of an id or of its secret, keeps
// an access key from being told.
const Allow = "awskey:allow"

const (
	window  = 1 << 20  // bytes that are searched at once
	around  = 4 << 10  // bytes before and after an id in which its secret may stand
	longest = 64 << 10 // bytes in which ids that stand close together are looked at as one
)

// Text reads a text to its end and tells each access key in it, in the order of
// their places. Memory does not grow with the text. Bytes that are no text are
// searched like those that are; UTF-16 is understood where it begins with its
// byte-order mark.
//
// It fails with what r fails with, and with what found returns. Found has the
// secrets, and wipes them.
func Text(r io.Reader, found func(Found) error) error {
	r, err := plain(r)
	if err != nil {
		return err
	}
	s := searcher{line: 1, found: found}
	kept := buffers.Get().(*[window + 2*around]byte)
	defer buffers.Put(kept)
	buf := kept[:0]
	for told := 0; ; told = around {
		n, readErr := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		limit := len(buf)
		if readErr == nil {
			limit -= around // what begins there is told when its other half has been read
		}
		if err := s.search(buf, told, limit); err != nil {
			return err
		}
		switch readErr {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return readErr
		}
		rest := limit - around
		s.line += lines(buf[:rest])
		buf = buf[:copy(buf, buf[rest:])]
	}
}

// buffers are kept between texts: most are far smaller than a window.
var buffers = sync.Pool{New: func() any { return new([window + 2*around]byte) }}

// searcher goes through the windows of one text.
type searcher struct {
	line  int // of the window's first byte
	found func(Found) error
}

// search tells the access keys whose traces lie in buf[from:to].
func (s *searcher) search(buf []byte, from, to int) error {
	traces := newTraces(buf, from, to)
	base, line := 0, s.line // the line of buf[base]
	for {
		c, ok := traces.cluster()
		if !ok {
			return nil
		}
		start := max(0, c.from-around)
		if start > base {
			line += lines(buf[base:start])
			base = start
		}
		part := buf[start:min(len(buf), c.to+around)]
		lineOf := func(at int) int { return line + lines(buf[base:start+at]) }
		for _, k := range pairs(part, items(part)) {
			if at := start + k.at(); at < c.from-slack || at >= c.to || k.marked(part) {
				continue
			}
			f := Found{Line: lineOf(k.at())}
			if k.id != nil {
				f.AccessKeyID = k.id.text
			}
			if k.secret != nil {
				f.Secret, f.SecretLine = secret.New(k.secret.text), lineOf(k.secret.at)
			}
			if err := s.found(f); err != nil {
				return err
			}
		}
	}
}

// lines counts the ends of lines. Those of old Macs are single returns.
func lines(b []byte) int {
	if n := bytes.Count(b, []byte{'\n'}); n > 0 {
		return n
	}
	return bytes.Count(b, []byte{'\r'})
}

// plain turns UTF-16 into what can be searched: ASCII, and a byte that no key
// has in place of everything else.
func plain(r io.Reader) (io.Reader, error) {
	var mark [2]byte
	n, err := io.ReadFull(r, mark[:])
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return bytes.NewReader(mark[:n]), nil
	case err != nil:
		return nil, err
	case mark == [2]byte{0xFF, 0xFE}:
		return &units{r: r}, nil
	case mark == [2]byte{0xFE, 0xFF}:
		return &units{r: r, high: 1}, nil
	default:
		return io.MultiReader(bytes.NewReader(mark[:]), r), nil
	}
}

// units reads UTF-16. The byte at low of each pair is a letter, if the other is
// zero.
type units struct {
	r    io.Reader
	high int // 1: the high byte comes first
	buf  [32 << 10]byte
}

func (u *units) Read(p []byte) (int, error) {
	n, err := io.ReadFull(u.r, u.buf[:min(2*len(p), len(u.buf))])
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	for i := range n / 2 {
		low, high := u.buf[2*i+u.high], u.buf[2*i+1-u.high]
		if p[i] = low; high != 0 || low >= 0x80 {
			p[i] = '?'
		}
	}
	return n / 2, err
}
