// Package api is the daemon's socket as both sides see it: the documents, the
// errors and the routes. The server half answers only the owner of the socket,
// by the kernel's word; the client half is all that awskey needs.
//
// It must never touch the keychain or AWS: the daemon stands behind [Service].
package api

import "time"

// Status is the answer of GET /v1/status and of `awskey status --json`.
// Times are UTC; what is absent is left out, never empty.
type Status struct {
	Daemon   Daemon    `json:"daemon"`
	Keys     []Key     `json:"keys"`
	Profiles []Profile `json:"profiles"`
	Warnings []Warning `json:"warnings"`
}

// Daemon tells of the running service.
type Daemon struct {
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"started_at"`
	Store     Store     `json:"store"`
}

// Store tells of the keychain in force. State is one of ready, locked, denied,
// hung, unavailable, and none when no [store] backend is set.
type Store struct {
	Backend string `json:"backend,omitempty"`
	State   string `json:"state"`
}

// Key is one IAM user's access key in its present phase. AccessKeyID is absent
// while the first access key of a user is still being made.
type Key struct {
	Name        string     `json:"name"`
	UserARN     string     `json:"user_arn,omitempty"`
	AccessKeyID string     `json:"access_key_id,omitempty"`
	Phase       string     `json:"phase"` // steady creating proving draining monitoring deleting held
	Paused      bool       `json:"paused"`
	Imported    bool       `json:"imported,omitempty"` // AccessKeyID was made by somebody else, who may hold a copy
	CreatedAt   *time.Time `json:"created_at,omitempty"`
	DueAt       *time.Time `json:"due_at,omitempty"`
	Next        *Next      `json:"next,omitempty"`
	Previous    *Previous  `json:"previous,omitempty"`
	Hold        *Hold      `json:"hold,omitempty"`
	ServedUntil *time.Time `json:"served_until,omitempty"` // after it nothing of what was handed out so far is valid any more
	Back        bool       `json:"back,omitempty"`         // proving: Next was in use before, and comes into use again
	Leaked      bool       `json:"leaked,omitempty"`       // a rotation for a leaked access key, until that one is inactive
}

// Next is the version that is being proved.
type Next struct {
	AccessKeyID string `json:"access_key_id"`
}

// Previous is the version that is on its way out. Status is Active or Inactive.
type Previous struct {
	AccessKeyID  string     `json:"access_key_id"`
	Status       string     `json:"status,omitempty"`
	ServedUntil  *time.Time `json:"served_until,omitempty"`
	DeactivateAt *time.Time `json:"deactivate_at,omitempty"`
	DeleteAt     *time.Time `json:"delete_at,omitempty"`
}

// Hold is a rotation that waits for a person. Phase is the one it came from.
type Hold struct {
	Code    string     `json:"code"`
	Text    string     `json:"text"`
	Choices []string   `json:"choices"`
	Phase   string     `json:"phase"`
	Since   *time.Time `json:"since,omitempty"`
}

// Profile is how a key is turned into credentials. Serve is key.
type Profile struct {
	Name  string `json:"name"`
	Key   string `json:"key"`
	Serve string `json:"serve"`
}

// Warning is something that works and should not stay so. Severity is info,
// warning or error.
type Warning struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Text     string `json:"text"`
	Remedy   string `json:"remedy,omitempty"`
}

// Event is one line of the history and of GET /v1/events.
type Event struct {
	Time        time.Time `json:"time"`
	Key         string    `json:"key,omitempty"`
	Event       string    `json:"event"`
	AccessKeyID string    `json:"access_key_id,omitempty"`
	Text        string    `json:"text"`
}

// AddRequest is the body of PUT /v1/keys/{name}. The secret travels only here,
// from the owner to the owner's own daemon. With Create there is none: the
// access key is still to be made, and nobody sees it.
type AddRequest struct {
	AccessKeyID     string         `json:"access_key_id,omitempty"`
	SecretAccessKey string         `json:"secret_access_key,omitempty"`
	Create          *CreateRequest `json:"create,omitempty"`
}

// CreateRequest has an administrator's key make the first access key of an IAM
// user. It is answered once the intent is durable; the rest is told by events
// and seen in the [Key].
type CreateRequest struct {
	User string `json:"user"` // the IAM user's name, without a path
	With string `json:"with"` // the name of the key whose user may make it
}

// IdentifyRequest is the body of POST /v1/identify.
type IdentifyRequest struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

// Identity is the answer: the IAM user that AWS proved the access key to be of.
type Identity struct {
	UserARN string `json:"user_arn"`
}

// StandingRequest is the body of POST /v1/standing: [MaxStandings] ids at most.
type StandingRequest struct {
	AccessKeyIDs []string `json:"access_key_ids"`
}

// MaxStandings is how many access keys can be asked about at once: AWS is called
// up to three times for each.
const MaxStandings = 20

// Standings is the answer, in the order of the request.
type Standings struct {
	AccessKeys []Standing `json:"access_keys"`
}

// Standing is what AWS tells of an access key. State is active, inactive or
// unknown, and Text then says why.
type Standing struct {
	AccessKeyID string `json:"access_key_id"`
	Account     string `json:"account,omitempty"`
	User        string `json:"user,omitempty"`
	State       string `json:"state"`
	Text        string `json:"text,omitempty"`
}

// AddResult is the answer: the key as it now stands, and whether it was here
// before with this very id.
type AddResult struct {
	Key     Key  `json:"key"`
	Already bool `json:"already"`
}

// RemoveRequest is the body of DELETE /v1/keys/{name}. Force removes a key
// that is neither steady nor held.
type RemoveRequest struct {
	Force bool `json:"force"`
}

// RemoveResult lists the access key ids that stay behind in IAM.
type RemoveResult struct {
	LeftInIAM []string `json:"left_in_iam"`
}

// Ejected is the answer of POST /v1/keys/{name}/eject: the access key that is
// handed out, from its owner's own daemon to the owner, and the ids of the key
// that are left in IAM beside it.
type Ejected struct {
	Key             Key      `json:"key"`
	AccessKeyID     string   `json:"access_key_id"`
	SecretAccessKey string   `json:"secret_access_key"`
	LeftInIAM       []string `json:"left_in_iam"`
}

// RotateRequest is the body of POST /v1/keys/{name}/rotate; no body at all is a
// plain rotation. Leaked deactivates the old access key right after the switch,
// whoever was given it.
type RotateRequest struct {
	Leaked bool `json:"leaked,omitempty"`
}

// RenameRequest is the body of POST /v1/keys/{name}/rename.
type RenameRequest struct {
	NewName string `json:"new_name"`
}

// ResolveRequest is the body of POST /v1/keys/{name}/resolve.
type ResolveRequest struct {
	Choice string `json:"choice"`
}

// Policy is the answer of GET /v1/keys/{name}/policy: the least IAM policy
// document that lets the key rotate itself, as JSON text.
type Policy struct {
	Document string `json:"document"`
}

// Users is the answer of GET /v1/keys/{name}/users: the names of the IAM users
// that the key's own user may list.
type Users struct {
	Names []string `json:"names"`
}

// Check is one line of awskey doctor. State is ok, warning or error.
type Check struct {
	Code   string `json:"code"`
	State  string `json:"state"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// Checked is the answer of POST /v1/keys/{name}/check, and of awskey doctor.
type Checked struct {
	Checks []Check `json:"checks"`
}

// Backend is one row of GET /v1/store/backends: what can hold keys here.
type Backend struct {
	Name      string `json:"name"`
	Available bool   `json:"available"`
	InForce   bool   `json:"in_force"`
	Text      string `json:"text"`             // what was found and why (not)
	Remedy    string `json:"remedy,omitempty"` // what to do where it cannot be used as it is
}

// ChooseRequest is the body of PUT /v1/store/backend: the person's choice,
// which the daemon writes into the configuration and puts into force.
type ChooseRequest struct {
	Backend string `json:"backend"`
}

// MigrateRequest is the body of POST /v1/store/migrate. With Check nothing is
// begun: the answer is what would be moved, or why it cannot be.
type MigrateRequest struct {
	To    string `json:"to"`
	Check bool   `json:"check,omitempty"`
}

// Migration is how far a move of all keys to another store is. Step is one of
// none, waiting, copying, verifying, switching, clearing and done; after
// switching the keys are in To, whatever becomes of the rest. Done counts the
// keys that the step is through with.
type Migration struct {
	From string `json:"from"`
	To   string `json:"to"`
	Keys int    `json:"keys"`
	Step string `json:"step"`
	Done int    `json:"done"`
	Left string `json:"left,omitempty"` // done: why From could not be cleared yet; it is tried again
}
