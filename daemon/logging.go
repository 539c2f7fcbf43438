package daemon

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// LogFile is the log's name in the state folder, where no journal keeps it.
const LogFile = "awskeyd.log"

// logMost bounds the log file in bytes; one older file is kept beside it.
const logMost = 1 << 20

// openLog makes the daemon's log. Under systemd it goes to standard error with
// journald's priorities (sd-daemon(3)); elsewhere to a file in the state
// folder, and to standard error as well when a person looks on.
func openLog(env func(string) string, stateDir string, stderr io.Writer, terminal, debug bool) (*slog.Logger, io.Closer, error) {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	if env("JOURNAL_STREAM") != "" {
		return slog.New(&journal{out: stderr, state: newJournalState(level)}), io.NopCloser(nil), nil
	}
	f := &logFile{path: filepath.Join(stateDir, LogFile)}
	if err := f.open(); err != nil {
		return nil, nil, err
	}
	var out io.Writer = f
	if terminal {
		out = io.MultiWriter(f, stderr)
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})), f, nil
}

// journal writes one line a record, led by <N>, journald's priority. The
// journal adds the time itself.
type journal struct {
	out   io.Writer
	state *journalState
	inner slog.Handler // with the attributes given so far; nil before any
}

// journalState is shared by all handlers derived from one.
type journalState struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	root slog.Handler
}

func newJournalState(level slog.Level) *journalState {
	s := &journalState{}
	s.root = slog.NewTextHandler(&s.buf, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}})
	return s
}

func (j *journal) handler() slog.Handler {
	if j.inner != nil {
		return j.inner
	}
	return j.state.root
}

func (j *journal) Enabled(ctx context.Context, l slog.Level) bool { return j.handler().Enabled(ctx, l) }

func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.out, j.state, j.handler().WithAttrs(attrs)}
}

func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.out, j.state, j.handler().WithGroup(name)}
}

func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	priority := "<7>"
	switch {
	case r.Level >= slog.LevelError:
		priority = "<3>"
	case r.Level >= slog.LevelWarn:
		priority = "<4>"
	case r.Level >= slog.LevelInfo:
		priority = "<6>"
	}
	s := j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf.Reset()
	s.buf.WriteString(priority)
	if err := j.handler().Handle(ctx, r); err != nil {
		return err
	}
	_, err := j.out.Write(s.buf.Bytes())
	return err
}

// logFile appends to a file and begins a new one when it has grown too large.
// A log that cannot be written never stops the daemon.
type logFile struct {
	path string

	mu   sync.Mutex
	f    *os.File
	size int64
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.f, l.size = f, info.Size()
	return nil
}

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil && l.size+int64(len(b)) > logMost {
		l.f.Close()
		l.f = nil
		if err := os.Rename(l.path, l.path+".1"); err != nil {
			return 0, err
		}
	}
	if l.f == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.Write(b)
	l.size += int64(n)
	return n, err
}

// Close closes the file.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}
