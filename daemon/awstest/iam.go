package awstest

import (
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// keysPerUser is IAM's quota, which cannot be raised. Inactive keys count.
const keysPerUser = 2

var (
	userName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	userPath = regexp.MustCompile(`^/([!-~]{0,510}/)?$`)
	keyID    = regexp.MustCompile(`^\w+$`)
)

// accessKey is AWS's AccessKey and, without a secret, AccessKeyMetadata. Root's
// keys have no UserName.
type accessKey struct {
	UserName        string `xml:",omitempty"`
	AccessKeyId     string
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      string
}

type userDetail struct {
	Path       string `xml:",omitempty"`
	UserName   string `xml:",omitempty"`
	UserId     string
	Arn        string
	CreateDate string
}

// subject returns the user an action is about and whether the caller may do it:
// UserName, or without one the caller itself if it signed with a long-term key
// ("If a temporary access key is used, then UserName is required",
// API_UpdateAccessKey).
func (c *action) subject() (*user, *failure) {
	u := c.caller.user
	name := u.name
	if c.params.Has("UserName") {
		name = c.params.Get("UserName")
		if f := validName(name); f != nil {
			return nil, f
		}
	} else if c.caller.session != nil {
		return nil, invalid("Must specify userName when calling with non-User credentials")
	}
	// The policy is asked before the user is looked up, so that a stranger does
	// not learn which names exist.
	own := name == u.name
	if f := c.allow(own, "user "+name); f != nil {
		return nil, f
	}
	if own {
		return u, nil
	}
	u = c.account.users[name]
	if u == nil {
		return nil, missing("The user with name " + name + " cannot be found.")
	}
	return u, nil
}

// subjectKey returns the key of the subject that AccessKeyId names, as the
// primary has it.
func (c *action) subjectKey() (*key, *failure) {
	id := c.params.Get("AccessKeyId")
	if f := c.validKeyID(id); f != nil {
		return nil, f
	}
	u, f := c.subject()
	if f != nil {
		return nil, f
	}
	for _, k := range c.account.live(u) {
		if k.id == id {
			return k, nil
		}
	}
	return nil, missing("The Access Key with id " + id + " cannot be found.")
}

func createAccessKey(c *action) (any, *failure) {
	u, f := c.subject()
	if f != nil {
		return nil, f
	}
	if len(c.account.live(u)) >= keysPerUser {
		return nil, fail(http.StatusConflict, "LimitExceeded",
			"Cannot exceed quota for AccessKeysPerUser: "+strconv.Itoa(keysPerUser))
	}
	// The primary counts and writes; replicas follow, so even the answer's own key
	// may be refused for a while.
	k := c.account.addKey(u, c.now)
	c.target = k.id
	return struct{ AccessKey accessKey }{accessKey{
		UserName: u.name, AccessKeyId: k.id, Status: Active,
		SecretAccessKey: k.secret, CreateDate: timestamp(k.created),
	}}, nil
}

func updateAccessKey(c *action) (any, *failure) {
	// AWS knows a third status, Expired, which nobody can set.
	status := c.params.Get("Status")
	if status != Active && status != Inactive {
		return nil, constraint("'"+status+"'", "status", "Member must satisfy enum value set: [Active, Inactive]")
	}
	k, f := c.subjectKey()
	if f != nil {
		return nil, f
	}
	k.set(status, c.now)
	c.target = k.id
	return nil, nil
}

// deleteAccessKey takes an Active key too: to deactivate first is a rule of the
// console only.
func deleteAccessKey(c *action) (any, *failure) {
	k, f := c.subjectKey()
	if f != nil {
		return nil, f
	}
	k.set("", c.now)
	c.target = k.id
	return nil, nil
}

// page reads MaxItems and Marker: how many rows are asked for, and the row
// after which to begin.
func (c *action) page() (size int, after string, f *failure) {
	size = 100
	if c.params.Has("MaxItems") {
		n, err := strconv.Atoi(c.params.Get("MaxItems"))
		switch {
		case err != nil || n < 1:
			return 0, "", constraint("'"+c.params.Get("MaxItems")+"'", "maxItems", "Member must have value greater than or equal to 1")
		case n > 1000:
			return 0, "", constraint("'"+c.params.Get("MaxItems")+"'", "maxItems", "Member must have value less than or equal to 1000")
		}
		size = n
	}
	row, err := base64.RawURLEncoding.DecodeString(c.params.Get("Marker"))
	if err != nil || c.params.Has("Marker") && len(row) == 0 {
		return 0, "", invalid("Invalid Marker.")
	}
	return size, string(row), nil
}

// listAccessKeys is a read: it tells what the connection's replica knows.
func listAccessKeys(c *action) (any, *failure) {
	size, after, f := c.page()
	if f != nil {
		return nil, f
	}
	u, f := c.subject()
	if f != nil {
		return nil, f
	}
	list := u.keysAt(c.seen)
	if after != "" {
		i := slices.IndexFunc(list, func(k *key) bool { return k.id == after })
		list = list[i+1:] // a key that is gone by now lets the list begin anew
	}
	var result struct {
		AccessKeyMetadata struct {
			Member []accessKey `xml:"member"`
		}
		IsTruncated bool
		Marker      string `xml:",omitempty"`
	}
	if len(list) > size {
		list = list[:size]
		result.IsTruncated = true
		result.Marker = base64.RawURLEncoding.EncodeToString([]byte(list[size-1].id))
	}
	for _, k := range list {
		result.AccessKeyMetadata.Member = append(result.AccessKeyMetadata.Member, accessKey{
			UserName: u.name, AccessKeyId: k.id, Status: k.statusAt(c.seen), CreateDate: timestamp(k.created),
		})
	}
	return result, nil
}

// listUsers lists the account's users by name. Users are there at once:
// replicas lag for keys alone.
func listUsers(c *action) (any, *failure) {
	size, after, f := c.page()
	if f != nil {
		return nil, f
	}
	prefix := "/"
	if c.params.Has("PathPrefix") {
		prefix = c.params.Get("PathPrefix")
	}
	if f := c.allow(false, "arn:aws:iam::"+c.account.opts.Account+":user"+prefix); f != nil {
		return nil, f
	}
	var result struct {
		Users struct {
			Member []userDetail `xml:"member"`
		}
		IsTruncated bool
		Marker      string `xml:",omitempty"`
	}
	for _, name := range slices.Sorted(maps.Keys(c.account.users)) {
		u := c.account.users[name]
		if name <= after || !strings.HasPrefix(u.path, prefix) {
			continue
		}
		if rows := result.Users.Member; len(rows) == size {
			result.IsTruncated = true
			result.Marker = base64.RawURLEncoding.EncodeToString([]byte(rows[size-1].UserName))
			break
		}
		result.Users.Member = append(result.Users.Member, u.detail())
	}
	return result, nil
}

// getAccessKeyLastUsed models no error (AWS's service model of IAM): a key that
// is not there is refused like another account's, as AccessDenied. Old pages of
// API_GetAccessKeyLastUsed name NoSuchEntity instead; a caller must take either
// for "no such key", never for proof that it lacks the right.
func getAccessKeyLastUsed(c *action) (any, *failure) {
	id := c.params.Get("AccessKeyId")
	if f := c.validKeyID(id); f != nil {
		return nil, f
	}
	k := c.account.keys[id]
	if k == nil || k.session != nil || k.statusAt(c.now) == "" {
		return nil, fail(http.StatusForbidden, "AccessDenied", "User: "+c.caller.user.arn+
			" is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key "+id)
	}
	if f := c.allow(k.user == c.caller.user, "user "+k.user.name); f != nil {
		return nil, f
	}
	type lastUsed struct {
		LastUsedDate        string `xml:",omitempty"`
		ServiceName, Region string
	}
	last := lastUsed{ServiceName: "N/A", Region: "N/A"}
	if u := k.published(c.now, c.account.opts); u != nil {
		last = lastUsed{timestamp(u.at), string(u.service), u.region}
	}
	return struct {
		UserName          string `xml:",omitempty"`
		AccessKeyLastUsed lastUsed
	}{k.user.name, last}, nil
}

func getUser(c *action) (any, *failure) {
	u, f := c.subject()
	if f != nil {
		return nil, f
	}
	return struct{ User userDetail }{u.detail()}, nil
}

func createUser(c *action) (any, *failure) {
	name, path := c.params.Get("UserName"), "/"
	if c.params.Has("Path") {
		path = c.params.Get("Path")
	}
	if f := validName(name); f != nil {
		return nil, f
	}
	if !userPath.MatchString(path) {
		return nil, invalid("The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	if f := c.allow(false, "arn:aws:iam::"+c.account.opts.Account+":user"+path+name); f != nil {
		return nil, f
	}
	for other := range c.account.users {
		if strings.EqualFold(other, name) {
			return nil, fail(http.StatusConflict, "EntityAlreadyExists", "User with name "+name+" already exists.")
		}
	}
	u := c.account.addUser(name, path, Policy{})
	return struct{ User userDetail }{u.detail()}, nil
}

func (u *user) detail() userDetail {
	return userDetail{Path: u.path, UserName: u.name, UserId: u.id, Arn: u.arn, CreateDate: timestamp(u.created)}
}

func validName(name string) *failure {
	if userName.MatchString(name) {
		return nil
	}
	return invalid("The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
}

func (c *action) validKeyID(id string) *failure {
	switch {
	case !c.params.Has("AccessKeyId"):
		return constraint("null", "accessKeyId", "Member must not be null")
	case len(id) < 16:
		return constraint("'"+id+"'", "accessKeyId", "Member must have length greater than or equal to 16")
	case len(id) > 128:
		return constraint("'"+id+"'", "accessKeyId", "Member must have length less than or equal to 128")
	case !keyID.MatchString(id):
		return constraint("'"+id+"'", "accessKeyId", `Member must satisfy regular expression pattern: [\w]+`)
	}
	return nil
}

// constraint is a parameter that breaks the service model.
func constraint(value, field, rule string) *failure {
	return invalid("1 validation error detected: Value " + value + " at '" + field + "' failed to satisfy constraint: " + rule)
}

func invalid(message string) *failure {
	return fail(http.StatusBadRequest, "ValidationError", message)
}

func missing(message string) *failure {
	return fail(http.StatusNotFound, "NoSuchEntity", message)
}
