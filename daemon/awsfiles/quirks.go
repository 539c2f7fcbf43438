package awsfiles

import (
	"strings"
)

// A Quirk is a line that some programs read in another way than others.
type Quirk struct {
	File, Code, Text, Remedy string
	Line                     int // counted from 1
}

// Quirks finds what the readers of the two files disagree about: a byte order mark,
// sections and settings that stand twice, and credential_process lines that one of
// them changes, or that another way of getting credentials stands beside (AWS SDKs
// and tools reference guide; aws-sdk-go-v2 config/internal/ini; botocore configloader).
func (f Files) Quirks() ([]Quirk, error) {
	files, err := f.open()
	if err != nil {
		return nil, err
	}
	var list []Quirk
	for _, file := range files {
		add := func(at int, code, text, remedy string) {
			list = append(list, Quirk{File: file.path, Line: at + 1, Code: code, Text: text, Remedy: remedy})
		}
		if len(file.doc.lines) > 0 && strings.HasPrefix(file.doc.lines[0].text, bom) {
			add(0, "byte-order-mark", "the file begins with a byte order mark, and the AWS CLI refuses it", "save it as UTF-8 without one")
		}
		begun := map[string]bool{}
		for _, s := range file.doc.all() {
			name := file.doc.profile(file.form, s)
			if name == "" {
				continue
			}
			if begun[name] {
				add(s.begin, "twice", "the AWS profile "+name+" begins a second time, and the AWS CLI refuses the file", "join the two")
			}
			begun[name] = true
			file.doc.sectionQuirks(s, name, add)
		}
	}
	return list, nil
}

func (d *document) sectionQuirks(s section, name string, add func(at int, code, text, remedy string)) {
	seen := map[string]bool{}
	process, other := -1, ""
	d.options(s, func(at int, key string, hidden bool) {
		if hidden {
			return
		}
		if seen[key] {
			add(at, "twice", key+" stands a second time in the AWS profile "+name+", and the AWS CLI refuses the file", "delete one of the two")
		}
		seen[key] = true
		switch key {
		case processKey:
			process = at
			d.commandQuirks(at, add)
		case "role_arn", "source_profile", "credential_source", "web_identity_token_file":
			other = key
		}
	})
	if process >= 0 && other != "" {
		add(process, "two-ways", "the AWS profile "+name+" has "+processKey+" and "+other+", and programs disagree which one counts", "give one of them an AWS profile of its own")
	}
}

// commandQuirks looks at the value of a credential_process line.
func (d *document) commandQuirks(at int, add func(at int, code, text, remedy string)) {
	value := d.lines[at].value
	if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		add(at, "quoted-command", "the command begins and ends with a quote, which the Go SDK takes off", "end it with a word that is not quoted")
	}
	if strings.Contains(value, " #") || strings.Contains(value, " ;") {
		add(at, "comment-in-command", "what follows # or ; is a comment for the Go SDK, and words of the command for the AWS CLI", "put the comment on a line of its own")
	}
}

// Has reports whether one of the files has a section for the AWS profile.
func (f Files) Has(profile string) (bool, error) {
	files, err := f.open()
	if err != nil {
		return false, err
	}
	for _, file := range files {
		if found, _ := file.doc.sections(file.form, profile, false); len(found) > 0 {
			return true, nil
		}
	}
	return profile == "default", nil // which every program takes for there
}
