package awsfiles

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const processKey = "credential_process"

// profileName is what a profile of ours may be called, and so what is written
// into an AWS file without any quoting.
var profileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// sectionName is what a new section can be named without quotes, of which the
// readers think differently: the AWS CLI splits a header like a shell, the Go SDK
// cuts it at a comment.
var sectionName = regexp.MustCompile(`^[A-Za-z0-9_@+.][A-Za-z0-9._@:/+=,-]{0,127}$`)

const sectionLetters = "letters, digits and . _ @ : / + = , -"

// Point makes command the credential_process of an AWS profile in the config file,
// and returns what had to change for it. A profile that is not there yet is added at
// the end; a file that is not there is made with mode 0600, its folder with 0700.
// It refuses a profile that gets its credentials in another way, in either file:
// readers disagree about which way wins. Only the plaintext key beside may stand
// there, since it is the one that command answers with: then every reader signs with
// the same key, whichever way it prefers.
func (f Files) Point(profile, command string, beside Static) ([]Change, error) {
	if err := os.MkdirAll(filepath.Dir(f.Config), 0o700); err != nil {
		return nil, err
	}
	return edit(f.Config, func(doc *document) error {
		credentials, err := openFile(f.forms()[1])
		if err != nil {
			return err
		}
		return opened{{f.forms()[0], doc}, credentials}.point(profile, command, beside)
	})
}

// point is Point on files in memory.
func (files opened) point(profile, command string, beside Static) error {
	if command == "" || trim(command) != command || strings.ContainsFunc(command, isControl) {
		return fmt.Errorf("%q cannot stand on a %s line", command, processKey)
	}
	if beside.AccessKeyID != "" {
		if s, err := files.static(profile); err != nil {
			return err
		} else if s.AccessKeyID != "" && !s.same(beside) {
			return fmt.Errorf("%s:%d: another access key stands in the AWS profile %s by now", s.Places[0].File, s.Places[0].Line, profile)
		}
	}
	config, credentials := files[0], files[1]
	found, _ := credentials.doc.sections(credentialsForm, profile, false)
	for _, s := range found {
		if err := credentials.doc.otherWays(s, profile, noProcess, beside); err != nil {
			return fmt.Errorf("%s:%w", credentials.path, err)
		}
	}
	if err := config.doc.set(profile, command, beside); err != nil {
		return fmt.Errorf("%s:%w", config.path, err)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func noProcess(string) bool { return false }

func anyProcess(string) bool { return true } // setLine looks at whose it is

// otherWays fails when the section names credentials other than by the plaintext
// key beside and a credential_process that is allowed. Keys as in the "Standardized credential providers" of the AWS SDKs
// and tools reference guide.
func (d *document) otherWays(s section, profile string, allowed func(command string) bool, beside Static) error {
	var ways []string
	first := 0
	d.options(s, func(at int, key string, _ bool) {
		switch key {
		case "aws_access_key_id", "aws_secret_access_key":
			if beside.AccessKeyID != "" {
				return
			}
		case "aws_session_token", "aws_security_token":
			if d.empty(at) {
				return // a tool cleared it
			}
		case "role_arn", "source_profile", "credential_source", "web_identity_token_file", "login_session":
		case processKey:
			if allowed(d.lines[at].value) {
				return
			}
		default:
			if !strings.HasPrefix(key, "sso_") {
				return
			}
		}
		if first == 0 {
			first = at + 1
		}
		ways = append(ways, key+" (line "+strconv.Itoa(at+1)+")")
	})
	switch len(ways) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%d: the AWS profile %s already gets its credentials by %s; delete that line, or use another name", first, profile, ways[0])
	}
	return fmt.Errorf("%d: the AWS profile %s already gets its credentials by %s; delete these lines, or use another name", first, profile, strings.Join(ways, ", "))
}

func (d *document) set(profile, command string, beside Static) error {
	found, err := d.sections(configForm, profile, true)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		if !sectionName.MatchString(profile) {
			return fmt.Errorf("%d: no section can be named for the AWS profile %q so that every program reads it alike; rename the profile: %s only", len(d.lines)+1, profile, sectionLetters)
		}
		d.appendSection(profile, command)
		return nil
	}
	s := found[0]
	if strings.HasPrefix(d.lines[s.begin].text, bom) {
		return fmt.Errorf("%d: a byte order mark stands before %s, and neither the AWS CLI nor the Go SDK finds the section; save the file as UTF-8 without one", s.begin+1, configForm.header(profile))
	}
	if err := d.otherWays(s, profile, anyProcess, beside); err != nil {
		return err
	}
	var at []int
	hiddenAt := -1
	d.options(s, func(i int, key string, hidden bool) {
		if key == processKey {
			at = append(at, i)
			if hidden {
				hiddenAt = i
			}
		}
	})
	switch {
	case hiddenAt >= 0:
		return fmt.Errorf("%d: the AWS CLI takes this indented line for a part of the value above it; delete the line", hiddenAt+1)
	case len(at) > 1:
		return fmt.Errorf("%d: the AWS profile %s has a second %s, and the AWS CLI refuses such a file; delete one of the two", at[1]+1, profile, processKey)
	case len(at) == 1:
		return d.setLine(at[0], profile, command)
	}
	last, err := d.room(s)
	if err != nil {
		return err
	}
	d.insert(last, processKey+" = "+command)
	return nil
}

// room is the line of a section behind which another one may stand: the last that
// means something, so that comments and blank lines before the next section stay
// with it, and so that no indented line comes to stand below the new one.
func (d *document) room(s section) (last int, err error) {
	last = s.begin
	for i := s.begin; i < s.end; i++ {
		switch d.lines[i].kind {
		case junk:
			return 0, fmt.Errorf("%d: this line is neither a setting nor a comment, and the AWS CLI refuses such a file; delete the line", i+1)
		case plain:
		default:
			last = i
		}
	}
	if s.end < len(d.lines) && d.lines[s.end].origin > 0 && trim(d.lines[s.end].text[:1]) == "" {
		return 0, fmt.Errorf("%d: this section is indented, and the AWS CLI would take it for a part of the line above; move it to the start of the line", s.end+1)
	}
	return last, nil
}

// setLine replaces the value of the line i.
func (d *document) setLine(i int, profile, command string) error {
	l := &d.lines[i]
	if d.continues(i) {
		return fmt.Errorf("%d: the value of %s goes on in the next line; delete both", i+1, processKey)
	}
	if l.value == command {
		return nil
	}
	if l.value != "" && program(l.value) != program(command) {
		return fmt.Errorf("%d: the AWS profile %s runs another %s; delete that line, or use another name", i+1, profile, processKey)
	}
	l.text = l.text[:l.valueAt] + command + l.text[len(strings.TrimRight(l.text, "\r\n")):]
	l.value = command
	return nil
}

// insert puts a line of its own behind line i. The other bytes stay, also a
// missing end of the last line.
func (d *document) insert(i int, text string) {
	before := d.lines[i].text
	switch {
	case strings.HasSuffix(before, "\r\n"):
		text += "\r\n"
	case strings.HasSuffix(before, "\n"):
		text += "\n"
	default: // the last line of the file, or one of ours follows that ends it
		text = d.ending() + text
	}
	d.lines = slices.Insert(d.lines, i+1, line{text: text})
}

func (d *document) appendSection(profile, command string) {
	end := d.ending()
	text := d.newHeader(configForm, profile) + processKey + " = " + command + end
	d.lines = append(d.lines, line{text: text})
}

// newHeader is the text that begins a section at the end of the file.
func (d *document) newHeader(f form, profile string) string {
	end := d.ending()
	text := ""
	if n := len(d.lines); n > 0 {
		last := d.lines[n-1].text
		if !strings.HasSuffix(last, "\n") {
			text = end
		}
		if trim(last) != "" && last != bom {
			text += end
		}
	}
	return text + f.header(profile) + end
}

// ending is the line ending that the file uses.
func (d *document) ending() string {
	if len(d.lines) > 0 && strings.HasSuffix(d.lines[0].text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}
