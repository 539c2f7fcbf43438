package awsfiles

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"
)

const helperName = "awskey-helper"

// Command returns the credential_process line's value that runs the helper for
// a profile of ours. The value is split by a shell in the Go SDK, by shlex in
// the AWS CLI and by the readers of the file before that, so a path that any
// of them would change is refused.
//
// The line never both begins and ends with a quote: the Go SDK's reader takes
// such a pair off (aws-sdk-go-v2 config/internal/ini, legacyStrconv). The
// profile behind the path sees to that.
func Command(helperPath, profile string) (string, error) {
	if !profileName.MatchString(profile) {
		return "", fmt.Errorf("%q cannot be the name of a profile; use letters, digits, dots, dashes and underscores", profile)
	}
	if !filepath.IsAbs(helperPath) {
		return "", fmt.Errorf("the path of %s must begin at the root, and %q does not", helperName, helperPath)
	}
	if !utf8.ValidString(helperPath) || strings.ContainsFunc(helperPath, mangled) {
		return "", fmt.Errorf("the path %q of %s holds a character that a shell or an AWS SDK would change; install awskeyd in a folder with a plain name", helperPath, helperName)
	}
	if strings.ContainsFunc(helperPath, needsQuotes) {
		helperPath = `"` + helperPath + `"`
	}
	return helperPath + " " + profile, nil
}

// mangled tells what even double quotes do not keep from every reader: shells
// (cmd.exe as well), shlex, and inline comments.
func mangled(r rune) bool {
	return strings.ContainsRune("\"'`$%~#;!^", r) || r == '\\' && runtime.GOOS != "windows" ||
		unicode.IsControl(r) || r != ' ' && unicode.IsSpace(r)
}

func needsQuotes(r rune) bool {
	return r < 0x80 && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(`/\._-+:@,=`, r))
}

// Ours tells whether a credential_process runs our helper, wherever it is
// installed, and for which profile of ours.
func Ours(command string) (profile string, ours bool) {
	_, rest := split(command)
	words := strings.Fields(rest)
	if program(command) != helperName || len(words) == 0 {
		return "", false
	}
	return words[0], true
}

// Program is the path of the program that a command runs, without quotes.
func Program(command string) string {
	path, _ := split(command)
	return path
}

// program is the name of the program that a command runs, without folder and
// the .exe of Windows.
func program(command string) string {
	name, _ := split(command)
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	return strings.TrimSuffix(name, ".exe")
}

// split parts a command from its arguments; it may stand in double quotes.
func split(command string) (name, rest string) {
	if quoted, ok := strings.CutPrefix(command, `"`); ok {
		name, rest, _ = strings.Cut(quoted, `"`)
		return name, rest
	}
	name, rest, _ = strings.Cut(command, " ")
	return name, rest
}
