package awsfiles

import (
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// What shlex says is right.
func TestShellWords(t *testing.T) {
	texts := []string{
		"profile work", "profile  work", " profile\twork ", `profile "my work"`, `profile 'my work'`, `profile my\ work`, `profile "a\"b"`, `profile "a\b\\c"`,
		`profile 'a\'`, `profile "open`, `profile 'open`, `profile end\`, `profile ""`, `profile a"b c"d`, "profile # x", "profile a;b", "", "  ", `"`, "profile b\u00fcro", "profile a\u00a0b",
	}
	question, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-X", "utf8", "-c", `
import json, shlex, sys
def split(s):
    try:
        return shlex.split(s)
    except ValueError:
        return None
print(json.dumps([split(s) for s in json.load(sys.stdin)]))
`)
	cmd.Stdin = strings.NewReader(string(question))
	answer, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	if err := json.Unmarshal(answer, &want); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		got, ok := shellWords(text)
		if ok != (want[i] != nil) || len(got)+len(want[i]) > 0 && !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%q: %q %v, want %q", text, got, ok, want[i])
		}
	}
}
