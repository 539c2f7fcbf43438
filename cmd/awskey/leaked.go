package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// leakedResult is the one document of rotate --leaked --json.
type leakedResult struct {
	Key                api.Key    `json:"key"`
	SessionsDenyPolicy string     `json:"sessions_deny_policy"`
	LeasesUntil        *time.Time `json:"leases_until,omitempty"`
}

// stillGood is how long AWS may go on accepting a key after it was deactivated:
// IAM promises no time, seconds are what is seen. A session made in them ends
// with the others.
const stillGood = time.Minute

// shutOff is rotate --leaked. It breaks programs, so it says which, and asks for
// more than a y, which fingers type by themselves.
func (r *rotating) shutOff(cmd *cobra.Command) error {
	ctx := cmd.Context()
	p := r.person()
	if p == nil && !r.yes {
		return usage(cmd, "there is no terminal to type the name at; use --yes")
	}
	s, err := r.status(ctx)
	if err != nil {
		return err
	}
	before, profiles, err := pick(s, r.name)
	if err != nil {
		return err
	}
	if before.AccessKeyID == "" {
		return &api.Error{Code: "no-access-key", Message: before.Name + " has no access key that could have leaked",
			Remedy: "awskey status " + before.Name + " shows how it stands", Exit: helper.ExitHeld}
	}
	text := r.consequences(before, profiles)
	switch {
	case !r.yes:
		p.say(text)
		if err := r.retyped(cmd, p, before); err != nil {
			return err
		}
	case !r.json:
		r.printf("%s\n", text)
	}
	k, err := r.begin(ctx, before, api.RotateRequest{Leaked: true})
	if err != nil {
		return err
	}
	since := r.now()
	if r.wait {
		since = since.Add(stillGood)
	}
	switch {
	case r.json:
		r.document(leakedResult{k, denyPolicy(since, ""), heldUntil(before)})
	case !r.wait:
		r.printf("%s: the rotation begins; follow it with\n\n    awskey history %s --follow\n", k.Name, k.Name)
	default:
		r.printf("%s now uses access key %s, proved at AWS\n", k.Name, short(k.AccessKeyID))
		r.printf("the leaked one, %s, is inactive\n\n", short(before.AccessKeyID))
		r.printf("%s", wrapped("To end the sessions that were made with it until now, an administrator types", ""))
		r.printf("%s", denyCommand(before.UserARN, since))
	}
	return nil
}

// retyped returns nil if the person types the name. What the person was shown
// must then still be so: a rotation that was due may have switched meanwhile.
func (r *rotating) retyped(cmd *cobra.Command, p *person, before api.Key) error {
	typed, err := p.ask(cmd.Context(), "\nType the name of the key to go on: ")
	if err != nil {
		return err
	}
	if !strings.EqualFold(typed, before.Name) {
		return &api.Error{Code: "stopped", Message: "that is not the name; nothing was done", Exit: helper.ExitFailed}
	}
	now, err := r.daemon.Key(cmd.Context(), before.Name)
	if err == nil && now.AccessKeyID != before.AccessKeyID {
		err = &api.Error{Code: "changed", Message: before.Name + " has got another access key meanwhile; nothing was done",
			Remedy: "run it again", Exit: helper.ExitFailed}
	}
	return err
}

// consequences says what will happen, whom it breaks and what it leaves, out of
// what the service knows.
func (r *rotating) consequences(k api.Key, profiles []api.Profile) string {
	var b strings.Builder
	now := r.now()
	say := func(format string, args ...any) { b.WriteString("\n" + wrapped(fmt.Sprintf(format, args...), "  ")) }
	fmt.Fprintf(&b, "%s: its access key %s has leaked\n", k.Name, short(k.AccessKeyID))

	when := "a new one is made and proved, in a minute or two"
	if k.Next != nil && !k.Back {
		when = "the new one, " + short(k.Next.AccessKeyID) + ", is proved"
	}
	say("%s is deactivated as soon as %s. Nothing waits for the programs that use it.", k.AccessKeyID, when)

	names := make([]string, 0, len(profiles))
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	by := ""
	if len(names) > 0 {
		by = "It is handed out by the profile" + plural(len(names)) + " " + strings.Join(names, ", ") + ". "
	}
	if k.ServedUntil != nil && k.ServedUntil.After(now) {
		say("%sAWS refuses the programs that hold it until they ask again, the last of them at about %s; restarted, they ask at once.", by, clock(*k.ServedUntil, now))
	} else {
		say("%sAWS refuses whoever holds it.", by)
	}
	if p := k.Previous; p != nil {
		switch {
		case p.Status == "Inactive":
			say("The old key %s, inactive already, is deleted now to make room: AWS allows two keys. There is no way back to it.", p.AccessKeyID)
		case p.ServedUntil != nil && p.ServedUntil.After(now):
			say("The old key %s is deactivated and deleted first, to make room: AWS allows two keys. Programs that hold it, some until %s, are refused as well.", p.AccessKeyID, clock(*p.ServedUntil, now))
		default:
			say("The old key %s is deactivated and deleted first, to make room: AWS allows two keys.", p.AccessKeyID)
		}
	}

	say("Sessions that were made with it by get-session-token live on, for up to 36 hours. An administrator ends them, and spares the new key, with")
	b.WriteString(denyCommand(k.UserARN, now))
	say("(in the IAM console: Users, %s, Add permissions, Create inline policy, JSON). Attach it when the key is inactive, with the time of then in it: until then more sessions can be made.", userOf(k.UserARN))
	say("Sessions of roles, made with it by assume-role, live on for up to 12 hours, and no policy of the user ends them. In the IAM console: Roles, each role it may assume, Revoke sessions.")
	return b.String()
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// heldUntil is when the last program that holds one of the keys asks again.
func heldUntil(k api.Key) *time.Time {
	last := k.ServedUntil
	if p := k.Previous; p != nil && p.ServedUntil != nil && (last == nil || p.ServedUntil.After(*last)) {
		last = p.ServedUntil
	}
	return last
}

// denyPolicy denies everything to the sessions that were made before a moment.
// Only a request of a session carries aws:TokenIssueTime, so no access key is
// touched by it. It works on what GetSessionToken and GetFederationToken gave;
// what AssumeRole gave has the role's permissions and not the user's (IAM user
// guide, "Disabling permissions for temporary security credentials").
func denyPolicy(before time.Time, newLine string) string {
	return fmt.Sprintf(strings.ReplaceAll(`{"Version": "2012-10-17", "Statement": {¶`+
		`"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {¶`+
		`"DateLessThan": {"aws:TokenIssueTime": "%s"}}}}`, "¶", newLine), before.UTC().Format(time.RFC3339))
}

// denyCommand is the line that attaches the policy, to be copied.
func denyCommand(arn string, before time.Time) string {
	return fmt.Sprintf("\n    aws iam put-user-policy --user-name %s \\\n      --policy-name EndOlderSessions --policy-document \\\n      '%s'\n",
		userOf(arn), denyPolicy(before, "\n       "))
}

// userName is what IAM allows a user to be called (IAM API reference, User). It
// holds nothing that a shell would take for its own.
var userName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

// userOf is the name in a user's ARN.
func userOf(arn string) string {
	if name := arn[strings.LastIndexByte(arn, '/')+1:]; userName.MatchString(name) {
		return name
	}
	return "USER"
}
