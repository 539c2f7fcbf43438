package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/scan"
	"github.com/awskeyd/awskeyd/daemon/scan/repository"
)

// history is what all objects of a repository and its linked worktrees hold.
type history struct {
	objects map[string][]place
	told    bool // where all of them stand, and not only those below a folder
}

// read reads the objects of a repository, unless another worktree's were read.
// Of an id that stands twice in one, that is kept which has its secret.
func (s *search) read(ctx context.Context, repo *repository.Repo) (*history, error) {
	if h := s.histories[repo.Common]; h != nil {
		return h, nil
	}
	h := &history{objects: map[string][]place{}}
	err := repo.Objects(ctx, s.workers, func(n int64) { s.objects.Add(1); s.bytes.Add(n) }, func(object string, f scan.Found) {
		p := s.placed(f)
		all := h.objects[object]
		if i := slices.IndexFunc(all, func(q place) bool { return q.print == p.print }); i < 0 {
			h.objects[object] = append(all, p)
		} else if p.paired && !all[i].paired {
			all[i] = p
		}
	})
	if err != nil {
		return nil, err
	}
	if s.histories == nil {
		s.histories = map[string]*history{}
	}
	s.histories[repo.Common] = h
	return h, nil
}

// history joins what the objects hold with where they stood below path.
func (s *search) history(ctx context.Context, repo *repository.Repo, path string, allow *allowed) error {
	h, err := s.read(ctx, repo)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for object := range h.objects {
		wanted[object] = true
	}
	base, under := path, ""
	if repo.Bare {
		base = filepath.Join(path, filepath.FromSlash(within(path, repo.Top)))
	} else {
		under = within(repo.Top, path)
	}
	places, err := repo.Places(ctx, wanted, under)
	if err != nil {
		return err
	}
	first, last, paired := map[*finding]*repository.Place{}, map[*finding]*repository.Place{}, map[*finding]*repository.Place{}
	for _, at := range places {
		for _, p := range h.objects[at.Object] {
			if allow.has(at.Path, p.id) {
				continue
			}
			name := ""
			if at.Path != "" {
				name = typed(base, under, at.Path)
			}
			if h.told && !s.has(name, p) { // it was told as another worktree's
				continue
			}
			f := s.at(name, p)
			if was := first[f]; was == nil || at.Older(was) {
				first[f], f.commit, f.author = at, at.Commit, at.Author
				if !f.now {
					f.line = p.line
				}
			}
			if was := last[f]; was == nil || at.Newer(was) {
				last[f], f.last, f.still = at, at.Last, at.Present
			}
			if was := paired[f]; p.paired && (!f.paired || was != nil && at.Older(was)) {
				paired[f], f.paired, f.from = at, true, source{at.Commit[:min(12, len(at.Commit))], name, p.line}
			}
		}
	}
	h.told = h.told || under == "" || under == "."
	return nil
}

// typed is a file of the history as a person would type it, had it stayed.
func typed(base, under, file string) string {
	if file == under {
		return base
	}
	if under != "." {
		file = strings.TrimPrefix(file, under+"/")
	}
	return filepath.Join(base, filepath.FromSlash(file))
}
