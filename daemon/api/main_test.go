package api

import (
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary play another user's client, and holds that no
// goroutine of ours outlives the tests.
func TestMain(m *testing.M) {
	if path := os.Getenv("API_TEST_KNOCK_AT"); path != "" {
		os.Exit(knock(path))
	}
	goleak.VerifyTestMain(m)
}

// knock asks for credentials and exits with 0 if not one byte comes back.
func knock(path string) int {
	conn, err := net.Dial("unix", path)
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	conn.Write([]byte("GET /v1/credentials/work HTTP/1.0\r\n\r\n"))
	b := make([]byte, 1)
	if n, _ := conn.Read(b); n != 0 {
		os.Stderr.WriteString("it answered")
		return 1
	}
	return 0
}
