package keys

import (
	"context"
	"errors"
	"net"
	"net/url"
	"runtime"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/awsapi"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

const isWindows = runtime.GOOS == "windows"

// IAM performs actions over the real API.
type IAM struct{ Client *awsapi.Client }

// Do performs one action. A user of "" is whoever the signing key belongs to.
func (i IAM) Do(ctx context.Context, user string, a rotation.Action) rotation.Outcome {
	c, signer := i.Client, awsapi.Credentials{ID: a.Signer.ID, Secret: a.Signer.Secret}
	var o rotation.Outcome
	var meta awsapi.Meta
	var err error
	switch a.Do {
	case rotation.Prove:
		return i.round(ctx, user, signer)
	case rotation.List:
		var list []awsapi.Key
		list, meta, err = c.ListKeys(ctx, signer, user)
		o.Keys = rows(list)
	case rotation.Create:
		var made awsapi.NewKey
		made, meta, err = c.CreateKey(ctx, signer, user)
		o.Version = rotation.Version{ID: made.ID, Secret: made.Secret, Created: made.Created}
	case rotation.LastUsedOf:
		var used awsapi.LastUsed
		used, meta, err = c.KeyLastUsed(ctx, signer, a.Target)
		o.Used, o.Where = used.Date, used.Service+" in "+used.Region
	case rotation.Deactivate:
		meta, err = c.SetKeyStatus(ctx, signer, user, a.Target, false)
	case rotation.Delete:
		meta, err = c.DeleteKey(ctx, signer, user, a.Target)
	default:
		return rotation.Outcome{Result: rotation.Failed, Text: "not an action for AWS: " + string(a.Do)}
	}
	return finish(o, meta, err)
}

// round is one STS and one IAM call. A refusal by policy at IAM is a success
// here: the key authenticated.
func (i IAM) round(ctx context.Context, user string, signer awsapi.Credentials) rotation.Outcome {
	who, meta, err := i.Client.WhoAmI(ctx, signer)
	if err != nil {
		return finish(rotation.Outcome{}, meta, err)
	}
	if who.UserName == "" { // root or a role: nothing of it is ours to list
		return rotation.Outcome{Result: rotation.OK, Date: meta.Date, ARN: who.ARN}
	}
	if user == "" {
		user = who.UserName
	}
	list, meta, err := i.Client.ListKeys(ctx, signer, user)
	o := finish(rotation.Outcome{Keys: rows(list), ARN: who.ARN}, meta, err)
	if o.Result == rotation.Denied {
		o.Result = rotation.OK
	}
	o.ARN = who.ARN
	return o
}

// rows keeps of a List what the machine decides by. Only "Active" is usable:
// API_AccessKey has a third status, Expired.
func rows(list []awsapi.Key) []rotation.KeyInfo {
	var rows []rotation.KeyInfo
	for _, k := range list {
		rows = append(rows, rotation.KeyInfo{ID: k.ID, Active: k.Status == "Active", Created: k.Created})
	}
	return rows
}

// finish classes an answer. What may have been executed is Ambiguous, and only
// what certainly was not may be anything milder.
func finish(o rotation.Outcome, meta awsapi.Meta, err error) rotation.Outcome {
	o.Result, o.Date = rotation.OK, meta.Date
	if err == nil {
		return o
	}
	o = rotation.Outcome{Date: meta.Date, Text: err.Error()}
	if e, ok := errors.AsType[*awsapi.Error](err); ok {
		o.Text = e.Text()
	}
	switch awsapi.ClassOf(err) {
	case awsapi.ClassUnauthenticated, awsapi.ClassWrongSecret:
		o.Result = rotation.Refused
	case awsapi.ClassDenied:
		o.Result = rotation.Denied
	case awsapi.ClassNotFound:
		o.Result = rotation.Missing
	case awsapi.ClassLimit:
		o.Result = rotation.Full
	case awsapi.ClassThrottled:
		o.Result = rotation.Throttled
	case awsapi.ClassUnknown, awsapi.ClassSkewed:
		o.Result = rotation.Rejected
	case awsapi.ClassNotSent:
		o.Result = rotation.NotSent
	default:
		o.Result = rotation.Ambiguous
	}
	return o
}

// Loopback reports whether an endpoint is on this machine: an emulator, for
// which all limits fall away.
func Loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || endpoint == "" {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
