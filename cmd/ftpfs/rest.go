package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"ftpfs/cache"
	"ftpfs/cache/journal"
)

// journal opens the place for what is not on the server yet. A mount that can
// not write needs none.
func (s *settings) journal(logger *slog.Logger) (session *journal.Session, closeIt func(), err error) {
	if s.ReadOnly {
		return nil, func() {}, nil
	}
	store, err := journal.Open(s.StagingDir)
	if err != nil {
		return nil, nil, err
	}
	if session, err = store.Begin(s.PublicURL); err != nil {
		return nil, nil, err
	}
	return session, func() {
		if err := session.Close(); err != nil {
			logger.Warn("journal", "error", err)
		}
	}, nil
}

// restPatience is how long the server is waited for at the end of a mount
// without any file that arrives. What is left is sent by the next mount.
const restPatience = time.Minute

// sendRest sends what is not on the server when the mount has ended. A signal
// ends that.
func (a *app) sendRest(c *cache.Cache, signals <-chan os.Signal, logger *slog.Logger) {
	c.Leave()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_ = c.Flush(ctx) // what is left is logged below
	}()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	left, since := len(c.Pending()), time.Now()
wait:
	for {
		select {
		case <-sent:
			return
		case <-signals:
			break wait
		case <-look.C:
			c.Hurry()
			if n, moves := len(c.Pending()), c.Sending(); n < left || moves {
				left, since = n, time.Now()
			} else if time.Since(since) > restPatience {
				break wait
			}
		}
	}
	for _, name := range c.Pending() {
		logger.Warn("not on the server: it is sent by the next mount", "path", name)
	}
}
