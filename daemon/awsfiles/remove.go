package awsfiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// A Pointer is one credential_process line that runs our helper.
type Pointer struct {
	File    string
	Line    int    // counted from 1
	Profile string // the AWS profile, as the file names it
	Command string
}

// PointingTo lists the credential_process lines, in both files, whose command
// isOurs accepts.
func (f Files) PointingTo(isOurs func(command string) bool) ([]Pointer, error) {
	files, err := f.open()
	if err != nil {
		return nil, err
	}
	var found []Pointer
	for _, file := range files {
		doc := file.doc
		for _, s := range doc.all() {
			profile := doc.profile(file.form, s)
			if profile == "" {
				continue
			}
			doc.options(s, func(at int, key string, _ bool) {
				if l := doc.lines[at]; key == processKey && isOurs(l.value) {
					found = append(found, Pointer{file.path, at + 1, profile, l.value})
				}
			})
		}
	}
	return found, nil
}

// RemoveCredentialProcess takes the credential_process lines of an AWS profile
// whose command isOurs accepts out of both files, and returns what went. A section
// of the config that held nothing else goes with its line.
func (f Files) RemoveCredentialProcess(profile string, isOurs func(command string) bool) ([]Change, error) {
	var all []Change
	for _, file := range f.forms() {
		if _, err := os.Stat(file.path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		changes, err := edit(file.path, func(doc *document) error {
			if err := doc.remove(file.form, profile, isOurs); err != nil {
				return fmt.Errorf("%s:%w", file.path, err)
			}
			return nil
		})
		all = append(all, changes...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func (d *document) remove(f form, profile string, isOurs func(string) bool) error {
	found, _ := d.sections(f, profile, false)
	for _, s := range slices.Backward(found) { // so that earlier line numbers stay true
		var ours []int
		rest := 0
		for i := s.begin + 1; i < s.end; i++ {
			l := d.lines[i]
			switch {
			case l.kind == option && l.key == processKey && isOurs(l.value):
				if d.continues(i) {
					return fmt.Errorf("%d: the value of %s goes on in the next line; delete both", i+1, processKey)
				}
				ours = append(ours, i)
			case trim(l.text) != "":
				rest++ // a comment counts: somebody wrote it
			}
		}
		if len(ours) == 0 {
			continue
		}
		for _, i := range slices.Backward(ours) {
			d.lines = slices.Delete(d.lines, i, i+1)
		}
		if rest == 0 && f == configForm {
			d.dropHeader(s.begin)
		}
	}
	return nil
}

// dropHeader takes out the header of an empty section, and the blank line
// before it when nothing but the end of the file would follow that one.
func (d *document) dropHeader(i int) {
	if i == 0 && len(d.lines[i].text) >= len(bom) && d.lines[i].text[:len(bom)] == bom {
		return // it carries the byte order mark
	}
	d.lines = slices.Delete(d.lines, i, i+1)
	if i == len(d.lines) && i > 0 && strings.Trim(d.lines[i-1].text, "\r\n") == "" {
		d.lines = d.lines[:i-1]
	}
}
