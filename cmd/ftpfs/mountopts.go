package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// ignored are the options that mount(8) and /etc/fstab know, and that mean
// nothing to us or are always so.
var ignored = map[string]bool{
	"defaults": true, "auto": true, "noauto": true, "user": true, "nouser": true, "users": true,
	"owner": true, "group": true, "_netdev": true, "netdev": true, "nofail": true, "nodev": true, "nosuid": true,
	"exec": true, "async": true, "sync": true, "atime": true, "noatime": true, "diratime": true, "nodiratime": true,
	"relatime": true, "norelatime": true, "strictatime": true, "lazytime": true, "nolazytime": true, "nonempty": true,
}

// kernelOptions are handed on as they are.
var kernelOptions = map[string]bool{"noexec": true, "auto_unmount": true}

// applyMountOptions reads the argument of -o: a comma list of what mount(8)
// knows and of our long flags, with "_" or "-" in their names. A comma in a
// value is written "\,".
func applyMountOptions(list string, s *settings, flags *pflag.FlagSet) error {
	for _, option := range splitOptions(list) {
		key, value, hasValue := strings.Cut(option, "=")
		if key == "" || ignored[key] || strings.HasPrefix(key, "x-") || key == "comment" {
			continue
		}
		if key == "ro" || key == "rw" { // the last one counts, as for mount(8)
			s.ReadOnly = key == "ro"
			continue
		}
		if kernelOptions[key] {
			s.MountOptions = append(s.MountOptions, key)
			continue
		}
		if key == "dev" || key == "suid" {
			return fmt.Errorf("-o %s: devices and set-id programs of a server are never honoured", key)
		}
		flag := flags.Lookup(strings.ReplaceAll(key, "_", "-"))
		if flag == nil || flag.Name == "options" || flag.Name == "help" {
			return fmt.Errorf("-o %s: there is no such option; see ftpfs mount --help", clipText(key))
		}
		if !hasValue {
			if flag.NoOptDefVal == "" {
				return fmt.Errorf("-o %s: needs a value", key)
			}
			value = flag.NoOptDefVal
		}
		if err := flags.Set(flag.Name, value); err != nil {
			return fmt.Errorf("-o %s: %w", key, err)
		}
	}
	return nil
}

// splitOptions splits at commas that have no backslash before them.
func splitOptions(list string) []string {
	var options []string
	var b strings.Builder
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && i+1 < len(list) && (list[i+1] == ',' || list[i+1] == '\\'):
			i++
			b.WriteByte(list[i])
		case list[i] == ',':
			options = append(options, b.String())
			b.Reset()
		default:
			b.WriteByte(list[i])
		}
	}
	return append(options, b.String())
}

// fromMount8 turns the arguments with which mount(8) calls mount.ftpfs, "URL
// MOUNTPOINT [-sfnv] [-N namespace] [-t type] [-o options]", into ours.
func fromMount8(args []string) []string {
	var ours []string
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-o" && i+1 < len(args):
			i++
			ours = append(ours, "-o", args[i])
		case (arg == "-t" || arg == "-N") && i+1 < len(args):
			i++
		case len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "sfnvrw") == "":
			switch i := strings.LastIndexAny(arg, "rw"); {
			case i > 0 && arg[i] == 'r':
				ours = append(ours, "-o", "ro")
			case i > 0:
				ours = append(ours, "-o", "rw")
			}
		default:
			ours = append(ours, arg)
		}
	}
	return ours
}
