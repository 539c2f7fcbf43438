package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// allowFile lies at the top of a repository, or of a folder that is searched.
const allowFile = ".awskey-allow"

// allowed is what a person has said may stand there: each line an access key id,
// or a path below the file's folder, as [path.Match] reads it; one that ends in a
// slash is a folder with all below.
type allowed struct {
	top   string
	ids   map[string]bool
	paths []string
}

func readAllow(top string) (*allowed, error) {
	a := &allowed{top: top, ids: map[string]bool{}}
	if info, err := os.Stat(top); err == nil && !info.IsDir() {
		a.top = filepath.Dir(top)
	}
	name := filepath.Join(a.top, allowFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\uFEFF"), "\n") {
		line, _, _ = strings.Cut(line, "#")
		switch line = strings.TrimSpace(line); {
		case line == "":
		case idPattern.MatchString(line):
			a.ids[line] = true
		default:
			if _, err := path.Match(line, ""); err != nil || strings.HasPrefix(line, "/") {
				return nil, &api.Error{Code: "allow-file", Exit: helper.ExitUsage,
					Message: fmt.Sprintf("%s:%d: this is no access key id, and no path below the file's folder", name, i+1),
					Remedy:  "write one id or path a line, such as testdata/"}
			}
			a.paths = append(a.paths, line)
		}
	}
	return a, nil
}

// has reports whether a key at a path below the top may stand there.
func (a *allowed) has(file, id string) bool {
	if a.ids[id] && id != "" {
		return true
	}
	for _, p := range a.paths {
		if folder, yes := strings.CutSuffix(p, "/"); yes {
			for dir := path.Dir(file); dir != "." && dir != "/"; dir = path.Dir(dir) {
				if ok, _ := path.Match(folder, dir); ok {
					return true
				}
			}
		} else if ok, _ := path.Match(p, file); ok {
			return true
		}
	}
	return false
}
