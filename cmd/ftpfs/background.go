package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// backgroundVariable marks the process that serves a mount in the background.
// It gets its settings, the password among them, from a pipe, and reports by
// another one: nothing secret is in its arguments or its environment.
const backgroundVariable = "FTPFS_BACKGROUND"

const (
	settingsFd = 3
	reportFd   = 4
)

// report is what the serving process says when the mount works, or why not.
type report struct {
	Code   int
	Error  string
	Notice string // to be shown, though all is well
}

// startInBackground starts the serving process and waits for its report.
func (a *app) startInBackground(s *settings) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	settingsRead, settingsWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = settingsRead.Close(); _ = settingsWrite.Close() }()
	reportRead, reportWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = reportRead.Close(); _ = reportWrite.Close() }()
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "mount", s.PublicURL, s.Mountpoint)
	cmd.Dir = "/"
	cmd.Env = append(withoutPassword(os.Environ()), backgroundVariable+"=1")
	cmd.ExtraFiles = []*os.File{settingsRead, reportWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the background process: %w", err)
	}
	_ = settingsRead.Close()
	_ = reportWrite.Close()
	_, err = settingsWrite.Write(data)
	_ = settingsWrite.Close()
	if err != nil {
		return fmt.Errorf("background process: %w", err)
	}
	var r report
	if err := json.NewDecoder(reportRead).Decode(&r); err != nil {
		_ = cmd.Wait()
		return errors.New("the background process ended without a word; try again with -f")
	}
	if r.Code != exitOK {
		_ = cmd.Wait()
		return &exitError{code: r.Code, err: errors.New(r.Error)}
	}
	a.notify(r.Notice)
	return nil
}

// notify shows a line of warning.
func (a *app) notify(notice string) {
	if notice != "" {
		_, _ = fmt.Fprintln(a.stderr, "ftpfs:", notice)
	}
}

func withoutPassword(env []string) []string {
	var kept []string
	for _, e := range env {
		if len(e) < 15 || e[:15] != "FTPFS_PASSWORD=" {
			kept = append(kept, e)
		}
	}
	return kept
}

// serveInBackground is the serving process.
func (a *app) serveInBackground(ctx context.Context) error {
	in := os.NewFile(settingsFd, "settings")
	out := os.NewFile(reportFd, "report")
	if in == nil || out == nil {
		return errors.New(backgroundVariable + " is set by ftpfs itself only")
	}
	data, err := io.ReadAll(in)
	_ = in.Close()
	s := &settings{}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	syscall.CloseOnExec(reportFd)
	err = a.serve(ctx, s, func(notice string) {
		_ = json.NewEncoder(out).Encode(report{Notice: notice})
		_ = out.Close()
	})
	if err != nil {
		r := report{Code: exitFailure, Error: err.Error()}
		var e *exitError
		if errors.As(err, &e) {
			r.Code = e.code
		}
		_ = json.NewEncoder(out).Encode(r)
		return &exitError{code: r.Code}
	}
	return nil
}
