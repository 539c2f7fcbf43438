package awsfiles

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Return is the way of one key back into plaintext.
type Return struct {
	Key    Static                    // a preview needs no secret
	IsOurs func(command string) bool // which credential_process lines ask for the key
	Name   string                    // the AWS profile to write where no line does
}

// A Restored says where a key stands in plaintext again.
type Restored struct {
	Profiles []string // AWS profiles, in the order of the files
	Changes  []Change
}

// Restore writes a key into the credentials file, for every AWS profile that asks
// us for it, and takes the lines that ask out of both files. An AWS profile that
// has the very key already keeps it as it is. Where one of them has other
// credentials, or would be read differently by some program, all is refused.
//
// The key is written and read back before a line goes, so that a crash at any
// point leaves no AWS profile without credentials; done again, it goes on.
func (f Files) Restore(r Return) (Restored, error) {
	if err := checkWritable(r.Key); err != nil {
		return Restored{}, err
	}
	files, err := f.open()
	if err != nil {
		return Restored{}, err
	}
	profiles, err := files.restore(r)
	if err != nil {
		return Restored{}, err
	}
	done := Restored{Profiles: profiles}
	if err := os.MkdirAll(filepath.Dir(f.Credentials), 0o700); err != nil {
		return Restored{}, err
	}
	done.Changes, err = edit(f.Credentials, func(doc *document) error {
		config, err := openFile(f.forms()[0])
		if err != nil {
			return err
		}
		return opened{config, {f.forms()[1], doc}}.writeIn(profiles, r)
	})
	if err != nil {
		return Restored{}, err
	}
	for _, profile := range profiles {
		if s, err := f.Static(profile); err != nil || !s.same(r.Key) {
			return done, fmt.Errorf("%s: access key %s was written into the AWS profile %s and is not read back: %w", f.Credentials, r.Key.AccessKeyID, profile, cmp.Or(err, errChanged))
		}
	}
	for _, profile := range profiles {
		changes, err := f.RemoveCredentialProcess(profile, r.IsOurs)
		done.Changes = append(done.Changes, changes...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

var errChanged = errors.New("another program has changed it")

// PreviewRestore returns what Restore would do for each of the keys, and all that
// it would change, and writes nothing; an error says why it would refuse.
func (f Files) PreviewRestore(returns ...Return) (profiles [][]string, changes []Change, err error) {
	files, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	for _, r := range returns {
		names, err := files.restore(r)
		if err != nil {
			return nil, nil, err
		}
		profiles = append(profiles, names)
	}
	for _, file := range files {
		changes = append(changes, file.doc.changes(file.path)...)
	}
	return profiles, changes, nil
}

// restore is Restore on files in memory.
func (files opened) restore(r Return) (profiles []string, err error) {
	profiles, err = files.asking(r)
	if err != nil {
		return nil, err
	}
	unasked := len(profiles) == 0
	if unasked {
		profiles = []string{r.Name}
	}
	if err := files.writeIn(profiles, r); err != nil {
		if unasked {
			err = fmt.Errorf("%w (no AWS profile asks for the key %s, so it would be written under its own name; awskey rename gives it another one)", err, r.Name)
		}
		return nil, err
	}
	for _, profile := range profiles {
		for _, file := range files {
			if err := file.doc.remove(file.form, profile, r.IsOurs); err != nil {
				return nil, fmt.Errorf("%s:%w", file.path, err)
			}
		}
	}
	return profiles, nil
}

// asking are the AWS profiles that ask for the key; without any, those in which it
// stands already and alone, as an earlier Restore that was cut off leaves it.
func (files opened) asking(r Return) (profiles []string, err error) {
	var standing []string
	add := func(list *[]string, profile string) {
		if !slices.Contains(*list, profile) {
			*list = append(*list, profile)
		}
	}
	for _, file := range files {
		for _, s := range file.doc.all() {
			profile := file.doc.profile(file.form, s)
			if profile == "" {
				continue
			}
			file.doc.options(s, func(at int, key string, hidden bool) {
				switch l := file.doc.lines[at]; {
				case key != processKey:
				case hidden && r.IsOurs(trim(l.text[strings.IndexAny(l.text, "=:")+1:])) && err == nil:
					err = fmt.Errorf("%s:%d: the AWS CLI takes this indented line for a part of the value above it; delete the line", file.path, at+1)
				case !hidden && r.IsOurs(l.value):
					add(&profiles, profile)
				}
			})
			if s, err := files.static(profile); err == nil && s.is(r.Key) && files.otherWays(profile, r) == nil {
				add(&standing, profile)
			}
		}
	}
	if len(profiles) == 0 {
		profiles = standing
	}
	return profiles, err
}

// writeIn gives each of the AWS profiles the key, unless it has it.
func (files opened) writeIn(profiles []string, r Return) error {
	for _, profile := range profiles {
		s, err := files.static(profile)
		switch {
		case err != nil:
			return err
		case s.AccessKeyID != "" && !s.is(r.Key):
			return fmt.Errorf("%s:%d: another access key stands in the AWS profile %s; delete it, or rename the AWS profile", s.Places[0].File, s.Places[0].Line, profile)
		}
		if err := files.otherWays(profile, r); err != nil {
			return err
		}
		if s.AccessKeyID != "" {
			continue
		}
		credentials := files[1]
		if err := credentials.doc.put(profile, r.Key); err != nil {
			return fmt.Errorf("%s:%w", credentials.path, err)
		}
	}
	return nil
}

// otherWays fails when the AWS profile gets its credentials in a way that is not
// this key's.
func (files opened) otherWays(profile string, r Return) error {
	for _, file := range files {
		found, _ := file.doc.sections(file.form, profile, false)
		for _, s := range found {
			if err := file.doc.otherWays(s, profile, r.IsOurs, r.Key); err != nil {
				return fmt.Errorf("%s:%w", file.path, err)
			}
		}
	}
	return nil
}

// is tells whether s is the key, as far as its secret is known.
func (s Static) is(key Static) bool {
	return s.AccessKeyID == key.AccessKeyID && (key.Secret.IsZero() || s.Secret.Equal(key.Secret))
}

// put writes a key into the section of an AWS profile in a credentials file that
// has none.
func (d *document) put(profile string, key Static) error {
	found, err := d.sections(credentialsForm, profile, true)
	if err != nil {
		return err
	}
	at := len(d.lines)
	switch {
	case len(found) == 0 && !sectionName.MatchString(profile), profile == "DEFAULT": // Python's configparser gives it to all sections
		return fmt.Errorf("%d: no section of this file can be named for the AWS profile %q so that every program reads it alike; rename the profile: letters, digits and . _ @ : / + = , - only", len(d.lines)+1, profile)
	case len(found) == 0:
		d.lines = append(d.lines, line{text: d.newHeader(credentialsForm, profile), kind: header, goName: profile, pyName: profile})
	case found[0].begin == 0 && strings.HasPrefix(d.lines[0].text, bom):
		return errors.New("1: a byte order mark stands before this section, so that not every program finds it; save the file without one")
	default:
		if at, err = d.room(found[0]); err != nil {
			return err
		}
	}
	d.insertOption(at, "aws_access_key_id", key.AccessKeyID)
	d.insertOption(at+1, "aws_secret_access_key", key.Secret.Reveal())
	return nil
}

// insertOption puts an option behind line i, so that its value can be masked.
func (d *document) insertOption(i int, key, value string) {
	d.insert(i, key+" = "+value)
	l := &d.lines[i+1]
	l.kind, l.key, l.value = option, key, value
	l.valueAt = len(strings.TrimRight(l.text, "\r\n")) - len(value)
}

// written is what a secret may be made of so that no reader takes a part of it for
// a comment or a quote.
var written = regexp.MustCompile(`^[A-Za-z0-9/+=._-]+$`)

func checkWritable(key Static) error {
	err := checkPair(key.AccessKeyID, key.Secret.Reveal())
	if err == nil && !written.MatchString(key.Secret.Reveal()) {
		err = errNotASecret
	}
	if err != nil {
		return fmt.Errorf("access key %s cannot stand in a credentials file: %w", key.AccessKeyID, err)
	}
	return nil
}
