package repository

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/scan"
)

// A Staged key is one that a commit would bring in.
type Staged struct {
	Path string // from the top, with slashes
	scan.Found
}

// Staged tells what the index holds that HEAD does not: a key that HEAD has in the
// same file already is no news. The index is a hook's, if the repository is of
// [OpenHere].
func (r *Repo) Staged(ctx context.Context) ([]Staged, error) {
	type change struct{ old, now, path string }
	var changes []change
	err := r.stream(ctx, nil, func(out io.Reader) error {
		fields := bufio.NewScanner(out)
		fields.Buffer(make([]byte, 64<<10), 1<<20)
		fields.Split(untilZero)
		for fields.Scan() {
			words := strings.Fields(strings.TrimPrefix(fields.Text(), ":"))
			if len(words) != 5 || !fields.Scan() {
				return errors.New("git diff answers what nobody understands")
			}
			if words[1] != "160000" { // a submodule's commit is no file
				changes = append(changes, change{words[2], words[3], fields.Text()})
			}
		}
		return fields.Err()
	}, "diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv", "--diff-filter=ACMT")
	if err != nil {
		return nil, err
	}
	var wanted strings.Builder
	for _, c := range changes {
		wanted.WriteString(c.now + "\n")
		if strings.Trim(c.old, "0") != "" {
			wanted.WriteString(c.old + "\n")
		}
	}
	found := map[string][]scan.Found{} // by object; one that is asked for twice is told twice
	if err := r.stream(ctx, strings.NewReader(wanted.String()), func(out io.Reader) error {
		return contents(out, func(int64) {}, func(object string, f scan.Found) {
			if !slices.ContainsFunc(found[object], func(g scan.Found) bool { return g.Fingerprint() == f.Fingerprint() && g.Line == f.Line }) {
				found[object] = append(found[object], f)
			}
		})
	}, "cat-file", "--batch", "--buffer"); err != nil {
		return nil, err
	}
	var staged []Staged
	for _, c := range changes {
		before := map[string]bool{}
		for _, f := range found[c.old] {
			before[f.Fingerprint()] = true
		}
		for _, f := range found[c.now] {
			if !before[f.Fingerprint()] {
				staged = append(staged, Staged{c.path, f})
			}
		}
	}
	return staged, nil
}

// At reads a file as a commit has it, its path from the top.
func (r *Repo) At(ctx context.Context, commit, file string, read func(io.Reader) error) error {
	if strings.HasPrefix(commit, "-") {
		return fmt.Errorf("%q is no commit", commit)
	}
	return r.stream(ctx, nil, read, "cat-file", "blob", commit+":"+path.Clean(file))
}

// Files are the working files below a folder that git knows or would add: those
// that .gitignore and its like leave. Paths are the folder's own.
func (r *Repo) Files(ctx context.Context, under string, file func(path string)) error {
	in := *r
	in.dir = under
	return in.stream(ctx, nil, func(out io.Reader) error {
		fields := bufio.NewScanner(out)
		fields.Buffer(make([]byte, 64<<10), 1<<20)
		fields.Split(untilZero)
		for fields.Scan() {
			file(fields.Text())
		}
		return fields.Err()
	}, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
}
