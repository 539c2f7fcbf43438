package repository

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Place is where an object stands in the history: as a file, or, without a
// path, as the message of a commit or tag.
type Place struct {
	Object  string
	Path    string    // from the top, with slashes
	Commit  string    // the first that has it there
	Author  time.Time // of that one
	Last    string    // the last that has it there: a tip of a branch, if one has
	Present bool      // Last is a tip
	since   int       // Commit's rank, from the newest
	until   int       // that of the commit after Last
}

// Older reports whether p was there before q.
func (p *Place) Older(q *Place) bool { return p.since > q.since }

// Newer reports whether p was there after q.
func (p *Place) Newer(q *Place) bool { return p.until < q.until }

// Places tells where the given objects stand in the commits that a branch, tag,
// stash or HEAD reaches, the newest first. Objects that none reaches are not
// among them. under limits it to files below a path.
func (r *Repo) Places(ctx context.Context, objects map[string]bool, under string) ([]*Place, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	l := &log{wanted: objects, places: map[[2]string]*Place{}}
	args := []string{"log", "--all", "--topo-order", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv", "-c", "--format=" + header + "%H %P%x00%at"}
	stashes := r.stashes(ctx)
	args = append(append(args, stashes...), "--")
	if under != "" && under != "." {
		args = append(args, ":(top,literal)"+under)
	}
	if err := r.stream(ctx, nil, l.read, args...); err != nil {
		return nil, err
	}
	tips := append([]string{"HEAD"}, stashes...)
	err := r.stream(ctx, nil, func(out io.Reader) error {
		refs := bufio.NewScanner(out)
		for refs.Scan() {
			words := strings.Split(refs.Text(), " ")
			if len(words) != 3 {
				return errStrange
			}
			tips = append(tips, cmp.Or(words[1], words[0]))
			if objects[words[0]] && words[1] != "" && (under == "" || under == ".") { // the message of a tag
				at, _ := strconv.ParseInt(words[2], 10, 64)
				l.order = append(l.order, &Place{Object: words[0], Commit: words[1], Author: time.Unix(at, 0).UTC(), Last: words[1], Present: true})
			}
		}
		return refs.Err()
	}, "for-each-ref", "--format=%(objectname) %(*objectname) %(taggerdate:unix)")
	if err != nil {
		return nil, err
	}
	if err := r.tips(ctx, tips, l.order); err != nil {
		return nil, err
	}
	return l.order, nil
}

// stashes are the commits of all stashes: a ref names the newest alone.
func (r *Repo) stashes(ctx context.Context) []string {
	out, err := r.output(ctx, "log", "-g", "--format=%H", "refs/stash", "--")
	if err != nil { // there is none
		return nil
	}
	return strings.Fields(out)
}

// header begins what is said of a commit. A path comes only after its line of
// numbers, so that none can be taken for it.
const header = "\x01"

// log takes in what git log prints.
type log struct {
	wanted map[string]bool
	places map[[2]string]*Place // by object and path
	order  []*Place

	rank    int
	commit  string
	parents []string
	author  time.Time
}

func (l *log) read(out io.Reader) error {
	fields := bufio.NewScanner(out)
	fields.Buffer(make([]byte, 64<<10), 1<<20)
	fields.Split(untilZero)
	for fields.Scan() {
		f := strings.TrimPrefix(fields.Text(), "\n")
		switch {
		case f == "":
		case strings.HasPrefix(f, header):
			commit, parents, _ := strings.Cut(strings.TrimPrefix(f, header), " ")
			if !isObject(commit) || !fields.Scan() {
				return errStrange
			}
			at, err := strconv.ParseInt(fields.Text(), 10, 64)
			if err != nil {
				at = 0 // a date that no clock has shown
			}
			l.rank++
			l.commit, l.author = commit, time.Unix(at, 0).UTC()
			l.parents = strings.Fields(parents)
			if l.wanted[commit] {
				l.has(commit, "")
				p := l.places[[2]string{commit, ""}]
				p.Last, p.Present = commit, true
			}
		case strings.HasPrefix(f, ":"):
			if !fields.Scan() {
				return errStrange
			}
			if err := l.change(f, fields.Text()); err != nil {
				return err
			}
		default:
			return errStrange
		}
	}
	return fields.Err()
}

var errStrange = errors.New("git log answers what nobody understands")

// change is one file of a commit: ":MODES OLD… NEW STATUS", one mode and one old
// object a parent.
func (l *log) change(numbers, path string) error {
	parents := 0
	for parents < len(numbers) && numbers[parents] == ':' {
		parents++
	}
	words := strings.Fields(numbers[parents:])
	if len(words) != 2*(parents+1)+1 || l.commit == "" {
		return errStrange
	}
	objects := words[parents+1 : 2*(parents+1)]
	for i, old := range objects[:parents] {
		if l.wanted[old] && i < len(l.parents) {
			l.had(old, path, l.parents[i])
		}
	}
	if now := objects[parents]; l.wanted[now] {
		l.has(now, path)
	}
	return nil
}

func (l *log) place(object, path string) *Place {
	p := l.places[[2]string{object, path}]
	if p == nil {
		p = &Place{Object: object, Path: path, until: l.rank}
		l.places[[2]string{object, path}] = p
		l.order = append(l.order, p)
	}
	return p
}

// has: this commit made the file what it is. Older ones come later, and count.
func (l *log) has(object, path string) {
	p := l.place(object, path)
	p.Commit, p.Author, p.since = l.commit, l.author, l.rank
}

// had: this commit made the file another one. The newest comes first, and counts.
func (l *log) had(object, path, parent string) {
	if p := l.place(object, path); p.Last == "" {
		p.Last, p.until = parent, l.rank
	}
}

// tips asks each tip for the files that may still be there.
func (r *Repo) tips(ctx context.Context, tips []string, places []*Place) error {
	type question struct {
		place *Place
		tip   string
	}
	var asked []question
	seen := map[string]bool{}
	for _, tip := range tips {
		if seen[tip] {
			continue
		}
		seen[tip] = true
		for _, p := range places {
			if p.Path != "" && !strings.ContainsAny(p.Path, "\n") {
				asked = append(asked, question{p, tip})
			}
		}
	}
	in, feed := io.Pipe()
	go func() { // ends with the reader of the pipe
		w := bufio.NewWriter(feed)
		for _, q := range asked {
			fmt.Fprintf(w, "%s:%s\n", q.tip, q.place.Path)
		}
		_ = w.Flush()
		_ = feed.Close()
	}()
	defer in.Close()
	head := ""
	if out, err := r.output(ctx, "rev-parse", "--verify", "-q", "HEAD"); err == nil {
		head = strings.TrimSpace(out)
	}
	return r.stream(ctx, in, func(out io.Reader) error {
		lines := bufio.NewScanner(out)
		lines.Buffer(make([]byte, 64<<10), 1<<20)
		for _, q := range asked {
			if !lines.Scan() {
				return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
			}
			if lines.Text() == q.place.Object && !q.place.Present {
				q.place.Present, q.place.Last, q.place.until = true, q.tip, 0
				if q.tip == "HEAD" {
					q.place.Last = head
				}
			}
		}
		return nil
	}, "cat-file", "--buffer", "--batch-check=%(objectname)")
}

// untilZero splits at zero bytes.
func untilZero(data []byte, end bool) (int, []byte, error) {
	for i, c := range data {
		if c == 0 {
			return i + 1, data[:i], nil
		}
	}
	if end && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
