// Command awskey-helper answers credential_process with the credentials of one
// profile. See package helper.
//
// For a program that is gone in two milliseconds, watching how many processors
// its control group may use takes one twentieth of them.
//
//go:debug updatemaxprocs=0
//go:debug containermaxprocs=0
package main

import (
	"syscall"

	"github.com/awskeyd/awskeyd/helper"
)

func main() { syscall.Exit(helper.Run()) }
