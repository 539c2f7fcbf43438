//go:build unix

package service_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/packaging/service"
)

func init() { modes["handed"] = handed }

// handed is the program under a service manager that hands it a socket. It executes
// itself once more, and then tells what it has.
func handed() {
	h, err := service.Receive()
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	if os.Getenv("SERVICE_TEST_AGAIN") == "" {
		os.Setenv("SERVICE_TEST_AGAIN", "1")
		fmt.Println(h.Again())
		return
	}
	h.Tell("READY=1")
	fmt.Println("watchdog", h.Watchdog)
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LISTEN_") || strings.HasPrefix(v, "NOTIFY_") || strings.HasPrefix(v, "WATCHDOG_") {
			fmt.Println("left in the environment:", v)
		}
	}
	// What it starts has none of it.
	if out, err := exec.Command("sh", "-c", "readlink /dev/fd/3 || echo nothing").Output(); err == nil && strings.Contains(string(out), "socket") {
		fmt.Printf("a child has %s", out)
	}
	if h.Socket == nil {
		fmt.Println("no socket")
		return
	}
	conn, err := h.Socket.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.WriteString(conn, "served")
	_ = conn.Close()
	_ = h.Socket.Close()
}

func TestASocketIsHandedOver(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	notify, err := net.ListenPacket("unixgram", filepath.Join(dir, "n"))
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	// Only a shell knows the process's own number before it becomes the program.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), "SERVICE_TEST=handed", "LISTEN_FDS=1", "LISTEN_FDNAMES=awskeyd.socket", "WATCHDOG_USEC=3000000", "NOTIFY_SOCKET="+filepath.Join(dir, "n"))
	cmd.ExtraFiles = []*os.File{file}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 100)
	_ = notify.SetDeadline(time.Now().Add(20 * time.Second))
	n, _, err := notify.ReadFrom(said)
	if err != nil || string(said[:n]) != "READY=1" {
		t.Errorf("told %q, %v", said[:n], err)
	}
	conn, err := net.Dial("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if answer, err := io.ReadAll(conn); err != nil || string(answer) != "served" {
		t.Errorf("%q, %v", answer, err)
	}
	if err := cmd.Wait(); err != nil || out.String() != "watchdog 3s\n" {
		t.Errorf("%v, said %q", err, out.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "s")); err != nil {
		t.Error("the program has removed the manager's socket")
	}
}

// What was meant for another process, such as the shell that this one was started
// from, is not taken.
func TestWhatIsNotForUsIsLeft(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVICE_TEST=handed", "SERVICE_TEST_AGAIN=1", "LISTEN_FDS=1", "LISTEN_PID=1", "WATCHDOG_USEC=5", "WATCHDOG_PID=1")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "watchdog 0s\nno socket\n" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestAnOddHandIsRefused(t *testing.T) {
	for _, count := range []string{"2", "x", "0"} {
		cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
		cmd.Env = append(os.Environ(), "SERVICE_TEST=handed", "LISTEN_FDS="+count)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "refused: ") {
			t.Errorf("%s: %v, %q", count, err, out)
		}
	}
}
