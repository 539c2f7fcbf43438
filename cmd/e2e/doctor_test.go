//go:build linux

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
)

// The real programs: what is well is said to be, and what is broken is found.
func TestDoctor(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	h.onFailure(t)
	aws := newAWSWithAlice(t)
	rights := awstest.Rotator()
	rights.Own = append(rights.Own, "iam:SimulatePrincipalPolicy")
	aws.SetPolicy("alice", rights)
	h.configure(h.fileStore(), awsSettings(aws.Server))
	d := h.start()
	h.mustAdd("work", aws.id, aws.secret, "--write")
	has := func(r result, exit int, lines ...string) {
		t.Helper()
		if r.exit != exit || r.stderr != "" {
			t.Errorf("exit %d, %q", r.exit, r.stderr)
		}
		for _, line := range lines {
			if !regexp.MustCompile(`(?m)^` + line).MatchString(r.stdout) {
				t.Errorf("%q is missing in\n%s", line, r.stdout)
			}
		}
	}
	has(h.awskey("doctor"), exitDone,
		"ok       the AWS profile work gets its key", "ok       work: AWS takes access key ", "ok       work: IAM allows every call of a rotation",
		"ok       this machine's clock agrees with AWS's", `All is well\.`)

	rights.Deny = []string{"iam:UpdateAccessKey"}
	aws.SetPolicy("alice", rights)
	other, _ := aws.IssueKey("alice")
	h.write(".aws/credentials", pairIn("pasted", aws.id, aws.secret))
	has(h.awskey("doctor"), exitFailed,
		"error    work: IAM does not allow iam:UpdateAccessKey", "warning  work: IAM has a second access key AKIA…"+short(other),
		"warning  ~/.aws/credentials:2: access key AKIA…"+short(aws.id))
	for _, call := range aws.Calls() {
		if call.ByDaemon() && (call.Action == "CreateAccessKey" || changes(call.Action)) {
			t.Errorf("the doctor has sent %s", call.Action)
		}
	}
	r := h.awskey("doctor", "--report", h.path("report"), "--yes")
	if text, err := os.ReadFile(h.path("report")); r.exit != exitDone || err != nil || string(text) != r.stdout || strings.Contains(r.stdout, "alice") || strings.Contains(r.stdout, aws.id) || strings.Contains(r.stdout, aws.secret) || strings.Contains(r.stdout, h.dir) {
		t.Errorf("exit %d, %v, the report is\n%s", r.exit, err, r.stdout)
	}
	d.stop()
	has(h.awskey("doctor"), exitFailed, "error    no daemon answers", "error    the AWS profile work gets nothing: ")
}

// connections are the ends of the TCP connections of all processes of a home.
func (h *home) connections() (list []string) {
	inodes := map[string]bool{}
	for _, process := range h.processes() {
		pid, _, _ := strings.Cut(process, " ")
		links, _ := filepath.Glob("/proc/" + pid + "/fd/*") // gone by now
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "socket:[") {
				inodes[strings.Trim(to[len("socket:"):], "[]")] = true
			}
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue // no such protocol here
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) > 9 && inodes[fields[9]] {
				list = append(list, peer(fields[2]))
			}
		}
		f.Close()
	}
	return list
}

// peer reads an address of /proc/net/tcp (proc(5)).
func peer(text string) string {
	host, port, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil || len(host) != 8 {
		return text
	}
	var ip [4]byte
	if _, err := fmt.Sscanf(host, "%02x%02x%02x%02x", &ip[3], &ip[2], &ip[1], &ip[0]); err != nil {
		return text
	}
	return net.JoinHostPort(net.IP(ip[:]).String(), strconv.FormatUint(n, 10))
}

// No telemetry, no look for updates: over a key's first days no program of ours has
// a connection to anything but AWS.
func TestNothingButAWSIsSpokenTo(t *testing.T) {
	t.Parallel()
	h := newHome(t, binaries(t))
	h.onFailure(t)
	aws := newAWSWithAlice(t)
	h.configure(h.fileStore(), awsSettings(aws.Server), swift)
	d := h.start()
	var mu sync.Mutex
	seen := map[string]int{}
	look := func() {
		now := h.connections()
		mu.Lock()
		defer mu.Unlock()
		for _, to := range now {
			seen[to]++
		}
	}
	// While AWS holds an answer back, when at least that connection is there, and all
	// the while.
	aws.SetHook(func(_ context.Context, m awstest.Moment, call awstest.Call) {
		if m == awstest.Answering && call.ByDaemon() {
			look()
		}
	})
	end := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			look()
			select {
			case <-end:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	h.mustAdd("work", aws.id, aws.secret, "--write")
	h.do("rotate", "work", "--wait")
	h.works(aws.Server, "work")
	for _, verb := range [][]string{{"doctor"}, {"status"}, {"history"}, {"policy", "work"}, {"version"}, {"store", "list"}} {
		h.awskey(verb...)
	}
	eventually(t, 60*time.Second, func() string {
		if k, err := h.key("work"); err != nil || k.Phase != "steady" {
			return fmt.Sprint(k.Phase, err)
		}
		return ""
	})
	close(end)
	watching.Wait()
	d.stop()
	mu.Lock()
	defer mu.Unlock()
	address := strings.TrimPrefix(aws.URL, "http://")
	if seen[address] == 0 {
		t.Errorf("not even the connections to AWS were seen: %v", seen)
	}
	for to, times := range seen {
		if to != address {
			t.Errorf("%d times something of ours was connected to %s", times, to)
		}
	}
	t.Logf("connections seen: %v", seen)
}
