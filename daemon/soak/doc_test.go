// Package soak lives through a year in some minutes: the daemon's keys, store,
// socket and client of AWS on a laptop that sleeps, is set to a wrong time and
// loses its keychain for hours, against an AWS that has bad days, under clients
// that use each lease to the very end.
//
// It holds tests alone. It must never reach into the daemon to help it, only to
// stand where the network, the keychain and the clocks are. Not on Windows, where
// the socket is not there yet.
package soak
