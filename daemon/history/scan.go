package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
)

// scan hands every whole event to each, in order. Lines that are no event, or
// longer than maxLine, are passed over: a crash may leave half a line, and one
// bad line must not hide the others.
func scan(r io.Reader, each func(api.Event)) error {
	lines := bufio.NewReaderSize(r, maxLine+1)
	tooLong := false
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			tooLong = true // the rest of this line follows in the next rounds
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		if e, ok := decode(line); ok && !tooLong {
			each(e)
		}
		tooLong = false
		if err != nil {
			return nil
		}
	}
}

func decode(line []byte) (api.Event, bool) {
	var e api.Event
	if json.Unmarshal(line, &e) != nil || e.Event == "" || e.Time.IsZero() {
		return api.Event{}, false
	}
	return e, true
}

// sameName compares names of keys, which are unique without regard to case.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }
