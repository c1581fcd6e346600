package cache

import (
	"os"

	"ftpfs/cache/journal"
)

// staging is the place for content that is not on the server: a session of the
// journal, or nothing but unnamed files.
type staging struct{ session *journal.Session }

// item is a file there; *journal.Item is one that lasts.
type item interface {
	File() *os.File
	Save(journal.Record) error
	Clear() error
	Drop() error
	Lose(reason string) error
}

// Lasting says whether records outlive the process.
func (s staging) Lasting() bool { return s.session != nil }

func (s staging) Create() (item, error) {
	if s.session != nil {
		return s.session.Create()
	}
	f, err := os.CreateTemp("", "ftpfs-")
	if err != nil {
		return nil, err
	}
	return unnamed{f}, os.Remove(f.Name())
}

func (s staging) Recover() ([]*journal.Item, error) {
	if s.session == nil {
		return nil, nil
	}
	return s.session.Recover()
}

func (s staging) Temps() []string {
	if s.session == nil {
		return nil
	}
	return s.session.Temps()
}

func (s staging) AddTemp(name string) error {
	if s.session == nil {
		return nil
	}
	return s.session.AddTemp(name)
}

func (s staging) DropTemp(name string) {
	if s.session != nil {
		s.session.DropTemp(name)
	}
}

// unnamed is an item that is gone when it is closed.
type unnamed struct{ f *os.File }

func (u unnamed) File() *os.File            { return u.f }
func (u unnamed) Save(journal.Record) error { return nil }
func (u unnamed) Clear() error              { return nil }
func (u unnamed) Drop() error               { return u.f.Close() }
func (u unnamed) Lose(string) error         { return u.f.Close() }
