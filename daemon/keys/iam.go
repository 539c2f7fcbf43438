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
type IAM struct {
	Client  *awsapi.Client
	Monitor func() Monitor // as the settings have it at this moment
}

// Do performs one action. A user of "" is whoever the signing key belongs to,
// which only a round that asks STS first can tell.
func (i IAM) Do(ctx context.Context, user string, a rotation.Action) rotation.Outcome {
	if o, ok := unsigned(a.Signer); ok {
		return o
	}
	c, signer := i.Client, credentials(a.Signer)
	var o rotation.Outcome
	var meta awsapi.Meta
	var err error
	switch a.Do {
	case rotation.Prove, rotation.Check:
		return i.round(ctx, user, signer, a.At)
	case rotation.Look:
		return i.look(ctx, signer, a)
	case rotation.List, rotation.Witness:
		var list []awsapi.Key
		list, meta, err = c.ListKeys(ctx, signer, user)
		o.Keys = rows(list)
	case rotation.Create:
		var made awsapi.NewKey
		made, meta, err = c.CreateKey(ctx, signer, user)
		o.Version = rotation.Version{ID: made.ID, Secret: made.Secret, Created: made.Created}
	case rotation.Activate, rotation.Deactivate:
		meta, err = c.SetKeyStatus(ctx, signer, user, a.Target, a.Do == rotation.Activate)
	case rotation.Delete:
		meta, err = c.DeleteKey(ctx, signer, user, a.Target)
	default:
		return rotation.Outcome{Result: rotation.Failed, Text: "not an action for AWS: " + string(a.Do)}
	}
	return finish(o, meta, err)
}

// unsigned refuses to ask where there is nobody to sign: an administrator's key
// that cannot be read just now.
func unsigned(signer rotation.Version) (rotation.Outcome, bool) {
	return rotation.Outcome{Result: rotation.NotSent, Text: "the key that rotates this one cannot be read"}, signer.ID == "" || signer.Secret.IsZero()
}

func credentials(v rotation.Version) awsapi.Credentials {
	return awsapi.Credentials{ID: v.ID, Secret: v.Secret}
}

// round makes one call to each service in turn, STS and IAM where none is named,
// and stops at the first that fails. A refusal by policy at IAM is a success
// here: the key authenticated. Only STS tells the ARN; IAM is asked under the
// name that STS has told, which a rename may have changed.
func (i IAM) round(ctx context.Context, user string, signer awsapi.Credentials, at []rotation.Service) rotation.Outcome {
	if len(at) == 0 {
		at = []rotation.Service{rotation.STS, rotation.IAM}
	}
	var o rotation.Outcome
	for _, service := range at {
		arn := o.ARN
		switch service {
		case rotation.STS:
			who, meta, err := i.Client.WhoAmI(ctx, signer)
			if o = finish(rotation.Outcome{ARN: who.ARN, Keys: o.Keys}, meta, err); o.Result != rotation.OK {
				return o
			}
			if who.UserName == "" {
				return o // root or a role: nothing of it is ours to list
			}
			user = who.UserName
		case rotation.IAM:
			list, meta, err := i.Client.ListKeys(ctx, signer, user)
			o = finish(rotation.Outcome{Keys: rows(list)}, meta, err)
			if o.Result == rotation.Denied {
				o.Result, o.Explicit = rotation.OK, false
			}
			if o.ARN = arn; o.Result != rotation.OK {
				return o
			}
		default:
			return rotation.Outcome{Result: rotation.Failed, Text: "not a service of a round: " + string(service)}
		}
	}
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
		o.Text, o.Explicit = e.Text(), e.Explicit
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
