package awstest

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// refusal is one case of the table: what AWS answers, made by Go and by boto3.
type refusal struct {
	name    string
	options Options
	// setup makes the state and returns who calls and, for the key actions, the
	// id of the key that is meant.
	setup        func(*testing.T, *Server) (credentials, string)
	service      Service
	action       string
	params       map[string]any // "KEY" stands for the id of setup
	shift        time.Duration
	scopeRegion  string
	scopeService Service
	status       int
	code         string
	message      string // a part of it
}

const notKnown = "The security token included in the request is invalid"

// alice is the user of most cases, with one key.
func alice(t *testing.T, s *Server) (credentials, string) {
	s.CreateUser("alice", "/eng/", Rotator())
	id, secret := s.IssueKey("alice")
	return credentials{id: id, secret: secret}, id
}

// second makes another key by the API, which replicas do not know yet.
func second(t *testing.T, s *Server) credentials {
	cred, _ := alice(t, s)
	return newCaller(s, cred.id, cred.secret).create(t)
}

var slow = Options{Replicas: map[Service][]time.Duration{STS: {time.Hour}, SNS: {time.Hour}}}

// refusals are all cases.
var refusals = slices.Concat(ofKeys, ofOthers, ofPlaces)

// ofKeys are those of a user and its own keys.
var ofKeys = []refusal{
	{name: "sts answers", setup: alice, service: STS, action: "GetCallerIdentity", status: 200},
	{name: "iam answers", setup: alice, service: IAM, action: "ListAccessKeys", status: 200},
	{name: "sns answers", setup: alice, service: SNS, action: "ListTopics", status: 200},
	{
		name: "third key",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			second, _ := s.IssueKey("alice")
			s.SetStatus(second, Inactive) // inactive keys count
			return cred, id
		},
		service: IAM, action: "CreateAccessKey",
		status: 409, code: "LimitExceeded", message: "Cannot exceed quota for AccessKeysPerUser: 2",
	},
	{
		name: "inactive key",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetStatus(id, Inactive)
			return cred, id
		},
		service: STS, action: "GetCallerIdentity", status: 403, code: "InvalidClientTokenId", message: notKnown,
	},
	{
		name: "deleted key",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.DeleteKey(id)
			return cred, id
		},
		service: IAM, action: "ListAccessKeys", status: 403, code: "InvalidClientTokenId", message: notKnown,
	},
	{
		name:    "unpropagated key",
		options: slow,
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred := second(t, s)
			return cred, cred.id
		},
		service: STS, action: "GetCallerIdentity", status: 403, code: "InvalidClientTokenId", message: notKnown,
	},
	{
		name:    "the same key where it is known",
		options: slow,
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred := second(t, s)
			return cred, cred.id
		},
		service: IAM, action: "ListAccessKeys", status: 200,
	},
	{
		name:    "deactivated key where it is not known yet",
		options: slow,
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetStatus(id, Inactive)
			return cred, id
		},
		service: SNS, action: "ListTopics", status: 200,
	},
	{
		name: "unknown key",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			cred.id = "AKIAIOSFODNN7EXAMPLE"
			return cred, id
		},
		service: SNS, action: "ListTopics", status: 403, code: "InvalidClientTokenId", message: notKnown,
	},
	{
		name: "wrong secret",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			cred.secret = strings.Repeat("x", 40)
			return cred, id
		},
		service: STS, action: "GetCallerIdentity", status: 403, code: "SignatureDoesNotMatch",
		message: "The request signature we calculated does not match",
	},
	{
		name: "clock 16 minutes slow", setup: alice, shift: -16 * time.Minute,
		service: IAM, action: "ListAccessKeys", status: 403, code: "SignatureDoesNotMatch", message: "Signature expired: ",
	},
	{
		name: "clock 16 minutes fast", setup: alice, shift: 16 * time.Minute,
		service: STS, action: "GetCallerIdentity", status: 403, code: "SignatureDoesNotMatch", message: "Signature not yet current: ",
	},
	{
		name: "clock 14 minutes slow", setup: alice, shift: -14 * time.Minute,
		service: STS, action: "GetCallerIdentity", status: 200,
	},
	{
		name: "wrong service in the scope", setup: alice, scopeService: STS,
		service: IAM, action: "ListAccessKeys", status: 403, code: "SignatureDoesNotMatch",
		message: "Credential should be scoped to correct service: 'iam'.",
	},
	{
		name: "wrong region in the scope, IAM", setup: alice, scopeRegion: "eu-west-1",
		options: Options{Region: "eu-west-1"},
		service: IAM, action: "ListAccessKeys", status: 403, code: "SignatureDoesNotMatch",
		message: "Credential should be scoped to a valid region, not 'eu-west-1'.",
	},
	{
		name: "wrong region in the scope, STS", setup: alice, scopeRegion: "eu-west-2",
		options: Options{Region: "eu-west-1"},
		service: STS, action: "GetCallerIdentity", status: 403, code: "SignatureDoesNotMatch",
		message: "Credential should be scoped to a valid region, not 'eu-west-2'.",
	},
	{
		name: "region of the STS endpoint", setup: alice, scopeRegion: "eu-west-1",
		options: Options{Region: "eu-west-1"},
		service: STS, action: "GetCallerIdentity", status: 200,
	},
	{
		name: "UserName missing under temporary credentials",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			_, id := alice(t, s)
			return temporary(s, true), id
		},
		service: IAM, action: "UpdateAccessKey", params: map[string]any{"AccessKeyId": "KEY", "Status": "Inactive"},
		status: 400, code: "ValidationError", message: "Must specify userName when calling with non-User credentials",
	},
	{
		name: "UserName given under temporary credentials",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			_, id := alice(t, s)
			return temporary(s, true), id
		},
		service: IAM, action: "UpdateAccessKey",
		params: map[string]any{"UserName": "alice", "AccessKeyId": "KEY", "Status": "Inactive"}, status: 200,
	},
	{
		name: "temporary credentials without MFA at IAM",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			_, id := alice(t, s)
			return temporary(s, false), id
		},
		service: IAM, action: "ListAccessKeys", params: map[string]any{"UserName": "alice"},
		status: 403, code: "InvalidClientTokenId", message: notKnown,
	},
	{
		name: "temporary credentials with another token",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			_, id := alice(t, s)
			cred := temporary(s, false)
			cred.token = "x" + cred.token
			return cred, id
		},
		service: STS, action: "GetCallerIdentity", status: 403, code: "InvalidClientTokenId", message: notKnown,
	},
	{
		name: "temporary credentials that have ended",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			alice(t, s)
			ended := s.IssueSession("alice", false, -time.Second)
			return credentials{ended.ID, ended.Secret, ended.Token}, ""
		},
		service: STS, action: "GetCallerIdentity", status: 403, code: "ExpiredToken",
	},
	{
		name: "another user without the right",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			s.CreateUser("bob", "", Rotator())
			return alice(t, s)
		},
		service: IAM, action: "CreateAccessKey", params: map[string]any{"UserName": "bob"},
		status: 403, code: "AccessDenied",
		message: "User: arn:aws:iam::123456789012:user/eng/alice is not authorized to perform: iam:CreateAccessKey on resource: user bob because no identity-based policy allows",
	},
	{
		name:  "another user that does not exist, without the right",
		setup: alice, service: IAM, action: "GetUser", params: map[string]any{"UserName": "nobody"},
		status: 403, code: "AccessDenied",
	},
	{
		name: "another user that does not exist, with the right",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetPolicy("alice", Admin())
			return cred, id
		},
		service: IAM, action: "ListAccessKeys", params: map[string]any{"UserName": "nobody"},
		status: 404, code: "NoSuchEntity", message: "The user with name nobody cannot be found.",
	},
	{
		name: "explicit deny",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetPolicy("alice", Policy{Any: []string{"*"}, Deny: []string{"iam:Delete*"}})
			return cred, id
		},
		service: IAM, action: "DeleteAccessKey", params: map[string]any{"AccessKeyId": "KEY"},
		status: 403, code: "AccessDenied", message: "with an explicit deny in an identity-based policy",
	},
	{
		name: "explicit deny of GetCallerIdentity does nothing",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetPolicy("alice", Policy{Deny: []string{"*"}})
			return cred, id
		},
		service: STS, action: "GetCallerIdentity", status: 200,
	},
	{
		name: "deny without MFA",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetPolicy("alice", Policy{Any: []string{"*"}, NeedMFA: true})
			return cred, id
		},
		service: IAM, action: "ListAccessKeys", status: 403, code: "AccessDenied", message: "explicit deny",
	},
	{
		name: "deny without MFA, with MFA",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			_, id := alice(t, s)
			s.SetPolicy("alice", Policy{Any: []string{"*"}, NeedMFA: true})
			return temporary(s, true), id
		},
		service: IAM, action: "ListAccessKeys", params: map[string]any{"UserName": "alice"}, status: 200,
	},
	{
		name: "SNS without the right",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetPolicy("alice", Policy{Own: []string{"*"}})
			return cred, id
		},
		service: SNS, action: "ListTopics", status: 403, code: "AuthorizationError", message: "SNS:ListTopics",
	},
	{
		name: "deleting twice",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred := second(t, s)
			newCaller(s, cred.id, cred.secret).must(t, 200, "", IAM, "DeleteAccessKey", "AccessKeyId", s.Keys("alice")[0].ID)
			return cred, s.Calls()[len(s.Calls())-1].Target
		},
		service: IAM, action: "DeleteAccessKey", params: map[string]any{"AccessKeyId": "KEY"},
		status: 404, code: "NoSuchEntity", message: "cannot be found.",
	},
	{
		name: "another user's key under one's own name",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, _ := alice(t, s)
			s.CreateUser("bob", "", Rotator())
			id, _ := s.IssueKey("bob")
			return cred, id
		},
		service: IAM, action: "UpdateAccessKey", params: map[string]any{"AccessKeyId": "KEY", "Status": "Inactive"},
		status: 404, code: "NoSuchEntity", message: "cannot be found.",
	},
	{
		name:  "last used of a key that is not there",
		setup: alice, service: IAM, action: "GetAccessKeyLastUsed", params: map[string]any{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"},
		status: 403, code: "AccessDenied", message: "on resource: access key AKIAIOSFODNN7EXAMPLE",
	},
	{
		name:  "a status that is none",
		setup: alice, service: IAM, action: "UpdateAccessKey", params: map[string]any{"AccessKeyId": "KEY", "Status": "active"},
		status: 400, code: "ValidationError", message: "'status'",
	},
	{
		name: "creating a user twice",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetPolicy("alice", Admin())
			return cred, id
		},
		service: IAM, action: "CreateUser", params: map[string]any{"UserName": "ALICE"},
		status: 409, code: "EntityAlreadyExists",
	},
}

func temporary(s *Server, mfa bool) credentials {
	x := s.IssueSession("alice", mfa, time.Hour)
	return credentials{x.ID, x.Secret, x.Token}
}

// given returns the case's parameters with the id of setup in place.
func (c refusal) given(id string) map[string]any {
	return inserted(c.params, id).(map[string]any)
}

func inserted(value any, id string) any {
	switch v := value.(type) {
	case string:
		return strings.Replace(v, "KEY", id, 1)
	case []any:
		var list []any
		for _, item := range v {
			list = append(list, inserted(item, id))
		}
		return list
	case map[string]any:
		m := map[string]any{}
		for name, item := range v {
			m[name] = inserted(item, id)
		}
		return m
	}
	return value
}

func (c refusal) check(t *testing.T, status int, code, message string) {
	t.Helper()
	if status != c.status || code != c.code || !strings.Contains(message, c.message) {
		t.Errorf("%d %s %q, want %d %s %q", status, code, message, c.status, c.code, c.message)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			s := NewServer(c.options)
			defer s.Close()
			cred, id := c.setup(t, s)
			caller := newCaller(s, "", "")
			caller.cred, caller.shift, caller.scope, caller.region = cred, c.shift, c.scopeService, c.scopeRegion
			g, err := caller.ask(c.service, c.action, c.given(id))
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, g.status, g.code, g.message)
		})
	}
}
