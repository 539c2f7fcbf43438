//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awstest"
)

const passphrase = "the bench's own, worth nothing"

// home is one daemon's: the real programs, the encrypted file store and an
// emulated AWS.
type home struct {
	*bench
	aws    *awstest.Server
	client *api.Client
}

func (b *bench) home(name string) (*home, error) {
	h := &home{bench: &bench{dir: filepath.Join(b.dir, name)}, aws: awstest.NewServer(awstest.Options{})}
	for _, dir := range []string{".config/awskeyd", ".aws", "awskeyd"} {
		if err := os.MkdirAll(filepath.Join(h.dir, dir), 0o700); err != nil {
			return nil, err
		}
	}
	if err := os.Symlink(filepath.Join(b.dir, "programs"), filepath.Join(h.dir, "programs")); err != nil {
		return nil, err
	}
	settings := fmt.Sprintf("[store]\nbackend = \"file\"\npassphrase_file = %q\n[aws]\nregion = \"us-east-1\"\nendpoint_url = %q\n"+
		"[rotation]\nevery = \"24h\"\nttl = \"1s\"\nprove = \"700ms\"\nsettle = \"500ms\"\ngrace = \"1s\"\nimported_grace = \"1s\"\nmonitor = \"300ms\"\n",
		filepath.Join(h.dir, "passphrase"), h.aws.URL)
	for path, text := range map[string]string{"passphrase": passphrase + "\n", ".config/awskeyd/config.toml": settings} {
		if err := os.WriteFile(filepath.Join(h.dir, path), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	h.client = api.Dial(func(name string) string {
		if name == "AWSKEYD_SOCKET" {
			return h.socket()
		}
		return ""
	})
	return h, nil
}

func (h *home) close() {
	h.client.Close()
	h.aws.Close()
}

// command is that of a home whose bus is none of the user's.
func (h *home) command(program string, args ...string) *exec.Cmd {
	cmd := h.bench.command(program, args...)
	cmd.Env = append(cmd.Env, "DBUS_SESSION_BUS_ADDRESS=unix:path="+h.dir+"/no-bus", "PATH="+os.Getenv("PATH"))
	return cmd
}

// asUnit is what a service unit sets, which spares the daemon its second beginning.
const asUnit = "GODEBUG=clobberfree=1"

// start starts awskeyd and returns how long it takes until ready says so.
func (h *home) start(ready func() error, environ ...string) (*exec.Cmd, time.Duration, error) {
	cmd := h.command(h.program("awskeyd"), "run")
	cmd.Env = append(cmd.Env, environ...)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	if err := h.until(2*time.Minute, ready); err != nil {
		end(cmd)
		return nil, 0, err
	}
	return cmd, time.Since(began), nil
}

func (h *home) answers() error { return ask(h.socket(), nil) }

func (h *home) says() error {
	_, err := h.client.Status(context.Background())
	return err
}

func (h *home) add(name string) error {
	h.aws.CreateUser(name, "", awstest.Rotator())
	id, key := h.aws.IssueKey(name)
	_, err := h.client.Add(context.Background(), name, api.AddRequest{AccessKeyID: id, SecretAccessKey: key})
	return err
}
