package awsfiles

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"pgregory.net/rapid"
)

// The oracles: what counts is not our idea of these files but what the AWS SDK
// for Go and botocore (the AWS CLI) read out of them.

const python = "/usr/bin/python3"

// botocore answers one line of JSON for each path it is given.
const botocoreReader = `
import json, sys
from botocore.configloader import load_config
for line in sys.stdin:
    try:
        answer = {"profiles": load_config(json.loads(line))["profiles"]}
    except Exception as e:
        answer = {"error": repr(e)}
    print(json.dumps(answer), flush=True)
`

type botocore struct {
	in  io.Writer
	out *bufio.Scanner
}

func startBotocore(t *testing.T) *botocore {
	t.Helper()
	return startPython(t, botocoreReader)
}

func startPython(t *testing.T, script string) *botocore {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import botocore").CombinedOutput(); err != nil {
		t.Fatalf("this test reads files as the AWS CLI does and needs botocore: apt-get install -y python3-botocore (%v: %s)", err, bytes.TrimSpace(out))
	}
	cmd := exec.Command(python, "-c", script)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	return &botocore{in, lines}
}

// profiles is nil when the AWS CLI cannot read the file.
func (b *botocore) profiles(t rapid.TB, path string) map[string]map[string]any {
	t.Helper()
	question, _ := json.Marshal(path)
	if _, err := b.in.Write(append(question, '\n')); err != nil {
		t.Fatal(err)
	}
	if !b.out.Scan() {
		t.Fatalf("botocore ended: %v", b.out.Err())
	}
	var answer struct {
		Profiles map[string]map[string]any
		Error    string
	}
	if err := json.Unmarshal(b.out.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Profiles
}

var allProfiles = []string{"work", "b", "default"}

// goProfiles is what the AWS SDK for Go reads, with an error as text.
func goProfiles(t rapid.TB, f Files) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, p := range allProfiles {
		c, err := config.LoadSharedConfigProfile(context.Background(), p, func(o *config.LoadSharedConfigOptions) {
			o.ConfigFiles, o.CredentialsFiles = []string{f.Config}, []string{f.Credentials}
		})
		if err != nil {
			all[p] = strings.ReplaceAll(err.Error(), filepath.Dir(f.Config), "")
			continue
		}
		all[p] = c
	}
	return all
}

func anyConfig(t *rapid.T) string {
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{
		"", "", "[default]", "[profile work]", "[profile work]", "[profile b]", "[profile b]", "[profile  b] # x", "  [profile b]",
		"[sso-session work]", "[services b]", "[work]", "[profile \"work\"]", "[ profile work ]", "[profile work] x", "[]", "[x",
		"region = eu-west-1   # inline", "region=x;y", "Region : z", "output=json", "  output = json", "\toutput = text", "# comment", "  ; comment",
		"s3 =", "  max_queue_size = 10", "  addressing_style = path", "    deep", "role_arn = arn:x", "  source_profile = b", "source_profile = b",
		"credential_process = /old/awskey-helper work", "  credential_process = /old/awskey-helper work", "credential_process =", "credential_process = aws-vault",
		"aws_access_key_id = AKIA", "sso_session = work", "duration_seconds=900", "junk", " ", "cli_pager=", bom,
	}), 0, 12).Draw(t, "lines")
	end := rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "end")
	text := strings.Join(lines, end)
	if rapid.Bool().Draw(t, "ended") {
		text += end
	}
	return text
}

// Whatever the file: after an edit both readers see our line in our profile,
// and everything else as before. Taking the line out brings the first reading
// back.
func TestReadersSeeTheEditAndNothingElse(t *testing.T) {
	cli := startBotocore(t)
	f := files(t, "-", "-")
	accepted, readable := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		before := anyConfig(t)
		if err := os.WriteFile(f.Config, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		cliBefore, goBefore := cli.profiles(t, f.Config), goProfiles(t, f)
		_, err := f.Point("work", helperLine, Static{})
		if err != nil {
			if text(t, f.Config) != before {
				t.Fatalf("refused, and yet changed: %v", err)
			}
			return
		}
		accepted++
		after := text(t, f.Config)
		cliAfter, goAfter := cli.profiles(t, f.Config), goProfiles(t, f)

		got, ok := goAfter["work"].(config.SharedConfig)
		if !strings.HasPrefix(before, bom+"[profile work]") && (!ok || got.CredentialProcess != helperLine) {
			t.Fatalf("the Go SDK reads %v from\n%s", goAfter["work"], after)
		}
		for _, p := range allProfiles {
			if p != "work" && !reflect.DeepEqual(goBefore[p], goAfter[p]) {
				t.Fatalf("the Go SDK reads another profile %s from\n%s", p, after)
			}
		}
		if was, ok := goBefore["work"].(config.SharedConfig); ok {
			was.CredentialProcess, got.CredentialProcess = "", ""
			if !reflect.DeepEqual(was, got) {
				t.Fatalf("the Go SDK reads\n%+v\nand before\n%+v\nfrom\n%s", got, was, after)
			}
		}
		if cliBefore != nil {
			readable++
			if cliAfter["work"]["credential_process"] != helperLine {
				t.Fatalf("botocore reads %v from\n%s", cliAfter["work"], after)
			}
			compareCLI(t, cliBefore, cliAfter, after)
		}

		if _, err := f.RemoveCredentialProcess("work", func(c string) bool { return c == helperLine }); err != nil {
			t.Fatal(err)
		}
		if cliBefore != nil {
			compareCLI(t, cliBefore, cli.profiles(t, f.Config), text(t, f.Config))
		}
		back := text(t, f.Config)
		if !strings.Contains(before, "work") && strings.TrimRight(back, "\r\n") != strings.TrimRight(before, "\r\n") {
			t.Fatalf("%q came back as %q", before, back)
		}
	})
	// A generator whose files are all refused would prove nothing.
	if accepted < 20 || readable < 10 {
		t.Errorf("only %d edits were accepted, %d of files that botocore reads", accepted, readable)
	}
}

// compareCLI compares all but our own line.
func compareCLI(t rapid.TB, before, after map[string]map[string]any, text string) {
	t.Helper()
	for _, all := range []map[string]map[string]any{before, after} {
		delete(all["work"], processKey)
		if len(all["work"]) == 0 {
			delete(all, "work")
		}
	}
	if !reflect.DeepEqual(before, after) {
		t.Fatalf("botocore reads\n%v\nand before\n%v\nfrom\n%s", after, before, text)
	}
}

// The line is run as it will be: by the Go SDK's shell and by botocore's
// shlex, with the helper in a folder that needs quotes.
func TestReadersRunTheCommand(t *testing.T) {
	startBotocore(t)
	f := files(t, "[profile other]\nregion = x\n", "-")
	helper := filepath.Join(t.TempDir(), "a (b) & c", helperName)
	if err := os.Mkdir(filepath.Dir(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nprintf '{\"Version\":1,\"AccessKeyId\":\"%s/%s\",\"SecretAccessKey\":\"s\"}' \"$#\" \"$1\"\n"
	if err := os.WriteFile(helper, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	command, err := Command(helper, "dev-1.x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Point("work", command, Static{}); err != nil {
		t.Fatal(err)
	}

	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{f.Config}),
		config.WithSharedCredentialsFiles([]string{f.Credentials}), config.WithSharedConfigProfile("work"), config.WithRegion("us-east-1"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Credentials.Retrieve(t.Context()); err != nil || got.AccessKeyID != "1/dev-1.x" {
		t.Errorf("the Go SDK ran it to %q %v", got.AccessKeyID, err)
	}

	cli := exec.Command(python, "-c", "import botocore.session; print(botocore.session.Session(profile='work').get_credentials().access_key)")
	cli.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cli.Env = append(cli.Env, "AWS_CONFIG_FILE="+f.Config, "AWS_SHARED_CREDENTIALS_FILE="+f.Credentials)
	if got, err := cli.CombinedOutput(); err != nil || strings.TrimSpace(string(got)) != "1/dev-1.x" {
		t.Errorf("botocore ran it to %s %v", got, err)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte("\ufeff[profile work]\r\nregion=x\r\n  s3 =\n\t[x]\n; c\n[profile work]"), helperLine)
	f.Add([]byte("[profile work]\ncredential_process: \"/a b/awskey-helper\" work # x\n\nrole_arn"), `"/a b/awskey-helper" work`)
	f.Add([]byte("[default]\n a=b\n[]\n[profile \x00\xff"), "x")
	f.Fuzz(func(t *testing.T, data []byte, command string) {
		doc, err := parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(doc.bytes(), data) {
			t.Fatalf("%q is printed as %q", data, doc.bytes())
		}
		if command == "" || trim(command) != command || strings.ContainsFunc(command, isControl) {
			return // refused before a document is touched
		}
		if err := doc.set("work", command, Static{}); err != nil || len(doc.changes("x")) == 0 {
			if !bytes.Equal(doc.bytes(), data) {
				t.Fatalf("%q is printed as %q", data, doc.bytes())
			}
			return
		}
		// Our own reading of what was written agrees: the second time nothing
		// is left to do, and the line is found and can be taken out.
		again, err := parse(doc.bytes())
		if err != nil {
			t.Fatalf("%q: %v", doc.bytes(), err)
		}
		if err := again.set("work", command, Static{}); err != nil || len(again.changes("x")) > 0 {
			t.Fatalf("%q: set again: %v %v", doc.bytes(), again.changes("x"), err)
		}
		if err := again.remove(configForm, "work", func(c string) bool { return c == command }); err != nil || len(again.changes("x")) == 0 {
			t.Fatalf("%q: remove: %v %v", doc.bytes(), again.changes("x"), err)
		}
		if _, err := parse(again.bytes()); err != nil {
			t.Fatalf("%q: %v", again.bytes(), err)
		}
	})
}
