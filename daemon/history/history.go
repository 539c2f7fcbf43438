// Package history keeps the record of what happened to the keys: one JSON
// document a line, appended and never changed.
//
// It is evidence only. Nothing may be decided from it, and a caller whose
// Append fails must go on: serving and rotation do not depend on it. It must
// never hold a secret.
package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/awskeyd/awskeyd/daemon/api"
)

const (
	fileName = "history.jsonl"
	maxLine  = 16 << 10 // bytes of one line; an event is some hundred
	maxFile  = 1 << 20  // bytes, before the file is set aside
	kept     = 4        // files set aside, the oldest is dropped
	pending  = 64       // events a subscriber may lag behind
)

// History is the record in one folder. Safe for concurrent use within one
// process; only the daemon that holds the lock opens it.
type History struct {
	folder  string
	maxFile int64

	mu          sync.RWMutex // held for reading by Query, for writing by Append
	subscribers map[chan api.Event]func() bool
}

// Open names the folder, which is the state folder. Nothing is touched before
// the first event, so that a folder that cannot be written stops nobody.
func Open(folder string) *History {
	return &History{folder: folder, maxFile: maxFile, subscribers: map[chan api.Event]func() bool{}}
}

// Append adds one event and tells the subscribers, also when the writing
// failed. The error is for a log line; later events go on by themselves.
func (h *History) Append(e api.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, stop := range h.subscribers {
		select {
		case c <- e:
		default: // too slow: closing tells it that it misses events
			stop()
			h.drop(c)
		}
	}
	line, err := encode(e)
	if err == nil {
		err = h.write(line)
	}
	if err != nil {
		return fmt.Errorf("cannot write the history: %w", err)
	}
	return nil
}

func encode(e api.Event) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b) // ends with a newline
	to.SetEscapeHTML(false)
	if err := to.Encode(e); err != nil {
		return nil, err
	}
	if b.Len() > maxLine {
		return nil, fmt.Errorf("an event of %d bytes is longer than %d", b.Len(), maxLine)
	}
	return b.Bytes(), nil
}

// write opens the file anew each time: events are rare, and a file that was
// moved away or a disk that was full then heals by itself.
func (h *History) write(line []byte) error {
	if err := os.MkdirAll(h.folder, 0o700); err != nil {
		return err
	}
	h.rotate(int64(len(line)))
	f, err := os.OpenFile(h.path(0), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if torn(f) {
		line = append([]byte{'\n'}, line...)
	}
	_, err = f.Write(line) // a single write: no reader sees half a line of a living daemon
	return errors.Join(err, f.Close())
}

// torn reports whether the file ends in half a line, after a crash or a full
// disk. That half is lost, the event after it must not be.
func torn(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// rotate sets the file aside when it is full. A failure leaves a file longer
// than it should be, which the next event tries to mend.
func (h *History) rotate(more int64) {
	info, err := os.Stat(h.path(0))
	if err != nil || info.Size()+more <= h.maxFile {
		return
	}
	for n := kept; n > 0; n-- {
		if err := os.Rename(h.path(n-1), h.path(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}

// path names the file of today (0) or one set aside (1 is the newest).
func (h *History) path(n int) string {
	if n == 0 {
		return filepath.Join(h.folder, fileName)
	}
	return filepath.Join(h.folder, fmt.Sprintf("%s.%d", fileName, n))
}

// Query returns events in order of writing, of one key or of all (""), at most
// limit of the newest; 0 is all that are kept. What cannot be read as an event
// is passed over. Its memory is bounded by what is kept on disk.
func (h *History) Query(key string, limit int) ([]api.Event, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var found []api.Event
	for n := kept; n >= 0; n-- {
		f, err := os.Open(h.path(n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the history: %w", err)
		}
		// A file that grew beyond its size, because it could not be set aside,
		// is read from its newer end.
		err = skipTo(f, 2*h.maxFile)
		if err == nil {
			err = scan(f, func(e api.Event) {
				if key != "" && !sameName(e.Key, key) {
					return
				}
				found = append(found, e)
				if limit > 0 && len(found) >= 2*limit {
					found = append(found[:0], found[len(found)-limit:]...)
				}
			})
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("cannot read the history: %w", err)
		}
	}
	if limit > 0 && len(found) > limit {
		found = found[len(found)-limit:]
	}
	return found, nil
}

func skipTo(f *os.File, most int64) error {
	info, err := f.Stat()
	if err == nil && info.Size() > most {
		_, err = f.Seek(-most, io.SeekEnd)
	}
	return err
}

// Subscribe delivers the events from now on. The channel is closed when ctx
// ends, or when its reader lags more than some dozen events behind; whoever
// wants more then asks Query and subscribes again.
func (h *History) Subscribe(ctx context.Context) <-chan api.Event {
	c := make(chan api.Event, pending)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subscribers[c] = context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.drop(c)
	})
	return c
}

// drop closes a subscriber's channel once; mu is held.
func (h *History) drop(c chan api.Event) {
	if _, here := h.subscribers[c]; here {
		delete(h.subscribers, c)
		close(c)
	}
}
