package awstest

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// snake is a boto3 operation's name.
func snake(action string) string {
	var b strings.Builder
	for i, r := range action {
		if 'A' <= r && r <= 'Z' && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// clientOf is boto3's name for a service.
func clientOf(s Service) string {
	if s == CloudWatch {
		return "cloudwatch"
	}
	return string(s)
}

// The same cases, made by every python3 here that can import boto3.
func TestRefusalsByBoto3(t *testing.T) {
	found := map[string]bool{}
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		version, err := exec.Command(python, "-c", "import sys,boto3,botocore;print(sys.executable,'boto3',boto3.__version__)").Output()
		name := strings.TrimSpace(string(version))
		if err != nil || found[name] {
			continue
		}
		found[name] = true
		t.Run(strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], " ", "-"), func(t *testing.T) { refusalsBy(t, python) })
	}
	if len(found) == 0 {
		t.Fatal("no python3 here can import boto3: apt-get install python3-boto3 (or: pip install boto3)")
	}
}

func refusalsBy(t *testing.T, python string) {
	type input struct {
		Name         string         `json:"name"`
		URL          string         `json:"url"`
		Service      string         `json:"service"`
		Operation    string         `json:"operation"`
		Params       map[string]any `json:"params"`
		Key          string         `json:"key"`
		Secret       string         `json:"secret"`
		Token        string         `json:"token"`
		Region       string         `json:"region"`
		Minutes      int            `json:"minutes"`
		ScopeRegion  string         `json:"scope_region"`
		ScopeService Service        `json:"scope_service"`
	}
	var inputs []input
	var servers []*Server
	for _, c := range refusals {
		s := NewServer(c.options)
		defer s.Close()
		cred, id := c.setup(t, s)
		servers = append(servers, s)
		inputs = append(inputs, input{
			Name: c.name, URL: s.URL, Service: clientOf(c.service), Operation: snake(c.action), Params: c.given(id),
			Key: cred.id, Secret: cred.secret, Token: cred.token, Region: "us-east-1",
			Minutes: int(c.shift / time.Minute), ScopeRegion: c.scopeRegion, ScopeService: c.scopeService,
		})
	}
	in, err := json.Marshal(inputs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/boto3_cases.py")
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s testdata/boto3_cases.py: %v\n%s", python, err, stderr.String())
	}
	var results []struct {
		Name, Code, Message string
		Status              int
	}
	if err := json.Unmarshal(out, &results); err != nil || len(results) != len(refusals) {
		t.Fatalf("%d results: %v\n%s", len(results), err, out)
	}
	for i, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			c.check(t, results[i].Status, results[i].Code, results[i].Message)
			// Retries are off, so boto3 made exactly one call, the last one.
			calls := servers[i].Calls()
			last := calls[len(calls)-1]
			if !strings.Contains(last.Client, "Botocore") && !strings.Contains(last.Client, "Boto3") || last.Status != c.status {
				t.Errorf("recorded %+v", last)
			}
		})
	}
}
