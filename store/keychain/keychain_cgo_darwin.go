//go:build cgo

package keychain

/*
#cgo LDFLAGS: -framework CoreFoundation -framework Security
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
#include <Security/Security.h>

// awskeyd_keychain_status asks the default keychain's state and raises no prompt.
static OSStatus awskeyd_keychain_status(UInt32 *status) {
	SecKeychainStatus now = 0;
	OSStatus err = SecKeychainGetStatus(NULL, &now);
	*status = now;
	return err;
}

// awskeyd_keychain_unlock has the system ask for the password.
static OSStatus awskeyd_keychain_unlock(void) {
	return SecKeychainUnlock(NULL, 0, NULL, FALSE);
}
*/
import "C"

import (
	"fmt"

	"github.com/awskeyd/awskeyd/store"
)

// Numbers of Security/SecBase.h and SecKeychain.h.
const (
	unlockStateStatus     = 1      // kSecUnlockStateStatus
	userCanceled          = -128   // errSecUserCanceled
	authFailed            = -25293 // errSecAuthFailed
	interactionNotAllowed = -25308 // errSecInteractionNotAllowed
)

func keychainLocked() (bool, error) {
	var status C.UInt32
	if err := C.awskeyd_keychain_status(&status); err != 0 {
		return false, withRemedy(store.ErrUnavailable, fmt.Sprintf("macOS does not tell the state of the keychain (%d)", int(err)), remedyLogin)
	}
	return status&unlockStateStatus == 0, nil
}

func unlockKeychain() error {
	switch err := int(C.awskeyd_keychain_unlock()); err {
	case 0:
		return nil
	case userCanceled, authFailed:
		return errDismissed
	case interactionNotAllowed:
		return withRemedy(store.ErrLocked, "no prompt can be shown here", "log in to the desktop, or type in a terminal: security unlock-keychain")
	default:
		return withRemedy(store.ErrLocked, fmt.Sprintf("macOS did not unlock the keychain (%d)", err), remedyLogin)
	}
}
