//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// A signer is a client of AWS that reads the AWS files of a home and signs one
// request for an AWS profile.
type signer struct {
	name string
	slow bool // each request costs a start of a second
	sign func(profile string) error
}

// signed is what came of it: the access keys that AWS saw, and whether it said yes.
type signed struct {
	ids string
	ok  bool
}

func (s signer) with(aws *awstest.Server, profile string) signed {
	before := len(aws.Calls())
	err := s.sign(profile)
	var ids []string
	for _, call := range aws.Calls()[before:] {
		if !call.ByDaemon() {
			ids = append(ids, call.KeyID)
		}
	}
	return signed{strings.Join(ids, " "), err == nil}
}

// readerEnviron is the environment of a client of AWS that finds the home's AWS
// files by itself, and the daemon. What it would send elsewhere it cannot.
func (h *home) readerEnviron() []string {
	return []string{
		"HOME=" + h.dir, "PATH=" + h.vars["PATH"], "LANG=C.UTF-8",
		"XDG_RUNTIME_DIR=" + h.vars["XDG_RUNTIME_DIR"], "AWSKEYD_SOCKET=" + h.vars["AWSKEYD_SOCKET"],
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1",
		"HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9", "NO_PROXY=127.0.0.1",
	}
}

// signers are boto3, the Go SDK, and every AWS CLI that is here: at least one, or
// the test ends with how to install it.
func signers(t *testing.T, h *home, s *awstest.Server) []signer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := []signer{
		asked(t, h, "boto3", exec.Command(python(t), "-X", "utf8", "testdata/boto3_reader.py", s.URL)),
		asked(t, h, "the Go SDK", exec.Command(self), goSDKVariable+"="+s.URL),
	}
	for version, path := range awsCLIs(t, h) {
		all = append(all, signer{name: "the AWS CLI " + version, slow: true, sign: func(profile string) error {
			ctx, cancel := context.WithTimeout(context.Background(), runLimit)
			defer cancel()
			cmd := exec.CommandContext(ctx, path, "--endpoint-url", s.URL, "--region", "us-east-1", "--profile="+profile, "sts", "get-caller-identity")
			cmd.Env = h.readerEnviron()
			out, err := cmd.CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}})
	}
	return all
}

// awsCLIs are the AWS CLIs that can be found, by the number before the first dot of
// their version.
func awsCLIs(t *testing.T, h *home) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range append([]string{"/usr/bin"}, filepath.SplitList(h.vars["PATH"])...) {
		cmd := exec.Command(filepath.Join(dir, "aws"), "--version")
		cmd.Env = h.readerEnviron()
		out, err := cmd.CombinedOutput()
		version, is := strings.CutPrefix(string(out), "aws-cli/")
		major, _, _ := strings.Cut(version, ".")
		if err == nil && is && found[major] == "" {
			found[major] = filepath.Join(dir, "aws")
		}
	}
	if len(found) == 0 {
		t.Fatal("there is no AWS CLI: install it with apt-get install awscli")
	}
	for _, major := range []string{"1", "2"} {
		if found[major] == "" {
			t.Logf("there is no AWS CLI %s here; botocore, of which it is made, is tried as boto3 alone", major)
		}
	}
	return found
}

// asked is a long-lived client that takes one AWS profile a line and answers each
// with the text of an error, or an empty one.
func asked(t *testing.T, h *home, name string, cmd *exec.Cmd, more ...string) signer {
	t.Helper()
	cmd.Env = append(h.readerEnviron(), more...)
	var stderr bytes.Buffer // what commands of other tools' lines say as well
	cmd.Stderr = &stderr
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
			t.Errorf("%s: %v: %s", name, err, &stderr)
		}
	})
	answers := bufio.NewReader(out)
	return signer{name: name, sign: func(profile string) error {
		limit := time.AfterFunc(runLimit, func() { _ = cmd.Process.Kill() }) // then the reading fails
		defer limit.Stop()
		question, err := json.Marshal(profile)
		if err != nil {
			return err
		}
		if _, err := in.Write(append(question, '\n')); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		line, err := answers.ReadBytes('\n')
		if err != nil {
			t.Fatalf("%s ended: %v", name, err)
		}
		var text string
		if err := json.Unmarshal(line, &text); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if text != "" {
			return errors.New(text)
		}
		return nil
	}}
}

// goSDKVariable makes this very program the client of the Go SDK: its commands are
// run in its own environment, so it needs a process to itself.
const goSDKVariable = "AWSKEYD_E2E_GO_SDK"

// goSDKReader is boto3_reader.py with the Go SDK.
func goSDKReader(endpoint string, in io.Reader, out io.Writer) error {
	answer := json.NewEncoder(out)
	questions := json.NewDecoder(in)
	for {
		var profile string
		if err := questions.Decode(&profile); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		text := ""
		if err := signWithSDK(endpoint, profile); err != nil {
			text = err.Error()
		}
		if err := answer.Encode(text); err != nil {
			return err
		}
	}
}

func signWithSDK(endpoint, profile string) error {
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(profile), config.WithRegion("us-east-1"), config.WithBaseEndpoint(endpoint),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
	if err != nil {
		return err
	}
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	return err
}

func goSDKMain(endpoint string) {
	if err := goSDKReader(endpoint, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
