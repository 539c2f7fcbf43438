package keys

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awsapi"
	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// Monitor is where to look for a use of an access key, and for the trouble its
// end causes, beside last-used data and the CloudTrail of the partition's main
// region. The zero Monitor adds nothing.
type Monitor struct {
	Regions  []string // whose CloudTrail is asked too
	LogGroup string   // a CloudWatch Logs group that a CloudTrail fills: its name, or its ARN where it is in another region; empty is none
	Alarms   []string // CloudWatch alarms on failed or unauthorized calls, by name or ARN
}

// none reports whether a person has asked for no place beside last-used data.
func (m Monitor) none() bool { return len(m.Regions)+len(m.Alarms) == 0 && m.LogGroup == "" }

// glance is how long one place may take: a look as a whole is no longer than a
// call. A log group is searched page by page and needs most of it. Tests have
// less patience.
var glance = 20 * time.Second

// sight is what one place tells.
type sight struct {
	used    time.Time // zero: no use
	where   string
	trouble []string
	blind   []string
}

// look asks every place that may tell of a use of the victim, all at once, and
// folds their answers into one. Result is that of last-used data, which every
// key may read; a place that cannot be asked is blind and never clean, and does
// not spoil what the others tell.
func (i IAM) look(ctx context.Context, signer awsapi.Credentials, a rotation.Action) rotation.Outcome {
	m := i.Monitor()
	regions := append([]string{i.Client.MainRegion()}, m.Regions...)
	slices.Sort(regions)
	var places []func(context.Context) sight
	for _, region := range slices.Compact(regions) {
		places = append(places, func(ctx context.Context) sight { return i.trail(ctx, signer, a, m, region) })
	}
	if a.Watch && m.LogGroup != "" {
		places = append(places, func(ctx context.Context) sight { return i.logGroup(ctx, signer, a, m) })
	}
	if a.Watch && len(m.Alarms) > 0 {
		places = append(places, func(ctx context.Context) sight { return i.alarms(ctx, signer, a, m) })
	}

	sights := make([]sight, len(places))
	var asking sync.WaitGroup
	for n, place := range places {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, glance)
			defer cancel()
			sights[n] = place(ctx)
		})
	}
	last, meta, err := i.Client.KeyLastUsed(ctx, signer, a.Target)
	asking.Wait()

	o := finish(rotation.Outcome{}, meta, err)
	if err != nil {
		o.Blind = append(o.Blind, blind("last-used data", err))
	} else if !last.Date.IsZero() {
		o.Used, o.Where = last.Date, last.Service+" in "+last.Region
	}
	var trouble []string
	for _, s := range sights {
		if !s.used.IsZero() && !s.used.Before(o.Used) {
			o.Used, o.Where = s.used, s.where
		}
		trouble, o.Blind = append(trouble, s.trouble...), append(o.Blind, s.blind...)
	}
	o.Trouble = strings.Join(trouble, "; ")
	return o
}

// trail is the latest call that CloudTrail knows of in a region.
func (i IAM) trail(ctx context.Context, signer awsapi.Credentials, a rotation.Action, m Monitor, region string) sight {
	e, _, err := i.Client.LastEvent(ctx, signer, region, a.Target, a.Since)
	switch {
	case awsapi.ClassOf(err) == awsapi.ClassDenied && m.none():
		return sight{} // nobody has asked for more than last-used data
	case err != nil:
		return sight{blind: []string{blind("CloudTrail in "+region, err)}}
	case e.Time.IsZero():
		return sight{}
	}
	return sight{used: e.Time, where: e.String()}
}

// logGroup looks for calls that failed for want of a good key, or of a right.
func (i IAM) logGroup(ctx context.Context, signer awsapi.Credentials, a rotation.Action, m Monitor) sight {
	e, _, err := i.Client.FailedEvent(ctx, signer, m.LogGroup, a.Target, a.Since)
	switch {
	case err != nil:
		return sight{blind: []string{blind("the log group "+m.LogGroup, err)}}
	case e.Time.IsZero():
		return sight{}
	}
	return sight{trouble: []string{"a call failed at " + e.Time.Format(time.RFC3339) + ": " + e.String()}}
}

// alarms looks for those that went off since. One that has been on for longer
// says nothing about this key.
func (i IAM) alarms(ctx context.Context, signer awsapi.Credentials, a rotation.Action, m Monitor) sight {
	alarms, _, err := i.Client.Alarms(ctx, signer, m.Alarms)
	if err != nil {
		return sight{blind: []string{blind("the CloudWatch alarms", err)}}
	}
	var s sight
	for _, alarm := range alarms {
		switch {
		case alarm.State == "":
			s.blind = append(s.blind, "the CloudWatch alarm "+alarm.Name+": there is none of that name")
		case alarm.State == "ALARM" && alarm.Since.After(a.Since):
			s.trouble = append(s.trouble, "the alarm "+alarm.Name+" is on since "+alarm.Since.Format(time.RFC3339))
		}
	}
	return s
}

// blind says shortly why a place could not be asked.
func blind(place string, err error) string {
	e, ok := errors.AsType[*awsapi.Error](err)
	if !ok {
		return place + ": " + rotation.Clip(err.Error())
	}
	why := e.Message
	switch e.Class {
	case awsapi.ClassDenied:
		why = "no policy allows " + e.Action()
		if e.Explicit {
			why = "a policy denies " + e.Action()
		}
	case awsapi.ClassThrottled:
		why = "AWS asks for patience"
	case awsapi.ClassUnauthenticated, awsapi.ClassWrongSecret:
		why = "AWS does not accept the access key there (" + e.Code + ")" // a region that the account has not enabled
	default:
		if why == "" {
			why = e.Code
		}
	}
	return place + ": " + rotation.Clip(why)
}
