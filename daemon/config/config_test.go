package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// read builds a configuration from texts, as load does from files.
func read(user, system string) (*Config, error) {
	whole := newLayer()
	for _, f := range []struct{ name, text string }{{"/etc/config.toml", system}, {"config.toml", user}} {
		l, err := parse(f.name, []byte(f.text), march)
		if err != nil {
			return nil, err
		}
		whole = l.over(whole)
	}
	return build(whole, march)
}

func TestWholePage(t *testing.T) {
	c, err := read(bom+`
[store]
backend = "file"
passphrase_file = "/run/secrets/awskeyd"

[aws]
region = "eu-west-1"
endpoint_url = "https://aws.example:8443"
proxy = "http://user:canary@proxy.example:3128"
ca_bundle = "/etc/ssl/company.pem"
fips = true

[rotation]
every = "80d"
ttl = "2h"
prove = "90s"
settle = "30m"
grace = "36h"
imported_grace = "10d"
monitor = "8d"

[monitor]
regions = ["eu-west-1", "us-east-1", "eu-north-1"]
log_group = "/aws/cloudtrail/all"
alarms = ["Failed log-ins: größer 3", "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a b"]

[keys.Work]
every = "30d"
region = "us-gov-west-1"
rotate_with = "Dev"
[keys.cron]
schedule = "0 10 1 */2 *"
[keys.bare]

[profiles.work]
key = "Work"
[profiles.Dev]
key = "cron"
serve = "key"
`, "")
	if err != nil {
		t.Fatal(err)
	}
	aws := AWS{"eu-west-1", "https://aws.example:8443", "http://user:canary@proxy.example:3128", "", "/etc/ssl/company.pem", true}
	inWork := aws
	inWork.Region = "us-gov-west-1"
	base := RotationSettings{
		Every: 80 * day, TTL: 2 * time.Hour, Prove: 90 * time.Second, Settle: 30 * time.Minute,
		Grace: 36 * time.Hour, ImportedGrace: 10 * day, Monitor: 8 * day,
	}
	work, cron := base, base
	work.Every = 30 * day
	cron.Every, cron.Schedule = 0, "0 10 1 */2 *"
	for _, got := range []struct{ is, want any }{
		{c.Store(), Store{Backend: "file", PassphraseFile: "/run/secrets/awskeyd"}},
		{c.AWS("any"), aws}, {c.AWS("work"), inWork}, {c.AWS("bare"), aws},
		{c.Rotation("any"), base}, {c.Rotation("WORK"), work}, {c.Rotation("cron"), cron}, {c.Rotation("bare"), base},
		{c.Keys(), []string{"Work", "bare", "cron"}},
		{c.Profiles(), []Profile{{"Dev", "cron", "key"}, {"work", "Work", "key"}}},
		{c.Monitor(), Monitor{[]string{"eu-west-1", "us-east-1", "eu-north-1"}, "/aws/cloudtrail/all", []string{"Failed log-ins: größer 3", "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a b"}}},
		{c.RotateWith("work"), "cron"}, {c.RotateWith("cron"), ""}, {c.RotateWith("any"), ""},
		{c.KeyOfProfile("dev"), "cron"}, {c.KeyOfProfile("work"), "Work"}, {c.KeyOfProfile("other"), "other"},
		{c.LimitsLifted(), false},
	} {
		if !reflect.DeepEqual(got.is, got.want) {
			t.Errorf("got %+v, want %+v", got.is, got.want)
		}
	}
}

// A keychain that forgets has to be insisted on, in whichever file.
func TestAForgetfulStore(t *testing.T) {
	c, err := read("[store]\nbackend = \"keyctl\"\nvolatile = true\n", "")
	if err != nil || c.Store() != (Store{Backend: "keyctl", Volatile: true}) {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := read("[store]\nvolatile = true\n", "[store]\nbackend = \"keyctl\"\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := read("", "[store]\nbackend = \"keyctl\"\n"); err == nil {
		t.Fatal("taken without a word")
	}
}

// What is not written adapts to what is: grace = min(24h, every/4), monitor =
// min(7d, every/4), imported_grace at most every/2, and neither grace less
// than ttl + settle.
func TestAdapts(t *testing.T) {
	for text, want := range map[string]RotationSettings{
		``:              {Every: 75 * day, Grace: day, ImportedGrace: 7 * day, Monitor: 7 * day},
		`every = "28d"`: {Every: 28 * day, Grace: day, ImportedGrace: 7 * day, Monitor: 7 * day},
		`every = "12d"`: {Every: 12 * day, Grace: day, ImportedGrace: 6 * day, Monitor: 3 * day},
		`every = "2d"`:  {Every: 2 * day, Grace: 12 * time.Hour, ImportedGrace: day, Monitor: 12 * time.Hour},
		`every = "1d"`:  {Every: day, Grace: 6 * time.Hour, ImportedGrace: 12 * time.Hour, Monitor: 6 * time.Hour},
		// Written values stay; the others still adapt to every.
		"every = \"8d\"\ngrace = \"4d\"": {Every: 8 * day, Grace: 4 * day, ImportedGrace: 4 * day, Monitor: 2 * day},
		"every = \"1d\"\nttl = \"12h\"":  {Every: day, TTL: 12 * time.Hour, Grace: 12*time.Hour + 20*time.Minute, ImportedGrace: 12*time.Hour + 20*time.Minute, Monitor: 6 * time.Hour},
		`schedule = "0 10 * * *"`:        {Schedule: "0 10 * * *", Grace: 6 * time.Hour, ImportedGrace: 12 * time.Hour, Monitor: 6 * time.Hour},
		`schedule = "0 10 1 * *"`:        {Schedule: "0 10 1 * *", Grace: day, ImportedGrace: 7 * day, Monitor: 7 * day},
	} {
		if want.TTL == 0 {
			want.TTL = time.Hour
		}
		want.Prove, want.Settle = time.Minute, 20*time.Minute
		c, err := read("[rotation]\n"+text, "")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Rotation("any"); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", text, got, want)
		}
	}
}

func TestLoopbackLiftsLimits(t *testing.T) {
	const seconds = "[rotation]\nevery = \"2s\"\nttl = \"500ms\"\nprove = \"0s\"\nsettle = \"0s\"\ngrace = \"1ms\"\nmonitor = \"9d\"\n[keys.a]\nschedule = \"* * * * *\"\n[keys.b]\n"
	for _, url := range []string{"http://127.0.0.1:4599", "http://localhost", "https://[::1]:1/", "http://127.9.9.9"} {
		c, err := read("[aws]\nendpoint_url = \""+url+"\"\n"+seconds, "")
		if err != nil || !c.LimitsLifted() {
			t.Errorf("%s: %v", url, err)
			continue
		}
		want := RotationSettings{Every: 2 * time.Second, TTL: 500 * time.Millisecond, Grace: time.Millisecond, ImportedGrace: time.Second, Monitor: 9 * day}
		if got := c.Rotation("b"); got != want {
			t.Errorf("%+v", got)
		}
	}
	// The system's file may name the endpoint as well.
	if _, err := read(seconds, "[aws]\nendpoint_url = \"http://localhost\"\n"); err != nil {
		t.Error(err)
	}
	for _, url := range []string{"https://localhost.example", "https://aws.example", "https://10.0.0.1"} {
		if _, err := read("[aws]\nendpoint_url = \""+url+"\"\n"+seconds, ""); err == nil {
			t.Errorf("%s lifts the limits", url)
		}
	}
	if _, err := read("[aws]\nendpoint_url = \"http://localhost\"\n[rotation]\nevery = \"0s\"", ""); err == nil {
		t.Error("every = 0s would turn for ever")
	}
}

func TestUserOverSystem(t *testing.T) {
	const system = `
[store]
backend = "secret-service"
[rotation]
schedule = "0 10 1 * *"
ttl = "2h"
[keys.work]
ttl = "3h"
region = "eu-west-1"
[profiles.dev]
key = "work"
`
	c, err := read("[rotation]\nevery = \"40d\"\nttl = \"4h\"\n[keys.WORK]\nregion = \"eu-north-1\"\n[profiles.dev]\nkey = \"home\"\n", system)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Rotation("any"); got.Every != 40*day || got.Schedule != "" || got.TTL != 4*time.Hour {
		t.Errorf("%+v", got)
	}
	// The key's own table is nearer than [rotation], in whichever file.
	if got := c.Rotation("work"); got.TTL != 3*time.Hour || c.AWS("work").Region != "eu-north-1" || c.Keys()[0] != "WORK" {
		t.Errorf("%+v %+v %v", got, c.AWS("work"), c.Keys())
	}
	if c.Store().Backend != "secret-service" || c.KeyOfProfile("dev") != "home" || len(c.Profiles()) != 1 {
		t.Errorf("%v %v", c.Store(), c.Profiles())
	}
	other, err := read("[rotation]\nttl = \"1h\"", system)
	if err != nil || !c.SameStore(other) || !c.SameAWS(other) {
		t.Errorf("%v", err)
	}
	other, err = read("[store]\nbackend = \"file\"\n[aws]\nfips = true", system)
	if err != nil || c.SameStore(other) || c.SameAWS(other) {
		t.Errorf("%v", err)
	}
}

func TestMonitor(t *testing.T) {
	const system = "[monitor]\nregions = [\"eu-west-1\"]\nlog_group = \"trail\"\nalarms = [\"a\", \"b\"]\n"
	for text, want := range map[string]Monitor{
		"":                              {[]string{"eu-west-1"}, "trail", []string{"a", "b"}},
		"[monitor]\nalarms = [\"c\"]\n": {[]string{"eu-west-1"}, "trail", []string{"c"}}, // a list replaces
		"[monitor]\nregions = []\nlog_group = \"\"\nalarms = []\n":                            {[]string{}, "", []string{}},
		"[monitor]\nlog_group = \"arn:aws-cn:logs:cn-north-1:123456789012:log-group:/a/b:*\"": {[]string{"eu-west-1"}, "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/a/b:*", []string{"a", "b"}},
		"monitor = { regions = [\"eu-north-1\"], log_group = \"x\" }":                         {[]string{"eu-north-1"}, "x", []string{"a", "b"}},
	} {
		c, err := read(text, system)
		if err != nil || !reflect.DeepEqual(c.Monitor(), want) {
			t.Errorf("%q: %+v %v", text, c.Monitor(), err)
		}
	}
	c, err := read("", system)
	if err != nil {
		t.Fatal(err)
	}
	c.Monitor().Alarms[0] = "changed"
	if c.Monitor().Alarms[0] != "a" {
		t.Error("the configuration is changed by who reads it")
	}
	if c, err := read("", ""); err != nil || !reflect.DeepEqual(c.Monitor(), Monitor{}) {
		t.Errorf("without the table: %+v %v", c.Monitor(), err)
	}
}

// A profile named like its key need not be written, the key that it names need
// not have a table, and a chain that ends is no circle.
func TestRotateWith(t *testing.T) {
	c, err := read(`
[keys.a]
rotate_with = "B"
[keys.b]
rotate_with = "ci"
[keys.d]
rotate_with = "b"
[profiles.CI]
key = "Root.Admin"
`, "[keys.A]\nrotate_with = \"system\"\n[keys.c]\nrotate_with = \"a\"\n")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "B", "A": "B", "b": "Root.Admin", "c": "a", "d": "b", "Root.Admin": "", "any": ""} {
		if got := c.RotateWith(key); got != want {
			t.Errorf("%s is rotated with %q, not %q", key, got, want)
		}
	}
	// The user's file may take the circle out of the system's.
	const circle = "[keys.a]\nrotate_with = \"b\"\n[keys.b]\nrotate_with = \"a\"\n"
	if _, err := read("", circle); err == nil {
		t.Error("a circle in the system's file is taken")
	}
	if c, err := read("[keys.b]\nrotate_with = \"boss\"\n", circle); err != nil || c.RotateWith("a") != "b" || c.RotateWith("b") != "boss" {
		t.Error(err)
	}
}

func TestNoSecretInErrors(t *testing.T) {
	for _, text := range []string{
		"[aws]\nproxy = \"ftp://u:canary@x\"", "[aws]\nproxy = \"canary\"", "[aws]\nendpoint_url = \"https://u:canary@x\"",
		"[aws]\nendpoint_url = \"http://x/?canary\"", "[aws]\nsecret_access_key = \"canary\"", "[aws]\nsecret = canary", "[aws]\nproxy = canary",
	} {
		_, err := read(text, "")
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzVersion: one number is ours, a greater one is a newer awskeyd's, and none is
// taken for another.
func FuzzVersion(f *testing.F) {
	for _, n := range []int64{1, 2, 0, -1, 1 << 40, math.MaxInt64, math.MinInt64} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		_, err := read(fmt.Sprintf("version = %d\n[colours]\n", n), "")
		switch said := err.Error(); {
		case n == version && strings.Contains(said, "[colours] is no table"):
		case n > version && strings.Contains(said, "for a newer awskeyd"):
		case n < version && strings.Contains(said, "write version = 1,"):
		default:
			t.Errorf("version %d: %s", n, said)
		}
	})
}

func FuzzConfig(f *testing.F) {
	for _, c := range badInputs {
		f.Add(c.text)
	}
	f.Add("[store]\nbackend='file'\n[aws]\nendpoint_url='http://[::1]'\nfips=true\n[rotation]\nevery='1s'\n[keys.A]\nschedule='0 1 1 * *'\n[profiles.p]\nkey='a'")
	f.Add("[monitor]\nregions = ['eu-west-1', 'us-east-1']\nlog_group = 'trail'\nalarms = ['a b']\n[keys.a]\nrotate_with = 'p'\n[keys.b]\nrotate_with = 'a'\n[profiles.p]\nkey = 'c'")
	f.Add("monitor = { regions = [], alarms = [] }\nkeys = { a = { rotate_with = \"b\" }, b = { rotate_with = \"c\" } }")
	f.Add("version = 1\n[aws]\nregion = 'eu-west-1'")
	f.Add("rotation.every = \"40d\"\nkeys = { a = { ttl = \"1h\" } }\r\n[profiles]\nx.key = 'a'")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 || strings.Count(text, ",") > 200 {
			return // long schedules are slow
		}
		c, err := read(text, "")
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Errorf("the error is more than a line: %q", err)
			}
			return
		}
		for _, key := range append(c.Keys(), "any") {
			r := c.Rotation(key)
			if (r.Every > 0) == (r.Schedule != "") || r.TTL <= 0 || r.Grace < 0 || r.Monitor < 0 || r.ImportedGrace < 0 {
				t.Errorf("%s: %+v", key, r)
			}
			if c.LimitsLifted() {
				continue
			}
			if r.TTL < 30*time.Minute || r.TTL > 12*time.Hour || r.Prove < 15*time.Second || r.Prove > 5*time.Minute || r.Settle < 20*time.Minute ||
				r.Monitor < time.Hour || r.Grace < r.TTL+r.Settle || r.ImportedGrace < r.TTL+r.Settle || r.Schedule == "" &&
				(r.Every < day || max(r.Grace, r.ImportedGrace)+r.Monitor >= r.Every) {
				t.Errorf("%s: %+v", key, r)
			}
		}
		if m := c.Monitor(); len(m.Regions) > 50 || len(m.Alarms) > 100 || slices.ContainsFunc(m.Regions, func(r string) bool { return !validRegion.MatchString(r) }) {
			t.Errorf("%+v", m)
		}
		for _, key := range c.Keys() {
			steps := 0
			for at := key; at != ""; at = c.RotateWith(at) {
				if steps++; steps > len(c.Keys())+1 {
					t.Fatalf("%s is rotated in a circle", key)
				}
			}
		}
		// What was accepted is accepted again, and with a backend put in.
		if again, err := read(text, ""); err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("not the same again: %v", err)
		}
		edited, err := setBackend("config.toml", []byte(text), "file")
		if err != nil {
			return
		}
		with, err := read(string(edited), "")
		if err != nil || with.Store().Backend != "file" {
			t.Fatalf("%q became %q: %v", text, edited, err)
		}
		with.store.Backend = c.store.Backend
		if !reflect.DeepEqual(c, with) {
			t.Errorf("%q became %q", text, edited)
		}
	})
}
