package awstest

import (
	"strings"
	"testing"
	"time"
)

// boss signs as an administrator of other users' keys; the id is alice's.
func boss(t *testing.T, s *Server) (credentials, string) {
	_, other := alice(t, s)
	s.CreateUser("boss", "", Manager())
	id, secret := s.IssueKey("boss")
	return credentials{id: id, secret: secret}, other
}

// lookup is a LookupEvents by an attribute, with more members.
func lookup(attribute string, more ...any) map[string]any {
	m := map[string]any{"LookupAttributes": []any{map[string]any{"AttributeKey": attribute, "AttributeValue": "KEY"}}}
	for i := 0; i < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

// ofOthers are those of users and administrators.
var ofOthers = []refusal{
	{
		name: "deny without MFA leaves GetUser",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.SetPolicy("alice", Policy{Any: []string{"*"}, NeedMFA: true})
			return cred, id
		},
		service: IAM, action: "GetUser", status: 200,
	},
	{
		name: "users without the right", setup: alice,
		service: IAM, action: "ListUsers", status: 403, code: "AccessDenied",
		message: "is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::123456789012:user/ because no identity-based policy",
	},
	{
		name: "simulation without the right", setup: alice, params: map[string]any{"PolicySourceArn": "arn:aws:iam::123456789012:user/alice", "ActionNames": []string{"iam:CreateAccessKey"}},
		service: IAM, action: "SimulatePrincipalPolicy", status: 403, code: "AccessDenied",
		message: "is not authorized to perform: iam:SimulatePrincipalPolicy on resource: arn:aws:iam::123456789012:user/alice because no identity-based policy",
	},
	{name: "users with the right", setup: boss, service: IAM, action: "ListUsers", status: 200},
	{
		name: "a page of users that is none", setup: boss, params: map[string]any{"Marker": "%"},
		service: IAM, action: "ListUsers", status: 400, code: "ValidationError", message: "Invalid Marker",
	},
	{
		name: "administrator activates another's key", setup: boss,
		service: IAM, action: "UpdateAccessKey", params: map[string]any{"UserName": "alice", "AccessKeyId": "KEY", "Status": "Active"}, status: 200,
	},
	{
		name: "administrator asks for the last use of another's key", setup: boss,
		service: IAM, action: "GetAccessKeyLastUsed", params: map[string]any{"AccessKeyId": "KEY"}, status: 200,
	},
	{
		name: "rotator activates another's key",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := boss(t, s)
			s.SetPolicy("boss", Rotator())
			return cred, id
		},
		service: IAM, action: "UpdateAccessKey", params: map[string]any{"UserName": "alice", "AccessKeyId": "KEY", "Status": "Active"},
		status: 403, code: "AccessDenied", message: "user/boss is not authorized to perform: iam:UpdateAccessKey on resource: user alice",
	},
	{
		name: "administrator asks for a renamed user",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := boss(t, s)
			s.RenameUser("alice", "alicia")
			return cred, id
		},
		service: IAM, action: "ListAccessKeys", params: map[string]any{"UserName": "alice"},
		status: 404, code: "NoSuchEntity", message: "The user with name alice cannot be found.",
	},
	{
		name: "a renamed user under its old name",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.RenameUser("alice", "alicia")
			return cred, id
		},
		service: IAM, action: "ListAccessKeys", params: map[string]any{"UserName": "alice"},
		status: 403, code: "AccessDenied", message: "user/eng/alicia is not authorized to perform: iam:ListAccessKeys on resource: user alice",
	},
	{
		name: "a renamed user under its new name",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.RenameUser("alice", "alicia")
			return cred, id
		},
		service: IAM, action: "ListAccessKeys", params: map[string]any{"UserName": "alicia"}, status: 200,
	},
	{
		name: "a deleted user",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := alice(t, s)
			s.DeleteUser("alice")
			return cred, id
		},
		service: IAM, action: "ListAccessKeys", status: 403, code: "InvalidClientTokenId", message: notKnown,
	},
	{
		name: "administrator asks for a deleted user",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := boss(t, s)
			s.DeleteUser("alice")
			return cred, id
		},
		service: IAM, action: "GetUser", params: map[string]any{"UserName": "alice"}, status: 404, code: "NoSuchEntity",
	},
}

// ofPlaces are those of the places that tell who used a key.
var ofPlaces = []refusal{
	{name: "cloudtrail answers", setup: boss, service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"), status: 200},
	{
		name: "cloudtrail of any region", setup: boss, scopeRegion: "ap-southeast-2",
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"), status: 200,
	},
	{
		name: "cloudtrail without the right", setup: alice,
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"), status: 400, code: "AccessDeniedException",
		message: "is not authorized to perform: cloudtrail:LookupEvents because no identity-based policy allows the cloudtrail:LookupEvents action",
	},
	{
		name: "cloudtrail without MFA",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := boss(t, s)
			s.SetPolicy("boss", Policy{Any: []string{"*"}, NeedMFA: true})
			return cred, id
		},
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"), status: 400, code: "AccessDeniedException",
		message: "cloudtrail:LookupEvents with an explicit deny in an identity-based policy",
	},
	{
		name: "cloudtrail by an inactive key",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := boss(t, s)
			s.SetStatus(cred.id, Inactive)
			return cred, id
		},
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"),
		status: 400, code: "UnrecognizedClientException", message: notKnown,
	},
	{
		name: "cloudtrail with a wrong secret",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := boss(t, s)
			cred.secret = strings.Repeat("x", 40)
			return cred, id
		},
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"),
		status: 400, code: "InvalidSignatureException", message: "The request signature we calculated does not match",
	},
	{
		name: "cloudtrail with a clock 16 minutes slow", setup: boss, shift: -16 * time.Minute,
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"),
		status: 400, code: "InvalidSignatureException", message: "Signature expired: ",
	},
	{
		name: "cloudtrail in the scope of another service", setup: boss, scopeService: IAM,
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"),
		status: 400, code: "InvalidSignatureException", message: "Credential should be scoped to correct service: 'cloudtrail'.",
	},
	{
		name: "cloudtrail by a session that has ended",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			_, id := alice(t, s)
			ended := s.IssueSession("alice", false, -time.Second)
			return credentials{ended.ID, ended.Secret, ended.Token}, id
		},
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId"), status: 400, code: "ExpiredTokenException",
	},
	{
		name: "cloudtrail by an attribute that is not emulated", setup: boss,
		service: CloudTrail, action: "LookupEvents", params: lookup("Username"), status: 400, code: "InvalidLookupAttributesException",
	},
	{
		name: "cloudtrail with too large a page", setup: boss,
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId", "MaxResults", 51), status: 400, code: "InvalidMaxResultsException",
	},
	{
		name: "cloudtrail with an end before the start", setup: boss,
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId", "StartTime", 1_800_000_001, "EndTime", 1_800_000_000),
		status: 400, code: "InvalidTimeRangeException",
	},
	{
		name: "cloudtrail with a token of something else", setup: boss,
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId", "NextToken", token(3, "another question")),
		status: 400, code: "InvalidNextTokenException",
	},
	{
		name: "cloudtrail with what is not emulated", setup: boss,
		service: CloudTrail, action: "LookupEvents", params: lookup("AccessKeyId", "EventCategory", "insight"),
		status: 400, code: "SerializationException", message: "EventCategory is not emulated",
	},
	{
		name: "log group", setup: boss, options: Options{LogGroup: "trail"},
		service: Logs, action: "FilterLogEvents", params: map[string]any{"logGroupName": "trail", "filterPattern": `{ $.errorCode = "*" }`}, status: 200,
	},
	{
		name: "log group that is not there", setup: boss, options: Options{LogGroup: "trail"},
		service: Logs, action: "FilterLogEvents", params: map[string]any{"logGroupName": "trial"},
		status: 400, code: "ResourceNotFoundException", message: "The specified log group does not exist.",
	},
	{
		name: "log group of another region", setup: boss, options: Options{LogGroup: "trail"}, scopeRegion: "eu-west-1",
		service: Logs, action: "FilterLogEvents", params: map[string]any{"logGroupName": "trail"}, status: 400, code: "ResourceNotFoundException",
	},
	{
		name: "log group without the right", setup: alice, options: Options{LogGroup: "trail"},
		service: Logs, action: "FilterLogEvents", params: map[string]any{"logGroupName": "trail"}, status: 400, code: "AccessDeniedException",
		message: "logs:FilterLogEvents on resource: arn:aws:logs:us-east-1:123456789012:log-group:trail:log-stream:",
	},
	{
		name: "log group with a pattern that is not known", setup: boss, options: Options{LogGroup: "trail"},
		service: Logs, action: "FilterLogEvents", params: map[string]any{"logGroupName": "trail", "filterPattern": "ERROR"},
		status: 400, code: "InvalidParameterException", message: "invalid filter pattern",
	},
	{
		name: "log group with a page that is none", setup: boss, options: Options{LogGroup: "trail"},
		service: Logs, action: "FilterLogEvents", params: map[string]any{"logGroupName": "trail", "nextToken": "x"},
		status: 400, code: "InvalidParameterException", message: "nextToken",
	},
	{name: "alarms", setup: boss, service: CloudWatch, action: "DescribeAlarms", params: map[string]any{"AlarmNames": []any{"a"}}, status: 200},
	{
		name: "alarms without the right", setup: alice,
		service: CloudWatch, action: "DescribeAlarms", params: map[string]any{"AlarmNames": []any{"a"}}, status: 403, code: "AccessDenied",
		message: "cloudwatch:DescribeAlarms on resource: arn:aws:cloudwatch:us-east-1:123456789012:alarm:* because",
	},
	{
		name: "alarms by an inactive key",
		setup: func(t *testing.T, s *Server) (credentials, string) {
			cred, id := boss(t, s)
			s.SetStatus(cred.id, Inactive)
			return cred, id
		},
		service: CloudWatch, action: "DescribeAlarms", status: 403, code: "InvalidClientTokenId", message: notKnown,
	},
	{
		name: "alarms of a kind that is not emulated", setup: boss,
		service: CloudWatch, action: "DescribeAlarms", params: map[string]any{"AlarmTypes": []any{"LogAlarm"}},
		status: 400, code: "ValidationError", message: "alarmTypes",
	},
	{
		name: "alarms in the scope of another service", setup: boss, scopeService: "cloudwatch",
		service: CloudWatch, action: "DescribeAlarms", status: 403, code: "SignatureDoesNotMatch",
		message: "Credential should be scoped to correct service: 'monitoring'.",
	},
}
