// Package filewatch tells when files may have come to say something else: files
// that editors rename over, that are links into a repository of dotfiles, that do
// not exist yet.
//
// It must never watch a file itself, since a watch on it dies with the first rename
// over it (fsnotify/fsnotify#372), and never decide what a change is: whoever is
// told reads the files and compares.
package filewatch

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	debounce = 200 * time.Millisecond // an editor's save is several events
	reread   = time.Minute            // the net where no event comes: network homes, an overflow
	// longest is how often the debounce may be put off by another event: a folder
	// may never be quiet.
	longest = 10
)

// Watch calls look at once, soon after anything has changed in one of the folders,
// upon each nudge (nil for none), and once a minute. The folders are asked for again before each look, as links may
// have come to lead elsewhere. Watch returns when ctx ends; until then the caller's
// goroutine is its own, and calls of look follow each other.
func Watch(ctx context.Context, nudge <-chan struct{}, folders func() []string, look func()) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		notify = nil // no descriptors or watches left: the rereading is the net
	}
	watch(ctx, nudge, folders, look, notify)
}

func watch(ctx context.Context, nudge <-chan struct{}, folders func() []string, look func(), notify *fsnotify.Watcher) {
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
	again := time.NewTicker(reread)
	defer again.Stop()
	for {
		// The watches first: what changes after them is told, what changed
		// before is read.
		arm(notify, folders)
		look()
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		case <-nudge:
		case <-changed:
			if !settle(ctx, changed) {
				return
			}
		}
	}
}

// settle waits until the events pause, though not for ever.
func settle(ctx context.Context, changed <-chan struct{}) bool {
	for range longest {
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		case <-time.After(debounce):
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

func arm(notify *fsnotify.Watcher, folders func() []string) {
	if notify == nil {
		return
	}
	now := folders()
	for _, old := range notify.WatchList() {
		if !slices.Contains(now, old) {
			notify.Remove(old)
		}
	}
	for _, folder := range now {
		// Again each time: another folder may have taken the place. Without a
		// watch the rereading must do.
		_ = notify.Add(folder)
	}
}

// Folders are those to watch for a file: its own, that of each link on the way to
// it, and where one does not exist the nearest folder above it that does.
func Folders(path string) []string {
	var list []string
	// The kernel's own limit on Linux is 40 links (path_resolution(7)).
	for range 40 {
		folder := filepath.Dir(path)
		real, err := filepath.EvalSymlinks(folder)
		for err != nil && filepath.Dir(folder) != folder {
			folder = filepath.Dir(folder)
			real, err = filepath.EvalSymlinks(folder)
		}
		if err != nil {
			return list
		}
		if !slices.Contains(list, real) {
			list = append(list, real)
		}
		to, err := os.Readlink(filepath.Join(real, filepath.Base(path)))
		if err != nil {
			return list // no link, or nothing there
		}
		if !filepath.IsAbs(to) {
			to = real + string(filepath.Separator) + to
		}
		path = to
	}
	return list
}
