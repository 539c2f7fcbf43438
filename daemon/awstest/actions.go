package awstest

import (
	"net/http"
	"net/url"
	"time"
)

// principal is who signed.
type principal struct {
	user    *user
	session *session // nil with a long-term key
}

func (p principal) name() string {
	if p.root() {
		return Root
	}
	return p.user.name
}

func (p principal) root() bool {
	return p.user.name == ""
}

// action is one action being carried out; Server.mu is held.
type action struct {
	account *account
	caller  principal
	call    *Call
	params  url.Values
	region  string // of the signature's scope
	now     time.Time
	seen    time.Time // up to when the connection's replica knows
	target  string    // for Call.Target
}

// operations are the actions of each service.
var operations = map[Service]map[string]func(*action) (any, *failure){
	IAM: {
		"CreateAccessKey":         createAccessKey,
		"CreateUser":              createUser,
		"DeleteAccessKey":         deleteAccessKey,
		"GetAccessKeyLastUsed":    getAccessKeyLastUsed,
		"GetUser":                 getUser,
		"ListAccessKeys":          listAccessKeys,
		"ListUsers":               listUsers,
		"SimulatePrincipalPolicy": simulatePrincipalPolicy,
		"UpdateAccessKey":         updateAccessKey,
	},
	STS: {
		"GetAccessKeyInfo":  getAccessKeyInfo,
		"GetCallerIdentity": getCallerIdentity,
	},
	SNS: {"ListTopics": listTopics},

	CloudTrail: {"LookupEvents": lookupEvents},
	Logs:       {"FilterLogEvents": filterLogEvents},
	CloudWatch: {"DescribeAlarms": describeAlarms},
}

// allow refuses what the caller's policy does not allow. Own tells whether the
// resource is the calling user itself; an action without resources has "".
// Root may do everything.
func (c *action) allow(own bool, resource string) *failure {
	if c.caller.root() {
		return nil
	}
	name := string(c.call.Service) + ":" + c.call.Action
	if c.call.Service == CloudWatch {
		name = "cloudwatch:" + c.call.Action // signed as "monitoring"
	}
	mfa := c.caller.session != nil && c.caller.session.mfa
	why := c.caller.user.policy.denied(name, own, mfa)
	if why == "" {
		return nil
	}
	code := "AccessDenied"
	if c.call.Service == SNS {
		code = "AuthorizationError" // API_ListTopics
		name = "SNS:" + c.call.Action
	}
	if resource != "" {
		why = "on resource: " + resource + " " + why
	}
	return fail(http.StatusForbidden, code, "User: "+c.caller.user.arn+" is not authorized to perform: "+name+" "+why)
}

// getCallerIdentity needs no permission, and an explicit deny does not stop it
// (API_GetCallerIdentity).
func getCallerIdentity(c *action) (any, *failure) {
	u := c.caller.user
	return struct{ Arn, UserId, Account string }{u.arn, u.id, c.account.opts.Account}, nil
}

// getAccessKeyInfo tells the account that an id names, whatever has become of the
// key. AWS documents no error for an id that it has never given out.
func getAccessKeyInfo(c *action) (any, *failure) {
	id := c.params.Get("AccessKeyId")
	if f := c.validKeyID(id); f != nil {
		return nil, f
	}
	if f := c.allow(true, ""); f != nil {
		return nil, f
	}
	if c.account.keys[id] == nil {
		return nil, fail(http.StatusBadRequest, "ValidationError", "Access Key Id is invalid: "+id)
	}
	return struct{ Account string }{c.account.opts.Account}, nil
}

// listTopics stands for the use a client makes of AWS.
func listTopics(c *action) (any, *failure) {
	resource := "arn:aws:sns:" + c.account.opts.Region + ":" + c.account.opts.Account + ":*"
	if f := c.allow(false, resource); f != nil {
		return nil, f
	}
	return struct {
		Topics struct{}
	}{}, nil
}
