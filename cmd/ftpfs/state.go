package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
)

// stateDir is where ftpfs keeps what has to outlive its processes.
func (a *app) stateDir() (string, error) {
	if dir := a.env("XDG_STATE_HOME"); filepath.IsAbs(dir) { // others are to be ignored, says the standard
		return filepath.Join(dir, "ftpfs"), nil
	}
	if os.Geteuid() == 0 {
		return "/var/lib/ftpfs", nil
	}
	if home := a.env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local/state/ftpfs"), nil
	}
	return "", errors.New("no place for what is not uploaded yet: neither HOME nor XDG_STATE_HOME is set; set one, or give --staging-dir")
}

// defaultStagingDir is where content waits for its upload, unless --staging-dir
// says otherwise.
func (a *app) defaultStagingDir() (string, error) {
	dir, err := a.stateDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "staging"), nil
}

// mountState is what other processes may want to know of a running mount: a
// file <state directory>/mounts/<pid>.json.
type mountState struct {
	Mountpoint exactText `json:"mountpoint"`
	URL        exactText `json:"url"` // without the password
	StagingDir exactText `json:"staging_dir"`
	Started    string    `json:"started"` // tells the process from a later one with its id

	PID int `json:"-"`
}

// noteMount tells others of this process's mount, until the function that it
// returns is called. A mount can do without: umount then looks for its uploads
// in the default staging directory.
func (a *app) noteMount(s *settings) (remove func(), err error) {
	dir, err := a.stateDir()
	if err != nil {
		return func() {}, err
	}
	dir = filepath.Join(dir, "mounts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return func() {}, err
	}
	started, _ := processStart(os.Getpid())
	data, err := json.Marshal(mountState{
		Mountpoint: exactText(s.Mountpoint), URL: exactText(s.PublicURL), StagingDir: exactText(s.StagingDir), Started: started,
	})
	if err != nil {
		return func() {}, err
	}
	name := filepath.Join(dir, strconv.Itoa(os.Getpid())+".json")
	if err := renameio.WriteFile(name, append(data, '\n'), 0o600, renameio.WithTempDir(dir)); err != nil {
		return func() {}, err
	}
	return func() { _ = os.Remove(name) }, nil // else it is found to be stale
}

// runningMounts are the mounts of this user that noteMount told of. What killed
// processes left is removed.
func (a *app) runningMounts() []mountState {
	dir, err := a.stateDir()
	if err != nil {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(globEscape(dir), "mounts", "*.json"))
	if err != nil {
		return nil
	}
	var all []mountState
	for _, name := range files {
		pid, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".json"))
		if err != nil {
			continue // not ours
		}
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has just ended
		}
		m := mountState{PID: pid}
		if err := json.Unmarshal(data, &m); err != nil {
			continue
		}
		if started, ok := processStart(pid); !ok || started != m.Started {
			_ = os.Remove(name)
			continue
		}
		all = append(all, m)
	}
	return all
}

// globEscape makes a name into a pattern that matches only it.
func globEscape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// processUser returns the effective user of a process; -1 if it is gone.
func processUser(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == "Uid:" {
			if uid, err := strconv.Atoi(fields[2]); err == nil {
				return uid
			}
		}
	}
	return -1
}

// processStart says when a process began, in ticks since the machine did; not
// ok if it is gone.
func processStart(pid int) (started string, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	// The name of the program, in parentheses, can hold anything.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	const state, start = 0, 19 // fields 3 and 22 of proc_pid_stat(5)
	if len(fields) <= start || fields[state] == "Z" || fields[state] == "X" {
		return "", false
	}
	return fields[start], true
}
