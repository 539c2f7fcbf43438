package scan

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
)

// lookAlike is a document that holds n things of one class that are no access key.
type lookAlike struct {
	class, name string
	n           int
	text        string
}

// alikeClasses make one thing each. A class stands for a way in which scanners are
// known to cry wolf.
var alikeClasses = []struct {
	class, file string
	one         func(r random) string
}{
	{"git hashes", "log.txt", func(r random) string { return "commit " + r.of(hex, 40) + "\nAuthor: Bob <bob@example.com>\n" }},
	{"git hashes, upper case", "refs.txt", func(r random) string { return strings.ToUpper(r.of(hex, 40)) + " refs/heads/main" }},
	{"sha1 sums", "SHA1SUMS", func(r random) string { return r.of(hex, 40) + "  file-" + r.of(lower, 6) + ".tar.gz" }},
	{"yarn.lock", "yarn.lock", func(r random) string {
		return fmt.Sprintf("%s@^1.0.0:\n  version \"1.0.%s\"\n  resolved \"https://registry.example.com/x.tgz#%s\"\n  integrity sha1-%s",
			r.of(lower, 7), r.of(digits, 1), r.of(hex, 40), sum1(r))
	}},
	{"npm integrity", "package-lock.json", func(r random) string {
		s := sha512.Sum512(r.bytes(9))
		return fmt.Sprintf("    \"integrity\": \"sha512-%s\",", base64.StdEncoding.EncodeToString(s[:]))
	}},
	{"go.sum", "go.sum", func(r random) string {
		s := sha256.Sum256(r.bytes(9))
		return "example.com/" + r.of(lower, 8) + " v1.2.3 h1:" + base64.StdEncoding.EncodeToString(s[:])
	}},
	{"Cargo.lock", "Cargo.lock", func(r random) string { return "checksum = \"" + r.of(hex, 64) + "\"" }},
	{"poetry.lock", "poetry.lock", func(r random) string { return "    {file = \"x.whl\", hash = \"sha256:" + r.of(hex, 64) + "\"}," }},
	{"Gemfile.lock", "Gemfile.lock", func(r random) string { return "  revision: " + r.of(hex, 40) }},
	{"base64 images", "page.html", func(r random) string {
		return `<img src="data:image/png;base64,` + base64.StdEncoding.EncodeToString(r.bytes(900)) + `">`
	}},
	{"base64 images with AKIA in them", "style.css", func(r random) string {
		return "a{background:url(data:image/gif;base64," + r.of(code64, 300) + "AKIA" + r.of(base32, 16) + r.of(code64, 300) + ")}"
	}},
	{"base64 with AKIA between slashes", "data.b64", func(r random) string {
		return r.of(alnum, 60) + "/AKIA" + r.of(base32, 16) + "/" + r.of(alnum, 60)
	}},
	{"base64 with AKIA after a plus", "data2.b64", func(r random) string {
		return r.of(code64, 31) + "+AKIA" + r.of(base32, 16) + "+" + r.of(code64, 31)
	}},
	{"base64 that spells AKIA", "font.txt", func(r random) string {
		return r.of(code64, 400) + "QUtJQ" + r.of(code64, 400) + "FLSUE" + r.of(code64, 40)
	}},
	{"longer runs of letters", "words.txt", func(r random) string { return r.of(upper, 3) + "AKIA" + r.of(base32, 16) }},
	{"ids a letter too long", "long.txt", func(r random) string { return "key=AKIA" + r.of(base32, 17) }},
	{"ids a letter too short", "short.txt", func(r random) string { return "key=AKIA" + r.of(base32, 15) }},
	{"ids in lower case", "lower.txt", func(r random) string { return "key=akia" + r.of(strings.ToLower(base32), 16) }},
	{"ids with 0, 1, 8 or 9", "digits.txt", func(r random) string { return "key=AKIA" + r.of(base32, 8) + r.of("0189", 1) + r.of(base32, 7) }},
	{"names in code", "names.c", func(r random) string {
		return "#define SLOVAKIA_" + r.of(upper, 16) + " 1\nint AKIA_" + r.of(upper, 16) + ";"
	}},
	{"ids within names", "within.c", func(r random) string { return "int x_AKIA" + r.of(base32, 16) + "_y;" }},
	{"other ids of IAM", "policy.json", func(r random) string {
		return fmt.Sprintf("\"aws:userId\": [\"AIDA%s\", \"AROA%s:bob\", \"ANPA%s\"],", r.of(base32, 17), r.of(base32, 17), r.of(base32, 17))
	}},
	{"other ids of IAM, short", "arn.txt", func(r random) string {
		return "AGPA" + r.of(base32, 16) + " ABIA" + r.of(base32, 16) + " ACCA" + r.of(base32, 16)
	}},
	{"documentation's examples", "docs.md", func(r random) string {
		return "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	}},
	{"documentation's other examples", "docs.json", func(r random) string {
		return "\"AccessKeyId\": \"AKIA" + r.of(base32, 9) + "EXAMPLE\", \"SecretAccessKey\": \"" + r.of(code64, 30) + "EXAMPLEKEY\","
	}},
	{"placeholders of one letter", "env.example", func(r random) string { return "AWS_ACCESS_KEY_ID=AKIA" + strings.Repeat(r.of(base32, 1), 16) }},
	{"placeholders of x and dots", "env.sample", func(r random) string {
		return "AWS_ACCESS_KEY_ID=AKIAxxxxxxxxxxxxxxxx\nKEY=AKIA................\nKEY=AKIA****************\nAWS_SECRET_ACCESS_KEY=" + strings.Repeat("x", 40)
	}},
	{"placeholders of few letters", "fake.env", func(r random) string {
		few := r.of(base32, 3)
		return "AWS_ACCESS_KEY_ID=AKIA" + r.of(few, 16)
	}},
	{"alphabets", "abc.py", func(r random) string {
		n := r.IntN(10)
		return "KEY = 'AKIA" + upper[n:n+16] + "'\nSECRET = '" + (lower + upper)[n : n+40][:40] + "'"
	}},
	{"counting placeholders", "count.py", func(r random) string { return "KEY = 'AKIA2345672345672345'\nKEY = 'ASIA7654327654327654'" }},
	{"worded placeholders", "words.yml", func(r random) string {
		return "key: AKIA" + []string{"YOURACCESSKEYHER", "FAKEFAKEFAKEFAKE", "TESTTESTTESTTEST", "THISISADUMMYKEYX", "MYACCESSKEYIDXYZ",
			"PLACEHOLDERVALUE", "SAMPLEKEYSAMPLEX", "NOTAREALKEYATALL", "REDACTEDREDACTED", "REPLACEWITHYOURS"}[r.IntN(10)]
	}},
	{"keyboard walks", "walk.py", func(r random) string { return "KEY = 'AKIAQWERTYUIOPASDFGH'" }},
	{"variables for secrets", "main.tf", func(r random) string {
		return "secret_key = var.aws_secret_key\naws_secret_access_key = \"${data.vault_generic_secret." + r.of(lower, 12) + ".data}\""
	}},
	{"secrets of CI", "ci.yml", func(r random) string { return "aws-secret-access-key: ${{ secrets.AWS_SECRET_ACCESS_KEY }}" }},
	{"named secrets that are hex", "hex.env", func(r random) string { return "AWS_SECRET_ACCESS_KEY=" + r.of(hex, 40) }},
	{"named secrets that are paths", "path.env", func(r random) string {
		return "AWS_SECRET_ACCESS_KEY=/run/secrets/prod/aws/secret/key/v2/Main1\nAWS_SECRET_ACCESS_KEY_FILE=/etc/keys/" + r.of(lower, 29)
	}},
	{"named secrets that are base32", "otp.env", func(r random) string { return "AWS_SECRET_ACCESS_KEY=" + r.of(base32, 40) }},
	{"secrets of others", "others.env", func(r random) string {
		return "SECRET_KEY_BASE=" + r.secret() + "\nJWT_SECRET=" + r.secret() + "\nsecret_key = '" + r.secret() + "'\nCLIENT_SECRET=" + r.secret()
	}},
	{"forty letters without a name", "forty.txt", func(r random) string { return "value: " + r.secret() }},
	{"forty letters in code", "Names.java", func(r random) string { return "    AbstractSingletonProxyFactoryBean2Config" + r.of(lower, 3) + "();" }},
	{"Google API keys", "gcp.js", func(r random) string { return "apiKey: 'AIza" + r.of(alnum+"-_", 35) + "'," }},
	{"Google service accounts", "sa.json", func(r random) string {
		return "\"private_key_id\": \"" + r.of(hex, 40) + "\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\\n" + r.of(code64, 64) + "\\n" + r.of(code64, 64) + "\\n-----END\","
	}},
	{"Google HMAC keys", "gs.ini", func(r random) string {
		return "gs_access_key_id = GOOG1E" + r.of(base32, 55) + "\ngs_secret_access_key = " + r.secret()
	}},
	{"Azure storage keys", "azure.config", func(r random) string { return "AccountKey=" + base64.StdEncoding.EncodeToString(r.bytes(64)) }},
	{"Azure client secrets", "azure.env", func(r random) string { return "AZURE_CLIENT_SECRET=" + r.of(alnum, 3) + "8Q~" + r.of(alnum+"_-.~", 34) }},
	{"GitHub tokens", "gh.env", func(r random) string { return "GITHUB_TOKEN=ghp_" + r.of(alnum, 36) + "\nTOKEN=" + r.of(hex, 40) }},
	{"GitLab tokens", "gl.env", func(r random) string { return "GITLAB_TOKEN=glpat-" + r.of(alnum+"-_", 20) }},
	{"Stripe keys", "stripe.rb", func(r random) string { return "Stripe.api_key = 'sk_live_" + r.of(alnum, 24) + "'" }},
	{"Slack tokens", "slack.py", func(r random) string {
		return "xoxb-" + r.of(digits, 12) + "-" + r.of(digits, 13) + "-" + r.of(alnum, 24)
	}},
	{"Alibaba keys", "aliyun.ini", func(r random) string {
		return "access_key_id = LTAI5t" + r.of(alnum, 18) + "\naccess_key_secret = " + r.of(alnum, 30)
	}},
	{"Tencent keys", "tencent.ini", func(r random) string {
		return "secret_id = AKID" + r.of(alnum, 32) + "\nsecret_key = " + r.of(alnum, 32)
	}},
	{"Huawei and Yandex keys", "clouds.ini", func(r random) string {
		return "ak = " + r.of(upper+digits, 20) + "\nsk = " + r.of(alnum, 40) + "\nyc = YCAJE" + r.of(alnum, 20)
	}},
	{"DigitalOcean Spaces keys", "spaces.tf", func(r random) string {
		return "access_id = \"DO00" + r.of(upper+digits, 16) + "\"\nsecret_key = \"" + r.of(alnum+"+/", 43) + "\""
	}},
	{"Twilio and SendGrid keys", "mail.env", func(r random) string { return "SK" + r.of(hex, 32) + "\nSG." + r.of(alnum, 22) + "." + r.of(alnum, 43) }},
	{"npm tokens", ".npmrc", func(r random) string { return "//registry.example.com/:_authToken=npm_" + r.of(alnum, 36) }},
	{"JSON web tokens", "jwt.txt", func(r random) string {
		return "Bearer eyJhbGciOiJIUzI1NiJ9.eyJ" + r.of(alnum, 37) + "." + r.of(alnum+"-_", 43)
	}},
	{"SSH public keys", "id_ed25519.pub", func(r random) string {
		return "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + r.of(code64, 43) + " bob@host"
	}},
	{"certificates", "ca.pem", func(r random) string {
		s := base64.StdEncoding.EncodeToString(r.bytes(700))
		return "-----BEGIN CERTIFICATE-----\n" + wrap(s, 64) + "\n-----END CERTIFICATE-----"
	}},
	{"PGP blocks", "key.asc", func(r random) string {
		return "-----BEGIN PGP MESSAGE-----\n\n" + wrap(base64.StdEncoding.EncodeToString(r.bytes(300)), 64) + "\n=" + r.of(code64, 4) + "\n-----END PGP MESSAGE-----"
	}},
	{"UUIDs", "ids.csv", func(r random) string {
		return strings.Join([]string{r.of(hex, 8), r.of(hex, 4), r.of(hex, 4), r.of(hex, 4), r.of(hex, 12)}, "-")
	}},
	{"session tokens", "token.env", func(r random) string { return "AWS_SESSION_TOKEN=IQoJb3JpZ2luX2Vj" + r.of(code64, 400) + "==" }},
	{"S3 ETags and request ids", "s3.log", func(r random) string {
		return "ETag: \"" + r.of(hex, 32) + "-12\" x-amz-id-2: " + r.of(code64, 75) + "="
	}},
	{"minified code", "app.min.js", func(r random) string { return minified(r) }},
	{"source maps", "app.js.map", func(r random) string { return `{"version":3,"mappings":"` + mappings(r) + `"}` }},
	{"allowed by a mark", "allowed.py", func(r random) string {
		return "KEY = 'AKIA" + r.of(base32, 16) + "' # " + "awskey" + ":allow"
	}},
	{"allowed by a mark, with the secret", "allowed.json", func(r random) string {
		return "{\"id\": \"AKIA" + r.of(base32, 16) + "\", \"secret\": \"" + r.secret() + "\", \"why\": \"" + "awskey" + ":allow\"}"
	}},
	{"allowed lone secrets", "allowed.env", func(r random) string { return "AWS_SECRET_ACCESS_KEY=" + r.secret() + " # " + "awskey" + ":allow" }},
	{"patterns for ids", "rules.toml", func(r random) string {
		return "regex = '''(A3T[A-Z0-9]|AKIA|AGPA|AIDA|ASIA)[A-Z0-9]{16}'''\nkeywords = [\"akia\", \"asia\"]"
	}},
	{"Asia in headlines", "news.txt", func(r random) string {
		return "ASIA: " + r.of(upper, 5) + " AND CENTRALASIA" + r.of(upper, 10) + " EURASIA-" + r.of(upper, 16)
	}},
	{"words that begin so", "Zones.java", func(r random) string {
		return "ZONE = \"ASIA" + []string{"PACIFICSOUTHEAST", "PACIFICNORTHWEST", "STANDARDTIMEZONE", "MINORHISTORICALS", "CONTINENTALSHELF", "REGIONIDENTIFIER"}[r.IntN(6)] + "\""
	}},
	{"random bytes", "blob.bin", func(r random) string { return string(r.bytes(2000)) }},
	{"bytes around an id", "id.bin", func(r random) string {
		return string(r.bytes(40)) + "x" + "AKIA" + r.of(base32, 16) + "Q" + string(r.bytes(40))
	}},
}

const alikeEach = 40

func lookAlikes(seed uint64) []lookAlike {
	var all []lookAlike
	for _, c := range alikeClasses {
		r := newRandom(fmt.Sprint(c.class, "/", seed))
		var b strings.Builder
		for range alikeEach {
			b.WriteString(c.one(r) + "\n")
		}
		all = append(all, lookAlike{c.class, c.file, alikeEach, b.String()})
	}
	return all
}

func sum1(r random) string {
	s := sha1.Sum(r.bytes(9))
	return base64.StdEncoding.EncodeToString(s[:])
}

func wrap(s string, width int) string {
	var lines []string
	for len(s) > width {
		lines, s = append(lines, s[:width]), s[width:]
	}
	return strings.Join(append(lines, s), "\n")
}

func minified(r random) string {
	var b strings.Builder
	for range 60 {
		fmt.Fprintf(&b, "function %s(e,t){return e.%s(t)?%q:%s[%d]||/[A-Z0-9+/]{40}/.test(e)}",
			r.of(lower, 2), r.of(lower, 9), r.of(upper, 20), r.of(alnum, 1+r.IntN(40)), r.IntN(99))
	}
	return b.String()
}

func mappings(r random) string {
	var b strings.Builder
	for range 300 {
		b.WriteString(r.of("ACEGIKMOQSU", 4) + ",")
		if r.IntN(9) == 0 {
			b.WriteString("SAASA,IAAI;")
		}
	}
	return b.String()
}
