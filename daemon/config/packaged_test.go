package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What packages put into /etc says nothing; where it names what counts anyhow that
// is so, and its examples are taken.
func TestTheSettingsThatPackagesBring(t *testing.T) {
	data, err := os.ReadFile("../../packaging/release/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	read := func(text string) *Config {
		t.Helper()
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Paths{System: path})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		c.prints = [2]string{}
		return c
	}
	nothing := read("")
	if c := read(string(data)); fmt.Sprint(c) != fmt.Sprint(nothing) {
		t.Errorf("it says something as it comes: %+v", c)
	}
	written := regexp.MustCompile(`(?m)^#(\[|[a-z_]+ = )`).ReplaceAllString(string(data), "$1")
	if c := read(written); fmt.Sprint(c) != fmt.Sprint(nothing) || written == string(data) {
		t.Errorf("these are not the defaults: %+v, which are %+v", c, nothing)
	}
	example := regexp.MustCompile(`(?m)^# ([a-z_]+ = )`)
	examples := example.FindAllStringIndex(string(data), -1)
	for _, at := range examples {
		one := string(data[:at[0]]) + string(data[at[0]+2:]) // without its "# "
		one = regexp.MustCompile(`(?m)^#\[`).ReplaceAllString(one, "[")
		if c := read(one); fmt.Sprint(c) == fmt.Sprint(nothing) {
			t.Errorf("this example changes nothing: %s", strings.SplitN(one[at[0]:], "\n", 2)[0])
		}
	}
	if len(examples) < 5 {
		t.Errorf("only %d examples were found", len(examples))
	}
}
