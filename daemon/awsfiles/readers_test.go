package awsfiles

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"pgregory.net/rapid"
)

// pairReader is botocore's reading of both files, as its session does it: all of
// the config with what it nests, and the credentials file section by section.
const pairReader = `
import json, os, sys
from botocore.configloader import load_config, raw_config_parse
def read(how, path):
    return how(path) if os.path.exists(path) else {}
for line in sys.stdin:
    config, credentials = json.loads(line)
    try:
        answer = {"config": read(load_config, config), "credentials": read(raw_config_parse, credentials)}
    except Exception as e:
        answer = {"error": repr(e)}
    print(json.dumps(answer), flush=True)
`

// readers are the programs that must read the same of the files before and after an
// edit, but for what the edit is about.
type readers struct {
	in  io.Writer
	out *bufio.Reader
}

func startReaders(t testing.TB) *readers {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import botocore").CombinedOutput(); err != nil {
		t.Fatalf("this test reads files as the AWS CLI does and needs botocore: apt-get install -y python3-botocore (%v: %s)", err, bytes.TrimSpace(out))
	}
	cmd := exec.Command(python, "-X", "utf8", "-c", pairReader)
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
	return &readers{in, bufio.NewReader(out)}
}

// A reading is what the readers find in the files.
type reading struct {
	refused string // why botocore refuses them
	python  struct{ Config, Credentials map[string]map[string]any }
	sdk     map[string]config.SharedConfig // by AWS profile, those that the Go SDK accepts
}

func (r *readers) read(t rapid.TB, f Files) reading {
	t.Helper()
	question, err := json.Marshal([]string{f.Config, f.Credentials})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.in.Write(append(question, '\n')); err != nil {
		t.Fatal(err)
	}
	answer, err := r.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("botocore ended: %v", err)
	}
	var got reading
	var refused struct{ Error string }
	if err := json.Unmarshal(answer, &refused); err != nil {
		t.Fatal(err)
	}
	if got.refused = refused.Error; got.refused == "" {
		if err := json.Unmarshal(answer, &got.python); err != nil {
			t.Fatal(err)
		}
	}
	got.sdk = map[string]config.SharedConfig{}
	for _, profile := range profiles(t, f) {
		c, err := config.LoadSharedConfigProfile(context.Background(), profile, func(o *config.LoadSharedConfigOptions) {
			o.ConfigFiles, o.CredentialsFiles = []string{f.Config}, []string{f.Credentials}
		})
		if err == nil {
			got.sdk[profile] = c
		}
	}
	return got
}

// profiles are the names that any header of the files may give to an AWS profile,
// found without our own parser.
func profiles(t rapid.TB, f Files) []string {
	t.Helper()
	names := map[string]bool{}
	for _, path := range []string{f.Config, f.Credentials} {
		data, err := read(path)
		if err != nil {
			t.Fatal(err)
		}
		for text := range strings.Lines(string(data)) {
			_, name, _ := strings.Cut(text, "[")
			name, _, closed := strings.Cut(name, "]")
			for _, name := range []string{name, strings.TrimPrefix(name, "profile ")} {
				if name = strings.TrimSpace(name); closed && name != "" {
					names[name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// The settings of an AWS profile that a move is about.
var movedSettings = []string{"aws_access_key_id", "aws_secret_access_key", processKey}

// same tells what an edit changed that it had no business with: whatever a reader
// accepted before it must accept, and read alike but for the settings of the AWS
// profiles that moved.
func (r reading) same(after reading, moved []string) error {
	if r.refused == "" {
		if after.refused != "" {
			return fmt.Errorf("botocore read the files before and now says %s", after.refused)
		}
		if was, is := plainConfig(r, moved), plainConfig(after, moved); !reflect.DeepEqual(was, is) {
			return fmt.Errorf("botocore read the config as\n%v\nand now as\n%v", was, is)
		}
		if was, is := plainCredentials(r, moved), plainCredentials(after, moved); !reflect.DeepEqual(was, is) {
			return fmt.Errorf("botocore read the credentials file as\n%v\nand now as\n%v", was, is)
		}
	}
	for name, was := range r.sdk {
		is, ok := after.sdk[name]
		if !ok {
			return fmt.Errorf("the Go SDK had a profile %s and accepts it no more", name)
		}
		if was, is := withoutMoved(&was, moved), withoutMoved(&is, moved); !reflect.DeepEqual(was, is) {
			return fmt.Errorf("the Go SDK read the profile %s as\n%+v\nand now as\n%+v", name, was, is)
		}
	}
	return nil
}

// plainConfig is the config without the settings that moved, and without an AWS
// profile that has nothing else.
func plainConfig(r reading, moved []string) map[string]map[string]any {
	all := maps.Clone(r.python.Config)
	plain := map[string]any{}
	for name, values := range all["profiles"] {
		section := withoutSettings(values.(map[string]any), slices.Contains(moved, name))
		if len(section) > 0 || !slices.Contains(moved, name) {
			plain[name] = section
		}
	}
	all["profiles"] = plain
	for name, values := range all {
		if len(values) == 0 {
			delete(all, name) // a file that was not there has not even an empty list
		}
	}
	return all
}

func plainCredentials(r reading, moved []string) map[string]map[string]any {
	all := map[string]map[string]any{}
	for name, values := range r.python.Credentials {
		section := withoutSettings(values, slices.Contains(moved, name))
		if len(section) > 0 || !slices.Contains(moved, name) {
			all[name] = section
		}
	}
	return all
}

func withoutSettings(values map[string]any, moved bool) map[string]any {
	values = maps.Clone(values)
	for _, key := range movedSettings {
		if moved {
			delete(values, key)
		}
	}
	return values
}

// withoutMoved leaves out the credentials of what moved, also where it is the source
// of a role: there the SDK stops at a static key, and reads on at a command.
func withoutMoved(c *config.SharedConfig, moved []string) *config.SharedConfig {
	plain := *c
	if slices.Contains(moved, c.Profile) {
		plain.Credentials, plain.CredentialProcess = aws.Credentials{}, ""
	}
	if c.Source != nil {
		plain.Source = withoutMoved(c.Source, moved)
		if slices.Contains(moved, c.Source.Profile) {
			plain.Source.Services = config.Services{}
		}
	}
	return &plain
}

// serves tells whether the readers that accept the files find the command in an AWS
// profile, and no key beside it.
func (r reading) serves(profile, command string, sdkReads bool) error {
	if r.refused == "" {
		values, _ := r.python.Config["profiles"][profile].(map[string]any)
		if values[processKey] != command {
			return fmt.Errorf("botocore runs %v", values[processKey])
		}
		for _, section := range []map[string]any{values, r.python.Credentials[profile]} {
			if section["aws_access_key_id"] != nil || section["aws_secret_access_key"] != nil {
				return fmt.Errorf("botocore still finds a key")
			}
		}
	}
	c, ok := r.sdk[profile]
	if (ok || sdkReads) && (c.CredentialProcess != command || c.Credentials.HasKeys()) {
		return fmt.Errorf("the Go SDK runs %q", c.CredentialProcess)
	}
	return nil
}

// standsBeside tells whether our line stands beside the key in every reader that
// accepts the files and finds either.
func (r reading) standsBeside(before reading, profile, command string) error {
	if values, _ := r.python.Config["profiles"][profile].(map[string]any); r.refused == "" && values[processKey] != command {
		return fmt.Errorf("botocore runs %v", values[processKey])
	}
	was, had := before.sdk[profile]
	if is := r.sdk[profile]; had && (is.CredentialProcess != command || is.Credentials.AccessKeyID != was.Credentials.AccessKeyID) {
		return fmt.Errorf("the Go SDK runs %q beside %s", is.CredentialProcess, is.Credentials.AccessKeyID)
	}
	return nil
}
