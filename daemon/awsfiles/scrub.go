package awsfiles

import (
	"fmt"
	"slices"
)

// secretKeys are the settings whose values nobody may see.
var secretKeys = []string{"aws_secret_access_key", "aws_session_token", "aws_security_token"}

// Scrub takes the two lines of a plaintext key out of the AWS profile, in both
// files, and returns what it took out; none is no error. Nothing else is touched,
// the section's header included. It refuses where another key stands by now.
func (f Files) Scrub(profile string, key Static) ([]Change, error) {
	var all []Change
	// The credentials file first: most readers prefer it, so that what is left for
	// a moment after a crash is what they would not have read.
	for _, file := range slices.Backward(f.forms()) {
		one, err := openFile(file)
		if err != nil {
			return all, err
		}
		if s, err := one.doc.static(file, profile); err == nil && s.AccessKeyID == "" {
			continue // a file that need not change is not made, nor locked
		}
		changes, err := edit(file.path, func(doc *document) error {
			return openedFile{file, doc}.scrub(profile, key)
		})
		if err != nil {
			return all, err
		}
		all = append(all, changes...)
	}
	return all, nil
}

// scrub is Scrub on one file in memory.
func (file openedFile) scrub(profile string, key Static) error {
	s, err := file.doc.static(file.formedFile, profile)
	switch {
	case err != nil:
		return fmt.Errorf("%s:%w", file.path, err)
	case s.AccessKeyID == "":
		return nil
	case !s.same(key):
		return fmt.Errorf("%s:%d: another access key stands in the AWS profile %s by now", file.path, s.Places[0].Line, profile)
	}
	for _, p := range slices.Backward(s.Places) { // which are in the order of lines
		file.doc.lines = slices.Delete(file.doc.lines, p.Line-1, p.Line)
	}
	return nil
}

// A Move is the way of one AWS profile from the plaintext key to our command.
type Move struct {
	Profile string
	Command string
	Key     Static
}

// Preview returns what Point and Scrub would change for the moves, and writes
// nothing; an error says why one of them is refused.
func (f Files) Preview(moves ...Move) ([]Change, error) {
	files, err := f.open()
	if err != nil {
		return nil, err
	}
	for _, m := range moves {
		if err := files.point(m.Profile, m.Command, m.Key); err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := file.scrub(m.Profile, m.Key); err != nil {
				return nil, err
			}
		}
	}
	var all []Change
	for _, file := range files {
		all = append(all, file.doc.changes(file.path)...)
	}
	return all, nil
}
