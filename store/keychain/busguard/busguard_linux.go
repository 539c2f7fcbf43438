package busguard

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// patience is how long a bus may take to answer before main: a living one takes
// less than a millisecond.
const patience = 500 * time.Millisecond

const (
	variable = "DBUS_SESSION_BUS_ADDRESS"
	// deadEnd is an address that fails at once and can never come to life,
	// since nothing lies below a device.
	deadEnd = "unix:path=/dev/null/no-session-bus"
)

var original, wasSet = os.LookupEnv(variable)

func init() {
	address, reason = find(context.Background())
	if address != "" {
		os.Setenv(variable, address)
	} else {
		os.Setenv(variable, deadEnd)
	}
}

// Restore gives the environment back as it was, for children and for executing
// this program again. Only once the library has been initialised: it connects
// at that time and never again.
func Restore() {
	if wasSet {
		os.Setenv(variable, original)
	} else {
		os.Unsetenv(variable)
	}
}

// find returns the address of the first session bus that answers, or why there
// is none. An address from the environment is the only one that counts then.
func find(ctx context.Context) (found, why string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if wasSet && original != "" && original != "autolaunch:" {
		for _, a := range strings.Split(original, ";") {
			if found, why = try(ctx, a); found != "" {
				return found, ""
			}
		}
		return "", fmt.Sprintf("the session bus of %s (%s) %s", variable, original, why)
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/run/user/" + strconv.Itoa(os.Getuid())} {
		path := dir + "/bus"
		if !strings.HasPrefix(dir, "/") || strings.ContainsAny(path, ",;%") {
			continue
		}
		if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeSocket == 0 {
			continue
		}
		if found, why = try(ctx, "unix:path="+path); found != "" {
			return found, ""
		}
		why = fmt.Sprintf("the session bus at %s %s", path, why)
	}
	if why == "" {
		why = fmt.Sprintf("%s is not set and there is no bus in XDG_RUNTIME_DIR", variable)
	}
	return "", why
}

// try connects to one address and hears whether a bus is there. It returns the
// address in the form that the library's old D-Bus client understands, which
// does not unescape.
func try(ctx context.Context, a string) (found, why string) {
	transport, rest, _ := strings.Cut(a, ":")
	if transport != "unix" {
		return "", "is no Unix socket"
	}
	for _, pair := range strings.Split(rest, ",") {
		key, value, _ := strings.Cut(pair, "=")
		if key != "path" && key != "abstract" {
			continue
		}
		value = unescape(value)
		path := value
		if key == "abstract" {
			path = "@" + value
		}
		if err := hello(ctx, path); err != nil {
			return "", err.Error()
		}
		return "unix:" + key + "=" + value, ""
	}
	return "", "has no path"
}

// unescape undoes the %xx of an address (D-Bus specification, "Server
// Addresses"); what is not one stays as it is.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				out.Write(b)
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// hello takes the first step of authentication (D-Bus specification, "AUTH
// EXTERNAL"): a bus that is alive says OK at once.
func hello(ctx context.Context, path string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return fmt.Errorf("cannot be reached: %w", err)
	}
	defer conn.Close()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(patience)
	}
	conn.SetDeadline(deadline)
	uid := hex.EncodeToString([]byte(strconv.Itoa(os.Getuid())))
	var answer [2]byte
	_, err = conn.Write([]byte("\x00AUTH EXTERNAL " + uid + "\r\n"))
	if err == nil {
		_, err = io.ReadFull(conn, answer[:])
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("does not answer")
	case err != nil:
		return errors.New("hung up")
	case string(answer[:]) != "OK":
		return errors.New("does not let us in")
	}
	return nil
}
