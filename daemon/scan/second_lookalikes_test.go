package scan_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A class is one sort of text that holds no access key and looks as if. Each of
// its texts is a file.
type class struct {
	name  string
	file  string
	texts []string
}

// lookAlikes are made up anew in each run, and are the same each time.
func lookAlikes() []class {
	r := rand.New(rand.NewPCG(2026, 3))
	hexes := func(n int) string { return letters(r, n, hexLetters) }
	words := func(n int) string { return letters(r, n, wordLetters) }
	upper := func(n int) string { return letters(r, n, base32Letters) }
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	b64 := func(n int) string { return base64.StdEncoding.EncodeToString(bytes(n)) }
	uuid := func() string {
		h := hexes(32)
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	}
	many := func(n int, one func() string) []string {
		var all []string
		for range n {
			all = append(all, one())
		}
		return all
	}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }

	return []class{
		{"git hashes", "log.txt", many(100, func() string { return "commit " + hexes(40) + "\nparent " + hexes(40) + "\n" })},
		{"checksums", "SHA256SUMS", many(100, func() string { return hexes(64) + "  awskeyd.tar.gz\n" + hexes(32) + "  MD5\n" })},
		{"npm lock", "package-lock.json", many(100, func() string {
			return fmt.Sprintf("    %q: {\n      \"version\": \"1.2.3\",\n      \"resolved\": \"https://registry.npmjs.org/x/-/x-1.2.3.tgz\",\n      \"integrity\": \"sha512-%s\"\n    },\n", words(6), b64(64))
		})},
		{"yarn lock", "yarn.lock", many(60, func() string {
			return "x@^1.0.0:\n  version \"1.0.1\"\n  resolved \"https://registry.yarnpkg.com/x/-/x-1.0.1.tgz#" + hexes(40) + "\"\n  integrity sha1-" + b64(20) + "\n"
		})},
		{"go sums", "go.sum", many(100, func() string {
			return "example.com/m v1.2.3 h1:" + b64(32) + "\nexample.com/m v1.2.3/go.mod h1:" + b64(32) + "\n"
		})},
		{"cargo lock", "Cargo.lock", many(40, func() string { return "name = \"serde\"\nchecksum = \"" + hexes(64) + "\"\n" })},
		{"terraform lock", ".terraform.lock.hcl", many(40, func() string {
			return "  hashes = [\n    \"h1:" + b64(32) + "\",\n    \"zh:" + hexes(64) + "\",\n  ]\n"
		})},
		{"base64 images", "page.html", many(40, func() string { return "<img src=\"data:image/png;base64," + b64(6000) + "\">\n" })},
		{"wrapped base64", "cert.pem", many(40, func() string {
			return "-----BEGIN CERTIFICATE-----\n" + strings.Join(chunks(b64(900), 64), "\n") + "\n-----END CERTIFICATE-----\n"
		})},
		{"source maps", "app.js.map", many(30, func() string { return `{"version":3,"mappings":"` + b64(3000) + `"}` })},
		{"minified code", "vendor.min.js", many(60, func() string {
			var b strings.Builder
			for range 60 {
				fmt.Fprintf(&b, "function %s(e,t){return e.%s?%s(e):t[%q]}var %s=%d;", words(3), words(8), words(4), words(12), words(2), r.IntN(9999))
			}
			return b.String()
		})},
		{"random bytes", "data.bin", many(30, func() string { return string(bytes(8000)) })},
		{"hex dumps", "dump.hex", many(20, func() string { return strings.Join(chunks(hex.EncodeToString(bytes(600)), 32), "\n") })},

		{"Google", "google.json", many(60, func() string {
			return `{"apiKey": "AIza` + words(35) + `", "client_secret": "GOCSPX-` + words(28) + `"}`
		})},
		{"Google service account", "sa.json", many(20, func() string {
			return `{"type":"service_account","private_key_id":"` + hexes(40) + `","private_key":"-----BEGIN PRIVATE KEY-----\n` + strings.Join(chunks(b64(1200), 64), `\n`) + `\n-----END PRIVATE KEY-----\n"}`
		})},
		{"Azure", "azure.env", many(60, func() string {
			return "AZURE_STORAGE_KEY=" + b64(64) + "\nAZURE_CLIENT_SECRET=" + words(3) + "~" + words(34) + "\nAZURE_TENANT_ID=" + uuid() + "\n"
		})},
		{"Alibaba and Tencent", "cloud.env", many(80, func() string {
			return "ALIBABA_ACCESS_KEY_ID=LTAI" + words(20) + "\nALIBABA_ACCESS_KEY_SECRET=" + words(30) + "\nTENCENT_SECRET_ID=AKID" + words(32) + "\nTENCENT_SECRET_KEY=" + words(32) + "\n"
		})},
		{"GitHub and GitLab", "tokens.env", many(80, func() string {
			return "GITHUB_TOKEN=ghp_" + words(36) + "\nOLD_GITHUB_TOKEN=" + hexes(40) + "\nGITLAB_TOKEN=glpat-" + words(20) + "\n"
		})},
		{"tokens of forty letters", "ci.env", many(100, func() string {
			return pick("CIRCLE_TOKEN", "HEROKU_SECRET", "CODECOV_TOKEN", "SENTRY_AUTH", "npm_secret", "COOKIE_SECRET", "JWT_SECRET") + "=" + words(40) + "\n"
		})},
		{"Stripe, Slack, Twilio, SendGrid", "saas.env", many(60, func() string {
			return "STRIPE_SECRET_KEY=sk_live_" + words(24) + "\nSLACK=xoxb-123456789012-123456789012-" + words(24) + "\nTWILIO_SID=AC" + hexes(32) + "\nSENDGRID=SG." + words(22) + "." + words(43) + "\n"
		})},
		{"JSON web tokens", "jwt.txt", many(60, func() string { return "eyJhbGciOiJIUzI1NiJ9." + words(120) + "." + words(43) + "\n" })},
		{"uuids", "ids.csv", many(40, func() string { return uuid() + "," + uuid() + "\n" })},
		{"one-time passwords", "otp.txt", many(40, func() string { return "otpauth://totp/x?secret=" + upper(32) + "&issuer=x\n" })},
		{"encrypted by sops", "secrets.sops.yaml", many(30, func() string {
			return "aws_secret_access_key: ENC[AES256_GCM,data:" + b64(40) + ",iv:" + b64(32) + ",tag:" + b64(16) + ",type:str]\n"
		})},
		{"ssh keys", "authorized_keys", many(30, func() string { return "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + b64(33) + " a@b\n" })},

		{"other ids of IAM", "iam.json", many(120, func() string {
			return `{"UserId": "` + pick("AIDA", "AROA", "AGPA", "ANPA", "AIPA", "ASCA", "ANVA", "APKA", "ABIA", "ACCA") + upper(17) + `", "Arn": "arn:aws:iam::123456789012:user/x"}`
		})},
		{"longer and shorter than an id", "upper.txt", many(120, func() string {
			return pick("AKIA", "ASIA") + upper(pick2(r, 15, 17, 18, 20, 12, 28)) + " X" + pick("AKIA", "ASIA") + upper(16) + "\n"
		})},
		{"letters that no id has", "letters.txt", many(100, func() string {
			id := []byte(pick("AKIA", "ASIA") + upper(16))
			id[4+r.IntN(16)] = pick("0", "1", "8", "9", "a", "_", "-")[0]
			return "id " + string(id) + "\n"
		})},
		{"lower case", "lower.txt", many(40, func() string { return "akia" + strings.ToLower(upper(16)) + "\n" })},
		{"within longer data", "within.txt", many(60, func() string { return upper(40) + "AKIA" + upper(16) + upper(40) + "\n" })},
		{"examples of AWS's documentation", "docs.md", many(40, func() string {
			id := pick("AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE", "ASIAIOSFODNN7EXAMPLE", "AKIAEXAMPLEKEYFORYOU", "ASIA2EXAMPLEEXAMPLEX")
			return "aws_access_key_id = " + id + "\naws_secret_access_key = " + pick("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY") + "\n"
		})},
		{"placeholders", "template.env", many(60, func() string {
			id := pick("AKIAXXXXXXXXXXXXXXXX", "AKIAAAAAAAAAAAAAAAAA", "AKIAYOURACCESSKEYIDX", "AKIAABCDEFGHIJKLMNOP", "AKIAFAKEFAKEFAKEFAKE",
				"AKIATESTTESTTESTTEST", "AKIAREPLACEWITHYOURS", "AKIA................", "AKIA****************", "AKIA2345672345672345", "AKIAPLACEHOLDERXXXXX", "ASIAXXXXXXXXXXXXXXXX", "AKIAQRSTUVWXYZABCDEF")
			secret := pick("your-secret-access-key", "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "<secret>", "${AWS_SECRET_ACCESS_KEY}", "changeme", "0123456789012345678901234567890123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN")
			return "AWS_ACCESS_KEY_ID=" + id + "\nAWS_SECRET_ACCESS_KEY=" + secret + "\n"
		})},
		{"capital words", "constants.h", many(60, func() string {
			return "#define " + pick("ASIAPACIFICSOUTHEAST", "ASIAPACIFICNORTHEAST", "ASIASTANDARDTIMEZONE", "ASIAREGIONIDENTIFIER", "ASIACURRENCYEXCHANGE") + " " + fmt.Sprint(r.IntN(99)) + "\n"
		})},
		{"references to secrets", "ref.tf", many(40, func() string {
			return "access_key = var.access_key\nsecret_key = " + pick("var.secret_key", `data.aws_secretsmanager_secret_version.x.secret_string`, `"${var.aws_secret_access_key}"`, `"/prod/service/aws-secret-access-key/current"`) + "\n"
		})},
		{"paths beside the name of a secret", "paths.env", many(40, func() string {
			return "AWS_SECRET_ACCESS_KEY_FILE=" + pick("run/secrets/prod/AwsSecretAccessKey/current", "etc/Service/Secrets/Production1/Access12", "srv/MyApplicatio2/Config/Secrets/Default") + "\n"
		})},
	}
}

func pick2(r *rand.Rand, of ...int) int { return of[r.IntN(len(of))] }
