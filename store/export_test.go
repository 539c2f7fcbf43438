package store

// Sum is the checksum of an envelope, to make one of a format to come.
var Sum = sum
