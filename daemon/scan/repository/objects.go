package repository

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/awskeyd/awskeyd/daemon/scan"
)

// Objects reads every blob, commit and tag of the repository once, in as many
// children of git as workers, and tells what is found in each by its id. found is
// called by one goroutine at a time. read is told of each object's size.
func (r *Repo) Objects(ctx context.Context, workers int, read func(size int64), found func(object string, f scan.Found)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// In the order of the packs, some hundred at a time: git undoes deltas from
	// object to object, and each child is to stay near where it was.
	batches := make(chan string)
	var all sync.WaitGroup
	var one sync.Mutex
	all.Go(func() {
		defer close(batches)
		if err := r.stream(ctx, nil, func(out io.Reader) error { return split(ctx, out, batches) },
			"cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype)"); err != nil {
			stop(err)
		}
	})
	for range workers {
		all.Go(func() {
			in, feed := io.Pipe()
			var feeding sync.WaitGroup
			feeding.Go(func() {
				for b := range batches {
					if _, err := io.WriteString(feed, b); err != nil {
						break
					}
				}
				_ = feed.Close()
			})
			err := r.stream(ctx, in, func(out io.Reader) error {
				return contents(out, read, func(object string, f scan.Found) {
					one.Lock()
					defer one.Unlock()
					found(object, f)
				})
			}, "cat-file", "--batch", "--buffer")
			_ = in.Close()
			if err != nil {
				stop(err)
			}
			feeding.Wait()
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// split makes batches of the ids of what can hold a text.
func split(ctx context.Context, out io.Reader, batches chan<- string) error {
	const most = 256
	lines := bufio.NewScanner(out)
	var b strings.Builder
	n := 0
	send := func() error {
		if n == 0 {
			return nil
		}
		select {
		case batches <- b.String():
		case <-ctx.Done():
			return ctx.Err()
		}
		b.Reset()
		n = 0
		return nil
	}
	for lines.Scan() {
		object, kind, ok := strings.Cut(lines.Text(), " ")
		if !ok || kind == "tree" || !isObject(object) {
			continue
		}
		b.WriteString(object + "\n")
		if n++; n == most {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return send()
}

// contents reads what cat-file --batch prints.
func contents(out io.Reader, read func(int64), found func(object string, f scan.Found)) error {
	b := bufio.NewReaderSize(out, 256<<10)
	for {
		head, err := b.ReadString('\n')
		if err == io.EOF && head == "" {
			return nil
		}
		if err != nil {
			return fmt.Errorf("git cat-file: %w", err)
		}
		words := strings.Fields(head)
		if len(words) == 2 && (words[1] == "missing" || words[1] == "ambiguous") {
			continue // of a partial or damaged clone: what is not here cannot be read
		}
		if len(words) != 3 || !isObject(words[0]) {
			return errors.New("git cat-file answers what nobody understands")
		}
		size, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil || size < 0 {
			return errors.New("git cat-file answers what nobody understands")
		}
		body := &io.LimitedReader{R: b, N: size}
		text := io.Reader(body)
		if words[1] != "blob" {
			if text, err = message(body); err != nil {
				return err
			}
		}
		if err := scan.Text(text, func(f scan.Found) { found(words[0], f) }); err != nil {
			return err
		}
		if body.N > 0 {
			return fmt.Errorf("git cat-file: %w", io.ErrUnexpectedEOF)
		}
		if _, err := b.Discard(1); err != nil {
			return fmt.Errorf("git cat-file: %w", err)
		}
		read(size)
	}
}

// message is what a person wrote of a commit or tag, after its head.
func message(object io.Reader) (io.Reader, error) {
	b := bufio.NewReader(object)
	for {
		line, err := b.ReadString('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == io.EOF || line == "\n" {
			return b, nil
		}
	}
}

// isObject reports whether a word is the whole id of an object.
func isObject(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}
