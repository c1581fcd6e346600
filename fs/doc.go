// Package fs is the tree that the kernel sees: go-fuse nodes and handles over
// a [cache.Cache]. No FTP is spoken or known here.
//
// A node holds identity, not data: its path is asked from go-fuse at the time
// of a call, its attributes come from its parent's listing. One function
// fills attributes ([tree.fill]), one turns errors into errnos ([toErrno]).
//
// The tree can only be read so far. Writing adds the node methods that
// create, change and remove, beside the ones in dir.go and file.go, and write
// and flush to the handle in file.go; the mount option "ro" is what keeps the
// kernel from asking for them today.
//
// Everything is called concurrently by go-fuse. node.mu is a leaf and never
// held while the cache is asked. Sizes and offsets are bytes.
package fs
