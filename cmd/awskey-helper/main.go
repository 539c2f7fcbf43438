// Command awskey-helper answers credential_process with the credentials of one
// profile. See package helper.
package main

import (
	"syscall"

	"github.com/awskeyd/awskeyd/helper"
)

func main() { syscall.Exit(helper.Run()) }
