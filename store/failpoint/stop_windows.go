//go:build failpoints

package failpoint

func freeze() { panic(badRule + "stop is not on windows yet") }
