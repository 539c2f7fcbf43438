package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/scan"
	"github.com/awskeyd/awskeyd/daemon/scan/repository"
	"github.com/awskeyd/awskeyd/store/secret"
)

// source is where add --from finds a key: FILE:LINE, or COMMIT:FILE:LINE for a
// file that is no more.
type source struct {
	commit, file string
	line         int
}

var sourcePattern = regexp.MustCompile(`^(?:([0-9a-f]{7,64}):)?(.+):([1-9][0-9]{0,8})$`)

func parseSource(text string) (source, error) {
	m := sourcePattern.FindStringSubmatch(text)
	if m == nil {
		return source{}, errors.New("--from takes FILE:LINE or COMMIT:FILE:LINE, as awskey scan prints it")
	}
	line, err := strconv.Atoi(m[3])
	s := source{m[1], m[2], line}
	if _, statErr := os.Stat(m[1] + ":" + m[2]); m[1] != "" && statErr == nil { // a name that only looks like a commit's
		s = source{"", m[1] + ":" + m[2], line}
	}
	return s, err
}

func (s source) String() string {
	if s.commit != "" {
		return fmt.Sprintf("%s:%s:%d", s.commit, s.file, s.line)
	}
	return fmt.Sprintf("%s:%d", s.file, s.line)
}

// key reads the one access key that stands there.
func (s source) key(ctx context.Context) (id string, key secret.Value, err error) {
	var found []scan.Found
	read := func(r io.Reader) error {
		return scan.Text(r, func(f scan.Found) {
			if f.Line == s.line || f.SecretLine == s.line {
				found = append(found, f)
			} else {
				f.Secret.Wipe()
			}
		})
	}
	if s.commit == "" {
		err = readFile(s.file, read)
	} else {
		err = s.inHistory(ctx, read)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // the path is said once
	}
	switch {
	case err != nil:
		return "", key, fmt.Errorf("cannot read %s: %w", s, err)
	case len(found) == 0:
		return "", key, fmt.Errorf("no access key stands at %s: awskey scan says where there is one", s)
	case len(found) > 1:
		return "", key, fmt.Errorf("%d access keys stand at %s: type the one that is meant, without --from", len(found), s)
	case found[0].AccessKeyID == "":
		return "", key, fmt.Errorf("the secret at %s has no access key id near it: type both, without --from", s)
	case wrongID(found[0].AccessKeyID) != "":
		return "", key, fmt.Errorf("%s: %s", s, wrongID(found[0].AccessKeyID))
	case found[0].Secret.IsZero():
		return "", key, fmt.Errorf("access key %s at %s has no secret near it: type both, without --from", short(found[0].AccessKeyID), s)
	}
	return found[0].AccessKeyID, found[0].Secret, nil
}

// inHistory reads the file as the commit has it. Its folder may be gone, or be another
// repository's by now, so that the nearest folder is tried first, and then those
// around it.
func (s source) inHistory(ctx context.Context, read func(io.Reader) error) error {
	var told error // the first that says more than that no repository is there
	for dir := filepath.Dir(s.file); ; dir = filepath.Dir(dir) {
		repo, err := repository.Open(ctx, dir)
		if err == nil {
			below, _ := filepath.Rel(dir, s.file) // one is the other's beginning
			if err = repo.At(ctx, s.commit, path.Join(within(repo.Top, dir), filepath.ToSlash(below)), read); err == nil {
				return nil
			}
		}
		if told == nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, repository.ErrNone) {
			told = err
		}
		if filepath.Dir(dir) == dir || filepath.Base(dir) == ".." || ctx.Err() != nil {
			return cmp.Or(told, err)
		}
	}
}

func readFile(path string, read func(io.Reader) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// exposed begins the rotation of a key that others may have read. Whatever uses
// it now goes on for the grace of a key that was taken in, since nobody knows
// what that is.
func (a *adding) exposed(ctx context.Context, k api.Key) error {
	if k.Phase == "steady" && k.Hold == nil {
		if _, err := a.daemon.Rotate(ctx, k.Name, api.RotateRequest{}); err != nil {
			return fmt.Errorf("%s is taken in, but its first rotation has not begun: %w", k.Name, err)
		}
		if !a.json {
			a.printf("\nIts first rotation has begun, so that what others have read becomes worthless.\n")
		}
	}
	a.note("whoever has read %s has this access key: take it out of there; awskey rotate %s --leaked ends it now, and breaks what still uses it", a.from, k.Name)
	return nil
}
