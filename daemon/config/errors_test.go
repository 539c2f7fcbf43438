package config

import (
	"strings"
	"testing"
)

var badInputs = []struct{ text, want string }{
	// Syntax.
	{"[rotation]\nevery = \"30d", `config.toml:2: not TOML: unterminated basic string`},
	{"[rotation]\n\nevery = 30d\n", `config.toml:3: not TOML: strings must be quoted; write every = "30d"`},
	{"[rotation]\nevery = \"30d\"\nevery = \"30d\"", `config.toml:3: not TOML: key every is already defined`},
	{"[[keys]]\n", `config.toml:1: [[keys]] begins a list of tables; write [keys]`},
	// Versions: of a newer file nothing else is looked at.
	{"[colours]\n[store]\nbackend = 7\nversion.x = 1\n[version]\n", `config.toml:5: version is the number of the configuration's format; write version = 1, above the tables`},
	{"version = 2\n\n[colours]\n", `config.toml:1: version = 2: this file is for a newer awskeyd, this one reads version 1; install that one again, or write version = 1 and take out what is new`},
	{"\nversion = 0\n", `config.toml:2: version is the number of the configuration's format; write version = 1, above the tables`},
	{"version = \"1\"\n", `config.toml:1: version is the number of the configuration's format; write version = 1, above the tables`},
	{"[store]\nversion = 1\n", `config.toml:2: [store] version is no setting; the settings here are backend, passphrase_file, volatile, lock_on`},
	// Unknown names.
	{"[rotaton]\n", `config.toml:1: [rotaton] is no table of the configuration; write [rotation]`},
	{"[key.work]\nevery = \"3d\"", `config.toml:1: [key.work] is no table of the configuration; write [keys.work]`},
	{"[colours]\n", `config.toml:1: [colours] is no table of the configuration; the tables are [store], [aws], [rotation], [monitor], [guard], [service], [keys], [profiles]`},
	{"# x\nevery = \"3d\"\n", `config.toml:2: every stands in no table; write it below [rotation]`},
	{"x = 3\n", `config.toml:1: x is no setting; the tables are [store], [aws], [rotation], [monitor], [guard], [service], [keys], [profiles]`},
	{"rotation = 3\n", `config.toml:1: rotation is a table; write [rotation], and its settings in the lines below`},
	{"[rotation]\nttl = \"1h\"\nevry = \"3d\"\n", `config.toml:3: [rotation] evry is no setting; write every`},
	{"[rotation]\nTTL = \"1h\"\n", `config.toml:2: [rotation] TTL is no setting; write ttl`},
	{"[store]\npassword = \"x\"\n", `config.toml:2: [store] password is no setting; the settings here are backend, passphrase_file, volatile, lock_on`},
	{"[rotation.every]\n", `config.toml:1: [rotation.every] is no table here; the settings of [rotation] are every, schedule, ttl, prove, settle, grace, imported_grace, monitor`},
	{"[keys.a.b]\n", `config.toml:1: [keys.a.b] is no table here; the settings of [keys.a] are region, rotate_with, every, schedule, ttl, prove, settle, grace, imported_grace, monitor`},
	{"[keys]\nwork = \"30d\"\n", `config.toml:2: [keys] work: each of the keys has a table of its own; write [keys.work]`},
	{"[profiles.a]\nkey=\"a\"\nregion = \"eu-west-1\"\n", `config.toml:3: [profiles.a] region is no setting; the settings here are key, serve`},
	// Not built yet.
	{"[guard]\nadopt = \"yes\"\n", `config.toml:2: [guard] adopt is true or false, without quotes; write adopt = true`},
	{"[guard]\nadoption = true\n", `config.toml:2: [guard] adoption is no setting; the settings here are adopt, downloads`},
	{"downloads = true\n", `config.toml:1: downloads stands in no table; write it below [guard]`},
	// Occasions to lock.
	{"[store]\nlock_on = \"sleep\"\n", `config.toml:2: [store] lock_on is a list in brackets; write for example lock_on = ["sleep", "screen-lock"]`},
	{"[store]\n\nlock_on = [\"lunch\"]\n", `config.toml:3: [store] lock_on: "lunch" is no occasion; there are "sleep", "screen-lock" and "idle 30m"; write for example lock_on = ["sleep", "screen-lock"]`},
	{"[store]\nlock_on = [\"sleep\", \"sleep\"]\n", `config.toml:2: [store] lock_on names "sleep" twice; delete one of the two`},
	{"[store]\nlock_on = [\"idle\"]\n", `config.toml:2: [store] lock_on: "idle" is no occasion; there are "sleep", "screen-lock" and "idle 30m"; write for example lock_on = ["sleep", "screen-lock"]`},
	{"[store]\nlock_on = [\"idle 30 minutes\"]\n", `config.toml:2: [store] lock_on: "idle 30 minutes" is no occasion; there are "sleep", "screen-lock" and "idle 30m"; write for example lock_on = ["sleep", "screen-lock"]`},
	{"[store]\nlock_on = [\"idle 10m\", \"idle 20m\"]\n", `config.toml:2: [store] lock_on names idle twice; delete one of the two`},
	{"[store]\nlock_on = [\"idle 10s\"]\n", `config.toml:2: [store] lock_on: "idle 10s" is too short; write "idle 1m" at least`},
	{"[profiles.a]\nkey = \"a\"\nserve = \"role\"\n", `config.toml:3: [profiles.a] serve = "role": serve "role" is not built yet; write serve = "key"`},
	// Values of the wrong kind or form.
	{"[rotation]\nevery = 30\n", `config.toml:2: [rotation] every is a duration with its unit in quotes; write for example every = "75d"`},
	{"[aws]\nregion = [\"eu-west-1\"]\n", `config.toml:2: [aws] region is a text in quotes; write for example region = "eu-west-1"`},
	{"[aws]\nfips = \"yes\"\n", `config.toml:2: [aws] fips is true or false, without quotes; write fips = true`},
	{"[rotation]\nevery = \"3 days\"\n", `config.toml:2: [rotation] every = "3 days": a duration is written like "3d"; write every = "3d"`},
	{"[rotation]\nttl = \"soon\"\n", `config.toml:2: [rotation] ttl = "soon": a duration is written like "3d", "12h" or "1d12h"; write for example ttl = "60m"`},
	{"[store]\nbackend = \"secretservice\"\n", `config.toml:2: [store] backend = "secretservice" is unknown; write backend = "secret-service"`},
	{"[store]\nbackend = \"vault-of-gold\"\n", `config.toml:2: [store] backend = "vault-of-gold" is unknown; here are ` + list(Backends())},
	{"[aws]\nregion = \"Frankfurt\"\n", `config.toml:2: [aws] region = "Frankfurt" is no region of AWS; write for example region = "eu-west-1"`},
	{"[aws]\nendpoint_url = \"aws.example\"\n", `config.toml:2: [aws] endpoint_url is no plain web address; write for example endpoint_url = "https://aws.example"`},
	{"[aws]\nendpoint_url = \"http://aws.example/x\"\n", `config.toml:2: [aws] endpoint_url: plain http would show your requests to the network and is only for this machine; write endpoint_url = "https://aws.example/x"`},
	{"[aws]\nproxy = \"proxy:3128\"\n", `config.toml:2: [aws] proxy is no address of a proxy; write for example proxy = "http://proxy.example:3128"`},
	{"[aws]\nca_bundle = \"ca.pem\"\n", `config.toml:2: [aws] ca_bundle = "ca.pem": the path must begin at the root; write for example ca_bundle = "/etc/ssl/certs/company.pem"`},
	{"[store]\nbackend = \"keyctl\"\n", `config.toml:2: [store] backend = "keyctl" forgets every key when the machine restarts; if that is what you want, write volatile = true below it`},
	{"[store]\nvolatile = false\nbackend = \"keyctl\"\n", `config.toml:3: [store] backend = "keyctl" forgets every key when the machine restarts; if that is what you want, write volatile = true below it`},
	{"[store]\nvolatile = \"yes\"\n", `config.toml:2: [store] volatile is true or false, without quotes; write volatile = true`},
	{"[store]\nbackend = \"wincred\"\n", `config.toml:2: [store] backend = "wincred" is not for this system, linux; write one of ` + list(Backends())},
	{"[keys.\"a b\"]\n", `config.toml:1: [keys."a b"]: a name has up to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit`},
	{"[keys.work]\n\n[keys.Work]\n", `config.toml:3: [keys.Work] and [keys.work] (line 1) are the same name, since case does not count; write them as one table`},
	{"[profiles.a]\nserve = \"key\"\n", `config.toml:1: [profiles.a] names no key; write key = "a" below it`},
	{"[profiles.a]\nkey = \"-x\"\n", `config.toml:2: [profiles.a] key = "-x": a key's name has up to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit`},
	// Lists, and where to look for trouble.
	{"[moniter]\n", `config.toml:1: [moniter] is no table of the configuration; write [monitor]`},
	{"monitor = \"7d\"\n", `config.toml:1: monitor stands in no table; write it below [rotation]`},
	{"monitor = []\n", `config.toml:1: monitor stands in no table; write it below [rotation]`},
	{"alarms = []\n", `config.toml:1: alarms stands in no table; write it below [monitor]`},
	{"[monitor]\nregion = []\n", `config.toml:2: [monitor] region is no setting; write regions`},
	{"[monitor]\nevery = \"7d\"\n", `config.toml:2: [monitor] every is no setting; the settings here are regions, log_group, alarms`},
	{"[monitor.regions]\n", `config.toml:1: [monitor.regions] is no table here; the settings of [monitor] are regions, log_group, alarms`},
	{"[[monitor]]\n", `config.toml:1: [[monitor]] begins a list of tables; write [monitor]`},
	{"[monitor]\nregions = \"eu-west-1\"\n", `config.toml:2: [monitor] regions is a list in brackets; write for example regions = ["eu-west-1"]`},
	{"[monitor]\nregions = eu-west-1\n", `config.toml:2: not TOML: unexpected character U+0065 'e' at start of value; write regions = ["eu-west-1"]`},
	{"[monitor]\nregions = [1]\n", `config.toml:2: [monitor] regions is a list of texts in quotes; write for example regions = ["eu-west-1"]`},
	{"[monitor]\nregions = [{ a = \"eu-west-1\" }]\n", `config.toml:2: [monitor] regions is a list of texts in quotes; write for example regions = ["eu-west-1"]`},
	{"[monitor]\n\nregions = [\n  \"eu-west-1\",\n  \"Frankfurt\",\n]\n", `config.toml:3: [monitor] regions: "Frankfurt" is no region of AWS; write for example regions = ["eu-west-1"]`},
	{"[monitor]\nregions = [\"eu-west-1\", \"eu-west-1\"]\n", `config.toml:2: [monitor] regions names "eu-west-1" twice; delete one of the two`},
	{"[monitor]\nalarms = [\"\"]\n", `config.toml:2: [monitor] alarms: "" is no name of an alarm, nor its ARN; write for example alarms = ["failed-logins"]`},
	{"[monitor]\nalarms = [" + strings.Repeat("\"a\",", 101) + "]\n", `config.toml:2: [monitor] alarms has 101 items and may have 100; write the most important ones`},
	{"[monitor]\nlog_group = [\"trail\"]\n", `config.toml:2: [monitor] log_group is a text in quotes; write for example log_group = "cloudtrail"`},
	{"[monitor]\nlog_group = \"arn:aws:logs:eu-west-1:1:group:x\"\n", `config.toml:2: [monitor] log_group = "arn:aws:logs:eu-west-1:1:group:x" is no name of a log group, nor its ARN; write for example log_group = "cloudtrail"`},
	{"[monitor]\nlog_group = \"trail:*\"\n", `config.toml:2: [monitor] log_group = "trail:*" is no name of a log group, nor its ARN; write for example log_group = "cloudtrail"`},
	// Administrator rotation.
	{"[rotation]\nrotate_with = \"boss\"\n", `config.toml:2: [rotation] rotate_with is no setting; the settings here are every, schedule, ttl, prove, settle, grace, imported_grace, monitor`},
	{"rotate_with = \"boss\"\n", `config.toml:1: rotate_with stands in no table; write it below [keys.NAME]`},
	{"[keys.a]\nrotate_with = true\n", `config.toml:2: [keys.a] rotate_with is a text in quotes; write for example rotate_with = "admin"`},
	{"[keys.a]\nrotate_with = \"\"\n", `config.toml:2: [keys.a] rotate_with = "": a profile's name has up to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit`},
	{"[keys.a]\nrotate_with = \"A\"\n", `config.toml:2: [keys.a] rotate_with = "A" is a profile of this very key; delete the line, or write a profile of another user's key`},
	{"[profiles.ci]\nkey = \"A\"\n[keys.a]\nrotate_with = \"ci\"\n", `config.toml:4: [keys.a] rotate_with = "ci" is a profile of this very key; delete the line, or write a profile of another user's key`},
	{"[keys.a]\nrotate_with = \"b\"\n[keys.b]\nrotate_with = \"a\"\n", `config.toml:2: [keys.a] rotate_with = "b": the keys would rotate each other in a circle: a is rotated with b (line 2), b with a (line 4); delete one of these lines`},
	{"[keys.tail]\nrotate_with = \"a\"\n[keys.a]\nrotate_with = \"to-b\"\n[keys.B]\nrotate_with = \"c\"\n[keys.c]\nrotate_with = \"A\"\n[profiles.to-b]\nkey = \"b\"\n",
		`config.toml:4: [keys.a] rotate_with = "to-b": the keys would rotate each other in a circle: a is rotated with b (line 4), B with c (line 6), c with A (line 8); delete one of these lines`},
	// Schedules.
	{"[rotation]\nschedule = \"@daily\"\n", `config.toml:2: [rotation] schedule = "@daily": a schedule has five fields: minute, hour, day of the month, month, day of the week; write for example schedule = "0 10 1 */2 *"`},
	{"[rotation]\nschedule = \"61 0 1 1 *\"\n", `config.toml:2: [rotation] schedule = "61 0 1 1 *": a field is not one of cron's; write for example schedule = "0 10 1 */2 *"`},
	{"[keys.a]\nschedule = \"0 0 30 2 *\"\n", `config.toml:2: [keys.a] schedule = "0 0 30 2 *": no such day comes; write for example schedule = "0 10 1 */2 *"`},
	{"[keys.a]\nevery = \"30d\"\nschedule = \"0 10 1 * *\"\n", `config.toml:3: [keys.a] has every (line 2) and schedule; keep one of the two`},
	{"[rotation]\nschedule = \"0 */6 * * *\"\n", `config.toml:2: [rotation] schedule = "0 */6 * * *" comes every 6h, and rotations are at least 1d apart; write for example schedule = "0 10 1 */2 *"`},
	// Limits.
	{"[rotation]\nevery = \"12h\"\n", `config.toml:2: [rotation] every = "12h" is too short: rotations are at least 1d apart; write every = "1d"`},
	{"[rotation]\nttl = \"10m\"\n", `config.toml:2: [rotation] ttl = "10m" is too short: credentials are handed out for 30m to 12h; write ttl = "30m"`},
	{"[keys.a]\nttl = \"1d\"\n", `config.toml:2: [keys.a] ttl = "1d" is too long: credentials are handed out for 30m to 12h; write ttl = "12h"`},
	{"[rotation]\nprove = \"10m\"\n", `config.toml:2: [rotation] prove = "10m" is too long: a new access key is proved for 15s to 5m; write prove = "5m"`},
	{"[rotation]\nsettle = \"0s\"\n", `config.toml:2: [rotation] settle = "0s" is too short: clocks that differ and requests already signed need 20m; write settle = "20m"`},
	{"[rotation]\nmonitor = \"1m\"\n", `config.toml:2: [rotation] monitor = "1m" is too short: an inactive access key is watched for 1h or more; write monitor = "1h"`},
	// Relations. The key's own value is to blame before one that suits others.
	{"[rotation]\ngrace = \"1h\"\n", `config.toml:2: [rotation] grace = "1h" is too short: it covers ttl (1h) and settle (20m); write grace = "1h20m"`},
	{"[rotation]\nimported_grace = \"1h\"\n", `config.toml:2: [rotation] imported_grace = "1h" is too short: it covers ttl (1h) and settle (20m); write imported_grace = "1h20m"`},
	{"[rotation]\nmonitor = \"75d\"\n", `config.toml:2: [rotation] monitor = "75d": grace (1d) and monitor (75d) must end before the next rotation (75d later); write monitor = "73d"`},
	{"[rotation]\nevery = \"8d\"\nmonitor = \"5d\"\n", `config.toml:3: [rotation] monitor = "5d": imported_grace, for an access key that was taken in, (4d) and monitor (5d) must end before the next rotation (8d later); write monitor = "3d"`},
	{"[rotation]\ngrace = \"70d\"\n", `config.toml:2: [rotation] grace = "70d": grace (70d) and monitor (7d) must end before the next rotation (75d later); write grace = "67d"`},
	{"[rotation]\nmonitor = \"20d\"\n[keys.a]\nevery = \"10d\"\n", `config.toml:4: [keys.a] every = "10d": grace (1d) and monitor (20d) must end before the next rotation (10d later); write every = "22d"`},
	{"[rotation]\nsettle = \"80d\"\n", `config.toml:2: [rotation] settle = "80d": grace (80d1h) and monitor (7d) must end before the next rotation (75d later); write a shorter settle, or let rotations be further apart`},
	{"[rotation]\nmonitor = \"40d\"\n[keys.a]\nschedule = \"0 10 1 * *\"\n", `config.toml:4: [keys.a] schedule = "0 10 1 * *": grace (1d) and monitor (40d) must end before the next rotation (28d later); write a shorter grace or monitor, or let rotations be further apart`},
}

func TestBadInput(t *testing.T) {
	for _, c := range badInputs {
		_, err := read(c.text, "")
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", strings.TrimSpace(c.text), err, c.want)
		}
	}
	// The system's file is held to the same, under its own name.
	_, err := read("[rotation]\nevery = \"10d\"\n", "\n[rotation]\nmonitor = \"20d\"\n")
	if want := `/etc/config.toml:3: [rotation] monitor = "20d": grace (1d) and monitor (20d) must end before the next rotation (10d later); write monitor = "8d"`; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	// A circle may lie in both files.
	_, err = read("[keys.a]\nrotate_with = \"b\"\n", "\n[keys.b]\nrotate_with = \"a\"\n")
	if want := `config.toml:2: [keys.a] rotate_with = "b": the keys would rotate each other in a circle: a is rotated with b (line 2), b with a (/etc/config.toml:3); delete one of these lines`; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}
