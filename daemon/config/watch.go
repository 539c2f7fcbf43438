package config

import (
	"context"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/awskeyd/awskeyd/daemon/filewatch"
)

// Watch calls onChange when a configuration file has come to say something
// else: with the new configuration, or with an error, upon which the last good
// one stays in force. A file that vanished is such an error, since an editor
// or a dotfile manager may be at work; the same bytes coming back end it. last
// is what is in force, nil for nothing; what changed since it was loaded is
// told at once.
//
// Watch returns when ctx ends; until then the caller's goroutine is its own.
// Calls of onChange follow each other. Where the system cannot tell of every change
// the files are read once a minute.
func Watch(ctx context.Context, paths Paths, last *Config, onChange func(*Config, error)) {
	w := watcher{paths: paths, onChange: onChange, first: last == nil}
	if last != nil {
		w.seen, w.good = last.prints, last.prints
	}
	filewatch.Watch(ctx, nil, w.folders, w.look)
}

type watcher struct {
	paths    Paths
	onChange func(*Config, error)
	first    bool      // nothing was told yet
	seen     [2]string // fingerprints at the last call of onChange
	good     [2]string // fingerprints of the last good configuration
}

// folders are those of every link and of the files themselves, links in the midst of
// a path included: whoever can change one of them changes the configuration.
func (w *watcher) folders() (folders []string) {
	for _, path := range []string{w.paths.User, w.paths.System} {
		if path != "" {
			folders = append(folders, toWatch(path)...)
		}
	}
	return folders
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
func (w *watcher) look() (well bool) {
	c, now, err := load(w.paths, time.Now())
	well = err == nil // what is wrong may be mended by a chmod, which is not heard of
	if now == w.seen && !w.first {
		return well
	}
	w.seen, w.first = now, false
	for i, path := range []string{w.paths.User, w.paths.System} {
		if w.good[i] != "" && now[i] == "" {
			w.onChange(nil, &Error{File: path, Text: "the file is gone; what it said stays in force until it is back or awskeyd is restarted"})
			return false
		}
	}
	if err == nil {
		w.good = now
	}
	w.onChange(c, err)
	return well
}
