// Package scan finds AWS access keys that stand in a text, in whatever dress: as
// they are, as base64, with escapes of JSON, URLs or HTML, split over two strings
// or lines, as UTF-16, or among the bytes of a program or an archive that is not
// compressed. A secret is told with the id it stands beside; alone only where its
// name says that it is AWS's.
//
// What documentation and people write in place of a key is let through, such as
// AKIAIOSFODNN7EXAMPLE. So is a key on a line that also holds the words
// awskey:allow, in whatever comment; of a secret beside an id, the id's line counts.
//
// It must never put a secret into anything but a [secret.Value], and never need
// more memory or time for hostile bytes than for others.
package scan

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/awskeyd/awskeyd/store/secret"
)

// Found is an access key that stands in a text.
type Found struct {
	AccessKeyID string       // "" for a secret that stands without an id
	Line        int          // of the id, or of a lone secret, from 1
	Secret      secret.Value // empty where none stands beside the id
	SecretLine  int          // 0 where there is no secret
}

const (
	window = 256 << 10
	reach  = 4 << 10 // nothing further from an id than this many bytes belongs to it
)

var windows = sync.Pool{New: func() any { return new([window + 2*reach]byte) }}

// Text reads one file or git object to its end, in memory that does not grow with
// it, and tells each access key in it, in the order of lines; an id once a line. It
// may be called by many goroutines at once. Its error is the reader's; what was
// read before that has been looked at.
func Text(r io.Reader, found func(Found)) error {
	whole := windows.Get().(*[window + 2*reach]byte)
	defer windows.Put(whole)
	text := finder{found: found, line: 1}
	have := 0
	for {
		n, err := io.ReadFull(r, whole[have:])
		have += n
		text.look(whole[:have], err != nil)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kept := copy(whole[:], whole[have-2*reach:have])
		text.forward(have - kept)
		have = kept
	}
}

// finder is where Text is in its input. Offsets are those of the window.
type finder struct {
	found func(Found)
	from  int // what stands before it has been told
	at    int // up to here the lines are counted
	line  int // that at stands on
	last  Found
}

// forward moves the window on by n bytes.
func (f *finder) forward(n int) { f.from, f.at = f.from-n, f.at-n }

// look tells what stands in the window, but for what the next one shows better.
func (f *finder) look(b []byte, last bool) {
	to := len(b)
	if !last {
		to -= reach
	}
	var all []piece
	for _, p := range places(b, max(0, f.from-reach)) {
		all = append(all, read(b, p)...)
	}
	for _, k := range pair(b, all) {
		if k.at >= f.from && k.at < to {
			f.tell(b, k)
		}
	}
	f.lineAt(b, to)
	f.from = to
}

func (f *finder) tell(b []byte, k key) {
	found := Found{AccessKeyID: k.id, Line: f.lineAt(b, k.at)}
	if found.AccessKeyID != "" && found.AccessKeyID == f.last.AccessKeyID && found.Line == f.last.Line {
		return
	}
	if allowed(b, k.at) {
		return
	}
	if k.secret != "" {
		found.Secret = secret.New(k.secret)
		found.SecretLine = found.Line + between(b, k.at, k.secretAt)
	}
	f.last = found
	f.found(found)
}

// lineAt is asked for offsets that never decrease.
func (f *finder) lineAt(b []byte, at int) int {
	if at > f.at {
		f.line += bytes.Count(b[f.at:at], newline)
		f.at = at
	}
	return f.line
}

// between is how many lines the second offset stands below the first.
func between(b []byte, first, second int) int {
	if second < first {
		return -bytes.Count(b[second:first], newline)
	}
	return bytes.Count(b[first:second], newline)
}

var (
	newline = []byte("\n")
	allow   = []byte("awskey:allow")
)

// allowed looks for the mark on the line, which is no part of a longer word.
func allowed(b []byte, at int) bool {
	line := b[max(0, at-reach):min(len(b), at+reach)]
	at = min(at, reach)
	if i := bytes.LastIndexByte(line[:at], '\n'); i >= 0 {
		line, at = line[i+1:], at-i-1
	}
	if i := bytes.IndexByte(line[at:], '\n'); i >= 0 {
		line = line[:at+i]
	}
	for {
		i := bytes.Index(line, allow)
		if i < 0 {
			return false
		}
		end := i + len(allow)
		if (i == 0 || !isWord(line[i-1])) && (end == len(line) || !isWord(line[end])) {
			return true
		}
		line = line[end:]
	}
}
