package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// What to write when nothing better can be guessed: the defaults, and
// examples where there is none.
var examples = map[string]string{
	"every": "75d", "schedule": "0 10 1 */2 *", "ttl": "60m", "prove": "60s", "settle": "20m", "grace": "24h",
	"imported_grace": "7d", "monitor": "7d", "region": "eu-west-1", "endpoint_url": "https://aws.example",
	"proxy": "http://proxy.example:3128", "no_proxy": "sts.internal.example,.example.com", "leave_after": "15m", "ca_bundle": "/etc/ssl/certs/company.pem", "passphrase_file": "/run/user/1000/passphrase",
	"backend": Backends()[0], "key": "work", "serve": "key", "rotate_with": "admin", "log_group": "cloudtrail",
}

var validRegion = regexp.MustCompile(`^[a-z0-9]{2,}(-[a-z0-9]+){2,}$`)

// check turns a value into a setting, with an error that says what to write.
// No error quotes a value that may hold a password.
func check(s setting, value any, now time.Time) (setting, error) {
	if isSwitch(s.name) {
		on, ok := value.(bool)
		if !ok {
			return s, s.at.errorf("%s %s is true or false, without quotes; write %s = true", s.table, s.name, s.name)
		}
		s.on, s.text = on, fmt.Sprint(on)
		return s, nil
	}
	if rule, isList := lists[s.name]; isList {
		s, err := checkList(s, value, rule)
		if err == nil && s.name == "lock_on" {
			err = checkLockOn(s, runtime.GOOS)
		}
		return s, err
	}
	text, ok := value.(string)
	if !ok {
		kind := "a text"
		if isDuration(s.name) {
			kind = "a duration with its unit"
		}
		return s, s.at.errorf("%s %s is %s in quotes; write for example %s = %q", s.table, s.name, kind, s.name, examples[s.name])
	}
	s.text = text
	if isDuration(s.name) {
		return checkDuration(s)
	}
	switch s.name {
	case "schedule":
		if _, err := checkSchedule(text, now); err != nil {
			return s, s.at.errorf("%s: %v; write for example schedule = %q", s, err, examples["schedule"])
		}
	case "backend":
		return s, checkBackend(s, runtime.GOOS)
	case "serve":
		return s, checkWord(s, []string{"key"}, notBuiltServes)
	case "key":
		if !validName.MatchString(text) {
			return s, s.at.errorf("%s: a key's name has up to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit", s)
		}
	case "rotate_with":
		if !validName.MatchString(text) {
			return s, s.at.errorf("%s: a profile's name has up to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit", s)
		}
	case "log_group":
		if text != "" && !validLogGroup(text) {
			return s, s.at.errorf("%s is no name of a log group, nor its ARN; write for example log_group = %q", s, examples["log_group"])
		}
	case "region":
		if !validRegion.MatchString(text) {
			return s, s.at.errorf("%s is no region of AWS; write for example region = %q", s, examples["region"])
		}
	case "no_proxy":
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' && r != ' ' || r == 0x7f }) {
			return s, s.at.errorf("%s no_proxy is no list of hosts; write for example no_proxy = %q", s.table, examples["no_proxy"])
		}
	case "passphrase_file", "ca_bundle":
		if !filepath.IsAbs(text) || strings.ContainsRune(text, 0) {
			return s, s.at.errorf("%s: the path must begin at the root; write for example %s = %q", s, s.name, examples[s.name])
		}
	case "endpoint_url":
		return s, checkEndpoint(s)
	case "proxy":
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return s, s.at.errorf("%s proxy is no address of a proxy; write for example proxy = %q", s.table, examples["proxy"])
		}
	}
	return s, nil
}

func isDuration(name string) bool {
	return name == "leave_after" || name != "schedule" && slices.Contains(rotationSettings, name)
}

func checkDuration(s setting) (setting, error) {
	d, err := ParseDuration(s.text)
	if err == nil {
		s.duration = d
		return s, nil
	}
	if meant, ok := guess(s.text); ok {
		return s, s.at.errorf("%s: a duration is written like %q; write %s = %q", s, meant, s.name, meant)
	}
	return s, s.at.errorf(`%s: a duration is written like "3d", "12h" or "1d12h"; write for example %s = %q`, s, s.name, examples[s.name])
}

func checkWord(s setting, known, notBuilt []string) error {
	switch {
	case slices.Contains(known, s.text):
		return nil
	case slices.Contains(notBuilt, s.text):
		return s.at.errorf("%s: %s %s is not built yet; write %s = %q", s, s.name, clip(s.text), s.name, known[0])
	}
	all := append(slices.Clone(known), notBuilt...)
	return s.at.errorf("%s is unknown; %s", s, suggest(s.text, all, "write "+s.name+` = "%s"`, "here is built: "+list(known)))
}

func checkEndpoint(s setting) error {
	u, err := url.Parse(s.text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return s.at.errorf("%s endpoint_url is no plain web address; write for example endpoint_url = %q", s.table, examples[s.name])
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return s.at.errorf("%s endpoint_url: plain http would show your requests to the network and is only for this machine; write endpoint_url = %q", s.table, "https"+strings.TrimPrefix(s.text, "http"))
	}
	return nil
}

// isLoopback holds for addresses of this machine alone. Of names only
// "localhost" is sure never to leave it (RFC 6761, section 6.3).
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
