package awsfiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Finding is one AWS profile that holds an access key in plaintext, or a part of
// one. Where Why is set the key is left alone, for that reason, and only Places are
// known of it; Profile is then "" where the lines belong to no AWS profile.
type Finding struct {
	Profile string
	Static
	Why error
}

// exampleID stands in AWS's own documentation, and so in many files.
const exampleID = "AKIAIOSFODNN7EXAMPLE"

var errExample = errors.New("this is the example key of AWS's documentation")

// Plaintext finds every access key, and every part of one, that stands in plaintext
// in the two files, profile by profile in the order of the config. It fails where a
// file cannot be read whole: then nobody can say what is in it.
func (f Files) Plaintext() ([]Finding, error) {
	files, err := f.open()
	if err != nil {
		return nil, err
	}
	return files.plaintext(), nil
}

func (files opened) plaintext() []Finding {
	var found []Finding
	for _, file := range files {
		found = append(found, file.strays()...)
		for _, s := range file.doc.all() {
			places := file.places(s)
			if len(places) == 0 {
				continue
			}
			profile := file.doc.profile(file.form, s)
			if why := file.misnamed(s); why != nil {
				found = append(found, Finding{Static: Static{Places: places}, Why: why})
				continue
			}
			if i := slices.IndexFunc(found, func(f Finding) bool { return f.Profile == profile }); i < 0 {
				found = append(found, files.finding(profile, places))
			} else if found[i].Why != nil {
				found[i].Places = append(found[i].Places, places...)
			}
		}
	}
	return found
}

func (files opened) finding(profile string, places []Place) Finding {
	s, err := files.static(profile)
	if err == nil && s.AccessKeyID == exampleID {
		err = fmt.Errorf("%s:%d: %w", s.Places[0].File, s.Places[0].Line, errExample)
	}
	if err == nil && s.AccessKeyID == "" {
		err = fmt.Errorf("%s:%d: only some programs find a key here", places[0].File, places[0].Line)
	}
	if err != nil {
		return Finding{Profile: profile, Static: Static{Places: places}, Why: err}
	}
	return Finding{Profile: profile, Static: s}
}

// places are the lines of a section that hold a part of a key.
func (file openedFile) places(s section) []Place {
	var list []Place
	file.doc.options(s, func(at int, key string, _ bool) {
		if strings.HasSuffix(key, "_token") && file.doc.empty(at) {
			return // a tool cleared it
		}
		if key == "aws_access_key_id" || slices.Contains(secretKeys, key) {
			list = append(list, Place{file.path, at + 1})
		}
	})
	return list
}
