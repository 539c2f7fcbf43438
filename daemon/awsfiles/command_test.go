package awsfiles

import (
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/bin/awskey-helper":              "/usr/bin/awskey-helper work",
		"/home/jörg/.local/bin/awskey-helper": "/home/jörg/.local/bin/awskey-helper work",
		"/a b/awskey-helper":                  `"/a b/awskey-helper" work`,
		"/a(1)&co/awskey-helper":              `"/a(1)&co/awskey-helper" work`,
	} {
		got, err := Command(path, "work")
		if err != nil || got != want {
			t.Errorf("%s: %s %v", path, got, err)
		}
		if p, ours := Ours(got); p != "work" || !ours {
			t.Errorf("%s is not ours: %q %v", got, p, ours)
		}
	}
	for _, path := range []string{
		"awskey-helper", "", "~/awskey-helper", "/a'b", `/a"b`, "/a$b", "/a`b", "/a%b", "/a~b", "/a#b", "/a;b", "/a!b", "/a^b",
		`/a\b`, "/a\nb", "/a\tb", "/a\x7fb", "/a\u00a0b", "/a\xffb",
	} {
		if got, err := Command(path, "work"); err == nil {
			t.Errorf("%q gave %s", path, got)
		}
	}
	for _, profile := range []string{"", "a b", `"a"`, "-x", "ä", "a;b", strings.Repeat("x", 65)} {
		if got, err := Command("/usr/bin/awskey-helper", profile); err == nil {
			t.Errorf("profile %q gave %s", profile, got)
		}
	}
}

func TestOurs(t *testing.T) {
	for command, want := range map[string]string{
		`"C:\Program Files\awskeyd\awskey-helper.exe" work`: "work",
		"awskey-helper  work # mine":                        "work",
		"/x/awskey-helper":                                  "",
		"/x/awskey-helpers work":                            "",
		"sh -c awskey-helper work":                          "",
		`"/x/awskey-helper work`:                            "",
		"":                                                  "",
	} {
		if got, ours := Ours(command); got != want || ours != (want != "") {
			t.Errorf("%q: %q %v", command, got, ours)
		}
	}
}
