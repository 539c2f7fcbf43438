package awsfiles

import (
	"fmt"
	"regexp"
	"strings"
)

// misnamed tells why no program finds the AWS profile that a section was meant for,
// which has the other file's way to begin; nil where it is found.
func (file openedFile) misnamed(s section) error {
	l := file.doc.lines[s.begin]
	bare, prefixed := strings.CutPrefix(l.goName, "profile ")
	switch {
	case file.doc.profile(file.form, s) == "":
		return fmt.Errorf("%s:%d: no program reads this section [%s], since an AWS profile of this file begins with [profile …]; delete the key, or mend the section's name", file.path, s.begin+1, l.pyName)
	case file.form == credentialsForm && prefixed:
		return fmt.Errorf("%s:%d: programs look for the AWS profile %s in a section [%s] of this file; mend the section's name, or delete the key", file.path, s.begin+1, bare, bare)
	}
	return nil
}

// strayKey is a part of a key, maybe as a shell would set it. Of a comment nobody
// knows what it is meant for.
var strayKey = regexp.MustCompile(`(?i)^\s*(export\s+|set\s+|\$env:)?(aws_access_key_id|aws_secret_access_key|aws_session_token)\s*[=:]\s*\S`)

// strays are the keys that stand where no program reads them: above the first
// section, where a paste lost its first line, or on a line made for a shell. They
// are plaintext all the same.
func (file openedFile) strays() []Finding {
	var above, shell []Place
	inSection := false
	for i, l := range file.doc.lines {
		inSection = inSection || l.kind == header
		match := strayKey.FindStringSubmatch(strings.TrimPrefix(l.text, bom))
		switch {
		case match == nil:
		case match[1] != "":
			shell = append(shell, Place{file.path, i + 1})
		case !inSection:
			above = append(above, Place{file.path, i + 1})
		}
	}
	var found []Finding
	if len(above) > 0 {
		found = append(found, Finding{Static: Static{Places: above}, Why: fmt.Errorf("%s:%d: a key stands above the first section, where no program reads it; write %s above it, or delete it",
			file.path, above[0].Line, file.form.header("NAME"))})
	}
	if len(shell) > 0 {
		found = append(found, Finding{Static: Static{Places: shell}, Why: fmt.Errorf("%s:%d: this line is made for a shell, and no program reads a key from it here; write the name, = and the value alone, or delete it",
			file.path, shell[0].Line)})
	}
	return found
}
