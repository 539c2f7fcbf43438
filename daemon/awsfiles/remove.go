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
	var found []Pointer
	for _, file := range f.forms() {
		data, err := read(file.path)
		if err != nil {
			return nil, err
		}
		doc, err := parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s:%w", file.path, err)
		}
		for _, s := range doc.all() {
			l := doc.lines[s.begin]
			profile := file.form.pyProfile(l.pyName)
			if profile == "" {
				profile = file.form.goProfile(l.goName)
			}
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
// whose command isOurs accepts out of both files, and reports whether there
// were any. A section of the config that held nothing else goes with its line.
func (f Files) RemoveCredentialProcess(profile string, isOurs func(command string) bool) (bool, error) {
	removed := false
	for _, file := range f.forms() {
		if _, err := os.Stat(file.path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		changed, err := edit(file.path, func(doc *document) (bool, error) {
			changed, err := doc.remove(file.form, profile, isOurs)
			if err != nil {
				return false, fmt.Errorf("%s:%w", file.path, err)
			}
			return changed, nil
		})
		removed = removed || changed
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

type formedFile struct {
	path string
	form form
}

func (f Files) forms() []formedFile {
	return []formedFile{{f.Config, configForm}, {f.Credentials, credentialsForm}}
}

func (d *document) remove(f form, profile string, isOurs func(string) bool) (bool, error) {
	found, _ := d.sections(f, profile, false)
	changed := false
	for _, s := range slices.Backward(found) { // so that earlier line numbers stay true
		var ours []int
		rest := 0
		for i := s.begin + 1; i < s.end; i++ {
			l := d.lines[i]
			switch {
			case l.kind == option && l.key == processKey && isOurs(l.value):
				if d.continues(i) {
					return false, fmt.Errorf("%d: the value of %s goes on in the next line; delete both", i+1, processKey)
				}
				ours = append(ours, i)
			case trim(l.text) != "":
				rest++ // a comment counts: somebody wrote it
			}
		}
		if len(ours) == 0 {
			continue
		}
		changed = true
		for _, i := range slices.Backward(ours) {
			d.lines = slices.Delete(d.lines, i, i+1)
		}
		if rest == 0 && f == configForm {
			d.dropHeader(s.begin)
		}
	}
	return changed, nil
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
