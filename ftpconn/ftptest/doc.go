// Package ftptest provides FTP servers for tests and for the demonstration:
// the shape of net/http/httptest, for FTP.
//
// Three things live here. Server is a complete server over an in-memory tree
// or a directory, built on github.com/fclairamb/ftpserverlib. Script is a
// small server of our own whose every reply and listing a test can replace,
// for what a well-behaved server cannot play. Proxy sits before any server,
// in this process or not, and injects faults.
//
// All of them listen on loopback only, at a port chosen by the kernel, record
// the commands that clients send, and are safe for concurrent use unless a
// method says otherwise. Close ends their goroutines and connections before
// it returns, so that a leak checker finds nothing of theirs afterwards.
//
// Durations are time.Duration, sizes and offsets are bytes, path names are
// slash-separated and absolute within the served tree. Names are bytes: they
// go over the wire as they stand in the string.
//
// No lock is held while waiting for the network. Log's lock is a leaf: it may
// be taken while any other lock of the package is held.
//
// The package must not import ftpconn, so that ftpconn's own tests can use it,
// and it does not import testing, because the demonstration is part of the
// program: see TB.
package ftptest
