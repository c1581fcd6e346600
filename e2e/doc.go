// Package e2e tests the program as users meet it: the built binary, real FTP
// servers, a mount, and ordinary tools that work on it. All that touches a
// mount is a process of its own.
package e2e
