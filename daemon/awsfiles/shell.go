package awsfiles

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/awskeyd/awskeyd/store/secret"
)

// startUp are the files that shells read at their start, below the home, as the
// manuals of bash, zsh, ksh, csh, fish and PowerShell name them.
var startUp = []string{
	".profile", ".bash_profile", ".bash_login", ".bashrc", ".bash_aliases", ".zshenv", ".zprofile", ".zshrc", ".zlogin",
	".kshrc", ".login", ".cshrc", ".tcshrc", ".envrc", ".config/fish/config.fish", ".config/fish/conf.d/*.fish",
	".config/powershell/*profile.ps1", "Documents/PowerShell/*profile.ps1", "Documents/WindowsPowerShell/*profile.ps1",
}

// assigned finds a variable that is given a value, in any shell's way. What begins
// with $ or a command is no plaintext.
var assigned = regexp.MustCompile(`(AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)(?:\s*=\s*|\s+)["']?([A-Za-z0-9/+=]{16,})`)

// Shells finds the access keys that stand in plaintext in the start-up files of the
// shells, one file after another, lines that are commented out included: a copy is
// a copy. The files are never edited.
func Shells(home string) []Finding {
	var found []Finding
	for _, pattern := range startUp {
		paths, _ := filepath.Glob(filepath.Join(home, pattern)) // its only error is a bad pattern
		for _, path := range paths {
			data, err := read(path)
			if err != nil {
				found = append(found, Finding{Static: Static{Places: []Place{{path, 0}}}, Why: err})
				continue
			}
			found = append(found, shellKeys(path, string(data))...)
		}
	}
	return found
}

// shellKeys pairs each id with the nearest secret that follows or went before.
func shellKeys(path, text string) []Finding {
	var found []Finding
	var id, key string
	var places []Place
	end := func(why error) {
		f := Finding{Static: Static{AccessKeyID: id, Secret: secret.New(key), Places: places}}
		if why == nil {
			why = checkPair(id, key)
		}
		if why == nil && id == exampleID {
			why = errExample
		}
		if why != nil {
			f = Finding{Static: Static{Places: places}, Why: fmt.Errorf("%s:%d: %w", path, places[0].Line, why)}
		}
		found = append(found, f)
		id, key, places = "", "", nil
	}
	at := 0
	for line := range strings.Lines(text) {
		at++
		for _, m := range assigned.FindAllStringSubmatch(line, -1) {
			name, value := m[1], m[2]
			if name == "AWS_ACCESS_KEY_ID" && id != "" || name == "AWS_SECRET_ACCESS_KEY" && key != "" {
				end(nil) // half a pair: another one begins
			}
			if n := len(places); n == 0 || places[n-1].Line != at {
				places = append(places, Place{path, at})
			}
			switch name {
			case "AWS_ACCESS_KEY_ID":
				id = value
			case "AWS_SECRET_ACCESS_KEY":
				key = value
			default:
				end(errToken)
				continue
			}
			if id != "" && key != "" && !strings.HasPrefix(id, "ASIA") { // else its token is still to come
				end(nil)
			}
		}
	}
	if len(places) > 0 {
		end(nil)
	}
	return found
}

var errToken = errors.New("a session token stands here, so the key is temporary; awskeyd holds the keys of IAM users")
