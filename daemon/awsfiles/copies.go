package awsfiles

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/atomicfile"
)

// A Copy is a file, such as an editor's backup, that repeats access keys of which
// nothing else needs it.
type Copy struct {
	Path string
	IDs  []string // the access key ids in it; none where only a secret is left, as in parts of a swap file
	Only bool     // it holds no other key than those that were asked for
}

// anyID finds access key ids in any text (IAM user guide, unique identifiers).
var anyID = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)

// Copies lists the backups beside the AWS files, where links lead included, that
// hold one of the keys, or an id among held. The AWS files themselves are none.
func (f Files) Copies(keys []Static, held []string) ([]Copy, error) {
	var all []Copy
	for _, folder := range f.folders() {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return all, err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !backup(e.Name()) {
				continue
			}
			path := filepath.Join(folder, e.Name())
			data, err := read(path)
			if err != nil {
				return all, err
			}
			if c, is := copyOf(path, data, keys, held); is {
				all = append(all, c)
			}
			clear(data)
		}
	}
	return all, nil
}

// folders are those of the files, and of what they are links to.
func (f Files) folders() []string {
	var list []string
	for _, path := range []string{f.Config, f.Credentials} {
		folders := []string{filepath.Dir(path)}
		if target, err := atomicfile.Resolve(path); err == nil {
			folders = append(folders, filepath.Dir(target))
		}
		for _, folder := range folders {
			real, err := filepath.EvalSymlinks(folder)
			if err == nil && !slices.Contains(list, real) {
				list = append(list, real)
			}
		}
	}
	return list
}

// backup tells the names that editors, and people, give to copies. Others may be
// files that somebody uses by AWS_SHARED_CREDENTIALS_FILE.
func backup(name string) bool {
	name = strings.ToLower(name)
	for _, end := range []string{"~", ".bak", ".backup", ".old", ".orig", ".save", ".tmp", ".swp", ".swo", ".swn"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.Contains(name, ".bak") || strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#")
}

func copyOf(path string, data []byte, keys []Static, held []string) (c Copy, is bool) {
	c = Copy{Path: path, Only: true}
	known := slices.Clone(held)
	for _, k := range keys {
		known = append(known, k.AccessKeyID)
		text := k.Secret.RevealTo(nil)
		is = is || len(text) > 0 && bytes.Contains(data, text)
		clear(text)
	}
	for _, id := range anyID.FindAllString(string(data), -1) {
		if slices.Contains(c.IDs, id) {
			continue
		}
		c.IDs = append(c.IDs, id)
		if slices.Contains(known, id) {
			is = true
		} else {
			c.Only = false
		}
	}
	return c, is
}

// Downloads finds the console's CSV files in a folder, by the names that the
// console gives them.
func Downloads(folder string) []Finding {
	var found []Finding
	for _, pattern := range []string{"*[aA]ccess[kK]eys*.csv", "*credentials*.csv"} {
		paths, _ := filepath.Glob(filepath.Join(folder, pattern)) // its only error is a bad pattern
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue // a pipe would keep its reader waiting
			}
			file, err := os.Open(path)
			if err != nil {
				continue // gone, or not for us to read
			}
			c, err := ReadCSV(file)
			file.Close()
			if err != nil {
				continue // of another kind: anything may lie there
			}
			found = append(found, Finding{Static: Static{AccessKeyID: c.AccessKeyID, Secret: c.Secret, Places: []Place{{File: path}}}})
		}
	}
	return found
}
