package awsfiles

import (
	"strings"
	"testing"
)

const (
	pair  = "aws_access_key_id = " + testID + "\naws_secret_access_key = " + testSecret + "\n"
	pair2 = "aws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY\n"
)

func TestStatic(t *testing.T) {
	for name, c := range map[string]struct {
		config, credentials string
		lines               string // c:1 of the credentials, f:1 of the config
	}{
		"credentials":          {"-", "[work]\n" + pair, "c2 c3"},
		"config":               {"[profile work]\n" + pair, "-", "f2 f3"},
		"default":              {"[default]\nregion = eu-west-1\n", "[default]\n" + pair, "c2 c3"},
		"both files, one key":  {"[profile work]\n" + pair, "# mine\n[work]\n" + pair, "c3 c4 f2 f3"},
		"the other way round":  {"-", "[work]\r\naws_secret_access_key=" + testSecret + "\r\nregion=x\r\nAWS_ACCESS_KEY_ID:" + testID + "\r\n", "c2 c4"},
		"among others":         {"[profile a]\nregion = x\n", "[a]\n" + pair2 + "\n[work]\n" + pair + "\n[b]\n" + pair2, "c6 c7"},
		"a mark and no ending": {"-", bom + "[work]\n" + strings.TrimSuffix(pair, "\n"), "c2 c3"},
		"beside a process":     {"[profile work]\ncredential_process = /bin/x\n", "[work]\n" + pair, "c2 c3"},
	} {
		f := files(t, c.config, c.credentials)
		got, err := f.Static(map[bool]string{true: "default", false: "work"}[name == "default"])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var lines []string
		for _, p := range got.Places {
			lines = append(lines, map[string]string{f.Config: "f", f.Credentials: "c"}[p.File]+string(rune('0'+p.Line)))
		}
		if got.AccessKeyID != testID || got.Secret.Reveal() != testSecret || strings.Join(lines, " ") != c.lines {
			t.Errorf("%s: %s at %s, want %s", name, got.AccessKeyID, lines, c.lines)
		}
	}
}

func TestStaticRefuses(t *testing.T) {
	for name, c := range map[string]struct{ config, credentials, want string }{
		"no files":             {"-", "-", "no access key stands in the AWS profile work, neither in C nor in F"},
		"another profile":      {"-", "[works]\n" + pair, "no access key stands in the AWS profile work, neither in C nor in F"},
		"bare name in config":  {"[work]\n" + pair, "-", "no access key stands in the AWS profile work, neither in C nor in F"},
		"session token":        {"-", "[work]\n" + pair + "aws_session_token = x\n", "C:4: the AWS profile work has a session token, so its key is temporary; awskeyd holds the keys of IAM users"},
		"temporary":            {"-", "[work]\n" + strings.Replace(pair, "AKIA", "ASIA", 1), "C:2: the access key id begins with ASIA, so the key is temporary; awskeyd holds the keys of IAM users, which begin with AKIA"},
		"no secret":            {"-", "[work]\naws_access_key_id = " + testID + "\n", "C:2: the AWS profile work has an access key id and no aws_secret_access_key"},
		"no id":                {"-", "[work]\naws_secret_access_key = " + testSecret + "\n", "C:2: the AWS profile work has a secret access key and no aws_access_key_id"},
		"empty secret":         {"-", "[work]\naws_access_key_id = " + testID + "\naws_secret_access_key =\n", "C:3: the secret access key is missing; AWS shows it only once, so create another access key"},
		"inline comment":       {"-", "[work]\naws_access_key_id = " + testID + " # old\naws_secret_access_key = " + testSecret + "\n", "C:2: the access key id is not one: 16 to 128 capital letters and digits"},
		"quoted secret":        {"-", "[work]\naws_access_key_id = " + testID + "\naws_secret_access_key = \"" + testSecret + "\"\n", "C:3: the secret access key holds a character that no secret has; look at the file, or type the key in"},
		"two keys":             {"[profile work]\n" + pair, "[work]\n" + pair2, "F:2: the AWS profile work has one access key here and another in C, line 2, which is the one in use; delete the one that is not meant"},
		"twice in a section":   {"-", "[work]\n" + pair + "aws_access_key_id = AKIAI44QH8DHBEXAMPLE\n", "C:4: aws_access_key_id stands here a second time (first in line 2), and the AWS CLI refuses such a file; delete one of the two"},
		"section twice":        {"-", "[work]\n" + pair + "[work]\n" + pair2, "C:4: the AWS profile work begins a second time (first in line 1), and the AWS CLI refuses such a file; join the two"},
		"indented under value": {"-", "[work]\nregion = x\n  aws_access_key_id = " + testID + "\naws_secret_access_key = " + testSecret + "\n", "C:3: the AWS CLI takes this indented line for a part of the value above it; move it to the start of the line"},
		"a value that goes on": {"-", "[work]\n" + pair + "  more\n", "C:3: the value of aws_secret_access_key goes on in the next line; write it in one"},
	} {
		f := files(t, c.config, c.credentials)
		_, err := f.Static("work")
		want := strings.NewReplacer("C:", f.Credentials+":", "F:", f.Config+":", " C,", " "+f.Credentials+",", " C ", " "+f.Credentials+" ").Replace(c.want)
		if strings.HasSuffix(want, " F") {
			want = strings.TrimSuffix(want, "F") + f.Config
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, want)
		}
	}
}
