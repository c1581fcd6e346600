package main

import (
	"strings"
	"unsafe"
)

// passwordIn finds the password of a URL among a program's arguments.
func passwordIn(arg string) (start, end int, ok bool) {
	from := 0
	if i := strings.Index(arg, "://"); i >= 0 {
		from = i + len("://")
	}
	authority, _, _ := strings.Cut(arg[from:], "/")
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return 0, 0, false
	}
	colon := strings.IndexByte(authority[:at], ':')
	if colon < 0 || colon+1 == at {
		return 0, 0, false
	}
	return from + colon + 1, from + at, true
}

// wipePassword overwrites the password in an element of os.Args, which other
// users of the machine can see. Nothing may hold a part of that string.
func wipePassword(arg string) {
	start, end, ok := passwordIn(arg)
	if !ok {
		return
	}
	memory := unsafe.Slice(unsafe.StringData(arg), len(arg))
	for i := start; i < end; i++ {
		memory[i] = '*'
	}
}
