// Command release makes what people install out of the commit that is checked
// out: packages for Debian, Fedora, Alpine and Arch, tarballs, a Homebrew formula,
// a bill of materials, and the sums of all of them.
//
//	go run -C packaging/release . -o DIR
//	go run -C packaging/release . -o DIR -version 1.2.3 -key KEY
//
// The second makes a release, and refuses what is not fit to be one; RELEASING.md
// is the checklist.
//
// It is a module of its own, so that nobody who builds awskeyd has to fetch what
// packages are made with; go.sum pins it. From the main module it imports nothing:
// it builds and runs what is there, with the versions that go.mod there names.
//
// The same commit gives the same bytes, wherever and whenever it is built with the
// same Go: no path, no user, no host and no time but the commit's goes into a file
// (reproducible-builds.org).
package main
