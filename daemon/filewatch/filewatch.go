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
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	debounce = 200 * time.Millisecond // an editor's save is several events
	reread   = time.Minute            // where no event may come: network homes, no watches left; and while all is not well
	rarely   = 15 * time.Minute       // else: of folders that are mounted over, or whose parents are replaced, nobody tells
	// longest is how often the debounce may be put off by another event: a folder
	// may never be quiet.
	longest = 10
)

// Watch calls look at once, soon after anything has changed in one of the folders,
// upon each nudge (nil for none), and once a minute where the system cannot tell of
// every change or look has found that not all is well, else now and then. The folders are asked for again
// before each look, as links may have come to lead elsewhere. Watch returns when ctx
// ends; until then the caller's goroutine is its own, and calls of look follow each
// other.
func Watch(ctx context.Context, nudge <-chan struct{}, folders func() []string, look func() (well bool)) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		notify = nil // no descriptors or watches left: the rereading is the net
	}
	watch(ctx, nudge, folders, look, notify)
}

func watch(ctx context.Context, nudge <-chan struct{}, folders func() []string, look func() (well bool), notify *fsnotify.Watcher) {
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
	again := time.NewTimer(reread)
	defer again.Stop()
	for {
		// The watches first: what changes after them is told, what changed
		// before is read.
		heard := arm(notify, folders)
		again.Reset(pause(heard, look()))
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

// pause is how long nobody looks unless something is heard.
func pause(heard, well bool) time.Duration {
	if heard && well {
		return rarely
	}
	return reread
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

// arm watches the folders, and tells whether what is written in them will be heard of.
func arm(notify *fsnotify.Watcher, folders func() []string) (all bool) {
	if notify == nil {
		return false
	}
	now := folders()
	for _, old := range notify.WatchList() {
		if !slices.Contains(now, old) {
			notify.Remove(old)
		}
	}
	all = true
	for _, folder := range now {
		// Again each time: another folder may have taken the place. Without a
		// watch the rereading must do.
		if err := notify.Add(folder); err != nil || !tells(folder) {
			all = false
		}
	}
	return all
}

// maxLinks is the kernel's own limit on Linux (path_resolution(7)).
const maxLinks = 40

// Folders are those to watch for a file: its own, that of each link on the way to
// it, the links among its folders included, and where something on the way does not
// exist the folder that it will appear in.
func Folders(path string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil // the working folder is gone, and with it what the path means
	}
	root := filepath.VolumeName(path) + string(filepath.Separator)
	var list []string
	at, rest := root, names(path)
	for links := 0; len(rest) > 0 && links <= maxLinks; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if isLink := err == nil && info.Mode()&fs.ModeSymlink != 0; isLink || len(rest) == 0 || err != nil || !info.IsDir() {
			if !slices.Contains(list, at) {
				list = append(list, at)
			}
			to, err := os.Readlink(next)
			if err != nil {
				return list // the end of the way
			}
			if filepath.IsAbs(to) {
				at = root
			}
			links++
			rest = append(names(to), rest...)
			continue
		}
		at = next
	}
	return list
}

// names are the parts of a path below its volume. Dots stay, since they are meant
// from where a link has led.
func names(path string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(path[len(filepath.VolumeName(path)):], func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) }),
		func(name string) bool { return name == "." })
}
