// Package e2e tests the whole: the three programs as they are built, a real
// keychain, an emulated AWS and the real clients of AWS, each a process of its
// own. It also holds the tests of the house rules that concern every package.
//
// It holds tests alone. They must never touch the person's own daemon, keychain
// or AWS files: every program runs with a home, a socket and a bus of its own.
// What a test needs and does not find makes it fail, with what to install.
package e2e
