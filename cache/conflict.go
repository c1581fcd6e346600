package cache

import (
	"context"
	"errors"
	"fmt"
	"path"

	"ftpfs/ftpconn"
)

// ErrConflict says that a file on the server is not what a change was based on:
// somebody else changed it meanwhile. It answers to ftpconn.ErrChanged too.
var ErrConflict = fmt.Errorf("somebody else changed it meanwhile: %w", ftpconn.ErrChanged)

// OnConflict says what becomes of a change to a file that somebody else has
// changed too.
type OnConflict string

// In any case but ConflictOverwrite, the server's file stays as it is and what
// was written is kept beside it, under a name that tells so.
const (
	ConflictFail      OnConflict = "fail"      // and the writer gets ErrConflict
	ConflictKeepBoth  OnConflict = "keep-both" // and the writer succeeds
	ConflictOverwrite OnConflict = "overwrite" // what was written wins
)

// Valid says whether o is one of the constants.
func (o OnConflict) Valid() bool {
	return o == ConflictFail || o == ConflictKeepBoth || o == ConflictOverwrite
}

// errKeptBeside says that what was written has got a name of its own.
var errKeptBeside = errors.New("kept beside it")

// orBeside is what becomes of a change that can not be sent because of err: if
// that is a conflict, the content is sent to a name beside.
func (d *Draft) orBeside(ctx context.Context, full string, err error) error {
	if !errors.Is(err, ErrConflict) {
		return err
	}
	return d.beside(ctx, full, err, func(name string) error {
		if err := d.fill(ctx); err != nil {
			return err
		}
		_, err := d.upload(ctx, name, d.settled(nil))
		return err
	})
}

// beside keeps what was written under a name beside the file, which put gives
// it.
func (d *Draft) beside(ctx context.Context, full string, conflict error, put func(name string) error) error {
	c := d.c
	name := full + ".conflict-" + c.cfg.Now().Format("20060102-150405")
	if base := path.Base(name); len(base) > 255 {
		name = path.Join(path.Dir(full), base[len(base)-255:])
	}
	if err := put(name); err != nil {
		return fmt.Errorf("%w; and what was written could not be kept beside it: %w", conflict, err)
	}
	c.cfg.Logger.Warn("somebody else changed a file that was being written: both are kept", "path", ftpconn.Printable(full), "written", ftpconn.Printable(name))
	if e, err := c.remote.Stat(ctx, name, ftpconn.LaneMeta); err == nil {
		c.note(name, &e)
	}
	c.Forget(full)
	return fmt.Errorf("%w (%w: %s)", conflict, errKeptBeside, ftpconn.Printable(path.Base(name)))
}

// settledBeside ends a Draft whose content is on the server under another name.
// It goes on for those who have it open, without a name.
func (d *Draft) settledBeside(err error) error {
	c := d.c
	c.mu.Lock()
	c.displaceLocked(d)
	d.gone = true
	c.forgetLocked(path.Dir(d.path))
	c.mu.Unlock()
	d.mu.Lock()
	d.dirty, d.failed, d.ended = false, nil, err
	d.mu.Unlock()
	d.unrecord()
	if c.cfg.OnConflict == ConflictKeepBoth {
		return nil
	}
	return err
}
