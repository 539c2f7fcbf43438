// Package failpoint names the instructions between which something durable
// happens, so that a test can end, freeze or fail the daemon right there.
//
// It acts only in programs built with the tag failpoints, and there only where
// the environment variable AWSKEYD_FAILPOINTS names a steering file. In any
// other build every function of it is empty and inlined away: not even the
// names of the points are in the program. It must never import anything of
// ours, since every room may call it, and its calls must never change what the
// code around them does.
//
// The steering file is read again at every point, and counting begins anew
// whenever it has changed. Each line is a rule:
//
//	POINT N kill          the process ends as by kill -9 at the Nth passing
//	POINT N stop          it is stopped as by kill -STOP
//	POINT N-M error TEXT  the point returns an error of that text, N to M
//
// Every passing is a line of the file beside it, with .passed to its name.
package failpoint
