package config

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch calls onChange when a configuration file has come to say something
// else: with the new configuration, or with an error, upon which the last good
// one stays in force. A file that vanished is such an error, since an editor
// or a dotfile manager may be at work; the same bytes coming back end it. last
// is what is in force, nil for nothing; what changed since it was loaded is
// told at once.
//
// Watch returns when ctx ends; until then the caller's goroutine is its own.
// Calls of onChange follow each other. Where the system cannot tell of changes
// the files are read once a minute.
func Watch(ctx context.Context, paths Paths, last *Config, onChange func(*Config, error)) {
	w := watcher{paths: paths, onChange: onChange, debounce: 200 * time.Millisecond, reread: time.Minute}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		notify = nil // no descriptors or watches left: the rereading is the net
	}
	w.run(ctx, last, notify)
}

type watcher struct {
	paths    Paths
	onChange func(*Config, error)
	debounce time.Duration
	reread   time.Duration

	seen [2]string // fingerprints at the last call of onChange
	good [2]string // fingerprints of the last good configuration
}

// longest is how often the debounce may be put off by another event.
const longest = 10

func (w *watcher) run(ctx context.Context, last *Config, notify *fsnotify.Watcher) {
	changed := make(chan struct{}, 1)
	if notify != nil {
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			drain(notify, changed)
		}()
		defer func() {
			notify.Close()
			<-drained
		}()
	}
	if last != nil {
		w.seen, w.good = last.prints, last.prints
	}
	reread := time.NewTicker(w.reread)
	defer reread.Stop()
	for first := last == nil; ; first = false {
		// The watches first: what changes after them is told, what changed
		// before is read.
		w.arm(notify)
		w.look(first)
		select {
		case <-ctx.Done():
			return
		case <-reread.C:
		case <-changed:
			if !w.settle(ctx, changed) {
				return
			}
		}
	}
}

// settle waits until the events pause, though not for ever: an editor's save
// is several, and a folder may never be quiet.
func (w *watcher) settle(ctx context.Context, changed <-chan struct{}) bool {
	for range longest {
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		case <-time.After(w.debounce):
			return true
		}
	}
	return true
}

// drain keeps the events flowing: fsnotify blocks otherwise, and then so does
// whoever adds a watch.
func drain(notify *fsnotify.Watcher, changed chan<- struct{}) {
	for {
		select {
		case e, open := <-notify.Events:
			if !open {
				return
			}
			if e.Op == fsnotify.Chmod { // indexers and backups make many
				continue
			}
		case _, open := <-notify.Errors: // an overflow: events were lost
			if !open {
				return
			}
		}
		select {
		case changed <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// arm watches the folder of every link and of the file itself, never the
// file: a watch on it would die with the first rename over it, and one on a
// link's folder alone tells nothing of the link's target.
func (w *watcher) arm(notify *fsnotify.Watcher) {
	if notify == nil {
		return
	}
	var folders []string
	for _, path := range []string{w.paths.User, w.paths.System} {
		if path != "" {
			folders = append(folders, toWatch(path)...)
		}
	}
	for _, old := range notify.WatchList() {
		if !slices.Contains(folders, old) {
			notify.Remove(old)
		}
	}
	for _, folder := range folders {
		// Again each time: another folder may have taken the place. Without a
		// watch the rereading must do.
		_ = notify.Add(folder)
	}
}

func toWatch(path string) []string {
	steps, end, err := walk(path)
	if err == nil {
		end = filepath.Dir(end)
	}
	folders := []string{end} // or where the missing name will appear
	for _, s := range steps {
		if s.info.Mode()&fs.ModeSymlink != 0 {
			folders = append(folders, filepath.Dir(s.path))
		}
	}
	return folders
}

// look reads the files and tells what is new.
func (w *watcher) look(first bool) {
	c, now, err := load(w.paths, time.Now())
	if now == w.seen && !first {
		return
	}
	w.seen = now
	for i, path := range []string{w.paths.User, w.paths.System} {
		if w.good[i] != "" && now[i] == "" {
			w.onChange(nil, &Error{File: path, Text: "the file is gone; what it said stays in force until it is back or awskeyd is restarted"})
			return
		}
	}
	if err == nil {
		w.good = now
	}
	w.onChange(c, err)
}
