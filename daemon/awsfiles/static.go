package awsfiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/store/secret"
)

// A Static is the plaintext access key of an AWS profile.
type Static struct {
	AccessKeyID string
	Secret      secret.Value
	Places      []Place // where it stands: the credentials file first
}

// A Place is one line of a file.
type Place struct {
	File string
	Line int // counted from 1
}

// Static reads the access key that stands in plaintext in an AWS profile: the one
// in the credentials file where there is one, else that in the config, which is
// the order of the AWS CLI and the SDKs (AWS SDKs and tools reference guide,
// "Location of the shared files"). Half a pair, a temporary key, and what readers
// would read differently are refused, each with its line. No error quotes a value.
func (f Files) Static(profile string) (Static, error) {
	files, err := f.open()
	if err != nil {
		return Static{}, err
	}
	found, err := files.static(profile)
	if err == nil && found.AccessKeyID == "" {
		err = fmt.Errorf("no access key stands in the AWS profile %s, neither in %s nor in %s", profile, f.Credentials, f.Config)
	}
	return found, err
}

// static is the access key of the profile in both files; none is no error.
func (files opened) static(profile string) (Static, error) {
	var found Static
	for _, file := range slices.Backward(files) {
		s, err := file.doc.static(file.formedFile, profile)
		switch {
		case err != nil:
			return Static{}, fmt.Errorf("%s:%w", file.path, err)
		case s.AccessKeyID == "":
		case found.AccessKeyID == "":
			found = s
		case found.same(s):
			found.Places = append(found.Places, s.Places...)
		default:
			return Static{}, fmt.Errorf("%s:%d: the AWS profile %s has one access key here and another in %s, line %d, which is the one in use; delete the one that is not meant",
				file.path, s.Places[0].Line, profile, found.Places[0].File, found.Places[0].Line)
		}
	}
	return found, nil
}

// same tells whether two are one access key, with the same secret.
func (s Static) same(other Static) bool {
	return s.AccessKeyID == other.AccessKeyID && s.Secret.Equal(other.Secret)
}

// static is the access key of the profile in one file; none is no error.
func (d *document) static(file formedFile, profile string) (Static, error) {
	sections, err := d.sections(file.form, profile, true)
	if err != nil || len(sections) == 0 {
		return Static{}, err
	}
	lines := map[string]int{} // of each of these settings, counted from 0
	d.options(sections[0], func(at int, key string, hidden bool) {
		switch key {
		case "aws_access_key_id", "aws_secret_access_key":
		case "aws_session_token", "aws_security_token": // the second for boto, and the AWS CLI still
			if d.empty(at) {
				return // a tool cleared it
			}
		default:
			return
		}
		first, twice := lines[key]
		switch {
		case err != nil:
		case hidden:
			err = fmt.Errorf("%d: the AWS CLI takes this indented line for a part of the value above it; move it to the start of the line", at+1)
		case twice:
			err = fmt.Errorf("%d: %s stands here a second time (first in line %d), and the AWS CLI refuses such a file; delete one of the two", at+1, key, first+1)
		case d.continues(at):
			err = fmt.Errorf("%d: the value of %s goes on in the next line; write it in one", at+1, key)
		default:
			lines[key] = at
		}
	})
	id, hasID := lines["aws_access_key_id"]
	key, hasKey := lines["aws_secret_access_key"]
	token, hasToken := lines["aws_session_token"]
	if !hasToken {
		token, hasToken = lines["aws_security_token"]
	}
	switch {
	case err != nil:
		return Static{}, err
	case hasToken:
		return Static{}, fmt.Errorf("%d: the AWS profile %s has a session token, so its key is temporary; awskeyd holds the keys of IAM users", token+1, profile)
	case hasID && !hasKey:
		return Static{}, fmt.Errorf("%d: the AWS profile %s has an access key id and no aws_secret_access_key", id+1, profile)
	case hasKey && !hasID:
		return Static{}, fmt.Errorf("%d: the AWS profile %s has a secret access key and no aws_access_key_id", key+1, profile)
	case !hasID:
		return Static{}, nil
	}
	if err := checkPair(d.lines[id].value, d.lines[key].value); err != nil {
		at := id
		if errors.Is(err, errNoSecret) || errors.Is(err, errNotASecret) {
			at = key
		}
		return Static{}, fmt.Errorf("%d: %w", at+1, err)
	}
	return Static{
		AccessKeyID: d.lines[id].value,
		Secret:      secret.New(d.lines[key].value),
		Places:      []Place{{file.path, min(id, key) + 1}, {file.path, max(id, key) + 1}},
	}, nil
}

var (
	errNoID       = errors.New("the access key id is missing")
	errTemporary  = errors.New("the access key id begins with ASIA, so the key is temporary; awskeyd holds the keys of IAM users, which begin with AKIA")
	errNotAnID    = errors.New("the access key id is not one: 16 to 128 capital letters and digits")
	errNoSecret   = errors.New("the secret access key is missing; AWS shows it only once, so create another access key")
	errNotASecret = errors.New("the secret access key holds a character that no secret has; look at the file, or type the key in")
)

// checkPair tells a key that can be taken in from anything else that stands in
// its place. No shape is documented for a secret, so only what can be no secret
// at all is refused.
func checkPair(id, key string) error {
	switch {
	case id == "":
		return errNoID
	case key == "":
		return errNoSecret
	case strings.HasPrefix(id, "ASIA"):
		return errTemporary
	case !accessKeyID.MatchString(id):
		return errNotAnID
	case len(key) > 256 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == ',' }):
		return errNotASecret
	}
	return nil
}
