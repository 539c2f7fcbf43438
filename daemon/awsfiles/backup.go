package awsfiles

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/atomicfile"
)

// backupEnd is added to the name of a file for the copy that shows what it was like
// before awskeyd came. It is no name that a search for forgotten copies looks at.
const backupEnd = ".before-awskey"

// keepBefore writes, before the first edit of a file, a copy of it without secrets
// beside it, mode 0600. One that is there already tells of an earlier time and stays.
// Beside a link it stands beside the link: what the link leads to may be published.
func keepBefore(path string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if _, err := os.Lstat(path + backupEnd); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return atomicfile.Write(path+backupEnd, []byte(withoutSecrets(string(data))), 0o600)
}

var (
	// secretSetting is a line that may hold a secret, in a comment or made for a shell
	// as well. Other tools keep theirs here, too, and one word too many does no harm.
	secretSetting = regexp.MustCompile(`(?i)^([^=:]*(?:secret|token|passw|passphrase)[^=:]*[=:]\s*)(.*)$`)
	// secretShaped is what AWS makes secret access keys of, and as long or longer.
	secretShaped = regexp.MustCompile(`[A-Za-z0-9/+]{40,}={0,2}`)
)

// withoutSecrets puts a word in place of every value that may be a secret: by the
// name it stands behind, by its shape, or because it stands somewhere by such a name.
func withoutSecrets(text string) string {
	var b strings.Builder
	var values []string
	below := false // an indented line goes on with the value above
	for line := range strings.Lines(text) {
		body := strings.TrimRight(line, "\r\n")
		ending := line[len(body):]
		parts := secretSetting.FindStringSubmatch(body)
		indented := body != strings.TrimLeft(body, " \t")
		switch {
		case parts != nil:
			below = true
			if value := trim(parts[2]); value != "" {
				values = append(values, value)
				body = parts[1] + masked
			}
		case below && indented && trim(body) != "":
			body = body[:len(body)-len(strings.TrimLeft(body, " \t"))] + masked
		case trim(body) != "":
			below = false
		}
		b.WriteString(secretShaped.ReplaceAllLiteralString(body, masked) + ending)
	}
	text = b.String()
	for _, value := range values {
		if len(value) >= 8 { // a shorter one is no secret, and may be part of any word
			text = strings.ReplaceAll(text, value, masked)
		}
	}
	return text
}
