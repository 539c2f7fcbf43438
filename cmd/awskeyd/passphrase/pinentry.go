package passphrase

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/secret"
)

// pinentry is looked for here alone: what PATH holds is for the caller's shell.
var (
	folders  = []string{"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/local/bin", "/usr/pkg/bin"}
	programs = []string{"pinentry-mac", "pinentry"} // the first is on macOS alone, and has windows
)

const (
	askLimit = 3 * time.Minute // for a person to answer one question
	endLimit = 2 * time.Second // for pinentry to put the screen right
	rounds   = 3               // to choose a passphrase and type it twice
)

const (
	remedyOther = "install another pinentry, or write the passphrase into a file that only you can read and set [store] passphrase_file"
	remedyAgain = "type: awskey unlock"
)

func find() (string, error) {
	for _, folder := range folders {
		for _, program := range programs {
			path := filepath.Join(folder, program)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%w: there is no pinentry to ask for its passphrase with; %s", store.ErrLocked, remedyOther)
}

// ask has a person type the passphrase, or choose one.
func (s Sources) ask(ctx context.Context, choose bool) (v secret.Value, err error) {
	path := s.pinentry
	if path == "" {
		if path, err = find(); err != nil {
			return v, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	// It takes the daemon's environment: its display and its language.
	cmd := exec.CommandContext(ctx, path)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endLimit
	in, err := cmd.StdinPipe()
	if err != nil {
		return v, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return v, err
	}
	if err := cmd.Start(); err != nil {
		return v, explain(ctx, path, err)
	}
	// Something it started may hold the pipe open when it is gone.
	stop := context.AfterFunc(ctx, func() { out.Close() })
	defer stop()
	t := &talk{in: in, out: out}
	defer t.wipe()
	if choose {
		v, err = t.choose()
	} else {
		v, err = t.passphrase()
	}
	err = explain(ctx, path, err)
	in.Close() // the end of the conversation
	if err != nil {
		cancel()
	}
	patience := time.AfterFunc(endLimit, cancel)
	defer patience.Stop()
	_ = cmd.Wait()
	return v, err
}

// explain says of pinentry's trouble what it means for the store.
func explain(ctx context.Context, path string, err error) error {
	var r refusal
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &r) && r.timeout():
		return fmt.Errorf("%w: nobody answered %s in time; %s", store.ErrLocked, path, remedyAgain)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: asking for the passphrase: %w", store.ErrLocked, ctx.Err())
	case errors.As(err, &r) && r.canceled():
		return fmt.Errorf("%w: the question for its passphrase was dismissed; %s", store.ErrDenied, remedyAgain)
	case errors.Is(err, errChosen):
		return fmt.Errorf("%w: %w; %s", store.ErrLocked, err, remedyAgain)
	}
	return fmt.Errorf("%w: %s cannot ask for its passphrase here (%w); %s", store.ErrLocked, path, err, remedyOther)
}

// begin greets it and tells what it may need. What it does not know is no
// matter: each kind of pinentry has options of its own.
func (t *talk) begin(description string) error {
	if _, err := t.answer(nil); err != nil {
		return err
	}
	options := []string{"OPTION lc-ctype=" + encode(firstOf("LC_ALL", "LC_CTYPE", "LANG"))}
	// Our terminal, if awskeyd runs in one, for a pinentry without windows.
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		tty.Close()
		options = append(options, "OPTION ttyname=/dev/tty", "OPTION ttytype="+encode(firstOf("TERM")))
	}
	for _, o := range append(options, "SETTITLE awskeyd", "SETDESC "+encode(description)) {
		var r refusal
		if _, err := t.ask(o, nil); err != nil && !errors.As(err, &r) {
			return err
		}
	}
	return nil
}

func firstOf(variables ...string) string {
	for _, v := range variables {
		if text := os.Getenv(v); text != "" {
			return text
		}
	}
	return "C"
}

func (t *talk) passphrase() (secret.Value, error) {
	if err := t.begin("The passphrase of the files in which awskeyd keeps AWS access keys:"); err != nil {
		return secret.Value{}, err
	}
	return t.pin("Passphrase:")
}

// pin asks one question. The answer passes through a buffer that is wiped.
func (t *talk) pin(prompt string) (secret.Value, error) {
	var r refusal
	if _, err := t.ask("SETPROMPT "+prompt, nil); err != nil && !errors.As(err, &r) {
		return secret.Value{}, err
	}
	b, err := t.ask("GETPIN", make([]byte, 0, maxSecret))
	defer clear(b[:cap(b)])
	defer t.wipe()
	if err != nil {
		return secret.Value{}, err
	}
	return keep(b), nil
}

var errChosen = errors.New("no passphrase was chosen: three times it was empty, or not the same twice")

// choose asks until the same was typed twice.
func (t *talk) choose() (secret.Value, error) {
	if err := t.begin("Choose a passphrase for the files in which awskeyd will keep AWS access keys. Nobody can read them without it."); err != nil {
		return secret.Value{}, err
	}
	for range rounds {
		one, err := t.pin("Passphrase:")
		if err != nil {
			return secret.Value{}, err
		}
		trouble := "It is empty: choose one"
		if !one.IsZero() {
			two, err := t.pin("The same again:")
			same := err == nil && one.Equal(two)
			two.Wipe()
			if same {
				return one, nil
			}
			if err != nil {
				one.Wipe()
				return secret.Value{}, err
			}
			trouble = "These were two different ones: begin again"
		}
		one.Wipe()
		var r refusal
		if _, err := t.ask("SETERROR "+encode(trouble), nil); err != nil && !errors.As(err, &r) {
			return secret.Value{}, err
		}
	}
	return secret.Value{}, errChosen
}
