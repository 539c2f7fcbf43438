package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/helper"
)

// doctor is one run of awskey doctor. What one check learns the later ones use.
type doctor struct {
	*app
	fix    bool
	files  awsfiles.Files
	status *api.Status // nil while no daemon answers
	said   []api.Check
}

// doctorCmd asks and looks; it changes nothing without --fix.
func (a *app) doctorCmd() *cobra.Command {
	d := &doctor{app: a}
	r := &report{doctor: d}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "finds what could keep this from working",
		Long: `Looks at everything that could keep awskeyd from working: programs, service,
store, configuration, AWS files, environment, and each key at AWS. Each line says
ok, warning or error, and below it what to type. Nothing is changed, unless with
--fix, which mends what is safe: the mode of the credentials file, and lines whose
helper has moved. It ends with 1 if there is an error.

With --report it writes what somebody who helps you needs to know, and shows it
first: access keys shortened, names, accounts and your home left out.`,
		Example: `  awskey doctor
  awskey doctor --fix
  awskey doctor --json | jq -r '.checks[] | select(.state != "ok") | .text'
  awskey doctor --report awskey.txt`,
		Args: unnamed,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if d.files, err = a.awsFiles(); err != nil {
				return err
			}
			if cmd.Flags().Changed("report") {
				return r.write(cmd)
			}
			return d.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&d.fix, "fix", false, "mend what is safe to mend")
	flags.StringVar(&r.path, "report", "", "write a report for somebody else into `FILE`")
	flags.BoolVarP(&r.yes, "yes", "y", false, "do not ask (--report)")
	return cmd
}

// checks are all of them, in the order in which a person would look.
func (d *doctor) checks() []func(context.Context) {
	return []func(context.Context){
		d.programs, d.configuration, d.registration, d.service, d.socket, d.store,
		d.awsFilesRead, d.ourLines, d.environment, d.caches, d.clients,
		d.keysHere, d.keysAtAWS,
	}
}

func (d *doctor) run(ctx context.Context) error {
	for _, check := range d.checks() {
		from := len(d.said)
		check(ctx)
		if !d.json {
			for _, c := range d.said[from:] {
				d.show(c)
			}
		}
		if ctx.Err() != nil {
			return &api.Error{Code: "stopped", Message: "stopped before every check was made", Exit: helper.ExitFailed}
		}
	}
	if d.json {
		d.document(api.Checked{Checks: d.said})
	} else {
		d.printf("\n%s\n", d.verdict())
	}
	if d.count("error") > 0 {
		return silent(helper.ExitFailed)
	}
	return nil
}

// say notes the result of a check.
func (d *doctor) say(state, code, remedy, format string, args ...any) {
	d.said = append(d.said, api.Check{Code: code, State: state, Text: d.tilde(fmt.Sprintf(format, args...)), Remedy: remedy})
}

// show prints one line, wrapped beside its state.
func (d *doctor) show(c api.Check) {
	colours := map[string]string{"error": red, "warning": yellow}
	const indent = "         "
	text := strings.TrimLeft(wrapped(c.Text, indent), " ")
	word := c.State
	if code := colours[c.State]; code != "" {
		word = d.colour(code, word)
	}
	d.printf("%s%s%s", word, indent[:len(indent)-len(c.State)], text)
	if c.Remedy != "" {
		d.printf("%s  %s\n", indent, printable(c.Remedy)) // in one line, to be copied
	}
}

func (d *doctor) count(state string) (n int) {
	for _, c := range d.said {
		if c.State == state {
			n++
		}
	}
	return n
}

func (d *doctor) verdict() string {
	errors, warnings := d.count("error"), d.count("warning")
	if errors+warnings == 0 {
		return "All is well."
	}
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{errors, "error"}, {warnings, "warning"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s%s", part.n, part.word, plural(part.n)))
		}
	}
	return strings.Join(parts, ", ") + "."
}
