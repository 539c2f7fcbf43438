package awsfiles

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"pgregory.net/rapid"
)

// Whatever the file: the key that Static takes in is the one that the AWS CLI
// and the Go SDK read there, and no error of it quotes a value.
func TestReadersReadTheSameStaticKey(t *testing.T) {
	cli := startBotocore(t)
	f := files(t, "-", "-")
	taken, agreed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{
			"# c", "", "region = x", "s3 =", "[profile b]", "[profile work]", "junk", "aws_session_token = x",
			"aws_access_key_id = " + testID, "  aws_secret_access_key = " + testSecret,
		}), 0, 2).Draw(t, "others")
		lines = append(lines,
			rapid.SampledFrom([]string{"aws_access_key_id = " + testID, "AWS_Access_Key_Id:" + testID, "  aws_access_key_id = " + testID, "aws_access_key_id =\t" + testID + " # mine"}).Draw(t, "id"),
			rapid.SampledFrom([]string{"aws_secret_access_key = " + testSecret, "aws_secret_access_key=" + testSecret + "  ", "aws_secret_access_key = \"" + testSecret + "\""}).Draw(t, "secret"))
		lines = append([]string{"[profile work]"}, rapid.Permutation(lines).Draw(t, "lines")...)
		text := strings.Join(lines, rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end"))
		if err := os.WriteFile(f.Config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := f.Static("work")
		if err != nil {
			if strings.Contains(err.Error(), testSecret) || strings.Contains(err.Error(), testID) {
				t.Fatalf("the error quotes the file: %v", err)
			}
			return
		}
		taken++
		if got, ok := goProfiles(t, f)["work"].(config.SharedConfig); ok && (got.Credentials.AccessKeyID != s.AccessKeyID || got.Credentials.SecretAccessKey != s.Secret.Reveal()) {
			t.Fatalf("the Go SDK reads another key from\n%s", text)
		}
		if all := cli.profiles(t, f.Config); all != nil {
			agreed++
			if work := all["work"]; work["aws_access_key_id"] != s.AccessKeyID || work["aws_secret_access_key"] != s.Secret.Reveal() {
				t.Fatalf("botocore reads another key from\n%s", text)
			}
		}
	})
	if taken < 10 || agreed < 10 {
		t.Errorf("only %d keys were taken, %d from files that botocore reads", taken, agreed)
	}
}

func FuzzStatic(f *testing.F) {
	f.Add([]byte("[work]\n" + pair))
	f.Add([]byte(bom + "[work]\r\naws_access_key_id:" + testID + "\r\n aws_secret_access_key = x\r\n[work]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parse(data)
		if err != nil {
			return
		}
		s, err := doc.static(formedFile{"credentials", credentialsForm}, "work")
		if err != nil {
			if s.AccessKeyID != "" || !s.Secret.IsZero() || len(s.Places) > 0 {
				t.Error("an error, and yet a key")
			}
			return
		}
		// What was read is read again from the plainest form of the file.
		if s.AccessKeyID == "" {
			return
		}
		again, err := parse([]byte("[work]\naws_access_key_id = " + s.AccessKeyID + "\naws_secret_access_key = " + s.Secret.Reveal() + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.static(formedFile{"credentials", credentialsForm}, "work"); err != nil || got.AccessKeyID != s.AccessKeyID || !got.Secret.Equal(s.Secret) {
			t.Errorf("not read again: %v", err)
		}
	})
}
