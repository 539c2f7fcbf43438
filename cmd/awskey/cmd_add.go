package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/store/secret"
)

// adding is one run of awskey add.
type adding struct {
	*app
	name        string
	id          string // --access-key-id
	secretStdin bool
	csv         string
	fromProfile string
	from        string
	write       bool
	create      creating
	plaintext   []awsfiles.Place // where --from-profile found the key
}

// addCmd: there is no flag that takes a secret, since arguments can be read by
// every program of the machine and stay in the shell's history.
func (a *app) addCmd() *cobra.Command {
	add := &adding{app: a}
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "takes an access key in, after proving it at AWS",
		Long: `Takes the access key of an IAM user in under NAME, after proving it at AWS. At a
terminal it asks for the access key id and the secret; the secret is not shown,
and is never an argument.

With --create an administrator's key makes an access key for an IAM user. It
goes from AWS straight into the store, and nobody sees it.`,
		Example: `  awskey add work --write
  awskey add work --csv ~/Downloads/alice_accessKeys.csv
  awskey add work --from-profile default
  awskey add ci --from deploy/.env:3
  pass show aws/secret | awskey add work --access-key-id AKIA… --secret-stdin
  awskey add ci --create --user ci-robot --with boss --write`,
		Args: named(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			add.name = args[0]
			if err := add.create.check(cmd, add.name); err != nil {
				return err
			}
			return add.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&add.id, "access-key-id", "", "the access key `ID`")
	flags.BoolVar(&add.secretStdin, "secret-stdin", false, "read the secret from standard input")
	flags.StringVar(&add.csv, "csv", "", "take both from `FILE`, the console's download")
	flags.StringVar(&add.fromProfile, "from-profile", "", "take both from the AWS profile `P`, in plaintext")
	flags.StringVar(&add.from, "from", "", "take both from `FILE:LINE`, as scan has found them")
	flags.BoolVar(&add.write, "write", false, "write credential_process into the AWS config")
	add.create.flags(cmd)
	return cmd
}

// run does the steps in an order in which nothing is lost: whatever fails after
// the daemon has taken the key in says that it has.
func (a *adding) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	target, noTarget := a.target(a.name)
	if noTarget != nil && a.write {
		return noTarget // before anything is asked: what was wanted cannot be done
	}
	if a.write && a.fromProfile == target.profile {
		return usage(cmd, "the plaintext of the AWS profile "+a.name+" stands where --write would write: add it without --write, and it says which lines to replace")
	}
	// A daemon that does not answer is told before a secret is typed.
	if _, err := a.status(ctx); err != nil {
		return err
	}
	take, tell := a.takes, a.taken
	if a.create.on {
		take, tell = a.makes, a.created
	}
	r, err := take(cmd)
	if err != nil {
		return err
	}
	wrote := false
	if a.write {
		changes, err := target.files.Point(target.profile, target.command, awsfiles.Static{})
		if err != nil {
			return fmt.Errorf("%s is taken in, but its AWS profile was not written: %w", a.name, err)
		}
		wrote = len(changes) > 0
	}
	if a.json {
		a.document(r)
	} else {
		tell(r)
		if noTarget == nil {
			a.useText(target, wrote, a.write)
		}
	}
	if noTarget != nil {
		a.note("no AWS profile can use %s yet: %v", a.name, noTarget)
	}
	for _, p := range a.plaintext {
		a.note("%s:%d: the key still stands here in plaintext: delete this line when nothing reads it any more", p.File, p.Line)
	}
	if a.from != "" {
		return a.exposed(ctx, r.Key)
	}
	if a.csv != "" {
		return a.offerDeletion(ctx)
	}
	return nil
}

// takes takes in what the flags or a person give.
func (a *adding) takes(cmd *cobra.Command) (api.AddResult, error) {
	id, key, err := a.credentials(cmd)
	if err != nil {
		return api.AddResult{}, err
	}
	return a.put(cmd.Context(), api.AddRequest{AccessKeyID: id, SecretAccessKey: key.Reveal()})
}

// put sends the key to the daemon; where no store is chosen yet it is chosen
// first.
func (a *adding) put(ctx context.Context, r api.AddRequest) (api.AddResult, error) {
	var res api.AddResult
	add := func() error {
		return a.while("proving "+a.name+" at AWS", func() (err error) {
			res, err = a.daemon.Add(ctx, a.name, r)
			return err
		})
	}
	err := add()
	if isCode(err, "no-store") {
		if err = a.chooseStore(ctx); err == nil {
			err = add()
		}
	}
	return res, err
}

// credentials gets id and secret from where the flags say, else from a person.
func (a *adding) credentials(cmd *cobra.Command) (id string, key secret.Value, err error) {
	switch {
	case a.csv != "" && (a.id != "" || a.secretStdin):
		return "", key, usage(cmd, "--csv holds both: leave --access-key-id and --secret-stdin out")
	case cmd.Flags().Changed("from") && (a.id != "" || a.secretStdin || a.csv != "" || cmd.Flags().Changed("from-profile")):
		return "", key, usage(cmd, "--from says where both stand: leave the other ways out")
	case cmd.Flags().Changed("from"):
		from, err := parseSource(a.from)
		if err != nil {
			return "", key, usage(cmd, err.Error())
		}
		return from.key(cmd.Context())
	case a.csv != "" && a.fromProfile != "":
		return "", key, usage(cmd, "--csv and --from-profile each hold a key: leave one out")
	case a.csv != "":
		return readCSV(a.csv)
	case cmd.Flags().Changed("from-profile") && (a.id != "" || a.secretStdin):
		return "", key, usage(cmd, "--from-profile holds both: leave --access-key-id and --secret-stdin out")
	case cmd.Flags().Changed("from-profile"):
		return a.readProfile()
	case a.secretStdin && a.id == "":
		return "", key, usage(cmd, "--secret-stdin needs --access-key-id too")
	}
	id = a.id
	p := a.person()
	if p == nil && !a.secretStdin {
		return "", key, usage(cmd, "there is no terminal to ask at; use --access-key-id ID --secret-stdin, --csv FILE, or --from-profile P")
	}
	if id == "" {
		if id, err = p.ask(cmd.Context(), "Access key id: "); err != nil {
			return "", key, err
		}
	}
	if message := wrongID(id); message != "" {
		return "", key, usage(cmd, message)
	}
	var text string
	if a.secretStdin && !term.IsTerminal(int(a.stdin.Fd())) {
		text, err = readSecret(a.stdin)
	} else {
		text, err = p.askSecret(cmd.Context(), "Secret access key (not shown): ")
	}
	if err != nil {
		return "", key, err
	}
	if message := wrongSecret(text); message != "" {
		return "", key, usage(cmd, message)
	}
	return id, secret.New(text), nil
}

// readCSV reads the console's download; no error of it quotes a value.
func readCSV(path string) (string, secret.Value, error) {
	f, err := os.Open(path)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // the path is said once, and in our own words
	}
	if err != nil {
		return "", secret.Value{}, fmt.Errorf("cannot open the CSV file %s: %w", path, err)
	}
	defer f.Close()
	c, err := awsfiles.ReadCSV(f)
	if err != nil {
		return "", secret.Value{}, fmt.Errorf("%s: %w", path, err)
	}
	return c.AccessKeyID, c.Secret, nil
}

// readProfile reads what stands in plaintext in the AWS files.
func (a *adding) readProfile() (string, secret.Value, error) {
	files, err := a.awsFiles()
	if err != nil {
		return "", secret.Value{}, err
	}
	s, err := files.Static(a.fromProfile)
	if err != nil {
		return "", secret.Value{}, fmt.Errorf("cannot take the key from the AWS files: %w", err)
	}
	a.plaintext = s.Places
	return s.AccessKeyID, s.Secret, nil
}

// maxSecret is far above the 40 bytes of a secret, in bytes.
const maxSecret = 256

// readSecret takes all of standard input, so that a secret with or without a
// line's end is the same. No error of it quotes what was read.
func readSecret(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, 4*maxSecret))
	defer clear(b)
	if err != nil {
		return "", errors.New("could not read the secret from standard input")
	}
	return strings.TrimSpace(string(b)), nil
}

// idPattern is all that AWS promises of an access key id (IAM API reference,
// AccessKey).
var idPattern = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)

// wrongID says what is wrong with an access key id and never repeats it: it
// may be the secret, typed at the wrong question.
func wrongID(id string) string {
	switch {
	case id == "":
		return "no access key id was given"
	case strings.HasPrefix(id, "ASIA"):
		return "the access key id begins with ASIA: the key is temporary, and only keys of IAM users (AKIA…) can be kept"
	case !idPattern.MatchString(id):
		return "that is no access key id: it is AKIA and at least 12 more capital letters and digits"
	}
	return ""
}

// wrongSecret finds what can be no secret. AWS documents no shape.
func wrongSecret(s string) string {
	switch {
	case s == "":
		return "no secret was given"
	case len(s) > maxSecret || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "that is no secret access key: it is one word of about 40 letters, digits, / and +"
	}
	return ""
}

// taken says that the key is in.
func (a *adding) taken(r api.AddResult) {
	if r.Already {
		a.printf("%s is already here\n", r.Key.Name)
	} else {
		a.printf("%s is proved at AWS and taken in\n", r.Key.Name)
	}
	a.learnt(r.Key)
}

// learnt says what is known of the key now.
func (a *adding) learnt(k api.Key) {
	now := a.now()
	a.field("user", k.UserARN)
	a.field("account", account(k.UserARN))
	current := k.AccessKeyID
	if k.CreatedAt != nil {
		current += ", " + age(k.CreatedAt, now) + " old"
	}
	a.field("access key", current)
	if k.DueAt != nil {
		a.field("next rotation", nextRotation(k, now))
	}
	if k.Hold != nil {
		a.printf("\n")
		a.hold(k)
		if k.Hold.Code == "access-denied" {
			a.printf("  awskey policy %s  prints the policy it needs\n", k.Name)
		}
	}
}

// account is the twelve digits in an ARN, or nothing.
func account(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// offerDeletion asks whether the file that still holds the secret may go.
func (a *adding) offerDeletion(ctx context.Context) error {
	p := a.person()
	if p == nil {
		a.note("the secret still stands in %s: delete it", a.csv)
		return nil
	}
	yes, err := p.yes(ctx, "The secret still stands in "+a.csv+". Delete the file?")
	if err != nil || !yes {
		return err
	}
	if err := os.Remove(a.csv); err != nil {
		return err
	}
	p.say("deleted\n")
	return nil
}
