// Command bare links the keyring library with nothing to guard it: the control
// by which the tests prove that their traps work.
package main

import (
	"fmt"

	"github.com/99designs/keyring"
)

func main() {
	fmt.Println("main is reached")
	fmt.Println(keyring.AvailableBackends())
}
