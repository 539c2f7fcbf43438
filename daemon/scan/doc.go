// Package scan finds access keys that stand in texts: in files of any kind, and
// in the objects of a repository. Its tests hold it against a labelled corpus of
// access keys as people leave them and of what only looks like one.
//
// It must never show a secret, ask AWS, or change what it reads.
package scan
