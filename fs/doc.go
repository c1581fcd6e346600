// Package fs is the tree that the kernel sees: go-fuse nodes and handles over
// a [cache.Cache]. No FTP is spoken or known here.
//
// A node holds identity, not data: its path is asked from go-fuse at the time
// of a call, its attributes come from its parent's listing. One function
// fills attributes ([tree.fill]), one turns errors into errnos ([toErrno]).
//
// A file that is open to be written has a [cache.Draft], which all handles of
// it share; one that is only read has a [cache.File].
//
// Everything is called concurrently by go-fuse. node.mu is a leaf and never
// held while the cache is asked; handle.mu may be. Sizes and offsets are bytes.
package fs
